"""Every id that the pack means to answer is answered by a rule, or there is a reason why not; no rule makes one up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundwork.settings.data_file import read_data
from guardrails import kinds
from guardrails.catalogue import rules

COVERAGE: dict[str, Any] = read_data(Path(kinds.__file__).with_name("coverage.yaml"))
CARRIED = {one for rule in rules() for one in rule.ids}
REASONS = {one: entry["reason"] for entry in COVERAGE["not_covered"] for one in entry["ids"]}


def ids(section: str, prefix: str, join: str) -> Iterator[str]:
    for group, numbers in COVERAGE[section].items():
        yield from (f"{prefix}:{group}{join}{number}" for number in numbers)


WANTED = {*ids("fsbp", "fsbp", "."), *ids("checkov", "checkov", "_")}
KNOWN = {
    *WANTED,
    *ids("fsbp_runtime", "fsbp", "."),
    *ids("checkov_other", "checkov", "_"),
    *ids("checkov_kubernetes", "checkov", "_"),
    *ids("securityhub", "securityhub", "."),
    *ids("cis", "cis", "/"),
}


def test_an_id_is_on_a_rule_or_among_the_reasons_and_never_both() -> None:
    assert WANTED - CARRIED - set(REASONS) == set()
    assert CARRIED & set(REASONS) == set()


def test_every_reason_is_about_a_wanted_id_and_says_something() -> None:
    assert set(REASONS) <= WANTED
    assert all(len(reason) > 20 for reason in REASONS.values())


def test_no_rule_carries_an_id_that_does_not_exist() -> None:
    assert set() == CARRIED - KNOWN


def test_the_pack_has_the_rules_that_it_promises() -> None:
    assert len(rules()) >= 150
    assert sum(rule.between for rule in rules()) >= 35
    assert len({rule.topic for rule in rules()}) >= 20


def test_ids_of_a_list_stand_there_once() -> None:
    for section in ("fsbp", "fsbp_runtime", "checkov", "checkov_other", "checkov_kubernetes", "securityhub", "cis"):
        for numbers in COVERAGE[section].values():
            assert len(set(numbers)) == len(numbers)
