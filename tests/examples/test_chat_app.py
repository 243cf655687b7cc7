"""S4: the chat app, row by row, on the snapshots of its phases, and from one to the next."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from groundwork.settings.loading import load_stack
from groundwork.settings.mistakes import Mistakes
from tests.examples.query import (
    ALARM,
    INSTANCE,
    SERVICE,
    TASK,
    Config,
    alarms_on,
    beside,
    changed,
    named,
    primary,
    replicas,
    sources,
    statements,
    who_reaches,
)
from tests.requirements import proves
from tests.stacks import loaded, run_found, snapshot_of
from tests.test_guardrails_on_stacks import TODAY

MVP, LAUNCH, GROWTH = (f"examples/chat-app/prod@{phase}" for phase in ("mvp", "launch", "growth"))
STACKS = pytest.mark.parametrize("stack", [MVP, LAUNCH, GROWTH])
ONE_INSTANCE = pytest.mark.parametrize("stack", [MVP, LAUNCH])

BUCKET = "aws:s3/bucket:Bucket"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
GROUP = "aws:autoscaling/group:Group"
PARAMETER = "aws:ssm/parameter:Parameter"
QUEUE = "aws:sqs/queue:Queue"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"


def cloud_init(snapshot: Snapshot, group: str = "-instances") -> dict[str, str]:
    """The files that an instance starts with, by their paths."""
    user_data = base64.b64decode(named(snapshot, TEMPLATE, group).inputs["userData"])
    return {file["path"]: file["content"] for file in yaml.safe_load(user_data)["write_files"]}


def unit(snapshot: Snapshot, name: str) -> str:
    return cloud_init(snapshot)[f"/etc/systemd/system/groundwork-{name}"]


def declared(snapshot: Snapshot, service: str) -> dict[str, Any]:
    """What an instance is told of a service."""
    [parameter] = [
        resource
        for resource in snapshot.of_type(PARAMETER)
        if resource.name.endswith(f"-compute-{service}-declaration")
    ]
    return dict(json.loads(parameter.inputs["insecureValue"]))


def services_of(stack: str) -> list[tuple[str, Any]]:
    """What services are and use, their sizes left out."""
    sizes = {"cpu", "scaling"}
    return [(name, service.model_dump(exclude=sizes)) for name, service in loaded(stack).settings.services.items()]


# S4-01 to S4-04: one instance, then a cache beside it, then several


@proves("S4-01")
def test_one_instance_runs_the_app_the_worker_and_redis() -> None:
    snapshot = snapshot_of(MVP)
    [group] = snapshot.of_type(GROUP)
    assert (group.inputs["minSize"], group.inputs["maxSize"]) == (1, 1)
    assert named(snapshot, TEMPLATE, "-instances").inputs["instanceType"] == "t4g.small"
    assert not snapshot.of_type(CACHE, "aws:lb/loadBalancer:LoadBalancer", "aws:ec2/natGateway:NatGateway", SERVICE)
    told = cloud_init(snapshot)["/etc/groundwork/environment"]
    assert 'SERVICES="app worker"' in told
    assert all(started in told for started in ("groundwork@app", "groundwork@worker", "groundwork-cache"))


@proves("S4-01")
def test_a_micro_instance_of_the_free_tier_is_refused_since_redis_and_the_services_do_not_fit(tmp_path: Path) -> None:
    def on_micro(config: Config) -> None:
        config["groundwork:compute"]["instances"]["class"] = "t3.micro"

    with pytest.raises(Mistakes, match=r"t3\.micro has .* MiB for services"):
        load_stack(changed(MVP, tmp_path / "mvp.yaml", on_micro))


@ONE_INSTANCE
@proves("S4-01", "S4-03")
def test_the_app_takes_http_and_websockets_on_3000_behind_the_instances_proxy(stack: str) -> None:
    snapshot = snapshot_of(stack)
    bindings = declared(snapshot, "app")["container"]["HostConfig"]["PortBindings"]
    assert bindings == {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3000"}]}
    assert "PortBindings" not in declared(snapshot, "worker")["container"]["HostConfig"]
    proxy = cloud_init(snapshot)["/etc/groundwork/nginx.conf"]
    assert "proxy_pass http://127.0.0.1:3000;" in proxy
    assert "proxy_set_header Upgrade $http_upgrade;" in proxy
    assert "proxy_set_header Connection $upgraded;" in proxy


@proves("S4-01")
def test_redis_keeps_512_mb_evicts_the_least_used_and_saves_every_five_minutes_to_the_lasting_volume() -> None:
    snapshot = snapshot_of(MVP)
    command = unit(snapshot, "cache.service")
    assert "--maxmemory 512mb --maxmemory-policy allkeys-lru" in command
    # After 300 seconds, if one key has changed.
    assert '--save "300 1"' in command
    assert "--dir /data --" in command
    assert "--volume=/data/cache:/data" in command
    [volume] = snapshot.of_type("aws:ebs/volume:Volume")
    assert volume.outputs["id"] in cloud_init(snapshot)["/etc/groundwork/environment"]


@proves("S4-01")
def test_redis_is_copied_to_s3_daily_at_two_local_time_and_a_missed_copy_is_told_of() -> None:
    snapshot = snapshot_of(MVP)
    assert "OnCalendar=*-*-* 02:00:00 Asia/Singapore" in unit(snapshot, "backup.timer")
    bucket = named(snapshot, BUCKET, "-backups")
    assert f'BACKUPS="{bucket.outputs["bucket"]}"' in cloud_init(snapshot)["/etc/groundwork/environment"]
    puts = [
        statement
        for statement in statements(snapshot, "-compute-instances").values()
        if "s3:PutObject" in statement["Action"]
    ]
    assert [resource.startswith(bucket.outputs["arn"]) for put in puts for resource in put["Resource"]] == [True]
    [missed] = alarms_on(snapshot, "CacheCopied")
    assert (missed["threshold"], missed["period"], missed["treatMissingData"]) == (1, 86_400, "breaching")


@ONE_INSTANCE
@proves("S4-02")
def test_the_database_is_a_micro_in_one_zone_with_20_gb_and_a_week_of_backups_encrypted(stack: str) -> None:
    inputs = primary(snapshot_of(stack)).inputs
    assert inputs["engine"] == "postgres"
    assert inputs["instanceClass"] == "db.t3.micro"
    assert (inputs["allocatedStorage"], inputs["storageType"]) == (20, "gp3")
    assert inputs["multiAz"] is False
    assert inputs["backupRetentionPeriod"] == 7
    assert inputs["storageEncrypted"] is True
    assert inputs["kmsKeyId"].startswith("arn:aws:kms:ap-southeast-1:")


@proves("S4-03")
def test_month_four_takes_redis_off_the_instance_and_changes_nothing_else_that_runs() -> None:
    before, after = snapshot_of(MVP), snapshot_of(LAUNCH)
    assert services_of(MVP) == services_of(LAUNCH)
    for type_, key in ((INSTANCE, "instanceClass"), (TEMPLATE, "instanceType"), (GROUP, "maxSize")):
        assert [resource.inputs[key] for resource in before.of_type(type_)] == [
            resource.inputs[key] for resource in after.of_type(type_)
        ]
    assert "/etc/systemd/system/groundwork-cache.service" not in cloud_init(after)


@proves("S4-03")
def test_the_cache_is_a_micro_encrypted_at_rest_and_on_its_way_and_reached_from_the_instance_only() -> None:
    snapshot = snapshot_of(LAUNCH)
    [cache] = snapshot.of_type(CACHE)
    assert cache.inputs["nodeType"] == "cache.t3.micro"
    assert cache.inputs["atRestEncryptionEnabled"] is True
    assert cache.inputs["transitEncryptionEnabled"] is True
    assert cache.inputs["transitEncryptionMode"] == "required"
    assert list(who_reaches(snapshot, "chat-app-cache-clients")) == [(6379, "chat-app-compute-instances")]


@proves("S4-04")
def test_growth_has_two_to_three_instances_behind_a_load_balancer_in_both_zones() -> None:
    snapshot = snapshot_of(GROWTH)
    group = named(snapshot, GROUP, "-instances").inputs
    assert (group["minSize"], group["maxSize"]) == (2, 3)
    assert len(group["vpcZoneIdentifiers"]) == 2
    [target_group] = snapshot.of_type("aws:lb/targetGroup:TargetGroup")
    assert group["targetGroupArns"] == [target_group.outputs["arn"]]
    assert group["healthCheckType"] == "ELB"
    [balancer] = snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["loadBalancerType"] == "application"


@proves("S4-04")
def test_a_websocket_stays_on_its_instance_and_may_be_silent_for_an_hour() -> None:
    snapshot = snapshot_of(GROWTH)
    [target_group] = snapshot.of_type("aws:lb/targetGroup:TargetGroup")
    assert target_group.inputs["port"] == 3000
    assert target_group.inputs["stickiness"] == {"type": "lb_cookie", "enabled": True, "cookieDuration": 86_400}
    [balancer] = snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["idleTimeout"] == 3600


@proves("S4-04")
def test_the_worker_has_instances_of_its_own_which_no_load_balancer_asks() -> None:
    snapshot = snapshot_of(GROWTH)
    workers = named(snapshot, GROUP, "-workers").inputs
    assert workers["minSize"] >= 1
    assert workers["targetGroupArns"] == []
    assert 'SERVICES="worker"' in cloud_init(snapshot, "-workers")["/etc/groundwork/environment"]
    assert 'SERVICES="app"' in cloud_init(snapshot, "-instances")["/etc/groundwork/environment"]


@proves("S4-04")
def test_reads_have_a_replica_with_an_address_of_its_own() -> None:
    snapshot = snapshot_of(GROWTH)
    [replica] = replicas(snapshot)
    assert replica.inputs["replicateSourceDb"] == primary(snapshot).inputs["identifier"]
    reader = named(snapshot, PARAMETER, "-compute-app.DATABASE_READER_HOSTS").inputs["insecureValue"]
    assert reader == replica.outputs["address"]
    assert named(snapshot, PARAMETER, "-compute-app.DATABASE_HOST").inputs["insecureValue"] != reader


# S4-05 to S4-07: files and queues


def lifecycle(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    bucket = named(snapshot, BUCKET, "-files")
    configuration = beside(snapshot, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket)
    return {rule["id"]: rule for rule in configuration.inputs["rules"]}


@STACKS
@proves("S4-05")
def test_files_expire_or_move_to_glacier_by_where_they_lie(stack: str) -> None:
    rules = lifecycle(snapshot_of(stack))
    assert all(rule["status"] == "Enabled" for rule in rules.values())
    assert rules["temporary"]["filter"] == {"prefix": "uploads/temp/"}
    assert rules["temporary"]["expiration"] == {"days": 1}
    assert rules["final"]["filter"] == {"prefix": "uploads/final/"}
    assert rules["final"]["transitions"] == [{"days": 365, "storageClass": "GLACIER"}]
    assert rules["deleted"]["filter"] == {"prefix": "uploads/deleted/"}
    assert rules["deleted"]["expiration"] == {"days": 30}
    assert rules["purpose"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rules["cleanup"]["filter"] == {"prefix": ""}
    assert rules["cleanup"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}


@STACKS
@proves("S4-05")
def test_what_lifecycle_rounds_up_to_days_a_function_removes_on_the_day(stack: str) -> None:
    snapshot = snapshot_of(stack)
    variables = named(snapshot, "aws:lambda/function:Function", "-cleanup").inputs["environment"]["variables"]
    assert variables["RULES"] == "uploads/temp/=24h,uploads/deleted/=30d"


@STACKS
@proves("S4-05")
def test_no_bucket_is_public_and_each_is_encrypted_by_itself(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for bucket in snapshot.of_type(BUCKET):
        block = beside(snapshot, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket).inputs
        keys = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        assert [block[key] for key in keys] == [True] * 4
    of_files = beside(
        snapshot,
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        named(snapshot, BUCKET, "-files"),
    )
    [rule] = of_files.inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"


@STACKS
@proves("S4-06", "S4-09", "C-05")
def test_the_apps_role_puts_and_gets_uploads_sends_to_its_queues_and_does_nothing_more(stack: str) -> None:
    snapshot = snapshot_of(stack)
    allowed = statements(snapshot, "-compute-app-task")
    files = named(snapshot, BUCKET, "-files").outputs["arn"]
    objects = [statement for statement in allowed.values() if any("s3:" in action for action in statement["Action"])]
    assert [(statement["Action"], statement["Resource"], statement["Condition"]) for statement in objects] == [
        (
            [action],
            [f"{files}/{prefix}*"],
            {"NumericLessThanEqualsIfExists": {"s3:signatureAge": str(minutes * 60_000)}},
        )
        for prefix, action, minutes in (
            ("processed/", "s3:GetObject", 60),
            ("uploads/", "s3:GetObject", 60),
            ("uploads/", "s3:PutObject", 15),
        )
    ]
    queues = {
        resource
        for statement in allowed.values()
        for resource in statement["Resource"]
        if "sqs:SendMessage" in statement["Action"]
    }
    assert queues == {
        named(snapshot, QUEUE, f"-{queue}-queue").outputs["arn"] for queue in ("media-processing", "notifications")
    }
    assert {action for statement in allowed.values() for action in statement["Action"]} == {
        "s3:GetObject",
        "s3:PutObject",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }


@STACKS
@proves("S4-06")
def test_what_the_app_signs_is_good_for_the_quarter_of_an_hour_of_an_upload_and_never_for_more_than_an_hour(
    stack: str,
) -> None:
    """A URL ends with the session that signed it. Sessions last an hour and are renewed before their last 40 minutes begin,
    so a download that asks for the hour gets 40 minutes at least; docs/components/ec2.md says so."""
    snapshot = snapshot_of(stack)
    role = named(snapshot, "aws:iam/role:Role", "-compute-app-task")
    session = role.inputs.get("maxSessionDuration", 3600)
    assert session == 3600
    program = named(snapshot, PARAMETER, "-program-identity.py").inputs["insecureValue"]
    [said] = re.findall(r"^SAID_TO_LAST = (\d+)$", program, re.MULTILINE)
    assert session - int(said) >= 40 * 60 > 15 * 60


TRIES = {"media-processing": 3, "notifications": 5}


@STACKS
@proves("S4-07")
def test_media_and_notifications_are_fifo_and_give_up_after_three_and_five_tries(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for name, tries in TRIES.items():
        queue = named(snapshot, QUEUE, f"-{name}-queue")
        dead = named(snapshot, QUEUE, f"-{name}-dead-letters")
        assert queue.inputs["fifoQueue"] is dead.inputs["fifoQueue"] is True
        assert queue.outputs["url"].endswith(".fifo")
        assert json.loads(queue.inputs["redrivePolicy"]) == {
            "deadLetterTargetArn": dead.outputs["arn"],
            "maxReceiveCount": tries,
        }


@STACKS
@proves("S4-07")
def test_a_schedule_feeds_the_standard_queue_of_cleanup_jobs_once_a_day(stack: str) -> None:
    snapshot = snapshot_of(stack)
    queue = named(snapshot, QUEUE, "-cleanup-jobs-queue")
    assert "fifoQueue" not in queue.inputs
    schedule = named(snapshot, "aws:scheduler/schedule:Schedule", "-cleanup")
    assert schedule.inputs["target"]["arn"] == queue.outputs["arn"]
    assert schedule.inputs["scheduleExpression"] == "cron(0 3 * * ? *)"
    assert schedule.inputs["scheduleExpressionTimezone"] == "Asia/Singapore"
    [mapping] = snapshot.of_type("aws:lambda/eventSourceMapping:EventSourceMapping")
    assert mapping.inputs["eventSourceArn"] == queue.outputs["arn"]


# S4-08 to S4-11: network, permissions, configuration, logs


WAYS_IN = {
    MVP: {("chat-app-compute-instances", 443)},
    LAUNCH: {("chat-app-compute-instances", 443)},
    GROWTH: {("chat-app-ingress-alb-balancer", 443)},
}


def from_outside(snapshot: Snapshot) -> Iterator[tuple[str, int, Resource]]:
    """Security groups that let in somebody who is no security group of ours, and on which port."""
    for rule in snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        if "referencedSecurityGroupId" not in rule.inputs:
            [group] = sources(snapshot, rule, "securityGroupId")
            assert rule.inputs["fromPort"] == rule.inputs["toPort"]
            yield group, rule.inputs["fromPort"], rule


@STACKS
@proves("S4-08")
def test_only_cloudfront_gets_in_and_only_on_443(stack: str) -> None:
    snapshot = snapshot_of(stack)
    found = list(from_outside(snapshot))
    assert {(group, port) for group, port, _ in found} == WAYS_IN[stack]
    for _, _, rule in found:
        assert rule.inputs["prefixListId"].startswith("pl-")
        assert not {"cidrIpv4", "cidrIpv6"} & set(rule.inputs)


@STACKS
@proves("S4-08")
def test_http_is_answered_with_a_redirect_to_https_at_cloudfront(stack: str) -> None:
    [distribution] = snapshot_of(stack).of_type(DISTRIBUTION)
    behaviors = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs["orderedCacheBehaviors"]]
    assert {behavior["viewerProtocolPolicy"] for behavior in behaviors} == {"redirect-to-https"}
    for origin in distribution.inputs["origins"]:
        if "customOriginConfig" in origin:
            assert origin["customOriginConfig"]["originProtocolPolicy"] == "https-only"


@STACKS
@proves("S4-08")
def test_nobody_has_ssh_and_session_manager_reaches_every_instance(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for rule in snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        assert not rule.inputs["fromPort"] <= 22 <= rule.inputs["toPort"]
    assert not snapshot.of_type("aws:ec2/keyPair:KeyPair")
    for template in snapshot.of_type(TEMPLATE):
        assert "keyName" not in template.inputs
        session = statements(snapshot, template.name.removeprefix("chat-app"))["SessionManager"]
        assert {"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"} <= set(session["Action"])


@ONE_INSTANCE
def test_the_instance_in_public_gets_through_the_data_tiers_acl_to_the_database(stack: str) -> None:
    snapshot = snapshot_of(stack)
    home = named(snapshot, "aws:ec2/networkInterface:NetworkInterface", "interface").inputs["subnetId"]
    cidrs = {subnet.outputs["id"]: subnet.inputs["cidrBlock"] for subnet in snapshot.of_type("aws:ec2/subnet:Subnet")}
    [acl] = snapshot.of_type("aws:ec2/networkAcl:NetworkAcl")
    assert 5432 in {rule["fromPort"] for rule in acl.inputs["ingress"] if rule["cidrBlock"] == cidrs[home]}
    assert cidrs[home] in {rule["cidrBlock"] for rule in acl.inputs["egress"]}


@STACKS
@proves("S4-08", "C-05")
def test_the_database_is_reached_from_the_instances_alone_and_has_no_way_out(stack: str) -> None:
    snapshot = snapshot_of(stack)
    groups = {f"chat-app-compute-{part}" for part in (("instances", "workers") if stack == GROWTH else ("instances",))}
    assert set(who_reaches(snapshot, "chat-app-database-clients")) == {(5432, group) for group in groups}
    assert primary(snapshot).inputs["publiclyAccessible"] is False
    routed = {
        table for route in snapshot.of_type("aws:ec2/route:Route") for table in sources(snapshot, route, "routeTableId")
    }
    assert not [table for table in routed if "data" in table]


@STACKS
@proves("S4-08")
def test_the_network_is_its_own_and_not_the_accounts_default(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [vpc] = snapshot.of_type("aws:ec2/vpc:Vpc")
    assert all(sources(snapshot, subnet, "vpcId") == {vpc.name} for subnet in snapshot.of_type("aws:ec2/subnet:Subnet"))
    [emptied] = snapshot.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert not emptied.inputs.get("ingress")
    assert not emptied.inputs.get("egress")


# What AWS knows no resource for: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "cloudwatch:PutMetricData",
    "cloudwatch:GetMetricData",
    "cloudwatch:GetMetricWidgetImage",
    "logs:DescribeLogGroups",
    "route53:ListHostedZones",
    "ec2:DescribeVolumes",
    "ec2:DescribeSnapshots",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}


@STACKS
@proves("S4-09")
def test_no_role_has_a_wildcard_for_actions_or_for_what_aws_lets_one_name(stack: str) -> None:
    for policy in snapshot_of(stack).of_type(ROLE_POLICY):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert not [action for action in statement["Action"] if "*" in action], policy.name
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= WITHOUT_RESOURCE, (policy.name, statement)
    assert not snapshot_of(stack).of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")


@STACKS
@proves("S4-09", "C-05")
def test_the_worker_takes_from_the_queues_that_the_app_only_sends_to(stack: str) -> None:
    snapshot = snapshot_of(stack)
    allowed = statements(snapshot, "-compute-worker-task")
    queues = {
        (action, resource)
        for statement in allowed.values()
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action in ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage")
    }
    assert queues == {
        (action, named(snapshot, QUEUE, f"-{queue}-queue").outputs["arn"])
        for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage")
        for queue in (*TRIES, "message-purge")
    }


@STACKS
@proves("S4-22")
def test_the_worker_reads_uploads_and_writes_what_it_makes_of_them_beside(stack: str) -> None:
    snapshot = snapshot_of(stack)
    allowed = statements(snapshot, "-compute-worker-task")
    files = named(snapshot, BUCKET, "-files").outputs["arn"]
    for action in ("s3:GetObject", "s3:PutObject"):
        below = [
            resource
            for statement in allowed.values()
            if action in statement["Action"]
            for resource in statement["Resource"]
        ]
        assert below == [f"{files}/processed/*", f"{files}/uploads/*"]
    lifecycle = named(snapshot, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "-files")
    rules = {rule["id"]: rule for rule in lifecycle.inputs["rules"]}
    assert rules["processed"]["filter"] == {"prefix": "processed/"}
    assert rules["processed"]["transitions"] == [{"days": 0, "storageClass": "INTELLIGENT_TIERING"}]


@STACKS
@proves("S4-21")
def test_the_worker_purges_softly_deleted_messages_every_day(stack: str) -> None:
    snapshot = snapshot_of(stack)
    queue = named(snapshot, QUEUE, "-message-purge-queue")
    schedule = named(snapshot, "aws:scheduler/schedule:Schedule", "-purge").inputs
    assert schedule["scheduleExpression"] == "cron(30 3 * * ? *)"
    assert schedule["target"]["arn"] == queue.outputs["arn"]
    told = json.loads(schedule["target"]["input"])
    assert (told["task"], told["older_than_days"]) == ("purge-deleted-messages", 30)
    consumes = statements(snapshot, "-compute-worker-task")["MessagePurgeConsume"]
    assert consumes["Resource"] == [queue.outputs["arn"]]


@STACKS
@proves("S4-21")
def test_expired_uploads_are_gone_and_not_kept_as_versions(stack: str) -> None:
    snapshot = snapshot_of(stack)
    lifecycle = named(snapshot, "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "-files")
    rules = {rule["id"]: rule for rule in lifecycle.inputs["rules"]}
    for name, days in (("temporary", 1), ("deleted", 30)):
        assert rules[name]["expiration"] == {"days": days}
        assert rules[name]["noncurrentVersionExpiration"] == {"noncurrentDays": 1}
    may = statements(snapshot, "-cleanup-role")
    removed = {
        resource.partition("/")[2]
        for statement in may.values()
        if "s3:DeleteObjectVersion" in statement["Action"]
        for resource in statement["Resource"]
    }
    assert removed == {"uploads/deleted/*", "uploads/temp/*"}
    assert not any("s3:GetObject" in statement["Action"] for statement in may.values())


@STACKS
@proves("S4-10")
def test_every_plain_variable_is_a_parameter_that_the_instance_reads_when_a_service_starts(stack: str) -> None:
    snapshot = snapshot_of(stack)
    parameters = {resource.inputs["name"]: resource.inputs for resource in snapshot.of_type(PARAMETER)}
    for service in ("app", "worker"):
        told = declared(snapshot, service)
        under = f"/chat-app/prod/services/environment/{service}/"
        assert told["parameters"] == under.rstrip("/")
        names = {name.removeprefix(under) for name in parameters if name.startswith(under)}
        assert {"DATABASE_HOST", "CACHE_HOST", "FILES_BUCKET", "MEDIA_PROCESSING_QUEUE_URL"} <= names
        assert told["references"] == {
            name: f"/chat-app/prod/environment/{name}" for name in ("LOG_LEVEL", "MAX_UPLOAD_MB")
        }
        assert {entry.partition("=")[0] for entry in told["container"]["Env"]} == {"AWS_REGION", "AWS_DEFAULT_REGION"}
    assert parameters["/chat-app/prod/environment/LOG_LEVEL"]["insecureValue"] == "info"
    assert parameters["/chat-app/prod/environment/MAX_UPLOAD_MB"]["insecureValue"] == "25"


@STACKS
@proves("S4-10", "C-05")
def test_no_secret_lies_in_a_parameter_or_in_user_data(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for service in ("app", "worker"):
        secrets = declared(snapshot, service)["secrets"]
        assert {"SESSION_SECRET", "PUSH_KEY", "DATABASE_PASSWORD", "DATABASE_URL"} <= set(secrets)
        assert all(set(secret) == {"arn", "key"} for secret in secrets.values())
        assert not [
            parameter.name
            for parameter in snapshot.of_type(PARAMETER)
            if parameter.name.rpartition(".")[2] in secrets and f"-compute-{service}." in parameter.name
        ]


@STACKS
@proves("S4-11")
def test_every_log_is_kept_for_seven_days(stack: str) -> None:
    groups = snapshot_of(stack).of_type("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["retentionInDays"] for group in groups} == {7}
    names = {group.inputs["name"] for group in groups}
    assert {"/chat-app/prod/services/app", "/chat-app/prod/services/worker", "/chat-app/prod/instances"} <= names


# S4-12 to S4-15: who is told, what it may cost, when it runs, how it comes back


def bounds_of(alarms: list[dict[str, Any]], namespace: str | None = None) -> set[tuple[float, str, int]]:
    """Threshold, direction and seconds of those alarms."""
    return {
        (alarm["threshold"], alarm["comparisonOperator"], alarm.get("period", 60) * alarm["evaluationPeriods"])
        for alarm in alarms
        if namespace is None or alarm.get("namespace") == namespace
    }


def paged(snapshot: Snapshot) -> set[str]:
    """Names of the alarms that wake somebody, without what is automatic in them."""
    [topic] = [topic for topic in snapshot.of_type("aws:sns/topic:Topic") if "-pages-" in topic.name]
    [subscription] = [
        subscription
        for subscription in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
        if subscription.inputs["topic"] == topic.outputs["arn"]
    ]
    assert subscription.inputs["endpoint"] == "on-call@chat.example.com"
    composites = snapshot.of_type("aws:cloudwatch/compositeAlarm:CompositeAlarm")
    assert all(composite.inputs["alarmActions"] == [topic.outputs["arn"]] for composite in composites)
    rules = " ".join(composite.inputs["alarmRule"] for composite in composites)
    return {name.rpartition("-")[0] for name in re.findall(r'ALARM\("([^"]+)"\)', rules)}


@STACKS
@proves("S4-12")
def test_cpu_pages_above_90_percent_for_five_minutes_on_instances_and_database(stack: str) -> None:
    snapshot = snapshot_of(stack)
    alarms = alarms_on(snapshot, "CPUUtilization")
    page, notice = (90, "GreaterThanThreshold", 300), (80, "GreaterThanThreshold", 300)
    assert bounds_of(alarms, "AWS/EC2") == {page, notice}
    assert bounds_of(alarms, "AWS/RDS") == {page}
    woken = paged(snapshot)
    for alarm in snapshot.of_type(ALARM):
        if alarm.inputs.get("metricName") == "CPUUtilization":
            assert (alarm.name in woken) == (alarm.inputs["threshold"] == 90)


@STACKS
@proves("S4-12", "S4-20")
def test_more_than_5_percent_errors_for_two_minutes_page_and_more_than_1_percent_warn(stack: str) -> None:
    snapshot = snapshot_of(stack)
    shares = [
        alarm
        for alarm in snapshot.of_type(ALARM)
        if any("100 *" in query.get("expression", "") for query in alarm.inputs.get("metricQueries", []))
    ]
    assert {alarm.inputs["threshold"]: alarm.name in paged(snapshot) for alarm in shares} == {1: False, 5: True}
    for alarm in shares:
        measured = [query["metric"] for query in alarm.inputs["metricQueries"] if "metric" in query]
        assert {metric["period"] * alarm.inputs["evaluationPeriods"] for metric in measured} == {120}
        expected = {"HTTPCode_Target_5XX_Count", "RequestCount"} if stack == GROWTH else {"errors", "requests"}
        assert {metric["metricName"] for metric in measured} == expected


@ONE_INSTANCE
@proves("S4-12")
def test_without_a_load_balancer_errors_are_counted_from_what_the_app_logs(stack: str) -> None:
    snapshot = snapshot_of(stack)
    filters = {
        resource.inputs["metricTransformation"]["name"]: resource.inputs
        for resource in snapshot.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    }
    assert filters["errors"]["pattern"] == '{ $.event = "request" && $.status >= 500 }'
    assert {made["logGroupName"] for made in filters.values()} == {"/chat-app/prod/services/app"}


@STACKS
@proves("S4-18")
def test_warnings_reach_slack_and_pages_reach_mail(stack: str) -> None:
    snapshot = snapshot_of(stack)
    topics = {topic.outputs["arn"]: topic.name for topic in snapshot.of_type("aws:sns/topic:Topic")}
    [channel] = snapshot.of_type("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration")
    mails = snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
    assert [topics[arn] for arn in channel.inputs["snsTopicArns"]] == ["chat-app-alerts-topic"]
    assert {(topics[mail.inputs["topic"]], mail.inputs["endpoint"]) for mail in mails} == {
        ("chat-app-pages-topic", "on-call@chat.example.com")
    }


@STACKS
@proves("S4-19")
def test_one_board_shows_latency_sockets_errors_connections_evictions_users_and_messages(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [board] = [
        item for item in snapshot.of_type("aws:cloudwatch/dashboard:Dashboard") if item.name.endswith("-boards-users")
    ]
    graphs = {
        widget["properties"]["title"]: widget["properties"]
        for widget in json.loads(board.inputs["dashboardBody"])["widgets"]
        if widget["type"] == "metric"
    }
    assert {"latency of app, p95 in milliseconds", "socket-latency of app, p95 in milliseconds"} <= set(graphs)
    assert "sockets of app, maximum" in graphs
    for counted in ("users of app, sum a day", "messages of app, sum a day"):
        assert graphs[counted]["period"] == 86_400
    if stack == GROWTH:
        assert {"Refused with 5xx, percent of requests", "Connections, WebSockets among them"} <= set(graphs)
    else:
        assert "errors of app, percent of requests" in graphs
    assert ("Evictions" in graphs) == (stack != MVP)


@STACKS
@proves("S4-12")
def test_nothing_healthy_for_five_minutes_pages_even_when_nothing_reports(stack: str) -> None:
    snapshot = snapshot_of(stack)
    alarms = [
        alarm
        for alarm in snapshot.of_type(ALARM)
        if alarm.inputs.get("metricName") in ("UnwellServices", "GroupInServiceInstances", "HealthyHostCount")
    ]
    assert {alarm.inputs["metricName"] for alarm in alarms} >= {"UnwellServices", "GroupInServiceInstances"}
    assert ("HealthyHostCount" in {alarm.inputs["metricName"] for alarm in alarms}) == (stack == GROWTH)
    for alarm in alarms:
        assert alarm.inputs["period"] * alarm.inputs["evaluationPeriods"] == 300
        assert alarm.inputs["treatMissingData"] == "breaching"
        assert alarm.name in paged(snapshot)


@STACKS
@proves("S4-12")
def test_storage_connections_and_redis_memory_are_told_of_and_wake_nobody(stack: str) -> None:
    snapshot = snapshot_of(stack)
    free = primary(snapshot).inputs["allocatedStorage"] * 1024**3 * 0.2
    assert bounds_of(alarms_on(snapshot, "FreeStorageSpace")) == {(free, "LessThanThreshold", 300)}
    counted = [alarm for alarm in alarms_on(snapshot, "DatabaseConnections") if alarm["statistic"] == "Average"]
    assert bounds_of(counted) == {(100, "GreaterThanThreshold", 300)}
    memory = "CacheMemory" if stack == MVP else "DatabaseMemoryUsagePercentage"
    assert bounds_of(alarms_on(snapshot, memory)) == {(80, "GreaterThanThreshold", 300)}
    [topic] = [topic for topic in snapshot.of_type("aws:sns/topic:Topic") if "-alerts-" in topic.name]
    woken = paged(snapshot)
    for alarm in snapshot.of_type(ALARM):
        if alarm.inputs.get("metricName") in ("FreeStorageSpace", memory) or alarm.inputs in counted:
            assert alarm.inputs["alarmActions"] == [topic.outputs["arn"]]
            assert alarm.name not in woken
    [channel] = snapshot.of_type("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration")
    assert channel.inputs["snsTopicArns"] == [topic.outputs["arn"]]


@ONE_INSTANCE
@proves("S4-13")
def test_the_month_is_told_of_at_10_20_30_and_40_dollars(stack: str) -> None:
    budget = named(snapshot_of(stack), "aws:budgets/budget:Budget", "-monthly").inputs
    assert budget["timeUnit"] == "MONTHLY"
    amounts = [
        notification["threshold"]
        for notification in budget["notifications"]
        if notification["notificationType"] == "ACTUAL" and notification["thresholdType"] == "ABSOLUTE_VALUE"
    ]
    assert amounts == [10, 20, 30, 40]


@proves("S4-13")
def test_a_day_of_more_than_two_dollars_is_told_of() -> None:
    budget = named(snapshot_of(MVP), "aws:budgets/budget:Budget", "-daily").inputs
    assert (budget["timeUnit"], budget["limitAmount"], budget["limitUnit"]) == ("DAILY", "2.00", "USD")
    [notification] = budget["notifications"]
    assert (notification["notificationType"], notification["threshold"]) == ("ACTUAL", 100)
    assert notification["comparisonOperator"] == "GREATER_THAN"


def for_developers(config: Config) -> None:
    """The same stack as developers run it. RDS backs up nothing that stands still, and stops nothing that is replicated."""
    config["groundwork:platform"] |= {"stage": "dev", "hours": {"start": "08:00", "stop": "18:00"}}
    config["groundwork:data"]["backup"] |= {"window": "16:30-17:00"}
    config["groundwork:data"]["replicas"] = None


@pytest.mark.parametrize("stack", [MVP, GROWTH])
@proves("S4-14")
def test_in_dev_instances_and_database_stop_at_18_and_start_at_8_in_singapore(stack: str, tmp_path: Path) -> None:
    snapshot = run_found(changed(stack, tmp_path / "dev.yaml", for_developers))
    calls = {
        (
            json.loads(schedule.inputs["target"]["input"])["DbInstanceIdentifier"],
            schedule.inputs["target"]["arn"].rpartition(":")[2],
        ): (
            schedule.inputs["scheduleExpression"],
            schedule.inputs["scheduleExpressionTimezone"],
        )
        for schedule in snapshot.of_type("aws:scheduler/schedule:Schedule")
        if "aws-sdk:rds" in schedule.inputs["target"]["arn"]
    }
    database = primary(snapshot).inputs["identifier"]
    assert calls[database, "stopDBInstance"] == ("cron(0 18 ? * MON-FRI *)", "Asia/Singapore")
    assert calls[database, "startDBInstance"] == ("cron(0 8 ? * MON-FRI *)", "Asia/Singapore")
    for group in snapshot.of_type(GROUP):
        hours = {
            action.inputs["recurrence"]: (
                action.inputs["minSize"],
                action.inputs["maxSize"],
                action.inputs["desiredCapacity"],
            )
            for action in snapshot.of_type("aws:autoscaling/schedule:Schedule")
            if action.inputs["autoscalingGroupName"] == group.outputs["name"]
            and action.inputs["timeZone"] == "Asia/Singapore"
        }
        least, most = group.inputs["minSize"], group.inputs["maxSize"]
        assert hours == {"0 18 * * MON-FRI": (0, 0, 0), "0 8 * * MON-FRI": (least, most, least)}


@ONE_INSTANCE
@proves("S4-15")
def test_a_lost_instance_is_replaced_by_itself_and_takes_its_predecessors_place(stack: str) -> None:
    """Address, network interface and volume outlive the instance; the group starts another, which takes them on."""
    snapshot = snapshot_of(stack)
    [group] = snapshot.of_type(GROUP)
    assert group.inputs["minSize"] == group.inputs["maxSize"] == 1
    template = named(snapshot, TEMPLATE, "-instances").inputs
    [interface] = template["networkInterfaces"]
    assert interface["deleteOnTermination"] == "false"
    [fixed] = snapshot.of_type("aws:ec2/networkInterface:NetworkInterface")
    assert interface["networkInterfaceId"] == fixed.outputs["id"]
    [address] = snapshot.of_type("aws:ec2/eipAssociation:EipAssociation")
    assert address.inputs["networkInterfaceId"] == fixed.outputs["id"]
    [volume] = snapshot.of_type("aws:ebs/volume:Volume")
    assert volume.inputs["availabilityZone"] in group.inputs["availabilityZones"]
    assert f'VOLUME="{volume.outputs["id"]}"' in cloud_init(snapshot)["/etc/groundwork/environment"]
    # No more than an installation counts as starting, so that 10 minutes hold it.
    assert group.inputs["defaultInstanceWarmup"] < 10 * 60


@STACKS
@proves("S4-15")
def test_an_instance_that_cannot_start_its_services_ends_itself_and_gives_way_to_another(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for template in snapshot.of_type(TEMPLATE):
        assert template.inputs["instanceInitiatedShutdownBehavior"] == "terminate"
        boot = cloud_init(snapshot, template.name.removeprefix("chat-app-compute"))["/etc/groundwork/boot.sh"]
        assert re.search(r"^trap '.*systemctl poweroff' ERR$", boot, re.MULTILINE)


@STACKS
@proves("S4-15")
def test_the_database_can_go_back_to_any_of_the_last_minutes_of_a_week_and_is_not_deleted_by_mistake(
    stack: str,
) -> None:
    """With automated backups RDS saves the log every five minutes: that is the RPO.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html
    """
    database = primary(snapshot_of(stack))
    assert database.inputs["backupRetentionPeriod"] == 7
    assert database.inputs["deletionProtection"] is True
    assert database.inputs["skipFinalSnapshot"] is False
    assert database.inputs["deleteAutomatedBackups"] is False
    assert database.options["protect"] is True


# S4-16: the way up is a change of settings


@proves("S4-16")
def test_the_services_are_declared_in_the_same_words_from_one_instance_to_several() -> None:
    first, *others = (services_of(stack) for stack in (MVP, LAUNCH, GROWTH))
    assert others == [first, first]


def on_fargate(config: Config) -> None:
    """The engine, and the sizes and numbers that go with it; what services are and use stays as it is."""
    config["groundwork:compute"] = {"engine": "fargate", "architecture": "x86_64", "instances": None}
    for service in config["groundwork:services"].values():
        service |= {"cpu": 256, "memory": 512, "scaling": {"min": 2, "max": 3}}


@proves("S4-16", "C-05")
def test_from_instances_to_fargate_services_keep_environment_permissions_and_stickiness(tmp_path: Path) -> None:
    before, after = snapshot_of(GROWTH), run_found(changed(GROWTH, tmp_path / "fargate.yaml", on_fargate))
    assert judge(after, TODAY).blocking == []
    assert not after.of_type(GROUP, TEMPLATE)
    for service in ("app", "worker"):
        [on_ecs, *_] = json.loads(named(after, TASK, f"-compute-{service}").inputs["containerDefinitions"])
        assert on_ecs["name"] == service
        under = f"/chat-app/prod/services/environment/{service}/"
        plain = {
            resource.inputs["name"].removeprefix(under)
            for resource in before.of_type(PARAMETER)
            if resource.inputs["name"].startswith(under)
        }
        told = declared(before, service)
        assert plain == {entry["name"] for entry in on_ecs["environment"]}
        assert {*told["secrets"], *told["references"]} == {entry["name"] for entry in on_ecs["secrets"]}
        actions = [
            {sid: statement["Action"] for sid, statement in statements(snapshot, f"-{service}-task").items()}
            for snapshot in (before, after)
        ]
        assert actions[0] == actions[1]
    [target_group] = after.of_type("aws:lb/targetGroup:TargetGroup")
    assert target_group.inputs["stickiness"]["enabled"] is True
