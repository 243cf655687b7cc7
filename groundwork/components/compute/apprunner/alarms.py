"""The alarms of a service on App Runner."""

from __future__ import annotations

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.apprunner.service import AppRunnerService, dimensions

_NAMESPACE = "AWS/AppRunner"
"""https://docs.aws.amazon.com/apprunner/latest/dg/monitor-cw.html"""


def watch_service(parent: Component, name: str, service: AppRunnerService) -> None:
    """Create a service's alarms: CPU, memory, errors, slowness."""
    thresholds = parent.context.alerting.settings.thresholds
    of = dimensions(service)
    if thresholds.service_cpu is not None:
        alarm(
            parent,
            f"{name}-cpu",
            Metric(_NAMESPACE, "CPUUtilization", of),
            threshold=thresholds.service_cpu,
            description=f"{name} has used more than {thresholds.service_cpu} % of its CPU for 5 minutes. App Runner scales by "
            "requests alone: lower scaling.concurrency, or give it more CPU.",
        )
    if thresholds.service_memory is not None:
        alarm(
            parent,
            f"{name}-memory",
            Metric(_NAMESPACE, "MemoryUtilization", of),
            threshold=thresholds.service_memory,
            description=f"{name} has used more than {thresholds.service_memory} % of its memory for 5 minutes. Look for a leak "
            "since the last deployment; else lower scaling.concurrency.",
        )
    if thresholds.response_seconds is not None:
        alarm(
            parent,
            f"{name}-response",
            Metric(_NAMESPACE, "RequestLatency", of),
            threshold=thresholds.response_seconds.convert(lambda seconds: seconds * 1000),
            description=f"{name} has taken more than {thresholds.response_seconds} s on average to answer for 5 minutes. Look at "
            "its CPU, then at the database's.",
        )
    if thresholds.errors_per_minute is not None:
        alarm(
            parent,
            f"{name}-errors",
            Metric(_NAMESPACE, "5xxStatusResponses", of, statistic="Sum"),
            threshold=thresholds.errors_per_minute,
            periods=1,
            description=f"{name} has answered more than {thresholds.errors_per_minute} requests of one minute with a 5xx error. "
            "Look at its logs, and whether it was just deployed.",
        )
