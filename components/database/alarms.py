"""What sets off an alarm: processor, memory, disk, connections, and how far a replica is behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.alarms import Comparison, Metric, Watch, alarm
from components.base import Component
from settings.facts import database_memory, max_connections
from settings.models.data import DataSettings
from settings.models.observability import ThresholdSettings

_GIB = 1024**3


@dataclass(frozen=True)
class _Kind:
    """One alarm: its metric and how the share that settings give becomes the metric's own unit."""

    metric: str
    share: Callable[[ThresholdSettings], int | None]
    bound: Callable[[int, DataSettings, str], float | None]
    comparison: Comparison
    description: str
    statistic: str = "Average"


def _percent(share: int, settings: DataSettings, instance_class: str) -> float:
    return share


def _free_memory(share: int, settings: DataSettings, instance_class: str) -> float | None:
    memory = database_memory(instance_class)
    return None if memory is None else memory * _GIB * (100 - share) / 100


def _free_storage(share: int, settings: DataSettings, instance_class: str) -> float:
    return settings.storage.size * _GIB * (100 - share) / 100


def _connections(share: int, settings: DataSettings, instance_class: str) -> float | None:
    own = settings.parameters.get("max_connections", "")
    most = int(own) if own.isdigit() else max_connections(instance_class)
    return None if most is None else most * share // 100


_KINDS = {
    "cpu": _Kind(
        "CPUUtilization",
        lambda thresholds: thresholds.database_cpu,
        _percent,
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
}


def watch_instance(
    parent: Component,
    key: str,
    identifier: pulumi.Output[str],
    instance_class: str,
    *,
    settings: DataSettings,
    watch: Watch,
) -> None:
    """The alarms that every instance has, named ``<key>-<alarm>``."""
    for name, kind in _KINDS.items():
        share = kind.share(watch.settings.thresholds)
        bound = None if share is None else kind.bound(share, settings, instance_class)
        if bound is not None:
            alarm(
                parent,
                f"{key}-{name}",
                Metric("AWS/RDS", kind.metric, {"DBInstanceIdentifier": identifier}, kind.statistic),
                watch=watch,
                threshold=bound,
                comparison=kind.comparison,
                description=kind.description,
            )


def watch_lag(
    parent: Component, key: str, identifier: pulumi.Output[str], watch: Watch
) -> aws.cloudwatch.MetricAlarm | None:
    """The alarm of a replica that falls behind; None where settings leave it out."""
    seconds = watch.settings.thresholds.replica_lag_seconds
    if seconds is None:
        return None
    return alarm(
        parent,
        f"{key}-lag",
        Metric("AWS/RDS", "ReplicaLag", {"DBInstanceIdentifier": identifier}, "Maximum"),
        watch=watch,
        threshold=seconds,
        description="The replica is behind the primary. Look at long queries on it and at writes on the primary.",
    )
