"""The policy pack's verdicts on a snapshot: the same rules that judge under the real engine, without it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from groundwork.preview.snapshot import Resource, Snapshot, Source
from guardrails import view
from guardrails.assessment import Finding as RuleFinding
from guardrails.assessment import assess
from guardrails.baseline import Baseline
from guardrails.catalogue import rules
from guardrails.context import PolicyContext
from guardrails.exemptions import Exemption, Problem
from guardrails.judgement import Verdict
from guardrails.levels import Level, Severity
from guardrails.settings import Configuration
from guardrails.stack import Stack
from guardrails.unjudged import Unjudged


@dataclass(frozen=True)
class Finding:
    """One thing to say about one resource, or (``urn`` empty) about an exception in the stack file."""

    rule: str
    title: str
    severity: Severity
    level: Level
    verdict: Verdict
    urn: str
    resource: str
    type: str
    message: str
    why: str
    remediation: str
    ids: tuple[str, ...] = ()
    source: Source | None = None
    exception: Exemption | None = None
    broken: bool = False
    """The rule itself failed: to be shown whatever the level."""

    @property
    def blocks(self) -> bool:
        """Tell whether the engine would refuse the deployment because of it."""
        return self.verdict is Verdict.FAIL and self.level.stops


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
    assessment = assess(Stack([*_default_provider(snapshot), *map(view_of, snapshot.resources)]), context)
    resources = snapshot.by_urn()
    findings = [_finding(finding, resources.get(finding.resource.urn), context) for finding in assessment.findings]
    findings += [_of_problem(problem, context) for problem in assessment.problems]
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


def _default_provider(snapshot: Snapshot) -> list[view.Resource]:
    """Return the provider that the engine makes of the configuration, and whose region it judges; a snapshot of ours
    says only the region."""
    if not snapshot.region or any(resource.type == PROVIDER for resource in snapshot.resources):
        return []
    urn = f"urn:pulumi:{snapshot.stack}::{snapshot.project}::{PROVIDER}::default"
    return [view.Resource(urn, {"region": snapshot.region})]


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


def _finding(finding: RuleFinding, resource: Resource | None, context: PolicyContext) -> Finding:
    rule, judged = finding.rule, finding.resource
    return Finding(
        rule=rule.name,
        title=rule.title,
        severity=rule.severity,
        level=context.level(rule),
        verdict=finding.verdict,
        urn=judged.urn,
        resource=judged.name,
        type=resource.type if resource else judged.type,
        message=finding.message,
        why=rule.why,
        remediation=rule.fix,
        ids=rule.ids,
        source=resource.source if resource else None,
        exception=finding.exemption,
        broken=finding.broken,
    )


def _of_problem(problem: Problem, context: PolicyContext) -> Finding:
    return Finding(
        rule=problem.fact.name,
        title=problem.fact.title,
        severity=problem.fact.severity,
        level=context.level(problem.fact),
        verdict=Verdict.FAIL,
        urn=problem.urn,
        resource=problem.place,
        type="",
        message=problem.message,
        why=problem.fact.why,
        remediation=problem.fact.fix,
    )


def _order(finding: Finding) -> tuple[int, int, str, str, str]:
    return (
        _VERDICTS.index(finding.verdict),
        _SEVERITIES.index(finding.severity),
        finding.rule,
        finding.urn,
        finding.message,
    )
