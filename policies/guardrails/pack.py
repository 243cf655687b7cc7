"""The rules as policies of Pulumi's engine."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_policy
from pulumi_policy import proxy

from guardrails import baseline, remediation
from guardrails.catalogue import rules
from guardrails.context import BASELINE, OF_WHAT_IS_GIVEN, PolicyContext
from guardrails.judgement import Verdict, judge_together
from guardrails.rules import Level, Policy, Rule, Severity
from guardrails.sdk import READS, SESSION, Raw, decode_once
from guardrails.session import Report, Session
from guardrails.view import Resource

FRAMEWORK = "AWS Foundational Security Best Practices"
_LEVELS = {level: pulumi_policy.EnforcementLevel(level.value) for level in Level}


def policies() -> list[pulumi_policy.Policy]:
    """Return every rule as a policy of its own, for the stack whose configuration the engine gave this process."""
    decode_once()
    today = datetime.datetime.now(datetime.UTC).date()
    file = os.environ.get(baseline.ENVIRONMENT)
    known = baseline.load(Path(file)) if file else None
    return build(PolicyContext.of(_setting("platform"), _setting("exceptions"), today, known))


def build(context: PolicyContext, catalogue: Iterable[Rule] | None = None) -> list[pulumi_policy.Policy]:
    """Build the policies for one stage and set of exceptions."""
    session = Session(context)
    chosen = tuple(rules() if catalogue is None else catalogue)
    return [
        _baseline_policy(session),
        *(_resource_policy(rule, session) for rule in chosen if not rule.between),
        *(_stack_policy(rule, session) for rule in chosen if rule.between),
        *(_problem_policy(policy, session) for policy in OF_WHAT_IS_GIVEN),
        _note_policy(
            "exception-active",
            "Exceptions that apply to this stack",
            "They need nothing now; each ends on its date.",
            session.active,
        ),
        _note_policy(
            "baseline-known",
            "Findings that the baseline holds",
            "They do not fail. Fix them one by one, and take each out of the baseline.",
            session.known,
        ),
        _note_policy(
            "judgement-undetermined",
            "Judgements that wait for values known only after creation",
            "Nothing to do: the same rules judge again when the values are known, during the update.",
            session.waiting,
        ),
    ]


class _RuleFailedError(proxy.UnknownValueError):
    """Reaches the SDK as the one exception that it shows as advisory and that does not end the deployment."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self)
        self.message = message


def _resource_policy(rule: Rule, session: Session) -> pulumi_policy.Policy:
    reads = frozenset(rule.reads)
    applies = rule.applies(session.context.stage)

    def validate(args: pulumi_policy.ResourceValidationArgs, report: Report) -> None:
        views = session.resource(args.urn).read_as(reads)
        if not views:
            return
        if not applies:
            args.not_applicable(f"does not apply in stage {session.context.stage}")
        judgement = judge_together(rule, views, None, session.values(rule))
        session.settle(rule, views[0], judgement, report)
        if judgement.broken:
            raise _RuleFailedError(judgement.stopped)
        if judgement.verdict is Verdict.UNDETERMINED:
            args.not_applicable(f"undetermined: {judgement.stopped}")

    repair = remediation.REPAIRS.get(rule.name)

    def remediate(args: pulumi_policy.ResourceValidationArgs) -> Any:
        if not applies or repair is None or not isinstance(args.props, Raw):
            return None
        resource = Resource(args.urn, args.props.plain, parent=args.opts.parent)
        # A change is a path to a property, and has to find it where the program has it.
        if resource.type not in reads or resource.has_other_names:
            return None
        values = session.values(rule) or rule.defaults()
        if session.context.exemptions.find(rule.name, resource.urn, resource.name):
            return None
        changes = remediation.repair(rule, repair, resource, values)
        return (
            Raw(remediation.apply(args.props, changes), remediation.apply(args.props.plain, changes))
            if changes
            else None
        )

    policy = pulumi_policy.ResourceValidationPolicy(
        validate=validate, remediate=remediate if repair else None, **_facts(rule, session.context.stage)
    )
    setattr(policy, READS, reads)
    return policy


def _baseline_policy(session: Session) -> pulumi_policy.Policy:
    """Return a policy that reports nothing: it is there to be configured, and leads from the pack's service to the
    session."""

    def validate(args: pulumi_policy.ResourceValidationArgs, report: Report) -> None:
        pass

    entry = {"type": "object", "properties": {"rule": {"type": "string"}, "urn": {"type": "string"}}}
    policy = pulumi_policy.ResourceValidationPolicy(
        name=BASELINE,
        description="Findings that were known when the pack was adopted do not fail",
        validate=validate,
        enforcement_level=pulumi_policy.EnforcementLevel.ADVISORY,
        config_schema=pulumi_policy.PolicyConfigSchema({"findings": {"type": "array", "items": entry}}),
        tags=["baseline"],
    )
    setattr(policy, SESSION, session)
    return policy


def _stack_policy(rule: Rule, session: Session) -> pulumi_policy.Policy:
    applies = rule.applies(session.context.stage)

    def validate(args: pulumi_policy.StackValidationArgs, report: Report) -> None:
        stack = session.stack()
        if not applies:
            args.not_applicable(f"does not apply in stage {session.context.stage}")
        broken = []
        for views in stack.wholes(*rule.reads):
            judgement = judge_together(rule, views, stack, session.values(rule))
            session.settle(rule, views[0], judgement, report)
            if judgement.broken:
                broken.append(f"{judgement.stopped} (on {views[0].urn})")
        if broken:
            raise _RuleFailedError("; ".join(broken))

    policy = pulumi_policy.StackValidationPolicy(validate=validate, **_facts(rule, session.context.stage))
    setattr(policy, READS, frozenset(rule.reads))
    return policy


def _problem_policy(policy: Policy, session: Session) -> pulumi_policy.Policy:
    def validate(args: pulumi_policy.StackValidationArgs, report: Report) -> None:
        for problem in session.problems(policy):
            report(f"{problem.message}\nFix: {policy.fix}", problem.urn)

    return pulumi_policy.StackValidationPolicy(
        name=policy.name,
        description=policy.title,
        display_name=policy.title,
        validate=validate,
        severity=_severity(policy.severity),
        enforcement_level=_LEVELS[policy.level(session.context.stage)],
        config_schema=_schema(policy),
        tags=[policy.name.partition("-")[0]],
        remediation_steps=policy.fix,
    )


def _note_policy(
    name: str, title: str, fix: str, messages: Callable[[], list[tuple[str, str]]]
) -> pulumi_policy.Policy:
    def validate(args: pulumi_policy.StackValidationArgs, report: Report) -> None:
        for message, urn in messages():
            report(message, urn)

    return pulumi_policy.StackValidationPolicy(
        name=name,
        description=title,
        display_name=title,
        validate=validate,
        severity=pulumi_policy.Severity.LOW,
        enforcement_level=pulumi_policy.EnforcementLevel.ADVISORY,
        tags=["notes"],
        remediation_steps=fix,
    )


def _facts(rule: Rule, stage: str) -> dict[str, Any]:
    return {
        "name": rule.name,
        "description": rule.title,
        "display_name": rule.title,
        "enforcement_level": _LEVELS[rule.level(stage)],
        "severity": _severity(rule.severity),
        "config_schema": _schema(rule),
        "framework": _framework(rule),
        "tags": [rule.topic, *rule.ids],
        "remediation_steps": f"{rule.fix}\n\nWhy: {rule.why}",
        "url": rule.url,
    }


def _schema(policy: Policy) -> pulumi_policy.PolicyConfigSchema | None:
    properties = {setting.name: setting.to_schema() for setting in policy.settings}
    return pulumi_policy.PolicyConfigSchema(properties) if properties else None


def _framework(rule: Rule) -> pulumi_policy.PolicyComplianceFramework | None:
    controls = [id_.removeprefix("fsbp:") for id_ in rule.ids if id_.startswith("fsbp:")]
    return pulumi_policy.PolicyComplianceFramework(name=FRAMEWORK, reference=controls[0]) if controls else None


def _severity(severity: Severity) -> pulumi_policy.Severity:
    return pulumi_policy.Severity(severity.value)


def _setting(key: str) -> Any:
    """Return an object of the stack's configuration; a text that is not JSON comes back as the text, to be complained
    about."""
    config = pulumi.Config("groundwork")
    try:
        return config.get_object(key)
    except pulumi.ConfigTypeError:
        return config.get(key)
