"""The rules as policies of Pulumi's engine. The only module that imports pulumi and pulumi_policy.

The SDK decodes a resource again for every policy, and the whole stack again for every stack policy; it hands secrets
over in clear, and unknowns as proxies that raise. :func:`_decode_once` puts one decoder in that place: each message is
turned once into plain values in which unknowns and secrets are marked (see ``docs/policies.md`` for what that saves).
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pulumi
import pulumi_policy
from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi_policy import policy as sdk_policy
from pulumi_policy import proxy

from guardrails.catalogue import rules
from guardrails.context import Context
from guardrails.exemptions import FACTS, UNMATCHED, Exemption, Fact, Problem
from guardrails.judgement import Judgement, Verdict, judge
from guardrails.rules import Level, Rule, Severity
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource

FRAMEWORK = "AWS Foundational Security Best Practices"
_LEVELS = {
    Level.ADVISORY: pulumi_policy.EnforcementLevel.ADVISORY,
    Level.MANDATORY: pulumi_policy.EnforcementLevel.MANDATORY,
}
_UNKNOWNS = frozenset(
    (
        proxy.UNKNOWN_BOOLEAN_VALUE,
        proxy.UNKNOWN_NUMBER_VALUE,
        proxy.UNKNOWN_STRING_VALUE,
        proxy.UNKNOWN_ARRAY_VALUE,
        proxy.UNKNOWN_ASSET_VALUE,
        proxy.UNKNOWN_ARCHIVE_VALUE,
        proxy.UNKNOWN_OBJECT_VALUE,
    )
)

Report = Callable[..., None]
sdk: Any = sdk_policy


def policies() -> list[pulumi_policy.Policy]:
    """Every rule as a policy of its own, for the stack whose configuration the engine gave this process."""
    _decode_once()
    today = datetime.datetime.now(datetime.UTC).date()
    return build(Context.of(_setting("platform"), _setting("exceptions"), today))


def build(context: Context, catalogue: Iterable[Rule] | None = None) -> list[pulumi_policy.Policy]:
    """The policies for one stage and set of exceptions."""
    session = Session(context)
    chosen = tuple(rules() if catalogue is None else catalogue)
    return [
        *(_resource_policy(rule, session) for rule in chosen if not rule.between),
        *(_stack_policy(rule, session) for rule in chosen if rule.between),
        *(_problem_policy(fact, session) for fact in FACTS),
        _note_policy(
            "exception-active",
            "Exceptions that apply to this stack",
            "They need nothing now; each ends on its date.",
            session.active,
        ),
        _note_policy(
            "judgement-undetermined",
            "Judgements that wait for values known only after creation",
            "Nothing to do: the same rules judge again when the values are known, during the update.",
            session.waiting,
        ),
    ]


class Session:
    """What the process remembers of the one deployment it serves."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._inputs: dict[str, Resource] = {}
        self._stack: tuple[tuple[int, ...], Stack] = ((), Stack(()))
        self._excepted: dict[tuple[str, str], Exemption] = {}
        self._touched: set[Exemption] = set()
        self._waiting: dict[tuple[str, str], Rule] = {}

    def resource(self, args: pulumi_policy.ResourceValidationArgs) -> Resource:
        """The view of a resource: one for all rules, and kept for the rules between resources."""
        view = self._inputs.get(args.urn)
        if view is None or view.value is not args.props:
            view = self._inputs[args.urn] = Resource(args.urn, args.props, parent=args.opts.parent)
        return view

    def stack(self, args: pulumi_policy.StackValidationArgs) -> Stack:
        """The index of the stack: built for the first rule that asks, the same for those after it."""
        identity = tuple(id(resource.props) for resource in args.resources)
        if identity != self._stack[0]:
            self._stack = (identity, Stack(self._with_inputs(resource) for resource in args.resources))
        return self._stack[1]

    def _with_inputs(self, resource: pulumi_policy.PolicyResource) -> Resource:
        seen = self._inputs.get(resource.urn)
        return Resource(
            resource.urn,
            seen.value if seen else resource.props,
            outputs=resource.props,
            parent=resource.opts.parent,
            property_dependencies={
                name: tuple(other.urn for other in others) for name, others in resource.property_dependencies.items()
            },
        )

    def settle(self, rule: Rule, resource: Resource, judgement: Judgement, report: Report) -> None:
        """Report a failure unless it is excepted; remember what is excepted and what could not be told."""
        key = (rule.name, resource.urn)
        self._waiting.pop(key, None)
        self._excepted.pop(key, None)
        if judgement.verdict is Verdict.PASS:
            return
        exemption = self.context.exemptions.find(rule.name, resource.urn, resource.name)
        if exemption:
            self._touched.add(exemption)
        if judgement.verdict is Verdict.UNDETERMINED:
            self._waiting[key] = rule
        elif exemption:
            self._excepted[key] = exemption
        else:
            for message in judgement.messages:
                report(f"{message}\nFix: {rule.fix}", resource.urn)

    def problems(self, fact: Fact) -> list[Problem]:
        if fact is UNMATCHED:
            return self.context.exemptions.unmatched(self._touched)
        return [problem for problem in self.context.exemptions.problems if problem.fact is fact]

    def active(self) -> list[tuple[str, str]]:
        """A message and a URN for each finding that an exception covers."""
        return [(f"{rule}: {exemption.describe()}", urn) for (rule, urn), exemption in sorted(self._excepted.items())]

    def waiting(self) -> list[tuple[str, str]]:
        """One message that counts the judgements that could not be made, by rule."""
        counts = Counter(rule.name for (_, urn), rule in self._waiting.items() if self._still_waits(rule, urn))
        listing = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
        return [(f"{counts.total()} undetermined: {listing}", "")] if counts else []

    def _still_waits(self, rule: Rule, urn: str) -> bool:
        """Whether the rule cannot tell even now that it is known what each property is made from."""
        stack = self._stack[1]
        resource = stack.by_urn.get(urn)
        return resource is None or judge(rule, resource, stack).verdict is Verdict.UNDETERMINED


class _RuleFailedError(proxy.UnknownValueError):
    """Reaches the SDK as the one exception that it shows as advisory and that does not end the deployment."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self)
        self.message = message


def _resource_policy(rule: Rule, session: Session) -> pulumi_policy.Policy:
    reads = frozenset(rule.reads)
    applies = rule.applies(session.context.stage)

    def validate(args: pulumi_policy.ResourceValidationArgs, report: Report) -> None:
        resource = session.resource(args)
        if args.resource_type not in reads:
            return
        if not applies:
            args.not_applicable(f"does not apply in stage {session.context.stage}")
        judgement = judge(rule, resource)
        session.settle(rule, resource, judgement, report)
        if judgement.broken:
            raise _RuleFailedError(judgement.stopped)
        if judgement.verdict is Verdict.UNDETERMINED:
            args.not_applicable(f"undetermined: {judgement.stopped}")

    return pulumi_policy.ResourceValidationPolicy(validate=validate, **_facts(rule, session.context.stage))


def _stack_policy(rule: Rule, session: Session) -> pulumi_policy.Policy:
    applies = rule.applies(session.context.stage)

    def validate(args: pulumi_policy.StackValidationArgs, report: Report) -> None:
        stack = session.stack(args)
        if not applies:
            args.not_applicable(f"does not apply in stage {session.context.stage}")
        broken = []
        for resource in stack.of_type(*rule.reads):
            judgement = judge(rule, resource, stack)
            session.settle(rule, resource, judgement, report)
            if judgement.broken:
                broken.append(f"{judgement.stopped} (on {resource.urn})")
        if broken:
            raise _RuleFailedError("; ".join(broken))

    return pulumi_policy.StackValidationPolicy(validate=validate, **_facts(rule, session.context.stage))


def _problem_policy(fact: Fact, session: Session) -> pulumi_policy.Policy:
    def validate(args: pulumi_policy.StackValidationArgs, report: Report) -> None:
        for problem in session.problems(fact):
            report(f"{problem.message}\nFix: {fact.fix}")

    return pulumi_policy.StackValidationPolicy(
        name=fact.name,
        description=fact.title,
        display_name=fact.title,
        validate=validate,
        severity=_severity(fact.severity),
        enforcement_level=_LEVELS[fact.level],
        tags=["exceptions"],
        remediation_steps=fact.fix,
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
        "framework": _framework(rule),
        "tags": [rule.topic, *rule.ids],
        "remediation_steps": f"{rule.fix}\n\nWhy: {rule.why}",
    }


def _framework(rule: Rule) -> pulumi_policy.PolicyComplianceFramework | None:
    controls = [id_.removeprefix("fsbp:") for id_ in rule.ids if id_.startswith("fsbp:")]
    return pulumi_policy.PolicyComplianceFramework(name=FRAMEWORK, reference=controls[0]) if controls else None


def _severity(severity: Severity) -> pulumi_policy.Severity:
    return pulumi_policy.Severity(severity.value)


def _setting(key: str) -> Any:
    """An object of the stack's configuration; a text that is not JSON comes back as the text, to be complained about."""
    config = pulumi.Config("groundwork")
    try:
        return config.get_object(key)
    except pulumi.ConfigTypeError:
        return config.get(key)


class _Plain(dict[str, Any]):
    """Properties that need no more decoding, and the message they came from."""

    message: struct_pb2.Struct


class _Decoder:
    """Stands where the SDK expects ``google.protobuf.json_format``."""

    def __init__(self) -> None:
        # The messages are kept, so that no two of them ever have the same id.
        self._decoded: dict[int, _Plain] = {}

    def MessageToDict(self, message: struct_pb2.Struct) -> _Plain:  # noqa: N802 - the name the SDK calls
        plain = self._decoded.get(id(message))
        if plain is None:
            plain = _Plain(plain_properties(message))
            plain.message = message
            self._decoded[id(message)] = plain
        return plain


def _decode_once() -> None:
    """Replace the SDK's three decoding steps for validations; remediations keep the SDK's own."""
    if isinstance(sdk.json_format, _Decoder):
        return
    deserialize, proxied = sdk.deserialize_properties, sdk.unknown_checking_proxy

    def deserialize_once(props: dict[str, Any], proxy_secrets: bool = False) -> Any:
        if isinstance(props, _Plain):
            return deserialize(json_format.MessageToDict(props.message), True) if proxy_secrets else props
        return deserialize(props, proxy_secrets)

    def leave_plain(props: dict[str, Any]) -> Any:
        return props if isinstance(props, _Plain) else proxied(props)

    sdk.json_format = _Decoder()
    sdk.deserialize_properties = deserialize_once
    sdk.unknown_checking_proxy = leave_plain


def plain_properties(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A message as plain values: whole numbers as ints, unknowns and secrets as :class:`Opaque`."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return Opaque.UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
    return None


def _plain_struct(struct: struct_pb2.Struct) -> Any:
    fields = struct.fields
    if rpc._special_sig_key not in fields:
        return plain_properties(struct)
    signature = fields[rpc._special_sig_key].string_value
    if signature == rpc._special_secret_sig:
        return Opaque.SECRET
    if signature == rpc._special_resource_sig:
        return fields["urn"].string_value
    return {key: _plain(item) for key, item in fields.items() if key != rpc._special_sig_key}
