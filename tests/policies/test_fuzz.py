"""The pack on what nobody would write: a crash of the pack would take the whole deployment down."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any

import pytest
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel
from pulumi_policy import policy as sdk
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from guardrails import pack
from guardrails.assessment import assess
from guardrails.catalogue import rules, rules_by_type
from guardrails.context import PolicyContext, configured
from guardrails.exemptions import read as read_exceptions
from guardrails.kinds import token
from guardrails.remediation import REPAIRS
from guardrails.sdk import decode_once
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource
from tests import drawing
from tests.policies.fixtures import cases, urn_of

CASES = cases()
TYPES = sorted(rules_by_type())
KEYS = sorted({key for case in CASES for resource in case.stack.resources for key in resource.value})
WORDS = [
    "",
    "*",
    "0.0.0.0/0",
    "not/a/range",
    "-1",
    "22",
    "tcp",
    "arn:",
    "arn:aws:iam::111122223333:root",
    "true",
    "{",
    '{"Statement": 7}',
    '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": [7]}, "Action": {}, "Resource": null}]}',
    '[{"name": 7}]',
    "\u0000",
    "é" * 40,
    "²",
    "--5",
    "٣",
]


def tree(random: Random, others: Sequence[Any]) -> Any:
    """A value of any form, of words that rules look for and of ``others``."""
    return drawing.tree(
        random, [*WORDS, *others * 2], lambda _: random.choice(KEYS) if random.randrange(3) else drawing.text(random, 4)
    )


@cache
def properties(type_: str) -> list[str]:
    """What rules read of a type, as far as the cases tell."""
    return sorted({key for case in CASES for one in case.stack.resources if one.type == type_ for key in one.value})


def not_broken(stack: Stack, seed: int | None = None) -> None:
    """``seed``: what the stack is drawn from, to draw it again."""
    broken = [outcome for outcome in assess(stack, PolicyContext()).outcomes if outcome.judgement.broken]
    assert [(seed, outcome.rule.name, outcome.judgement.stopped) for outcome in broken] == []


@pytest.mark.parametrize("seeds", [range(60), range(60, 120)])
def test_no_rule_breaks_on_any_properties(seeds: range) -> None:
    """Some types are left out each time, since rules go other ways where what they look for is not there."""
    for seed in seeds:
        random = Random(seed)
        resources = []
        for type_ in random.sample(TYPES, random.choice((len(TYPES), len(TYPES) // 2, len(TYPES) // 8))):
            keys = properties(type_) or ["name"]
            chosen = random.sample(keys, min(len(keys), random.randint(0, 6)))
            inputs = {key: tree(random, tuple(Opaque)) for key in chosen}
            resources += [Resource(urn_of(type_, "a"), inputs), Resource(urn_of(type_, "b"), dict(inputs))]
        not_broken(Stack(resources), seed)


def test_no_rule_breaks_on_a_case_that_is_damaged_in_one_place() -> None:
    for seed in range(600):
        random = Random(seed)
        damaged = []
        for resource in random.choice(CASES).stack.resources:
            inputs = json.loads(json.dumps(resource.value, default=str))
            if inputs and random.randrange(2):
                inputs[random.choice(sorted(inputs))] = tree(random, tuple(Opaque))
            damaged.append(Resource(resource.urn, inputs, property_dependencies=resource.property_dependencies))
        not_broken(Stack(damaged), seed)


def test_resources_that_name_each_other_in_a_circle_are_judged() -> None:
    """Every rule, with each resource of a case made from every other and from itself."""
    for case in CASES:
        urns = tuple(one.urn for one in case.stack.resources)
        circle = [
            Resource(one.urn, one.value, parent=urns[-1], property_dependencies=dict.fromkeys(one.value, urns))
            for one in case.stack.resources
        ]
        not_broken(Stack(circle))


def test_security_groups_in_a_circle_are_judged() -> None:
    group, rule = token("ec2/SecurityGroup"), token("vpc/SecurityGroupIngressRule")
    a, b = urn_of(group, "a"), urn_of(group, "b")
    not_broken(
        Stack(
            [
                Resource(a, {"ingress": [{"securityGroups": ["b-id"], "protocol": "-1"}]}, outputs={"id": "a-id"}),
                Resource(b, {"ingress": [{"securityGroups": ["a-id"], "self": True}]}, outputs={"id": "b-id"}),
                Resource(
                    urn_of(rule, "to-itself"),
                    {"securityGroupId": Opaque.UNKNOWN, "referencedSecurityGroupId": Opaque.UNKNOWN},
                    property_dependencies={"securityGroupId": (a,), "referencedSecurityGroupId": (a,)},
                ),
            ]
        )
    )


@pytest.mark.parametrize("urn", ["", "urn", "urn:pulumi:a::b::c::d", "urn:pulumi:a::b::aws:sqs/queue:Queue", "::::::"])
def test_a_urn_or_type_never_seen_is_passed_over(urn: str) -> None:
    not_broken(Stack([Resource(urn, {"a": Opaque.UNKNOWN}), Resource(urn, {})]))


WIRE = (
    UNKNOWN_STRING_VALUE,
    {rpc._special_sig_key: rpc._special_secret_sig, "value": "hidden"},
    {rpc._special_sig_key: rpc._special_secret_sig},
    {rpc._special_sig_key: rpc._special_resource_sig, "urn": "urn:pulumi:a::b::c::d"},
    {rpc._special_sig_key: "never-seen"},
    {rpc._special_sig_key: rpc._special_asset_sig, "text": "x"},
)


def test_the_analyzer_answers_any_message() -> None:
    """Through the SDK's own service: each resource, the stack, and repairs. Only bugs of ours raise there."""
    for seed in range(120):
        random, servicer = Random(seed), analyzer()
        requests = []
        for number in range(random.randint(1, 3)):
            type_ = random.choice([*TYPES, "aws:never/seen:Type", "pulumi:pulumi:Stack"])
            keys = [*properties(type_), "tags", "name"]
            inputs = {random.choice(keys): tree(random, WIRE) for _ in range(random.randint(0, 5))}
            request = analyzer_pb2.AnalyzeRequest(type=type_, urn=urn_of(type_, str(number)), name=str(number))
            request.properties.update(inputs)
            told = servicer.Analyze(request, None)
            assert not [(seed, one.message) for one in told.diagnostics if "rule failed" in one.message]
            repaired = servicer.Remediate(request, None)
            assert not [(seed, one.diagnostic) for one in repaired.remediations if one.diagnostic]
            requests.append(
                analyzer_pb2.AnalyzerResource(
                    type=type_,
                    urn=request.urn,
                    name=request.name,
                    properties=request.properties,
                    parent="urn:never-seen",
                )
            )
        told = servicer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=requests), None)
        assert not [(seed, one.message) for one in told.diagnostics if "rule failed" in one.message]
        assert not [(seed, one.message) for one in told.diagnostics if "hidden" in one.message]


def analyzer() -> Any:
    decode_once()
    servicer = sdk._PolicyAnalyzerServicer("p", "0.0.1", pack.build(PolicyContext()), EnforcementLevel.MANDATORY)
    level = analyzer_pb2.EnforcementLevel.Value("REMEDIATE")
    configuration = {name: analyzer_pb2.PolicyConfig(enforcementLevel=level) for name in REPAIRS}
    servicer.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=configuration), None)
    return servicer


def test_exceptions_may_hold_anything() -> None:
    for seed in range(400):
        read_exceptions(tree(Random(seed), ()), datetime.date(2026, 3, 1), {"sqs-encrypted"})


@pytest.mark.parametrize(
    "date", ["2026-13-01", "2026-02-30", "soon", "", 7, None, [], {}, "9999-99-99", "２０２６-01-01"]
)
def test_a_date_that_is_none_makes_an_exception_invalid(date: Any) -> None:
    entry = {"rule": "sqs-encrypted", "resource": "a", "reason": "because", "owner": "me", "expires": date}
    read = read_exceptions([entry], datetime.date(2026, 3, 1), {"sqs-encrypted"})
    assert (read.valid, len(read.problems)) == ((), 1)
    assert "expires" in read.problems[0].message


def test_a_policy_configuration_may_hold_anything() -> None:
    names = [rule.name for rule in rules()]
    for seed in range(200):
        random = Random(seed)
        configured(tree(random, ()))
        configured({random.choice(names): tree(random, ()) for _ in range(5)})
