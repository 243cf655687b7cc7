"""A stack that stands in a stand-in account: what ``status`` and its like ask about, made of the snapshot with names of its own, as Pulumi
chooses other ones than a preview does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from groundwork.cli import running
from groundwork.operations.account import StackAccount, open_account
from groundwork.settings.loading import find_stack
from tests.operations.shop import ACCOUNT, REGION, REPOSITORY, account, client, open_for_business, service
from tests.stacks import run_found

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource, Snapshot

STACK_FILE = f"""\
config:
  aws:region: {REGION}
  groundwork:platform: {{name: shop, stage: dev}}
  groundwork:network: {{cidr: 10.0.0.0/16}}
  groundwork:compute: {{engine: fargate, exec: true}}
  groundwork:services:
    web: {{port: 8080, path: "/*", uses: {{database: connect}}}}
    worker: {{uses: {{mails: consume, database: connect}}}}
  groundwork:jobs:
    migrate: {{image: {{from: web}}, command: [migrate], when: before_deploy}}
  groundwork:data: {{}}
  groundwork:cache: {{}}
  groundwork:messaging: {{queues: {{mails: {{}}}}}}
  groundwork:observability: {{alerts: {{page: {{emails: [shop@example.com]}}}}}}
"""

SUFFIX = "0a1b2c3"
"""Of what Pulumi names; a preview has others."""


def stand_up(snapshot: Snapshot) -> None:
    """Make what a stack's program declares of queues, databases, caches, alarms and jobs, and run its services."""
    open_for_business(f"{REPOSITORY}:1.0")
    makers = {
        "aws:sqs/queue:Queue": _queue,
        "aws:rds/instance:Instance": _database,
        "aws:elasticache/replicationGroup:ReplicationGroup": _cache,
        "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
        "aws:cloudwatch/compositeAlarm:CompositeAlarm": _alarm,
    }
    for resource in snapshot.resources:
        if resource.type in makers:
            makers[resource.type](resource)
    _jobs(snapshot.settings["jobs"])
    for name in ("web", "worker"):
        run_copies(name, 2)


def run_copies(name: str, count: int, *, wanted: int = 2) -> None:
    """Have some of a service's copies run."""
    found = service(name)
    found.desired_count, found.running_count, found.pending_count = wanted, count, 0


def _tags(resource: Resource) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in resource.inputs["tags"].items()]


def _queue(resource: Resource) -> None:
    client("sqs").create_queue(QueueName=f"{resource.name}-{SUFFIX}", tags=resource.inputs["tags"])


def _database(resource: Resource) -> None:
    given = resource.inputs
    client("rds").create_db_instance(
        DBInstanceIdentifier=given["identifier"],
        DBInstanceClass=given["instanceClass"],
        Engine="postgres",
        EngineVersion="17.2",
        AllocatedStorage=20,
        MasterUsername="groundwork",
        ManageMasterUserPassword=True,
        # Without one the stand-in would make a whole VPC for it.
        VpcSecurityGroupIds=["sg-1"],
        MultiAZ=bool(given.get("multiAz")),
        BackupRetentionPeriod=given.get("backupRetentionPeriod", 0),
        Tags=_tags(resource),
    )


def _cache(resource: Resource) -> None:
    given = resource.inputs
    client("elasticache").create_replication_group(
        ReplicationGroupId=given["replicationGroupId"],
        ReplicationGroupDescription=given["description"],
        Engine="redis",
        CacheNodeType=given["nodeType"],
        NumCacheClusters=given["numCacheClusters"],
        Tags=_tags(resource),
    )


def _alarm(resource: Resource) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    # By itself: there are many, and each call costs as much as all of them. Composite alarms, which it does not know, are read as others are.
    cloudwatch_backends[ACCOUNT][REGION].put_metric_alarm(
        name=resource.inputs.get("alarmName") or f"{resource.name}-{SUFFIX}",
        namespace="Test",
        metric_name="Test",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        period=60,
        threshold=1,
        statistic="Sum",
        description=resource.inputs["alarmDescription"],
        dimensions=[],
        alarm_actions=[],
        tags=_tags(resource),
    )


def _jobs(jobs: Mapping[str, Any]) -> None:
    for name in jobs:
        client("logs").create_log_group(logGroupName=f"/shop/dev/services/{name}")
        told = {"taskDefinition": f"shop-dev-{name}", "container": name, "cluster": "shop-dev"}
        client("ssm").put_parameter(Name=f"/shop/dev/jobs/{name}", Value=json.dumps(told), Type="String")


def url(name: str) -> str:
    """Return the address of a queue, by the name that a preview shows."""
    return str(client("sqs").get_queue_url(QueueName=f"{name}-{SUFFIX}")["QueueUrl"])


def ring(name: str, reason: str = "it was beyond its threshold") -> None:
    """Have an alarm ring, by the name that a preview shows."""
    client("cloudwatch").set_alarm_state(AlarmName=f"{name}-{SUFFIX}", StateValue="ALARM", StateReason=reason)


NO_STATEMENTS = SimpleNamespace(of=lambda urn: None)
"""What a stack file says of resources, to whom that is all the same."""

PROGRAM = """\
from groundwork.components import Platform, load

settings = load()
Platform(settings.platform.name, settings)
"""


@contextmanager
def standing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stack_file: str = STACK_FILE, *, up: bool = True
) -> Iterator[tuple[StackAccount, Snapshot]]:
    """Give an account and what a stack's program declares; ``up``: with that in it."""
    with account(folder, monkeypatch, stack_file):
        (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        found = run_found(find_stack("dev"))
        monkeypatch.setattr(
            running, "run_stack", lambda name, **_: SimpleNamespace(snapshot=found, statements=NO_STATEMENTS)
        )
        if up:
            stand_up(found)
        yield open_account("dev"), found
