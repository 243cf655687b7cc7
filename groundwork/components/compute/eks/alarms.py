"""Alarms of a cluster as a whole (its API, its nodes, pods that find no node), and of each service on it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from groundwork.components.alarms import Expression, Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.alarms import Utilization, watch_utilization
from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.observability.settings import PercentBounds
from groundwork.components.services.settings import ServiceSettings

_EKS = "AWS/EKS"
_INSIGHTS = "ContainerInsights"
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-enhanced-EKS.html"""

# Fewer requests in a minute say nothing.
_LEAST_REQUESTS = 20


def watch_cluster(parent: Component, settings: KubernetesSettings, *, cluster_name: pulumi.Output[str]) -> None:
    """Create the cluster's alarms. The API's metrics, which cost nothing:
    https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html"""
    of_cluster: Mapping[str, pulumi.Input[str]] = {"ClusterName": cluster_name}
    errors = parent.context.alerting.settings.thresholds.error_percent
    alarm(
        parent,
        "api-errors",
        Expression(
            f"IF(requests >= {_LEAST_REQUESTS}, 100 * errors / requests, 0)",
            "Errors of the Kubernetes API in percent",
            {
                "errors": Metric(_EKS, "apiserver_request_total_5XX", of_cluster, "Sum"),
                "requests": Metric(_EKS, "apiserver_request_total", of_cluster, "Sum"),
            },
        ),
        threshold=errors,
        description=f"More than {errors} % of the requests to the Kubernetes API have failed for 5 minutes. Look at the "
        "cluster's health issues in the console, then at the log stream kube-apiserver: a webhook that does not answer "
        "is the usual cause.",
    )
    alarm(
        parent,
        "pods-waiting",
        Metric(_EKS, "scheduler_pending_pods_UNSCHEDULABLE", of_cluster, "Maximum"),
        threshold=0,
        periods=15,
        description="Pods have found no node for 15 minutes. kubectl describe pod says what they lack: node groups at their "
        "max, a request that no node can hold, a taint, or no capacity in the zone.",
    )
    if settings.application_insights:
        _nodes(parent, of_cluster)


def _nodes(parent: Component, of_cluster: Mapping[str, pulumi.Input[str]]) -> None:
    alarm(
        parent,
        "nodes-failed",
        Metric(_INSIGHTS, "cluster_failed_node_count", of_cluster, "Maximum"),
        threshold=0,
        periods=10,
        description="A node has been in trouble for 10 minutes (not ready, or short of memory, disk or process ids). AWS replaces nodes "
        "that stay so; kubectl describe node says why.",
    )
    thresholds = parent.context.alerting.settings.thresholds
    uses: tuple[tuple[str, PercentBounds | None, str, str, str], ...] = (
        ("nodes-cpu", thresholds.instance_cpu, "node_cpu_utilization", "Average", "of the nodes' CPU"),
        ("nodes-memory", thresholds.instance_memory, "node_memory_utilization", "Maximum", "of a node's memory"),
        ("nodes-disk", thresholds.instance_disk, "node_filesystem_utilization", "Maximum", "of a node's disk"),
    )
    for key, bounds, metric, statistic, what in uses:
        alarm(
            parent,
            key,
            Metric(_INSIGHTS, metric, of_cluster, statistic),
            threshold=bounds,
            description=f"More than {bounds} % {what} have been in use for 5 minutes. Look which pods take it (Container "
            "Insights, by pod), and whether they ask for less than they use.",
        )


def watch_service(
    parent: Component,
    name: str,
    settings: ServiceSettings,
    *,
    cluster_name: pulumi.Input[str],
    namespace: str,
) -> None:
    """Create a service's alarms, from Container Insights: CPU, memory, and whether as many pods are there as must be."""
    of: dict[str, pulumi.Input[str]] = {"ClusterName": cluster_name, "Namespace": namespace, "PodName": name}
    watch_utilization(
        parent,
        name,
        cpu=Utilization(
            Metric(_INSIGHTS, "pod_cpu_utilization_over_pod_limit", of),
            "the CPU it may take",
            ". Look whether it runs at scaling.max, then at what its requests do.",
        ),
        memory=Utilization(
            Metric(_INSIGHTS, "pod_memory_utilization_over_pod_limit", of),
            "the memory it may take",
            "; at 100 % pods are killed. Look for a leak since the last deployment.",
        ),
    )
    if settings.scaling.min:
        alarm(
            parent,
            f"{name}-tasks",
            Metric(_INSIGHTS, "status_replicas_available", of),
            threshold=settings.scaling.min,
            comparison="LessThanThreshold",
            missing="breaching",
            description=f"Fewer than {settings.scaling.min} pods of {name} are ready. Look at the events of its pods (kubectl "
            "describe): no image, no room on the nodes, or probes that fail.",
        )


def watch_jobs(parent: Component, cluster_name: pulumi.Input[str]) -> None:
    """Create the alarm for jobs that fail: any pod of the cluster that ended with an error and is still there to be looked at. A
    service's pods are started again and do not end so."""
    alarm(
        parent,
        "job-failures",
        Metric(_INSIGHTS, "pod_status_failed", {"ClusterName": cluster_name}, "Maximum"),
        threshold=0,
        period=300,
        periods=1,
        description="A job failed (kubectl get pods --field-selector status.phase=Failed), or a node threw out a pod. Its log group says "
        "why. The alarm ends when the failed job is deleted, or by itself after a day.",
    )
