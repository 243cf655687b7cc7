"""What README and docs say that a command could prove: commands, targets, files, settings, outputs, rules and counts."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.cli.arguments import Command, Commands, option_names
from groundwork.cli.main import app
from groundwork.components.settings import LAYERS, Settings
from guardrails.catalogue import rules
from tests.components.test_existing import EXTERNAL, FOREIGN, IDS, built, edged
from tests.stacks import ROOT, STACKS, snapshot_of
from tests.writing import mistakes_in

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "policies/README.md")),
        *(page for page in ROOT.glob("docs/**/*.md") if page.parent.name != "policies" and page.name != "settings.md"),
        *ROOT.glob("examples/*/README.md"),
    ]
)
"""All that people wrote; the others are generated, and checked where that is done."""


@cache
def parts_of(page: Path) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """The lines of prose with their places, and the fenced blocks with place, language and content."""
    prose: list[tuple[str, str]] = []
    blocks: list[tuple[str, str, str]] = []
    inside: list[str] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        place = f"{page.relative_to(ROOT)}:{number}"
        if line.strip().startswith("```"):
            if inside is None:
                inside, begun, language = [], place, line.strip().removeprefix("```")
            else:
                blocks.append((begun, language, textwrap.dedent("\n".join(inside)) + "\n"))
                inside = None
        elif inside is None:
            prose.append((place, line))
        else:
            inside.append(line)
    return prose, blocks


def quoted() -> Iterator[tuple[str, str]]:
    """Place and content of everything in backticks."""
    for page in PAGES:
        for place, line in parts_of(page)[0]:
            yield from ((place, text) for text in re.findall(r"`([^`]+)`", line))


def fenced(*languages: str) -> Iterator[tuple[str, str]]:
    """Place and content of every block in one of the languages; a block that names none is one in ``""``."""
    for page in PAGES:
        yield from ((place, text) for place, language, text in parts_of(page)[1] if language in languages)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Place and words of every command line that a page shows, without what follows in the shell."""
    blocks = fenced("", "bash", "sh", "console")
    shown = [*quoted(), *((place, line) for place, block in blocks for line in block.splitlines())]
    for place, line in shown:
        plain = re.split(r"\s#|[|;>]|&&|…", line.strip().removeprefix("$ "))[0].strip()
        try:
            words = shlex.split(plain)
        except ValueError:
            continue
        if words:
            yield place, words


def test_every_groundwork_command_and_option_exists() -> None:
    wrong = []
    for place, words in commands():
        if words[0].endswith("groundwork") and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
            command: Command | Commands = app
            for word in words[1:]:
                inner = command.members if isinstance(command, Commands) else {}
                if word.startswith("--"):
                    known = word.split("=")[0] in option_names(command)
                    wrong += [] if known else [f"{place}: {' '.join(words)}: no {word}"]
                elif inner:
                    wrong += [f"{place}: {' '.join(words)}: no {word}"] if word not in inner else []
                    command = inner.get(word, command)
    assert wrong == []


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = [
        f"{place}: make {word}"
        for place, words in commands()
        if words[0] == "make"
        for word in words[1:]
        if re.fullmatch(r"[a-z-]+", word) and word not in targets
    ]
    assert wrong == []


def test_every_module_that_is_run_exists() -> None:
    wrong = [
        f"{place}: {words[2]}"
        for place, words in commands()
        if words[0].endswith("python")
        and words[1:2] == ["-m"]
        and not any(
            (ROOT / root / (words[2].replace(".", "/") + end)).is_file()
            for root in (".", "policies")
            for end in (".py", "/__main__.py", "/__init__.py")
        )
        and words[2] not in ("pip", "venv", "pytest", "http.server")
    ]
    assert wrong == []


NAMES = {stack.partition("@")[0] for stack in STACKS}

TO_ADD = ("functions/rotate_database/rds.pem",)
"""What a page asks its reader to put there."""

FOLDERS = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))


def test_every_file_of_the_repository_that_a_page_names_exists() -> None:
    generated = ROOT / "docs" / "settings.md"
    settings = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", generated.read_text(encoding="utf-8"))
    wrong = [
        f"{place}: {text}"
        for place, text in (*quoted(), *(("docs/settings.md", text) for text in settings))
        if text.startswith((*FOLDERS, "cli/", "operations/", "preview/", "settings/"))
        and re.fullmatch(r"[\w./*-]+", text)
        and not text.startswith(("build/", "out/", *TO_ADD))
        and text not in NAMES
        # A page of an example or of a component may mean a file beside it.
        and not list(ROOT.glob(text.rstrip("/")))
        and not list((ROOT / place.partition(":")[0]).parent.glob(text.rstrip("/")))
    ]
    assert wrong == []


@cache
def whole_schema() -> dict[str, Any]:
    return Settings.model_json_schema()


def is_setting(path: list[str], schema: dict[str, Any] | None = None) -> bool:
    """Whether the models have a place for ``path``; what an entry is called is free."""
    schema = schema or whole_schema()
    if "$ref" in schema:
        schema = whole_schema()["$defs"][str(schema["$ref"]).rpartition("/")[2]]
    if not path:
        return True
    own, free = schema.get("properties", {}), schema.get("additionalProperties")
    below = [own[path[0]]] if path[0] in own else [free] if isinstance(free, dict) else []
    return any(is_setting(path[1:], one) for one in below) or any(
        is_setting(path, one) for one in schema.get("anyOf", [])
    )


OUTPUTS = {"search.masterRole"}
"""Registered by a component, and written as settings are."""


def test_every_setting_that_a_page_names_exists() -> None:
    dotted = re.compile(rf"(?:groundwork:)?((?:{'|'.join(LAYERS)})(?:\.[A-Za-z_*-][\w*-]*)+)")
    wrong = [
        f"{place}: {text}"
        for place, text in quoted()
        if (match := dotted.fullmatch(text))
        and not text.endswith(".py")
        and text not in OUTPUTS
        and not is_setting(match[1].split("."))
    ]
    assert wrong == []


def test_every_output_that_a_page_asks_for_is_one_of_a_stack() -> None:
    there = {name for stack in STACKS for name in snapshot_of(stack).outputs}
    there |= {name for snapshot in (edged(EXTERNAL), built(IDS, **FOREIGN)) for name in snapshot.outputs}
    wrong = [
        f"{place}: {words[3]}"
        for place, words in commands()
        if words[:3] == ["pulumi", "stack", "output"]
        and len(words) > 3
        and not words[3].startswith("-")
        and words[3] not in there
    ]
    assert wrong == []


def test_every_rule_that_a_page_excepts_or_explains_exists() -> None:
    names = {rule.name for rule in rules()}
    said = [
        *((place, rule) for place, block in fenced("yaml", "") for rule in re.findall(r"\brule: ([a-z0-9-]+)", block)),
        *((place, words[3]) for place, words in commands() if words[1:3] == ["policies", "explain"] and len(words) > 3),
    ]
    assert [f"{place}: {rule}" for place, rule in said if rule not in names and rule.islower()] == []
    assert said


SNIPPETS = {
    place: block
    for place, block in fenced("yaml")
    # What declares resources is a program of Pulumi's, not a stack file.
    if "groundwork:" in block and "…" not in block and "resources:" not in block
}


@pytest.mark.parametrize("place", SNIPPETS)
def test_what_a_page_shows_of_a_stack_file_is_taken_by_its_models(place: str, tmp_path: Path) -> None:
    """Whether layers agree with one another is a matter of the whole file, of which a page shows a part."""
    block = yaml.safe_load(SNIPPETS[place])
    config = block.get("config", block)
    text = "\n".join(
        f"{key}: {yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix('...').strip().removesuffix('...')}"
        for key, value in config.items()
    )
    slips = re.compile(r"unknown key|unknown layer|is not allowed|is not a |is too |needs its namespace")
    assert [message for message in mistakes_in(tmp_path, text) if slips.search(message)] == []


def test_the_counts_of_rules_are_so() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    most, between = (
        int(number)
        for number in re.findall(
            r"More than (\d+) \[rules\]\(docs/policies.md\), over (\d+) of them between resources", readme
        )[0]
    )
    assert most < len(rules()) < most + 30
    assert between < sum(rule.between for rule in rules()) < between + 30


def test_there_is_much_to_look_at() -> None:
    """A pattern that finds nothing would prove nothing."""
    assert len(list(commands())) > 300
    assert len(SNIPPETS) > 25
    assert len([text for _, text in quoted() if text.startswith(FOLDERS)]) > 40


def test_every_room_has_a_row_in_the_architecture() -> None:
    # Layers' rooms and functions' are named as stack files name them.
    rooms = [
        folder for room in ("", "operations", "preview") for folder in sorted((ROOT / "groundwork" / room).iterdir())
    ]
    named = [f"{room.relative_to(ROOT)}/" for room in rooms if room.is_dir() and next(room.glob("*.py"), None)]
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Where a change goes")[2]
    assert [room for room in named if room not in table] == []
