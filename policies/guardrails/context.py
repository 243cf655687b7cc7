"""What the pack is told of a stack: its stage, its exceptions, its baseline, and what the organisation configured."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guardrails import baseline, exemptions, settings, unjudged
from guardrails.baseline import Baseline
from guardrails.catalogue import rules
from guardrails.exemptions import Exemption, Exemptions, Problem
from guardrails.judgement import Judgement, Verdict
from guardrails.rules import PRODUCTION, Level, Policy, Rule, Severity, Values
from guardrails.settings import Configuration

SETTINGS_INVALID = Policy(
    name="settings-invalid",
    title="A setting of a rule is out of its bounds and does not apply",
    severity=Severity.HIGH,
    why="A rule that judges by another value than its owner believes protects only on paper.",
    fix="Correct it in the policy configuration; until then the rule uses its default.",
)
OF_WHAT_IS_GIVEN = (*exemptions.POLICIES, *baseline.POLICIES, SETTINGS_INVALID, unjudged.UNJUDGED)
"""The policies that report problems with what the pack was given; all others are rules."""


NOTES = ("exception-active", "baseline-known", "judgement-undetermined")
"""Policies that only inform."""
BASELINE = "baseline"
"""The policy whose ``findings`` are a baseline."""


def configured(document: Any) -> tuple[Configuration, Baseline | None]:
    """Read ``--policy-pack-config``, for where no engine reads it: levels, settings, and the baseline if it holds
    one."""
    known = {policy.name: policy.settings for policy in (*rules(), *OF_WHAT_IS_GIVEN)} | dict.fromkeys(NOTES, ())
    if not isinstance(document, Mapping) or BASELINE not in document:
        return settings.read(document, known), None
    rest = {name: entry for name, entry in document.items() if name != BASELINE}
    return settings.read(rest, known), baseline.configured(document[BASELINE])


MILDER_STAGES = ("dev", "staging")


@dataclass(frozen=True)
class PolicyContext:
    stage: str = PRODUCTION
    exemptions: Exemptions = field(default_factory=Exemptions)
    baseline: Baseline = field(default_factory=Baseline)
    configuration: Configuration = field(default_factory=Configuration)

    @staticmethod
    def of(
        platform: Any,
        entries: Any,
        today: datetime.date,
        baseline: Baseline | None = None,
        configuration: Configuration | None = None,
    ) -> PolicyContext:
        """Create it from the configuration's ``platform`` and ``exceptions``; a stack that names none of the milder
        stages is judged as production, so that a stage with a name of one's own, or one misspelt, lets nothing
        through."""
        stage = platform.get("stage") if isinstance(platform, Mapping) else None
        return PolicyContext(
            stage=stage if isinstance(stage, str) and stage in MILDER_STAGES else PRODUCTION,
            exemptions=exemptions.read(entries, today, {rule.name for rule in rules()}),
            baseline=baseline or Baseline(),
            configuration=configuration or Configuration(),
        )

    def level(self, policy: Policy) -> Level:
        """Return what a failure does in this stack: as configured, else as the policy has it for the stage."""
        return self.configuration.level(policy.name, policy.level(self.stage))

    def applies(self, rule: Rule) -> bool:
        return rule.applies(self.stage) and self.level(rule) is not Level.DISABLED

    def values(self, policy: Policy) -> Values:
        return self.configuration.values.get(policy.name) or policy.defaults()

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with what the pack was given, whatever the stack."""
        wrong = (Problem(SETTINGS_INVALID, "settings", text) for text in self.configuration.problems)
        return (*self.exemptions.problems, *self.baseline.problems, *wrong)

    def verdict(self, rule: Rule, urn: str, judgement: Judgement, exemption: Exemption | None) -> Verdict:
        """Return what a judgement comes to once exceptions and baseline are heard. An exception has an owner, so it
        goes first."""
        if judgement.verdict is not Verdict.FAIL:
            return judgement.verdict
        if exemption:
            return Verdict.EXCEPTED
        return Verdict.KNOWN if self.baseline.covers(rule.name, urn) else Verdict.FAIL
