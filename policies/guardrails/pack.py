"""The rules as policies of Pulumi's engine. The only module that imports pulumi and pulumi_policy.

The SDK asks every policy about every resource, decodes the resource again for each, and the whole stack again for each
stack policy; it hands secrets over in clear, and unknowns as proxies that raise. :func:`_decode_once` puts one decoder in
that place: each message is turned once into plain values in which unknowns and secrets are marked, and only the policies
that read its type are asked (see ``docs/policies.md`` for what that saves).
"""

from __future__ import annotations

import copy
import datetime
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_policy
from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi_policy import policy as sdk_policy
from pulumi_policy import proxy

from guardrails import baseline, remediation, settings
from guardrails.catalogue import rules
from guardrails.context import BASELINE, FACTS, SETTINGS_INVALID, Context
from guardrails.exemptions import UNMATCHED, Exemption, Fact, Problem
from guardrails.judgement import Judgement, Verdict, judge_together
from guardrails.rules import Level, Rule, Severity, Values
from guardrails.stack import Stack
from guardrails.unjudged import UNJUDGED, unjudged
from guardrails.view import Opaque, Resource, type_read_as

FRAMEWORK = "AWS Foundational Security Best Practices"
_LEVELS = {level: pulumi_policy.EnforcementLevel(level.value) for level in Level}
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

_READS = "reads"
"""On a policy: the types its rule reads. A policy without it is always asked."""
_SESSION = "session"
"""On the first policy: what all of them share."""
_POLICIES = "_PolicyAnalyzerServicer__policies"
"""Where the SDK's service keeps its policies."""

Report = Callable[..., None]
sdk: Any = sdk_policy


def policies() -> list[pulumi_policy.Policy]:
    """Every rule as a policy of its own, for the stack whose configuration the engine gave this process."""
    _decode_once()
    today = datetime.datetime.now(datetime.UTC).date()
    file = os.environ.get(baseline.ENVIRONMENT)
    known = baseline.load(Path(file)) if file else None
    return build(Context.of(_setting("platform"), _setting("exceptions"), today, known))


def build(context: Context, catalogue: Iterable[Rule] | None = None) -> list[pulumi_policy.Policy]:
    """The policies for one stage and set of exceptions."""
    session = Session(context)
    chosen = tuple(rules() if catalogue is None else catalogue)
    return [
        _baseline_policy(session),
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


class Session:
    """What the process remembers of the one deployment it serves."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._inputs: dict[str, Resource] = {}
        self._stack = Stack(())
        self._excepted: dict[tuple[str, str], Exemption] = {}
        self._touched: set[Exemption] = set()
        self._waiting: dict[tuple[str, str], Rule] = {}
        self._known: set[tuple[str, str]] = set()
        self._present: set[tuple[str, str]] = set()
        self._silent: frozenset[str] = frozenset()
        self._values: dict[str, Values] = {}
        self._setting_problems: tuple[str, ...] = ()

    def configure(self, configuration: Mapping[str, Mapping[str, Any]], silent: Iterable[str]) -> None:
        """Take settings and baseline from the policy configuration, and which rules are disabled."""
        subjects: tuple[Rule | Fact, ...] = (*rules(), *FACTS)
        read = {
            subject.name: settings.values_of(subject.name, subject.settings, configuration.get(subject.name, {}))
            for subject in subjects
        }
        self._values = {name: values for name, (values, _) in read.items()}
        self._setting_problems = tuple(problem for _, problems in read.values() for problem in problems)
        self._silent = frozenset(silent)
        known = baseline.configured(configuration.get(BASELINE))
        if known:
            self.context = replace(self.context, baseline=known)

    def values(self, subject: Rule | Fact) -> Values | None:
        """The settings of a rule as the engine was configured; None for their defaults."""
        return self._values.get(subject.name)

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
        """Report a failure unless it is excepted; remember what is excepted and what could not be told."""
        key = (rule.name, resource.urn)
        self._waiting.pop(key, None)
        self._excepted.pop(key, None)
        self._known.discard(key)
        self._present.discard(key)
        if judgement.verdict is Verdict.PASS:
            return
        self._present.add(key)
        exemption = self.context.exemptions.find(rule.name, resource.urn, resource.name)
        if exemption:
            self._touched.add(exemption)
        verdict = self.context.verdict(rule, resource.urn, judgement, exemption)
        if verdict is Verdict.UNDETERMINED:
            self._waiting[key] = rule
        elif verdict is Verdict.EXCEPTED and exemption:
            self._excepted[key] = exemption
        elif verdict is Verdict.KNOWN:
            self._known.add(key)
        else:
            for message in judgement.messages:
                report(f"{message}\nFix: {rule.fix}", resource.urn)

    def problems(self, fact: Fact) -> list[Problem]:
        if fact is UNMATCHED:
            return self.context.exemptions.unmatched(self._touched)
        if fact is baseline.VANISHED:
            return self.context.baseline.vanished(self._present, self._silent)
        if fact is SETTINGS_INVALID:
            return [Problem(fact, "settings", text) for text in self._setting_problems]
        if fact is UNJUDGED:
            return list(unjudged(self._stack.resources).problems(self.values(fact) or fact.defaults()))
        return [problem for problem in self.context.problems() if problem.fact is fact]

    def known(self) -> list[tuple[str, str]]:
        """One message that counts what the baseline holds, by rule."""
        counts = Counter(rule for rule, _ in self._known)
        return [(f"{counts.total()} known: {_listing(counts)}", "")] if counts else []

    def active(self) -> list[tuple[str, str]]:
        """A message and a URN for each finding that an exception covers."""
        return [(f"{rule}: {exemption.describe()}", urn) for (rule, urn), exemption in sorted(self._excepted.items())]

    def waiting(self) -> list[tuple[str, str]]:
        """One message that counts the judgements that could not be made, by rule."""
        counts = Counter(rule.name for (_, urn), rule in self._waiting.items() if self._still_waits(rule, urn))
        return [(f"{counts.total()} undetermined: {_listing(counts)}", "")] if counts else []

    def _still_waits(self, rule: Rule, urn: str) -> bool:
        """Whether the rule cannot tell even now that it is known what each property is made from."""
        resource = self._stack.by_urn.get(urn)
        views = resource.read_as(rule.reads) if resource else []
        if not views:
            return True
        return judge_together(rule, views, self._stack, self.values(rule)).verdict is Verdict.UNDETERMINED


def _listing(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))


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
        if not applies or repair is None or not isinstance(args.props, _Raw):
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
            _Raw(remediation.apply(args.props, changes), remediation.apply(args.props.plain, changes))
            if changes
            else None
        )

    policy = pulumi_policy.ResourceValidationPolicy(
        validate=validate, remediate=remediate if repair else None, **_facts(rule, session.context.stage)
    )
    setattr(policy, _READS, reads)
    return policy


def _baseline_policy(session: Session) -> pulumi_policy.Policy:
    """Reports nothing: it is there to be configured, and leads from the pack's service to the session."""

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
    setattr(policy, _SESSION, session)
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
    setattr(policy, _READS, frozenset(rule.reads))
    return policy


def _problem_policy(fact: Fact, session: Session) -> pulumi_policy.Policy:
    def validate(args: pulumi_policy.StackValidationArgs, report: Report) -> None:
        for problem in session.problems(fact):
            report(f"{problem.message}\nFix: {fact.fix}", problem.urn)

    return pulumi_policy.StackValidationPolicy(
        name=fact.name,
        description=fact.title,
        display_name=fact.title,
        validate=validate,
        severity=_severity(fact.severity),
        enforcement_level=_LEVELS[fact.level],
        config_schema=_schema(fact),
        tags=[fact.name.partition("-")[0]],
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
        "config_schema": _schema(rule),
        "framework": _framework(rule),
        "tags": [rule.topic, *rule.ids],
        "remediation_steps": f"{rule.fix}\n\nWhy: {rule.why}",
        "url": rule.url,
    }


def _schema(subject: Rule | Fact) -> pulumi_policy.PolicyConfigSchema | None:
    properties = {setting.name: setting.to_schema() for setting in subject.settings}
    return pulumi_policy.PolicyConfigSchema(properties) if properties else None


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


class _Raw(dict[str, Any]):
    """Properties for a repair: as they came, so that secrets, unknowns and assets go back untouched; and plain, to be judged."""

    def __init__(self, properties: Mapping[str, Any], plain: dict[str, Any]) -> None:
        super().__init__(properties)
        self.plain = plain


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
    """Replace the SDK's three decoding steps."""
    if isinstance(sdk.json_format, _Decoder):
        return
    deserialize, proxied = sdk.deserialize_properties, sdk.unknown_checking_proxy

    def deserialize_once(props: dict[str, Any], proxy_secrets: bool = False) -> Any:
        if isinstance(props, _Plain):
            return _Raw(_as_it_came(props.message), props) if proxy_secrets else props
        return deserialize(props, proxy_secrets)

    def leave_plain(props: dict[str, Any]) -> Any:
        return props if isinstance(props, (_Plain, _Raw)) else proxied(props)

    sdk.json_format = _Decoder()
    sdk.deserialize_properties = deserialize_once
    sdk.unknown_checking_proxy = leave_plain
    sdk._PolicyAnalyzerServicer = _service(sdk._PolicyAnalyzerServicer)


def _service(base: Any) -> Any:
    """The SDK's service, which asks only the policies that read a message's types, and takes a stack apart once."""

    class Service(base):  # type: ignore[misc]
        def _session(self) -> Session:
            found: Session = getattr(getattr(self, _POLICIES)[0], _SESSION)
            return found

        def _asking(self, types: set[str]) -> Any:
            """A service of the policies that read one of the types; several messages are answered at the same time."""
            narrowed = copy.copy(self)
            asked = [
                policy
                for policy in getattr(self, _POLICIES)
                if not hasattr(policy, _READS) or not types.isdisjoint(getattr(policy, _READS))
            ]
            setattr(narrowed, _POLICIES, asked)
            return narrowed

        def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            answer = super().Configure(request, context)
            policies = getattr(self, _POLICIES)
            disabled = pulumi_policy.EnforcementLevel.DISABLED
            self._session().configure(
                {policy.name: self._get_policy_config(policy.name) or {} for policy in policies},
                {policy.name for policy in policies if self._get_enforcement_level(policy) == disabled},
            )
            return answer

        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802
            properties = sdk.json_format.MessageToDict(request.properties)
            resource = self._session().take_resource(request.urn, properties, request.options.parent)
            return base.Analyze(self._asking(resource.types), request, context)

        def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802
            stack = self._session().take_stack(request.resources)
            return base.AnalyzeStack(self._asking(stack.types), type(request)(), context)

        def Remediate(self, request: Any, context: Any) -> Any:  # noqa: N802
            asked = self._asking({type_read_as(request.urn)})
            repair = pulumi_policy.EnforcementLevel.REMEDIATE
            if not any(self._get_enforcement_level(policy) == repair for policy in getattr(asked, _POLICIES)):
                return sdk.proto.RemediateResponse()
            return base.Remediate(asked, request, context)

    return Service


def _as_it_came(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A message as JSON values, with every mark of the protocol left in."""
    return {key: _json_value(value) for key, value in struct.fields.items()}


def _json_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _as_it_came(value.struct_value)
    if kind == "list_value":
        return [_json_value(item) for item in value.list_value.values]
    return getattr(value, kind) if kind and kind != "null_value" else None


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
