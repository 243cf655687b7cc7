"""Verdicts as JSON; ``docs/organisation.md`` says what the fields are."""

from __future__ import annotations

from typing import Any

from groundwork.preview import indented
from groundwork.preview.verdicts import Finding, Verdicts

VERSION = 1


def dumps(verdicts: Verdicts) -> str:
    document = {
        "version": VERSION,
        "rules": verdicts.rules,
        "resources": verdicts.resources,
        "judgements": verdicts.judgements,
        "passed": verdicts.passed,
        "blocking": len(verdicts.blocking),
        "findings": [_finding(finding) for finding in verdicts.findings],
        "unjudged": {
            "types": {type_: [one.urn for one in resources] for type_, resources in verdicts.unjudged.types.items()},
            "components": [component.urn for component in verdicts.unjudged.components],
        },
    }
    return indented.dumps(document)


def _finding(finding: Finding) -> dict[str, Any]:
    exception = finding.exception
    return {
        "rule": finding.rule.name,
        "title": finding.rule.title,
        "severity": finding.rule.severity.value,
        "level": finding.level.value,
        "verdict": finding.verdict.value,
        "urn": finding.resource.urn,
        "resource": finding.resource.name,
        "type": finding.resource.type,
        "message": finding.message,
        "why": finding.rule.why,
        "fix": finding.rule.fix,
        "stated": finding.stated.to_json() if finding.stated else None,
        "remedy": vars(finding.remedy).copy() if finding.remedy else None,
        "ids": list(finding.rule.ids),
        "source": {"file": finding.source.file, "line": finding.source.line} if finding.source else None,
        "exception": {"owner": exception.owner, "reason": exception.reason, "expires": exception.expires.isoformat()}
        if exception
        else None,
    }
