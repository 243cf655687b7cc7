"""Verdicts as SARIF 2.1.0, which code scanning services show at the line that declares the resource.

A finding without a line (a stack export has none) points at the file that was judged, since services drop what has no place.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from groundwork.preview import indented
from groundwork.preview.snapshot import Source
from groundwork.preview.verdicts import Finding, Verdicts, fix_of
from guardrails.catalogue import rules
from guardrails.context import OF_WHAT_IS_GIVEN
from guardrails.judgement import Verdict
from guardrails.rules import Policy, Rule, Severity
from guardrails.versions import VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
"""What GitHub reads as the severity of a security finding: over 9 critical, from 7 high, from 4 medium."""
_KINDS = {Verdict.UNDETERMINED: "open"}


def dumps(verdicts: Verdicts, judged: str) -> str:
    """Render verdicts as SARIF. ``judged`` is the file that findings without a line of their own are shown at."""
    # What is found beside the pack's own policies is described too.
    policies = {
        one.name: one for one in (*rules(), *OF_WHAT_IS_GIVEN, *(finding.rule for finding in verdicts.findings))
    }
    described = list(map(_described, policies.values()))
    numbers = {rule["id"]: number for number, rule in enumerate(described)}
    results = [_result(finding, numbers[finding.rule.name], judged) for finding in verdicts.findings]
    if verdicts.of(Verdict.KNOWN):
        # All results of a run are held against its baseline, or none.
        for result in results:
            known = result["properties"]["verdict"] == Verdict.KNOWN.value
            result["baselineState"] = "unchanged" if known else "new"
    run = {
        "tool": {"driver": {"name": "groundwork-guardrails", "version": VERSION, "rules": described}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return indented.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _described(policy: Policy) -> dict[str, Any]:
    more = f"\nMore: {policy.url or f'docs/{policy.page}'}" if isinstance(policy, Rule) else ""
    return {
        "id": policy.name,
        "shortDescription": {"text": policy.title},
        "fullDescription": {"text": policy.why},
        "help": {"text": f"{policy.fix}{more}"},
        **(_security(policy) if isinstance(policy, Rule) else {}),
    }


def _security(rule: Rule) -> dict[str, Any]:
    return {
        # The standard wants an absolute URI, or none.
        **({"helpUri": rule.url} if rule.url else {}),
        "defaultConfiguration": {"level": "warning" if rule.severity in (Severity.LOW, Severity.MEDIUM) else "error"},
        "properties": {
            "tags": ["security", rule.topic, *rule.ids],
            "precision": "very-high",
            "security-severity": _SCORES[rule.severity],
        },
    }


def _result(finding: Finding, number: int, judged: str) -> dict[str, Any]:
    fails = finding.verdict not in _KINDS
    result: dict[str, Any] = {
        "ruleId": finding.rule.name,
        "ruleIndex": number,
        "kind": _KINDS.get(finding.verdict, "fail"),
        # The standard: what is not a failure has no level.
        "level": _level(finding) if fails else "none",
        "message": {"text": _message(finding)},
        "locations": [_location(finding, finding.stated.source if finding.stated else finding.source, judged)],
        # The only one that GitHub reads, for whose value it asks nothing but that it stays:
        # https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(finding)},
        "properties": {
            "severity": finding.rule.severity.value,
            "verdict": finding.verdict.value,
            "urn": finding.resource.urn,
        },
    }
    if finding.stated and finding.source:
        declared = {"id": 0, "message": {"text": "the line that declares the resource"}}
        result["relatedLocations"] = [_location(finding, finding.source, judged) | declared]
    if finding.exception:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": finding.exception.describe()}
        ]
    return result


def _message(finding: Finding) -> str:
    what = f"{finding.resource.name}: {finding.message}" if finding.resource.type else finding.message
    return what if finding.verdict is Verdict.UNDETERMINED else f"{what}. {_advice(finding)}"


def _advice(finding: Finding) -> str:
    if finding.is_choice and finding.remedy:
        return f"By choice: {finding.remedy.choice}"
    return f"Fix: {fix_of([finding])}"


def _level(finding: Finding) -> str:
    if finding.level.stops:
        return "error"
    return "note" if finding.is_choice else "warning"


def _location(finding: Finding, source: Source | None, judged: str) -> dict[str, Any]:
    source = source or Source(judged, 1)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(source.file.replace("\\", "/"))},
            "region": {"startLine": max(source.line, 1)},
        }
    }
    if finding.resource.urn:
        location["logicalLocations"] = [
            {"name": finding.resource.name, "fullyQualifiedName": finding.resource.urn, "kind": "resource"}
        ]
    return location


def _fingerprint(finding: Finding) -> str:
    """Return the same hash for a finding however its line moves."""
    return hashlib.sha256(f"{finding.rule.name}\n{finding.resource.urn}\n{finding.message}".encode()).hexdigest()
