"""Types that are another name for one that rules read: each is judged as its twin is, under its own URN."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Resource as Recorded
from groundwork.preview.verdicts import judge as verdicts
from guardrails import equivalents, kinds
from guardrails.catalogue import rules, rules_by_type
from guardrails.judgement import Verdict, judge
from guardrails.stack import Stack
from guardrails.unjudged import read_types
from guardrails.view import Opaque, Resource, type_of
from tests.policies.engine_client import PackProcess
from tests.policies.fixtures import build, urn_of
from tests.policies.stacks import stack as snapshot_of
from tests.policies.test_provider_names import resource_properties

NATIVE: Mapping[str, equivalents.Equivalent] = equivalents._NATIVE
TWINS = yaml.safe_load((Path(__file__).parent / "equivalents.yaml").read_text(encoding="utf-8"))
"""For each type: rules that the first of its examples fails, and examples in both writings."""
PUBLIC = TWINS.pop("documents")[2]

Said = dict[str, tuple[str, tuple[str, ...]]]


def schemas() -> Any:
    """cfn-lint's schemas; loaded when they are asked for, since they bring half of SymPy, and without stubs, which mypy is not to follow."""
    return import_module("cfnlint.schema.manager").PROVIDER_SCHEMA_MANAGER


def said_of(kind: str, properties: Mapping[str, Any]) -> tuple[str, Said]:
    """What every rule says of one resource alone."""
    stack = build(kind, [dict(properties)])
    subject = stack.resources[0]
    judged = {rule.name: judge(rule, subject, stack) for rule in rules_by_type().get(subject.type, ())}
    assert not any(judgement.broken for judgement in judged.values()), judged
    return subject.urn, {name: (str(one.verdict), one.messages) for name, one in judged.items()}


@pytest.mark.parametrize("name", TWINS)
def test_a_resource_of_cloud_control_is_judged_as_its_twin_is(name: str) -> None:
    native = f"aws-native:{name}"
    target = NATIVE[native].type.removeprefix("aws:")
    module, kind = target.split("/")[0], target.rsplit(":", 1)[-1]
    table = TWINS[name]
    for number, (one, twin) in enumerate(zip(table["native"], table["twin"], strict=True)):
        urn, said = said_of(native, one)
        _, expected = said_of(f"{module}/{kind}", twin)
        assert said == expected, (name, number)
        assert type_of(urn) == native
        if number == 0:
            assert {rule for rule, (verdict, _) in said.items() if verdict == "fail"} >= set(table["bad"])


def test_every_type_of_the_table_has_twins_or_one_in_a_test_of_its_own() -> None:
    alone = {
        "s3:Bucket",
        "kms:Alias",
        "kms:ReplicaKey",
        "ec2:SecurityGroupEgress",
        "elasticloadbalancingv2:ListenerRule",
    }
    alone |= {
        "iam:GroupPolicy",
        "iam:UserPolicy",
        "sns:TopicPolicy",
        "rds:DbParameterGroup",
        "rds:DbClusterParameterGroup",
        "rds:DbSubnetGroup",
    }
    assert {name.removeprefix("aws-native:") for name in NATIVE} - set(TWINS) - alone == set()


def bucket(**properties: Any) -> Stack:
    return build("aws-native:s3:Bucket", [properties])


def failures(stack: Stack) -> dict[str, set[str]]:
    """The rules that fail, each with the URNs that it names."""
    found: dict[str, set[str]] = {}
    for resource in (*stack.resources, *stack.parts):
        for rule in rules_by_type().get(resource.type, ()):
            judgement = judge(rule, resource, stack)
            assert not judgement.broken, judgement
            if judgement.verdict is Verdict.FAIL:
                found.setdefault(rule.name, set()).add(resource.urn)
    return found


BLOCKED = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
OPEN_BUCKET = {
    "bucketName": "web",
    "accessControl": "PublicRead",
    "publicAccessBlockConfiguration": {**BLOCKED, "blockPublicPolicy": False},
    "ownershipControls": {"rules": [{"objectOwnership": "ObjectWriter"}]},
    "bucketEncryption": {
        "serverSideEncryptionConfiguration": [{"serverSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    },
    "versioningConfiguration": {"status": "Suspended"},
}
CLOSED_BUCKET = {
    "bucketName": "web",
    "publicAccessBlockConfiguration": BLOCKED,
    "ownershipControls": {"rules": [{"objectOwnership": "BucketOwnerEnforced"}]},
    "bucketEncryption": {
        "serverSideEncryptionConfiguration": [
            {"serverSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "own"}}
        ]
    },
    "versioningConfiguration": {"status": "Enabled"},
    "loggingConfiguration": {"destinationBucketName": "logs"},
    "lifecycleConfiguration": {
        "rules": [{"id": "all", "status": "Enabled", "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7}}]
    },
}
OF_BUCKETS = {
    "s3-block-public-access",
    "s3-block-complete",
    "s3-no-public-acl",
    "s3-acls-disabled",
    "s3-customer-key",
    "s3-encryption-declared",
    "s3-versioning",
    "s3-access-logging",
    "s3-lifecycle",
    "s3-aborts-uploads",
}


def test_the_blocks_of_a_bucket_are_judged_under_its_urn_as_the_resources_that_they_are_in_pulumi_aws() -> None:
    bare, open_, closed = (failures(bucket(**one)) for one in ({}, OPEN_BUCKET, CLOSED_BUCKET))
    urn = {urn_of("aws-native:s3:Bucket", "subject")}
    assert set(bare) & OF_BUCKETS == {
        "s3-block-public-access",
        "s3-encryption-declared",
        "s3-versioning",
        "s3-access-logging",
        "s3-lifecycle",
    }
    assert set(open_) & OF_BUCKETS == {
        "s3-block-complete",
        "s3-no-public-acl",
        "s3-acls-disabled",
        "s3-customer-key",
        "s3-versioning",
        "s3-access-logging",
        "s3-lifecycle",
    }
    assert set(closed) & OF_BUCKETS == set()
    assert all(urns == urn for urns in (*bare.values(), *open_.values(), *closed.values()))


def test_a_policy_that_names_users_is_judged_as_their_attachment() -> None:
    document = {
        "Statement": [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-1:111122223333:orders"}
        ]
    }
    alone, attached = (
        failures(build("aws-native:iam:ManagedPolicy", [{"policyDocument": document, **more}]))
        for more in ({}, {"users": ["ann"]})
    )
    assert set(attached) - set(alone) == {"iam-no-user-policies"}
    assert attached["iam-no-user-policies"] == {urn_of("aws-native:iam:ManagedPolicy", "subject")}


def test_a_policy_that_names_a_role_gives_it_its_rights() -> None:
    document = {"Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}]}
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    policy = {"policyDocument": document, "roles": ["->web?"], "users": ["ann"]}
    stack = build("aws-native:iam:ManagedPolicy", [policy, {"iam/Role web": {"assumeRolePolicy": trust}}])
    role = stack.of_type(kinds.ROLE)[0]
    (attachment,) = stack.referrers(role, "role", kinds.ROLE_ATTACHMENT)
    assert stack.targets(attachment, "policyArn", kinds.POLICY) == [stack.resources[0]]
    assert "iam-attachments-agree" not in failures(stack)


def test_what_cannot_be_read_of_a_bucket_is_undetermined_and_never_passed() -> None:
    stack = bucket(**dict.fromkeys(CLOSED_BUCKET, "UNKNOWN"))
    verdicts_ = {
        rule.name: judge(rule, resource, stack).verdict
        for resource in (*stack.resources, *stack.parts)
        for rule in rules_by_type().get(resource.type, ())
    }
    asked = ("s3-block-complete", "s3-acls-disabled", "s3-customer-key", "s3-versioning", "s3-aborts-uploads")
    assert {verdicts_[name] for name in asked} == {Verdict.UNDETERMINED}


def test_a_database_of_which_nobody_said_whether_it_is_public_is_undetermined() -> None:
    _, said = said_of("aws-native:rds:DbInstance", {"engine": "postgres"})
    assert said["rds-not-public"][0] == "undetermined"


def test_older_names_of_modules_are_read_as_the_newer_ones() -> None:
    for module, now in (("elasticloadbalancingv2", "lb"), ("applicationloadbalancing", "alb")):
        said = said_of(
            f"aws:{module}/listener:Listener", {"protocol": "HTTP", "defaultActions": [{"type": "forward"}]}
        )[1]
        assert said == said_of(f"{now}/Listener", {"protocol": "HTTP", "defaultActions": [{"type": "forward"}]})[1]
        assert said["alb-http-redirects"][0] == "fail"
    said = said_of("aws:elasticloadbalancing/loadBalancer:LoadBalancer", {"listeners": [{"lbProtocol": "http"}]})[1]
    assert said == said_of("elb/LoadBalancer", {"listeners": [{"lbProtocol": "http"}]})[1]


def test_a_key_and_a_block_beside_them_are_found_across_the_two_ways_to_write() -> None:
    stack = build(
        "aws-native:sqs:Queue",
        [
            {"kmsMasterKeyId": "->key?"},
            {"aws-native:kms:Key key": {"enableKeyRotation": True}},
            {"aws-native:s3:Bucket web": {}},
            {"s3/BucketPublicAccessBlock block": {"bucket": "->web?", **BLOCKED}},
        ],
    )
    assert not {"sqs-customer-key", "s3-block-public-access"} & set(failures(stack))
    refusal = {**PUBLIC["Statement"][0], "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    queue: dict[str, Any] = {"queueName": "orders"}
    policy = {"queue": "->subject?", "policyDocument": {"Statement": [refusal]}}
    refusing = build("aws-native:sqs:Queue", [queue, {"aws-native:sqs:QueueInlinePolicy tls": policy}])
    assert "sqs-tls-only" not in failures(refusing)
    assert "sqs-tls-only" in failures(build("aws-native:sqs:Queue", [queue]))


def test_the_names_of_the_table_are_those_of_cloudformation_and_of_pulumi_aws() -> None:
    for native, found in NATIVE.items():
        _, module, kind = native.split(":")
        cloud = {"logs": "Logs", "rds": "RDS"}
        names = [name for name in services() if name.lower() == f"aws::{cloud.get(module, module)}::{kind}".lower()]
        schema = schemas().get_resource_schema("us-east-1", names[0]).schema
        declared = {name.lower() for name in schema["properties"]} | {"tags"}
        assert {name for name in (*found.moves, *found.parts) if name.lower() not in declared} == set(), native
        for name in found.moves:
            missing = set(equivalents.targets(found, name)) - known_of(found) - {"tags"}
            assert missing == set(), (native, name)


def services() -> list[str]:
    return list(schemas().get_resource_types("us-east-1"))


def known_of(found: equivalents.Equivalent) -> set[str]:
    return {name for type_ in (found.type, *found.instead.values()) for name in resource_properties(type_)}


def test_every_type_of_the_table_is_one_that_rules_read_and_none_reads_a_whole_and_its_part() -> None:
    read = {type_ for rule in rules() for type_ in rule.reads} | read_types()
    for native, found in NATIVE.items():
        parts = {type_ for type_, _ in found.parts.values()}
        wholes = {found.type, *found.instead.values()}
        assert wholes | parts <= read, native
        assert not any(parts & set(rule.reads) and wholes & set(rule.reads) for rule in rules())


def recorded(type_: str, name: str, inputs: Mapping[str, Any]) -> Recorded:
    return Recorded(urn_of(type_, name), type_, name, True, None, dict(inputs), dict(inputs))


def test_the_engine_and_the_offline_preview_say_the_same_of_them_and_name_the_users_own_type() -> None:
    snapshot = snapshot_of(
        recorded("aws-native:s3:Bucket", "web", OPEN_BUCKET),
        recorded("aws-native:ec2:SecurityGroup", "ssh", TWINS["ec2:SecurityGroup"]["native"][1]),
        recorded(
            "aws-native:sns:Topic",
            "orders",
            {
                "kmsMasterKeyId": "own",
                "subscription": [
                    {"protocol": "https", "endpoint": "https://shop.example.com"},
                    {"protocol": "http", "endpoint": "http://shop.example.com"},
                ],
            },
        ),
        recorded(
            "aws:elasticloadbalancingv2/listener:Listener",
            "plain",
            {"protocol": "HTTP", "defaultActions": [{"type": "forward"}]},
        ),
    )
    offline = verdicts(snapshot, datetime.date(2026, 3, 1))
    failed = {(one.rule.name, one.resource.name) for one in offline.findings if one.verdict is Verdict.FAIL}
    with PackProcess() as pack:
        told = {(one.rule, one.urn.rsplit("::", 1)[-1]) for one in pack.judge(snapshot) if one.urn.startswith("urn:")}
    assert failed - told == set()
    assert {
        ("s3-block-complete", "web"),
        ("s3-acls-disabled", "web"),
        ("all-ports-closed", "ssh"),
        ("alb-http-redirects", "plain"),
        ("subscription-tls", "orders"),
    } <= failed
    assert {one.resource.type for one in offline.findings if one.resource.name == "web"} == {"aws-native:s3:Bucket"}


def test_what_is_written_by_other_names_is_not_repaired() -> None:
    group = recorded("aws-native:logs:LogGroup", "web", {"logGroupName": "web"})
    with PackProcess() as pack:
        pack.configure({"log-group-retention": "remediate"})
        properties, repaired = pack.remediate(group)
    assert repaired == []
    assert dict(properties) == {"logGroupName": "web"}


@pytest.mark.parametrize(
    "wrong", ["text", 7, True, None, [], ["text"], [None], {}, {"a": 1}, [[1]], "UNKNOWN"], ids=str
)
def test_a_value_of_a_wrong_shape_breaks_no_translation(wrong: Any) -> None:
    for native, found in NATIVE.items():
        stack = build(native, [dict.fromkeys((*found.moves, *found.parts), wrong)])
        failures(stack)


def test_parameters_of_a_group_are_found_by_the_database_that_names_it() -> None:
    database = {"engine": "postgres", "dbParameterGroupName": "->own?", "publiclyAccessible": False}
    for word, fails in (("1", False), ("0", True)):
        group = {"family": "postgres16", "parameters": {"rds.force_ssl": word}}
        stack = build("aws-native:rds:DbInstance", [database, {"aws-native:rds:DbParameterGroup own": group}])
        assert ("rds-tls-forced" in failures(stack)) is fails


def test_every_name_that_a_type_had_before_is_read_as_the_type_is() -> None:
    """The aliases that the classes of pulumi-aws give themselves."""
    folder = Path(str(import_module("pulumi_aws").__file__)).parent
    unread = {}
    classes = (file for file in folder.glob("*/[!_]*.py") if not file.name.startswith(("get_", "outputs")))
    for text in (file.read_text(encoding="utf-8") for file in classes if b"Alias(type_" in file.read_bytes()):
        tokens = re.findall(r"^\s+'(aws:[^']+)',\n\s+resource_name", text, re.MULTILINE)
        for before in re.findall(r'Alias\(type_="([^"]+)"\)', text):
            found = equivalents.equivalent(before)
            now = found.type if found else before
            if tokens and tokens[0] in read_types() and now not in read_types():
                unread[before] = tokens[0]
    assert unread == {}


def test_a_property_that_becomes_several_keeps_what_it_is_made_from() -> None:
    balancer = Resource(
        urn_of("aws-native:elasticloadbalancingv2:LoadBalancer", "web"),
        {"loadBalancerAttributes": [{"key": "access_logs.s3.bucket", "value": Opaque.UNKNOWN}, Opaque.UNKNOWN]},
        property_dependencies={"loadBalancerAttributes": ("urn:pulumi:prod::test::aws:s3/bucket:Bucket::logs",)},
    )
    assert balancer.references("accessLogs.bucket", "aws:s3/bucket:Bucket")
    assert not balancer.known("enableDeletionProtection")
