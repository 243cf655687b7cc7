"""The policy pack's verdicts on a snapshot: the same rules that judge under the real engine, without it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from groundwork.preview.snapshot import Resource, Snapshot, Source, StackFileStatement
from guardrails import view
from guardrails.assessment import assess
from guardrails.baseline import Baseline
from guardrails.catalogue import rules
from guardrails.context import PolicyContext
from guardrails.evaluation import Outcome
from guardrails.exemptions import Exemption
from guardrails.judgement import Verdict
from guardrails.rules import Level, Policy, Severity
from guardrails.settings import Configuration
from guardrails.stack import Stack
from guardrails.unjudged import Unjudged


class InputEntry(NamedTuple):
    """What a finding is about that no resource has: an entry of the stack file's exceptions, of the baseline, …"""

    name: str
    urn: str = ""
    """Of the resource that the entry is about, where there is one."""
    type: str = ""
    source: Source | None = None


@dataclass(frozen=True)
class Remedy:
    """What a stack file can do about a finding: a setting mends it, or Groundwork builds it so by choice."""

    setting: str
    """``data.multi_az``; empty where none mends it."""
    how: str
    """What to say there."""
    choice: str
    """Why it is built so; empty where a setting mends it."""


@cache
def remedies() -> Mapping[str, list[dict[str, str]]]:
    """Map rules to what a stack file can do about them: rows with ``setting`` and ``how``, or with ``choice``."""
    from groundwork.settings.data_file import read_data  # noqa: PLC0415 - YAML, which a check of a file need not read

    found: Mapping[str, list[dict[str, str]]] = read_data(Path(__file__).with_name("remedies.yaml"))
    return found


@dataclass(frozen=True)
class Finding:
    """One thing to say about one resource, or about what the pack was given."""

    rule: Policy
    resource: Resource | InputEntry
    level: Level
    verdict: Verdict
    message: str
    exception: Exemption | None = None
    broken: bool = False
    """The rule itself failed: to be shown whatever the level."""
    stated: StackFileStatement | None = None
    """What the stack file says of it; None where there is no stack file of ours."""
    remedy: Remedy | None = None

    @property
    def is_choice(self) -> bool:
        """Tell whether it is advice that Groundwork does not follow, with a reason that is written down."""
        return bool(self.remedy and self.remedy.choice) and not self.level.stops

    @property
    def source(self) -> Source | None:
        """Return the line that declares the resource."""
        return self.resource.source

    @property
    def blocks(self) -> bool:
        """Tell whether the engine would refuse the deployment because of it."""
        return self.verdict is Verdict.FAIL and self.level.stops


def fix_of(findings: Sequence[Finding]) -> str:
    """Return what to do about findings of one rule: first in the stack file, then at the resource."""
    at_resource = " ".join(findings[0].rule.fix.split())
    settings = dict.fromkeys(
        f"{remedy.setting} ({remedy.how})" if remedy.how else remedy.setting
        for remedy in (one.remedy for one in findings)
        if remedy and remedy.setting
    )
    return f"In the stack file: {'; '.join(settings)}. At the resource: {at_resource}" if settings else at_resource


@dataclass(frozen=True)
class Verdicts:
    """Everything the pack says of one snapshot, the worst first."""

    findings: tuple[Finding, ...]
    rules: int
    """Rules in the pack."""
    resources: int
    """Resources that at least one rule judged."""
    judgements: int
    """Pairs of rule and resource."""
    passed: int
    judged: frozenset[str] = frozenset()
    """The rules that judged at least one resource."""
    unjudged: Unjudged = field(default_factory=lambda: Unjudged({}, ()))
    """What no rule reads."""

    def of(self, verdict: Verdict) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict is verdict]

    @property
    def blocking(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.blocks]


_VERDICTS = (Verdict.FAIL, Verdict.UNDETERMINED, Verdict.KNOWN, Verdict.EXCEPTED)
PROVIDER = "pulumi:providers:aws"
_SEVERITIES = tuple(reversed(Severity))


def judge(
    snapshot: Snapshot,
    today: datetime.date,
    *,
    baseline: Baseline | None = None,
    configuration: Configuration | None = None,
) -> Verdicts:
    """Run every rule on a snapshot, with the stage and the exceptions of its settings as they stand ``today``."""
    context = PolicyContext.of(
        snapshot.settings.get("platform"), snapshot.settings.get("exceptions"), today, baseline, configuration
    )
    judged = (*_default_provider(snapshot), *snapshot.resources)
    assessment = assess(Stack(map(view_of, judged)), context)
    resources = {one.urn: one for one in judged}
    findings = [
        finding
        for outcome in assessment.outcomes
        for finding in _findings(outcome, resources[outcome.resource.urn], context.level(outcome.rule))
    ]
    findings += [
        Finding(one.policy, InputEntry(one.place, one.urn), context.level(one.policy), Verdict.FAIL, one.message)
        for one in assessment.problems
    ]
    findings = [finding for finding in findings if finding.level is not Level.DISABLED]
    return Verdicts(
        findings=tuple(sorted(findings, key=_order)),
        rules=len(rules()),
        resources=assessment.judged,
        judgements=assessment.judgements,
        passed=assessment.passed,
        judged=assessment.rules,
        unjudged=assessment.unjudged,
    )


def _default_provider(snapshot: Snapshot) -> list[Resource]:
    """Return the provider that the engine makes of the configuration, and whose region it judges; a snapshot of ours
    says only the region."""
    if not snapshot.region or any(resource.type == PROVIDER for resource in snapshot.resources):
        return []
    urn = f"urn:pulumi:{snapshot.stack}::{snapshot.project}::{PROVIDER}::default"
    inputs = {"region": snapshot.region}
    return [Resource(urn, PROVIDER, "default", custom=True, parent=None, inputs=inputs, outputs=inputs)]


def view_of(resource: Resource) -> view.Resource:
    """Return a resource of the snapshot as rules see it."""
    return view.Resource(
        resource.urn,
        resource.inputs,
        outputs=resource.outputs,
        parent=resource.parent,
        property_dependencies=resource.property_dependencies,
        component=not resource.custom,
    )


def _findings(outcome: Outcome, resource: Resource, level: Level) -> Iterator[Finding]:
    """Yield a finding for each thing that is wrong, and one for what stopped the rule."""
    judgement = outcome.judgement
    for message in judgement.messages:
        yield Finding(outcome.rule, resource, level, outcome.verdict, message, outcome.exemption)
    if judgement.broken or not judgement.messages:
        yield Finding(outcome.rule, resource, level, Verdict.UNDETERMINED, judgement.stopped, broken=judgement.broken)


def _order(finding: Finding) -> tuple[int, int, str, str, str]:
    return (
        _VERDICTS.index(finding.verdict),
        _SEVERITIES.index(finding.rule.severity),
        finding.rule.name,
        finding.resource.urn,
        finding.message,
    )
