"""The alarms of a service on Kubernetes, from Container Insights."""

from __future__ import annotations

import pulumi

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.services.settings import ServiceSettings

_NAMESPACE = "ContainerInsights"
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-enhanced-EKS.html"""


def watch_service(
    parent: Component,
    name: str,
    settings: ServiceSettings,
    *,
    cluster_name: pulumi.Input[str],
    namespace: str,
) -> None:
    """Create a service's alarms: CPU, memory, and whether as many pods are there as must be."""
    thresholds = parent.context.alerting.settings.thresholds
    of: dict[str, pulumi.Input[str]] = {"ClusterName": cluster_name, "Namespace": namespace, "PodName": name}
    if thresholds.service_cpu is not None:
        alarm(
            parent,
            f"{name}-cpu",
            Metric(_NAMESPACE, "pod_cpu_utilization_over_pod_limit", of),
            threshold=thresholds.service_cpu,
            description=f"{name} has used more than {thresholds.service_cpu} % of the CPU it may take for 5 minutes. Look whether "
            "it runs at scaling.max, then at what its requests do.",
        )
    if thresholds.service_memory is not None:
        alarm(
            parent,
            f"{name}-memory",
            Metric(_NAMESPACE, "pod_memory_utilization_over_pod_limit", of),
            threshold=thresholds.service_memory,
            description=f"{name} has used more than {thresholds.service_memory} % of the memory it may take for 5 minutes; at 100 % "
            "pods are killed. Look for a leak since the last deployment.",
        )
    if settings.scaling.min:
        alarm(
            parent,
            f"{name}-tasks",
            Metric(_NAMESPACE, "status_replicas_available", of),
            threshold=settings.scaling.min,
            comparison="LessThanThreshold",
            missing="breaching",
            description=f"Fewer than {settings.scaling.min} pods of {name} are ready. Look at the events of its pods (kubectl "
            "describe): no image, no room on the nodes, or probes that fail.",
        )
