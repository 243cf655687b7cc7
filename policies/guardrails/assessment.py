"""A whole stack judged at once: what the offline preview shows, and what a test compares the engine's verdicts with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from guardrails.catalogue import rules, rules_by_type
from guardrails.context import Context
from guardrails.exemptions import Exemption, Problem
from guardrails.judgement import Judgement, Verdict, judge
from guardrails.levels import Level
from guardrails.rules import Rule
from guardrails.stack import Stack
from guardrails.unjudged import UNJUDGED, Unjudged, unjudged
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
    rules: frozenset[str]
    """The rules that judged at least one resource."""
    unjudged: Unjudged


def assess(stack: Stack, context: Context) -> Assessment:
    """Every rule on every resource it reads."""
    findings: list[Finding] = []
    touched: set[Exemption] = set()
    seen: set[tuple[str, str]] = set()
    used: set[str] = set()
    judgements = passed = 0
    applying = {rule.name for rule in rules() if context.applies(rule)}
    by_type = {
        type_: [rule for rule in rules_by_type().get(type_, ()) if rule.name in applying] for type_ in stack.types
    }
    judged = sum(bool(by_type[resource.type]) for resource in stack.resources)
    values = {rule.name: context.values(rule) for rule in rules() if rule.settings}
    for resource in (*stack.resources, *stack.parts):
        for rule in by_type[resource.type]:
            judgement = judge(rule, resource, stack, values.get(rule.name))
            used.add(rule.name)
            judgements += 1
            passed += judgement.verdict is Verdict.PASS
            if judgement.verdict is Verdict.PASS:
                continue
            seen.add((rule.name, resource.urn))
            exemption = context.exemptions.find(rule.name, resource.urn, resource.name)
            if exemption:
                touched.add(exemption)
            findings.extend(_findings(rule, resource, judgement, exemption, context))
    unread = unjudged(stack.resources)
    problems = (
        *context.problems(),
        *(unread.problems(context.values(UNJUDGED)) if context.level(UNJUDGED) is not Level.DISABLED else ()),
        *context.exemptions.unmatched(touched),
        *context.baseline.vanished(seen, {rule.name for rule in rules()} - applying),
    )
    return Assessment(tuple(findings), problems, judged, judgements, passed, frozenset(used), unread)


def _findings(
    rule: Rule, resource: Resource, judgement: Judgement, exemption: Exemption | None, context: Context
) -> Iterator[Finding]:
    verdict = context.verdict(rule, resource.urn, judgement, exemption)
    for message in judgement.messages:
        yield Finding(rule, resource, verdict, message, exemption)
    if judgement.broken or not judgement.messages:
        yield Finding(rule, resource, Verdict.UNDETERMINED, judgement.stopped, broken=judgement.broken)
