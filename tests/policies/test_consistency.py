"""What holds for all rules at once: the counts, the pages, the examples, the versions, the folder that publishes alone."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import yaml

from guardrails import examples
from guardrails.catalogue import TOPICS, rules
from guardrails.reference import page, write
from guardrails.remediation import REPAIRS
from guardrails.versions import VERSION
from tests.policies.examples import dumps
from tests.policies.fixtures import LOADER, PACK_ROOT, cases

DOCS = Path(__file__).parents[2] / "docs"
RULES = {rule.name: rule for rule in rules()}
CASES = list(cases())


def test_the_pack_has_the_rules_it_promises() -> None:
    assert len(RULES) >= 150
    assert sum(rule.between for rule in RULES.values()) >= 35


def test_the_pages_are_what_the_rules_say() -> None:
    """``make docs`` writes them."""
    written = {file.stem: file.read_text(encoding="utf-8") for file in (DOCS / "policies").glob("*.md")}
    assert sorted(written) == sorted(TOPICS)
    assert [topic for topic in TOPICS if written[topic] != page(topic)] == []


def test_the_examples_are_the_cases_that_prove_the_rules() -> None:
    """``make docs`` writes them."""
    assert examples.FILE.read_text(encoding="utf-8") == dumps()


def test_every_rule_shows_what_fails_and_what_passes() -> None:
    covered = {(case.rule, case.expected) for case in CASES}
    for name in RULES:
        example = examples.of(name)
        assert bool(example.bad) == ((name, "fail") in covered), name
        assert bool(example.good) == ((name, "pass") in covered), name
        for text in (example.bad, example.good):
            for made in (yaml.load(text, LOADER) or {}).get("resources", {}).values():
                assert re.fullmatch(r"[a-z]+:[A-Za-z0-9/.]+:\w+", made["type"]), (name, made["type"])


def test_pages_of_topics_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "gone.md").write_text("old", encoding="utf-8")
    write(tmp_path)
    assert {file.stem for file in (tmp_path / "policies").glob("*.md")} == set(TOPICS)
    assert (tmp_path / "policies.md").read_text(encoding="utf-8").startswith("# Policies\n")


def test_every_link_of_the_overview_leads_somewhere() -> None:
    """To a file, and there to a heading: on GitHub its anchor is the heading in lower case, with dashes for spaces."""
    for file in (DOCS / "policies.md", DOCS / "organisation.md", *(DOCS / "policies").glob("*.md")):
        for link, anchor in re.findall(r"\]\(([^)#:]+)#?([^)]*)\)", file.read_text(encoding="utf-8")):
            assert not anchor or anchor in anchors(file.parent / link), (file.name, link, anchor)


@cache
def anchors(file: Path) -> set[str]:
    return {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line[:1] == "#"
    }


def test_every_rule_is_documented_at_its_anchor() -> None:
    for rule in RULES.values():
        file, _, anchor = rule.page.partition("#")
        assert anchor in anchors(DOCS / file), rule.name


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert yaml.safe_load((PACK_ROOT / "PulumiPolicy.yaml").read_text(encoding="utf-8"))["version"] == VERSION


def test_every_repair_is_of_a_rule() -> None:
    assert set(REPAIRS) <= set(RULES)


def test_no_control_is_claimed_by_a_rule_twice() -> None:
    for rule in RULES.values():
        assert [one for one, count in Counter(rule.ids).items() if count > 1] == []


def test_the_pack_imports_nothing_but_what_it_requires() -> None:
    allowed = {"guardrails", "pulumi", "pulumi_policy", "google", *sys.stdlib_module_names}
    for file in PACK_ROOT.rglob("*.py"):
        if "venv" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
            assert {name.split(".")[0] for name in names} <= allowed, (file, names)


def test_the_folder_works_alone(tmp_path: Path) -> None:
    """A copy without the repository around it: as it is when it is published."""
    import shutil

    shutil.copytree(PACK_ROOT, tmp_path / "policies", ignore=shutil.ignore_patterns("__pycache__", "venv"))
    program = "import json; from guardrails.catalogue import rules; from guardrails.examples import examples; print(json.dumps([len(rules()), len(examples())]))"
    result = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'); {program}"],
        cwd=tmp_path / "policies",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)[0] == len(RULES)
