"""What a property means that is not set: in one place. ``test_rules`` has each rule's verdict on a resource that sets nothing,
``test_provider_names`` holds what rules take for absence against the provider's pages."""

from __future__ import annotations

from guardrails.defaults import ABSENCES
from tests.policies.reads import reads

UNSAID = ("", "none", "0", "false")


def test_what_absence_means_stands_in_one_place() -> None:
    """A rule that gives a default of its own where there is a fact would say nothing by it."""
    said_twice = {
        (type_, path, rule)
        for (type_, path), readers in reads().items()
        for rule, default in readers
        if path in ABSENCES.get(type_, {}) and default.lower() not in UNSAID
    }
    assert said_twice == set()


def test_every_fact_is_read_by_some_rule_and_has_a_source() -> None:
    by_property = {path for _, path in reads()}
    for type_, facts in ABSENCES.items():
        for path, fact in facts.items():
            assert path in by_property, (type_, path)
            assert len(fact.source) > 10, (type_, path)
