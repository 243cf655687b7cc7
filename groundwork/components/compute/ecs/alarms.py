"""The alarms of a service (S2-11)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.alarms import Utilization, watch_utilization
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True)
class Measured:
    """How metrics know a service."""

    name: str
    """In the stack file."""
    cluster_name: pulumi.Output[str]
    service_name: pulumi.Output[str]
    insights: bool

    @property
    def dimensions(self) -> dict[str, pulumi.Input[str]]:
        return {"ClusterName": self.cluster_name, "ServiceName": self.service_name}

    def utilization(self, of: str) -> Metric:
        return Metric("AWS/ECS", f"{of}Utilization", self.dimensions)

    def running_tasks(self) -> Metric:
        """Return the metric of running tasks. Container Insights counts tasks; without it, each task sends one CPU
        value a minute.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html
        """
        if self.insights:
            return Metric("ECS/ContainerInsights", "RunningTaskCount", self.dimensions)
        return Metric("AWS/ECS", "CPUUtilization", self.dimensions, statistic="SampleCount")


def watch_service(parent: Component, settings: ServiceSettings, measured: Measured) -> None:
    """Create a service's alarms: CPU, memory, and whether as many tasks run as must."""
    name = measured.name
    watch_utilization(
        parent,
        name,
        cpu=Utilization(
            measured.utilization("CPU"),
            "its CPU",
            ". Look whether it runs at scaling.max, then at what its requests do.",
        ),
        memory=Utilization(
            measured.utilization("Memory"),
            "its memory",
            "; at 100 % tasks are killed. Look for a leak since the last deployment.",
        ),
    )
    least = min([settings.scaling.min, *(bounds.min for bounds in settings.scaling.schedule.values())])
    if least:
        alarm(
            parent,
            f"{name}-tasks",
            measured.running_tasks(),
            threshold=least,
            comparison="LessThanThreshold",
            missing="breaching",
            description=f"Fewer than {least} tasks of {name} run. Look at the service's events and at why its last tasks stopped.",
        )
