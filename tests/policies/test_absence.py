"""What a property means that is not set: for each rule. ``test_provider_names`` holds it against the provider's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from guardrails.catalogue import rules
from guardrails.defaults import FACTS
from guardrails.judgement import judge
from tests.policies.fixtures import LOADER, build
from tests.policies.reads import reads

RULES = {rule.name: rule for rule in rules()}
EXPECTED: dict[str, Any] = yaml.load(Path(__file__).with_name("absence.yaml").read_text(encoding="utf-8"), LOADER)
UNSAID = ("", "none", "0", "false")


def test_every_rule_has_a_verdict_on_a_resource_that_sets_nothing() -> None:
    """``python -m tests.policies.test_absence`` writes the file; a difference is to be read, not taken over."""
    assert verdicts() == EXPECTED
    assert set(EXPECTED) == set(RULES)


def verdicts() -> dict[str, Any]:
    """By rule; by type where its types differ."""
    found: dict[str, Any] = {}
    for rule in RULES.values():
        by_type = {}
        for type_ in rule.reads:
            stack = build(type_, [{}])
            by_type[type_] = str(judge(rule, stack.resources[0], stack).verdict)
        alike = set(by_type.values())
        found[rule.name] = alike.pop() if len(alike) == 1 else dict(sorted(by_type.items()))
    return found


def test_what_absence_means_stands_in_one_place() -> None:
    """A rule that gives a default of its own where there is a fact would say nothing by it."""
    said_twice = {
        (type_, path, rule)
        for (type_, path), readers in reads().items()
        for rule, default in readers
        if path in FACTS.get(type_, {}) and default.lower() not in UNSAID
    }
    assert said_twice == set()


def test_every_fact_is_read_by_some_rule_and_has_a_source() -> None:
    by_property = {path for _, path in reads()}
    for type_, facts in FACTS.items():
        for path, fact in facts.items():
            assert path in by_property, (type_, path)
            assert len(fact.source) > 10, (type_, path)


if __name__ == "__main__":
    header = "# The verdict of each rule on a resource that sets nothing; by type where its types differ.\n"
    file = Path(__file__).with_name("absence.yaml")
    file.write_text(header + yaml.safe_dump(verdicts(), sort_keys=True), encoding="utf-8")
