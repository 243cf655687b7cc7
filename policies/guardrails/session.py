"""What the pack's process remembers of the one deployment it serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from guardrails import baseline, settings
from guardrails.catalogue import rules
from guardrails.context import BASELINE, OF_WHAT_IS_GIVEN, SETTINGS_INVALID, PolicyContext
from guardrails.evaluation import Evaluation
from guardrails.exemptions import UNMATCHED, Problem
from guardrails.judgement import Judgement, Verdict, judge_together
from guardrails.messages import plain_properties
from guardrails.rules import Policy, Rule, Values
from guardrails.stack import Stack
from guardrails.unjudged import UNJUDGED, unjudged
from guardrails.view import Resource

Report = Callable[..., None]


class Session:
    """What the process remembers of the one deployment it serves."""

    def __init__(self, context: PolicyContext) -> None:
        self._evaluation = Evaluation(context)
        self._inputs: dict[str, Resource] = {}
        self._stack = Stack(())
        self._silent: frozenset[str] = frozenset()
        self._values: dict[str, Values] = {}
        self._setting_problems: tuple[str, ...] = ()

    @property
    def context(self) -> PolicyContext:
        return self._evaluation.context

    def configure(self, configuration: Mapping[str, Mapping[str, Any]], silent: Iterable[str]) -> None:
        """Take settings and baseline from the policy configuration, and which rules are disabled."""
        read = {
            policy.name: settings.values_of(policy.name, policy.settings, configuration.get(policy.name, {}))
            for policy in (*rules(), *OF_WHAT_IS_GIVEN)
        }
        self._values = {name: values for name, (values, _) in read.items()}
        self._setting_problems = tuple(problem for _, problems in read.values() for problem in problems)
        self._silent = frozenset(silent)
        known = baseline.configured(configuration.get(BASELINE))
        if known:
            self._evaluation.context = replace(self.context, baseline=known)

    def values(self, policy: Policy) -> Values | None:
        """Return the settings of a policy as the engine was configured; None for their defaults."""
        return self._values.get(policy.name)

    def take_resource(self, urn: str, properties: dict[str, Any], parent: str) -> Resource:
        """Keep a resource's inputs: for the rules that judge it alone, and for those between resources."""
        resource = Resource(urn, properties, parent=parent or None)
        self._inputs[urn] = resource
        return resource

    def resource(self, urn: str) -> Resource:
        return self._inputs[urn]

    def take_stack(self, resources: Iterable[Any]) -> Stack:
        """Index the stack as the engine's message has it, once for all rules."""
        messages = list(resources)
        urns = {message.urn for message in messages}
        self._stack = Stack(self._with_inputs(message, urns) for message in messages)
        return self._stack

    def stack(self) -> Stack:
        return self._stack

    def _with_inputs(self, message: Any, urns: set[str]) -> Resource:
        outputs = plain_properties(message.properties)
        seen = self._inputs.get(message.urn)
        return Resource(
            message.urn,
            seen.given if seen else outputs,
            outputs=outputs,
            parent=message.options.parent or message.parent or None,
            # pulumi, pkg/resource/deploy/step_generator.go: the provider of every resource that has one.
            component=not message.HasField("provider"),
            property_dependencies={
                name: tuple(urn for urn in dependencies.urns if urn in urns)
                for name, dependencies in message.propertyDependencies.items()
            },
        )

    def settle(self, rule: Rule, resource: Resource, judgement: Judgement, report: Report) -> None:
        """Report a failure unless it is excepted or known."""
        if judgement.verdict is Verdict.PASS:
            self._evaluation.passes(rule, resource)
        elif self._evaluation.settle(rule, resource, judgement).verdict is Verdict.FAIL:
            for message in judgement.messages:
                report(f"{message}\nFix: {rule.fix}", resource.urn)

    def problems(self, policy: Policy) -> list[Problem]:
        if policy is UNMATCHED:
            return self._evaluation.unmatched()
        if policy is baseline.VANISHED:
            return self._evaluation.vanished(self._silent)
        if policy is SETTINGS_INVALID:
            return [Problem(policy, "settings", text) for text in self._setting_problems]
        if policy is UNJUDGED:
            return list(unjudged(self._stack.resources).problems(self.values(policy) or policy.defaults()))
        return [problem for problem in self.context.problems() if problem.policy is policy]

    def known(self) -> list[tuple[str, str]]:
        """Return one message that counts what the baseline holds, by rule."""
        counts = Counter(one.rule.name for one in self._evaluation.of(Verdict.KNOWN))
        return [(f"{counts.total()} known: {_listing(counts)}", "")] if counts else []

    def active(self) -> list[tuple[str, str]]:
        """Return a message and a URN for each finding that an exception covers."""
        excepted = sorted(self._evaluation.of(Verdict.EXCEPTED), key=lambda one: (one.rule.name, one.resource.urn))
        return [(f"{one.rule.name}: {one.exemption.describe()}", one.resource.urn) for one in excepted if one.exemption]

    def waiting(self) -> list[tuple[str, str]]:
        """Return one message that counts the judgements that could not be made, by rule."""
        waiting = self._evaluation.of(Verdict.UNDETERMINED)
        counts = Counter(one.rule.name for one in waiting if self._still_waits(one.rule, one.resource.urn))
        return [(f"{counts.total()} undetermined: {_listing(counts)}", "")] if counts else []

    def _still_waits(self, rule: Rule, urn: str) -> bool:
        """Tell whether the rule cannot tell even now that it is known what each property is made from."""
        resource = self._stack.by_urn.get(urn)
        views = resource.read_as(rule.reads) if resource else []
        if not views:
            return True
        return judge_together(rule, views, self._stack, self.values(rule)).verdict is Verdict.UNDETERMINED


def _listing(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
