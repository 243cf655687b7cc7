"""A whole stack judged at once: what the offline preview shows, and what a test compares the engine's verdicts with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails.catalogue import rules, rules_by_type
from guardrails.context import PolicyContext
from guardrails.evaluation import Evaluation, Outcome
from guardrails.exemptions import Exemption, Problem
from guardrails.judgement import Verdict, judge
from guardrails.levels import Level
from guardrails.rules import Rule
from guardrails.stack import Stack
from guardrails.unjudged import UNJUDGED, Unjudged, unjudged
from guardrails.view import Resource


class Finding(NamedTuple):
    """One thing to say about one resource."""

    rule: Rule
    resource: Resource
    verdict: Verdict
    message: str
    exemption: Exemption | None = None
    broken: bool = False


class Assessment(NamedTuple):
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    judged: int
    """Resources that at least one rule looked at."""
    judgements: int
    passed: int
    rules: frozenset[str]
    """The rules that judged at least one resource."""
    unjudged: Unjudged


def assess(stack: Stack, context: PolicyContext) -> Assessment:
    """Judge every resource by every rule that reads it."""
    findings: list[Finding] = []
    evaluation = Evaluation(context)
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
            # A part that passes does not undo what another part of its resource fails.
            if judgement.verdict is not Verdict.PASS:
                findings.extend(_findings(evaluation.settle(rule, resource, judgement)))
    unread = unjudged(stack.resources)
    problems = (
        *context.problems(),
        *(unread.problems(context.values(UNJUDGED)) if context.level(UNJUDGED) is not Level.DISABLED else ()),
        *evaluation.unmatched(),
        *evaluation.vanished({rule.name for rule in rules()} - applying),
    )
    return Assessment(tuple(findings), problems, judged, judgements, passed, frozenset(used), unread)


def _findings(outcome: Outcome) -> Iterator[Finding]:
    rule, resource, judgement = outcome.rule, outcome.resource, outcome.judgement
    for message in judgement.messages:
        yield Finding(rule, resource, outcome.verdict, message, outcome.exemption)
    if judgement.broken or not judgement.messages:
        yield Finding(rule, resource, Verdict.UNDETERMINED, judgement.stopped, broken=judgement.broken)
