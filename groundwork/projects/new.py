"""Begin a Pulumi project of somebody's own: files from a template, stack files from a few answers."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from groundwork.components.compute.settings import Engine
from groundwork.pack import FOLDER
from groundwork.settings import schema
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistake, Mistakes, dotted

_TEMPLATE = Path(__file__).with_name("template")
_DOTTED = {"gitignore": ".gitignore"}
"""Named so in a project; under that name here git would follow it."""

SCHEMA = "groundwork.schema.json"
PACK = "policies"
REQUIREMENTS = "requirements.txt"

PARTS: dict[str, tuple[str, str]] = {
    "database": ("database", "connect"),
    "cache": ("cache", "connect"),
    "bucket": ("files", "read-write"),
}
"""What a project may begin with → the name that ``uses`` calls it by, and the level."""


@dataclass(frozen=True)
class Answers:
    """What a project begins with."""

    name: str
    owner: str
    region: str = "us-east-1"
    engine: Engine = "fargate"
    port: int = 8080
    """Where the one service ``web`` listens."""
    parts: tuple[str, ...] = ("database",)
    """Of :data:`PARTS`."""
    domain: str = ""
    """Of prod; unsaid, a name below example.com to be replaced: without one CloudFront's own name allows TLS 1.0."""
    email: str = ""
    """Whom prod's alarms tell; unsaid, an address at example.com to be replaced."""


class NotEmptyError(Exception):
    """A folder holds files that a new project would overwrite: their names, sorted."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def write_project(folder: Path, answers: Answers, requirement: str) -> list[str]:
    """Write a project and return the names of its files, sorted; nothing is written unless all of it is in order.

    ``requirement`` is the line that installs Groundwork. Raises :class:`Mistakes` for answers that no stack file may hold, in their
    own words, :class:`NotEmptyError` where a file would be overwritten, and OSError where the folder cannot be written.
    """
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary, "project")
        _fill(made, answers, requirement)
        _check(made, answers)
        names = sorted(file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file())
        taken = [name for name in names if (folder / name).exists()]
        if taken:
            raise NotEmptyError(taken)
        shutil.copytree(made, folder, dirs_exist_ok=True)
    return names


def copy_pack(project: Path) -> None:
    """Put the guardrails into a project, in place of those that it has."""
    target = project / PACK
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns("__pycache__"))


def write_schema(project: Path) -> None:
    """Write what editors complete stack files with."""
    (project / SCHEMA).write_text(schema.dumps(), encoding="utf-8")


def _fill(project: Path, answers: Answers, requirement: str) -> None:
    for source in sorted(file for file in _TEMPLATE.rglob("*") if file.is_file() and "__pycache__" not in file.parts):
        name = source.relative_to(_TEMPLATE).as_posix()
        target = project / _DOTTED.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        template = Template(source.read_text(encoding="utf-8"))
        target.write_text(template.substitute(name=answers.name, requirement=requirement), encoding="utf-8")
    for stack, text in _stack_files(answers):
        (project / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")
    copy_pack(project)
    write_schema(project)


def _stack_files(answers: Answers) -> Iterator[tuple[str, str]]:
    yield "dev", _stack_file(answers, _layers(answers, "dev", "mvp"), "As its developers run it.")
    layers = _layers(answers, "prod", "launch")
    domain = answers.domain or f"{answers.name}.example.com"
    emails = {"emails": [answers.email or f"{answers.name}-alarms@example.com"]}
    layers["platform"]["domain"] = domain
    layers["edge"] = {"zone": {"delegated": True}}
    layers["observability"] = {"alerts": {"page": emails, "notice": dict(emails)}}
    said = [word for word, given in (("domain", answers.domain), ("e-mail address", answers.email)) if not given]
    yours = f" Put your own {' and '.join(said)} in." if said else ""
    yield "prod", _stack_file(answers, layers, f"As its users know it.{yours}")


def _stack_file(answers: Answers, layers: dict[str, Any], about: str) -> str:
    lines = [f"# yaml-language-server: $schema={SCHEMA}", f"# {about}", "config:", f"  aws:region: {answers.region}"]
    for layer, value in layers.items():
        if layer == "edge":
            lines.append('  # Leave it out until the registrar names the zone\'s name servers (README, "A domain").')
        if not value:
            lines.append(f"  groundwork:{layer}: {json.dumps(value)}")
            continue
        shown = yaml.safe_dump(value, default_flow_style=None, sort_keys=False, width=100).rstrip().splitlines()
        lines += [f"  groundwork:{layer}:", *(f"    {line}" for line in shown)]
    return "\n".join(lines) + "\n"


def _layers(answers: Answers, stage: str, phase: str) -> dict[str, Any]:
    platform = {"name": answers.name, "stage": stage, "phase": phase, "owner": answers.owner}
    layers: dict[str, Any] = {"platform": platform}
    if answers.engine != "fargate":
        layers["compute"] = {"engine": answers.engine}
    uses = dict(PARTS[part] for part in answers.parts)
    layers["services"] = {"web": {"port": answers.port, "path": "/*", **({"uses": uses} if uses else {})}}
    # Every phase brings a database; a stack that goes without says so.
    if "database" not in answers.parts:
        layers["data"] = None
    if "cache" in answers.parts:
        layers["cache"] = {}
    if "bucket" in answers.parts:
        layers["storage"] = {PARTS["bucket"][0]: {"purpose": "media"}}
    return layers


_ASKED = {
    ("aws:region",): "--region",
    ("platform", "name"): "--name",
    ("platform", "owner"): "--owner",
    ("platform", "domain"): "--domain",
    ("observability", "alerts", "page", "emails", "0"): "--email",
    ("compute", "engine"): "--engine",
    ("services", "web", "port"): "--port",
}


def _check(project: Path, answers: Answers) -> None:
    """Raise :class:`Mistakes` that name the answer to change, for stack files that hold what they may not."""
    found: dict[str, Mistake] = {}
    for stack in ("dev", "prod"):
        try:
            load_stack(find_stack(stack, project))
        except Mistakes as mistakes:
            for mistake in mistakes.mistakes:
                said = _ASKED.get(tuple(map(str, mistake.path)), dotted(mistake.path))
                found.setdefault(f"{said} {mistake.message}", Mistake((), f"{said}: {mistake.message}"))
    if found:
        raise Mistakes(list(found.values()))
