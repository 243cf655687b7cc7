"""What AWS would refuse although it is typed as it should be: by its own models, its pages, and its quotas."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import re
from collections.abc import Collection
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from groundwork.cli.faces import FACES, rendered
from groundwork.cli.main import run
from groundwork.cli.running import run_stack
from groundwork.components.settings import Settings
from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.refusals.addresses import address_shortages
from groundwork.preview.refusals.constraints import EVERY_TYPE, FILE, TYPES, Constraint, constraints_of, known_types
from groundwork.preview.refusals.findings import with_refusals
from groundwork.preview.refusals.inputs import refused_inputs
from groundwork.preview.refusals.interfaces import interface_shortages
from groundwork.preview.refusals.offers import as_of, classes_of, refused_offers, unknown_offers
from groundwork.preview.refusals.quotas import ANY_TYPE, exceeded, sums
from groundwork.preview.refusals.reference import page
from groundwork.preview.reports.report import Report
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.names import args_class, properties
from groundwork.preview.terraform.shapes import ShapeKind, shape_of
from groundwork.preview.verdicts import Verdicts, judge
from groundwork.settings.data_file import read_data
from groundwork.settings.facts import (
    Count,
    app_runner_regions,
    classes,
    instance_classes,
    quotas,
    regions,
    search_classes,
)
from groundwork.settings.mistakes import Mistakes
from guardrails.judgement import Verdict
from guardrails.view import Opaque
from tests.stacks import ROOT, STACKS, loaded, snapshot_of
from tests.writing import mistakes_in, write_stack_file


def resource(type_: str, name: str = "it", **inputs: Any) -> Resource:
    return Resource(f"urn:pulumi:dev::shop::{type_}::{name}", type_, name, True, None, inputs, {})


def snapshot(*resources: Resource) -> Snapshot:
    return Snapshot("shop", "dev", "eu-west-1", False, {}, resources, {})


def refused(type_: str, name: str = "it", **inputs: Any) -> list[tuple[str, str]]:
    return [(one.input, one.reason) for one in refused_inputs(snapshot(resource(type_, name, **inputs)))]


# The models


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknown"])
def test_aws_refuses_no_input_of_any_stack(unknowns: bool) -> None:
    found = [
        f"{stack}: {one.resource.name} {one.input} {one.reason}"
        for stack in STACKS
        for one in refused_inputs(snapshot_of(stack, unknowns))
    ]
    assert found == []


def test_every_type_that_a_stack_builds_is_one_that_is_looked_at_or_left_out_on_purpose() -> None:
    table = read_data(TYPES)
    built = {one.type for stack in STACKS for one in snapshot_of(stack).resources if one.type.startswith("aws:")}
    assert built - known_types() - set(table["without"]) == set()
    assert known_types() == set(table["types"])
    assert set(table["pages"]) - {EVERY_TYPE} <= set(table["types"])


def test_much_of_what_stacks_say_is_looked_at() -> None:
    """A mapping of names that finds nothing would refuse nothing."""
    places = {
        (one.type, key)
        for stack in STACKS
        for one in snapshot_of(stack).resources
        if one.type in known_types()
        for key, value in one.inputs.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and not key.endswith(("Id", "Arn"))
    }
    looked_at = {(type_, key) for type_, key in places if key in constraints_of(type_)}
    assert len(looked_at) > 0.45 * len(places)
    assert [type_ for type_ in known_types() if not constraints_of(type_)] == []


@pytest.mark.parametrize(
    ("type_", "inputs", "found"),
    [
        ("aws:sqs/queue:Queue", {"visibilityTimeoutSeconds": 50_000}, [("visibilityTimeoutSeconds", "is more than 43200")]),
        ("aws:iam/role:Role", {"tags": {"a&b": "c"}}, [("tags.a&b", r"does not have the form ^(?:[\w\s\d_.:/=+\-@]+)$")]),
        ("aws:iam/role:Role", {"tags": {"a": "c<"}}, [("tags.a", r"does not have the form ^(?:[\w\s\d_.:/=+\-@]*)$")]),
        ("aws:iam/role:Role", {"description": "naïve 日本"}, [("description", r"does not have the form ^(?:[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*)$")]),
        ("aws:iam/role:Role", {"maxSessionDuration": 60}, [("maxSessionDuration", "is less than 3600")]),
        ("aws:lb/targetGroup:TargetGroup", {"protocol": "HTP"}, [("protocol", "is none of HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC; did you mean \"HTTP\"?")]),
        ("aws:lb/targetGroup:TargetGroup", {"port": 70_000}, [("port", "is more than 65535")]),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", {"alarmActions": list("abcdef")}, [("alarmActions", "has 6 entries, and the most is 5")]),
        ("aws:ec2/securityGroup:SecurityGroup", {"description": "déjà"}, [("description", r"does not have the form ^[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]+$")]),
        ("aws:sqs/queue:Queue", {"visibilityTimeoutSeconds": Opaque.UNKNOWN, "kmsDataKeyReusePeriodSeconds": Opaque.SECRET}, []),
    ],
)  # fmt: skip
def test_forms_words_lengths_and_ranges_are_looked_at(type_: str, inputs: dict[str, Any], found: list[Any]) -> None:
    assert refused(type_, **inputs) == found


def test_a_name_that_pulumi_draws_counts_with_what_pulumi_adds() -> None:
    assert refused("aws:lb/targetGroup:TargetGroup", "a" * 24) == []
    assert refused("aws:lb/targetGroup:TargetGroup", "a" * 25) == [("name", "has 33 characters, and the most is 32")]
    assert refused("aws:lb/targetGroup:TargetGroup", "a" * 25, namePrefix="a") == []
    assert refused("aws:sqs/queue:Queue", "q" * 68) == []
    assert refused("aws:sqs/queue:Queue", "q" * 68, fifoQueue=True) == [
        ("name", "has 81 characters, and the most is 80")
    ]


def test_words_in_another_case_are_the_providers_business() -> None:
    assert Constraint(words=("ENABLED",)).refusal("enabled") is None


def test_every_pattern_is_one_of_pythons_and_the_file_says_where_it_is_from() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert re.search(r'"botocore": "[\d.]+, Apache-2.0"', text)
    assert re.search(r'"cfn-lint": "[\d.]+, MIT-0"', text)
    assert len(text) < 200_000
    for type_ in known_types():
        for constraint in constraints_of(type_).values():
            re.compile(constraint.pattern or "")


LONG, OTHER, QUEUE = "p23456789-123456789-1234", "s23456789-123456789-1234", f"q{'1' * 34}.fifo"


@pytest.mark.parametrize("engine", ["fargate", "eks", "ec2"])
def test_the_longest_names_that_settings_take_are_ones_that_aws_takes(engine: str, tmp_path: Path) -> None:
    sized = "cpu: 256, memory: 512, connections: 1, scaling: {min: 1, max: 2}"
    uses = f"database: connect, cache: connect, {OTHER[:-1]}b: read-write, {OTHER[:-1]}s: read"
    write_stack_file(
        tmp_path,
        f"""
config:
  aws:region: ap-northeast-1
  groundwork:platform: {{name: {LONG}, stage: staging, phase: growth, domain: shop.example.com}}
  groundwork:compute: {{engine: {engine}}}
  groundwork:services:
    {OTHER}: {{port: 3000, path: "/*", {sized}, uses: {{{uses}, {QUEUE}: send}}}}
    {OTHER[:-1]}w: {{{sized}, uses: {{{QUEUE}: consume}}}}
  groundwork:storage:
    {OTHER[:-1]}b: {{purpose: media, cdn: true}}
  groundwork:secrets:
    {OTHER[:-1]}s: {{keys: [A]}}
  groundwork:messaging:
    queues: {{{QUEUE}: {{}}}}
    topics: {{{"t" * 40}: {{}}}}
  groundwork:data: {{replicas: {{{OTHER}: {{}}}}, proxy: {{}}}}
""",
        stack="staging",
        main=str(ROOT),
    )
    assert len(run_stack("staging", start=tmp_path).snapshot.resources) > 200


# Where it is said


def test_what_aws_refuses_ends_at_the_line_that_says_it(tmp_path: Path) -> None:
    write_stack_file(
        tmp_path,
        "config:\n"
        "  aws:region: eu-west-1\n"
        "  groundwork:platform: {name: shop, owner: me}\n"
        "  groundwork:secrets:\n"
        f"    keys: {{keys: [A], path: {'x' * 300}}}\n",
        program=f"""
            import pulumi_aws as aws
            aws.secretsmanager.Secret("mine", name="{"x" * 300}" * 2, kms_key_id="alias/a", tags={{"owner": "me"}})
            aws.sqs.Queue("jobs", visibility_timeout_seconds=50_000, kms_master_key_id="alias/a")
        """,
    )
    with pytest.raises(Mistakes) as raised:
        run_stack("dev", start=tmp_path)
    first, second = (str(one) for one in raised.value.mistakes)
    assert first == (
        'Pulumi.dev.yaml: AWS refuses "50000" as visibilityTimeoutSeconds of jobs (aws:sqs:Queue, declared at __main__.py:4): '
        "it is more than 43200"
    )
    assert second.startswith('Pulumi.dev.yaml:5 secrets.keys.path: AWS refuses "xxx')
    assert second.endswith('…" as name of mine (aws:secretsmanager:Secret): it has 600 characters, and the most is 512')


# Names


@pytest.mark.parametrize(
    ("type_", "most"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", 32),
        ("aws:lb/targetGroup:TargetGroup", 32),
        ("aws:opensearch/domain:Domain", 28),
        ("aws:elasticache/replicationGroup:ReplicationGroup", 40),
        ("aws:elasticache/cluster:Cluster", 50),
        ("aws:rds/instance:Instance", 63),
        ("aws:s3/bucket:Bucket", 63),
        ("aws:iam/role:Role", 64),
        ("aws:lambda/function:Function", 64),
        ("aws:sqs/queue:Queue", 80),
        ("aws:sfn/stateMachine:StateMachine", 80),
        ("aws:iam/instanceProfile:InstanceProfile", 128),
        ("aws:ec2/securityGroup:SecurityGroup", 255),
        ("aws:elasticache/subnetGroup:SubnetGroup", 255),
        ("aws:rds/subnetGroup:SubnetGroup", 255),
        ("aws:cloudwatch/logGroup:LogGroup", 512),
    ],
)
def test_a_name_with_seven_characters_and_a_dash_of_pulumis_is_as_long_as_aws_takes(type_: str, most: int) -> None:
    assert refused(type_, "a" * (most - 8)) == []
    assert [reason for _, reason in refused(type_, "a" * (most - 7))] == [
        f"has {most + 1} characters, and the most is {most}"
    ]


def test_tags_of_every_type_are_as_long_as_aws_takes_and_none_is_of_aws_itself() -> None:
    route = "aws:ec2/routeTable:RouteTable"
    assert refused(route, tags={"k" * 128: "v" * 256}) == []
    assert refused(route, tags={"k" * 129: "v"}) == [(f"tags.{'k' * 129}", "has 129 characters, and the most is 128")]
    assert refused(route, tags={"k": "v" * 257}) == [("tags.k", "has 257 characters, and the most is 256")]
    for type_ in (route, "aws:iam/role:Role"):
        assert [place for place, _ in refused(type_, tags={"AWS:stack": "v", "awsome": "v"})] == ["tags.AWS:stack"]


# Quotas


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknown"])
def test_no_stack_goes_beyond_a_quota(unknowns: bool) -> None:
    found = [
        f"{stack}: {one.found} {one.quota.words} {one.what}"
        for stack in STACKS
        for one in exceeded(snapshot_of(stack, unknowns), {})
    ]
    assert found == []


LINES = [(quota, count) for quota in quotas() for counts in quota.counted for count in counts]
ADDED_TO_OTHERS = ("one", "resource")
"""A resource by itself is never more than one; it is counted with what another line finds."""


def inputs_at(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    return dict(value)


def measured(count: Count, amount: int) -> list[dict[str, Any]]:
    """Inputs of resources that bring so much between them, as a line of the table counts it."""
    texts = [f"x{number}" for number in range(amount)]
    path = count.input[0] if count.input else ()
    match count.of:
        case "rules" if count.each == "resource":
            return [inputs_at(path, texts)]
        case "distinct" if count.each == "resource":
            return [inputs_at(path, texts)]
        case "alarms":
            return [inputs_at(path, " OR ".join(f'ALARM("{text}")' for text in texts))]
        case "one" | "rules":
            return [inputs_at(path, "x") if path else {} for _ in range(amount)]
        case "distinct":
            return [inputs_at(path, text) for text in texts]
        case "tags":
            return [inputs_at(path, dict.fromkeys(texts, ""))]
        case "nodes":
            return [inputs_at(count.input[2], amount)]
        case "capacity":
            return [inputs_at(path, [{"statement": {"geoMatchStatement": {}}}] * amount)]
    values = {
        "entries": texts,
        "longest": texts,
        "characters": "x " * amount,
        "bytes": "x" * amount,
        "decoded": base64.b64encode(b"x" * amount).decode(),
        "number": amount,
        "wildcards": ["*" * amount],
    }
    return [inputs_at(path, values[count.of])]


def built(count: Count, amount: int) -> list[Resource]:
    type_ = "aws:sqs/queue:Queue" if ANY_TYPE in count.types else count.types[0]
    through, _, key = count.each.partition(">")
    whole: dict[str, Any] = {} if through in ("resource", "region", "account") else {through: "whole"}
    parents = [resource("aws:x/parent:Parent", "parent", **{key: "whole"})] if key else []
    leads_to: dict[str, tuple[str, ...]] = {through: (parents[0].urn,)} if parents else {}
    by = {count.by: 7} if count.by else {}
    return [
        *parents,
        *(
            dataclasses.replace(
                resource(type_, f"it{number}", **{**count.only, **whole, **by, **inputs}),
                property_dependencies=leads_to,
            )
            for number, inputs in enumerate(measured(count, amount))
        ),
    ]


def test_each_line_of_the_table_takes_what_aws_takes_and_tells_one_more() -> None:
    wrong = []
    for quota, count in LINES:
        if (count.of, count.each) == ADDED_TO_OTHERS:
            continue
        for amount, told in ((quota.most, []), (quota.most + 1, [quota.most + 1])):
            found = [one.found for one in exceeded(snapshot(*built(count, amount)), {}) if one.quota.name == quota.name]
            if found != told:
                wrong.append(f"{quota.name}, {count.types[0]} at {amount}: {found}")
    assert wrong == []


def test_every_line_of_the_table_reads_inputs_that_pulumi_aws_has() -> None:
    wrong = []
    for quota, count in LINES:
        for type_ in set(count.types) - {ANY_TYPE}:
            args = args_class(type_)
            assert args, type_
            each = () if count.each in ("resource", "region", "account") else (count.each.split(">")[0],)
            for path in (
                *count.input,
                *((one,) for one in (*count.only, *count.without, *each, *filter(None, [count.by]))),
            ):
                wrong += [f"{quota.name}: {type_} {'.'.join(path)}"] if not is_an_input(args, path) else []
    assert wrong == []


def is_an_input(args: type, path: tuple[str, ...]) -> bool:
    found = properties(args).get(path[0])
    shape = shape_of(found) if found is not None else None
    if shape is None or len(path) == 1:
        return shape is not None
    # Into JSON the SDK says nothing of what there is.
    return (
        is_an_input(shape.args, path[1:])
        if shape.args
        else shape.kind in (ShapeKind.VALUE, ShapeKind.TEXT, ShapeKind.MAP)
    )


def test_every_quota_has_its_page_and_layers_that_a_stack_file_has() -> None:
    for quota in quotas():
        assert quota.source.startswith("https://docs.aws.amazon.com/"), quota.name
        assert set(quota.at) <= set(Settings.model_fields), quota.name


SERVICE_QUOTA = re.compile(r"support|[a-z0-9-]+(/L-[0-9A-F]{8})?")


def test_every_quota_is_hard_or_says_where_more_is_asked_for_or_refuses_nothing() -> None:
    asked = [quota.request for quota in quotas() if "/" in quota.request]
    assert sorted(asked) == sorted(set(asked)), "two limits cannot be one quota"
    for quota in quotas():
        assert [quota.hard, bool(quota.request), quota.unsure].count(True) == 1, quota.name
        assert quota.hard or quota.unsure or SERVICE_QUOTA.fullmatch(quota.request), quota.name
        assert quota.up_to is None or (quota.request and quota.up_to > quota.most), quota.name
        assert set(quota.in_regions) <= set(regions()), quota.name
        assert not quota.in_regions or {count.each for counts in quota.counted for count in counts} == {"region"}


def test_a_quota_is_asked_for_up_to_what_aws_grants() -> None:
    attached = [resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", str(n), role="web") for n in range(26)]
    [policies] = exceeded(snapshot(*attached), {})
    assert "AWS takes 20, and on request 25 at most (" in policies.sentence("platform.quotas: {}")


def test_a_quota_is_what_it_is_in_the_region() -> None:
    databases = [resource("aws:rds/instance:Instance", str(n), region="ap-south-1") for n in range(21)]
    [few] = exceeded(snapshot(*databases), {})
    assert (few.most, few.found) == (20, 21)
    assert not [*exceeded(snapshot(*databases), {"databases-per-region": 21})]
    assert not [*exceeded(snapshot(*(resource("aws:rds/instance:Instance", str(n)) for n in range(21))), {})]


def test_a_limit_that_aws_does_not_say_any_more_is_a_note_and_refuses_nothing() -> None:
    body = json.dumps({"widgets": [{"type": "text"}] * 501})
    board = snapshot(resource("aws:cloudwatch/dashboard:Dashboard", "all", dashboardBody=body))
    nothing = Verdicts(findings=(), rules=0, resources=0, judgements=0, passed=0)
    [found] = with_refusals(nothing, board).findings
    assert found.verdict is Verdict.UNDETERMINED
    assert "AWS took 500 and does not say any more how many" in found.message


GROUP = resource("aws:ec2/securityGroup:SecurityGroup", "database")


def rules(count: int, *, depends_on: dict[str, tuple[str, ...]] | None = None, **inputs: Any) -> list[Resource]:
    kind = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    one = {"securityGroupId": Opaque.UNKNOWN, **(inputs or {"referencedSecurityGroupId": "sg-1"})}
    leads_to = {"securityGroupId": (GROUP.urn,), **(depends_on or {})}
    return [
        GROUP,
        *(dataclasses.replace(resource(kind, str(n), **one), property_dependencies=leads_to) for n in range(count)),
    ]


def acl(*statements: dict[str, Any]) -> list[Resource]:
    return [resource("aws:wafv2/webAcl:WebAcl", "front", rules=[{"statement": one} for one in statements])]


CLOUDFRONT = ComputedValues("eu-west-1").for_invoke(
    "aws:ec2/getManagedPrefixList:getManagedPrefixList", {"name": "com.amazonaws.global.cloudfront.origin-facing"}
)["id"]
VPC = resource("aws:ec2/vpc:Vpc", "own")
OFFICE = resource("aws:ec2/managedPrefixList:ManagedPrefixList", "office", maxEntries=31)
LOWER = [{"priority": 0, "type": "LOWERCASE"}, {"priority": 1, "type": "NONE"}]


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        (rules(60), []),
        (rules(61), [("rules-per-security-group", 61, "database")]),
        (rules(2, prefixListId=CLOUDFRONT), [("rules-per-security-group", 110, "database")]),
        (rules(60, prefixListId="pl-1"), []),
        (
            [OFFICE, *rules(2, prefixListId=Opaque.UNKNOWN, depends_on={"prefixListId": (OFFICE.urn,)})],
            [("rules-per-security-group", 62, "database")],
        ),
        # IPv4 and IPv6 are counted apart, inside the group and beside it together.
        ([*rules(40, cidrIpv4="10.0.0.0/8"), *rules(40, cidrIpv6="::/0")[1:]], []),
        (
            [*rules(40, cidrIpv4="10.0.0.0/8")[1:], dataclasses.replace(GROUP, inputs={"ingress": [{"cidrBlocks": ["10.0.0.0/8"] * 21}]})],
            [("rules-per-security-group", 61, "database")],
        ),
        (
            [resource("aws:ecs/taskDefinition:TaskDefinition", "web", containerDefinitions="é" * 40_000)],
            [("task-definition-bytes", 80_000, "web")],
        ),
        ([resource("aws:ecs/taskDefinition:TaskDefinition", "web", containerDefinitions=json.dumps([{}] * 11))], [("containers-per-task", 11, "web")]),
        ([resource("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", str(n)) for n in range(11)], [("log-resource-policies", 11, "eu-west-1")]),
        (
            [
                *(resource("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", str(n)) for n in range(10)),
                resource("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "edge", region="us-east-1"),
            ],
            [],
        ),
        ([resource("aws:iam/rolePolicy:RolePolicy", str(n), role="web", policy='{ "a": 1 }' + "b" * 6000) for n in range(2)], [("role-policy-characters", 12_014, "web")]),
        ([resource("aws:ec2/launchTemplate:LaunchTemplate", "nodes", userData="QUJD" * 6000)], [("user-data-bytes", 18_000, "nodes")]),
        ([resource("aws:ec2/instance:Instance", "node", userData="QUJD" * 4000)], []),
        ([resource("aws:lambda/function:Function", "f", environment={"variables": {"A": "x" * 5000}})], [("function-environment-bytes", 5008, "f")]),
        ([resource("aws:cloudfront/distribution:Distribution", "cdn", aliases=["a"] * 101)], [("aliases-per-distribution", 101, "cdn")]),
        ([resource("aws:lambda/function:Function", "f", environment=Opaque.UNKNOWN)], []),
        (
            [resource("aws:lb/listenerRule:ListenerRule", str(n), listenerArn="l", priority=priority) for n, priority in enumerate((1, 2, 2))],
            [("priorities-per-listener", 2, "l, priority 2")],
        ),
        ([resource("aws:alb/listenerRule:ListenerRule", str(n), listenerArn="l", priority=1) for n in range(2)], [("priorities-per-listener", 2, "l, priority 1")]),
        ([resource("aws:lb/listenerRule:ListenerRule", "r", conditions=[{"hostHeader": {"values": ["a"] * 3}}, {"pathPattern": {"values": ["/a*", "/b*", "/*/?"]}}])], [("values-per-rule", 6, "r")]),
        ([resource("aws:apprunner/vpcConnector:VpcConnector", str(n)) for n in range(11)], [("app-runner-connectors-per-region", 11, "eu-west-1")]),
        ([resource("aws:elasticache/replicationGroup:ReplicationGroup", "c", numNodeGroups=31, replicasPerNodeGroup=2)], [("cache-nodes", 93, "c")]),
        ([resource("aws:cloudwatch/dashboard:Dashboard", "d", dashboardBody=json.dumps({"widgets": [{"properties": {"metrics": [["a"]] * 501}}]}))], [("metrics-per-widget", 501, "d")]),
        (
            [VPC, *(resource("aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation", str(n), vpcId=VPC.urn) for n in range(5))],
            [("address-blocks-per-vpc", 6, "own")],
        ),
        # What a provider gives to everything counts too.
        (
            [
                resource("pulumi:providers:aws", "default_7_0_0", defaultTags=json.dumps({"tags": {f"d{n}": "" for n in range(30)}})),
                resource("aws:sqs/queue:Queue", "few", tags={f"d{n}": "" for n in range(20)}),
                resource("aws:sqs/queue:Queue", "many", tags={f"t{n}": "" for n in range(21)}),
            ],
            [("tags-per-resource", 51, "many")],
        ),
        # AWS's own groups, a transformation that two statements share, a part of the request that costs more.
        (acl(*({"managedRuleGroupStatement": {"name": "AWSManagedRulesCommonRuleSet"}} for _ in range(7)), {"xssMatchStatement": {"fieldToMatch": {"body": {}}}}), []),
        (
            acl(
                *({"managedRuleGroupStatement": {"name": "AWSManagedRulesCommonRuleSet"}} for _ in range(7)),
                {"xssMatchStatement": {"fieldToMatch": {"jsonBody": {}}, "textTransformations": LOWER}},
                {"sqliMatchStatement": {"fieldToMatch": {"jsonBody": {}}, "textTransformations": LOWER}},
            ),
            [("web-acl-capacity", 4900 + 80 + 40 + 10, "front")],
        ),
        (
            acl(
                {"rateBasedStatement": {"customKeys": [{}] * 163, "scopeDownStatement": {"andStatement": {"statements": [
                    {"byteMatchStatement": {"positionalConstraint": "CONTAINS", "fieldToMatch": {"allQueryArguments": {}}}},
                    {"notStatement": {"statement": {"geoMatchStatement": {}}}},
                    {"ipSetReferenceStatement": {"ipSetForwardedIpConfig": {"position": "ANY"}}},
                ]}}}},
                {"managedRuleGroupStatement": {"name": "AWSManagedRulesUnixRuleSet"}},
            ),
            [("web-acl-capacity", 2 + 163 * 30 + 20 + 1 + 5 + 100, "front")],
        ),
    ],
)  # fmt: skip
def test_what_goes_beyond_a_quota_is_counted(resources: list[Resource], found: list[Any]) -> None:
    assert [(one.quota.name, one.found, one.what) for one in exceeded(snapshot(*resources), {})] == found


def test_the_capacity_of_our_web_acls_is_about_what_settings_say_of_it() -> None:
    """Two countings by the same page: one of settings before there are rules, one of the rules."""
    [quota] = [one for one in quotas() if one.name == "web-acl-capacity"]
    for stack in ("dev", "examples/mini-facebook/prod", "examples/storefront/prod@growth"):
        edge = loaded(stack).settings.edge
        assert edge
        assert edge.waf
        for found in sums(snapshot_of(stack), quota.counted[0]).values():
            # Settings leave out the paths that the rate does not count, with their two transformations.
            assert -2 <= found - edge.waf.capacity <= 30


def test_a_quota_that_aws_raised_is_raised_and_a_hard_one_is_not() -> None:
    many = snapshot(
        *rules(61), *(resource("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", str(n)) for n in range(11))
    )
    raised = {"rules-per-security-group": 61, "log-resource-policies": 11}
    assert [one.quota.name for one in exceeded(many, raised)] == ["log-resource-policies"]


def test_a_quota_is_told_at_its_layer_with_the_setting_that_says_that_it_was_raised(tmp_path: Path) -> None:
    program = """
        import pulumi_aws as aws
        group = aws.ec2.SecurityGroup("database", description="for it", vpc_id="vpc-1")
        for n in range(61):
            aws.vpc.SecurityGroupIngressRule(f"rule-{n}", security_group_id=group.id, ip_protocol="tcp", from_port=n, to_port=n, referenced_security_group_id="sg-1")
    """  # fmt: skip
    stack = (
        "config:\\n  aws:region: eu-west-1\\n  groundwork:services: {a: {}}\\n  groundwork:platform: {name: shop%s}\\n"
    )
    stack = stack.replace("\\n", "\n")
    write_stack_file(tmp_path, stack % "", program=program)
    with pytest.raises(Mistakes) as raised:
        run_stack("dev", start=tmp_path)
    assert str(raised.value) == (
        "Pulumi.dev.yaml:3 services: 61 rules of one direction in the security group database, and AWS takes 60 unless you ask for "
        "more (Service Quotas, vpc L-0EA8095F); once it is granted, say platform.quotas: {rules-per-security-group: 61} "
        "(https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups)"
    )
    write_stack_file(tmp_path, stack % ", quotas: {rules-per-security-group: 61}", program=program)
    assert run_stack("dev", start=tmp_path).snapshot.resources


def test_no_account_has_more_than_a_thousand_rules_times_groups(tmp_path: Path) -> None:
    stack = "groundwork:platform: {name: shop, quotas: {%s}}"
    assert mistakes_in(tmp_path, stack % "rules-per-security-group: 200") == []
    [message] = mistakes_in(tmp_path, stack % "rules-per-security-group: 250")
    assert message.endswith(
        "platform.quotas.rules-per-security-group: 250 rules in a security group and 5 groups on a network interface are 1,250, and AWS grants "
        "the two only where their product is at most 1,000; if AWS granted it with fewer, say security-groups-per-interface: 4 too"
    )
    assert mistakes_in(tmp_path, stack % "rules-per-security-group: 250, security-groups-per-interface: 4") == []


def test_a_quota_that_nobody_raises_is_a_mistake_to_name(tmp_path: Path) -> None:
    [message] = mistakes_in(tmp_path, "groundwork:platform: {name: shop, quotas: {log-resource-policies: 20}}")
    assert "platform.quotas.log-resource-policies: " in message
    assert "is not a quota that AWS raises; there are rules-per-security-group, " in message


def test_more_services_on_one_database_than_its_security_group_takes_rules(tmp_path: Path) -> None:
    workers = "\n".join(f"    w{number}: {{}}" for number in range(61))
    write_stack_file(
        tmp_path,
        f"""
config:
  aws:region: eu-west-1
  groundwork:platform: {{name: shop, stage: dev, phase: mvp}}
  groundwork:data: {{class: db.r6g.large, proxy: {{}}}}
  groundwork:services:
    "*": {{connections: 1, scaling: {{min: 1, max: 1}}, uses: {{database: connect}}}}
{workers}
""",
        main=str(ROOT),
    )
    with pytest.raises(Mistakes) as raised:
        run_stack("dev", start=tmp_path)
    assert str(raised.value).startswith(
        "Pulumi.dev.yaml:6 services: 61 rules of one direction in the security group shop-database-clients, and AWS takes 60 unless "
    )


# What is offered where

DATABASE, NODES, NODE = (
    "aws:rds/instance:Instance",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:ec2/instance:Instance",
)
DOMAIN, FUNCTION, CLUSTER = "aws:opensearch/domain:Domain", "aws:lambda/function:Function", "aws:eks/cluster:Cluster"
DAY = as_of()


def judged(
    type_: str, region: str = "eu-south-2", offered: tuple[str, ...] = (), **inputs: Any
) -> tuple[list[str], list[str]]:
    """What is refused, and what nobody knows."""
    stack = dataclasses.replace(snapshot(resource(type_, **inputs)), region=region)
    return [one.reason for one in refused_offers(stack, offered)], [
        one.reason for one in unknown_offers(stack, offered)
    ]


OFFERED: list[tuple[str, dict[str, Any]]] = [
    (DATABASE, {"instanceClass": "db.t4g.large", "engine": "postgres", "engineVersion": "16"}),
    (DATABASE, {"instanceClass": "db.t4g.large", "replicateSourceDb": "main"}),
    (DATABASE, {"engine": "postgres", "engineVersion": "16.4", "availabilityZone": "eu-south-2a"}),
    ("aws:rds/clusterInstance:ClusterInstance", {"instanceClass": "db.serverless", "engine": "aurora-postgresql"}),
    (NODES, {"nodeType": "cache.t4g.small", "engine": "valkey", "engineVersion": "8.0"}),
    (NODES, {"nodeType": "cache.t4g.small", "engineVersion": "6.x"}),
    (DOMAIN, {"clusterConfig": {"instanceType": "m7g.large.search", "dedicatedMasterType": "m7g.medium.search"}}),
    (NODE, {"instanceType": "t4g.micro", "availabilityZone": "eu-south-2-mad-1a"}),
    ("aws:autoscaling/group:Group", {"availabilityZones": ["eu-south-2a", "eu-south-2c"]}),
    ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["m7g.large", "c7g.large"], "version": "1.35"}),
    (FUNCTION, {"runtime": "python3.13"}),
    (DATABASE, {"instanceClass": Opaque.UNKNOWN, "engine": Opaque.UNKNOWN, "engineVersion": Opaque.SECRET}),
]


@pytest.mark.parametrize(("type_", "inputs"), OFFERED)
def test_nothing_is_said_of_what_aws_offers(type_: str, inputs: dict[str, Any]) -> None:
    assert judged(type_, **inputs) == ([], [])


@pytest.mark.parametrize(
    ("type_", "inputs", "refused", "unknown"),
    [
        (DATABASE, {"instanceClass": "db.t4g.larg"}, ['does not exist; did you mean "db.t4g.large"? If AWS offers it by now, say platform.offered: [db.t4g.larg]'], []),
        (DATABASE, {"instanceClass": "t4g.large"}, ['does not exist; did you mean "db.t4g.large"? If AWS offers it by now, say platform.offered: [t4g.large]'], []),
        (DATABASE, {"instanceClass": "db.z9x.large"}, [], [f"is not among the classes that AWS had on {DAY}"]),
        (NODE, {"instanceType": "t3.micr"}, ['does not exist; did you mean "t3.micro"? If AWS offers it by now, say platform.offered: [t3.micr]'], []),
        (NODES, {"nodeType": "cache.t3.huge"}, ["does not exist; "], []),
        (DOMAIN, {"clusterConfig": {"dedicatedMasterType": "t3.medium"}}, ['does not exist; did you mean "t3.medium.search"? If AWS offers it by now, say platform.offered: [t3.medium]'], []),
        (DATABASE, {"engine": "postgres", "engineVersion": "16.0"}, ['is no version of postgres; the nearest is "16.1"; if AWS offers it by now, say platform.offered: [16.0]'], []),
        (DATABASE, {"engine": "postgres", "engineVersion": "16.99"}, [], [f"is not among the versions of postgres that AWS had on {DAY}"]),
        (DATABASE, {"engine": "mysql", "engineVersion": "99"}, [], [f"is not among the versions of mysql that AWS had on {DAY}"]),
        (FUNCTION, {"runtime": "python3.6"}, ["has been taken from Lambda, also from functions that have it, on 2022-08-29; its successor is python3."], []),
        (CLUSTER, {"version": "1.28"}, ["has been without support since 2025-11-26"], []),
        (CLUSTER, {"version": "1.9"}, ["has been without support for long"], []),
        (CLUSTER, {"version": "2.0"}, [], ["is not among the versions that EKS had on 20"]),
        (NODE, {"availabilityZone": "eu-west-1a"}, ["is not in eu-south-2"], []),
        (NODE, {"availabilityZone": "eu-south-2f"}, [], ["is not among the zones that new accounts see; these are eu-south-2a, eu-south-2b, eu-south-2c"]),
        ("aws:apprunner/service:Service", {}, [f"has none of these as of {DAY}; there are some in ap-northeast-1, "], []),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused_and_what_may_be_newer_than_the_table_is_only_noted(
    type_: str, inputs: dict[str, Any], refused: list[str], unknown: list[str]
) -> None:
    for told, expected in zip(judged(type_, **inputs), (refused, unknown), strict=True):
        assert len(told) == len(expected)
        assert all(one.startswith(begin) for one, begin in zip(told, expected, strict=True)), told


def test_what_another_region_has_is_refused_with_the_nearest_that_this_one_has_unless_somebody_knows_better() -> None:
    lacking: dict[str, Any] = {
        "type_": DATABASE,
        "region": "ca-west-1",
        "instanceClass": "db.t4g.medium",
        "engine": "postgres",
    }
    [reason], nothing = judged(**lacking)
    assert reason == (
        f"is not offered in ca-west-1 as of {DAY}; there is db.t3.medium; if AWS offers it by now, say platform.offered: [db.t4g.medium]"
    )
    assert nothing == []
    assert judged(**lacking, offered=("db.t4g.medium",)) == ([], [])
    # Of a region that is newer than the table nobody knows anything, and an own region counts before the stack's.
    assert judged(DATABASE, "mars-north-1", instanceClass="db.t4g.medium", engine="postgres") == ([], [])
    there = resource(DATABASE, instanceClass="db.t4g.medium", region="eu-west-1")
    assert list(refused_offers(dataclasses.replace(snapshot(there), region="ca-west-1"))) == []


def test_what_no_stack_asks_for_in_vain_nor_without_being_known() -> None:
    for stack in STACKS:
        assert [(one.value, one.reason) for one in refused_offers(snapshot_of(stack))] == []
        assert [(one.value, one.reason) for one in unknown_offers(snapshot_of(stack))] == []


@pytest.mark.parametrize(
    ("kind", "known", "others"),
    [
        # Previous generations, of which there are no new ones, and the huge ones of x2idn.
        ("rds:postgres", classes("databases"), "t1 t2 m1 m2 m3 m4 r3 r4 x2idn"),
        # One of no new ones too, and one that tiers its data, which is another setting.
        ("cache", classes("caches"), "t2 r6gd"),
        # Previous generations, and those with disks of their own.
        (
            "search",
            search_classes(),
            "t2 m3 m4 c4 r3 r4 i2 i3 i4g i4i i7i i8g i8ge im4gn oi2 r6gd r7gd r8gd ultrawarm1",
        ),
    ],
)
def test_every_family_that_aws_has_is_taken(kind: str, known: Collection[str], others: str) -> None:
    """A class that the settings do not know is refused."""
    kept = re.compile(rf"(db\.|cache\.)?({others.replace(' ', '|')})\.")
    assert sorted(name for name in classes_of(kind) if name not in known and not kept.match(name)) == []


def test_every_class_that_settings_take_is_one_that_some_region_has() -> None:
    ours: dict[str, list[dict[str, Any]]] = {
        DATABASE: [{"instanceClass": name, "engine": "postgres"} for name in classes("databases")],
        NODES: [{"nodeType": name} for name in classes("caches") if not re.match(r"cache\.(t1|m1|m2|c1)\.", name)],
        NODE: [{"instanceType": name} for name in instance_classes()],
        DOMAIN: [{"clusterConfig": {"instanceType": name}} for name in search_classes()],
    }
    wrong = [
        (one, told)
        for type_, many in ours.items()
        for one in many
        if (told := judged(type_, "us-east-1", **one)) != ([], [])
    ]
    assert wrong == []
    assert [
        (one.value, one.reason)
        for type_, many in ours.items()
        for one in refused_inputs(snapshot(*(resource(type_, **said) for said in many)))
    ] == []
    lacking = [name for name in regions() if judged("aws:apprunner/service:Service", name)[0]]
    assert set(lacking).isdisjoint(app_runner_regions())


def test_every_input_that_offers_are_asked_of_is_one_that_pulumi_aws_has() -> None:
    for type_, rows in read_data(TYPES)["offers"].items():
        args = args_class(type_) if type_ != EVERY_TYPE else args_class(NODE)
        assert args, type_
        for path in rows:
            parts = tuple(path.replace("[]", "").split("."))
            assert path == "availabilityZones[]" or is_an_input(args, parts), f"{type_} {path}"


def test_a_class_that_a_region_lacks_ends_at_its_line_and_an_unknown_one_is_a_note(tmp_path: Path) -> None:
    stack = """
        config:
          aws:region: ca-west-1
          groundwork:platform: {name: shop%s}
          groundwork:data: {class: db.t4g.medium}
    """
    program = """
        import pulumi_aws as aws
        aws.ec2.Instance("own", ami="ami-1", instance_type="z9x.large")
        aws.rds.Instance("main", engine="postgres", instance_class="db.t4g.medium", allocated_storage=20)
    """
    write_stack_file(tmp_path, dedent(stack) % "", program=program)
    with pytest.raises(Mistakes) as raised:
        run_stack("dev", start=tmp_path)
    assert str(raised.value).startswith(
        'Pulumi.dev.yaml:5 data.class: AWS refuses "db.t4g.medium" as instanceClass of main (aws:rds:Instance): it is not offered in ca-west-1'
    )
    write_stack_file(tmp_path, dedent(stack) % ", offered: [db.t4g.medium]", program=program)
    assert any(
        hint.startswith(f'"z9x.large" as instanceType of own is not among the classes that AWS had on {DAY}')
        for hint in run_stack("dev", start=tmp_path).hints
    )


# Addresses


def leading(type_: str, called: str, to: dict[str, list[Resource]], **inputs: Any) -> Resource:
    depends = {key: tuple(one.urn for one in those) for key, those in to.items()}
    return dataclasses.replace(resource(type_, called), inputs=inputs, property_dependencies=depends)


def subnet(name: str, block: Any) -> Resource:
    return resource("aws:ec2/subnet:Subnet", name, cidrBlock=block)


SMALL, LARGE, OTHER_LARGE = subnet("a", "10.0.0.0/28"), subnet("b", "10.0.1.0/26"), subnet("c", "10.0.2.0/26")
BOTH = [LARGE, OTHER_LARGE]
GROUP_OF_BOTH = leading("aws:rds/subnetGroup:SubnetGroup", "all", {"subnetIds": BOTH})


def tasks(most: int, percent: int) -> list[Resource]:
    service = leading(
        "aws:ecs/service:Service",
        "web",
        {"networkConfiguration": BOTH},
        name="web",
        desiredCount=1,
        deploymentMaximumPercent=percent,
    )
    target = resource("aws:appautoscaling/target:Target", "web", resourceId="service/shop/web", maxCapacity=most)
    return [*BOTH, service, target]


def spread(type_: str, key: str, over: list[Resource], count: int = 1, **inputs: Any) -> list[Resource]:
    return [*over, *(leading(type_, f"it{number}", {key: over}, **inputs) for number in range(count))]


def nodes(count: int, *, prefixes: bool) -> list[Resource]:
    env = json.dumps({"env": {"ENABLE_PREFIX_DELEGATION": str(prefixes).lower()}})
    group: dict[str, Any] = {"scalingConfig": {"maxSize": count}, "instanceTypes": ["t3.medium", "m7i.large"]}
    return [
        *spread("aws:eks/nodeGroup:NodeGroup", "subnetIds", [LARGE], **group),
        resource("aws:eks/addon:Addon", "cni", addonName="vpc-cni", configurationValues=env),
    ]


@pytest.mark.parametrize(
    ("fits", "does_not", "needed"),
    [
        # Two of /26 have 118 addresses.
        (tasks(59, 200), tasks(60, 200), 120),
        (tasks(118, 100), tasks(119, 100), 119),
        (tasks(78, 150), tasks(80, 150), 120),
        (spread("aws:autoscaling/group:Group", "vpcZoneIdentifiers", [SMALL], maxSize=11), spread("aws:autoscaling/group:Group", "vpcZoneIdentifiers", [SMALL], maxSize=12), 12),
        (nodes(3, prefixes=True), nodes(4, prefixes=True), 68),
        (nodes(9, prefixes=False), nodes(10, prefixes=False), 60),
        (
            [*spread("aws:lb/loadBalancer:LoadBalancer", "subnets", [SMALL]), *spread("aws:ec2/natGateway:NatGateway", "subnetId", [SMALL], 3)[1:]],
            [*spread("aws:lb/loadBalancer:LoadBalancer", "subnets", [SMALL]), *spread("aws:ec2/natGateway:NatGateway", "subnetId", [SMALL], 4)[1:]],
            12,
        ),
        (
            [*BOTH, *spread("aws:rds/instance:Instance", "dbSubnetGroupName", [GROUP_OF_BOTH], 59, multiAz=True)],
            [*BOTH, *spread("aws:rds/instance:Instance", "dbSubnetGroupName", [GROUP_OF_BOTH], 60, multiAz=True)],
            120,
        ),
        (
            spread("aws:opensearch/domain:Domain", "vpcOptions", [SMALL], clusterConfig={"instanceCount": 8, "dedicatedMasterCount": 3}),
            spread("aws:opensearch/domain:Domain", "vpcOptions", [SMALL], clusterConfig={"instanceCount": 9, "dedicatedMasterCount": 3}),
            12,
        ),
        # What is in one of two subnets takes of both.
        (
            [*tasks(57, 200), *spread("aws:ec2/instance:Instance", "subnetId", [LARGE], 4)[1:]],
            [*tasks(57, 200), *spread("aws:ec2/instance:Instance", "subnetId", [LARGE], 5)[1:]],
            119,
        ),
    ],
)  # fmt: skip
def test_what_stands_in_subnets_at_its_most_has_an_address(
    fits: list[Resource], does_not: list[Resource], needed: int
) -> None:
    assert list(address_shortages(snapshot(*fits))) == []
    assert [one.needed for one in address_shortages(snapshot(*does_not))] == [needed]


def test_of_subnets_whose_ranges_nobody_knows_nothing_is_said() -> None:
    for block in (Opaque.UNKNOWN, None, "nonsense"):
        assert (
            list(
                address_shortages(
                    snapshot(
                        *spread("aws:autoscaling/group:Group", "vpcZoneIdentifiers", [subnet("a", block)], maxSize=999)
                    )
                )
            )
            == []
        )


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknown"])
def test_every_stack_has_addresses_for_all_of_it(unknowns: bool) -> None:
    assert [one.sentence() for stack in STACKS for one in address_shortages(snapshot_of(stack, unknowns))] == []


def test_a_network_that_is_too_small_is_told_at_its_range_with_what_takes_the_most(tmp_path: Path) -> None:
    stack = """
        config:
          aws:region: eu-west-1
          groundwork:platform: {name: shop, domain: shop.example.com}
          groundwork:network: {cidr: 10.0.0.0/22}
          groundwork:services:
            web: {port: 8080, path: "/*", cpu: 256, memory: 512, scaling: {min: 1, max: 700}}
    """
    write_stack_file(tmp_path, dedent(stack), main=str(ROOT))
    with pytest.raises(Mistakes) as raised:
        run_stack("dev", start=tmp_path)
    told = str(raised.value)
    assert told.startswith(
        "Pulumi.dev.yaml:5 network.cidr: 1,416 addresses are needed at most in shop-network-private-a and "
    )
    assert " (shop-compute-web 1,400, " in told
    assert (
        "without the 5 that AWS keeps of each; take larger ranges, or fewer copies (https://docs.aws.amazon.com/vpc/"
        in told
    )


# Interfaces of instances

TEMPLATE = resource("aws:ec2/launchTemplate:LaunchTemplate", "instance", instanceType="t3.medium")
INSTANCES = "aws:autoscaling/group:Group"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"


def on_instances(tasks: int, *, classes: tuple[str, ...] = (), **service: Any) -> list[Resource]:
    """Tasks of one service on two instances: of t3.medium, which has 3 interfaces, or of some classes."""
    overrides = {
        "mixedInstancesPolicy": {"launchTemplate": {"overrides": [{"instanceType": name} for name in classes]}}
    }
    group = leading(INSTANCES, "instances", {"launchTemplate": [TEMPLATE]}, maxSize=2, **(overrides if classes else {}))
    provider = leading(PROVIDER, "instances", {"autoScalingGroupProvider": [group]})
    said = {"desiredCount": tasks, "networkConfiguration": {"subnets": []}, **service}
    return [
        TEMPLATE,
        group,
        provider,
        leading("aws:ecs/service:Service", "web", {"capacityProviderStrategies": [provider]}, **said),
    ]


def pods(replicas: int, *, prefixes: bool | None, scaled: int = 0, **cluster: Any) -> list[Resource]:
    """Pods on two nodes of t3.medium: 17 of each, with prefixes 110."""
    name = {"metadata": {"name": "web"}}
    env = json.dumps({"env": {"ENABLE_PREFIX_DELEGATION": str(prefixes).lower()}})
    scaler = {"scaleTargetRef": {"name": "web"}, "maxReplicas": scaled}
    return [
        resource("aws:eks/cluster:Cluster", "shop", **cluster),
        resource("aws:eks/nodeGroup:NodeGroup", "nodes", scalingConfig={"maxSize": 2}, instanceTypes=["t3.medium"]),
        *(
            []
            if prefixes is None
            else [resource("aws:eks/addon:Addon", "cni", addonName="vpc-cni", configurationValues=env)]
        ),
        resource("kubernetes:apps/v1:Deployment", "web", spec={"replicas": replicas}, **name),
        *(
            [
                resource(
                    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "web", metadata={"name": "web"}, spec=scaler
                )
            ]
            if scaled
            else []
        ),
    ]


@pytest.mark.parametrize(
    ("fits", "does_not", "told"),
    [
        (on_instances(4), on_instances(5), (5, 4)),
        (on_instances(20, classes=("m7g.large", "t3.medium")), on_instances(21, classes=("m7g.large", "t3.medium")), (21, 20)),
        (pods(34, prefixes=False), pods(35, prefixes=False), (35, 34)),
        (pods(220, prefixes=True), pods(221, prefixes=True), (221, 220)),
        (pods(220, prefixes=None), pods(221, prefixes=None), (221, 220)),
        (pods(1, prefixes=False, scaled=34), pods(1, prefixes=False, scaled=35), (35, 34)),
    ],
)  # fmt: skip
def test_instances_have_interfaces_and_addresses_for_all_that_may_run_on_them(
    fits: list[Resource], does_not: list[Resource], told: tuple[int, int]
) -> None:
    assert list(interface_shortages(snapshot(*fits))) == []
    assert [(one.needed, one.room) for one in interface_shortages(snapshot(*does_not))] == [told]


def test_where_something_else_may_run_it_or_nobody_knows_the_instances_nothing_is_said() -> None:
    many = [
        on_instances(99, classes=("z9x.large", "t3.medium")),
        on_instances(99, classes=("m7g.16xlarge",)),
        on_instances(99, networkConfiguration=None),
        pods(999, prefixes=False, computeConfig={"enabled": True}),
        pods(999, prefixes=False, computeConfig=Opaque.UNKNOWN),
        [*pods(999, prefixes=False), resource("aws:eks/fargateProfile:FargateProfile", "all")],
        [*pods(999, prefixes=False), resource("aws:eks/cluster:Cluster", "other")],
    ]
    assert [one.sentence() for some in many for one in interface_shortages(snapshot(*some))] == []
    assert len(list(interface_shortages(snapshot(*pods(999, prefixes=False, computeConfig={"enabled": False}))))) == 1


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknown"])
def test_every_stack_has_interfaces_for_all_of_it(unknowns: bool) -> None:
    assert [one.sentence() for stack in STACKS for one in interface_shortages(snapshot_of(stack, unknowns))] == []


# Programs of others


@pytest.mark.parametrize(("stands", "code"), [(False, 1), (True, 0)])
def test_a_check_tells_what_aws_would_refuse_of_any_program_but_not_of_what_stands(
    stands: bool, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urn = "urn:pulumi:dev::shop::aws:route53/healthCheck:HealthCheck::site"
    state = {
        "urn": urn,
        "custom": True,
        "inputs": {"type": "HTTPS", "failureThreshold": 11, "tags": {f"t{number}": "" for number in range(11)}},
        "sourcePosition": "project:///site.py#7",
    }
    file = tmp_path / "shop.json"
    config = {"groundwork:platform": {"stage": "dev"}}
    exported = {"version": 3, "deployment": {"resources": [state]}}
    file.write_text(
        json.dumps(exported if stands else {"config": config, "steps": [{"newState": state}]}), encoding="utf-8"
    )
    assert run(["policies", "check", str(file)]) == code
    told = " ".join(capsys.readouterr().out.split())
    assert ("aws-takes-it" in told) is not stands
    if not stands:
        assert (
            'site (aws:route53:HealthCheck): AWS refuses "11" as failureThreshold: it is more than 10 site.py:7' in told
        )
        assert (
            "11 tags on the zone or health check site, and AWS takes 10; nobody gets more (https://docs.aws.amazon.com/Route53/"
            in told
        )


def test_every_form_of_a_report_tells_it_a_baseline_does_not_take_it_and_it_can_be_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    six = snapshot(*(resource("aws:ec2/vpc:Vpc", str(number)) for number in range(6)), resource("aws:sqs/queue:Queue"))
    found = with_refusals(judge(six, datetime.date(2026, 11, 28)), six)
    report = Report("shop", six, found)
    silent = [
        form
        for form in FACES
        if form not in ("json", "changes") and "aws-takes-it" not in rendered(form, report, "shop.json")
    ]
    assert silent == []
    file, baseline = tmp_path / "shop.json", tmp_path / "known.json"
    file.write_text(six.dumps(), encoding="utf-8")
    assert run(["policies", "check", str(file), "--write-baseline", str(baseline)]) == 0
    assert "aws-takes-it" not in baseline.read_text(encoding="utf-8")
    assert run(["policies", "check", str(file), "--baseline", str(baseline)]) == 1
    assert capsys.readouterr().out.rstrip().endswith("Next: fix the 1 mandatory finding.")
    for name in ("aws-takes-it", "exception-expired"):
        assert run(["policies", "explain", name]) == 0
        told = capsys.readouterr().out
        assert told.startswith(f"{name}\n")
        assert "Why:" in told
        assert "Fix:" in told


def test_a_check_knows_what_aws_granted_by_the_stacks_configuration() -> None:
    verdicts = Verdicts(findings=(), rules=0, resources=0, judgements=0, passed=0)
    many = snapshot(*(resource("aws:ec2/vpc:Vpc", str(number)) for number in range(6)))
    [finding] = with_refusals(verdicts, many).findings
    assert finding.message.startswith(
        "6 VPCs in one region eu-west-1, and AWS takes 5 unless you ask for more (Service Quotas, vpc L-F678F1CE); "
        "once it is granted, say groundwork:platform: {quotas: {vpcs-per-region: 6}} in the stack's configuration (https://"
    )
    granted = dataclasses.replace(many, settings={"platform": {"quotas": {"vpcs-per-region": 6}}})
    assert with_refusals(verdicts, granted).findings == ()


def test_the_page_of_limits_is_current() -> None:
    assert (ROOT / "docs" / "limits.md").read_text(encoding="utf-8") == page(), "write it anew: make docs"
