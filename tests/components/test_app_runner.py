import datetime as dt
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.components.access import Grant, Opening, ParameterReference, SecretReference, Statement
from groundwork.components.compute.app_runner import AppRunner
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.context import Context
from groundwork.components.edge.origin import Entrance
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from tests.components.test_compute_fargate import POOL
from tests.harness import build, key_arn, observed

KEY = "arn:aws:kms:ap-south-1:111122223333:key/k"
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:db-1"
PARAMETER = "arn:aws:ssm:ap-south-1:111122223333:parameter/shop/prod/app/MODE"
SERVICE = "aws:apprunner/service:Service"
CONNECTOR = "aws:apprunner/vpcConnector:VpcConnector"
SCALING = "aws:apprunner/autoScalingConfigurationVersion:AutoScalingConfigurationVersion"
ACL = "aws:wafv2/webAcl:WebAcl"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"

# S0-01: 2 vCPU and 4 GB each, 2 to 50 copies.
APP: dict[str, Any] = {
    "web": {
        "port": 3000,
        "path": "/*",
        "health": "/api/health",
        "cpu": 2048,
        "memory": 4096,
        "uses": {"database": "connect"},
        "scaling": {"min": 2, "max": 50, "concurrency": 100},
    }
}
DATABASE = Grant(
    statements=[Statement("Connect", ["rds-db:connect"], ["arn:aws:rds-db:ap-south-1:111122223333:dbuser:db/app"])],
    openings=[Opening("sg-database", 5432, "PostgreSQL")],
    environment={"DATABASE_HOST": "db.example"},
    secrets={"DATABASE_PASSWORD": SecretReference(SECRET, KEY, "password")},
    parameters={"MODE": ParameterReference(PARAMETER, "/shop/prod/app/MODE")},
)


def app_runner(
    services: Mapping[str, Any] = APP, *, observability: Mapping[str, Any] | None = None, **entrance: Any
) -> Callable[[Context], AppRunner]:
    def program(context: Context) -> AppRunner:
        return AppRunner(
            "shop-compute",
            ComputeSettings.model_validate({"engine": "app-runner", "app_runner_quota": 50}),
            context=observed(context, ObservabilitySettings.model_validate(observability or {})),
            run=Run(
                services={name: ServiceSettings.model_validate(service) for name, service in services.items()},
                network=SimpleNamespace(
                    vpc_id="vpc-1",
                    vpc_ipv6=False,
                    private_subnet_ids={"a": "subnet-private-a", "b": "subnet-private-b"},
                    private_ready=(),
                    s3_prefix_list_id="pl-s3",
                    endpoint_security_group_id="sg-endpoints",
                ),
                grants={name: {"database": DATABASE} for name in services},
                entrance=Entrance(**entrance),
            ),
        )

    return program


@pytest.fixture(scope="module")
def shop() -> Snapshot:
    return build(app_runner(origin_header=("x-origin-verify", "value")))


def named(snapshot: Snapshot, kind: str, name: str = "web") -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == f"shop-compute-{name}"]
    return found


def statements(snapshot: Snapshot, role: str) -> dict[str, dict[str, Any]]:
    document = json.loads(named(snapshot, ROLE_POLICY, role).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def image_of(snapshot: Snapshot) -> dict[str, Any]:
    return dict(named(snapshot, SERVICE).inputs["sourceConfiguration"]["imageRepository"])


def test_copies_have_two_vcpu_and_scale_from_2_to_50_by_100_requests_under_way(shop: Snapshot) -> None:
    """S0-01"""
    service = named(shop, SERVICE).inputs
    assert (service["instanceConfiguration"]["cpu"], service["instanceConfiguration"]["memory"]) == ("2048", "4096")
    scaling = named(shop, SCALING)
    assert (scaling.inputs["minSize"], scaling.inputs["maxSize"], scaling.inputs["maxConcurrency"]) == (2, 50, 100)
    assert service["autoScalingConfigurationArn"] == scaling.outputs["arn"]


def test_what_nobody_says_is_100_requests_under_way() -> None:
    web = {**APP["web"], "scaling": {"min": 1, "max": 4}}
    assert named(build(app_runner({"web": web})), SCALING).inputs["maxConcurrency"] == 100


def test_services_reach_the_vpc_with_a_group_of_their_own(shop: Snapshot) -> None:
    """S0-01"""
    connector = named(shop, CONNECTOR)
    assert connector.inputs["subnets"] == ["subnet-private-a", "subnet-private-b"]
    group = named(shop, "aws:ec2/securityGroup:SecurityGroup").outputs["id"]
    assert connector.inputs["securityGroups"] == [group]
    egress = named(shop, SERVICE).inputs["networkConfiguration"]["egressConfiguration"]
    assert egress == {"egressType": "VPC", "vpcConnectorArn": connector.outputs["arn"]}
    rule = named(shop, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "web-database").inputs
    assert (rule["securityGroupId"], rule["referencedSecurityGroupId"], rule["fromPort"]) == (
        "sg-database",
        group,
        5432,
    )


def test_a_service_is_asked_for_its_health_on_its_port(shop: Snapshot) -> None:
    service = named(shop, SERVICE).inputs
    assert service["healthCheckConfiguration"]["path"] == "/api/health"
    assert image_of(shop)["imageConfiguration"]["port"] == "3000"
    assert service["encryptionConfiguration"] == {"kmsKey": key_arn("storage")}


def test_values_come_by_reference_and_the_services_own_role_reads_them(shop: Snapshot) -> None:
    configuration = image_of(shop)["imageConfiguration"]
    assert configuration["runtimeEnvironmentSecrets"] == {
        "DATABASE_PASSWORD": f"{SECRET}:password::",
        "MODE": PARAMETER,
    }
    found = statements(shop, "web-values")
    assert found["ReadSecrets"]["Resource"] == [SECRET]
    assert found["ReadParameters"] == {
        "Sid": "ReadParameters",
        "Effect": "Allow",
        "Action": ["ssm:GetParameters"],
        "Resource": [PARAMETER],
    }
    assert set(statements(shop, "web-task")) == {"Connect"}


def test_app_runner_sets_the_port_itself(shop: Snapshot) -> None:
    variables = image_of(shop)["imageConfiguration"]["runtimeEnvironmentVariables"]
    assert variables == {"DATABASE_HOST": "db.example", **POOL}


def test_its_own_repository_is_pulled_with_a_role_for_that_alone(shop: Snapshot) -> None:
    assert image_of(shop)["imageRepositoryType"] == "ECR"
    repository = named(shop, "aws:ecr/repository:Repository").outputs["arn"]
    pull = statements(shop, "web-pull")["Pull"]
    assert pull["Resource"] == [repository]
    assert "ecr:DescribeImages" in pull["Action"]
    access = named(shop, SERVICE).inputs["sourceConfiguration"]["authenticationConfiguration"]["accessRoleArn"]
    assert access == named(shop, "aws:iam/role:Role", "web-pull").outputs["arn"]


def test_a_public_image_needs_no_role() -> None:
    snapshot = build(app_runner({"web": {**APP["web"], "image": "public.ecr.aws/docker/library/nginx:1.29"}}))
    assert image_of(snapshot)["imageRepositoryType"] == "ECR_PUBLIC"
    assert "authenticationConfiguration" not in named(snapshot, SERVICE).inputs["sourceConfiguration"]
    assert "shop-compute-web-pull" not in {role.name for role in snapshot.of_type("aws:iam/role:Role")}


def test_a_command_is_one_line() -> None:
    web = {**APP["web"], "command": ["node", "server.js", "--name", "my shop"]}
    assert image_of(build(app_runner({"web": web})))["imageConfiguration"]["startCommand"] == (
        "node server.js --name 'my shop'"
    )


def test_only_cloudfront_gets_through_where_it_stands_in_front(shop: Snapshot) -> None:
    """S0-01"""
    acl = named(shop, ACL, "origin")
    assert acl.inputs["defaultAction"] == {"block": {}}
    [rule] = acl.inputs["rules"]
    assert rule["action"] == {"allow": {}}
    assert rule["statement"]["byteMatchStatement"]["fieldToMatch"] == {"singleHeader": {"name": "x-origin-verify"}}
    association = named(shop, ASSOCIATION).inputs
    assert association == {
        "resourceArn": named(shop, SERVICE).outputs["arn"],
        "webAclArn": acl.outputs["arn"],
    }


def test_without_cloudfront_the_given_web_acl_stands_in_front() -> None:
    """S0-01"""
    snapshot = build(app_runner(web_acl_arn="arn:aws:wafv2:acl"))
    assert named(snapshot, ASSOCIATION).inputs["webAclArn"] == "arn:aws:wafv2:acl"
    assert not snapshot.of_type(ACL)


def test_without_either_nothing_is_associated() -> None:
    assert not build(app_runner()).of_type(ASSOCIATION)


def test_tracing_is_app_runners_own() -> None:
    services = {"web": APP["web"], "api": {**APP["web"], "path": "/api/*", "tracing": False}}
    snapshot = build(app_runner(services, observability={"tracing": True}))
    [configuration] = snapshot.of_type("aws:apprunner/observabilityConfiguration:ObservabilityConfiguration")
    assert configuration.inputs["traceConfiguration"] == {"vendor": "AWSXRAY"}
    assert named(snapshot, SERVICE).inputs["observabilityConfiguration"] == {
        "observabilityEnabled": True,
        "observabilityConfigurationArn": configuration.outputs["arn"],
    }
    assert named(snapshot, SERVICE, "api").inputs["observabilityConfiguration"] == {"observabilityEnabled": False}
    assert "Trace" in statements(snapshot, "web-task")


def test_a_service_brings_its_alarms(shop: Snapshot) -> None:
    alarms = {alarm.name.removeprefix("shop-compute-web-"): alarm.inputs for alarm in shop.of_type(ALARM)}
    assert set(alarms) == {"cpu", "memory", "response", "errors"}
    assert {alarm["namespace"] for alarm in alarms.values()} == {"AWS/AppRunner"}
    assert alarms["response"]["threshold"] == 2000
    outputs = named(shop, SERVICE).outputs
    assert alarms["errors"]["dimensions"] == {"ServiceName": "shop-prod-web", "ServiceID": outputs["serviceId"]}


def test_a_threshold_of_null_leaves_its_alarm_out() -> None:
    off = dict.fromkeys(("service_cpu", "service_memory", "errors_per_minute", "response_seconds"))
    assert not build(app_runner(observability={"thresholds": off})).of_type(ALARM)


def test_long_names_fit_what_app_runner_takes() -> None:
    long = "a-service-of-24-characte"
    snapshot = build(app_runner({long: APP["web"]}), name="a-platform-of-24-charact", stage="staging")
    [service] = snapshot.of_type(SERVICE)
    [connector] = snapshot.of_type(CONNECTOR)
    [scaling] = snapshot.of_type(SCALING)
    assert len(service.inputs["serviceName"]) <= 40
    assert len(connector.inputs["vpcConnectorName"]) <= 40
    assert len(scaling.inputs["autoScalingConfigurationName"]) <= 32


@pytest.mark.parametrize("unknowns", [False, True])
def test_it_previews_before_anything_exists(unknowns: bool) -> None:
    snapshot = build(app_runner(origin_header=("x-origin-verify", "value")), unknowns=unknowns)
    assert named(snapshot, SERVICE)
    assert unknowns or '"unknown"' not in snapshot.dumps()


def test_another_service_changes_no_urn(shop: Snapshot) -> None:
    services = {**APP, "api": {**APP["web"], "path": "/api/*"}}
    more = build(app_runner(services, origin_header=("x-origin-verify", "value")))
    assert {resource.urn for resource in shop.resources} <= {resource.urn for resource in more.resources}


def test_what_the_web_acl_refuses_is_logged_without_credentials(shop: Snapshot) -> None:
    logging = named(shop, "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "refused").inputs
    redacted = {field["singleHeader"]["name"] for field in logging["redactedFields"]}
    assert redacted == {"authorization", "cookie", "x-origin-verify"}
    assert logging["loggingFilter"]["defaultBehavior"] == "DROP"
    group = named(shop, "aws:cloudwatch/logGroup:LogGroup", "refused").inputs
    assert group["name"] == "aws-waf-logs-shop-prod-apprunner"
    assert group["kmsKeyId"] == key_arn("logs")


def test_no_rule_of_the_policy_pack_refuses_it(shop: Snapshot) -> None:
    assert judge(shop, dt.date(2026, 1, 5)).blocking == []
