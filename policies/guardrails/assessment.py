"""A whole stack judged at once: what the offline preview shows, and what a test compares the engine's verdicts with."""

from __future__ import annotations

from dataclasses import dataclass

from guardrails.catalogue import rules_by_type
from guardrails.context import Context
from guardrails.exemptions import Exemption, Problem
from guardrails.judgement import Verdict, judge
from guardrails.rules import Rule
from guardrails.stack import Stack
from guardrails.view import Resource


@dataclass(frozen=True)
class Finding:
    """One thing to say about one resource."""

    rule: Rule
    resource: Resource
    verdict: Verdict
    message: str
    exemption: Exemption | None = None
    broken: bool = False


@dataclass(frozen=True)
class Assessment:
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    judged: int
    """Resources that at least one rule looked at."""
    judgements: int
    passed: int


def assess(stack: Stack, context: Context) -> Assessment:
    """Every rule on every resource it reads."""
    findings: list[Finding] = []
    touched: set[Exemption] = set()
    judged = judgements = passed = 0
    for resource in stack.resources:
        applicable = [rule for rule in rules_by_type().get(resource.type, ()) if rule.applies(context.stage)]
        judged += bool(applicable)
        for rule in applicable:
            judgement = judge(rule, resource, stack)
            judgements += 1
            passed += judgement.verdict is Verdict.PASS
            if judgement.verdict is Verdict.PASS:
                continue
            exemption = context.exemptions.find(rule.name, resource.urn, resource.name)
            if exemption:
                touched.add(exemption)
            excepted = exemption is not None and judgement.verdict is Verdict.FAIL
            verdict = Verdict.EXCEPTED if excepted else judgement.verdict
            findings.extend(
                Finding(rule, resource, verdict, message, exemption if excepted else None, judgement.broken)
                for message in judgement.messages
            )
    problems = (*context.exemptions.problems, *context.exemptions.unmatched(touched))
    return Assessment(tuple(findings), problems, judged, judgements, passed)
