"""The alarms of a service on App Runner."""

from __future__ import annotations

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.alarms import Utilization, watch_utilization
from groundwork.components.compute.apprunner.service import AppRunnerService, dimensions

_NAMESPACE = "AWS/AppRunner"
"""https://docs.aws.amazon.com/apprunner/latest/dg/monitor-cw.html"""


def watch_service(parent: Component, name: str, service: AppRunnerService) -> None:
    """Create a service's alarms: CPU, memory, errors, slowness."""
    of = dimensions(service)
    watch_utilization(
        parent,
        name,
        cpu=Utilization(
            Metric(_NAMESPACE, "CPUUtilization", of),
            "its CPU",
            ". App Runner scales by requests alone: lower scaling.concurrency, or give it more CPU.",
        ),
        memory=Utilization(
            Metric(_NAMESPACE, "MemoryUtilization", of),
            "its memory",
            ". Look for a leak since the last deployment; else lower scaling.concurrency.",
        ),
    )
    thresholds = parent.context.alerting.settings.thresholds
    slow = thresholds.response_seconds
    alarm(
        parent,
        f"{name}-response",
        Metric(_NAMESPACE, "RequestLatency", of),
        threshold=slow and slow.convert(lambda seconds: seconds * 1000),
        description=f"{name} has taken more than {slow} s on average to answer for 5 minutes. Look at its CPU, then at the "
        "database's.",
    )
    alarm(
        parent,
        f"{name}-errors",
        Metric(_NAMESPACE, "5xxStatusResponses", of, statistic="Sum"),
        threshold=thresholds.errors_per_minute,
        periods=1,
        description=f"{name} has answered more than {thresholds.errors_per_minute} requests of one minute with a 5xx error. "
        "Look at its logs, and whether it was just deployed.",
    )
