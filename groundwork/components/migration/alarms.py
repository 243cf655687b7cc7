"""What is told of a migration: how far it is behind, rows that differ, a task that stopped, an instance that runs out."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.migration.settings import MigrationSettings

_NAMESPACE = "AWS/DMS"
_GIB = 1024**3

_LAGS = {
    "source-lag": (
        "CDCLatencySource",
        "The task reads the source's changes late. Look at long transactions at the source and at the connection to it.",
    ),
    "target-lag": (
        "CDCLatencyTarget",
        "The task writes changes late. Look at the target's CPU, at its indexes and triggers, then at a larger migration.class.",
    ),
}


def watch_instance(parent: Component, identifier: str, settings: MigrationSettings) -> None:
    """Create the alarms of the replication instance.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Monitoring.html"""
    thresholds = parent.context.alerting.settings.thresholds
    dimensions: dict[str, pulumi.Input[str]] = {"ReplicationInstanceIdentifier": identifier}
    used = thresholds.migration_storage
    alarm(
        parent,
        "cpu",
        Metric(_NAMESPACE, "CPUUtilization", dimensions),
        threshold=thresholds.migration_cpu,
        description="The replication instance is busy and falls behind. Take a larger migration.class.",
    )
    alarm(
        parent,
        "storage",
        Metric(_NAMESPACE, "FreeStorageSpace", dimensions),
        threshold=used and used.convert(lambda share: settings.storage * _GIB * (100 - share) / 100),
        comparison="LessThanThreshold",
        description="The replication instance's volume fills with changes that wait or with logs; full, it stops. Look at the "
        "lag, then raise migration.storage.",
    )


def watch_task(parent: Component, key: str, *, identifier: str, task: str, settings: MigrationSettings) -> None:
    """Create the alarms of one task; ``task`` is how CloudWatch knows it, the end of its ARN."""
    dimensions: dict[str, pulumi.Input[str]] = {
        "ReplicationInstanceIdentifier": identifier,
        "ReplicationTaskIdentifier": task,
    }
    seconds = parent.context.alerting.settings.thresholds.migration_lag_seconds
    if seconds is None:
        return
    for name, (metric, description) in _LAGS.items():
        alarm(
            parent,
            f"{key}-{name}",
            Metric(_NAMESPACE, metric, dimensions, "Maximum"),
            threshold=seconds,
            description=description,
        )
    if not settings.validate_rows:
        return
    alarm(
        parent,
        f"{key}-differs",
        Metric(_NAMESPACE, "ValidationFailedOverallCount", dimensions, "Maximum"),
        threshold=0,
        periods=1,
        description="Rows of source and target differ. The table awsdms_validation_failures_v1 of the target says which.",
    )


def publish_events(
    parent: Component,
    instance_arn: pulumi.Output[str],
    task_arns: Mapping[str, pulumi.Output[str]],
) -> None:
    """Publish DMS events to the alerting topic.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_EventBridge.html"""
    patterns: dict[str, dict[str, object]] = {
        "instance-events": {
            "detail-type": ["DMS Replication Instance State Change"],
            "resources": [instance_arn],
        },
        "task-events": {
            "detail-type": ["DMS Replication Task State Change"],
            "resources": list(task_arns.values()),
            "detail": {"eventType": ["REPLICATION_TASK_FAILED", "REPLICATION_TASK_STOPPED"]},
        },
    }
    for key, pattern in patterns.items():
        rule = aws.cloudwatch.EventRule(
            f"{parent.name}-{key}",
            description=f"{parent.name}: what DMS itself has to say",
            event_pattern=pulumi.Output.json_dumps({"source": ["aws.dms"], **pattern}),
            opts=parent.child(),
        )
        aws.cloudwatch.EventTarget(
            f"{parent.name}-{key}",
            rule=rule.name,
            arn=parent.context.alerting.topic_arn,
            target_id="notices",
            opts=parent.child(),
        )
