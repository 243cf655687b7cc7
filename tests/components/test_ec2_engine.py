"""The engine ec2 on the snapshot: one instance with a fixed interface, and several behind a load balancer."""

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
import yaml

from groundwork.components.access import Grant, Opening, ParameterReference, SecretReference, Statement
from groundwork.components.cache.settings import CacheSettings
from groundwork.components.compute.ec2.engine import Ec2
from groundwork.components.compute.ec2.own_cache import OwnCache
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.context import Context
from groundwork.components.edge.origin import Entrance, InstanceOrigin
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from tests.harness import build, key_arn

REGION = "ap-southeast-1"
KEY = f"arn:aws:kms:{REGION}:111122223333:key/k"
SECRET = f"arn:aws:secretsmanager:{REGION}:111122223333:secret:db-1"
ORIGIN = f"arn:aws:secretsmanager:{REGION}:111122223333:secret:origin-1"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
PARAMETER = "aws:ssm/parameter:Parameter"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

DATABASE = Grant(
    openings=[Opening("sg-database", 5432, "PostgreSQL")],
    environment={"DATABASE_HOST": "db.example"},
    secrets={"DATABASE_PASSWORD": SecretReference(SECRET, KEY, "password")},
)
ELASTICACHE = Grant(openings=[Opening("sg-cache", 6379, "Cache")], environment={"CACHE_TLS": "true"})
UPLOADS = Grant(
    statements=[Statement("UploadsSign", ["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::uploads/*"])],
    environment={"UPLOADS_BUCKET": "uploads"},
)
FLAGS = Grant(parameters={"FLAG": ParameterReference(f"arn:aws:ssm:{REGION}:111122223333:parameter/x/FLAG", "/x/FLAG")})
APP: dict[str, Any] = {
    "port": 3000,
    "path": "/*",
    "sticky": True,
    "environment": {"LOG": "info", "EMPTY": ""},
    "uses": {"database": "connect", "cache": "connect", "uploads": "sign"},
}
WORKER: dict[str, Any] = {"uses": {"database": "connect", "cache": "connect"}, "outbound_ports": [587]}
MVP = {"min": 1, "max": 1, "class": "t3.medium", "placement": "public", "data_volume": 10}
GROWTH = {"min": 2, "max": 3, "class": "t3.medium"}


def _network() -> SimpleNamespace:
    return SimpleNamespace(
        vpc_id="vpc-1",
        vpc_ipv6=False,
        private_subnet_ids={"a": "subnet-private-a", "b": "subnet-private-b"},
        private_ready=(),
        public_subnet_ids={"a": "subnet-public-a", "b": "subnet-public-b"},
        public_ready=(),
        s3_prefix_list_id="pl-s3",
        endpoint_security_group_id=None,
    )


def _balancer() -> SimpleNamespace:
    arn = f"arn:aws:elasticloadbalancing:{REGION}:111122223333:listener/app/chat/1/2"
    return SimpleNamespace(
        arn_suffix="app/chat/1", listener_arn=arn, security_group_id="sg-balancer", origin_header=None
    )


def ec2(
    instances: Mapping[str, Any],
    services: Mapping[str, Any] | None = None,
    *,
    cache: str = "elasticache",
    balanced: bool = False,
    domain: bool = True,
    compute: Mapping[str, Any] | None = None,
    grants: Mapping[str, Mapping[str, Grant]] | None = None,
    copied: bool = True,
) -> Callable[[Context], Ec2]:
    own = cache == "instance"
    granted = {
        "database": DATABASE,
        "cache": OwnCache(CacheSettings()).grant("connect") if own else ELASTICACHE,
        "uploads": UPLOADS,
    }

    def program(context: Context) -> Ec2:
        declared = services or {"app": APP, "worker": WORKER}
        known = pulumi.Output.from_input
        instance = InstanceOrigin(
            header=("x-origin-verify", known("value")),
            secret_arn=known(ORIGIN),
            host="origin.chat.example.com" if domain else None,
            names=("chat.example.com", "origin.chat.example.com") if domain else (),
            zone_id=known("Z123") if domain else None,
        )
        backups = SimpleNamespace(bucket_name=known("chat-backups"), grant=_copy)
        return Ec2(
            "chat-compute",
            ComputeSettings.model_validate({"engine": "ec2", "instances": instances, **(compute or {})}),
            context=replace(context, logging=replace(context.logging, retention=7)),
            run=Run(
                services={name: ServiceSettings.model_validate(service) for name, service in declared.items()},
                network=_network(),
                entrance=Entrance(load_balancer=_balancer()) if balanced else Entrance(instance=instance),
                grants=grants or dict.fromkeys(declared, granted),
                own_cache=OwnCache(CacheSettings.model_validate({"placement": cache}), backups if copied else None)
                if own
                else None,
            ),
        )

    return program


def _copy(level: str, prefix: str | None = None) -> Grant:
    assert (level, prefix) == ("write", "cache/")
    return Grant(statements=[Statement("BackupsWrite", ["s3:PutObject"], ["arn:aws:s3:::chat-backups/cache/*"])])


def chat(program: Callable[[Context], Ec2], **changes: Any) -> Snapshot:
    given = {"name": "chat", "region": REGION, "domain": "chat.example.com", "timezone": "Asia/Singapore"}
    return build(program, **{**given, **changes})


@pytest.fixture(scope="module")
def mvp() -> Snapshot:
    return chat(ec2(MVP, cache="instance"))


@pytest.fixture(scope="module")
def growth() -> Snapshot:
    return chat(ec2(GROWTH, balanced=True))


def named(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == f"chat-compute-{name}"]
    return found


def statements(snapshot: Snapshot, role: str) -> dict[str, dict[str, Any]]:
    document = json.loads(named(snapshot, "aws:iam/rolePolicy:RolePolicy", role).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def declaration(snapshot: Snapshot, service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(named(snapshot, PARAMETER, f"{service}-declaration").inputs["insecureValue"])
    return found


def user_data(snapshot: Snapshot, key: str = "instances") -> dict[str, str]:
    text = base64.b64decode(named(snapshot, TEMPLATE, key).inputs["userData"]).decode()
    return {file["path"]: file["content"] for file in yaml.safe_load(text)["write_files"]}


def environment(snapshot: Snapshot, service: str) -> dict[str, str]:
    beginning = f"chat-compute-{service}."
    return {
        parameter.name.removeprefix(beginning): parameter.inputs["insecureValue"]
        for parameter in snapshot.of_type(PARAMETER)
        if parameter.name.startswith(beginning)
    }


def test_one_instance_replaces_itself_and_runs_everything(mvp: Snapshot) -> None:
    """S4-01, S4-15"""
    [group] = mvp.of_type(GROUP)
    assert (group.inputs["minSize"], group.inputs["maxSize"]) == (1, 1)
    told = user_data(mvp)["/etc/groundwork/environment"]
    assert 'SERVICES="app worker"' in told
    assert "groundwork-cache" in told
    [template] = mvp.of_type(TEMPLATE)
    assert template.inputs["instanceType"] == "t3.medium"
    assert template.inputs["imageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami")
    assert template.inputs["instanceInitiatedShutdownBehavior"] == "terminate"


def test_the_only_instance_is_born_with_the_address_that_cloudfront_asks(mvp: Snapshot) -> None:
    """S4-08"""
    [interface] = mvp.of_type("aws:ec2/networkInterface:NetworkInterface")
    [template] = mvp.of_type(TEMPLATE)
    [given] = template.inputs["networkInterfaces"]
    assert given["networkInterfaceId"] == interface.outputs["id"]
    assert given["deleteOnTermination"] == "false"
    assert "associatePublicIpAddress" not in given
    [association] = mvp.of_type("aws:ec2/eipAssociation:EipAssociation")
    assert association.inputs["networkInterfaceId"] == interface.outputs["id"]
    [group] = mvp.of_type(GROUP)
    assert interface.inputs["subnetId"] == "subnet-public-a"
    assert group.inputs["availabilityZones"] == [f"{REGION}a"]
    assert "vpcZoneIdentifiers" not in group.inputs


def test_a_launch_does_not_try_to_tag_the_interface_that_is_there_already(mvp: Snapshot, growth: Snapshot) -> None:
    def kinds(snapshot: Snapshot) -> set[str]:
        specifications = named(snapshot, TEMPLATE, "instances").inputs["tagSpecifications"]
        assert all(one["tags"]["platform"] == "chat" for one in specifications)
        return {one["resourceType"] for one in specifications}

    assert kinds(mvp) == {"instance", "volume"}
    assert kinds(growth) == {"instance", "volume", "network-interface"}


def test_the_volume_goes_to_instances_of_this_platform_only(mvp: Snapshot) -> None:
    """S4-09"""
    condition = statements(mvp, "instances")["AttachToInstance"]["Condition"]["StringEquals"]
    assert condition == {"aws:ResourceTag/platform": "chat", "aws:ResourceTag/stage": "prod"}


def test_cloudfront_alone_comes_in_and_on_443_alone(mvp: Snapshot) -> None:
    """S4-08"""
    group = named(mvp, "aws:ec2/securityGroup:SecurityGroup", "instances")
    into = [rule.inputs for rule in mvp.of_type(INGRESS) if rule.inputs["securityGroupId"] == group.outputs["id"]]
    assert [(rule["fromPort"], rule["toPort"]) for rule in into] == [(443, 443)]
    assert into[0]["prefixListId"].startswith("pl-")
    assert not group.inputs.get("ingress")


def test_database_and_cache_take_the_instance_only() -> None:
    """S4-03, S4-08"""
    hybrid = chat(ec2(MVP))
    group = named(hybrid, "aws:ec2/securityGroup:SecurityGroup", "instances").outputs["id"]
    into = {
        (rule.inputs["securityGroupId"], rule.inputs.get("referencedSecurityGroupId"), rule.inputs["fromPort"])
        for rule in hybrid.of_type(INGRESS)
        if rule.inputs["securityGroupId"] != group
    }
    assert into == {("sg-database", group, 5432), ("sg-cache", group, 6379)}


def test_services_that_use_one_database_share_its_rule(mvp: Snapshot) -> None:
    rules = [rule for rule in mvp.of_type(EGRESS) if rule.inputs["fromPort"] == 5432]
    assert len(rules) == 1
    assert {rule.inputs["fromPort"] for rule in mvp.of_type(EGRESS)} == {443, 587, 5432}


def test_moving_the_cache_to_elasticache_leaves_the_services_variables_their_names(mvp: Snapshot) -> None:
    """S4-03: only the settings change."""
    assert environment(mvp, "app")["CACHE_TLS"] == "false"
    assert environment(mvp, "app")["CACHE_HOST"] == "cache"
    hybrid = chat(ec2(MVP))
    assert environment(hybrid, "app")["CACHE_TLS"] == "true"
    assert "groundwork-cache" not in user_data(hybrid)["/etc/groundwork/environment"]


def test_metadata_needs_a_token_and_reaches_no_container(mvp: Snapshot, growth: Snapshot) -> None:
    """S4-08"""
    for template in [*mvp.of_type(TEMPLATE), *growth.of_type(TEMPLATE)]:
        assert template.inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        assert "keyName" not in template.inputs
        assert template.inputs["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
        assert template.inputs["blockDeviceMappings"][0]["ebs"]["volumeType"] == "gp3"
        assert template.inputs["monitoring"] == {"enabled": True}
        assert template.inputs["creditSpecification"] == {"cpuCredits": "standard"}


def test_a_service_may_do_what_its_uses_grant_and_takes_on_its_role_through_the_instance(mvp: Snapshot) -> None:
    """S4-06, S4-09"""
    assert list(statements(mvp, "app-task")) == ["UploadsSign"]
    role = named(mvp, "aws:iam/role:Role", "app-task")
    instance = named(mvp, "aws:iam/role:Role", "instances")
    [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"AWS": instance.outputs["arn"]}
    assert role.outputs["arn"] in statements(mvp, "instances")["AssumeServiceRoles"]["Resource"]
    assert declaration(mvp, "app")["role"] == role.outputs["arn"]


def test_a_service_that_may_do_nothing_has_no_identity() -> None:
    """S4-09"""
    snapshot = chat(ec2(MVP, {"app": {"port": 3000, "path": "/*"}}))
    assert declaration(snapshot, "app")["role"] == ""
    assert "AssumeServiceRoles" not in statements(snapshot, "instances")


def test_the_instance_may_do_exactly_what_it_does(mvp: Snapshot) -> None:
    """S4-09"""
    allowed = statements(mvp, "instances")
    # What ends in /* lets single values be read, and nothing be listed: a listing is asked for by its path.
    parameter = f"arn:aws:ssm:{REGION}:111122223333:parameter/chat/prod"
    assert allowed["ListConfiguration"]["Resource"] == [
        f"{parameter}/instances/programs",
        f"{parameter}/services/environment/*",
    ]
    assert allowed["ReadSecrets"]["Resource"] == [SECRET, ORIGIN]
    assert allowed["AttachDataVolume"]["Resource"] == [mvp.of_type("aws:ebs/volume:Volume")[0].outputs["arn"]]
    assert allowed["ProveNames"]["Condition"]["ForAllValues:StringEquals"] == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
            "_acme-challenge.chat.example.com",
            "_acme-challenge.origin.chat.example.com",
        ],
        "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
    }
    assert allowed["BackupsWrite"]["Resource"] == ["arn:aws:s3:::chat-backups/cache/*"]
    on_everything = {sid for sid, statement in allowed.items() if statement["Resource"] == ["*"]}
    assert on_everything == {"SessionManager", "WriteMetrics", "LogIn", "ListHostedZones"}
    assert allowed["WriteMetrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "chat/prod"}}


def test_environment_lives_in_parameter_store_and_secrets_are_references(mvp: Snapshot) -> None:
    """S4-10"""
    told = environment(mvp, "app")
    assert told["LOG"] == "info"
    assert told["DATABASE_HOST"] == "db.example"
    assert "DATABASE_PASSWORD" not in told
    declared = declaration(mvp, "app")
    assert declared["secrets"] == {"DATABASE_PASSWORD": {"arn": SECRET, "key": "password"}}
    assert declared["container"]["Env"][-1] == "EMPTY="
    names = {parameter.inputs["name"] for parameter in mvp.of_type(PARAMETER)}
    assert "/chat/prod/services/environment/app/LOG" in names
    assert all(name.startswith("/chat/prod/") for name in names)


def test_parameters_of_a_tree_are_read_when_a_service_starts() -> None:
    """S4-10"""
    services = {"app": {"port": 3000, "path": "/*", "uses": {"flags": "read"}}}
    snapshot = chat(ec2(MVP, services, grants={"app": {"flags": FLAGS}}))
    assert declaration(snapshot, "app")["references"] == {"FLAG": "/x/FLAG"}
    assert statements(snapshot, "instances")["ReadParameters"]["Resource"] == [FLAGS.parameters["FLAG"].arn]


def test_parameter_store_takes_every_value(mvp: Snapshot, growth: Snapshot) -> None:
    for parameter in [*mvp.of_type(PARAMETER), *growth.of_type(PARAMETER)]:
        assert parameter.inputs["insecureValue"]
        assert "{{" not in parameter.inputs["insecureValue"]


def test_containers_run_without_root_without_capabilities_and_without_a_writable_root(mvp: Snapshot) -> None:
    body = declaration(mvp, "app")["container"]
    host = body["HostConfig"]
    assert body["User"] == "1000:1000"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == host["MemorySwap"] == 512 * 1024**2
    assert host["NanoCpus"] == 250_000_000
    assert host["Tmpfs"] == {"/tmp": "rw,nosuid,nodev,size=64m,uid=1000,gid=1000"}
    assert host["LogConfig"]["Config"]["awslogs-group"] == "/chat/prod/services/app"


def test_the_only_instances_ports_are_its_own_and_several_instances_are_the_load_balancers(
    mvp: Snapshot, growth: Snapshot
) -> None:
    def address(snapshot: Snapshot) -> str:
        [binding] = declaration(snapshot, "app")["container"]["HostConfig"]["PortBindings"]["3000/tcp"]
        return str(binding["HostIp"])

    assert address(mvp) == "127.0.0.1"
    assert address(growth) == "0.0.0.0"
    assert "PortBindings" not in declaration(growth, "worker")["container"]["HostConfig"]


def test_what_a_service_is_told_makes_new_instances_when_it_changes(mvp: Snapshot) -> None:
    def digest(snapshot: Snapshot) -> str:
        return user_data(snapshot)["/etc/groundwork/environment"].split('DIGEST="')[1][:64]

    changed = {"app": {**APP, "environment": {"LOG": "debug"}}, "worker": WORKER}
    assert digest(chat(ec2(MVP, changed, cache="instance"))) != digest(mvp)
    assert digest(chat(ec2(MVP, cache="instance"))) == digest(mvp)


def test_an_image_of_a_pipeline_is_left_alone_and_one_of_the_stack_makes_new_instances(mvp: Snapshot) -> None:
    image = named(mvp, PARAMETER, "app-image")
    assert image.options["ignoreChanges"] == ["insecureValue"]
    assert image.inputs["insecureValue"] == "none"
    own = chat(ec2(MVP, {"app": {**APP, "image": "example.com/app:1"}}, cache="instance"))
    assert "ignoreChanges" not in named(own, PARAMETER, "app-image").options


def test_the_data_volume_outlives_instances_and_has_a_snapshot_each_night(mvp: Snapshot) -> None:
    """S4-15"""
    [volume] = mvp.of_type("aws:ebs/volume:Volume")
    assert volume.inputs["encrypted"] is True
    assert volume.inputs["kmsKeyId"] == key_arn("storage", REGION)
    assert volume.inputs["availabilityZone"] == f"{REGION}a"
    assert volume.options["protect"] is True
    [policy] = mvp.of_type("aws:dlm/lifecyclePolicy:LifecyclePolicy")
    details = policy.inputs["policyDetails"]
    assert details["targetTags"] == {"Name": volume.inputs["tags"]["Name"]}
    # 03:00 in Singapore.
    assert details["schedules"][0]["createRule"]["times"] == "19:00"


def test_the_only_instance_goes_before_the_next_comes_and_several_never_get_fewer(
    mvp: Snapshot, growth: Snapshot
) -> None:
    """S4-15"""

    def preferences(snapshot: Snapshot) -> dict[str, Any]:
        found: dict[str, Any] = named(snapshot, GROUP, "instances").inputs["instanceRefresh"]["preferences"]
        return found

    assert (preferences(mvp)["minHealthyPercentage"], preferences(mvp)["maxHealthyPercentage"]) == (0, 100)
    assert preferences(growth)["minHealthyPercentage"] == 100
    assert preferences(growth)["autoRollback"] is True
    assert preferences(growth)["alarmSpecification"]["alarms"]


def test_two_to_three_instances_stand_behind_the_load_balancer_with_sticky_sessions(growth: Snapshot) -> None:
    """S4-04"""
    group = named(growth, GROUP, "instances")
    assert (group.inputs["minSize"], group.inputs["maxSize"]) == (2, 3)
    assert group.inputs["vpcZoneIdentifiers"] == ["subnet-private-a", "subnet-private-b"]
    assert group.inputs["healthCheckType"] == "ELB"
    [target] = growth.of_type("aws:lb/targetGroup:TargetGroup")
    assert target.inputs["targetType"] == "instance"
    assert target.inputs["stickiness"]["enabled"] is True
    assert group.inputs["targetGroupArns"] == [target.outputs["arn"]]
    [rule] = growth.of_type("aws:lb/listenerRule:ListenerRule")
    assert rule.inputs["actions"][0]["targetGroupArn"] == target.outputs["arn"]
    [policy] = [found for found in growth.of_type("aws:autoscaling/policy:Policy") if "instances" in found.name]
    assert policy.inputs["targetTrackingConfiguration"]["targetValue"] == 60


def test_with_several_instances_workers_have_their_own(growth: Snapshot) -> None:
    """S4-04"""
    workers = named(growth, GROUP, "workers")
    assert (workers.inputs["minSize"], workers.inputs["maxSize"]) == (1, 2)
    assert workers.inputs["healthCheckType"] == "EC2"
    assert 'SERVICES="worker"' in user_data(growth, "workers")["/etc/groundwork/environment"]
    assert 'SERVICES="app"' in user_data(growth, "instances")["/etc/groundwork/environment"]
    assert statements(growth, "workers")["ReadSecrets"]["Resource"] == [SECRET]


def test_the_load_balancer_reaches_the_services_port_and_nothing_else(growth: Snapshot) -> None:
    """S4-04"""
    own = {group.outputs["id"] for group in growth.of_type("aws:ec2/securityGroup:SecurityGroup")}
    into = [rule.inputs for rule in growth.of_type(INGRESS) if rule.inputs["securityGroupId"] in own]
    assert [(rule["referencedSecurityGroupId"], rule["fromPort"]) for rule in into] == [("sg-balancer", 3000)]


def test_nothing_of_one_instance_is_built_for_several(growth: Snapshot) -> None:
    for kind in ("ec2/networkInterface:NetworkInterface", "ebs/volume:Volume", "ec2/eipAssociation:EipAssociation"):
        assert growth.of_type(f"aws:{kind}") == []


def test_growing_keeps_what_users_and_pipelines_know(mvp: Snapshot, growth: Snapshot) -> None:
    """S4-16"""
    kept = ("aws:ecr/repository:Repository", "aws:cloudwatch/logGroup:LogGroup")
    for kind in kept:
        assert {found.urn for found in mvp.of_type(kind)} == {found.urn for found in growth.of_type(kind)}


def test_logs_are_kept_for_as_long_as_the_settings_say(mvp: Snapshot) -> None:
    """S4-11"""
    groups = mvp.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["name"] for group in groups} == {
        "/chat/prod/services/app",
        "/chat/prod/services/worker",
        "/chat/prod/instances",
    }
    assert {group.inputs["retentionInDays"] for group in groups} == {7}


def test_instances_bring_their_alarms(mvp: Snapshot) -> None:
    """S4-12"""
    alarms = {alarm.name.removeprefix("chat-compute-"): alarm.inputs for alarm in mvp.of_type(ALARM)}
    assert set(alarms) == {
        "cache-copy",
        "cache-memory",
        "instances-cpu",
        "instances-cpu-page",
        "instances-credits",
        "instances-data-disk",
        "instances-in-service-page",
        "instances-memory",
        "instances-root-disk",
        "instances-services-page",
        "instances-status",
    }
    assert (alarms["instances-cpu"]["threshold"], alarms["instances-cpu-page"]["threshold"]) == (80, 90)
    assert alarms["cache-memory"]["threshold"] == 80
    assert alarms["instances-services-page"]["evaluationPeriods"] == 5
    assert alarms["instances-services-page"]["treatMissingData"] == "breaching"


def test_alarms_and_agents_speak_of_the_same_metrics(mvp: Snapshot) -> None:
    agent = json.loads(user_data(mvp)["/etc/groundwork/agent.json"])["metrics"]
    for alarm in mvp.of_type(ALARM):
        if alarm.inputs.get("namespace") == "chat/prod":
            assert alarm.inputs["dimensions"]["Group"] == "chat-prod-instances"
    assert agent["namespace"] == "chat/prod"
    assert agent["metrics_collected"]["disk"]["resources"] == ["/", "/data"]
    assert agent["metrics_collected"]["mem"]["append_dimensions"] == {"Group": "chat-prod-instances"}


def test_hours_change_the_bounds_of_the_group() -> None:
    night = {"night": {"cron": "0 18 ? * * *", "min": 0, "max": 0}}
    snapshot = chat(ec2({**MVP, "schedule": night}), stage="dev")
    [schedule] = snapshot.of_type("aws:autoscaling/schedule:Schedule")
    assert schedule.inputs["recurrence"] == "0 18 * * *"
    assert schedule.inputs["timeZone"] == "Asia/Singapore"
    # It is meant to be empty then.
    assert not any("in-service" in alarm.name or "services" in alarm.name for alarm in snapshot.of_type(ALARM))


def test_spot_is_beyond_the_minimum() -> None:
    snapshot = chat(ec2({**GROWTH, "further_classes": ["t3a.medium"]}, balanced=True, compute={"spot": 50}))
    policy = named(snapshot, GROUP, "instances").inputs["mixedInstancesPolicy"]
    assert policy["instancesDistribution"]["onDemandBaseCapacity"] == 2
    assert policy["instancesDistribution"]["onDemandPercentageAboveBaseCapacity"] == 50
    overrides = policy["launchTemplate"]["overrides"]
    assert [override["instanceType"] for override in overrides] == ["t3.medium", "t3a.medium"]


def test_without_a_domain_the_instance_speaks_http_and_proves_no_name() -> None:
    snapshot = chat(ec2(MVP, domain=False), domain=None)
    assert "listen 80 default_server" in user_data(snapshot)["/etc/groundwork/nginx.conf"]
    assert "ProveNames" not in statements(snapshot, "instances")
    assert [rule.inputs["fromPort"] for rule in snapshot.of_type(INGRESS) if "cloudfront" in rule.name] == [80]


def test_outside_prod_nothing_is_protected() -> None:
    snapshot = chat(ec2(MVP, cache="instance"), stage="dev")
    assert not any(resource.options.get("protect") for resource in snapshot.resources)


@pytest.mark.parametrize(
    "program",
    [
        ec2(MVP, cache="instance"),
        ec2(MVP),
        ec2(MVP, domain=False),
        ec2(GROWTH, balanced=True),
        ec2({"min": 1, "max": 1}, balanced=True, copied=False),
    ],
    ids=["mvp", "hybrid", "without-domain", "growth", "one-behind-a-load-balancer"],
)
def test_nothing_is_unknown_nothing_is_refused_and_a_first_preview_plans_the_same(
    program: Callable[[Context], Ec2],
) -> None:
    known, unknown = chat(program), chat(program, unknowns=True)
    assert '"$groundwork": "unknown"' not in known.dumps()
    assert [resource.urn for resource in known.resources] == [resource.urn for resource in unknown.resources]
    for snapshot in (known, unknown):
        # The one thing a stack file has to except: an instance with a fixed interface has an address on the internet.
        blocking = judge(snapshot, dt.date(2026, 1, 1)).blocking
        assert {finding.rule.name for finding in blocking} <= {"instance-no-elastic-address"}


def test_long_names_fit() -> None:
    name = "a-platform-of-24-letters"
    service = {"a-service-of-24-letters": {"port": 3000, "path": "/*"}}
    snapshot = build(ec2(GROWTH, service, balanced=True), name=name, region=REGION, domain="chat.example.com")
    [target] = snapshot.of_type("aws:lb/targetGroup:TargetGroup")
    assert len(target.name) <= 24
    assert all(len(role.name) <= 56 for role in snapshot.of_type("aws:iam/role:Role"))
