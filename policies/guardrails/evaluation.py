"""What judgements come to once exceptions and baseline are heard: for the engine's calls, one by one, and for a stack at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from guardrails.context import PolicyContext
from guardrails.exemptions import Exemption, Problem
from guardrails.judgement import Judgement, Verdict
from guardrails.rules import Rule
from guardrails.view import Resource


class Outcome(NamedTuple):
    """A judgement that is no pass, and what it comes to."""

    rule: Rule
    resource: Resource
    judgement: Judgement
    verdict: Verdict
    exemption: Exemption | None


class Evaluation:
    """Keeps each outcome, the latest where a rule judges a resource again."""

    def __init__(self, context: PolicyContext) -> None:
        self.context = context
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def passes(self, rule: Rule, resource: Resource) -> None:
        """Forget what a rule said of a resource before."""
        self._outcomes.pop((rule.name, resource.urn), None)

    def settle(self, rule: Rule, resource: Resource, judgement: Judgement) -> Outcome:
        """Hear exceptions and baseline on a judgement that is no pass."""
        exemption = self.context.exemptions.find(rule.name, resource.urn, resource.name)
        verdict = self.context.verdict(rule, resource.urn, judgement, exemption)
        outcome = Outcome(rule, resource, judgement, verdict, exemption)
        self._outcomes[rule.name, resource.urn] = outcome
        return outcome

    def of(self, verdict: Verdict) -> list[Outcome]:
        return [outcome for outcome in self._outcomes.values() if outcome.verdict is verdict]

    def unmatched(self) -> list[Problem]:
        """List the exceptions that no outcome needed."""
        return self.context.exemptions.unmatched({one.exemption for one in self._outcomes.values() if one.exemption})

    def vanished(self, silent: Iterable[str]) -> list[Problem]:
        """List the entries of the baseline that no outcome matches; of the rules in ``silent`` nothing is expected."""
        return self.context.baseline.vanished(set(self._outcomes), frozenset(silent))
