"""What sets off an alarm of a cache's node: processor, memory, evictions, CPU credits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.cache.settings import CacheSettings
from groundwork.components.observability.credits import watch_credits
from groundwork.components.observability.settings import Bounds, ThresholdSettings
from groundwork.settings.facts import cache_is_burstable


def watch_node(parent: Component, key: str, node_id: str, settings: CacheSettings) -> None:
    """Create the alarms that every node has, named ``<key>-<alarm>``."""
    dimensions = {"CacheClusterId": node_id}
    for name, kind in _ALARMS.items():
        # What nothing is evicted from, no alarm tells of.
        if name == "evictions" and settings.purpose == "jobs":
            continue
        alarm(
            parent,
            f"{key}-{name}",
            Metric("AWS/ElastiCache", kind.metric, dimensions, kind.statistic),
            threshold=kind.threshold(parent.context.alerting.settings.thresholds),
            description=kind.description,
            period=kind.period,
            periods=kind.periods,
        )
    if cache_is_burstable(settings.node_class):
        watch_credits(parent, key, "AWS/ElastiCache", dimensions)


@dataclass(frozen=True)
class _NodeAlarm:
    metric: str
    threshold: Callable[[ThresholdSettings], Bounds | None]
    description: str
    statistic: str = "Average"
    period: int = 60
    periods: int = 5


# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.WhichShouldIMonitor.html
_ALARMS = {
    "cpu": _NodeAlarm(
        "EngineCPUUtilization",
        lambda thresholds: thresholds.cache_cpu,
        "The engine's one thread is busy. Look at the slow log, then at a larger class or more shards.",
    ),
    "memory": _NodeAlarm(
        "DatabaseMemoryUsagePercentage",
        lambda thresholds: thresholds.cache_memory,
        "The node is filling up. Look at keys without expiry, then at a larger class or more shards.",
    ),
    "evictions": _NodeAlarm(
        "Evictions",
        lambda thresholds: thresholds.cache_evictions,
        "Keys are thrown out to make room. The cache is too small for what is kept in it.",
        statistic="Sum",
        period=300,
        periods=1,
    ),
}
