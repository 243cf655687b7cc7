"""What sets off an alarm of the search domain: its health, what it runs out of, its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pulumi

from groundwork.components.alarms import Comparison, Metric, alarm
from groundwork.components.base import Component
from groundwork.components.observability.settings import Bounds, Severity, ThresholdSettings
from groundwork.components.search.settings import SearchSettings


def watch_domain(parent: Component, domain_name: str, settings: SearchSettings) -> None:
    """Create the alarms of one domain, named ``<component>-<key>``."""
    dimensions: dict[str, pulumi.Input[str]] = {"DomainName": domain_name, "ClientId": parent.context.account_id}
    for key, kind in _ALARMS.items():
        if kind.masters and settings.masters is None:
            continue
        alarm(
            parent,
            key,
            Metric("AWS/ES", kind.metric, dimensions, kind.statistic),
            threshold=kind.bound(parent.context.alerting.settings.thresholds, settings),
            comparison=kind.comparison,
            description=kind.description,
            period=kind.period,
            periods=kind.periods,
            severity=kind.severity,
        )


def usable_storage(size: int) -> float:
    """Return the GiB of a volume that indexes may fill: the service keeps a fifth, at most 20 GiB, for itself.

    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/sizing-domains.html
    """
    return size - min(size * 0.2, 20)


_Bound = Callable[[ThresholdSettings, SearchSettings], Bounds | float | None]


def _free(thresholds: ThresholdSettings, settings: SearchSettings) -> Bounds | None:
    """Return the bounds of free storage in MiB, as CloudWatch tells it."""
    bounds = thresholds.search_storage
    room = usable_storage(settings.storage.size) * 1024
    return bounds and bounds.convert(lambda share: round(room * (100 - share) / 100, 1))


@dataclass(frozen=True)
class _DomainAlarm:
    metric: str
    description: str
    bound: _Bound = lambda thresholds, settings: 1
    comparison: Comparison = "GreaterThanOrEqualToThreshold"
    statistic: str = "Maximum"
    period: int = 60
    periods: int = 1
    severity: Severity = "notice"
    masters: bool = False
    """Only where there are dedicated masters."""


# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/cloudwatch-alarms.html
_ALARMS = {
    "red": _DomainAlarm(
        "ClusterStatus.red",
        "An index has lost a shard: searches miss documents, snapshots stop. Look at _cluster/allocation/explain.",
        severity="page",
    ),
    "yellow": _DomainAlarm(
        "ClusterStatus.yellow",
        "A copy of a shard is on no node. Usual with one node: then set number_of_replicas to 0.",
        periods=5,
    ),
    "storage": _DomainAlarm(
        "FreeStorageSpace",
        "A node's volume is filling up; at zero it refuses writes. Delete old indexes, or raise search.storage.size.",
        _free,
        "LessThanOrEqualToThreshold",
        "Minimum",
    ),
    "writes-blocked": _DomainAlarm(
        "ClusterIndexWritesBlocked",
        "The domain refuses writes. Look at free storage and memory pressure.",
        period=300,
        severity="page",
    ),
    "cpu": _DomainAlarm(
        "CPUUtilization",
        "A node's processors are busy. Look at the slow logs, then at a larger class or more nodes.",
        lambda thresholds, settings: thresholds.search_cpu,
        period=900,
        periods=3,
    ),
    "memory": _DomainAlarm(
        "JVMMemoryPressure",
        "A node's Java heap is full. Look at aggregations, field data and the number of shards, then at a larger class.",
        lambda thresholds, settings: thresholds.search_memory,
        periods=3,
    ),
    "master-cpu": _DomainAlarm(
        "MasterCPUUtilization",
        "The masters are busy. Look at the number of shards and mappings, then at a larger search.masters.class.",
        lambda thresholds, settings: thresholds.search_cpu,
        period=900,
        periods=3,
        masters=True,
    ),
    "master-memory": _DomainAlarm(
        "MasterJVMMemoryPressure",
        "A master's Java heap is full. Look at the number of shards, then at a larger search.masters.class.",
        lambda thresholds, settings: thresholds.search_memory,
        periods=3,
        masters=True,
    ),
    "master-unreachable": _DomainAlarm(
        "MasterReachableFromNode",
        "Nodes do not reach the master. It has stopped or is overloaded; writes fail.",
        comparison="LessThanThreshold",
        period=300,
        severity="page",
    ),
    "key-error": _DomainAlarm(
        "KMSKeyError",
        "The key of the domain is disabled. Enable it again at once: without it data is lost.",
        severity="page",
    ),
    "key-inaccessible": _DomainAlarm(
        "KMSKeyInaccessible",
        "The key of the domain is deleted, or its grants are revoked. Restore access at once, or restore a snapshot.",
        severity="page",
    ),
    "snapshot": _DomainAlarm(
        "AutomatedSnapshotFailure",
        "No snapshot could be made. Most often the cluster is red.",
    ),
}
