"""Exceptions: what makes one valid, and that everything else fails closed."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import Finding, Level, Verdict, judge
from guardrails.exemptions import EXPIRED, INVALID, UNMATCHED, read
from guardrails.view import Opaque

TODAY = datetime.date(2026, 3, 1)
QUEUE = "urn:pulumi:prod::shop::groundwork:messaging:Queues$aws:sqs/queue:Queue::orders"
VALID = {
    "rule": "sqs-encrypted",
    "resource": "orders",
    "reason": "Carries public data only",
    "owner": "messaging",
    "expires": "2026-06-30",
}
RULES = {"sqs-encrypted", "sqs-customer-key"}


def entry(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**VALID, **changes}.items() if value is not None}


def stack(*exceptions: Any, stage: str = "prod", **inputs: Any) -> Snapshot:
    queue = Resource(
        urn=QUEUE,
        type="aws:sqs/queue:Queue",
        name="orders",
        custom=True,
        parent=None,
        inputs={"sqsManagedSseEnabled": False, **inputs},
        outputs={},
    )
    return Snapshot(
        project="shop",
        stack=stage,
        region="eu-west-1",
        unknowns=False,
        settings={"platform": {"stage": stage}, "exceptions": list(exceptions)},
        resources=(queue,),
        outputs={},
    )


def findings(snapshot: Snapshot, rule: str = "sqs-encrypted") -> list[Finding]:
    return [finding for finding in judge(snapshot, TODAY).findings if finding.rule.name == rule]


def test_an_unencrypted_queue_is_named() -> None:
    (finding,) = findings(stack())
    assert (finding.resource.urn, finding.verdict, finding.blocks) == (QUEUE, Verdict.FAIL, True)


def test_an_excepted_finding_stays_visible_with_its_reason_and_end() -> None:
    (finding,) = findings(stack(entry()))
    assert (finding.verdict, finding.blocks) == (Verdict.EXCEPTED, False)
    assert finding.exception
    assert finding.exception.reason == "Carries public data only"
    assert finding.exception.expires == datetime.date(2026, 6, 30)


@pytest.mark.parametrize("resource", [QUEUE, "ord*", "order?", "*orders"])
def test_an_exception_names_a_urn_or_a_pattern_of_logical_names(resource: str) -> None:
    assert findings(stack(entry(resource=resource)))[0].verdict is Verdict.EXCEPTED


@pytest.mark.parametrize("resource", ["payments", QUEUE + "2", "ORDERS"])
def test_an_exception_for_another_resource_does_not_apply_and_is_shown_as_unmatched(resource: str) -> None:
    snapshot = stack(entry(resource=resource))
    assert findings(snapshot)[0].verdict is Verdict.FAIL
    (finding,) = findings(snapshot, UNMATCHED.name)
    assert finding.level is Level.ADVISORY


def test_an_exception_applies_through_its_last_day() -> None:
    assert findings(stack(entry(expires="2026-03-01")))[0].verdict is Verdict.EXCEPTED


def test_an_expired_exception_does_not_apply_and_is_itself_a_finding() -> None:
    snapshot = stack(entry(expires="2026-02-28"))
    assert findings(snapshot)[0].verdict is Verdict.FAIL
    (finding,) = findings(snapshot, EXPIRED.name)
    assert finding.blocks
    assert "2026-02-28" in finding.message
    assert not findings(snapshot, UNMATCHED.name)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reason": None}, "reason is missing"),
        ({"owner": "  "}, "owner is missing"),
        ({"rule": "sqs-encrypt"}, "there is no rule 'sqs-encrypt'"),
        ({"resource": "*"}, "would match everything"),
        ({"expires": "next year"}, "expires must be a date"),
        ({"expires": None}, "expires must be a date"),
        ({"expires": "2027-03-03"}, "more than a year ahead"),
        ({"ticket": "OPS-1"}, "unknown key 'ticket'"),
    ],
)
def test_a_malformed_exception_does_not_apply_and_is_itself_a_finding(changes: dict[str, Any], complaint: str) -> None:
    snapshot = stack(entry(**changes))
    assert findings(snapshot)[0].verdict is Verdict.FAIL
    (finding,) = findings(snapshot, INVALID.name)
    assert finding.blocks
    assert complaint in finding.message
    assert finding.resource.name == "exceptions[0]"


@pytest.mark.parametrize("entries", ["none", {"rule": "sqs-encrypted"}, 7, ["sqs-encrypted"], [None], [[]]])
def test_nothing_that_a_stack_file_can_hold_raises(entries: Any) -> None:
    assert not read(entries, TODAY, RULES).valid
    assert read(entries, TODAY, RULES).problems


def test_an_absent_list_is_no_problem() -> None:
    assert read(None, TODAY, RULES) == read([], TODAY, RULES)


def test_a_date_that_yaml_has_already_read_is_a_date() -> None:
    assert read([entry(expires=datetime.date(2026, 6, 30))], TODAY, RULES).valid


def test_an_exception_for_what_cannot_be_told_yet_is_not_called_unmatched() -> None:
    snapshot = stack(entry(), sqsManagedSseEnabled=Opaque.UNKNOWN)
    assert findings(snapshot)[0].verdict is Verdict.UNDETERMINED
    assert not findings(snapshot, UNMATCHED.name)


def test_a_stack_without_a_stage_is_judged_as_production() -> None:
    snapshot = stack()
    snapshot.settings["platform"] = {"name": "shop"}
    levels = {finding.rule.name: finding.level for finding in judge(snapshot, TODAY).findings}
    assert levels["sqs-tls-only"] is Level.MANDATORY


def test_some_rules_are_advice_in_the_dev_stage() -> None:
    levels = {finding.rule.name: finding.level for finding in judge(stack(stage="dev"), TODAY).findings}
    assert levels["sqs-tls-only"] is Level.ADVISORY
    assert levels["sqs-encrypted"] is Level.MANDATORY
