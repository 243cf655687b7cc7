import base64
import datetime as dt
import json
import subprocess
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pulumi_aws as aws
import pytest

from groundwork.components.access import Grant, Opening, SecretReference, Statement, policy_document
from groundwork.components.compute.ecs.launch import user_data
from groundwork.components.compute.ecs_ec2 import EcsEc2
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.volumes import key_statements
from groundwork.components.context import Context
from groundwork.components.edge.origin import Entrance
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from tests.harness import build, key_arn, observed

KEY = "arn:aws:kms:ap-south-1:111122223333:key/k"
VOLUMES = "arn:aws:kms:ap-south-1:111122223333:key/volumes"
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:db-1"
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"

# S3: t3.medium 2 to 10, 512 CPU / 1024 MB on port 3000 behind /api/health.
APP: dict[str, Any] = {
    "app": {
        "port": 3000,
        "path": "/*",
        "health": "/api/health",
        "cpu": 512,
        "memory": 1024,
        "uses": {"database": "connect"},
        "scaling": {"min": 2, "max": 6, "target": {"cpu": 70, "memory": 80}},
    }
}
INSTANCES: dict[str, Any] = {"class": "t3.medium", "min": 2, "max": 10}
DATABASE = Grant(
    statements=[Statement("Connect", ["rds-db:connect"], ["arn:aws:rds-db:ap-south-1:111122223333:dbuser:db/app"])],
    openings=[Opening("sg-database", 5432, "PostgreSQL")],
    environment={"DATABASE_HOST": "db.example"},
    secrets={"DATABASE_PASSWORD": SecretReference(SECRET, KEY, "password")},
)


def _network() -> SimpleNamespace:
    return SimpleNamespace(
        vpc_id="vpc-1",
        vpc_ipv6=False,
        private_subnet_ids={"a": "subnet-private-a", "b": "subnet-private-b"},
        private_ready=(),
        s3_prefix_list_id="pl-s3",
        endpoint_security_group_id="sg-endpoints",
    )


def _load_balancer() -> SimpleNamespace:
    return SimpleNamespace(
        arn_suffix="app/shop/1",
        listener_arn="arn:aws:elasticloadbalancing:ap-south-1:111122223333:listener/app/shop/1/2",
        security_group_id="sg-balancer",
        origin_header=None,
    )


def ecs_ec2(
    services: Mapping[str, Any] = APP,
    *,
    instances: Mapping[str, Any] = INSTANCES,
    observability: Mapping[str, Any] | None = None,
    **compute: Any,
) -> Callable[[Context], EcsEc2]:
    def program(context: Context) -> EcsEc2:
        return EcsEc2(
            "shop-compute",
            ComputeSettings.model_validate({"engine": "ecs-ec2", "instances": instances, **compute}),
            context=observed(context, ObservabilitySettings.model_validate(observability or {})),
            run=Run(
                services={name: ServiceSettings.model_validate(service) for name, service in services.items()},
                network=_network(),
                entrance=Entrance(load_balancer=_load_balancer()),
                grants={name: {"database": DATABASE} for name in services},
                queues={},
            ),
        )

    return program


@pytest.fixture(scope="module")
def shop() -> Snapshot:
    return build(ecs_ec2())


def named(snapshot: Snapshot, kind: str, name: str = "instances") -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == f"shop-compute-{name}"]
    return found


def statements(snapshot: Snapshot, role: str) -> dict[str, dict[str, Any]]:
    document = json.loads(named(snapshot, ROLE_POLICY, role).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_instances_stand_in_private_subnets_without_a_public_address(shop: Snapshot) -> None:
    """S3-01"""
    assert named(shop, GROUP).inputs["vpcZoneIdentifiers"] == ["subnet-private-a", "subnet-private-b"]
    [interface] = named(shop, TEMPLATE, "instance").inputs["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"


def test_a_group_of_2_to_10_t3_medium_is_the_clusters_capacity(shop: Snapshot) -> None:
    """S3-03"""
    group = named(shop, GROUP).inputs
    assert (group["minSize"], group["maxSize"]) == (2, 10)
    assert "desiredCapacity" not in group
    [override] = group["mixedInstancesPolicy"]["launchTemplate"]["overrides"]
    assert override["instanceType"] == named(shop, TEMPLATE, "instance").inputs["instanceType"] == "t3.medium"
    provider = named(shop, PROVIDER)
    [capacity] = shop.of_type("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
    assert capacity.inputs["capacityProviders"] == [provider.outputs["name"]]
    assert provider.inputs["name"].startswith("instances-shop-compute-instances-")
    settings = provider.inputs["autoScalingGroupProvider"]
    assert settings["managedTerminationProtection"] == settings["managedDraining"] == "ENABLED"
    assert settings["managedScaling"] == {
        "status": "ENABLED",
        "targetCapacity": 100,
        "minimumScalingStepSize": 1,
        "maximumScalingStepSize": 10,
        "instanceWarmupPeriod": 120,
    }
    assert group["protectFromScaleIn"] is True


def test_ecs_finds_the_tag_it_looks_for_and_instances_carry_the_platforms(shop: Snapshot) -> None:
    tags = {tag["key"]: (tag["value"], tag["propagateAtLaunch"]) for tag in named(shop, GROUP).inputs["tags"]}
    assert tags["AmazonECSManaged"] == ("true", True)
    assert tags["platform"] == ("shop", True)


def test_an_instance_has_the_ecs_image_imdsv2_and_an_encrypted_volume(shop: Snapshot) -> None:
    """S3-03"""
    template = named(shop, TEMPLATE, "instance").inputs
    assert template["imageId"].startswith("ami-")
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    [disk] = template["blockDeviceMappings"]
    assert disk["ebs"] == {
        "volumeType": "gp3",
        "volumeSize": 30,
        "encrypted": "true",
        "kmsKeyId": key_arn("storage"),
        "deleteOnTermination": "true",
    }
    assert template["monitoring"] == {"enabled": True}
    assert "keyName" not in template


def test_the_agent_joins_its_cluster_and_keeps_tasks_from_the_instances_credentials(shop: Snapshot) -> None:
    script = base64.b64decode(named(shop, TEMPLATE, "instance").inputs["userData"]).decode()
    assert script == user_data("shop-prod")
    settings = dict(line.split("=", 1) for line in script.splitlines() if line.startswith("ECS_"))
    assert settings == {
        "ECS_CLUSTER": "shop-prod",
        "ECS_AWSVPC_BLOCK_IMDS": "true",
        "ECS_DISABLE_PRIVILEGED": "true",
        "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE": "true",
        "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
        "ECS_RESERVED_MEMORY": "256",
    }


def test_bash_reads_the_user_data() -> None:
    checked = subprocess.run(["bash", "-n"], input=user_data("shop-prod"), text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_graviton_classes_get_their_own_image_and_tasks() -> None:
    snapshot = build(ecs_ec2(instances={"class": "t4g.medium"}))
    assert named(snapshot, TASK, "app").inputs["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    x86 = named(build(ecs_ec2()), TEMPLATE, "instance").inputs["imageId"]
    assert named(snapshot, TEMPLATE, "instance").inputs["imageId"] != x86


def test_an_image_may_be_stayed_on() -> None:
    snapshot = build(ecs_ec2(instances={"image": "ami-0123456789abcdef0"}))
    assert named(snapshot, TEMPLATE, "instance").inputs["imageId"] == "ami-0123456789abcdef0"


def test_spot_takes_its_share_above_the_minimum() -> None:
    """S3-03"""
    snapshot = build(ecs_ec2(instances={**INSTANCES, "further_classes": ["t3a.medium", "m5.large"]}, spot=60))
    group = named(snapshot, GROUP).inputs
    policy = group["mixedInstancesPolicy"]
    assert policy["instancesDistribution"] == {
        "onDemandAllocationStrategy": "prioritized",
        "onDemandBaseCapacity": 2,
        "onDemandPercentageAboveBaseCapacity": 40,
        "spotAllocationStrategy": "price-capacity-optimized",
    }
    assert [override["instanceType"] for override in policy["launchTemplate"]["overrides"]] == [
        "t3.medium",
        "t3a.medium",
        "m5.large",
    ]
    assert group["capacityRebalance"] is True


def test_without_spot_all_instances_are_on_demand(shop: Snapshot) -> None:
    group = named(shop, GROUP).inputs
    assert group["mixedInstancesPolicy"]["instancesDistribution"]["onDemandPercentageAboveBaseCapacity"] == 100
    assert group["capacityRebalance"] is False


def test_a_new_template_replaces_instances_one_by_one_and_rolls_back_on_errors(shop: Snapshot) -> None:
    """S3-03"""
    group = named(shop, GROUP).inputs
    preferences = group["instanceRefresh"]["preferences"]
    assert group["instanceRefresh"]["strategy"] == "Rolling"
    assert preferences["minHealthyPercentage"] == 100
    assert preferences["scaleInProtectedInstances"] == "Refresh"
    assert preferences["autoRollback"] is True
    errors = named(shop, ALARM, "app-errors").outputs["name"]
    assert errors in preferences["alarmSpecification"]["alarms"]
    # Only a numbered version can be gone back to.
    version = group["mixedInstancesPolicy"]["launchTemplate"]["launchTemplateSpecification"]["version"]
    assert version == "1"
    assert group["maxInstanceLifetime"] == 30 * 86_400


def test_a_stack_without_public_services_has_no_alarm_to_roll_back_on() -> None:
    snapshot = build(ecs_ec2({"worker": {"uses": {"database": "connect"}}}))
    assert "alarmSpecification" not in named(snapshot, GROUP).inputs["instanceRefresh"]["preferences"]


def test_a_refresh_watches_no_more_alarms_than_aws_takes() -> None:
    services = {f"s{index}": {"port": 3000, "path": f"/{index}/*", "uses": {}} for index in range(12)}
    snapshot = build(ecs_ec2(services))
    assert len(named(snapshot, GROUP).inputs["instanceRefresh"]["preferences"]["alarmSpecification"]["alarms"]) == 10


def test_tasks_run_on_instances_in_their_own_network_spread_over_zones(shop: Snapshot) -> None:
    """S3-04"""
    definition = named(shop, TASK, "app").inputs
    assert (definition["requiresCompatibilities"], definition["networkMode"]) == (["EC2"], "awsvpc")
    assert (definition["cpu"], definition["memory"]) == ("512", "1024")
    assert definition["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    [container] = json.loads(definition["containerDefinitions"])
    assert container["portMappings"][0]["containerPort"] == 3000
    service = named(shop, SERVICE, "app").inputs
    assert service["orderedPlacementStrategies"] == [
        {"type": "spread", "field": "attribute:ecs.availability-zone"},
        {"type": "binpack", "field": "memory"},
    ]
    assert service["capacityProviderStrategies"] == [
        {"capacityProvider": named(shop, PROVIDER).outputs["name"], "weight": 1}
    ]
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["networkConfiguration"]["subnets"] == ["subnet-private-a", "subnet-private-b"]
    assert "launchType" not in service


def test_the_load_balancer_asks_tasks_for_their_health(shop: Snapshot) -> None:
    """S3-02"""
    [group] = shop.of_type("aws:lb/targetGroup:TargetGroup")
    assert (group.inputs["port"], group.inputs["targetType"]) == (3000, "ip")
    assert group.inputs["healthCheck"]["path"] == "/api/health"


def test_services_scale_on_cpu_and_memory(shop: Snapshot) -> None:
    """S3-04"""
    policies = {
        policy.name: policy.inputs["targetTrackingScalingPolicyConfiguration"]["targetValue"]
        for policy in shop.of_type("aws:appautoscaling/policy:Policy")
    }
    assert policies == {"shop-compute-app-cpu": 70, "shop-compute-app-memory": 80}


def test_a_service_starts_when_its_cluster_has_instances(shop: Snapshot) -> None:
    [capacity] = shop.of_type("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
    assert capacity.urn in named(shop, SERVICE, "app").dependencies


def test_the_disk_of_a_copy_is_not_set_where_it_is_the_instances() -> None:
    app = {"app": {**APP["app"], "disk_paths": ["/work"], "disk_gib": 50}}
    definition = named(build(ecs_ec2(app)), TASK, "app").inputs
    assert "ephemeralStorage" not in definition
    assert definition["volumes"]


def test_execution_task_and_instance_roles_are_apart(shop: Snapshot) -> None:
    """S3-08"""
    assert set(statements(shop, "app-task")) == {"Connect"}
    assert set(statements(shop, "app-execution")) == {"LogIn", "Pull", "WriteLogs", "ReadSecrets", "DecryptSecrets"}
    assert set(statements(shop, "instance")) == {"DiscoverEndpoint", "JoinCluster", "RunTasks", "SessionManager"}
    definition = named(shop, TASK, "app").inputs
    roles = {definition["executionRoleArn"], definition["taskRoleArn"]}
    assert named(shop, "aws:iam/role:Role", "instance").outputs["arn"] not in roles
    assert len(roles) == 2


def test_an_instance_joins_its_own_cluster_only(shop: Snapshot) -> None:
    """S3-08"""
    cluster = "arn:aws:ecs:ap-south-1:111122223333:cluster/shop-prod"
    found = statements(shop, "instance")
    assert found["JoinCluster"]["Resource"] == [cluster]
    assert found["RunTasks"]["Resource"] == ["arn:aws:ecs:ap-south-1:111122223333:container-instance/shop-prod/*"]
    assert found["RunTasks"]["Condition"] == {"ArnEquals": {"ecs:cluster": cluster}}
    actions = {action for statement in found.values() for action in statement["Action"]}
    assert not any("*" in action for action in actions)
    assert not any(action.startswith(("ssm:GetParameter", "ecr:", "logs:", "s3:")) for action in actions)


def test_nothing_enters_an_instance_and_it_calls_https_alone(shop: Snapshot) -> None:
    group = named(shop, "aws:ec2/securityGroup:SecurityGroup").outputs["id"]
    inbound = shop.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert not [rule for rule in inbound if rule.inputs["securityGroupId"] == group]
    [outbound] = [
        rule.inputs
        for rule in shop.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if rule.inputs["securityGroupId"] == group
    ]
    assert (outbound["fromPort"], outbound["toPort"], outbound["cidrIpv4"]) == (443, 443, "0.0.0.0/0")


def test_the_alarms_of_capacity_stand_beside_those_of_services(shop: Snapshot) -> None:
    """S3-09"""
    capacity = named(shop, ALARM, "instances-capacity").inputs
    assert capacity["metricName"] == "CapacityProviderReservation"
    assert capacity["dimensions"] == {
        "ClusterName": "shop-prod",
        "CapacityProviderName": named(shop, PROVIDER).outputs["name"],
    }
    running = named(shop, ALARM, "instances-in-service").inputs
    assert (running["metricName"], running["threshold"]) == ("GroupInServiceInstances", 2)
    assert running["treatMissingData"] == "breaching"
    assert "GroupInServiceInstances" in named(shop, GROUP).inputs["enabledMetrics"]
    assert {f"shop-compute-app-{key}" for key in ("cpu", "memory", "errors", "tasks")} <= {
        alarm.name for alarm in shop.of_type(ALARM)
    }


def test_task_logs_are_kept_and_encrypted(shop: Snapshot) -> None:
    """S3-09"""
    group = named(shop, "aws:cloudwatch/logGroup:LogGroup", "app").inputs
    assert (group["name"], group["retentionInDays"], group["kmsKeyId"]) == (
        "/shop/prod/services/app",
        30,
        key_arn("logs"),
    )
    [container] = json.loads(named(shop, TASK, "app").inputs["containerDefinitions"])
    assert container["logConfiguration"]["options"]["awslogs-group"] == "/shop/prod/services/app"


def test_instances_and_services_have_hours() -> None:
    """S3-10"""
    hours = {
        "night": {"cron": "0 22 ? * * *", "min": 1, "max": 2},
        "day": {"cron": "30 6 ? * MON-FRI *", "min": 2, "max": 10},
    }
    app = {**APP["app"], "scaling": {"min": 2, "max": 6, "schedule": {"night": {**hours["night"]}}}}
    snapshot = build(ecs_ec2({"app": app}, instances={**INSTANCES, "schedule": hours}), timezone="Asia/Kathmandu")
    night = named(snapshot, "aws:autoscaling/schedule:Schedule", "instances-night").inputs
    assert (night["recurrence"], night["timeZone"]) == ("0 22 * * *", "Asia/Kathmandu")
    assert (night["minSize"], night["maxSize"], night["desiredCapacity"]) == (1, 2, -1)
    day = named(snapshot, "aws:autoscaling/schedule:Schedule", "instances-day").inputs
    assert day["recurrence"] == "30 6 * * MON-FRI"
    assert named(snapshot, "aws:appautoscaling/scheduledAction:ScheduledAction", "app-night")
    # What runs at night is fewer, and no alarm.
    assert named(snapshot, ALARM, "instances-in-service").inputs["threshold"] == 1


def test_no_threshold_leaves_its_alarm_out() -> None:
    snapshot = build(ecs_ec2(instances={"min": 0}, observability={"thresholds": {"instance_cpu": None}}))
    names = {alarm.name for alarm in snapshot.of_type(ALARM)}
    assert "shop-compute-instances-capacity" in names
    assert not names & {"shop-compute-instances-cpu", "shop-compute-instances-in-service"}


def test_images_are_scanned_encrypted_and_expire(shop: Snapshot) -> None:
    """S3-06"""
    repository = named(shop, "aws:ecr/repository:Repository", "app").inputs
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert repository["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": key_arn("storage")}]
    assert named(shop, "aws:ecr/lifecyclePolicy:LifecyclePolicy", "app")


def test_secrets_reach_tasks_by_reference(shop: Snapshot) -> None:
    """S3-07"""
    [container] = json.loads(named(shop, TASK, "app").inputs["containerDefinitions"])
    assert container["secrets"] == [{"name": "DATABASE_PASSWORD", "valueFrom": f"{SECRET}:password::"}]


@pytest.mark.parametrize("unknowns", [False, True])
def test_it_previews_before_anything_exists(unknowns: bool) -> None:
    snapshot = build(ecs_ec2(spot=50), unknowns=unknowns)
    assert named(snapshot, GROUP)
    assert unknowns or '"unknown"' not in snapshot.dumps()


def test_another_service_changes_no_urn(shop: Snapshot) -> None:
    more = build(ecs_ec2({**APP, "worker": {"uses": {"database": "connect"}}}))
    assert {resource.urn for resource in shop.resources} <= {resource.urn for resource in more.resources}


def test_the_key_of_volumes_lets_those_launch_who_launch_and_nobody_else() -> None:
    """S3-03"""

    def program(context: Context) -> None:
        aws.kms.Key("volumes", enable_key_rotation=True, policy=policy_document(key_statements(context)))

    snapshot = build(program)
    [key] = snapshot.of_type("aws:kms/key:Key")
    use, grant = json.loads(key.inputs["policy"])["Statement"]
    for statement in (use, grant):
        assert statement["Condition"]["StringEquals"] == {"kms:CallerAccount": "111122223333"}
        assert statement["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [
            "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            "arn:aws:iam::111122223333:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        ]
    assert grant["Action"] == "kms:CreateGrant"
    assert grant["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    # Who administers the key stands in another statement, which the platform's keys all have.
    assert [finding.rule.name for finding in judge(snapshot, dt.date(2026, 1, 5)).findings] == [
        "kms-keeps-administrator"
    ]


def test_no_rule_of_the_policy_pack_refuses_it() -> None:
    full = {**APP, "worker": {"uses": {"database": "connect"}, "disk_paths": ["/work"]}}
    snapshot = build(ecs_ec2(full, spot=50, exec=True, observability={"tracing": True}))
    assert judge(snapshot, dt.date(2026, 1, 5)).blocking == []
