"""What AWS would refuse although it is typed as it should be: by its own models, its pages, and its quotas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.running import run_stack
from groundwork.preview.refusals.constraints import FILE, TYPES, Constraint, constraints_of, known_types
from groundwork.preview.refusals.inputs import refused_inputs
from groundwork.preview.refusals.quotas import exceeded
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data
from groundwork.settings.facts import quotas
from groundwork.settings.mistakes import Mistakes
from guardrails.view import Opaque
from tests.stacks import ROOT, STACKS, snapshot_of
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
    assert set(table["pages"]) <= set(table["types"])


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
        ("aws:lb/targetGroup:TargetGroup", {"protocol": "HTP"}, [("protocol", "is none of HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC")]),
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


# Quotas


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknown"])
def test_no_stack_goes_beyond_a_quota(unknowns: bool) -> None:
    found = [
        f"{stack}: {one.found} {one.quota.words} {one.what}"
        for stack in STACKS
        for one in exceeded(snapshot_of(stack, unknowns), {})
    ]
    assert found == []


def test_every_quota_has_its_page_and_counts_types_that_exist() -> None:
    table = read_data(TYPES)
    types = set(table["types"]) | set(table["without"])
    for quota in quotas():
        assert quota.source.startswith("https://docs.aws.amazon.com/")
        assert all(type_ in types for count in quota.counted for type_ in count.types), quota.name


def rules(count: int, **inputs: Any) -> list[Resource]:
    group = resource("aws:ec2/securityGroup:SecurityGroup", "database")
    kind = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    one = {"securityGroupId": Opaque.UNKNOWN, **inputs}
    leads_to = {"securityGroupId": (group.urn,)}
    return [
        group,
        *(
            Resource(
                f"urn:pulumi:dev::shop::{kind}::{n}", kind, str(n), True, None, one, {}, property_dependencies=leads_to
            )
            for n in range(count)
        ),
    ]


@pytest.mark.parametrize(
    ("resources", "found"),
    [
        (rules(60), []),
        (rules(61), [("rules-per-security-group", 61, "database")]),
        (rules(2, prefixListId="pl-1"), [("rules-per-security-group", 110, "database")]),
        (
            [resource("aws:ecs/taskDefinition:TaskDefinition", "web", containerDefinitions="é" * 40_000)],
            [("task-definition-bytes", 80_000, "web")],
        ),
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
        ([resource("aws:lambda/function:Function", "f", environment={"variables": {"A": "x" * 5000}})], [("function-environment-bytes", 5008, "f")]),
        ([resource("aws:cloudfront/distribution:Distribution", "cdn", aliases=["a"] * 101)], [("aliases-per-distribution", 101, "cdn")]),
        ([resource("aws:lambda/function:Function", "f", environment=Opaque.UNKNOWN)], []),
    ],
)  # fmt: skip
def test_what_goes_beyond_a_quota_is_counted(resources: list[Resource], found: list[Any]) -> None:
    assert [(one.quota.name, one.found, one.what) for one in exceeded(snapshot(*resources), {})] == found


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
        "Pulumi.dev.yaml:3 services: 61 rules of one direction in the security group database, and AWS takes 60; if AWS has raised "
        "it for your account, say platform.quotas: {rules-per-security-group: 61} "
        "(https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups)"
    )
    write_stack_file(tmp_path, stack % ", quotas: {rules-per-security-group: 61}", program=program)
    assert run_stack("dev", start=tmp_path).snapshot.resources


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
        "Pulumi.dev.yaml:6 services: 61 rules of one direction in the security group shop-database-clients, and AWS takes 60; "
    )
