"""S3: a web app on ECS with EC2 capacity, row by row, on the snapshots of its stacks."""

from __future__ import annotations

import json
from base64 import b64decode
from ipaddress import ip_network

import pytest

from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.snapshot import Resource, Snapshot
from tests.examples.query import (
    ALARM,
    SERVICE,
    TASK,
    alarms_on,
    beside,
    bounds,
    container,
    environment,
    named,
    primary,
    references,
    sources,
    statements,
    tracking,
    who_reaches,
)
from tests.requirements import proves
from tests.stacks import snapshot_of

DEV, PROD = "examples/ecs-web/dev", "examples/ecs-web/prod"
STACKS = pytest.mark.parametrize("stack", [DEV, PROD])

GROUP = "aws:autoscaling/group:Group"
IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
"""Where AWS says which of its images for container instances is the newest."""
ROLE = "aws:iam/role:Role"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

RANGES = {
    "public-a": "10.0.1.0/24",
    "public-b": "10.0.2.0/24",
    "private-a": "10.0.3.0/24",
    "private-b": "10.0.4.0/24",
}


def subnet_ranges(snapshot: Snapshot) -> dict[str, str]:
    """Range by tier and zone."""
    return {
        subnet.name.removeprefix("ecs-web-network-"): subnet.inputs["cidrBlock"]
        for subnet in snapshot.of_type("aws:ec2/subnet:Subnet")
    }


@STACKS
@proves("S3-01")
def test_the_network_has_the_ranges_that_were_asked_for(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [network] = snapshot.of_type("aws:ec2/vpc:Vpc")
    assert network.inputs["cidrBlock"] == "10.0.0.0/16"
    ranges = subnet_ranges(snapshot)
    assert {name: range_ for name, range_ in ranges.items() if not name.startswith("data-")} == RANGES
    for subnet in snapshot.of_type("aws:ec2/subnet:Subnet"):
        assert subnet.inputs["availabilityZone"] == f"us-east-1{subnet.name[-1]}"


@STACKS
@proves("S3-01", "C-06")
def test_the_network_acl_lets_private_subnets_reach_the_data_tier_and_nobody_else(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [acl] = snapshot.of_type("aws:ec2/networkAcl:NetworkAcl")
    assert sources(snapshot, acl, "subnetIds") == {"ecs-web-network-data-a", "ecs-web-network-data-b"}
    ranges = subnet_ranges(snapshot)
    private = {ranges["private-a"], ranges["private-b"]}
    data = {ranges["data-a"], ranges["data-b"]}
    allowed = [rule for rule in acl.inputs["ingress"] if rule["action"] == "allow"]
    assert {rule["cidrBlock"] for rule in allowed} == private | data
    assert {rule["cidrBlock"] for rule in allowed if rule["fromPort"] <= 5432 <= rule["toPort"]} == private | data
    assert {rule["fromPort"] for rule in allowed if rule["cidrBlock"] in private} == {443, 5432, 6379}
    assert {rule["cidrBlock"] for rule in acl.inputs["egress"]} == private | data
    public = [ip_network(ranges[name]) for name in ("public-a", "public-b")]
    assert not any(ip_network(rule["cidrBlock"]).overlaps(range_) for rule in allowed for range_ in public)


@STACKS
@proves("S3-01", "C-06")
def test_container_instances_are_private_and_let_nobody_in(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [group] = snapshot.of_type(GROUP)
    assert subnets_of(snapshot, group, "vpcZoneIdentifiers") == {"private-a", "private-b"}
    [template] = snapshot.of_type(TEMPLATE)
    [interface] = template.inputs["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"
    assert sources(snapshot, template, "networkInterfaces") == {"ecs-web-compute-instances"}
    assert set(who_reaches(snapshot, "ecs-web-compute-instances")) == set()
    assert "keyName" not in template.inputs


def subnets_of(snapshot: Snapshot, resource: Resource, key: str) -> set[str]:
    """Tier and zone of the subnets that an input comes from."""
    prefix = "ecs-web-network-"
    return {name.removeprefix(prefix) for name in sources(snapshot, resource, key) if name.startswith(prefix)}


@STACKS
@proves("S3-02")
def test_the_target_group_asks_port_3000_for_its_health(stack: str) -> None:
    [target] = snapshot_of(stack).of_type("aws:lb/targetGroup:TargetGroup")
    assert (target.inputs["port"], target.inputs["targetType"]) == (3000, "ip")
    assert target.inputs["healthCheck"]["path"] == "/api/health"
    assert target.inputs["healthCheck"]["matcher"] == "200"


@proves("S3-02")
def test_the_load_balancer_of_prod_answers_on_443_and_sends_80_there() -> None:
    snapshot = snapshot_of(PROD)
    listeners = {listener.inputs["port"]: listener.inputs for listener in snapshot.of_type("aws:lb/listener:Listener")}
    assert set(listeners) == {80, 443}
    [redirect] = listeners[80]["defaultActions"]
    assert (redirect["type"], redirect["redirect"]["port"], redirect["redirect"]["statusCode"]) == (
        "redirect",
        "443",
        "HTTP_301",
    )
    assert listeners[443]["protocol"] == "HTTPS"
    assert set(who_reaches(snapshot, "ecs-web-ingress-alb-balancer")) == {(80, "0.0.0.0/0"), (443, "0.0.0.0/0")}
    assert set(who_reaches(snapshot, "ecs-web-compute-web")) == {(3000, "ecs-web-ingress-alb-balancer")}


@proves("S3-02")
def test_the_load_balancer_of_dev_has_no_domain_and_answers_cloudfront_alone() -> None:
    """Without a domain there is no certificate for 443; CloudFront speaks HTTPS and reaches an internal load balancer."""
    snapshot = snapshot_of(DEV)
    [listener] = snapshot.of_type("aws:lb/listener:Listener")
    assert listener.inputs["port"] == 80
    [balancer] = snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["internal"] is True
    [(port, source)] = who_reaches(snapshot, "ecs-web-ingress-alb-balancer")
    assert (port, source[:3]) == (80, "pl-")
    [distribution] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    assert distribution.inputs["defaultCacheBehavior"]["viewerProtocolPolicy"] == "redirect-to-https"


INSTANCES = {DEV: (2, 4, 50), PROD: (2, 10, 100)}
"""The least and most instances, and percent of those above the least that are not Spot."""


@STACKS
@proves("S3-03")
def test_the_cluster_runs_on_t3_medium_instances_that_ecs_adds_and_drains(stack: str) -> None:
    snapshot = snapshot_of(stack)
    least, most, _ = INSTANCES[stack]
    [group] = snapshot.of_type(GROUP)
    assert (group.inputs["minSize"], group.inputs["maxSize"]) == (least, most)
    [override] = group.inputs["mixedInstancesPolicy"]["launchTemplate"]["overrides"]
    assert override["instanceType"] == "t3.medium"
    assert group.inputs["protectFromScaleIn"] is True
    [provider] = snapshot.of_type("aws:ecs/capacityProvider:CapacityProvider")
    capacity = provider.inputs["autoScalingGroupProvider"]
    assert capacity["autoScalingGroupArn"] == group.outputs["arn"]
    assert capacity["managedScaling"]["status"] == "ENABLED"
    assert capacity["managedScaling"]["targetCapacity"] == 100
    assert capacity["managedDraining"] == "ENABLED"
    assert capacity["managedTerminationProtection"] == "ENABLED"
    [attached] = snapshot.of_type("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
    assert attached.inputs["capacityProviders"] == [provider.outputs["name"]]


@STACKS
@proves("S3-03", "C-06")
def test_instances_start_from_ecs_own_image_with_imdsv2_and_encrypted_volumes(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [template] = snapshot.of_type(TEMPLATE)
    newest = ComputedValues("us-east-1").for_invoke("aws:ssm/getParameter:getParameter", {"name": IMAGE})
    assert template.inputs["imageId"] == newest["insecureValue"]
    metadata = template.inputs["metadataOptions"]
    assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)
    [volume] = template.inputs["blockDeviceMappings"]
    assert (volume["ebs"]["encrypted"], volume["ebs"]["volumeType"]) == ("true", "gp3")
    assert sources(snapshot, template, "blockDeviceMappings") == {"ecs-web-keys-storage"}
    agent = dict(line.split("=", 1) for line in user_data(template).splitlines() if line.startswith("ECS_"))
    [cluster] = snapshot.of_type("aws:ecs/cluster:Cluster")
    assert agent["ECS_CLUSTER"] == cluster.inputs["name"]
    assert agent["ECS_AWSVPC_BLOCK_IMDS"] == "true"
    assert agent["ECS_ENABLE_SPOT_INSTANCE_DRAINING"] == "true"


def user_data(template: Resource) -> str:
    return b64decode(template.inputs["userData"]).decode()


@STACKS
@proves("S3-03")
def test_the_share_of_spot_is_a_setting(stack: str) -> None:
    least, _, on_demand = INSTANCES[stack]
    [group] = snapshot_of(stack).of_type(GROUP)
    shares = group.inputs["mixedInstancesPolicy"]["instancesDistribution"]
    assert shares["onDemandBaseCapacity"] == least
    assert shares["onDemandPercentageAboveBaseCapacity"] == on_demand
    assert shares["spotAllocationStrategy"] == "price-capacity-optimized"
    assert group.inputs["capacityRebalance"] is (on_demand < 100)


@STACKS
@proves("S3-12")
def test_the_container_is_asked_for_its_health_beside_the_load_balancer(stack: str) -> None:
    command = container(snapshot_of(stack), "web")["healthCheck"]["command"]
    assert command == ["CMD", "curl", "--fail", "--silent", "http://127.0.0.1:3000/api/health"]
    [group] = snapshot_of(stack).of_type("aws:lb/targetGroup:TargetGroup")
    assert group.inputs["healthCheck"]["path"] == "/api/health"


@STACKS
@proves("S3-04")
def test_a_task_has_512_cpu_and_1024_mib_and_an_interface_of_its_own_on_port_3000(stack: str) -> None:
    snapshot = snapshot_of(stack)
    task = named(snapshot, TASK, "-web").inputs
    assert task["requiresCompatibilities"] == ["EC2"]
    assert (task["cpu"], task["memory"], task["networkMode"]) == ("512", "1024", "awsvpc")
    assert [port["containerPort"] for port in container(snapshot, "web")["portMappings"]] == [3000]
    service = named(snapshot, SERVICE, "-web")
    [strategy] = service.inputs["capacityProviderStrategies"]
    [provider] = snapshot.of_type("aws:ecs/capacityProvider:CapacityProvider")
    assert strategy["capacityProvider"] == provider.outputs["name"]
    assert subnets_of(snapshot, service, "networkConfiguration") == {"private-a", "private-b"}


@STACKS
@proves("S3-04")
def test_tasks_are_spread_over_zones_and_a_deployment_that_fails_is_rolled_back(stack: str) -> None:
    service = named(snapshot_of(stack), SERVICE, "-web").inputs
    assert service["orderedPlacementStrategies"][0] == {"type": "spread", "field": "attribute:ecs.availability-zone"}
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["deploymentMinimumHealthyPercent"] == 100


COPIES = {DEV: (1, 4), PROD: (2, 10)}


@STACKS
@proves("S3-04")
def test_copies_are_held_at_70_percent_cpu_and_80_percent_memory(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert bounds(snapshot, "web") == COPIES[stack]
    assert tracking(snapshot, "web") == {
        "ECSServiceAverageCPUUtilization": 70,
        "ECSServiceAverageMemoryUtilization": 80,
    }


@STACKS
@proves("S3-05", "C-06")
def test_the_database_is_postgresql_15_on_t3_micro_with_20_gb_of_gp3_and_7_days_of_backups(stack: str) -> None:
    snapshot = snapshot_of(stack)
    database = primary(snapshot).inputs
    assert (database["engine"], database["engineVersion"]) == ("postgres", "15")
    assert database["instanceClass"] == "db.t3.micro"
    assert (database["allocatedStorage"], database["storageType"]) == (20, "gp3")
    assert database["backupRetentionPeriod"] == 7
    assert database["storageEncrypted"] is True
    assert database["publiclyAccessible"] is False
    assert set(who_reaches(snapshot, "ecs-web-database-clients")) == {(5432, "ecs-web-compute-web")}


@proves("S3-05")
def test_a_standby_in_another_zone_is_a_setting() -> None:
    assert {stack: primary(snapshot_of(stack)).inputs["multiAz"] for stack in (DEV, PROD)} == {DEV: False, PROD: True}


@STACKS
@proves("S3-06")
def test_images_are_scanned_encrypted_and_cleared_away(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [repository] = snapshot.of_type("aws:ecr/repository:Repository")
    assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    # AES-256 either way; KMS is that with a key of the platform's own, whose use shows in CloudTrail.
    [encryption] = repository.inputs["encryptionConfigurations"]
    assert encryption["encryptionType"] == "KMS"
    assert sources(snapshot, repository, "encryptionConfigurations") == {"ecs-web-keys-storage"}
    lifecycle = beside(snapshot, "aws:ecr/lifecyclePolicy:LifecyclePolicy", repository)
    kept = [rule["selection"] for rule in json.loads(lifecycle.inputs["policy"])["rules"]]
    assert [(rule["tagStatus"], rule["countType"], rule["countNumber"]) for rule in kept] == [
        ("untagged", "sinceImagePushed", 7),
        ("tagged", "imageCountMoreThan", 30),
    ]


@STACKS
@proves("S3-07", "C-05")
def test_credentials_addresses_and_other_variables_reach_the_task_by_reference(stack: str) -> None:
    snapshot = snapshot_of(stack)
    given = references(snapshot, "web")
    database, app = (
        named(snapshot, "aws:secretsmanager/secret:Secret", name).outputs["arn"]
        for name in ("ecs-web-database-credentials", "ecs-web-app")
    )
    settings = {
        parameter.name.rpartition(".")[2]: parameter.outputs["arn"]
        for parameter in snapshot.of_type("aws:ssm/parameter:Parameter")
    }
    assert given == {
        **{
            variable: f"{database}:{key}::"
            for variable, key in (
                ("DATABASE_URL", "url"),
                ("DATABASE_READER_URL", "reader_url"),
                ("DATABASE_USERNAME", "username"),
                ("DATABASE_PASSWORD", "password"),
            )
        },
        **{key: f"{app}:{key}::" for key in ("SESSION_SECRET", "PAYMENT_API_KEY")},
        "API_URL": settings["API_URL"],
        "LOG_LEVEL": settings["LOG_LEVEL"],
    }
    assert not set(given) & set(environment(snapshot, "web"))
    values = {parameter.inputs["insecureValue"] for parameter in snapshot.of_type("aws:ssm/parameter:Parameter")}
    assert "https://api.example.com" in values


@STACKS
@proves("S3-08", "C-05")
def test_starting_a_task_being_one_and_being_an_instance_are_three_roles(stack: str) -> None:
    snapshot = snapshot_of(stack)
    task = named(snapshot, TASK, "-web").inputs
    [profile] = snapshot.of_type("aws:iam/instanceProfile:InstanceProfile")
    [template] = snapshot.of_type(TEMPLATE)
    assert template.inputs["iamInstanceProfile"]["arn"] == profile.outputs["arn"]
    execution, own, instance = (
        named(snapshot, ROLE, name)
        for name in ("ecs-web-compute-web-execution", "ecs-web-compute-web-task", "ecs-web-compute-instance")
    )
    assert task["executionRoleArn"] == execution.outputs["arn"]
    assert task["taskRoleArn"] == own.outputs["arn"]
    assert profile.inputs["role"] == instance.outputs["name"]
    assert len({execution.urn, own.urn, instance.urn}) == 3
    trusted = {
        role.name: statement["Principal"]["Service"]
        for role in (execution, own, instance)
        for statement in json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    }
    assert trusted == {
        execution.name: "ecs-tasks.amazonaws.com",
        own.name: "ecs-tasks.amazonaws.com",
        instance.name: "ec2.amazonaws.com",
    }


@STACKS
@proves("S3-08", "C-05")
def test_only_the_execution_role_reads_secrets_and_the_task_may_nothing(stack: str) -> None:
    """What the app uses (database, secrets, parameters) reaches it as variables, so its own role needs no permission."""
    snapshot = snapshot_of(stack)
    assert "secretsmanager:GetSecretValue" in statements(snapshot, "-web-execution")["ReadSecrets"]["Action"]
    instance = {action for statement in statements(snapshot, "-instance").values() for action in statement["Action"]}
    assert {action.partition(":")[0] for action in instance} == {"ecs", "ssm", "ssmmessages"}
    policies = [policy.name for policy in snapshot.of_type("aws:iam/rolePolicy:RolePolicy")]
    assert "ecs-web-compute-web-task" not in policies
    assert not snapshot.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")


@STACKS
@proves("S3-09")
def test_tasks_log_to_a_group_with_retention_and_key(stack: str) -> None:
    snapshot = snapshot_of(stack)
    options = container(snapshot, "web")["logConfiguration"]
    group = named(snapshot, "aws:cloudwatch/logGroup:LogGroup", "-compute-web")
    assert (options["logDriver"], options["options"]["awslogs-group"]) == ("awslogs", group.inputs["name"])
    assert group.inputs["retentionInDays"] == {DEV: 7, PROD: 30}[stack]
    assert sources(snapshot, group, "kmsKeyId") == {"ecs-web-keys-logs"}


@STACKS
@proves("S3-09")
def test_alarms_watch_cpu_memory_and_the_rate_of_errors(stack: str) -> None:
    snapshot = snapshot_of(stack)
    cpu = {(alarm["namespace"], alarm["threshold"]) for alarm in alarms_on(snapshot, "CPUUtilization")}
    assert {("AWS/ECS", 80), ("AWS/RDS", 80)} <= cpu
    assert {(alarm["namespace"], alarm["threshold"]) for alarm in alarms_on(snapshot, "MemoryUtilization")} == {
        ("AWS/ECS", 85)
    }
    [rate] = [alarm for alarm in alarms_on(snapshot, "RequestCount") if "metricQueries" in alarm]
    assert (rate["threshold"], rate["comparisonOperator"]) == (5, "GreaterThanThreshold")
    [share] = [query["expression"] for query in rate["metricQueries"] if query["id"] == "result"]
    assert "100 * FILL(errors, 0) / requests" in share
    assert {query["metric"]["metricName"] for query in rate["metricQueries"] if "metric" in query} == {
        "HTTPCode_Target_5XX_Count",
        "RequestCount",
    }
    for alarm in (*alarms_on(snapshot, "CPUUtilization"), *alarms_on(snapshot, "MemoryUtilization"), rate):
        assert alarm["alarmActions"]


@STACKS
@proves("S3-09")
def test_metrics_of_ecs_database_and_load_balancer_are_gathered_and_shown(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [cluster] = snapshot.of_type("aws:ecs/cluster:Cluster")
    assert cluster.inputs["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    database = primary(snapshot).inputs
    assert (database["monitoringInterval"], database["performanceInsightsEnabled"]) == (60, True)
    [dashboard] = snapshot.of_type("aws:cloudwatch/dashboard:Dashboard")
    body = dashboard.inputs["dashboardBody"]
    shown = {
        alarm.inputs["namespace"]
        for alarm in snapshot.of_type(ALARM)
        if "namespace" in alarm.inputs and alarm.outputs["arn"] in body
    }
    assert shown >= {"AWS/ECS", "ECS/ContainerInsights", "AWS/RDS", "AWS/ApplicationELB", "AWS/EC2"}


@proves("S3-10")
def test_prod_runs_at_least_three_from_seven_in_the_morning_and_at_most_six_from_ten_at_night() -> None:
    snapshot = snapshot_of(PROD)
    services = {
        action.name.rpartition("-")[2]: (
            action.inputs["schedule"],
            action.inputs["timezone"],
            action.inputs["scalableTargetAction"]["minCapacity"],
            action.inputs["scalableTargetAction"]["maxCapacity"],
        )
        for action in snapshot.of_type("aws:appautoscaling/scheduledAction:ScheduledAction")
    }
    assert services == {
        "morning": ("cron(0 7 * * ? *)", "America/New_York", 3, 10),
        "night": ("cron(0 22 * * ? *)", "America/New_York", 2, 6),
    }
    instances = {
        schedule.inputs["scheduledActionName"]: (
            schedule.inputs["recurrence"],
            schedule.inputs["timeZone"],
            schedule.inputs["minSize"],
            schedule.inputs["maxSize"],
        )
        for schedule in snapshot.of_type("aws:autoscaling/schedule:Schedule")
    }
    assert instances == {
        "morning": ("0 7 * * *", "America/New_York", 3, 10),
        "night": ("0 22 * * *", "America/New_York", 2, 6),
    }


@proves("S3-10")
def test_dev_stops_at_six_in_the_evening_and_starts_at_eight_on_workdays() -> None:
    snapshot = snapshot_of(DEV)
    actions = {
        action.name.rpartition("-")[2]: (
            action.inputs["schedule"],
            action.inputs["scalableTargetAction"]["minCapacity"],
            action.inputs["scalableTargetAction"]["maxCapacity"],
        )
        for action in snapshot.of_type("aws:appautoscaling/scheduledAction:ScheduledAction")
    }
    assert actions == {"stop": ("cron(0 18 ? * MON-FRI *)", 0, 0), "start": ("cron(0 8 ? * MON-FRI *)", 1, 4)}
    instances = {
        schedule.inputs["scheduledActionName"]: (schedule.inputs["recurrence"], schedule.inputs["minSize"])
        for schedule in snapshot.of_type("aws:autoscaling/schedule:Schedule")
    }
    assert instances == {"hours-stop": ("0 18 * * MON-FRI", 0), "hours-start": ("0 8 * * MON-FRI", 2)}
    database = {schedule.name for schedule in snapshot.of_type("aws:scheduler/schedule:Schedule")}
    assert database == {"ecs-web-hours-database-stop", "ecs-web-hours-database-start"}


@proves("S3-13")
def test_in_prod_every_log_line_goes_to_a_bucket_before_its_log_group_forgets_it() -> None:
    snapshot = snapshot_of(PROD)
    [stream] = snapshot.of_type("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")
    subscriptions = snapshot.of_type("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter")
    assert {found.inputs["destinationArn"] for found in subscriptions} == {stream.outputs["arn"]}
    kept = {
        found.inputs["name"]: found.inputs["retentionInDays"]
        for found in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")
        if found.inputs.get("region", snapshot.region) == snapshot.region
    }
    assert kept.keys() - {found.inputs["logGroup"] for found in subscriptions} == {"/ecs-web/prod/log-archive"}
    rules = named(
        snapshot, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "-log-archive-bucket"
    ).inputs["rules"]
    [ages] = [rule for rule in rules if rule["id"] == "purpose"]
    assert ages["expiration"]["days"] == 730 > max(kept.values())
    assert named(snapshot, "aws:s3/bucket:Bucket", "-log-archive-bucket").options["protect"] is True
