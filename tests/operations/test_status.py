"""How a stack is said to be: on a stack that stands, that is half there, or not at all, and with each fault put into it."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.client
import botocore.exceptions
import botocore.session
import dns.exception
import pytest

from groundwork.cli import status_text
from groundwork.cli.console import FINDINGS, FINE
from groundwork.cli.main import run as groundwork
from groundwork.operations import meanings, permissions
from groundwork.operations.account import StackAccount
from groundwork.operations.delegation import Delegation
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.engines.ecs.reasons import stop_explained
from groundwork.operations.errors import UnreachableError
from groundwork.operations.resources import find_resources
from groundwork.operations.status import alarms, domain, reading, services, stores
from groundwork.operations.status.model import Health, Status, StatusLine
from groundwork.preview.snapshot import Resource, Snapshot
from guardrails.iam.services import service as iam_service
from tests.operations.asking import asked_actions, permitted
from tests.operations.shop import client, service
from tests.operations.stood_up import ring, run_copies, standing, url
from tests.operations.test_engines import Script, standing_in
from tests.requirements import proves

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
Stack = tuple[StackAccount, Snapshot]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with standing(tmp_path, monkeypatch) as found:
        yield found


def looked(stack: Stack, **more: Any) -> Status:
    return reading.read_status(*stack, datetime.datetime.now(datetime.UTC), **more)


def line(found: Status, section: str, name: str) -> StatusLine:
    [one] = [one for part in found.sections if part.title == section for one in part.lines if one.name == name]
    return one


@proves("S2-15")
def test_a_stack_that_is_well_is_said_to_be_by_the_names_of_its_file(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["status", "dev"]) == FINE
    said = capsys.readouterr().out
    assert said.startswith("dev  account 123456789012, eu-west-1, ")
    assert re.findall(r"^  well +(\S+)", said, re.MULTILINE) == [
        "web",
        "worker",
        "migrate",
        "primary",
        "cache",
        "job-failures",
        "mails",
        "alarms",
    ]
    assert "2 of 2 run, 1.0, deployed " in said
    assert said.endswith("All is well.\n")


def test_a_stack_that_is_not_there_is_said_to_be_missing_and_not_an_error_for_each_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing(tmp_path, monkeypatch, up=False):
        assert groundwork(["status", "dev"]) == FINDINGS
    said = capsys.readouterr().out
    assert set(re.findall(r"^  (\S+)  ", said, re.MULTILINE)) == {"MISSING"}
    assert "Nothing of dev is in account 123456789012, eu-west-1: it is not deployed yet, or" in said


def test_a_half_deployed_stack_says_which_half_is_not_there(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    client("rds").delete_db_instance(DBInstanceIdentifier="shop-database-dev", SkipFinalSnapshot=True)
    client("sqs").delete_queue(QueueUrl=url("shop-mails-queue"))
    client("ecs").delete_service(cluster="shop-dev", service="shop-compute-worker-1a2b3c4", force=True)
    client("ssm").delete_parameter(Name="/shop/dev/jobs/migrate")
    client("cloudwatch").delete_alarms(AlarmNames=["shop-mails-age-0a1b2c3"])
    found = looked(stack)
    assert [one.name for one in found.troubles] == ["worker", "migrate", "primary", "mails", "alarms"]
    assert {one.health for one in found.troubles} == {Health.MISSING}
    assert {one.next for one in found.troubles} == {"pulumi up --stack dev"}


def task(
    code: int | None = None, reason: str = "", stopped: str = "Essential container in task exited"
) -> dict[str, Any]:
    container = {
        "name": "web",
        **({"exitCode": code} if code is not None else {}),
        **({"reason": reason} if reason else {}),
    }
    return {
        "taskArn": "a",
        "stoppedReason": stopped,
        "containers": [container],
        "tags": [{"key": "service", "value": "web"}],
    }


WHY = [
    (
        task(137, "OutOfMemoryError: Container killed due to memory usage"),
        "services.web.memory",
        "raise services.web.memory",
    ),
    (task(127), "services.web.command is not in the image", "correct services.web.command"),
    (task(1), "the program ended", "groundwork logs dev web --since 30m"),
    (
        task(stopped="CannotPullContainerError: pull image manifest has been retried"),
        "is it pushed",
        "groundwork rollback dev web",
    ),
    (
        task(stopped="ResourceInitializationError: unable to pull secrets: AccessDeniedException: no"),
        "may not read a secret",
        "pulumi up --stack dev",
    ),
    (
        task(
            stopped="ResourceInitializationError: unable to retrieve secret: ResourceNotFoundException: no AWSCURRENT"
        ),
        "is the secret filled",
        "put-secret-value",
    ),
    (task(stopped="Task failed ELB health checks in (target-group x)"), "got no 200", "groundwork logs dev web"),
    (task(1, stopped="exec /app: exec format error"), "another architecture", "docker buildx build --platform"),
    (task(stopped="SpotInterruption"), "took the Spot capacity back", "compute.spot"),
]


def test_why_copies_stopped_is_said_in_plain_words_with_what_to_do(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_copies("web", 1)
    for stopped, why, what in WHY:
        monkeypatch.setattr(EcsOperations, "_tasks", lambda *_, tasks=(stopped,), **__: list(tasks))
        found = line(looked(stack), "services", "web")
        assert found.health is Health.UNWELL
        assert why in " ".join(found.why), stopped
        assert what in (found.next or ""), stopped
        assert found.says.startswith("1 of 2 run")


def test_what_stopped_on_purpose_is_no_reason(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    run_copies("web", 1)
    purpose = [task(137, stopped="Scaling activity initiated by (deployment ecs-svc/1)")]
    monkeypatch.setattr(EcsOperations, "_tasks", lambda *_, **__: purpose)
    assert line(looked(stack), "services", "web").why == ("fewer run than are wanted",)


def test_a_deployment_under_way_is_no_trouble_unless_its_copies_fail(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    [deployment] = service("web").deployments
    deployment |= {"rolloutState": "IN_PROGRESS", "runningCount": 1, "desiredCount": 2, "failedTasks": 0}
    found = looked(stack)
    assert line(found, "services", "web").health is Health.CHANGING
    assert line(found, "services", "web").why == ("1 of 2 new copies run, 0 old",)
    assert not found.troubles
    deployment["failedTasks"] = 2
    monkeypatch.setattr(EcsOperations, "_tasks", lambda *_, **__: [task(1)])
    assert line(looked(stack), "services", "web").health is Health.UNWELL


def test_a_failed_deployment_offers_the_way_back(stack: Stack) -> None:
    [deployment] = service("web").deployments
    deployment |= {
        "rolloutState": "FAILED",
        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.",
    }
    found = line(looked(stack), "services", "web")
    assert (found.why, found.next) == (
        ("ECS deployment circuit breaker: tasks failed to start.",),
        "groundwork rollback dev web",
    )


def test_what_ecs_said_before_it_was_steady_is_past(stack: Stack) -> None:
    def event(minute: int, message: str) -> dict[str, Any]:
        return {"id": str(minute), "createdAt": NOW.replace(minute=minute), "message": message}

    service("web").events[:] = [
        event(2, "(service web) was unable to place a task because no container instance met all of its requirements."),
        event(1, "(service web) has reached a steady state."),
        event(0, "(service web) was unable to place a task. It is long ago."),
    ]
    run_copies("web", 1)
    found = line(looked(stack), "services", "web")
    assert found.facts["events"] == [service("web").events[0]["message"]]
    assert "no instance has room for another copy" in found.why[0]


def test_a_service_that_stands_still_is_stopped_outside_its_hours_and_a_trouble_within_them(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_copies("web", 0, wanted=0)
    assert line(looked(stack), "services", "web").next == "groundwork hours dev start"
    monkeypatch.setattr(services, "is_open", lambda *_: False)
    assert line(looked(stack), "services", "web").health is Health.STOPPED


def test_a_job_is_said_by_how_its_last_run_ended(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(**facts: Any) -> StatusLine:
        tasks = {"STOPPED": [facts], "RUNNING": []} if "stoppedAt" in facts else {"STOPPED": [], "RUNNING": [facts]}
        monkeypatch.setattr(EcsOperations, "_tasks", lambda *_, **which: tasks[which["desiredStatus"]])
        return line(looked(stack), "jobs", "migrate")

    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
    ended = ran(stoppedAt=at, containers=[{"name": "migrate", "exitCode": 0}])
    assert (ended.health, ended.says) == (Health.WELL, "ended with 0, 5 min ago")
    assert ran(startedAt=at).health is Health.CHANGING
    failed = ran(
        stoppedAt=at,
        containers=[{"name": "migrate", "exitCode": 127}],
        tags=[{"key": "service", "value": "migrate"}],
    )
    assert failed.health is Health.UNWELL
    assert "jobs.migrate.command is not in the image" in failed.why[0]


def test_a_job_whose_end_ecs_has_forgotten_is_dated_by_its_log(stack: Stack) -> None:
    logs, group = client("logs"), "/shop/dev/services/migrate"
    logs.create_log_stream(logGroupName=group, logStreamName="migrate/migrate/1")
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=3)
    events = [{"timestamp": int(then.timestamp() * 1000), "message": "done"}]
    logs.put_log_events(logGroupName=group, logStreamName="migrate/migrate/1", logEvents=events)
    assert line(looked(stack), "jobs", "migrate").says == "ran; how it ended is known for an hour, 3 h ago"


def test_messages_that_failed_are_somebodys_to_redrive_or_to_read(stack: Stack) -> None:
    client("sqs").send_message(QueueUrl=url("shop-mails-queue"), MessageBody="waiting")
    for name in ("shop-mails-dead-letters", "shop-compute-job-failures"):
        client("sqs").send_message(QueueUrl=url(name), MessageBody="failed")
    found = looked(stack)
    mails, failures = line(found, "queues", "mails"), line(found, "queues", "job-failures")
    assert (mails.says, mails.next) == ("1 waiting, 0 in work, 1 dead", "groundwork redrive dev mails")
    assert (failures.next or "").startswith("aws sqs receive-message --region eu-west-1 ")
    assert (failures.next or "").endswith("/123456789012/shop-compute-job-failures-0a1b2c3")


def test_an_alarm_that_rings_says_for_how_long_what_it_means_and_what_to_do(stack: Stack) -> None:
    for name in ("shop-compute-web-errors", "shop-mails-dead-letters", "shop-database-primary-cpu"):
        ring(name)
    found = looked(stack)
    assert {one.name: one.next for one in found.troubles} == {
        "compute-web-errors": "groundwork logs dev web --since 1h",
        "mails-dead-letters": "groundwork redrive dev mails",
        "database-primary-cpu": "aws cloudwatch describe-alarm-history --region eu-west-1 "
        "--alarm-name shop-database-primary-cpu-0a1b2c3",
    }
    assert line(found, "alarms", "compute-web-errors").why[0].startswith("web has answered more than 10 requests")
    assert line(found, "alarms", "alarms").says == "26 there, 3 ring, 0 without data"


def test_another_stages_alarm_of_the_same_name_is_not_this_stacks(stack: Stack) -> None:
    tags = [{"Key": key, "Value": value} for key, value in (("platform", "shop"), ("stage", "prod"))]
    client("cloudwatch").put_metric_alarm(
        AlarmName="shop-compute-web-errors-9999999",
        Namespace="Test",
        MetricName="Test",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Tags=[*tags, {"Key": "Name", "Value": "shop-compute-web-errors"}],
    )
    client("cloudwatch").set_alarm_state(
        AlarmName="shop-compute-web-errors-9999999", StateValue="ALARM", StateReason="prod's"
    )
    assert not looked(stack).troubles


def test_alarms_of_scaling_and_alarms_outside_the_hours_wake_nobody(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaling: Any = SimpleNamespace(inputs={"alarmActions": ["arn:aws:autoscaling:eu-west-1:1:scalingPolicy:x"]})
    assert not alarms._tells(scaling)
    ring("shop-compute-web-tasks")
    monkeypatch.setattr(alarms, "is_open", lambda *_: False)
    found = looked(stack)
    assert line(found, "alarms", "compute-web-tasks").health is Health.STOPPED
    assert not found.troubles


def database(**facts: Any) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": "shop-database-dev",
        "DBInstanceStatus": "available",
        "DBInstanceClass": "db.t4g.micro",
        **facts,
    }


def test_a_database_is_well_on_its_way_stopped_or_says_what_to_do(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = {
        state: stores._database(stack[0], "primary", database(DBInstanceStatus=state), NOW)
        for state in (
            "available",
            "backing-up",
            "modifying",
            "storage-full",
            "inaccessible-encryption-credentials",
            "stopped",
        )
    }
    assert [one.health.value for one in judged.values()] == [
        "well",
        "changing",
        "changing",
        "unwell",
        "unwell",
        "unwell",
    ]
    assert judged["storage-full"].next == "raise data.max_storage, then pulumi up --stack dev"
    assert judged["stopped"].next == "groundwork hours dev start"
    monkeypatch.setattr(stores, "is_open", lambda *_: False)
    assert stores._database(stack[0], "primary", database(DBInstanceStatus="stopped"), NOW).health is Health.STOPPED
    pending = stores._database(
        stack[0], "primary", database(PendingModifiedValues={"DBInstanceClass": "db.m7g.large"}), NOW
    )
    assert pending.why == ("changes wait for the maintenance window: DBInstanceClass",)


def declared(type_: str, **inputs: Any) -> Resource:
    return Resource(f"urn:{type_}", type_, "shop-x", custom=True, parent=None, inputs=inputs, outputs={})


def own_of(stack: Stack, *resources: Resource, arn: str | None = None) -> Any:
    return SimpleNamespace(
        account=stack[0],
        of_type=lambda *types: [one for one in resources if one.type in types],
        arn=lambda _: arn,
        snapshot=stack[1],
    )


def test_proxy_cache_and_search_are_judged_by_their_own_words(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = declared("aws:rds/proxy:Proxy", name="p")
    gone = {"State": "UNAVAILABLE", "Reason": "AUTH_FAILURE", "Description": "the secret is wrong"}
    for health, told in (
        (Health.UNWELL, gone),
        (Health.CHANGING, {"State": "REGISTERING"}),
        (Health.WELL, {"State": "AVAILABLE"}),
    ):
        rds = Script(describe_db_proxy_targets={"Targets": [{"TargetHealth": told}]})
        standing_in(monkeypatch, rds=rds)
        assert [one.health for one in stores.database_lines(own_of(stack, proxy), NOW)] == [health]
    domains = declared("aws:opensearch/domain:Domain", domainName="d")
    for health, status in ((Health.WELL, "Active"), (Health.CHANGING, "Modifying"), (Health.UNWELL, "Isolated")):
        standing_in(
            monkeypatch, opensearch=Script(describe_domain={"DomainStatus": {"DomainProcessingStatus": status}})
        )
        assert [one.health for one in stores.search_lines(own_of(stack, domains))] == [health]
    group = declared("aws:elasticache/replicationGroup:ReplicationGroup", replicationGroupId="c")
    for health, status in (
        (Health.WELL, "available"),
        (Health.CHANGING, "snapshotting"),
        (Health.UNWELL, "create-failed"),
    ):
        found = {"ReplicationGroups": [{"Status": status, "MemberClusters": ["c-1"], "CacheNodeType": "t"}]}
        standing_in(monkeypatch, elasticache=Script(describe_replication_groups=found))
        assert [one.health for one in stores.cache_lines(own_of(stack, group))] == [health]


def test_a_load_balancers_reason_to_send_nothing_is_said_of_the_service(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "codes: [503]"}
    asked = Script(describe_target_health={"TargetHealthDescriptions": [{"TargetHealth": sick}] * 2})
    standing_in(monkeypatch, elbv2=asked)
    resources = find_resources(*stack)
    [group] = resources.of_type("aws:lb/targetGroup:TargetGroup")
    there = own_of(stack, group, arn="arn:group")
    assert services._targets(there)["web"][0].text == (
        "2 get no requests: Target.ResponseCodeMismatch: codes: [503] (it answers the health check, but not with 200: services.web.health)"
    )


def test_certificates_are_judged_by_their_state_and_their_end(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = declared("aws:acm/certificate:Certificate", domainName="shop.example.com", region="us-east-1")
    cases = {
        Health.WELL: {"Status": "ISSUED", "NotAfter": NOW + datetime.timedelta(days=200)},
        Health.UNWELL: {"Status": "ISSUED", "NotAfter": NOW + datetime.timedelta(days=20)},
    }
    for health, told in cases.items():
        standing_in(monkeypatch, acm=Script(describe_certificate={"Certificate": told}))
        assert [one.health for one in domain.certificate_lines(own_of(stack, certificate, arn="a"), NOW)] == [health]
    for status in ("PENDING_VALIDATION", "VALIDATION_TIMED_OUT", "EXPIRED"):
        standing_in(monkeypatch, acm=Script(describe_certificate={"Certificate": {"Status": status}}))
        [one] = domain.certificate_lines(own_of(stack, certificate, arn="a"), NOW)
        assert (one.health, one.next) == (Health.UNWELL, "groundwork domain dev")
    assert [one.health for one in domain.certificate_lines(own_of(stack, certificate), NOW)] == [Health.MISSING]


def test_the_zone_is_delegated_or_not_and_dns_may_be_silent(stack: Stack) -> None:
    zone = declared("aws:route53/zone:Zone", name="shop.example.com", comment="shop dev")
    assert [one.health for one in domain.zone_lines(own_of(stack, zone), _delegated)] == [Health.MISSING]
    config = {"Comment": "shop dev", "PrivateZone": False}
    client("route53").create_hosted_zone(Name="shop.example.com", CallerReference="1", HostedZoneConfig=config)
    assert [one.health for one in domain.zone_lines(own_of(stack, zone), _delegated)] == [Health.WELL]
    [lost] = domain.zone_lines(own_of(stack, zone), lambda name, wanted: _delegated(name, ["elsewhere"]))
    assert (lost.health, (lost.next or "").startswith("groundwork domain dev --name-server ns-")) == (
        Health.UNWELL,
        True,
    )

    def silent(*_: Any) -> Delegation:
        raise dns.exception.Timeout

    assert [one.health for one in domain.zone_lines(own_of(stack, zone), silent)] == [Health.UNKNOWN]


def _delegated(name: str, wanted: Any) -> Delegation:
    servers = frozenset(wanted)
    return Delegation(name, servers, "example.com", servers if servers != {"elsewhere"} else frozenset(), frozenset())


def test_the_days_cost_is_asked_only_when_wanted_and_says_that_it_costs(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def day(amount: str, *keys: str) -> dict[str, Any]:
        return {"Groups": [{"Keys": list(keys), "Metrics": {"UnblendedCost": {"Amount": amount}}}]}

    explorer = Script(
        get_cost_and_usage={
            "ResultsByTime": [day("12.345", "platform$shop", "stage$dev"), day("3", "platform$", "stage$")]
        }
    )
    standing_in(monkeypatch, ce=explorer)
    assert groundwork(["status", "dev"]) == FINE
    assert not explorer.asked
    assert groundwork(["status", "dev", "--cost"]) == FINE
    said = capsys.readouterr().out
    assert "$12.35 yesterday, $0.00 today so far" in said or "$12.34 yesterday, $0.00 today so far" in said
    assert "Cost Explorer charges $0.01" in said
    assert groundwork(["status", "dev", "--cost", "--watch"]) == 2


def test_what_one_question_is_refused_leaves_the_others(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(monkeypatch, "DescribeDBInstances", "AccessDenied", "not authorized to perform: rds:DescribeDBInstances")
    assert groundwork(["status", "dev"]) == FINDINGS
    said = capsys.readouterr().out
    assert re.findall(r"^  UNKNOWN +(\S+)", said, re.MULTILINE) == ["data"]
    assert "rds:DescribeDBInstances" in said
    assert "  well      web" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredTokenException", "the credentials have expired; sign in"),
        ("UnrecognizedClientException", "AWS does not know the credentials"),
    ],
)
def test_credentials_that_nobody_takes_end_it_at_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: str, said: str
) -> None:
    asked = refused(monkeypatch, "GetResources", code, "no")
    assert groundwork(["status", "dev"]) == FINDINGS
    printed = capsys.readouterr()
    assert said in printed.err
    assert not printed.out
    assert asked == ["GetCallerIdentity", "GetResources"]


def test_a_dead_network_ends_it_at_once_and_throttling_is_said(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(monkeypatch, "DescribeReplicationGroups", "Throttling", "Rate exceeded")
    assert "too many requests" in line(looked(stack), "cache", "cache").why[0]
    asked: list[str] = []

    def dead(self: Any, operation: str, arguments: Any) -> Any:
        asked.append(operation)
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="https://x")

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", dead)
    with pytest.raises(UnreachableError, match="is there a network"):
        looked(stack)
    assert len(asked) == 1


def refused(monkeypatch: pytest.MonkeyPatch, operation: str, code: str, message: str) -> list[str]:
    """Have AWS refuse one operation, and return what it is asked."""
    call = botocore.client.BaseClient._make_api_call
    asked: list[str] = []

    def answer(self: Any, name: str, arguments: Any) -> Any:
        asked.append(name)
        if name == operation:
            raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, name)
        return call(self, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
    return asked


def test_what_is_asked_of_the_account_is_what_the_table_says(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    run_copies("web", 1)
    asked = asked_actions(monkeypatch)
    looked(stack)
    assert asked == permitted("status", "fargate", "data", "cache", "messaging", "jobs") - {
        # No copy of it has stopped, and there is no proxy.
        "ecs:DescribeTasks",
        "rds:DescribeDBProxyTargets",
    }


def test_every_permission_in_the_table_is_an_action_that_aws_has() -> None:
    actions = [action for command in permissions.all_commands() for action in permissions.actions(command)]
    assert actions
    for action in actions:
        prefix, _, name = action.partition(":")
        known = iam_service(prefix)
        assert known is not None, action
        assert name.lower() in known.actions, action


def test_programs_read_the_same_as_json(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    client("sqs").send_message(QueueUrl=url("shop-mails-dead-letters"), MessageBody="failed")
    assert groundwork(["status", "dev", "--json"]) == FINDINGS
    said = json.loads(capsys.readouterr().out)
    assert (said["healthy"], said["stack"]) == (False, "dev")
    assert {one["name"]: one["running"] for one in said["services"]} == {"web": 2, "worker": 2}
    assert next(one for one in said["queues"] if one["name"] == "mails")["dead"] == 1


def test_it_is_read_at_80_columns_and_without_colour(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("shop-compute-web-errors", "shop-database-primary-cpu"):
        ring(name)
    client("sqs").send_message(QueueUrl=url("shop-compute-job-failures"), MessageBody="failed")
    groundwork(["status", "dev"])
    said = capsys.readouterr().out
    long = [one for one in said.splitlines() if len(one) > 80 and "--queue-url" not in one and "https://" not in one]
    assert not long
    assert "\x1b" not in said
    assert said.count("UNWELL") == 3
    assert said.count("Next: ") == 3


def test_a_long_name_of_a_stack_has_a_line_of_its_own() -> None:
    found = Status("examples/mini-facebook/prod", "account 123456789012, us-west-2", NOW, ())
    first, second, *_ = (text.plain for text in status_text.lines(found, 80))
    assert (first, second) == ("examples/mini-facebook/prod", "account 123456789012, us-west-2, 2026-11-28 12:00 UTC")


def test_watching_looks_again_until_it_is_left(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("groundwork.cli.looking.time.sleep", sleep)
    assert groundwork(["status", "dev", "--watch"]) == 130
    assert capsys.readouterr().out.count("All is well.") == 2


def test_nothing_unwell_is_said_without_what_to_do_next() -> None:
    with pytest.raises(ValueError, match="nobody is told what to do"):
        StatusLine("x", Health.UNWELL, "broken")


def test_every_meaning_has_a_source_can_be_reached_and_names_what_to_do() -> None:
    for subject in ("stopped", "targets", "database", "cache", "certificate", "app_runner"):
        rows = meanings.meanings(subject)
        for at, row in enumerate(rows):
            filled = row.filled(stack="dev", service="web", layer="services")
            assert row.source.startswith("https://"), row
            assert "{" not in filled.means + filled.next, row
            # A row whose words stand in those of one before it is never reached.
            assert not [one.says for one in rows[:at] if one.says in row.says], row


@pytest.mark.parametrize(
    ("subject", "service", "shape", "well"),
    [
        ("certificate", "acm", "CertificateStatus", {"PENDING_VALIDATION", "ISSUED"}),
        ("app_runner", "apprunner", "ServiceStatus", {"RUNNING", "PAUSED", "OPERATION_IN_PROGRESS"}),
    ],
)
def test_every_status_of_awss_model_is_well_on_its_way_or_has_a_meaning(
    subject: str, service: str, shape: str, well: set[str]
) -> None:
    model = botocore.session.get_session().get_service_model(service)
    assert {row.says for row in meanings.meanings(subject)} | well == set(model.shape_for(shape).enum)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("(service web) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.", "quota"),
        ("(service web) was unable to place a task because no container instance met all of its requirements.", "no instance"),
        ("ResourceInitializationError: There is a connection issue between the task and Amazon ECR.", "no way"),
        ("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes", "file system"),
        ("ResourceInitializationError: unable to pull secrets or registry auth", "secret filled"),
    ],
)  # fmt: skip
def test_what_ecs_says_alike_means_different_things(said: str, means: str) -> None:
    found = meanings.meaning_of("stopped", said)
    assert found
    assert means in found.means


def test_a_database_whose_upgrade_failed_is_not_told_to_be_beyond_repair() -> None:
    found = meanings.meaning_of("database", "upgrade-failed")
    assert found
    assert "data.version" in found.next


def test_a_task_of_which_ecs_says_nothing_gives_no_reason() -> None:
    assert stop_explained({"containers": []}, "dev").text == ""
