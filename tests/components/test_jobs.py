"""Jobs: before a deployment, by a schedule, by hand; and services that share an image."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from groundwork.settings.loading import find_stack
from groundwork.settings.recurrence import calendar
from tests.stacks import ROOT, run_found
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import write_project

CRON_JOB = "kubernetes:batch/v1:CronJob"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
PARAMETER = "aws:ssm/parameter:Parameter"
SCHEDULE = "aws:scheduler/schedule:Schedule"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"

ENGINES = {
    "fargate": "fargate",
    "ecs-ec2": "ecs-ec2, instances: {class: m7g.large, max: 10}",
    "eks": "eks, kubernetes: {nodes: {general: {max: 10}}}",
    "ec2": "ec2, instances: {class: m7g.large, min: 1, max: 1}",
}

DJANGO = """
    aws:region: eu-central-1
    groundwork:platform: {{name: shop, stage: dev, phase: launch, timezone: Europe/Berlin}}
    groundwork:compute: {{engine: {engine}}}
    groundwork:services:
      api: {{port: 8080, path: "/*", connections: 4, cpu: 512, memory: 1024, uses: {{database: connect, app: read}}}}
      worker: {{image: {{from: api}}, command: [celery, worker], connections: 4, uses: {{database: connect}}}}
      beat: {{image: {{from: worker}}, command: [celery, beat], singleton: true}}
    groundwork:jobs:
      migrate: {{image: {{from: api}}, command: [python, manage.py, migrate], when: before_deploy}}
      nightly:
        image: {{from: api}}
        command: [python, manage.py, clearsessions]
        schedule: {{cron: "0 3 ? * MON-FRI *", timezone: Asia/Kathmandu}}
        uses: {{}}
        environment: {{DRY_RUN: "no"}}
        memory: 2048
      reports: {{image: {{from: beat}}, command: [python, report.py], schedule: "0/15 * * * ? *"}}
      reindex: {{image: {{from: api}}, command: [python, manage.py, reindex]}}
    groundwork:secrets: {{app: {{keys: [SESSION_SECRET]}}}}
"""


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The application on an engine, before its first image and with it."""

    @cache
    def on(engine: str, delivered: bool = True) -> Snapshot:
        folder = write_project(tmp_path_factory.mktemp(engine), DJANGO.format(engine=ENGINES[engine]), main=str(ROOT))
        stack = find_stack("dev", folder)
        return run_found(stack, delivered=delivered)

    return on


def one(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == f"shop-compute-{name}"]
    return found


def container(snapshot: Snapshot, name: str) -> dict[str, Any]:
    [definition] = json.loads(one(snapshot, TASK, name).inputs["containerDefinitions"])
    return dict(definition)


def statements(snapshot: Snapshot, name: str) -> dict[str, dict[str, Any]]:
    document = json.loads(one(snapshot, "aws:iam/rolePolicy:RolePolicy", name).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_services_that_share_an_image_have_one_repository_one_parameter_and_commands_of_their_own(django: Any) -> None:
    snapshot = django("fargate")
    assert [resource.name for resource in snapshot.of_type("aws:ecr/repository:Repository")] == ["shop-compute-api"]
    images = [r for r in snapshot.of_type(PARAMETER) if "/services/images/" in r.inputs["name"]]
    assert [parameter.inputs["name"] for parameter in images] == ["/shop/dev/services/images/api"]
    names = ("api", "worker", "beat", "migrate", "nightly", "reports", "reindex")
    assert len({container(snapshot, name)["image"] for name in names}) == 1
    assert container(snapshot, "worker")["command"] == ["celery", "worker"]
    assert container(snapshot, "beat")["command"] == ["celery", "beat"]
    # Each may pull it.
    repository = one(snapshot, "aws:ecr/repository:Repository", "api").outputs["arn"]
    assert {tuple(statements(snapshot, f"{name}-execution")["Pull"]["Resource"]) for name in names} == {(repository,)}


def test_before_the_first_image_services_stand_in_and_jobs_wait(django: Any) -> None:
    first, later = django("fargate", False), django("fargate")
    assert "placeholder" in container(first, "api")["command"]
    assert (
        container(first, "worker")["image"] == container(first, "migrate")["image"] == container(first, "api")["image"]
    )
    # A job is whole from the first update on, so that whoever delivers the first image can run it.
    assert container(first, "migrate")["command"] == ["python", "manage.py", "migrate"]
    assert container(first, "migrate")["secrets"] == container(later, "migrate")["secrets"] != []
    assert one(first, SCHEDULE, "nightly").inputs["state"] == "DISABLED"
    assert one(later, SCHEDULE, "nightly").inputs["state"] == "ENABLED"
    assert [resource.urn for resource in first.resources] == [resource.urn for resource in later.resources]


def test_a_singleton_never_runs_twice(django: Any) -> None:
    beat, worker = (one(django("fargate"), SERVICE, name).inputs for name in ("beat", "worker"))
    assert (beat["deploymentMinimumHealthyPercent"], beat["deploymentMaximumPercent"], beat["desiredCount"]) == (
        0,
        100,
        1,
    )
    # ECS refuses rebalancing where no copy may be added.
    assert beat["availabilityZoneRebalancing"] == "DISABLED"
    assert (worker["deploymentMinimumHealthyPercent"], worker["deploymentMaximumPercent"]) == (100, 200)
    scaled = [target.inputs["resourceId"] for target in django("fargate").of_type("aws:appautoscaling/target:Target")]
    assert scaled
    assert not any("beat" in target for target in scaled)


def test_a_job_is_what_its_service_is_but_for_what_it_says(django: Any) -> None:
    snapshot = django("fargate")
    api, migrate, nightly = (one(snapshot, TASK, name).inputs for name in ("api", "migrate", "nightly"))
    assert (migrate["cpu"], migrate["memory"]) == (api["cpu"], api["memory"]) == ("512", "1024")
    assert (nightly["cpu"], nightly["memory"]) == ("512", "2048")
    api_secrets = {secret["name"] for secret in container(snapshot, "api")["secrets"]}
    assert {secret["name"] for secret in container(snapshot, "migrate")["secrets"]} == api_secrets != set()
    assert container(snapshot, "nightly")["secrets"] == []
    assert container(snapshot, "nightly")["environment"] == [{"name": "DRY_RUN", "value": "no"}]
    # One connection: it is no server.
    told = {item["name"]: item["value"] for item in container(snapshot, "migrate")["environment"]}
    assert told["DATABASE_POOL_SIZE"] == "1"
    assert "PORT" not in told
    # What uses open to it is opened to its own group, and to nobody's who says uses: {}.
    rules = [rule.name for rule in snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    assert "shop-compute-migrate-database" in rules
    assert "shop-compute-nightly-database" not in rules
    for name in ("migrate", "nightly"):
        definition = container(snapshot, name)
        assert definition["readonlyRootFilesystem"]
        assert definition["user"] == "1000:1000"
        assert definition["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
        assert definition["logConfiguration"]["options"]["awslogs-group"] == f"/shop/dev/services/{name}"


def test_a_schedule_starts_the_newest_revision_in_its_time_zone_and_may_do_nothing_else(django: Any) -> None:
    snapshot = django("fargate")
    schedule = one(snapshot, SCHEDULE, "nightly").inputs
    assert schedule["scheduleExpression"] == "cron(0 3 ? * MON-FRI *)"
    assert schedule["scheduleExpressionTimezone"] == "Asia/Kathmandu"
    assert one(snapshot, SCHEDULE, "reports").inputs["scheduleExpressionTimezone"] == "Europe/Berlin"
    target = schedule["target"]
    task = target["ecsParameters"]
    definition = one(snapshot, TASK, "nightly")
    assert task["taskDefinitionArn"] == definition.outputs["arnWithoutRevision"]
    assert not re.search(r":\d+$", task["taskDefinitionArn"])
    assert task["networkConfiguration"]["assignPublicIp"] is False
    group = one(snapshot, "aws:ec2/securityGroup:SecurityGroup", "nightly").outputs["id"]
    assert task["networkConfiguration"]["securityGroups"] == [group]
    service = one(snapshot, SERVICE, "api").inputs["networkConfiguration"]
    assert task["networkConfiguration"]["subnets"] == service["subnets"]
    queue = one(snapshot, "aws:sqs/queue:Queue", "job-failures").outputs["arn"]
    assert target["deadLetterConfig"]["arn"] == queue
    allowed = statements(snapshot, "nightly-schedule")
    cluster = one(snapshot, "aws:ecs/cluster:Cluster", "cluster").outputs["arn"]
    assert allowed["RunTask"]["Resource"] == [f"{definition.outputs['arnWithoutRevision']}:*"]
    assert allowed["RunTask"]["Condition"] == {"ArnEquals": {"ecs:cluster": cluster}}
    roles = {definition.inputs["taskRoleArn"], definition.inputs["executionRoleArn"]}
    assert set(allowed["PassRoles"]["Resource"]) == roles
    assert allowed["PassRoles"]["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


def test_a_job_that_fails_is_seen_whoever_started_it(django: Any) -> None:
    snapshot = django("fargate")
    pattern = json.loads(one(snapshot, "aws:cloudwatch/eventRule:EventRule", "job-failures").inputs["eventPattern"])
    detail = pattern["detail"]
    families = {f"family:shop-dev-{name}" for name in ("migrate", "nightly", "reports", "reindex")}
    assert set(detail["group"]) == families
    assert {"containers": {"exitCode": [{"anything-but": 0}]}} in detail["$or"]
    assert {"stopCode": ["TaskFailedToStart"]} in detail["$or"]
    queue = one(snapshot, "aws:sqs/queue:Queue", "job-failures")
    assert one(snapshot, "aws:cloudwatch/eventTarget:EventTarget", "job-failures").inputs["arn"] == queue.outputs["arn"]
    alarm = one(snapshot, "aws:cloudwatch/metricAlarm:MetricAlarm", "job-failures").inputs
    assert alarm["dimensions"] == {"QueueName": queue.outputs["name"]}
    assert (alarm["threshold"], alarm["evaluationPeriods"]) == (0, 1)
    policy = json.loads(one(snapshot, "aws:sqs/queuePolicy:QueuePolicy", "job-failures").inputs["policy"])
    senders = [s["Principal"] for s in policy["Statement"] if s["Effect"] == "Allow"]
    assert senders == [{"Service": "events.amazonaws.com"}]


def test_whoever_runs_a_job_finds_in_parameter_store_what_run_task_takes(django: Any) -> None:
    snapshot = django("fargate")
    kept = {
        r.inputs["name"]: r.inputs["insecureValue"] for r in snapshot.of_type(PARAMETER) if "/jobs/" in r.inputs["name"]
    }
    assert set(kept) == {f"/shop/dev/jobs/{name}" for name in ("migrate", "nightly", "reports", "reindex")}
    migrate = json.loads(kept["/shop/dev/jobs/migrate"])
    assert migrate == {
        "when": "before_deploy",
        "image": "api",
        "timeout": 3600,
        "logGroup": "/shop/dev/services/migrate",
        "container": "migrate",
        "cluster": "shop-dev",
        "taskDefinition": "shop-dev-migrate",
        "subnets": one(snapshot, SERVICE, "api").inputs["networkConfiguration"]["subnets"],
        "securityGroups": [one(snapshot, "aws:ec2/securityGroup:SecurityGroup", "migrate").outputs["id"]],
        "capacityProvider": "FARGATE",
    }
    assert json.loads(kept["/shop/dev/jobs/reports"])["image"] == "api"


def test_on_kubernetes_a_job_is_a_cron_job_that_waits_where_it_has_no_schedule(django: Any) -> None:
    first, later = django("eks", False), django("eks")
    jobs = {job.inputs["metadata"]["name"]: job.inputs["spec"] for job in later.of_type(CRON_JOB)}
    assert {name: (spec["suspend"], spec["schedule"], spec["timeZone"]) for name, spec in jobs.items()} == {
        "migrate": (True, "0 0 1 1 *", "Europe/Berlin"),
        "nightly": (False, "0 3 * * MON-FRI", "Asia/Kathmandu"),
        "reports": (False, "0-59/15 * * * *", "Europe/Berlin"),
        "reindex": (True, "0 0 1 1 *", "Europe/Berlin"),
    }
    assert all(job.inputs["spec"]["suspend"] for job in first.of_type(CRON_JOB))
    migrate = jobs["migrate"]["jobTemplate"]["spec"]
    assert (migrate["backoffLimit"], migrate["activeDeadlineSeconds"]) == (0, 3600)
    pod = migrate["template"]["spec"]
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("Never", "migrate")
    [container] = pod["containers"]
    assert container["args"] == ["python", "manage.py", "migrate"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {"livenessProbe", "readinessProbe", "ports"}.isdisjoint(container)
    # What uses open is open to it: the database and, since it is no service on ECS, services too.
    policies = {policy.inputs["metadata"]["name"] for policy in later.of_type(NETWORK_POLICY)}
    assert {"migrate", "nightly", "reports", "reindex"} <= policies
    deployments = {d.inputs["metadata"]["name"]: d.inputs["spec"] for d in later.of_type(DEPLOYMENT)}
    assert deployments["beat"]["strategy"] == {"type": "Recreate"}
    assert deployments["beat"]["replicas"] == 1
    assert deployments["worker"]["strategy"]["type"] == "RollingUpdate"
    alarm = one(later, "aws:cloudwatch/metricAlarm:MetricAlarm", "job-failures").inputs
    assert alarm["metricName"] == "pod_status_failed"


def test_on_instances_a_job_is_a_unit_of_systemd_with_a_timer_where_it_has_a_schedule(django: Any) -> None:
    snapshot = django("ec2")
    declared = {
        r.inputs["name"].rpartition("/")[2]: json.loads(r.inputs["insecureValue"])
        for r in snapshot.of_type(PARAMETER)
        if "/services/declarations/" in r.inputs["name"]
    }
    assert {name: one["image"] for name, one in declared.items()} == dict.fromkeys(declared, "api")
    assert declared["migrate"]["job"] == {"timeout": 3600, "retries": 0}
    assert declared["nightly"]["job"] == {"timeout": None, "retries": 0}
    assert declared["worker"]["job"] is None
    [template] = snapshot.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    text = base64.b64decode(template.inputs["userData"]).decode()
    files = {item["path"].rpartition("/")[2]: item["content"] for item in yaml.safe_load(text)["write_files"]}
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 3:0:00 Asia/Kathmandu\n" in files["groundwork-job@nightly.timer"]
    assert "OnCalendar=*-*-* *:0..59/15:00 Europe/Berlin\n" in files["groundwork-job@reports.timer"]
    assert "Type=oneshot" in files["groundwork-job@.service"]
    assert "groundwork-job@migrate.timer" not in files
    assert "groundwork-job@nightly.timer" in files["environment"]
    assert "groundwork@migrate" not in files["environment"]
    alarm = one(snapshot, "aws:cloudwatch/metricAlarm:MetricAlarm", "job-failures").inputs
    assert (alarm["metricName"], alarm["statistic"]) == ("FailedJobs", "Sum")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_reads_every_calendar_as_the_cron_means_it() -> None:
    meant = {
        "0 3 * * ? *": "*-*-* 03:00:00",
        "0/15 8-18 ? * MON-FRI *": "Mon..Fri *-*-* 08..18:00..45/15:00",
        "30 6,18 1 JAN,JUL ? *": "*-01,07-01 06,18:30:00",
        "0 0 1/2 * ? *": "*-*-01..31/2 00:00:00",
        "5 4 ? * 1,7 *": "Sat,Sun *-*-* 04:05:00",
        "5 4 ? * SUN *": "Sun *-*-* 04:05:00",
        "0 */6 * 2-4 ? *": "*-02..04-* 00/6:00:00",
        "0 0 ? * 2-6/2 *": "Mon,Wed,Fri *-*-* 00:00:00",
    }
    for cron, expected in meant.items():
        said = calendar(cron, "Asia/Kathmandu")
        assert said is not None
        shown = subprocess.run(["systemd-analyze", "calendar", said], capture_output=True, text=True, check=True).stdout
        assert f"{expected} Asia/Kathmandu" in shown, shown
    assert calendar("0 0 L * ? *", "UTC") is None


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_the_guardrails_find_nothing_against_jobs(engine: str, django: Any) -> None:
    verdict = judge(django(engine), TODAY)
    own = [
        (finding.rule.name, finding.resource.name)
        for finding in verdict.findings
        if re.search("migrate|nightly|reports|reindex|job", finding.resource.name)
    ]
    # What cannot be delivered to the queue of failures has no other queue.
    assert own == ([("event-failures-kept", "shop-compute-job-failures")] if engine in ("fargate", "ecs-ec2") else [])
