"""S2: ThuluBazaar, row by row, on the snapshots of its stacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrails.view import Opaque
from tests.examples.query import (
    ALARM,
    INGRESS,
    SERVICE,
    TASK,
    Config,
    alarms_on,
    changed,
    container,
    named,
    primary,
    replicas,
)
from tests.requirements import proves
from tests.stacks import run_found, snapshot_of

LAUNCH, GROWTH, SCALE = (f"examples/thulobazaar/prod@{phase}" for phase in ("launch", "growth", "scale"))
STACKS = pytest.mark.parametrize("stack", [LAUNCH, GROWTH, SCALE])


@STACKS
@proves("S2-01")
def test_web_and_api_answer_on_their_ports_and_paths(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert {container(snapshot, name)["portMappings"][0]["containerPort"] for name in ("web", "api")} == {3333, 5000}
    for resource in snapshot.of_type(TASK):
        assert resource.inputs["requiresCompatibilities"] == ["FARGATE"]
    rules = {
        tuple(condition["pathPattern"]["values"]): rule.inputs["actions"][0]["targetGroupArn"]
        for rule in snapshot.of_type("aws:lb/listenerRule:ListenerRule")
        for condition in rule.inputs["conditions"]
        if "pathPattern" in condition
    }
    api = next(target for paths, target in rules.items() if "/api/*" in paths)
    web = next(target for paths, target in rules.items() if "/*" in paths)
    assert "-api" in api
    assert "-web" in web


@proves("S2-01")
def test_the_rule_for_api_is_asked_before_the_rule_for_everything() -> None:
    rules = {
        path: rule.inputs["priority"]
        for rule in snapshot_of(LAUNCH).of_type("aws:lb/listenerRule:ListenerRule")
        for condition in rule.inputs["conditions"]
        for path in condition.get("pathPattern", {}).get("values", [])
    }
    assert rules["/api/*"] < rules["/*"]


SIZES = {LAUNCH: ("512", "1024", 2), GROWTH: ("1024", "2048", 4), SCALE: ("1024", "2048", 6)}


@STACKS
@proves("S2-02", "S2-03", "S2-04", "C-03")
def test_tasks_have_the_size_and_number_of_their_phase(stack: str) -> None:
    snapshot = snapshot_of(stack)
    cpu, memory, count = SIZES[stack]
    for service in ("web", "api"):
        task = named(snapshot, TASK, f"-{service}")
        assert (task.inputs["cpu"], task.inputs["memory"]) == (cpu, memory)
        assert named(snapshot, SERVICE, f"-{service}").inputs["desiredCount"] == count


@STACKS
@proves("S2-02", "S2-03", "S2-04")
def test_the_database_has_the_class_and_readers_of_its_phase(stack: str) -> None:
    snapshot = snapshot_of(stack)
    wanted = {
        LAUNCH: ("db.t3.small", []),
        GROWTH: ("db.t3.medium", ["db.t3.small"]),
        SCALE: ("db.t3.large", ["db.t4g.medium"] * 2),
    }
    assert primary(snapshot).inputs["instanceClass"] == wanted[stack][0]
    assert [replica.inputs["instanceClass"] for replica in replicas(snapshot)] == wanted[stack][1]


@STACKS
@proves("S2-03", "S2-04")
def test_the_cache_has_the_class_of_its_phase(stack: str) -> None:
    caches = snapshot_of(stack).of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    wanted = {LAUNCH: [], GROWTH: ["cache.t3.micro"], SCALE: ["cache.t3.small"]}
    assert [cache.inputs["nodeType"] for cache in caches] == wanted[stack]


@STACKS
@proves("S2-02")
def test_the_edge_is_there_from_the_start(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for type_ in (
        "aws:cloudfront/distribution:Distribution",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
    ):
        assert snapshot.of_type(type_), type_
    certificates = snapshot.of_type("aws:acm/certificate:Certificate")
    assert {certificate.inputs.get("region", snapshot.region) for certificate in certificates} == {
        "us-east-1",
        "ap-south-1",
    }


@STACKS
@proves("S2-05")
def test_tasks_are_added_above_70_percent_for_2_minutes_and_taken_below_30_for_5(stack: str) -> None:
    snapshot = snapshot_of(stack)
    _, _, least = SIZES[stack]
    for service in ("web", "api"):
        target = named(snapshot, "aws:appautoscaling/target:Target", f"-{service}")
        assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (least, 10)
        steps = {
            (
                alarm.inputs["threshold"],
                alarm.inputs["comparisonOperator"],
                alarm.inputs["period"] * alarm.inputs["evaluationPeriods"],
            )
            for alarm in snapshot.of_type(ALARM)
            if f"-{service}-" in alarm.name
            and any("scalingPolicy" in str(action) for action in alarm.inputs["alarmActions"])
        }
        assert steps == {(70, "GreaterThanThreshold", 120), (30, "LessThanThreshold", 300)}
        adjustments = sorted(
            policy.inputs["stepScalingPolicyConfiguration"]["stepAdjustments"][0]["scalingAdjustment"]
            for policy in snapshot.of_type("aws:appautoscaling/policy:Policy")
            if f"-{service}-" in policy.name
        )
        assert adjustments == [-1, 1]


@STACKS
@proves("S2-06", "C-06")
def test_two_public_and_two_private_subnets_with_nat(stack: str) -> None:
    snapshot = snapshot_of(stack)
    names = [subnet.name for subnet in snapshot.of_type("aws:ec2/subnet:Subnet")]
    for tier in ("public", "private", "data"):
        assert len([name for name in names if f"-{tier}-" in name]) == 2, tier
    assert len(snapshot.of_type("aws:ec2/natGateway:NatGateway")) == (2 if stack == SCALE else 1)


@STACKS
@proves("S2-06")
def test_the_load_balancer_takes_443_from_anywhere_and_80_only_redirects(stack: str) -> None:
    snapshot = snapshot_of(stack)
    open_ports = {
        rule.inputs["fromPort"] for rule in snapshot.of_type(INGRESS) if rule.inputs.get("cidrIpv4") == "0.0.0.0/0"
    }
    assert open_ports == {80, 443}
    listeners = {listener.inputs["port"]: listener.inputs for listener in snapshot.of_type("aws:lb/listener:Listener")}
    assert listeners[80]["defaultActions"][0]["type"] == "redirect"
    assert listeners[80]["defaultActions"][0]["redirect"]["port"] == "443"
    assert listeners[443]["protocol"] == "HTTPS"


@STACKS
@proves("S2-06", "C-05")
def test_tasks_take_their_port_from_the_load_balancer_and_the_database_5432_from_tasks_only(stack: str) -> None:
    snapshot = snapshot_of(stack)
    resources = snapshot.by_urn()
    reached: dict[int, set[str]] = {}
    for rule in snapshot.of_type(INGRESS):
        port = rule.inputs["fromPort"]
        if port in (3333, 5000, 5432):
            assert "cidrIpv4" not in rule.inputs
            [source] = rule.property_dependencies["referencedSecurityGroupId"]
            reached.setdefault(port, set()).add(resources[source].name)
    assert all("balancer" in name for name in reached[3333])
    assert all("balancer" in name or "-web" in name for name in reached[5000])
    assert reached[5432] == {"thulobazaar-compute-api", "thulobazaar-compute-web"}


@STACKS
@proves("S2-21")
def test_web_and_api_both_reach_the_database_and_read_no_key_that_they_do_not_name(stack: str) -> None:
    snapshot = snapshot_of(stack)
    given = {
        service: {
            entry["name"]
            for kind in ("environment", "secrets")
            for entry in container(snapshot, service).get(kind, [])
            if not entry["name"].startswith(("DATABASE_POOL", "DATABASE_READER", "CACHE_"))
        }
        for service in ("web", "api")
    }
    assert given == {
        "web": {"PORT", "API_URL", "DATABASE_URL", "NEXTAUTH_SECRET", "SENTRY_DSN"},
        "api": {"PORT", "IMAGES_BUCKET", "DATABASE_URL", "JWT_SECRET", "SENTRY_DSN"},
    }


@STACKS
def test_next_js_may_write_its_cache(stack: str) -> None:
    web = container(snapshot_of(stack), "web")
    assert web["readonlyRootFilesystem"] is True
    assert {mount["containerPath"] for mount in web["linuxParameters"]["tmpfs"]} == {"/tmp", "/app/.next/cache"}


NIGHT, WEEK, WEEKEND = "cron(0 0 * * ? *)", "cron(0 6 ? * SUN-THU *)", "cron(0 6 ? * FRI,SAT *)"
LEAST = {LAUNCH: (1, 2, 3), GROWTH: (2, 4, 6), SCALE: (3, 6, 8)}


@STACKS
@proves("S2-20")
def test_fewer_tasks_run_from_midnight_to_six_in_nepal_and_more_on_fridays_and_saturdays(stack: str) -> None:
    snapshot = snapshot_of(stack)
    actions = [
        action.inputs
        for action in snapshot.of_type("aws:appautoscaling/scheduledAction:ScheduledAction")
        if action.name.startswith("thulobazaar-compute-")
    ]
    assert {action["timezone"] for action in actions} == {"Asia/Kathmandu"}
    for schedule, least in zip((NIGHT, WEEK, WEEKEND), LEAST[stack], strict=True):
        bounds = [action["scalableTargetAction"] for action in actions if action["schedule"] == schedule]
        assert bounds == [{"minCapacity": least, "maxCapacity": 10}] * 2


@STACKS
@proves("S2-07")
def test_the_database_is_private_encrypted_and_backed_up_at_three_in_nepal(stack: str) -> None:
    snapshot = snapshot_of(stack)
    inputs = primary(snapshot).inputs
    assert inputs["engine"] == "postgres"
    assert inputs["engineVersion"] == "15"
    assert (inputs["allocatedStorage"], inputs["storageType"]) == (20, "gp3")
    assert inputs["maxAllocatedStorage"] > inputs["allocatedStorage"]
    assert inputs["publiclyAccessible"] is False
    assert inputs["storageEncrypted"] is True
    assert inputs["backupRetentionPeriod"] == 7
    assert inputs["backupWindow"] == "21:15-22:15"


@STACKS
@proves("S2-08", "C-06")
def test_images_are_private_versioned_and_reached_through_cloudfront_alone(stack: str) -> None:
    snapshot = snapshot_of(stack)
    bucket = named(snapshot, "aws:s3/bucket:Bucket", "-images")
    block = next(
        resource
        for resource in snapshot.of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
        if bucket.urn in resource.dependencies
    )
    assert all(
        block.inputs[key]
        for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    versioning = next(
        resource
        for resource in snapshot.of_type("aws:s3/bucketVersioning:BucketVersioning")
        if bucket.urn in resource.dependencies
    )
    assert versioning.inputs["versioningConfiguration"]["status"] == "Enabled"
    [policy] = [
        resource
        for resource in snapshot.of_type("aws:s3/bucketPolicy:BucketPolicy")
        if bucket.urn in resource.dependencies
    ]
    allows = [
        statement for statement in json.loads(policy.inputs["policy"])["Statement"] if statement["Effect"] == "Allow"
    ]
    [distribution] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    assert [statement["Principal"] for statement in allows] == [{"Service": "cloudfront.amazonaws.com"}]
    assert distribution.outputs["arn"] in json.dumps(allows[0]["Condition"])
    behaviours = [behaviour["pathPattern"] for behaviour in distribution.inputs["orderedCacheBehaviors"]]
    assert "/images/*" in behaviours


@STACKS
@proves("S2-09")
def test_each_service_has_a_repository_that_scans_and_keeps_tags(stack: str) -> None:
    repositories = snapshot_of(stack).of_type("aws:ecr/repository:Repository")
    assert sorted(repository.name.rpartition("-")[2] for repository in repositories) == ["api", "web"]
    for repository in repositories:
        assert repository.inputs["imageScanningConfiguration"]["scanOnPush"] is True
        assert repository.inputs["imageTagMutability"].startswith("IMMUTABLE")


@STACKS
@proves("S2-10", "C-05")
def test_the_production_secret_reaches_the_tasks_by_reference(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [secret] = [
        resource
        for resource in snapshot.of_type("aws:secretsmanager/secret:Secret")
        if resource.inputs.get("name") == "thulobazaar/production"
    ]
    for service, own in (("web", "NEXTAUTH_SECRET"), ("api", "JWT_SECRET")):
        references = {
            reference["name"]: reference["valueFrom"] for reference in container(snapshot, service)["secrets"]
        }
        read = {key: value for key, value in references.items() if value.startswith(secret.outputs["arn"])}
        assert read == {key: f"{secret.outputs['arn']}:{key}::" for key in ("DATABASE_URL", own, "SENTRY_DSN")}
        assert not {"DATABASE_URL", "NEXTAUTH_SECRET", "JWT_SECRET"} & {
            entry["name"] for entry in container(snapshot, service).get("environment", [])
        }


@STACKS
@proves("S2-11")
def test_alarms_watch_what_the_row_lists_and_mail_somebody(stack: str) -> None:
    snapshot = snapshot_of(stack)
    cpu = alarms_on(snapshot, "CPUUtilization")
    assert {alarm["threshold"] for alarm in cpu if alarm["namespace"] == "AWS/ECS"} == {80}
    assert {
        (alarm["threshold"], alarm["period"] * alarm["evaluationPeriods"])
        for alarm in cpu
        if alarm["namespace"] == "AWS/RDS"
    } == {(80, 300)}
    assert {alarm["threshold"] for alarm in alarms_on(snapshot, "MemoryUtilization")} == {85}
    errors = [alarm for alarm in alarms_on(snapshot, "HTTPCode_Target_5XX_Count") if "metricName" in alarm]
    assert {(alarm["threshold"], alarm["period"]) for alarm in errors} == {(10, 60)}
    assert {alarm["threshold"] for alarm in alarms_on(snapshot, "TargetResponseTime")} == {2}
    assert len(errors) == 2
    free = primary(snapshot).inputs["allocatedStorage"] * 1024**3 * 0.2
    assert {alarm["threshold"] for alarm in alarms_on(snapshot, "FreeStorageSpace")} == {free}
    assert alarms_on(snapshot, "DatabaseConnections")
    mails = {
        subscription.inputs["endpoint"]
        for subscription in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
    }
    assert mails == {"alerts@thulobazaar.com"}


@STACKS
@proves("S2-14")
def test_a_monthly_snapshot_is_kept_for_a_year(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [plan] = snapshot.of_type("aws:backup/plan:Plan")
    [rule] = plan.inputs["rules"]
    assert rule["lifecycle"]["deleteAfter"] >= 365
    assert rule["schedule"].startswith("cron(")
    assert rule["schedule"].endswith(" 1 * ? *)")
    [selection] = snapshot.of_type("aws:backup/selection:Selection")
    assert selection.inputs["resources"] == [primary(snapshot).outputs["arn"]]


@STACKS
@proves("S2-16")
def test_apex_www_and_api_lead_to_cloudfront(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [distribution] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    records = {
        (record.inputs["name"], record.inputs["type"])
        for record in snapshot.of_type("aws:route53/record:Record")
        if record.inputs["type"] in ("A", "AAAA")
    }
    names = ("thulobazaar.com", "www.thulobazaar.com", "api.thulobazaar.com")
    assert records == {(name, type_) for name in names for type_ in ("A", "AAAA")}
    for record in snapshot.of_type("aws:route53/record:Record"):
        if record.inputs["type"] in ("A", "AAAA"):
            assert record.inputs["aliases"][0]["name"] == distribution.outputs["domainName"]
    assert set(distribution.inputs["aliases"]) == set(names)


@proves("S2-12")
def test_push_applications_come_with_their_sealed_credentials_and_not_without(tmp_path: Path) -> None:
    def give_credentials(config: Config) -> None:
        config["groundwork:messaging"] = {
            "push": {
                "android": {"service_account": {"secure": "v1:sealed"}},
                "ios": {
                    "signing_key": {"secure": "v1:sealed"},
                    "key_id": {"secure": "v1:sealed"},
                    "team_id": "ABCDE12345",
                    "bundle_id": "com.thulobazaar.shop",
                },
            }
        }

    assert not snapshot_of(LAUNCH).of_type(APPLICATION)
    snapshot = run_found(changed(LAUNCH, tmp_path / "Pulumi.launch.yaml", give_credentials))
    applications = {application.inputs["platform"]: application.inputs for application in snapshot.of_type(APPLICATION)}
    assert set(applications) == {"GCM", "APNS"}
    assert all(inputs["platformCredential"] == Opaque.SECRET for inputs in applications.values())
    assert "v1:sealed" not in snapshot.dumps()


APPLICATION = "aws:sns/platformApplication:PlatformApplication"


@STACKS
@proves("S2-19")
def test_route_53_asks_for_the_api_from_outside_and_pages_when_it_stays_away(stack: str) -> None:
    """Its metric, and so alarm and topic, are in us-east-1, wherever the platform is."""
    snapshot = snapshot_of(stack)
    [check] = [found for found in snapshot.of_type("aws:route53/healthCheck:HealthCheck") if "fqdn" in found.inputs]
    assert (check.inputs["type"], check.inputs["fqdn"]) == ("HTTPS", "thulobazaar.com")
    assert check.inputs["resourcePath"] == "/api/health"
    [alarm] = [found for found in snapshot.of_type(ALARM) if found.inputs.get("metricName") == "HealthCheckStatus"]
    assert alarm.inputs["dimensions"] == {"HealthCheckId": check.outputs["id"]}
    [topic] = alarm.inputs["alarmActions"]
    assert alarm.inputs["region"] == topic.split(":")[3] == "us-east-1"
    told = [
        found.inputs["endpoint"]
        for found in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
        if found.inputs["topic"] == topic
    ]
    assert told == ["alerts@thulobazaar.com"]


@STACKS
@proves("S2-19")
def test_the_address_of_the_error_tracker_is_a_secret(stack: str) -> None:
    snapshot = snapshot_of(stack)
    references = {entry["name"]: entry["valueFrom"] for entry in container(snapshot, "api")["secrets"]}
    assert references["SENTRY_DSN"].endswith(":SENTRY_DSN::")
    assert "SENTRY_DSN" not in {entry["name"] for entry in container(snapshot, "api").get("environment", [])}
