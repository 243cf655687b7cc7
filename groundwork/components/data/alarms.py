"""What sets off an alarm: processor, memory, disk, connections, and how far a replica is behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Comparison, Metric, alarm, key_of
from groundwork.components.base import Component
from groundwork.components.data.connections import taken
from groundwork.components.data.settings import DataSettings
from groundwork.components.observability.settings import Bounds, ThresholdSettings
from groundwork.settings.facts import database_memory

_GIB = 1024**3


_Unit = Callable[[float], float]


@dataclass(frozen=True)
class _Kind:
    """One alarm: its metric, its bounds, and how these become the metric's own unit (None where that cannot be known)."""

    metric: str
    bounds: Callable[[ThresholdSettings], Bounds | None]
    unit: Callable[[DataSettings, str], _Unit | None]
    comparison: Comparison
    description: str
    statistic: str = "Average"


def _itself(settings: DataSettings, instance_class: str) -> _Unit:
    return lambda bound: bound


def _free_memory(settings: DataSettings, instance_class: str) -> _Unit | None:
    memory = database_memory(instance_class)
    return None if memory is None else lambda share: memory * _GIB * (100 - share) / 100


def _free_storage(settings: DataSettings, instance_class: str) -> _Unit:
    return lambda share: settings.storage.size * _GIB * (100 - share) / 100


def _connections(settings: DataSettings, instance_class: str) -> _Unit | None:
    most = taken(settings, instance_class)
    return None if most is None else lambda share: most * share // 100


_KINDS = {
    "cpu": _Kind(
        "CPUUtilization",
        lambda thresholds: thresholds.database_cpu,
        _itself,
        "GreaterThanThreshold",
        "The database's processors are busy. Look at the top statements in Performance Insights.",
    ),
    "memory": _Kind(
        "FreeableMemory",
        lambda thresholds: thresholds.database_memory,
        _free_memory,
        "LessThanThreshold",
        "The database is short of memory. Look at connections and work_mem, or take a larger class.",
    ),
    "storage": _Kind(
        "FreeStorageSpace",
        lambda thresholds: thresholds.database_storage,
        _free_storage,
        "LessThanThreshold",
        "The volume is filling up. Look at data.storage.max, old replication slots and temporary files.",
    ),
    "connections": _Kind(
        "DatabaseConnections",
        lambda thresholds: thresholds.database_connections,
        _connections,
        "GreaterThanThreshold",
        "Connections run out. Look at the services' pools; data.proxy shares them.",
    ),
    "connection-count": _Kind(
        "DatabaseConnections",
        lambda thresholds: thresholds.database_connection_count,
        _itself,
        "GreaterThanThreshold",
        "There are more connections than planned. Look at the services' pools; data.proxy shares them.",
    ),
}


def watch_instance(
    parent: Component,
    key: str,
    identifier: pulumi.Output[str],
    instance_class: str,
    *,
    settings: DataSettings,
) -> None:
    """Create the alarms that every instance has, named ``<key>-<alarm>``."""
    thresholds = parent.context.alerting.settings.thresholds
    for name, kind in _KINDS.items():
        bounds = kind.bounds(thresholds)
        unit = kind.unit(settings, instance_class)
        alarm(
            parent,
            f"{key}-{name}",
            Metric("AWS/RDS", kind.metric, {"DBInstanceIdentifier": identifier}, kind.statistic),
            threshold=bounds and unit and bounds.convert(unit),
            comparison=kind.comparison,
            description=kind.description,
        )
    if thresholds.database_silent_minutes is not None:
        # RDS counts connections every minute, none included, for as long as the instance runs.
        heartbeat = Metric("AWS/RDS", "DatabaseConnections", {"DBInstanceIdentifier": identifier}, "SampleCount")
        for severity, minutes in thresholds.database_silent_minutes.levels():
            alarm(
                parent,
                key_of(f"{key}-silent", severity),
                heartbeat,
                threshold=1,
                comparison="LessThanThreshold",
                periods=int(minutes),
                missing="breaching",
                severity=severity,
                description="The database gives no sign of life: it is stopped, restarting, failing over or lost. Look at its events in RDS.",
            )


def watch_lag(parent: Component, key: str, identifier: pulumi.Output[str]) -> list[aws.cloudwatch.MetricAlarm]:
    """Create the alarm of a replica that falls behind, where settings want it."""
    return alarm(
        parent,
        f"{key}-lag",
        Metric("AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": identifier}, "Maximum"),
        threshold=parent.context.alerting.settings.thresholds.replica_lag_seconds,
        description="The replica is behind the primary. Look at long queries on it and at writes on the primary.",
    )
