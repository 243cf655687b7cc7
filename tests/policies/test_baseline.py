"""The baseline: known findings do not fail, new ones do, and what vanished is named."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.verdicts import Finding, Verdict, judge
from guardrails import baseline
from guardrails.baseline import Baseline
from guardrails.view import Opaque
from tests.policies.engine_client import PackProcess, Violation
from tests.policies.stacks import resource, stack

TODAY = datetime.date(2026, 3, 1)
PLAIN = {"sqsManagedSseEnabled": False}
OLD = resource("sqs/Queue", "old", **PLAIN)
NEW = resource("sqs/Queue", "new", **PLAIN)
SOUND = resource("sqs/Queue", "sound")
KNOWN = {"rule": "sqs-encrypted", "urn": OLD.urn}


def findings(*resources: Any, known: Baseline, rule: str = "sqs-encrypted", **settings: Any) -> list[Finding]:
    return [f for f in judge(stack(*resources, **settings), TODAY, baseline=known).findings if f.rule.name == rule]


def test_a_known_finding_is_shown_and_does_not_fail_and_a_new_one_does() -> None:
    found = {f.resource.name: f.verdict for f in findings(OLD, NEW, known=baseline.read([KNOWN]))}
    assert found == {"old": Verdict.KNOWN, "new": Verdict.FAIL}


def test_another_rule_on_the_same_resource_still_fails() -> None:
    verdicts = judge(stack(OLD), TODAY, baseline=baseline.read([KNOWN]))
    assert "sqs-tls-only" in {f.rule.name for f in verdicts.blocking}


@pytest.mark.parametrize("resources", [(), (resource("sqs/Queue", "old"),)], ids=["deleted", "fixed"])
def test_what_vanished_is_named(resources: tuple[Any, ...]) -> None:
    (vanished,) = findings(*resources, known=baseline.read([KNOWN]), rule="baseline-vanished")
    assert (vanished.resource.urn, vanished.blocks) == (OLD.urn, False)
    assert vanished.message == f"baseline: sqs-encrypted on {OLD.urn} is no longer found"


def test_what_cannot_be_told_yet_has_not_vanished() -> None:
    unknown = resource("sqs/Queue", "old", sqsManagedSseEnabled=Opaque.UNKNOWN)
    assert findings(unknown, known=baseline.read([KNOWN]), rule="baseline-vanished") == []


def test_an_exception_goes_before_the_baseline_since_it_has_an_owner() -> None:
    entry = {
        "rule": "sqs-encrypted",
        "resource": "old",
        "reason": "Public data",
        "owner": "team",
        "expires": "2026-06-01",
    }
    (found,) = findings(OLD, known=baseline.read([KNOWN]), exceptions=[entry])
    assert found.verdict is Verdict.EXCEPTED


def test_the_same_findings_give_the_same_file_and_it_reads_back() -> None:
    known = [("b", "urn:2"), ("a", "urn:1"), ("a", "urn:1")]
    text = baseline.dumps(known)
    assert text == baseline.dumps(reversed(known))
    assert baseline.read(json.loads(text)).known == {("a", "urn:1"), ("b", "urn:2")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ('{"version": 1, "findings": [', "is not JSON"),
        ("[" * 100_000, "JSON"),
        ('"text"', "findings must be a list"),
        ('{"version": 2, "findings": []}', "version 2 is not 1"),
        ('{"version": 1}', "findings must be a list"),
        ('[{"rule": "a", "urn": "b"}, {"rule": "a"}]', "findings[1] must have a text as rule and one as urn"),
        ('[{"rule": "a", "urn": 3}]', "findings[0]"),
        ("[null]", "findings[0]"),
    ],
)
def test_a_baseline_that_cannot_be_read_does_not_apply_and_is_a_mandatory_finding(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text, encoding="utf-8")
    known = baseline.load(file)
    assert known.known == frozenset()
    (finding,) = findings(known=known, rule="baseline-invalid")
    assert finding.blocks
    assert message in finding.message


def test_a_baseline_that_is_missing_is_said_to_be() -> None:
    assert (
        baseline.load(Path("/nowhere/b.json")).problems[0].message == "b.json cannot be read: No such file or directory"
    )


def told(violations: list[Violation]) -> dict[str, set[str]]:
    names = ("sqs-encrypted", "baseline-known", "baseline-vanished", "baseline-invalid")
    return {name: {v.urn.rsplit("::", 1)[-1] for v in violations if v.rule == name} for name in names}


GONE = {"rule": "sqs-encrypted", "urn": "urn:pulumi:prod::test::aws:sqs/queue:Queue::gone"}


def test_the_engine_honours_a_baseline_file_named_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps({"version": 1, "findings": [KNOWN, GONE]}), encoding="utf-8")
    with PackProcess(environment={"GROUNDWORK_BASELINE": str(file)}) as pack:
        violations = pack.judge(stack(OLD, NEW, SOUND))
    assert told(violations) == {
        "sqs-encrypted": {"new"},
        "baseline-known": {""},
        "baseline-vanished": {"gone"},
        "baseline-invalid": set(),
    }


def test_the_engine_honours_a_baseline_in_the_policy_configuration() -> None:
    with PackProcess() as pack:
        pack.configure({"baseline": {"findings": [KNOWN]}})
        violations = pack.judge(stack(OLD, NEW))
    assert told(violations)["sqs-encrypted"] == {"new"}
    (note,) = [v for v in violations if v.rule == "baseline-known"]
    assert "1 known: sqs-encrypted (1)" in note.message
    assert note.level == "advisory"


def test_under_the_engine_a_malformed_baseline_is_a_finding_and_everything_fails(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text("{", encoding="utf-8")
    with PackProcess(environment={"GROUNDWORK_BASELINE": str(file)}) as pack:
        violations = pack.judge(stack(OLD))
    assert told(violations)["sqs-encrypted"] == {"old"}
    (invalid,) = [v for v in violations if v.rule == "baseline-invalid"]
    assert invalid.level == "mandatory"
