"""A whole stack judged at once: what the offline preview shows, and what a test compares the engine's verdicts with."""

from __future__ import annotations

from typing import NamedTuple

from guardrails.catalogue import rules, rules_by_type
from guardrails.context import PolicyContext
from guardrails.evaluation import Evaluation, Outcome
from guardrails.exemptions import Problem
from guardrails.judgement import Verdict, judge
from guardrails.levels import Level
from guardrails.stack import Stack
from guardrails.unjudged import UNJUDGED, Unjudged, unjudged


class Assessment(NamedTuple):
    outcomes: tuple[Outcome, ...]
    """The judgements that are no pass."""
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
    outcomes: list[Outcome] = []
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
                outcomes.append(evaluation.settle(rule, resource, judgement))
    unread = unjudged(stack.resources)
    problems = (
        *context.problems(),
        *(unread.problems(context.values(UNJUDGED)) if context.level(UNJUDGED) is not Level.DISABLED else ()),
        *evaluation.unmatched(),
        *evaluation.vanished({rule.name for rule in rules()} - applying),
    )
    return Assessment(tuple(outcomes), problems, judged, judgements, passed, frozenset(used), unread)
