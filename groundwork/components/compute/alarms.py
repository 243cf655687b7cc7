"""The alarms that a service has on every engine whose metrics know it."""

from __future__ import annotations

from dataclasses import dataclass

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component


@dataclass(frozen=True)
class Utilization:
    """A share in percent that a service uses of something."""

    metric: Metric
    of: str
    """What it is a share of: ``its CPU``."""
    advice: str
    """What follows "for 5 minutes" in the alarm's description: what to look at first."""


def watch_utilization(parent: Component, service: str, *, cpu: Utilization, memory: Utilization) -> None:
    """Create the alarms ``<service>-cpu`` and ``<service>-memory``."""
    thresholds = parent.context.alerting.settings.thresholds
    for key, used, threshold in (("cpu", cpu, thresholds.service_cpu), ("memory", memory, thresholds.service_memory)):
        alarm(
            parent,
            f"{service}-{key}",
            used.metric,
            threshold=threshold,
            description=f"{service} has used more than {threshold} % of {used.of} for 5 minutes{used.advice}",
        )
