"""The documentation of all rules in Markdown, made of the rules: ``python -m guardrails.reference DOCS`` writes it.

``DOCS/policies.md`` gets the table below its heading "All rules", and ``DOCS/policies/`` a page for each rule.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from guardrails import examples
from guardrails.catalogue import TOPICS, heading, rules
from guardrails.remediation import REPAIRS
from guardrails.rules import PRODUCTION, Rule
from guardrails.settings import allowed

HEADING = "## All rules\n"
_STAGES = ("dev", PRODUCTION)
_NAMES = {"fsbp": "AWS FSBP", "securityhub": "Security Hub", "checkov": "Checkov", "cis": "CIS AWS Foundations"}


def table() -> str:
    """One heading for each topic, one row for each rule."""
    return "\n\n".join(_topic(topic) for topic in TOPICS) + "\n"


def page(rule: Rule) -> str:
    """The page of one rule."""
    return "\n".join(_page(rule)) + "\n"


def write(docs: Path) -> None:
    """Write everything, and remove the pages of rules that are gone."""
    folder = docs / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    overview = docs / "policies.md"
    text = overview.read_text(encoding="utf-8") if overview.is_file() else f"# Policies\n\n{HEADING}\n### \n"
    start = text.index("\n### ", text.index(HEADING)) + 1
    overview.write_text(text[:start] + table(), encoding="utf-8")
    pages = {f"{rule.name}.md": page(rule) for rule in rules()}
    for file in folder.glob("*.md"):
        if file.name not in pages:
            file.unlink()
    for name, content in pages.items():
        (folder / name).write_text(content, encoding="utf-8")


def _topic(topic: str) -> str:
    head = [
        f"### {heading(topic)}",
        "",
        "| rule | what it asks | severity | dev | prod | ids |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(rule) for rule in rules() if rule.topic == topic)])


def _row(rule: Rule) -> str:
    name = f"[`{rule.name}`](policies/{rule.name}.md)" + (" ↔" if rule.between else "")
    ids = ", ".join(
        one.removeprefix("fsbp:").removeprefix("checkov:").replace("cis:v3.0.0/", "CIS ") for one in rule.ids
    )
    return (
        f"| {name} | {rule.title} | {rule.severity.value} | {' | '.join(_levels(rule))} "
        f"| {ids.replace('securityhub:', '')} |"
    )


def _levels(rule: Rule) -> list[str]:
    return [rule.level(stage).value if rule.applies(stage) else "–" for stage in _STAGES]


def _page(rule: Rule) -> Iterator[str]:
    dev, prod = _levels(rule)
    yield from (f"# {rule.name}", "", f"{rule.title}.", "")
    yield from ("| severity | dev | prod | topic | judges |", "|---|---|---|---|---|")
    judges = "each resource with those around it" if rule.between else "each resource alone"
    yield from (f"| {rule.severity.value} | {dev} | {prod} | {rule.topic} | {judges} |", "")
    yield from ("## Why", "", rule.why, "", "## Fix", "", rule.fix, "")
    if rule.name in REPAIRS:
        yield from ("At level `remediate` the pack makes this repair by itself, during preview and update.", "")
    yield from _examples(rule)
    if rule.settings:
        yield from ("## Settings", "", "| setting | what it is | default | allowed |", "|---|---|---|---|")
        for one in rule.settings:
            yield f"| `{one.name}` | {one.about} | `{json.dumps(one.default)}` | {allowed(one.schema).replace('|', chr(92) + '|')} |"
        example = {rule.name: {"enforcementLevel": "mandatory", **{one.name: one.default for one in rule.settings}}}
        yield from ("", "```json", json.dumps(example), "```", "")
    yield from ("## Reads", "", ", ".join(f"`{type_}`" for type_ in rule.reads), "")
    if rule.ids:
        yield from (
            "## Controls",
            "",
            *(f"- {_NAMES.get(kind, kind)} {id_}" for kind, id_ in map(_split, rule.ids)),
            "",
        )
    yield "[All rules](../policies.md#all-rules)"


def _split(id_: str) -> tuple[str, str]:
    kind, _, rest = id_.partition(":")
    return kind, rest.replace("/", " ")


def _examples(rule: Rule) -> Iterator[str]:
    example = examples.of(rule.name)
    shown = [(title, text) for title, text in (("Fails", example.bad), ("Passes", example.good)) if text]
    if shown:
        told = "Both are run as tests." if len(shown) > 1 else "It is run as a test."
        chosen = f", with `{rule.name}` set to `{example.settings}`" if example.settings else ""
        yield from (
            "## Example",
            "",
            f"In Pulumi YAML{chosen}; values that do not matter here are left out. {told}",
            "",
        )
    for title, text in shown:
        yield from (f"{title}:", "", "```yaml", text.rstrip("\n"), "```", "")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
