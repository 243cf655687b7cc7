"""Services that follow a queue: KEDA, installed only where one does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.charts import Chart, install
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.eks.identity import pod_identity, pod_role
from groundwork.components.compute.eks.inside import Inside
from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.compute.wiring import QueueLike
from groundwork.components.compute.workload import Workload
from groundwork.components.services.settings import ServiceSettings

API_VERSION = "keda.sh/v1alpha1"
"""https://keda.sh/docs/latest/reference/scaledobject-spec/"""

_CHART = Chart(
    "keda",
    "2.21.0",
    "https://kedacore.github.io/charts",
    images=(
        "ghcr.io/kedacore/keda",
        "ghcr.io/kedacore/keda-metrics-apiserver",
        "ghcr.io/kedacore/keda-admission-webhooks",
    ),
)
_ACCOUNT = "keda-operator"
_AUTHENTICATION = "queues"

_METRICS_PORT = 10250
"""The control plane asks KEDA for metrics; this is a port on which it reaches pods anyway."""

_POLLING = 15
_COOLDOWN = 300


def queue_scaling(
    parent: Component,
    cluster: EksCluster,
    settings: KubernetesSettings,
    services: Mapping[str, ServiceSettings],
    queues: Mapping[str, QueueLike],
    *,
    provider: kubernetes.Provider,
    after: Sequence[pulumi.Resource],
) -> tuple[pulumi.Resource, ...]:
    """Install KEDA with a role that reads how many messages wait in the queues that are followed; nothing where none
    is."""
    followed = {name: service.scaling.queue.queue for name, service in services.items() if service.scaling.queue}
    if not followed:
        return ()
    role = pod_role(parent, _CHART.name, "KEDA", [_look(parent, followed, queues)])
    identity = pod_identity(
        parent, cluster, _CHART.name, namespace=_CHART.namespace, service_account=_ACCOUNT, role_arn=role.arn
    )
    values: dict[str, Any] = {
        "serviceAccount": {"operator": {"create": True, "name": _ACCOUNT}},
        "service": {"portHttpsTarget": _METRICS_PORT},
        # It authenticates by its role alone, so it need read no Secret of others.
        "permissions": {part: {"restrict": {"secret": True}} for part in ("operator", "metricServer")},
        "operator": {"replicaCount": 2},
        "metricsServer": {"replicaCount": 2},
        "podDisruptionBudget": {
            "operator": {"maxUnavailable": 1},
            "metricServer": {"maxUnavailable": 1},
        },
    }
    return (install(parent, _CHART, values, settings, provider=provider, after=[*after, *role.ready, identity]),)


def _look(parent: Component, followed: Mapping[str, str], queues: Mapping[str, QueueLike]) -> Statement:
    names = [_queue(service, queue, queues).queue_name for service, queue in followed.items()]
    arns = [
        pulumi.Output.concat(parent.context.arn("sqs", ""), name)
        for name in {id(name): name for name in names}.values()
    ]
    return Statement(sid="CountMessages", actions=("sqs:GetQueueAttributes",), resources=arns)


def _queue(service: str, queue: str, queues: Mapping[str, QueueLike]) -> QueueLike:
    if queue not in queues:
        raise pulumi.RunError(f"services.{service}.scaling.queue.queue: there is no queue {queue!r} in this stack")
    return queues[queue]


def authenticate(inside: Inside, services: Mapping[str, ServiceSettings]) -> None:
    """Let KEDA read queues with its own identity, not with that of the services: they need not count what they take."""
    if not any(service.scaling.queue for service in services.values()):
        return
    kubernetes.apiextensions.CustomResource(
        f"{inside.parent.name}-{_AUTHENTICATION}",
        api_version=API_VERSION,
        kind="TriggerAuthentication",
        metadata=inside.metadata(_AUTHENTICATION),
        spec={"podIdentity": {"provider": "aws"}},
        opts=inside.options(inside.controllers),
    )


def follow(
    inside: Inside, workload: Workload, target: kubernetes.apps.v1.Deployment, queues: Mapping[str, QueueLike]
) -> None:
    """Scale to as many pods as the waiting messages need, and as CPU and memory need where they are followed too."""
    scaling = workload.settings.scaling
    if scaling.queue is None:
        return
    context = inside.parent.context
    queue = _queue(workload.name, scaling.queue.queue, queues)
    url = pulumi.Output.concat(
        f"https://sqs.{context.region}.{context.partition.suffix}/", context.account_id, "/", queue.queue_name
    )
    messages = {
        "type": "aws-sqs-queue",
        "authenticationRef": {"name": _AUTHENTICATION},
        "metadata": {
            "awsRegion": context.region,
            "queueURL": url,
            "queueLength": str(scaling.queue.messages_per_task),
            # Those under way have a pod already.
            "scaleOnInFlight": "false",
        },
    }
    kubernetes.apiextensions.CustomResource(
        f"{inside.parent.name}-{workload.name}",
        api_version=API_VERSION,
        kind="ScaledObject",
        metadata=inside.metadata(workload.name, service=workload.name),
        spec={
            "scaleTargetRef": {"name": workload.name},
            "minReplicaCount": scaling.min,
            "maxReplicaCount": scaling.max,
            "pollingInterval": _POLLING,
            "cooldownPeriod": _COOLDOWN,
            "triggers": [messages, *_by_resources(workload)],
        },
        opts=inside.options([*inside.controllers, target]),
    )


def _by_resources(workload: Workload) -> list[dict[str, Any]]:
    target = workload.settings.scaling.target
    wanted = (("cpu", target.cpu), ("memory", target.memory)) if target else ()
    return [
        {
            "type": name,
            "metricType": "Utilization",
            "metadata": {"value": str(percent), "containerName": workload.name},
        }
        for name, percent in wanted
        if percent is not None
    ]
