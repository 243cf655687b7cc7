"""``python -m tests.policies.absence``: the verdict of each rule on a resource that sets nothing.

What is written is to be read before it is committed: a rule that passes where AWS would be open is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from guardrails.catalogue import rules
from guardrails.judgement import judge
from tests.policies.fixtures import build

FILE = Path(__file__).with_name("absence.yaml")


def verdicts() -> dict[str, Any]:
    """By rule; by type where its types differ."""
    found: dict[str, Any] = {}
    for rule in rules():
        by_type = {}
        for type_ in rule.reads:
            stack = build(type_, [{}])
            by_type[type_] = str(judge(rule, stack.resources[0], stack).verdict)
        alike = set(by_type.values())
        found[rule.name] = alike.pop() if len(alike) == 1 else dict(sorted(by_type.items()))
    return found


if __name__ == "__main__":
    header = "# The verdict of each rule on a resource that sets nothing; by type where its types differ.\n"
    FILE.write_text(header + yaml.safe_dump(verdicts(), sort_keys=True), encoding="utf-8")
