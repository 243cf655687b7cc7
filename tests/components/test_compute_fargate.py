import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from groundwork.components.access import Grant, Opening, SecretReference, Statement
from groundwork.components.compute.fargate import Fargate
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.context import Context
from groundwork.components.edge.origin import Entrance
from groundwork.components.observability.settings import ObservabilitySettings, ThresholdSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Resource, Snapshot
from tests.harness import build, key_arn, observed, topic_arn

KEY = "arn:aws:kms:ap-south-1:111122223333:key/k"
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:db-1"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
POLICY = "aws:appautoscaling/policy:Policy"

WEB_AND_API: dict[str, Any] = {
    "web": {"port": 3333, "path": "/*"},
    "api": {"port": 5000, "path": "/api/*", "health": "/api/health"},
}
POOL = {
    "DATABASE_POOL_SIZE": "10",
    "DATABASE_POOL_MIN": "0",
    "DATABASE_POOL_IDLE_SECONDS": "30",
    "DATABASE_POOL_CONNECT_SECONDS": "5",
    "DATABASE_READER_POOL_SIZE": "1",
}
DATABASE = Grant(
    statements=[Statement("Connect", ["rds-db:connect"], ["arn:aws:rds-db:ap-south-1:111122223333:dbuser:db/app"])],
    openings=[Opening("sg-database", 5432, "PostgreSQL")],
    environment={"DATABASE_HOST": "db.example"},
    secrets={
        "DATABASE_USERNAME": SecretReference(SECRET, KEY, "username"),
        "DATABASE_PASSWORD": SecretReference(SECRET, KEY, "password"),
    },
)


def _network(**changes: Any) -> SimpleNamespace:
    given = {
        "vpc_id": "vpc-1",
        "vpc_ipv6": False,
        "reaches_internet": True,
        "private_subnet_ids": {"a": "subnet-private-a", "b": "subnet-private-b"},
        "private_ready": (),
        "s3_prefix_list_id": "pl-s3",
        "endpoint_security_group_id": "sg-endpoints",
    }
    return SimpleNamespace(**{**given, **changes})


def _load_balancer(origin_header: tuple[str, str] | None = None) -> SimpleNamespace:
    arn = "arn:aws:elasticloadbalancing:ap-south-1:111122223333"
    return SimpleNamespace(
        arn_suffix="app/shop/1",
        listener_arn=f"{arn}:listener/app/shop/1/2",
        security_group_id="sg-balancer",
        origin_header=origin_header,
    )


def fargate(
    services: Mapping[str, Any],
    *,
    grants: Mapping[str, Mapping[str, Grant]] | None = None,
    compute: Mapping[str, Any] | None = None,
    observability: Mapping[str, Any] | None = None,
    network: SimpleNamespace | None = None,
    load_balancer: SimpleNamespace | None = None,
    queues: Mapping[str, Any] | None = None,
    delivered: Mapping[str, str] | None = None,
) -> Callable[[Context], Fargate]:
    def program(context: Context) -> Fargate:
        return Fargate(
            "shop-compute",
            ComputeSettings.model_validate(compute or {}),
            context=replace(
                observed(context, ObservabilitySettings.model_validate(observability or {})), delivered=delivered
            ),
            run=Run(
                services={name: ServiceSettings.model_validate(service) for name, service in services.items()},
                network=network or _network(),
                entrance=Entrance(load_balancer=load_balancer or _load_balancer()),
                grants=grants or {},
                queues=queues or {},
            ),
        )

    return program


def named(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == f"shop-compute-{name}"]
    return found


def container(snapshot: Snapshot, service: str, name: str | None = None) -> dict[str, Any]:
    definitions = json.loads(named(snapshot, TASK, service).inputs["containerDefinitions"])
    [found] = [definition for definition in definitions if definition["name"] == (name or service)]
    return dict(found)


def environment(snapshot: Snapshot, service: str) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container(snapshot, service)["environment"]}


def statements(snapshot: Snapshot, role: str) -> dict[str, dict[str, Any]]:
    document = json.loads(named(snapshot, "aws:iam/rolePolicy:RolePolicy", role).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def openings(snapshot: Snapshot, kind: str) -> set[tuple[str, str, int]]:
    """(group, the other side, port)"""
    sides = ("referencedSecurityGroupId", "cidrIpv4", "cidrIpv6", "prefixListId")
    found = set()
    for rule in snapshot.of_type(kind):
        assert rule.inputs["fromPort"] == rule.inputs["toPort"]
        [other] = [rule.inputs[side] for side in sides if rule.inputs.get(side)]
        found.add((rule.inputs["securityGroupId"], other, rule.inputs["fromPort"]))
    return found


@pytest.fixture(scope="module")
def shop() -> Snapshot:
    services = {
        "web": WEB_AND_API["web"],
        "api": {
            **WEB_AND_API["api"],
            "uses": {"database": "connect"},
            "scaling": {"min": 2, "max": 10, "target": None, "steps": {}},
        },
    }
    return build(fargate(services, grants={"api": {"database": DATABASE}}))


def test_services_run_on_fargate_in_private_subnets(shop: Snapshot) -> None:
    """S2-01, S2-06"""
    for service in shop.of_type(SERVICE):
        assert service.inputs["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 1}]
        assert service.inputs["networkConfiguration"]["subnets"] == ["subnet-private-a", "subnet-private-b"]
        assert service.inputs["networkConfiguration"]["assignPublicIp"] is False
    for task in shop.of_type(TASK):
        assert (task.inputs["requiresCompatibilities"], task.inputs["networkMode"]) == (["FARGATE"], "awsvpc")
        assert task.inputs["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}


def test_sizes_and_counts_are_those_of_the_settings() -> None:
    """S2-02, S2-03, S2-04, S0-01"""
    for cpu, memory, least in ((512, 1024, 2), (1024, 2048, 4), (2048, 4096, 6)):
        service = {**WEB_AND_API["web"], "cpu": cpu, "memory": memory, "scaling": {"min": least, "max": 10}}
        snapshot = build(fargate({"web": service}))
        task = named(snapshot, TASK, "web")
        assert (task.inputs["cpu"], task.inputs["memory"]) == (str(cpu), str(memory))
        assert named(snapshot, SERVICE, "web").inputs["desiredCount"] == least


def test_tasks_take_their_port_from_the_load_balancer_and_the_database_takes_5432_from_tasks_that_use_it(
    shop: Snapshot,
) -> None:
    """S2-06"""
    groups = {
        group.name.removeprefix("shop-compute-"): group.outputs["id"]
        for group in shop.of_type("aws:ec2/securityGroup:SecurityGroup")
    }
    assert openings(shop, INGRESS) == {
        (groups["web"], "sg-balancer", 3333),
        (groups["api"], "sg-balancer", 5000),
        ("sg-database", groups["api"], 5432),
    }
    assert openings(shop, EGRESS) == {
        ("sg-balancer", groups["web"], 3333),
        ("sg-balancer", groups["api"], 5000),
        (groups["api"], "sg-database", 5432),
        (groups["web"], "0.0.0.0/0", 443),
        (groups["api"], "0.0.0.0/0", 443),
    }


def test_a_security_group_has_no_rules_of_its_own(shop: Snapshot) -> None:
    for group in shop.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert not group.inputs.get("ingress")
        assert not group.inputs.get("egress")


def test_a_service_without_outbound_https_reaches_aws_through_endpoints_only() -> None:
    snapshot = build(fargate({"worker": {"outbound_ports": []}}))
    assert {(other, port) for _, other, port in openings(snapshot, EGRESS)} == {("pl-s3", 443), ("sg-endpoints", 443)}
    bare = build(fargate({"worker": {"outbound_ports": []}}, network=_network(endpoint_security_group_id=None)))
    assert {other for _, other, _ in openings(bare, EGRESS)} == {"pl-s3"}


def test_a_dual_stack_network_opens_ipv6_outwards() -> None:
    snapshot = build(fargate({"worker": {"outbound_ports": [443, 587]}}, network=_network(vpc_ipv6=True)))
    assert {(other, port) for _, other, port in openings(snapshot, EGRESS)} == {
        ("0.0.0.0/0", 443),
        ("::/0", 443),
        ("0.0.0.0/0", 587),
        ("::/0", 587),
    }


def test_containers_run_without_root_without_capabilities_and_without_a_writable_root(shop: Snapshot) -> None:
    web = container(shop, "web")
    assert web["user"] == "1000:1000"
    assert web["readonlyRootFilesystem"] is True
    assert web["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert web["linuxParameters"]["initProcessEnabled"] is True
    assert "privileged" not in web


def test_writable_folders_are_memory_that_belongs_to_the_user() -> None:
    snapshot = build(fargate({"web": {"user": "101", "writable_paths": ["/tmp", "/run"], "writable_mib": 32}}))
    web = container(snapshot, "web")
    assert [(mount["containerPath"], mount["size"]) for mount in web["linuxParameters"]["tmpfs"]] == [
        ("/tmp", 32),
        ("/run", 32),
    ]
    assert {"uid=101", "gid=101", "nosuid", "nodev"} <= set(web["linuxParameters"]["tmpfs"][0]["mountOptions"])
    assert not named(snapshot, TASK, "web").inputs.get("volumes")


def test_disk_folders_are_volumes_of_the_size_asked_for() -> None:
    snapshot = build(fargate({"video": {"disk_paths": ["/work", "/var/cache/video"], "disk_gib": 100}}))
    task = named(snapshot, TASK, "video")
    mounts = container(snapshot, "video")["mountPoints"]
    assert [mount["containerPath"] for mount in mounts] == ["/work", "/var/cache/video"]
    assert [mount["sourceVolume"] for mount in mounts] == [volume["name"] for volume in task.inputs["volumes"]]
    assert task.inputs["ephemeralStorage"] == {"sizeInGib": 100}


def test_more_memory_for_folders_than_half_of_the_task_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="writable_paths may fill 320 MiB"):
        ServiceSettings.model_validate({"memory": 512, "writable_mib": 320})


def test_secrets_reach_tasks_by_reference_and_nothing_else_reads_them(shop: Snapshot) -> None:
    """S2-10, S3-07"""
    secrets = {item["name"]: item["valueFrom"] for item in container(shop, "api")["secrets"]}
    assert secrets == {"DATABASE_USERNAME": f"{SECRET}:username::", "DATABASE_PASSWORD": f"{SECRET}:password::"}
    execution = statements(shop, "api-execution")
    assert execution["ReadSecrets"]["Resource"] == [SECRET]
    assert execution["DecryptSecrets"]["Resource"] == [KEY]
    assert execution["DecryptSecrets"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.ap-south-1.amazonaws.com"}
    }
    assert "ReadSecrets" not in statements(shop, "web-execution")
    assert container(shop, "web")["secrets"] == []


def test_a_whole_secret_is_referenced_without_a_key() -> None:
    grant = Grant(secrets={"LICENCE": SecretReference(SECRET, KEY)})
    snapshot = build(fargate({"worker": {"uses": {"licence": "read"}}}, grants={"worker": {"licence": grant}}))
    assert container(snapshot, "worker")["secrets"] == [{"name": "LICENCE", "valueFrom": SECRET}]


def test_execution_and_task_roles_are_separate_and_name_exact_resources(shop: Snapshot) -> None:
    """S3-08"""
    task = named(shop, TASK, "api")
    assert task.inputs["executionRoleArn"] != task.inputs["taskRoleArn"]
    assert set(statements(shop, "api-task")) == {"Connect"}
    execution = statements(shop, "api-execution")
    assert execution["Pull"]["Resource"] == ["arn:aws:ecr:ap-south-1:111122223333:repository/shop/prod/api"]
    assert execution["WriteLogs"]["Resource"] == [
        "arn:aws:logs:ap-south-1:111122223333:log-group:/shop/prod/services/api:*"
    ]
    everything = [sid for sid, statement in execution.items() if "*" in statement["Resource"]]
    assert everything == ["LogIn"]


def test_a_service_that_uses_nothing_may_do_nothing(shop: Snapshot) -> None:
    assert [
        policy.name for policy in shop.of_type("aws:iam/rolePolicy:RolePolicy") if policy.name.endswith("web-task")
    ] == []


def test_roles_trust_ecs_tasks_of_this_account_only(shop: Snapshot) -> None:
    for role in shop.of_type("aws:iam/role:Role"):
        [statement] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": "arn:aws:ecs:ap-south-1:111122223333:*"},
        }


def test_the_same_statement_id_of_two_grants_stays_distinct() -> None:
    grants = {
        name: Grant(statements=[Statement("Read", ["s3:GetObject"], [f"arn:aws:s3:::{name}/*"])])
        for name in ("images", "user-files")
    }
    service = {"uses": {"images": "read", "user-files": "read"}}
    snapshot = build(fargate({"worker": service}, grants={"worker": grants}))
    assert set(statements(snapshot, "worker-task")) == {"Read", "UserFilesRead"}


def test_the_environment_of_the_stack_file_wins_over_what_is_granted_but_not_over_a_secret() -> None:
    service = {
        "port": 3000,
        "uses": {"database": "connect"},
        "environment": {"DATABASE_HOST": "mine", "DATABASE_PASSWORD": "x"},
    }
    snapshot = build(fargate({"api": service}, grants={"api": {"database": DATABASE}}))
    assert environment(snapshot, "api") == {"DATABASE_HOST": "mine", **POOL, "PORT": "3000"}


def test_a_use_that_nothing_grants_stops_the_program() -> None:
    with pytest.raises(pulumi.RunError, match=r"services\.web\.uses\.search"):
        build(fargate({"web": {"uses": {"search": "read"}}}))


def test_each_service_has_a_repository_that_scans_and_never_changes_a_tag(shop: Snapshot) -> None:
    """S2-09, S3-06"""
    repositories = {
        repository.inputs["name"]: repository for repository in shop.of_type("aws:ecr/repository:Repository")
    }
    assert set(repositories) == {"shop/prod/web", "shop/prod/api"}
    for repository in repositories.values():
        assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
        assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.inputs["encryptionConfigurations"] == [
            {"encryptionType": "KMS", "kmsKey": key_arn("storage")}
        ]
        assert repository.inputs["forceDelete"] is False
        assert repository.options["protect"] is True
    rules = json.loads(named(shop, "aws:ecr/lifecyclePolicy:LifecyclePolicy", "web").inputs["policy"])["rules"]
    assert [rule["selection"]["countNumber"] for rule in rules] == [7, 30]


def test_outside_prod_a_repository_goes_with_its_images() -> None:
    repository = named(build(fargate(WEB_AND_API), stage="dev"), "aws:ecr/repository:Repository", "web")
    assert repository.inputs["forceDelete"] is True
    assert "protect" not in repository.options


@pytest.mark.parametrize(
    ("image", "resource"),
    [
        ("public.ecr.aws/nginx/nginx:1.29", None),
        (
            f"444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/web@sha256:{'0' * 64}",
            "arn:aws:ecr:eu-west-1:444455556666:repository/team/web",
        ),
    ],
)
def test_an_image_from_elsewhere_needs_no_repository_and_only_its_own_permission(
    image: str, resource: str | None
) -> None:
    snapshot = build(fargate({"web": {**WEB_AND_API["web"], "image": image}}))
    assert snapshot.of_type("aws:ecr/repository:Repository") == []
    assert container(snapshot, "web")["image"] == image
    pull = statements(snapshot, "web-execution").get("Pull")
    assert (pull["Resource"] if pull else None) == ([resource] if resource else None)


@pytest.mark.parametrize(
    ("service", "ignored"),
    [
        ({}, ["desiredCount"]),
        ({"tag": "v1"}, ["desiredCount"]),
        ({"image": "nginx:1.29", "image_owner": "pipeline"}, ["desiredCount"]),
        ({"scaling": {"min": 2, "max": 2}}, []),
        ({"scaling": {"min": 1, "max": 4, "target": None}}, []),
    ],
)
def test_auto_scalings_count_is_left_alone_and_nothing_else(service: dict[str, Any], ignored: list[str]) -> None:
    resource = named(build(fargate({"web": {**WEB_AND_API["web"], **service}})), SERVICE, "web")
    assert resource.options.get("ignoreChanges", []) == ignored
    assert resource.inputs["waitForSteadyState"] is True


def test_revisions_that_may_still_run_are_kept(shop: Snapshot) -> None:
    for task in shop.of_type(TASK):
        assert task.inputs["skipDestroy"] is True


def test_a_failing_deployment_is_rolled_back(shop: Snapshot) -> None:
    """S3-04"""
    for service in shop.of_type(SERVICE):
        assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
        assert (service.inputs["deploymentMinimumHealthyPercent"], service.inputs["deploymentMaximumPercent"]) == (
            100,
            200,
        )
        assert service.inputs["availabilityZoneRebalancing"] == "ENABLED"
        errors = named(shop, ALARM, f"{service.name.removeprefix('shop-compute-')}-errors").outputs["name"]
        assert service.inputs["alarms"] == {"alarmNames": [errors], "enable": True, "rollback": True}


def test_a_service_starts_only_when_its_permissions_rules_and_routes_are_there(shop: Snapshot) -> None:
    awaited = named(shop, SERVICE, "api").dependencies
    names = {urn.rsplit("::", 1)[1].removeprefix("shop-compute-") for urn in awaited}
    assert {
        "api-execution",
        "api-task",
        "api-database",
        "api-public-5000",
        "api-internet-443",
        "api-path",
        "cluster",
    } <= names


def test_health_is_asked_as_the_target_group_says(shop: Snapshot) -> None:
    """S3-02"""
    group = named(shop, "aws:lb/targetGroup:TargetGroup", "api")
    assert group.inputs["targetType"] == "ip"
    assert group.inputs["port"] == 5000
    assert group.inputs["healthCheck"] == {
        "path": "/api/health",
        "interval": 30,
        "timeout": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 3,
        "matcher": "200",
    }
    assert group.inputs["stickiness"]["enabled"] is False
    assert named(shop, SERVICE, "api").inputs["healthCheckGracePeriodSeconds"] == 30


def test_a_new_port_keeps_the_target_group_and_opens_its_rules_before_the_old_ones_go() -> None:
    """Tasks register with their own port, and a group that is replaced is refused while a listener's rule names it."""
    before, after = (build(fargate({"web": {"port": port, "path": "/*"}})) for port in (3000, 3001))
    assert named(after, "aws:lb/targetGroup:TargetGroup", "web").options["ignoreChanges"] == ["port"]
    [registered] = named(after, SERVICE, "web").inputs["loadBalancers"]
    assert registered["containerPort"] == 3001
    for kind in (INGRESS, EGRESS):
        rules = {urn.rpartition("::")[2] for urn in before.by_urn() if kind in urn and urn.endswith("-public-3000")}
        assert len(rules) == 1
        assert not rules & {urn.rpartition("::")[2] for urn in after.by_urn()}


def test_a_container_health_check_is_only_what_was_asked_for(shop: Snapshot) -> None:
    assert "healthCheck" not in container(shop, "web")
    snapshot = build(fargate({"worker": {"health_command": ["node", "healthcheck.js"]}}))
    assert container(snapshot, "worker")["healthCheck"]["command"] == ["CMD", "node", "healthcheck.js"]


def test_sticky_services_keep_a_client_on_one_copy() -> None:
    group = named(
        build(fargate({"chat": {"port": 3000, "path": "/*", "sticky": True}})), "aws:lb/targetGroup:TargetGroup", "chat"
    )
    assert group.inputs["stickiness"] == {"type": "lb_cookie", "enabled": True, "cookieDuration": 86400}


def test_api_paths_lead_to_api_and_the_rest_to_web(shop: Snapshot) -> None:
    """S2-01"""
    rules = shop.of_type("aws:lb/listenerRule:ListenerRule")
    ordered = sorted(rules, key=lambda rule: rule.inputs["priority"])
    assert [rule.inputs["conditions"] for rule in ordered] == [
        [{"pathPattern": {"values": [path]}}] for path in ("/api/*", "/*")
    ]
    api = named(shop, "aws:lb/targetGroup:TargetGroup", "api").outputs["arn"]
    assert ordered[0].inputs["actions"] == [{"type": "forward", "targetGroupArn": api}]


def test_a_host_leads_to_its_service_beside_its_path() -> None:
    """S2-16"""
    services = {**WEB_AND_API, "api": {**WEB_AND_API["api"], "host": "api"}}
    snapshot = build(fargate(services), domain="example.com")
    host = named(snapshot, "aws:lb/listenerRule:ListenerRule", "api-host")
    assert host.inputs["conditions"] == [{"hostHeader": {"values": ["api.example.com"]}}]
    assert named(snapshot, "aws:lb/listenerRule:ListenerRule", "api-path").inputs["priority"] > host.inputs["priority"]


def test_behind_cloudfront_every_rule_asks_for_its_header() -> None:
    snapshot = build(fargate(WEB_AND_API, load_balancer=_load_balancer(("X-Origin", "value"))))
    for rule in snapshot.of_type("aws:lb/listenerRule:ListenerRule"):
        assert {"httpHeader": {"httpHeaderName": "X-Origin", "values": ["value"]}} in rule.inputs["conditions"]


def test_a_service_without_path_and_host_is_reached_from_nowhere() -> None:
    snapshot = build(fargate({"internal": {"port": 3000}, "worker": {}}))
    assert snapshot.of_type(INGRESS, "aws:lb/targetGroup:TargetGroup", "aws:lb/listenerRule:ListenerRule") == []
    assert "loadBalancers" not in named(snapshot, SERVICE, "internal").inputs
    assert container(snapshot, "worker")["portMappings"] == []


def test_a_service_that_uses_another_finds_it_by_name() -> None:
    services = {
        "web": {**WEB_AND_API["web"], "uses": {"user-api": "connect"}},
        "user-api": {"port": 5000},
        "worker": {},
    }
    snapshot = build(fargate(services))
    assert environment(snapshot, "web")["USER_API_URL"] == "http://user-api:5000"
    [namespace] = snapshot.of_type("aws:servicediscovery/httpNamespace:HttpNamespace")
    server = named(snapshot, SERVICE, "user-api").inputs["serviceConnectConfiguration"]
    assert server["namespace"] == namespace.outputs["arn"]
    assert server["services"] == [
        {"portName": "http", "discoveryName": "user-api", "clientAlias": [{"dnsName": "user-api", "port": 5000}]}
    ]
    client = named(snapshot, SERVICE, "web")
    assert client.inputs["serviceConnectConfiguration"]["enabled"] is True
    assert not client.inputs["serviceConnectConfiguration"].get("services")
    assert named(snapshot, SERVICE, "user-api").urn in client.dependencies
    assert "serviceConnectConfiguration" not in named(snapshot, SERVICE, "worker").inputs
    groups = {
        group.name.removeprefix("shop-compute-"): group.outputs["id"]
        for group in snapshot.of_type("aws:ec2/securityGroup:SecurityGroup")
    }
    assert (groups["user-api"], groups["web"], 5000) in openings(snapshot, INGRESS)
    assert (groups["web"], groups["user-api"], 5000) in openings(snapshot, EGRESS)


def test_services_that_use_one_another_in_a_circle_are_still_built() -> None:
    snapshot = build(
        fargate({"a": {"port": 3000, "uses": {"b": "connect"}}, "b": {"port": 3001, "uses": {"a": "connect"}}})
    )
    assert len(snapshot.of_type(SERVICE)) == 2


def test_without_uses_between_services_there_is_no_service_connect(shop: Snapshot) -> None:
    assert shop.of_type("aws:servicediscovery/httpNamespace:HttpNamespace") == []


def test_up_above_70_percent_for_2_minutes_and_down_below_30_percent_for_5(shop: Snapshot) -> None:
    """S2-05"""
    target = named(shop, "aws:appautoscaling/target:Target", "api")
    service = named(shop, SERVICE, "api").outputs["name"]
    assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (2, 10)
    assert target.inputs["resourceId"] == f"service/shop-prod/{service}"
    for name, comparison, threshold, minutes, change in (
        ("up", "GreaterThanThreshold", 70, 2, 1),
        ("down", "LessThanThreshold", 30, 5, -1),
    ):
        policy = named(shop, POLICY, f"api-{name}")
        alarm = named(shop, ALARM, f"api-{name}").inputs
        assert policy.inputs["policyType"] == "StepScaling"
        [step] = policy.inputs["stepScalingPolicyConfiguration"]["stepAdjustments"]
        assert step["scalingAdjustment"] == change
        assert (alarm["comparisonOperator"], alarm["threshold"]) == (comparison, threshold)
        assert alarm["period"] * alarm["evaluationPeriods"] == minutes * 60
        assert alarm["dimensions"] == {"ClusterName": "shop-prod", "ServiceName": service}
        assert alarm["alarmActions"] == [policy.outputs["arn"]]


def test_target_tracking_follows_cpu_memory_and_requests() -> None:
    """S0-01, S3-04"""
    scaling = {"min": 2, "max": 50, "target": {"cpu": 70, "memory": 80, "requests": 100}}
    snapshot = build(fargate({"web": {**WEB_AND_API["web"], "scaling": scaling}}))
    found = {}
    for policy in snapshot.of_type(POLICY):
        tracking = policy.inputs["targetTrackingScalingPolicyConfiguration"]
        found[tracking["predefinedMetricSpecification"]["predefinedMetricType"]] = tracking["targetValue"]
    assert found == {
        "ECSServiceAverageCPUUtilization": 70,
        "ECSServiceAverageMemoryUtilization": 80,
        "ALBRequestCountPerTarget": 100,
    }
    label = named(snapshot, POLICY, "web-requests").inputs["targetTrackingScalingPolicyConfiguration"][
        "predefinedMetricSpecification"
    ]
    assert re.fullmatch(r"app/shop/1/targetgroup/[^/]+/[0-9a-f]{16}", label["resourceLabel"])


def test_scheduled_bounds_follow_the_platforms_time_zone() -> None:
    """S3-10"""
    hours = {
        "night": {"cron": "0 22 ? * * *", "min": 1, "max": 2},
        "day": {"cron": "0 8 ? * * *", "min": 4, "max": 8, "timezone": "UTC"},
    }
    snapshot = build(
        fargate({"web": {**WEB_AND_API["web"], "scaling": {"min": 4, "max": 8, "schedule": hours}}}),
        timezone="Asia/Kathmandu",
    )
    night = named(snapshot, "aws:appautoscaling/scheduledAction:ScheduledAction", "web-night").inputs
    assert (night["schedule"], night["timezone"]) == ("cron(0 22 ? * * *)", "Asia/Kathmandu")
    assert night["scalableTargetAction"] == {"minCapacity": 1, "maxCapacity": 2}
    assert named(snapshot, "aws:appautoscaling/scheduledAction:ScheduledAction", "web-day").inputs["timezone"] == "UTC"
    assert named(snapshot, ALARM, "web-tasks").inputs["threshold"] == 1


def test_a_worker_follows_the_messages_that_wait_for_each_task() -> None:
    """S0-10"""
    scaling = {"min": 0, "max": 20, "target": None, "queue": {"queue": "videos", "messages_per_task": 5}}
    queues = {"videos": SimpleNamespace(queue_name="shop-videos")}
    snapshot = build(fargate({"video": {"scaling": scaling}}, queues=queues))
    tracking = named(snapshot, POLICY, "video-queue").inputs["targetTrackingScalingPolicyConfiguration"]
    assert tracking["targetValue"] == 5
    metrics = {metric["id"]: metric for metric in tracking["customizedMetricSpecification"]["metrics"]}
    assert metrics["waiting"]["metricStat"]["metric"]["dimensions"] == [{"name": "QueueName", "value": "shop-videos"}]
    assert metrics["taken"]["metricStat"]["metric"]["metricName"] == "ApproximateNumberOfMessagesNotVisible"

    def backlog(waiting: int, taken: int, running: int | None) -> float:
        words = {
            "IF": lambda condition, yes, no: yes if condition else no,
            "FILL": lambda value, filler: filler if value is None else value,
        }
        return float(eval(metrics["backlog"]["expression"], {**words, **locals()}))

    # Neither no value nor the value 0 is divided by; the first message starts a task, and nothing stops one that works.
    assert backlog(0, 0, None) == backlog(0, 0, 0) == 0
    assert backlog(1, 0, None) > 5
    assert backlog(1, 0, 0) > 5
    assert backlog(0, 1, 1) == 1
    assert backlog(15, 5, 4) == 5
    assert [metric["id"] for metric in metrics.values() if metric["returnData"]] == ["backlog"]
    with pytest.raises(pulumi.RunError, match="there is no queue 'videos'"):
        build(fargate({"video": {"scaling": scaling}}))


def test_the_minimum_never_runs_on_spot() -> None:
    snapshot = build(
        fargate(
            {"web": {"scaling": {"min": 2, "max": 10}}, "batch": {"spot": 100}, "steady": {"spot": 0}},
            compute={"spot": 60},
        )
    )
    assert named(snapshot, SERVICE, "web").inputs["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 40},
        {"capacityProvider": "FARGATE_SPOT", "weight": 60},
    ]
    assert [item["weight"] for item in named(snapshot, SERVICE, "batch").inputs["capacityProviderStrategies"]] == [
        0,
        100,
    ]
    assert named(snapshot, SERVICE, "steady").inputs["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "weight": 1}
    ]
    assert named(snapshot, SERVICE, "web").inputs["forceNewDeployment"] is True


def test_every_service_brings_its_alarms(shop: Snapshot) -> None:
    """S2-11, S3-09"""
    expected = {"cpu": 80, "memory": 85, "errors": 10, "response": 2, "tasks": 2}
    for key, threshold in expected.items():
        alarm = named(shop, ALARM, f"api-{key}").inputs
        assert alarm["threshold"] == threshold
        assert alarm["alarmActions"] == alarm["okActions"] == [topic_arn()]
    errors, response = (named(shop, ALARM, f"api-{key}").inputs for key in ("errors", "response"))
    assert (errors["metricName"], errors["statistic"], errors["period"], errors["evaluationPeriods"]) == (
        "HTTPCode_Target_5XX_Count",
        "Sum",
        60,
        1,
    )
    assert (response["metricName"], response["statistic"]) == ("TargetResponseTime", "Average")
    cpu = named(shop, ALARM, "api-cpu").inputs
    assert cpu["period"] * cpu["evaluationPeriods"] == 300
    tasks = named(shop, ALARM, "api-tasks").inputs
    assert (tasks["namespace"], tasks["metricName"], tasks["treatMissingData"]) == (
        "ECS/ContainerInsights",
        "RunningTaskCount",
        "breaching",
    )


def test_without_container_insights_running_tasks_are_counted_by_what_they_send() -> None:
    snapshot = build(fargate({"web": {}}, compute={"container_insights": "disabled"}))
    alarm = named(snapshot, ALARM, "web-tasks").inputs
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("AWS/ECS", "CPUUtilization", "SampleCount")


def test_a_threshold_of_null_leaves_its_alarm_out() -> None:
    off = dict.fromkeys(ThresholdSettings.model_fields)
    snapshot = build(
        fargate({"web": {**WEB_AND_API["web"], "scaling": {"min": 1, "max": 1}}}, observability={"thresholds": off})
    )
    assert [alarm.name for alarm in snapshot.of_type(ALARM)] == ["shop-compute-web-tasks"]
    assert "alarms" not in named(snapshot, SERVICE, "web").inputs


def test_a_worker_that_may_sleep_has_no_alarm_for_it() -> None:
    snapshot = build(fargate({"worker": {"scaling": {"min": 0, "max": 1, "target": None}}}))
    assert "shop-compute-worker-tasks" not in [alarm.name for alarm in snapshot.of_type(ALARM)]


def test_logs_are_encrypted_and_never_block_the_service(shop: Snapshot) -> None:
    """S3-09"""
    groups = {group.inputs["name"]: group.inputs for group in shop.of_type("aws:cloudwatch/logGroup:LogGroup")}
    assert set(groups) == {
        "/shop/prod/services/web",
        "/shop/prod/services/api",
        "/aws/ecs/containerinsights/shop-prod/performance",
    }
    assert {group["kmsKeyId"] for group in groups.values()} == {key_arn("logs")}
    log = container(shop, "web")["logConfiguration"]
    assert log["options"]["awslogs-group"] == "/shop/prod/services/web"
    assert log["options"]["mode"] == "non-blocking"


def test_nobody_can_enter_a_task_unless_exec_is_on(shop: Snapshot) -> None:
    assert named(shop, SERVICE, "api").inputs["enableExecuteCommand"] is False
    assert "ssmmessages" not in shop.dumps()


def test_sessions_into_tasks_are_recorded_and_encrypted() -> None:
    snapshot = build(fargate({"api": {}}, compute={"exec": True}))
    assert named(snapshot, SERVICE, "api").inputs["enableExecuteCommand"] is True
    [cluster] = snapshot.of_type("aws:ecs/cluster:Cluster")
    session = cluster.inputs["configuration"]["executeCommandConfiguration"]
    assert (session["logging"], session["kmsKeyId"]) == ("OVERRIDE", key_arn("logs"))
    assert session["logConfiguration"] == {
        "cloudWatchEncryptionEnabled": True,
        "cloudWatchLogGroupName": "/shop/prod/sessions",
    }
    allowed = statements(snapshot, "api-task")
    assert set(allowed) == {"OpenSessions", "DescribeLogGroups", "WriteSessionLogs", "ReadSessionKey"}
    assert allowed["WriteSessionLogs"]["Resource"] == [
        "arn:aws:logs:ap-south-1:111122223333:log-group:/shop/prod/sessions:*"
    ]
    api = container(snapshot, "api")
    assert api["readonlyRootFilesystem"] is True
    assert {"/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"} == {
        mount["containerPath"] for mount in api["mountPoints"]
    }


def test_tracing_puts_a_hardened_collector_beside_the_service() -> None:
    """S0-11"""
    snapshot = build(fargate({"web": {"port": 3000}, "quiet": {"tracing": False}}, observability={"tracing": True}))
    sidecar = container(snapshot, "web", "trace_collector")
    assert (sidecar["essential"], sidecar["readonlyRootFilesystem"], sidecar["user"]) == (False, True, "1000:1000")
    assert sidecar["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert environment(snapshot, "web")["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert environment(snapshot, "web")["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert "xray:PutTraceSegments" in statements(snapshot, "web-task")["Trace"]["Action"]
    [only] = json.loads(named(snapshot, TASK, "quiet").inputs["containerDefinitions"])
    assert only["name"] == "quiet"


def test_a_new_service_changes_no_other(shop: Snapshot) -> None:
    services = {
        "aaa": {"port": 4000, "path": "/aaa/*"},
        "web": WEB_AND_API["web"],
        "api": {
            **WEB_AND_API["api"],
            "uses": {"database": "connect"},
            "scaling": {"min": 2, "max": 10, "target": None, "steps": {}},
        },
    }
    grown = build(fargate(services, grants={"api": {"database": DATABASE}})).by_urn()
    for urn, resource in shop.by_urn().items():
        if resource.custom:
            assert grown[urn].inputs == resource.inputs


def test_nothing_stays_unknown_where_computed_values_are_given(shop: Snapshot) -> None:
    assert '"unknown"' not in shop.dumps()


def test_a_first_preview_plans_the_same_resources() -> None:
    services = {
        "web": {**WEB_AND_API["web"], "uses": {"api": "connect"}},
        "api": {**WEB_AND_API["api"], "uses": {"database": "connect"}},
    }
    program = fargate(
        services, grants={"api": {"database": DATABASE}}, compute={"exec": True}, observability={"tracing": True}
    )
    known, unknown = build(program), build(program, unknowns=True)
    assert [resource.urn for resource in unknown.resources] == [resource.urn for resource in known.resources]
    assert [resource.dependencies for resource in unknown.resources] == [
        resource.dependencies for resource in known.resources
    ]


def test_long_names_fit_what_aws_keeps_short() -> None:
    service = "a-very-long-service-name"
    snapshot = build(fargate({service: {"port": 3000, "path": "/*"}}))
    [group] = snapshot.of_type("aws:lb/targetGroup:TargetGroup")
    assert len(group.outputs["name"]) <= 32
    assert all(len(role.outputs["name"]) <= 64 for role in snapshot.of_type("aws:iam/role:Role"))


def test_rules_and_groups_are_described_in_characters_that_ec2_takes() -> None:
    services = {
        "web": {**WEB_AND_API["web"], "uses": {"api": "connect"}, "outbound_ports": []},
        "api": WEB_AND_API["api"],
    }
    snapshot = build(fargate(services))
    described = snapshot.of_type(INGRESS, EGRESS, "aws:ec2/securityGroup:SecurityGroup")
    for resource in described:
        assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", resource.inputs["description"])


def test_each_service_costs_the_same_number_of_resources() -> None:
    sizes = [
        len(build(fargate({f"s{n}": {"port": 3000, "path": f"/s{n}/*"} for n in range(count)})).resources)
        for count in (1, 2, 12)
    ]
    assert sizes[2] - sizes[1] == 10 * (sizes[1] - sizes[0])


SIDECARS: dict[str, Any] = {
    "proxy": {
        "image": "111122223333.dkr.ecr.ap-south-1.amazonaws.com/tools/proxy:1",
        "command": ["proxy", "--port", "9000"],
        "variables": ["DATABASE_PASSWORD", "MODE"],
        "health_command": ["proxy", "check"],
        "cpu": 64,
        "memory": 200,
    },
    "agent": {"image": "public.ecr.aws/x/agent:7", "environment": {"LEVEL": "info"}, "essential": False},
}


def test_sidecars_start_before_the_service_and_get_of_its_variables_what_they_name() -> None:
    api = {**WEB_AND_API["api"], "environment": {"MODE": "shop"}, "uses": {"database": "connect"}, "sidecars": SIDECARS}
    snapshot = build(fargate({"api": api}, grants={"api": {"database": DATABASE}}))
    main, proxy, agent = (container(snapshot, "api", name) for name in ("api", "proxy", "agent"))
    assert main["dependsOn"] == [
        {"containerName": "proxy", "condition": "HEALTHY"},
        {"containerName": "agent", "condition": "START"},
    ]
    assert (proxy["cpu"], proxy["memory"], proxy["essential"]) == (64, 200, True)
    assert proxy["environment"] == [{"name": "MODE", "value": "shop"}]
    assert [secret["name"] for secret in proxy["secrets"]] == ["DATABASE_PASSWORD"]
    assert (agent["environment"], agent["secrets"], agent["essential"]) == (
        [{"name": "LEVEL", "value": "info"}],
        [],
        False,
    )
    for one in (proxy, agent):
        assert one["readonlyRootFilesystem"]
        assert one["user"] == "1000:1000"
        assert one["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    pull = statements(snapshot, "api-execution")["Pull"]["Resource"]
    assert len(pull) == 2
    assert "arn:aws:ecr:ap-south-1:111122223333:repository/tools/proxy" in pull


def test_nothing_runs_beside_the_placeholder() -> None:
    snapshot = build(fargate({"api": {**WEB_AND_API["api"], "sidecars": {"agent": SIDECARS["agent"]}}}, delivered={}))
    assert [one["name"] for one in json.loads(named(snapshot, TASK, "api").inputs["containerDefinitions"])] == ["api"]
