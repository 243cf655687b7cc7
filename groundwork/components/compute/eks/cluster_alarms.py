"""Alarms of the cluster as a whole: its API, its nodes, pods that find no node."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from groundwork.components.alarms import Expression, Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.observability.settings import PercentBounds

_INSIGHTS = "ContainerInsights"
_EKS = "AWS/EKS"

# Fewer requests in a minute say nothing.
_LEAST_REQUESTS = 20


def cluster_alarms(parent: Component, settings: KubernetesSettings, *, cluster_name: pulumi.Output[str]) -> None:
    """Create the cluster's alarms. The API's metrics, which cost nothing:
    https://docs.aws.amazon.com/eks/latest/userguide/cloudwatch.html; the nodes':
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html"""
    of_cluster: Mapping[str, pulumi.Input[str]] = {"ClusterName": cluster_name}
    errors = parent.context.alerting.settings.thresholds.error_percent
    if errors is not None:
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
        if bounds is not None:
            alarm(
                parent,
                key,
                Metric(_INSIGHTS, metric, of_cluster, statistic),
                threshold=bounds,
                description=f"More than {bounds} % {what} have been in use for 5 minutes. Look which pods take it (Container "
                "Insights, by pod), and whether they ask for less than they use.",
            )
