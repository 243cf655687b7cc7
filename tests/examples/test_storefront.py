"""S0: the storefront, row by row, on the snapshots of its phases, and from one to the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from groundwork.components.settings import LAYERS
from groundwork.preview.snapshot import Resource, Snapshot
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
    bounds,
    changed,
    container,
    environment,
    named,
    primary,
    references,
    replicas,
    sources,
    statements,
    tracking,
    who_reaches,
)
from tests.requirements import proves
from tests.stacks import loaded, run_found, snapshot_of

START, MILLIONS = "examples/storefront/prod@growth", "examples/storefront/prod@millions"
STACKS = pytest.mark.parametrize("stack", [START, MILLIONS])

BUCKET = "aws:s3/bucket:Bucket"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
FUNCTION = "aws:lambda/function:Function"
GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
QUEUE = "aws:sqs/queue:Queue"


@STACKS
@proves("S0-01")
def test_copies_have_2_vcpu_and_4_gb_without_servers(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for service in ("web", "worker"):
        task = named(snapshot, TASK, f"-{service}").inputs
        assert (task["cpu"], task["memory"]) == ("2048", "4096")
        assert task["requiresCompatibilities"] == ["FARGATE"]
    assert not snapshot.of_type("aws:ec2/instance:Instance", "aws:autoscaling/group:Group")


@STACKS
@proves("S0-01")
def test_2_to_50_copies_are_held_at_70_percent_cpu_80_memory_and_100_requests_of_a_second_each(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert bounds(snapshot, "web") == (2, 50)
    assert tracking(snapshot, "web") == {
        "ECSServiceAverageCPUUtilization": 70,
        "ECSServiceAverageMemoryUtilization": 80,
        # Fargate has no measure of concurrency: a copy that always has 100 requests of a second each takes 6,000 a minute.
        "ALBRequestCountPerTarget": 100 * 60,
    }


def on_app_runner(config: Config) -> None:
    """What App Runner does not have goes: workers, and scaling by anything but requests under way."""
    config["groundwork:compute"] = {"engine": "app-runner", "app_runner_quota": 50}
    config["groundwork:services"]["worker"] = None
    config["groundwork:services"]["web"]["scaling"] = {"min": 2, "max": 50, "concurrency": 100}


@proves("S0-01")
def test_the_same_service_runs_on_app_runner_with_the_same_limits_and_a_way_into_the_network(tmp_path: Path) -> None:
    snapshot = run_found(changed(START, tmp_path / "start.yaml", on_app_runner))
    service = named(snapshot, "aws:apprunner/service:Service", "-web").inputs
    size = service["instanceConfiguration"]
    assert (size["cpu"], size["memory"]) == ("2048", "4096")
    [scaling] = snapshot.of_type(
        "aws:apprunner/autoScalingConfigurationVersion:AutoScalingConfigurationVersion",
    )
    limits = scaling.inputs
    assert (limits["minSize"], limits["maxSize"], limits["maxConcurrency"]) == (2, 50, 100)
    [connector] = snapshot.of_type("aws:apprunner/vpcConnector:VpcConnector")
    egress = service["networkConfiguration"]["egressConfiguration"]
    assert egress == {"egressType": "VPC", "vpcConnectorArn": connector.outputs["arn"]}
    assert {name.rpartition("-")[0] for name in sources(snapshot, connector, "subnets")} == {
        "storefront-network-private"
    }
    assert not snapshot.of_type(SERVICE)


DATABASES = {START: ("db.r6g.large", 2, 14), MILLIONS: ("db.r6g.2xlarge", 5, 30)}


@STACKS
@proves("S0-02", "S0-03")
def test_the_database_fails_over_is_backed_up_and_has_the_readers_of_its_stack(stack: str) -> None:
    snapshot = snapshot_of(stack)
    instance_class, readers, days = DATABASES[stack]
    database = primary(snapshot).inputs
    assert database["engine"] == "postgres"
    assert database["instanceClass"] == instance_class
    assert database["multiAz"] is True
    assert database["backupRetentionPeriod"] == days
    assert [replica.inputs["instanceClass"] for replica in replicas(snapshot)] == [instance_class] * readers
    for replica in replicas(snapshot):
        assert replica.inputs["replicateSourceDb"] == database["identifier"]


@STACKS
@proves("S0-03", "S0-05")
def test_the_reader_endpoint_leads_to_each_replica_in_turn_and_passes_over_one_that_lags(stack: str) -> None:
    """RDS Proxy has reader endpoints for Aurora alone; a private name does their work before RDS."""
    snapshot = snapshot_of(stack)
    name = environment(snapshot, "web")["DATABASE_READER_HOST"]
    records = [record for record in snapshot.of_type("aws:route53/record:Record") if record.inputs["name"] == name]
    assert sorted(record.inputs["records"][0] for record in records) == sorted(
        replica.outputs["address"] for replica in replicas(snapshot)
    )
    assert {record.inputs["weightedRoutingPolicies"][0]["weight"] for record in records} == {10}
    checks = {check.outputs["id"]: check for check in snapshot.of_type("aws:route53/healthCheck:HealthCheck")}
    for record in records:
        [watched] = sources(snapshot, checks[record.inputs["healthCheckId"]], "cloudwatchAlarmName")
        assert named(snapshot, ALARM, watched).inputs["metricName"] == "ReplicaLag"


@STACKS
@proves("S0-03", "S0-04")
def test_everybody_writes_through_the_proxy_and_nobody_reaches_the_primary_past_it(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [proxy] = snapshot.of_type("aws:rds/proxy:Proxy")
    [target] = snapshot.of_type("aws:rds/proxyTarget:ProxyTarget")
    assert target.inputs["dbInstanceIdentifier"] == primary(snapshot).inputs["identifier"]
    for service in ("web", "worker"):
        assert environment(snapshot, service)["DATABASE_HOST"] == proxy.outputs["endpoint"]
    [group] = sources(snapshot, primary(snapshot), "vpcSecurityGroupIds")
    assert set(who_reaches(snapshot, "storefront-database-primary")) == {(5432, "storefront-database-proxy")}
    assert group == "storefront-database-primary"


@STACKS
@proves("S0-04")
def test_without_the_proxy_the_stack_is_refused_with_the_number_of_connections(stack: str, tmp_path: Path) -> None:
    def without_proxy(config: Config) -> None:
        config["groundwork:data"] = {"proxy": None}

    with pytest.raises(Mistakes) as caught:
        load_stack(changed(stack, tmp_path / "direct.yaml", without_proxy))
    [mistake] = caught.value.mistakes
    assert "may open 2600 direct connections (web 50 × 50 + worker 20 × 5), more than 100" in str(mistake)


@proves("S0-04")
def test_100_direct_connections_are_allowed_and_101_are_not(tmp_path: Path) -> None:
    def direct(workers: int) -> Callable[[Config], None]:
        def change(config: Config) -> None:
            config["groundwork:data"] = {"proxy": None}
            services = config["groundwork:services"]
            services["web"] = {**services["web"], "connections": 2}
            services["web"]["scaling"]["max"] = 40
            services["worker"] = {**services["worker"], "connections": 1}
            services["worker"]["scaling"]["max"] = workers

        return change

    load_stack(changed(START, tmp_path / "fits.yaml", direct(20)))
    with pytest.raises(Mistakes) as caught:
        load_stack(changed(START, tmp_path / "over.yaml", direct(21)))
    [mistake] = caught.value.mistakes
    assert "may open 101 direct connections (web 40 × 2 + worker 21 × 1), more than 100" in str(mistake)


@STACKS
@proves("S0-05", "C-05")
def test_services_get_separate_addresses_to_write_and_to_read(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for service in ("web", "worker"):
        given = environment(snapshot, service)
        assert given["DATABASE_HOST"] != given["DATABASE_READER_HOST"]
        assert set(given["DATABASE_READER_HOSTS"].split(",")) == {
            replica.outputs["address"] for replica in replicas(snapshot)
        }
        secret = named(snapshot, "aws:secretsmanager/secret:Secret", "-database-credentials").outputs["arn"]
        assert references(snapshot, service)["DATABASE_URL"] == f"{secret}:url::"
        assert references(snapshot, service)["DATABASE_READER_URL"] == f"{secret}:reader_url::"


@STACKS
@proves("S0-16")
def test_services_are_told_the_bounds_of_their_pools_and_statements_end_after_30_seconds(stack: str) -> None:
    snapshot = snapshot_of(stack)
    given = environment(snapshot, "web")
    assert {name.removeprefix("DATABASE_"): given[name] for name in given if "POOL" in name} == {
        "POOL_MIN": "10",
        "POOL_SIZE": "50",
        "POOL_IDLE_SECONDS": "30",
        "POOL_CONNECT_SECONDS": "5",
        "READER_POOL_SIZE": "1",
    }
    [group] = snapshot.of_type("aws:rds/parameterGroup:ParameterGroup")
    assert {item["name"]: item["value"] for item in group.inputs["parameters"]}["statement_timeout"] == "30000"


@STACKS
@proves("S0-04", "S0-16")
def test_readers_added_to_the_stack_are_counted(stack: str, tmp_path: Path) -> None:
    def with_reports(config: Config) -> None:
        config["groundwork:services"]["reports"] = {
            "scaling": {"min": 2, "max": 50},
            "connections": 20,
            "uses": {"database": "read"},
        }

    with pytest.raises(Mistakes) as caught:
        load_stack(changed(stack, tmp_path / "reports.yaml", with_reports))
    [mistake] = caught.value.mistakes
    assert mistake.path[:2] == ("services", "reports")
    assert "may open 1070 direct connections to replicas (reports 50 × 20 + web 50 × 1 + worker 20 × 1)" in str(mistake)


@STACKS
@proves("S0-17")
def test_services_are_told_how_long_hot_data_is_kept_and_the_cache_makes_room(stack: str) -> None:
    snapshot = snapshot_of(stack)
    given = environment(snapshot, "web")
    assert {name: given[name] for name in given if "TTL" in name} == {
        "CACHE_TTL_MIN_SECONDS": "300",
        "CACHE_TTL_MAX_SECONDS": "900",
        "CACHE_TTL_LOCAL_SECONDS": "15",
    }
    [group] = snapshot.of_type("aws:elasticache/parameterGroup:ParameterGroup")
    assert {item["name"]: item["value"] for item in group.inputs["parameters"]}["maxmemory-policy"] == "allkeys-lru"


@proves("S0-06")
def test_the_cache_starts_with_two_t3_medium_nodes_that_fail_over() -> None:
    """In cluster mode with one shard, so that more come in place."""
    snapshot = snapshot_of(START)
    [cache] = snapshot.of_type(GROUP)
    assert cache.inputs["nodeType"] == "cache.t3.medium"
    assert (cache.inputs["numNodeGroups"], cache.inputs["replicasPerNodeGroup"]) == (1, 1)
    assert cache.inputs["automaticFailoverEnabled"] is True
    assert cache.inputs["multiAzEnabled"] is True


@proves("S0-06")
def test_the_cache_for_millions_has_three_shards_of_r6g_large_in_cluster_mode() -> None:
    snapshot = snapshot_of(MILLIONS)
    [cache] = snapshot.of_type(GROUP)
    assert cache.inputs["nodeType"] == "cache.r6g.large"
    assert (cache.inputs["numNodeGroups"], cache.inputs["replicasPerNodeGroup"]) == (3, 1)
    assert cache.inputs["automaticFailoverEnabled"] is True
    [parameters] = snapshot.of_type("aws:elasticache/parameterGroup:ParameterGroup")
    assert {"name": "cluster-enabled", "value": "yes"} in parameters.inputs["parameters"]
    assert cache.inputs["parameterGroupName"] == parameters.outputs["name"]
    assert environment(snapshot, "web")["CACHE_MODE"] == "cluster"
    assert environment(snapshot, "web")["CACHE_HOST"] == cache.outputs["configurationEndpointAddress"]


@STACKS
@proves("S0-07")
def test_cloudfront_stands_before_the_app_and_before_images_and_videos(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [distribution] = snapshot.of_type(DISTRIBUTION)
    origins = {origin["originId"]: origin["domainName"] for origin in distribution.inputs["origins"]}
    paths = {
        behaviour["pathPattern"]: origins[behaviour["targetOriginId"]]
        for behaviour in distribution.inputs["orderedCacheBehaviors"]
    }
    paths["*"] = origins[distribution.inputs["defaultCacheBehavior"]["targetOriginId"]]
    [balancer] = snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert paths["*"] == balancer.outputs["dnsName"]
    for bucket in ("media", "static"):
        assert paths[f"/{bucket}/*"] == named(snapshot, BUCKET, f"-{bucket}").outputs["bucketRegionalDomainName"]
    assert distribution.inputs["aliases"] == ["storefront.example.com", "www.storefront.example.com"]


@STACKS
@proves("S0-08")
def test_media_go_to_the_archive_after_a_year_and_static_assets_stay(stack: str) -> None:
    snapshot = snapshot_of(stack)

    def transitions(bucket: str) -> list[tuple[int, str]]:
        lifecycle = beside(
            snapshot,
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            named(snapshot, BUCKET, f"-{bucket}"),
        )
        return [
            (transition["days"], transition["storageClass"])
            for rule in lifecycle.inputs["rules"]
            for transition in rule.get("transitions", [])
            if rule["status"] == "Enabled" and rule["filter"] == {"prefix": ""}
        ]

    assert transitions("media") == [(30, "STANDARD_IA"), (365, "GLACIER")]
    assert transitions("static") == []


@STACKS
@proves("S0-09", "C-05")
def test_an_uploaded_image_reaches_the_function_through_a_queue(stack: str) -> None:
    snapshot = snapshot_of(stack)
    queue = named(snapshot, QUEUE, "-image-jobs-queue")
    [notification] = snapshot.of_type("aws:s3/bucketNotification:BucketNotification")
    assert sources(snapshot, notification, "bucket") == {"storefront-uploads"}
    [told] = notification.inputs["queues"]
    assert (told["queueArn"], told["events"], told["filterPrefix"]) == (
        queue.outputs["arn"],
        ["s3:ObjectCreated:*"],
        "uploads/",
    )
    [function] = snapshot.of_type(FUNCTION)
    [trigger] = snapshot.of_type("aws:lambda/eventSourceMapping:EventSourceMapping")
    assert trigger.inputs["eventSourceArn"] == queue.outputs["arn"]
    assert trigger.inputs["functionName"] == function.outputs["arn"]
    assert trigger.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert trigger.inputs["scalingConfig"] == {"maximumConcurrency": 20}
    assert queue.inputs["visibilityTimeoutSeconds"] >= 6 * function.inputs["timeout"]
    assert dead_letters_of(snapshot, queue) == ("storefront-image-jobs-dead-letters", 3)


@STACKS
@proves("S0-09", "C-05")
def test_the_function_reads_uploads_and_writes_media_and_nothing_else(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [function] = snapshot.of_type(FUNCTION)
    uploads, media = (named(snapshot, BUCKET, f"-{bucket}").outputs["arn"] for bucket in ("uploads", "media"))
    may = statements(snapshot, "-image-processor")
    touched = {
        (action, resource)
        for statement in may.values()
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
    }
    assert touched == {
        ("s3:GetObject", f"{uploads}/*"),
        ("s3:GetObject", f"{media}/*"),
        ("s3:PutObject", f"{media}/*"),
        ("s3:DeleteObject", f"{media}/*"),
    }
    variables = function.inputs["environment"]["variables"]
    assert variables["SIZES"] == "thumbnail=320,medium=1024,large=2048"
    assert variables[f"{variables['OUTPUT'].upper()}_BUCKET"] == named(snapshot, BUCKET, "-media").outputs["bucket"]


def dead_letters_of(snapshot: Snapshot, queue: Resource) -> tuple[str, int]:
    """Where messages go that failed, and after how many tries."""
    policy = json.loads(queue.inputs["redrivePolicy"])
    [target] = [other for other in snapshot.of_type(QUEUE) if other.outputs["arn"] == policy["deadLetterTargetArn"]]
    return target.name, policy["maxReceiveCount"]


@STACKS
@proves("S0-10")
def test_heavy_jobs_wait_in_a_queue_with_dead_letters_that_somebody_hears_of(stack: str) -> None:
    snapshot = snapshot_of(stack)
    queue = named(snapshot, QUEUE, "-video-jobs-queue")
    assert queue.inputs["visibilityTimeoutSeconds"] == 900
    assert dead_letters_of(snapshot, queue) == ("storefront-video-jobs-dead-letters", 3)
    alarm = named(snapshot, ALARM, "-video-jobs-dead-letters").inputs
    assert (alarm["metricName"], alarm["threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    arn = queue.outputs["arn"]
    assert statements(snapshot, "-web-task")["VideoJobsSend"]["Resource"] == [arn]
    assert statements(snapshot, "-worker-task")["VideoJobsConsume"]["Resource"] == [arn]
    assert "VideoJobsConsume" not in statements(snapshot, "-web-task")


@STACKS
@proves("S0-10")
def test_the_worker_runs_a_copy_for_every_five_jobs_that_wait(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert bounds(snapshot, "worker") == (0, 20), "an idle one would cost more than the cache's second node"
    assert tracking(snapshot, "worker") == {}
    policy = named(snapshot, "aws:appautoscaling/policy:Policy", "-worker-queue")
    held = policy.inputs["targetTrackingScalingPolicyConfiguration"]
    assert held["targetValue"] == 5
    measures = {measure["id"]: measure for measure in held["customizedMetricSpecification"]["metrics"]}
    waiting = measures["waiting"]["metricStat"]["metric"]
    assert waiting["metricName"] == "ApproximateNumberOfMessagesVisible"
    assert waiting["dimensions"] == [
        {"name": "QueueName", "value": named(snapshot, QUEUE, "-video-jobs-queue").outputs["name"]}
    ]
    assert measures["backlog"]["expression"].startswith("(waiting + taken) / ")


@STACKS
@proves("S0-11")
def test_custom_metrics_tell_response_time_query_time_and_the_share_of_cache_hits(stack: str) -> None:
    snapshot = snapshot_of(stack)
    filters = {
        filter_.inputs["metricTransformation"]["name"]: filter_.inputs
        for filter_ in snapshot.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    }
    assert set(filters) == {"response-time", "query-time", "cache-lookups", "cache-hits"}
    for inputs in filters.values():
        assert inputs["logGroupName"] == "/storefront/prod/services/web"
    for metric in ("response-time", "query-time"):
        measured = filters[metric]["metricTransformation"]
        assert (measured["value"], measured["unit"]) == ("$.duration_ms", "Milliseconds")
    [slow] = alarms_on(snapshot, "response-time")
    assert (slow["extendedStatistic"], slow["threshold"]) == ("p95", 1500)
    [missed] = alarms_on(snapshot, "cache-hits")
    assert (missed["comparisonOperator"], missed["threshold"]) == ("LessThanThreshold", 80)
    assert {query["metric"]["metricName"] for query in missed["metricQueries"] if "metric" in query} == {
        "cache-hits",
        "cache-lookups",
    }


@STACKS
@proves("S0-11")
def test_everything_that_runs_logs_and_has_an_alarm_that_reaches_somebody(stack: str) -> None:
    snapshot = snapshot_of(stack)
    groups = {group.inputs["name"] for group in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    for written in ("services/web", "services/worker", "functions/image-processor", "cache/slow-log", "network/flow"):
        assert f"/storefront/prod/{written}" in groups
    for database in snapshot.of_type(INSTANCE):
        assert f"/aws/rds/instance/{database.inputs['identifier']}/postgresql" in groups
        assert database.inputs["performanceInsightsEnabled"] is True
    watched = {
        (alarm.inputs["namespace"], alarm.inputs["metricName"])
        for alarm in snapshot.of_type(ALARM)
        if "metricName" in alarm.inputs
    }
    assert watched >= {
        ("AWS/ECS", "CPUUtilization"),
        ("AWS/ApplicationELB", "TargetResponseTime"),
        ("AWS/RDS", "CPUUtilization"),
        ("AWS/RDS", "ReplicaLag"),
        ("AWS/ElastiCache", "EngineCPUUtilization"),
        ("AWS/Lambda", "Errors"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    }
    assert {
        subscription.inputs["endpoint"]
        for subscription in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
    } == {"team@storefront.example.com", "on-call@storefront.example.com"}


def traced(snapshot: Snapshot) -> set[str]:
    """The task definitions with a collector of traces, and the functions that send some."""
    tasks = {
        task.name.rpartition("-")[2]
        for task in snapshot.of_type(TASK)
        if any(made["name"] == "trace_collector" for made in json.loads(task.inputs["containerDefinitions"]))
    }
    functions = {
        function.name
        for function in snapshot.of_type(FUNCTION)
        if function.inputs.get("tracingConfig", {}).get("mode") == "Active"
    }
    return tasks | functions


@STACKS
@proves("S0-11")
def test_x_ray_sees_services_and_functions(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert traced(snapshot) == {"web", "worker", "storefront-image-processor-function"}
    for service in ("web", "worker"):
        assert "xray:PutTraceSegments" in statements(snapshot, f"-{service}-task")["Trace"]["Action"]


@proves("S0-11")
def test_one_setting_turns_x_ray_off(tmp_path: Path) -> None:
    def untraced(config: Config) -> None:
        config["groundwork:observability"]["tracing"] = False

    snapshot = run_found(changed(START, tmp_path / "start.yaml", untraced))
    assert traced(snapshot) == set()
    assert "xray:" not in json.dumps(
        [policy.inputs["policy"] for policy in snapshot.of_type("aws:iam/rolePolicy:RolePolicy")]
    )


@STACKS
@proves("S0-12", "C-06")
def test_everything_that_holds_or_serves_data_is_in_private_subnets_of_the_network(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for service in snapshot.of_type(SERVICE):
        assert service.inputs["networkConfiguration"]["assignPublicIp"] is False
        assert not any("-public" in name for name in sources(snapshot, service, "networkConfiguration"))
    [balancer] = snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["internal"] is True
    for type_ in ("aws:rds/subnetGroup:SubnetGroup", "aws:elasticache/subnetGroup:SubnetGroup"):
        [subnets] = snapshot.of_type(type_)
        zones = "ab" if stack == START else "abc"
        assert sources(snapshot, subnets, "subnetIds") == {f"storefront-network-data-{zone}" for zone in zones}
    for database in snapshot.of_type(INSTANCE):
        assert database.inputs["publiclyAccessible"] is False


@STACKS
@proves("S0-12")
def test_the_function_stays_outside_the_network_because_it_uses_nothing_inside(stack: str) -> None:
    """Lambda's own network reaches buckets and queues; in the network it would need a way out again."""
    snapshot = snapshot_of(stack)
    [function] = snapshot.of_type(FUNCTION)
    assert "vpcConfig" not in function.inputs
    services = {
        action.partition(":")[0]
        for statement in statements(snapshot, "-image-processor").values()
        for action in statement["Action"]
    }
    assert services == {"kms", "logs", "s3", "sqs", "xray"}


@STACKS
@proves("S0-12", "C-05", "C-06")
def test_security_groups_let_in_who_has_to_come_in_and_nobody_else(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [(port, source)] = who_reaches(snapshot, "storefront-ingress-alb-balancer")
    assert (port, source[:3]) == (443, "pl-")  # CloudFront's prefix list
    assert set(who_reaches(snapshot, "storefront-compute-web")) == {(3000, "storefront-ingress-alb-balancer")}
    assert set(who_reaches(snapshot, "storefront-compute-worker")) == set()
    assert set(who_reaches(snapshot, "storefront-cache-clients")) == {(6379, "storefront-compute-web")}
    assert set(who_reaches(snapshot, "storefront-database-clients")) == {
        (5432, "storefront-compute-web"),
        (5432, "storefront-compute-worker"),
    }


@STACKS
@proves("S0-12", "C-06")
def test_nothing_speaks_without_tls(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for database in snapshot.of_type(INSTANCE):
        [group] = [
            group
            for group in snapshot.of_type("aws:rds/parameterGroup:ParameterGroup")
            if group.outputs["name"] == database.inputs["parameterGroupName"]
        ]
        forced = {parameter["name"]: parameter["value"] for parameter in group.inputs["parameters"]}
        assert forced["rds.force_ssl"] == "1"
    [proxy] = snapshot.of_type("aws:rds/proxy:Proxy")
    assert proxy.inputs["requireTls"] is True
    [cache] = snapshot.of_type(GROUP)
    assert (cache.inputs["transitEncryptionEnabled"], cache.inputs["transitEncryptionMode"]) == (True, "required")
    [listener] = snapshot.of_type("aws:lb/listener:Listener")
    assert listener.inputs["protocol"] == "HTTPS"
    [distribution] = snapshot.of_type(DISTRIBUTION)
    assert distribution.inputs["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"
    behaviours = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs["orderedCacheBehaviors"]]
    assert {behaviour["viewerProtocolPolicy"] for behaviour in behaviours} == {"redirect-to-https"}
    policies = {"aws:s3/bucketPolicy:BucketPolicy": BUCKET, "aws:sqs/queuePolicy:QueuePolicy": QUEUE}
    for type_, guarded in policies.items():
        for resource in snapshot.of_type(guarded):
            document = json.loads(beside(snapshot, type_, resource).inputs["policy"])
            [denied] = [statement for statement in document["Statement"] if statement["Sid"] == "TlsOnly"]
            assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
            assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@STACKS
@proves("S0-12", "C-05")
def test_secrets_come_from_secrets_manager_and_stand_in_no_configuration(stack: str) -> None:
    snapshot = snapshot_of(stack)
    secret = named(snapshot, "aws:secretsmanager/secret:Secret", "storefront-app").outputs["arn"]
    wanted = {"SESSION_SECRET", "PAYMENT_API_KEY", "DATABASE_PASSWORD", "DATABASE_URL"}
    for service in ("web", "worker"):
        given = references(snapshot, service)
        assert wanted <= set(given)
        assert given["PAYMENT_API_KEY"] == f"{secret}:PAYMENT_API_KEY::"
        assert all(":secretsmanager:" in reference for reference in given.values())
        assert not set(given) & {entry["name"] for entry in container(snapshot, service)["environment"]}


@STACKS
@proves("S0-12", "C-06")
def test_a_web_acl_at_the_edge_blocks_who_asks_more_than_2000_times_in_5_minutes(stack: str) -> None:
    snapshot = snapshot_of(stack)
    [distribution] = snapshot.of_type(DISTRIBUTION)
    [acl] = snapshot.of_type("aws:wafv2/webAcl:WebAcl")
    assert acl.inputs["scope"] == "CLOUDFRONT"
    assert distribution.inputs["webAclId"] == acl.outputs["arn"]
    rules = {rule["name"]: rule for rule in acl.inputs["rules"]}
    assert rules["rate"]["action"] == {"block": {}}
    limit = rules["rate"]["statement"]["rateBasedStatement"]
    assert (limit["limit"], limit["evaluationWindowSec"], limit["aggregateKeyType"]) == (2000, 300, "IP")
    for managed in ("common", "known-bad-inputs", "ip-reputation", "sql"):
        assert rules[managed]["overrideAction"] == {"none": {}}


@pytest.fixture(scope="module")
def grown() -> Snapshot:
    """The stack once it says ``phase: millions``."""
    return snapshot_of(MILLIONS)


@proves("S0-14", "C-03")
def test_from_growth_to_millions_is_one_word_and_what_the_file_says_of_each_phase() -> None:
    growth, millions = loaded(START).settings, loaded(MILLIONS).settings
    differing = {layer for layer in LAYERS if getattr(growth, layer) != getattr(millions, layer)}
    assert growth.platform.model_copy(update={"phase": "millions"}) == millions.platform
    assert differing == {"platform", "network", "compute", "data", "cache", "usage", "budget"}


# What changes on the way, all of it in place: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
# and https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyReplicationGroup.html.
IN_PLACE = {
    "storefront-database-primary": {
        "allocatedStorage",
        "backupRetentionPeriod",
        "instanceClass",
        "maxAllocatedStorage",
    },
    "storefront-database-reader-1": {"instanceClass", "maxAllocatedStorage"},
    "storefront-database-reader-2": {"instanceClass", "maxAllocatedStorage"},
}


def differing(before: Resource, after: Resource) -> set[str]:
    """The inputs in which two resources differ, tags left out."""
    keys = {*before.inputs, *after.inputs} - {"tags"}
    return {key for key in keys if before.inputs.get(key) != after.inputs.get(key)}


def protected(snapshot: Snapshot) -> list[Resource]:
    """What holds state: every component protects it in production."""
    return [resource for resource in snapshot.resources if resource.options.get("protect")]


@proves("S0-14")
def test_nothing_that_holds_state_is_missing_or_replaced_for_millions(grown: Snapshot) -> None:
    after = grown.by_urn()
    before = protected(snapshot_of(START))
    assert {resource.type for resource in before} >= {INSTANCE, GROUP, BUCKET, QUEUE, "aws:kms/key:Key"}
    assert [resource.urn for resource in before if resource.urn not in after] == []
    changes = {resource.name: differing(resource, after[resource.urn]) for resource in before}
    assert {name: keys for name, keys in changes.items() if keys} == {
        **IN_PLACE,
        "storefront-cache-group": {"nodeType", "numNodeGroups"},
        "storefront-ingress-alb": {"subnets"},
    }
    for resource in before:
        assert resource.options == after[resource.urn].options


@proves("S0-14")
def test_what_cannot_change_on_a_database_stays_the_same(grown: Snapshot) -> None:
    after = grown.by_urn()
    for database in snapshot_of(START).of_type(INSTANCE):
        for key in ("identifier", "engine", "dbName", "username", "kmsKeyId", "storageEncrypted", "availabilityZone"):
            assert database.inputs.get(key) == after[database.urn].inputs.get(key), key


@proves("S0-14")
def test_the_cache_is_in_cluster_mode_from_the_start_so_that_shards_come_in_place(grown: Snapshot) -> None:
    [before], [after] = snapshot_of(START).of_type(GROUP), grown.of_type(GROUP)
    assert before.urn == after.urn
    assert before.inputs["clusterMode"] == after.inputs["clusterMode"] == "enabled"
    assert (before.inputs["numNodeGroups"], after.inputs["numNodeGroups"]) == (1, 3)


@proves("S0-14")
def test_nothing_goes_on_the_way(grown: Snapshot) -> None:
    """But for alarms of CPU credits, which nodes of a class that does not burst have none of."""
    after = grown.by_urn()
    gone = [resource for resource in snapshot_of(START).resources if resource.urn not in after]
    assert {(resource.type, resource.name.rpartition("-")[2]) for resource in gone} == {
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "credits")
    }


@proves("S0-14")
def test_what_comes_holds_three_more_readers(grown: Snapshot) -> None:
    before = snapshot_of(START).by_urn()
    new = {resource.name for resource in protected(grown) if resource.urn not in before}
    assert new == {f"storefront-database-reader-{number}" for number in (3, 4, 5)}
