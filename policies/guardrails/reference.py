"""The documentation of all rules in Markdown, made of the rules: ``python -m guardrails.reference DOCS`` writes it.

``DOCS/policies.md`` gets the table below its heading "All rules", and ``DOCS/policies/`` a page for each topic.
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
    """Return one heading for each topic, one row for each rule."""
    return "\n\n".join(_topic(topic) for topic in TOPICS) + "\n"


def page(topic: str) -> str:
    """Return the page of one topic: a heading for each rule, which is its anchor."""
    mine = [rule for rule in rules() if rule.topic == topic]
    lines = [f"# {heading(topic)}", "", f"{len(mine)} of [all rules](../policies.md#all-rules).", ""]
    return "\n".join([*lines, *(line for rule in mine for line in _section(rule))]).rstrip("\n") + "\n"


def write(docs: Path) -> None:
    """Write everything, and remove the pages of topics that are gone."""
    folder = docs / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    overview = docs / "policies.md"
    text = overview.read_text(encoding="utf-8") if overview.is_file() else f"# Policies\n\n{HEADING}\n### \n"
    start = text.index("\n### ", text.index(HEADING)) + 1
    overview.write_text(text[:start] + table(), encoding="utf-8")
    pages = {f"{topic}.md": page(topic) for topic in TOPICS}
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
    name = f"[`{rule.name}`]({rule.page})" + (" ↔" if rule.between else "")
    ids = ", ".join(
        one.removeprefix("fsbp:").removeprefix("checkov:").replace("cis:v3.0.0/", "CIS ") for one in rule.ids
    )
    return (
        f"| {name} | {rule.title} | {rule.severity.value} | {' | '.join(_levels(rule))} "
        f"| {ids.replace('securityhub:', '')} |"
    )


def _levels(rule: Rule) -> list[str]:
    return [rule.level(stage).value if rule.applies(stage) else "–" for stage in _STAGES]


def _section(rule: Rule) -> Iterator[str]:
    levels = ", ".join(
        f"{level} in {stage}" for stage, level in zip(_STAGES, _levels(rule), strict=True) if level != "–"
    )
    judges = "each resource with those around it" if rule.between else "each resource alone"
    yield from (f"## {rule.name}", "", f"{rule.title}.", "")
    yield from (f"- **Severity:** {rule.severity.value}; {levels}; judges {judges}", f"- **Why:** {rule.why}")
    yield f"- **Fix:** {rule.fix}"
    if rule.name in REPAIRS:
        yield "- **Repair:** at level `remediate` the pack makes it by itself, during preview and update"
    yield f"- **Reads:** {', '.join(f'`{type_}`' for type_ in rule.reads)}"
    if rule.ids:
        yield f"- **Answers:** {', '.join(map(_control, rule.ids))}"
    yield ""
    if rule.settings:
        yield from ("| setting | what it is | default | allowed |", "|---|---|---|---|")
        for one in rule.settings:
            yield f"| `{one.name}` | {one.about} | `{json.dumps(one.default)}` | {allowed(one.schema).replace('|', chr(92) + '|')} |"
        example = {rule.name: {"enforcementLevel": "mandatory", **{one.name: one.default for one in rule.settings}}}
        yield from ("", "```json", json.dumps(example), "```", "")
    yield from _examples(rule)


def _control(id_: str) -> str:
    kind, _, rest = id_.partition(":")
    return f"{_NAMES.get(kind, kind)} {rest.replace('/', ' ')}"


def _examples(rule: Rule) -> Iterator[str]:
    """Yield what fails and what passes, as two documents of Pulumi YAML in which values that do not matter are left
    out."""
    example = examples.of(rule.name)
    shown = [
        f"# {title}\n{text.rstrip()}" for title, text in (("fails", example.bad), ("passes", example.good)) if text
    ]
    if shown:
        if example.settings:
            yield from (f"With `{rule.name}` set to `{example.settings}`:", "")
        yield from ("```yaml", "\n---\n".join(shown), "```", "")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
