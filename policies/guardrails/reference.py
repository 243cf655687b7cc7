"""The table of all rules in Markdown: ``python -m guardrails.reference`` prints it for ``docs/policies.md``."""

from __future__ import annotations

from guardrails.catalogue import TOPICS, rules
from guardrails.rules import PRODUCTION, Rule

_STAGES = ("dev", PRODUCTION)


def table() -> str:
    """One heading for each topic, one row for each rule."""
    return "\n\n".join(_topic(topic) for topic in TOPICS) + "\n"


def _topic(topic: str) -> str:
    head = [
        f"### {topic.capitalize()}",
        "",
        "| rule | what it asks | severity | dev | prod | ids |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(rule) for rule in rules() if rule.topic == topic)])


def _row(rule: Rule) -> str:
    levels = [rule.level(stage).value if rule.applies(stage) else "–" for stage in _STAGES]
    name = f"`{rule.name}`" + (" ↔" if rule.between else "")
    ids = ", ".join(
        one.removeprefix("fsbp:").removeprefix("checkov:").replace("cis:v3.0.0/", "CIS ") for one in rule.ids
    )
    return (
        f"| {name} | {rule.title} | {rule.severity.value} | {' | '.join(levels)} | {ids.replace('securityhub:', '')} |"
    )


if __name__ == "__main__":
    print(table(), end="")
