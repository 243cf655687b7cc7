"""Functions: who they are, what they may do, what starts them."""

import json
import re
from types import SimpleNamespace

import pulumi
import pytest
from pydantic import ValidationError

from groundwork.components.access import Grant, Opening, SecretReference, Statement
from groundwork.components.functions.artefacts import artefact
from groundwork.components.functions.function import Function
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.messaging.queue import Queue
from groundwork.components.messaging.queue_settings import QueueSettings
from groundwork.components.observability.settings import ObservabilitySettings
from tests.harness import build, observed
from tests.stacks import ROOT

KEYS = {kind: f"arn:aws:kms:ap-south-1:111122223333:key/{kind}" for kind in ("secrets", "messaging", "logs", "storage")}
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:shop/prod/app-AbCdEf"
CODE = "functions/image_processor"


def out(value):
    return pulumi.Output.from_input(value)


READ = Grant(
    statements=[Statement("Read", ["s3:GetObject"], ["arn:aws:s3:::shop-uploads-1234567/*"])],
    environment={"UPLOADS_BUCKET": "shop-uploads-1234567"},
)
ALSO_READ = Grant(statements=[Statement("Read", ["s3:GetObject"], ["arn:aws:s3:::shop-media-1234567/*"])])
DATABASE = Grant(
    openings=[Opening("sg-0123456789abcdef0", 5432, "Database shop-database")],
    environment={"DATABASE_HOST": "db.example"},
    secrets={
        name: SecretReference(SECRET, KEYS["secrets"], name.lower())
        for name in ("DATABASE_USERNAME", "DATABASE_PASSWORD")
    },
)


def _network(**changes):
    return SimpleNamespace(
        **{
            "vpc_id": "vpc-0123456789abcdef0",
            "vpc_ipv6": False,
            "private_subnet_ids": {zone: f"subnet-0123456789abcdef{zone}" for zone in "ab"},
            "private_ready": (),
            "s3_prefix_list_id": "pl-0123456789abcdef0",
            "endpoint_security_group_id": None,
            **changes,
        }
    )


def _function(settings=None, *, grants=None, network=None, queue=False, tracing=False, **options):
    given = FunctionSettings.model_validate({"code": CODE, **(settings or {})})

    def program(context):
        context = observed(context, ObservabilitySettings(tracing=tracing))
        source = (
            Queue(
                "shop-image-jobs",
                QueueSettings(),
                key="image-jobs",
                context=context,
            )
            if queue
            else None
        )
        Function(
            "shop-resize",
            given,
            key="resize",
            context=context,
            grants=grants or {},
            queue=source,
            network=network,
        )

    return build(program, **options)


def _only(snapshot, kind):
    (found,) = [item for item in snapshot.resources if item.custom and item.type.endswith(f":{kind}")]
    return found


def _inputs(*arguments, **options):
    return _only(_function(*arguments, **options), "Function").inputs


def _allowed(snapshot, name="shop-resize-role"):
    (policy,) = [item for item in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if item.name == name]
    return {item["Sid"]: item for item in json.loads(policy.inputs["policy"])["Statement"]}


def _types(snapshot):
    return {item.type for item in snapshot.resources}


def test_a_function_runs_python_on_graviton():
    """S0-09"""
    function = _inputs({"memory": 1536, "timeout": 60, "concurrency": 10, "ephemeral_mb": 1024})
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert function["handler"] == "handler.handle"
    assert (function["memorySize"], function["timeout"], function["reservedConcurrentExecutions"]) == (1536, 60, 10)
    assert function["ephemeralStorage"] == {"size": 1024}


def test_its_code_is_named_after_its_content_and_not_after_this_machine():
    snapshot = _function()
    code = _only(snapshot, "Function").inputs["code"]
    assert code == {"path": artefact(CODE, ROOT)}
    assert re.fullmatch(r"build/functions/image_processor-[0-9a-f]{12}\.zip", code["path"])
    assert str(ROOT) not in snapshot.dumps()
    assert snapshot.dumps() == _function().dumps()


def test_a_preview_does_not_look_for_the_package(monkeypatch, tmp_path):
    before = _function().dumps()
    monkeypatch.chdir(tmp_path)
    assert _function().dumps() == before


def test_its_log_is_encrypted_and_kept_as_long_as_asked():
    snapshot = _function()
    group = _only(snapshot, "LogGroup")
    assert group.inputs["name"] == "/shop/prod/functions/resize"
    assert (group.inputs["kmsKeyId"], group.inputs["retentionInDays"]) == (KEYS["logs"], 30)
    logging = _only(snapshot, "Function").inputs["loggingConfig"]
    assert (logging["logFormat"], logging["logGroup"]) == ("JSON", "/shop/prod/functions/resize")
    assert _allowed(snapshot)["WriteLogs"]["Resource"] == [f"{group.outputs['arn']}:*"]


def test_only_lambda_of_this_account_takes_its_role_on():
    (trust,) = json.loads(_only(_function(), "Role").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_it_may_do_what_it_uses_and_no_more():
    """S4-09, S1-17"""
    assert set(_allowed(_function())) == {"WriteLogs", "FailuresSend", "FailuresKey"}
    allowed = _allowed(_function(grants={"uploads": READ}))
    assert set(allowed) == {"WriteLogs", "FailuresSend", "FailuresKey", "Read"}
    for statement in allowed.values():
        assert all("*" not in action for action in statement["Action"])


def test_two_grants_with_one_name_both_count():
    allowed = _allowed(_function(grants={"uploads": READ, "media": ALSO_READ}))
    assert allowed["Read"]["Resource"] != allowed["MediaRead"]["Resource"]


def test_its_environment_is_what_it_uses_then_what_is_said_and_is_encrypted():
    function = _inputs({"environment": {"SIZES": "thumbnail=320"}}, grants={"uploads": READ})
    assert function["environment"] == {
        "variables": {"SIZES": "thumbnail=320", "UPLOADS_BUCKET": "shop-uploads-1234567"}
    }
    assert function["kmsKeyArn"] == KEYS["secrets"]


def test_secrets_come_as_references_that_it_may_read():
    """S0-12"""
    snapshot = _function(grants={"database": DATABASE}, network=_network())
    variables = _only(snapshot, "Function").inputs["environment"]["variables"]
    assert variables["DATABASE_PASSWORD_SECRET"] == f"{SECRET}:database_password::"
    assert "DATABASE_PASSWORD" not in variables
    allowed = _allowed(snapshot)
    assert allowed["ReadSecrets"]["Action"] == ["secretsmanager:GetSecretValue"]
    assert allowed["ReadSecrets"]["Resource"] == [SECRET]
    assert allowed["SecretsKey"]["Resource"] == [KEYS["secrets"]]
    assert allowed["SecretsKey"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.ap-south-1.amazonaws.com"}
    }


def test_it_stays_outside_the_network_unless_something_there_is_used():
    snapshot = _function(grants={"uploads": READ}, network=_network())
    assert _only(snapshot, "Function").inputs.get("vpcConfig") is None
    assert not {kind for kind in _types(snapshot) if "securityGroup" in kind}
    assert not [one for item in _allowed(snapshot).values() for one in item["Action"] if one.startswith("ec2:")]


def test_in_the_network_it_reaches_what_it_uses():
    """S0-12, S1-13"""
    snapshot = _function(grants={"database": DATABASE}, network=_network())
    group = _only(snapshot, "SecurityGroup")
    vpc = _only(snapshot, "Function").inputs["vpcConfig"]
    assert vpc["securityGroupIds"] == [group.outputs["id"]]
    assert vpc["subnetIds"] == ["subnet-0123456789abcdefa", "subnet-0123456789abcdefb"]
    ingress = _only(snapshot, "SecurityGroupIngressRule").inputs
    assert (ingress["securityGroupId"], ingress["referencedSecurityGroupId"]) == (
        "sg-0123456789abcdef0",
        group.outputs["id"],
    )
    egress = {item.name: item.inputs["toPort"] for item in snapshot.resources if item.type.endswith("EgressRule")}
    assert egress == {"shop-resize-function-database": 5432, "shop-resize-function-internet-443": 443}


def test_it_waits_for_its_rules_and_permissions():
    snapshot = _function(grants={"database": DATABASE}, network=_network())
    needed = {item.urn for item in snapshot.resources if item.type.endswith("Rule")}
    needed |= {item.urn for item in snapshot.resources if item.name == "shop-resize-role" and "Policy" in item.type}
    assert needed <= set(_only(snapshot, "Function").dependencies)


def test_lambda_may_make_its_interfaces_and_the_code_may_not():
    snapshot = _function(grants={"database": DATABASE}, network=_network())
    allowed = _allowed(snapshot)
    group = _only(snapshot, "SecurityGroup").outputs["id"]
    assert f"arn:aws:ec2:ap-south-1:111122223333:security-group/{group}" in allowed["CreateInterfaces"]["Resource"]
    assert allowed["DescribeInterfaces"]["Action"] == ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    refusal = _allowed(snapshot, "shop-resize-interfaces")["DenyFunctionCode"]
    assert refusal["Effect"] == "Deny"
    assert refusal["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": _only(snapshot, "Function").outputs["arn"]}
    }
    granted = {one for item in allowed.values() for one in item["Action"] if one.startswith("ec2:")}
    assert granted == set(refusal["Action"])


def test_without_a_network_what_is_in_it_cannot_be_used():
    with pytest.raises(pulumi.RunError, match=r"functions\.resize uses database"):
        _function(grants={"database": DATABASE})


def test_a_queue_starts_it_and_bad_messages_come_back_alone():
    """S0-09, S1-13"""
    snapshot = _function({"trigger": {"queue": "image-jobs", "batch": 5, "concurrency": 4}}, queue=True)
    mapping = _only(snapshot, "EventSourceMapping").inputs
    (main,) = [item for item in snapshot.of_type("aws:sqs/queue:Queue") if item.name == "shop-image-jobs-queue"]
    assert mapping["eventSourceArn"] == main.outputs["arn"]
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["batchSize"], mapping["scalingConfig"]) == (5, {"maximumConcurrency": 4})
    assert _allowed(snapshot)["ImageJobsConsume"]["Resource"] == [main.outputs["arn"]]


def test_a_queue_that_it_uses_too_does_not_get_in_the_way():
    grants = {
        "image-jobs": Grant(statements=[Statement("ImageJobsConsume", ["sqs:ReceiveMessage"], ["arn:aws:sqs:::x"])])
    }
    allowed = _allowed(_function({"trigger": {"queue": "image-jobs"}}, grants=grants, queue=True))
    assert {"ImageJobsConsume", "TriggerImageJobsConsume"} <= set(allowed)


def test_calls_that_fail_to_the_end_are_kept_and_ring():
    """S1-13"""
    snapshot = _function({"retries": 1})
    queue = _only(snapshot, "Queue")
    invoke = _only(snapshot, "FunctionEventInvokeConfig").inputs
    assert invoke["destinationConfig"] == {"onFailure": {"destination": queue.outputs["arn"]}}
    assert invoke["maximumRetryAttempts"] == 1
    assert queue.inputs["kmsMasterKeyId"] == KEYS["messaging"]
    assert _allowed(snapshot)["FailuresSend"]["Resource"] == [queue.outputs["arn"]]


def test_its_alarms_ring_on_errors_throttles_and_slowness():
    alarms = {item.name.removeprefix("shop-resize-"): item.inputs for item in _function({"timeout": 60}).of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}  # fmt: skip
    assert {name: (item["metricName"], item["threshold"]) for name, item in alarms.items()} == {
        "failures": ("ApproximateNumberOfMessagesVisible", 0),
        "errors": ("Errors", 1),
        "throttles": ("Throttles", 1),
        "duration": ("Duration", 48_000),
    }


def test_alarms_that_are_not_wanted_are_left_out():
    silent = _function({"alarm_errors": None, "alarm_throttles": None, "alarm_duration": None})
    assert [item.name for item in silent.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")] == ["shop-resize-failures"]


@pytest.mark.parametrize(("platform", "own", "mode"), [(True, None, "Active"), (False, None, "PassThrough"), (True, False, "PassThrough"), (False, True, "Active")])  # fmt: skip
def test_it_is_traced_if_it_or_else_the_platform_says_so(platform, own, mode):
    """S0-11, S1-22"""
    snapshot = _function({"tracing": own}, tracing=platform)
    assert _only(snapshot, "Function").inputs["tracingConfig"] == {"mode": mode}
    assert ("Trace" in _allowed(snapshot)) is (mode == "Active")


def test_functions_survive_a_first_preview_and_stay_the_same():
    options = {"grants": {"database": DATABASE, "uploads": READ}, "network": _network(vpc_ipv6=True), "queue": True}
    settings = {"trigger": {"queue": "image-jobs"}}
    known, unknown = _function(settings, **options), _function(settings, unknowns=True, **options)
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]
    assert '"unknown"' not in known.dumps()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trigger": {"queue": "jobs", "batch": 11}}, "needs a window"),
        ({"trigger": {"queue": "jobs.fifo", "batch": 11}}, "at most 10"),
        ({"trigger": {"queue": "jobs.fifo", "window": 1}}, "without a window"),
        ({"trigger": {"queue": "jobs", "concurrency": 6}, "concurrency": 5}, "more than the 5 copies"),
        ({"environment": {"AWS_REGION": "x"}}, "Lambda sets itself"),
        ({"environment": {"_HANDLER": "x"}}, "pattern"),
        ({"code": "/etc"}, "pattern"),
        ({"handler": "handle"}, "pattern"),
        ({"timeout": 901}, "900"),
        ({"memory": 127}, "128"),
    ],
)
def test_a_function_that_makes_no_sense_is_a_mistake(settings, said):
    with pytest.raises(ValidationError, match=said):
        FunctionSettings.model_validate({"code": CODE, **settings})
