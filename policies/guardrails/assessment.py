"""A whole stack judged at once: what the offline preview shows, and what a test compares the engine's verdicts with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guardrails.catalogue import rules_by_type
from guardrails.context import Context
from guardrails.exemptions import Exemption, Problem
from guardrails.judgement import Judgement, Verdict, judge
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
            findings.extend(_findings(rule, resource, judgement, exemption))
    problems = (*context.exemptions.problems, *context.exemptions.unmatched(touched))
    return Assessment(tuple(findings), problems, judged, judgements, passed)


def _findings(rule: Rule, resource: Resource, judgement: Judgement, exemption: Exemption | None) -> Iterator[Finding]:
    verdict = Verdict.EXCEPTED if exemption else Verdict.FAIL
    for message in judgement.messages:
        yield Finding(rule, resource, verdict, message, exemption)
    if judgement.broken or not judgement.messages:
        yield Finding(rule, resource, Verdict.UNDETERMINED, judgement.stopped, broken=judgement.broken)
