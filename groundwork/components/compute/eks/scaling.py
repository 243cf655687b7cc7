"""How many pods of a service run: the cluster's own autoscaler, or KEDA where a queue decides."""

from __future__ import annotations

import pulumi_kubernetes as kubernetes

from groundwork.components.compute.eks.inside import Inside, selector
from groundwork.components.compute.workload import Workload
from groundwork.components.services.settings import ScalingSettings

_Behavior = kubernetes.autoscaling.v2.HorizontalPodAutoscalerBehaviorArgs
_Metric = kubernetes.autoscaling.v2.MetricSpecArgs
_Policy = kubernetes.autoscaling.v2.HPAScalingPolicyArgs
_Rules = kubernetes.autoscaling.v2.HPAScalingRulesArgs

# As on ECS: up fast, down slowly.
_UP_WINDOW = 60
_DOWN_WINDOW = 300


def by_resources(settings: ScalingSettings) -> bool:
    """Tell whether CPU or memory decides how many pods run, also where settings leave no choice: a number that left
    the Deployment later, for a range, would first become 1, and one that came back would be the autoscaler's.

    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling
    """
    target = settings.target
    return settings.queue is None and settings.min > 0 and bool(target and (target.cpu or target.memory))


def fixed(settings: ScalingSettings) -> bool:
    """Tell whether the stack alone decides how many pods run."""
    return settings.queue is None and not by_resources(settings)


def scale(inside: Inside, workload: Workload, target: kubernetes.apps.v1.Deployment) -> None:
    """Follow CPU and memory of the service's own container, whatever runs beside it."""
    settings = workload.settings.scaling
    if not by_resources(settings):
        return
    kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
        f"{inside.parent.name}-{workload.name}",
        metadata=inside.metadata(workload.name, service=workload.name),
        spec=kubernetes.autoscaling.v2.HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=kubernetes.autoscaling.v2.CrossVersionObjectReferenceArgs(
                api_version="apps/v1", kind="Deployment", name=workload.name
            ),
            min_replicas=settings.min,
            max_replicas=settings.max,
            metrics=metrics(workload),
            behavior=behavior(),
        ),
        opts=inside.options([target]),
    )


def metrics(workload: Workload) -> list[kubernetes.autoscaling.v2.MetricSpecArgs]:
    """Return the targets, in percent of what the container asks for."""
    target = workload.settings.scaling.target
    wanted = (("cpu", target.cpu), ("memory", target.memory)) if target else ()
    return [
        _Metric(
            type="ContainerResource",
            container_resource=kubernetes.autoscaling.v2.ContainerResourceMetricSourceArgs(
                name=name,
                container=workload.name,
                target=kubernetes.autoscaling.v2.MetricTargetArgs(type="Utilization", average_utilization=percent),
            ),
        )
        for name, percent in wanted
        if percent is not None
    ]


def behavior() -> kubernetes.autoscaling.v2.HorizontalPodAutoscalerBehaviorArgs:
    """Return how fast pods are added, doubling or four more a minute, whichever is more; down by one a minute, after
    five quiet ones."""
    return _Behavior(
        scale_up=_Rules(
            stabilization_window_seconds=0,
            select_policy="Max",
            policies=[
                _Policy(type="Percent", value=100, period_seconds=_UP_WINDOW),
                _Policy(type="Pods", value=4, period_seconds=_UP_WINDOW),
            ],
        ),
        scale_down=_Rules(
            stabilization_window_seconds=_DOWN_WINDOW,
            policies=[_Policy(type="Pods", value=1, period_seconds=60)],
        ),
    )


def budget(inside: Inside, workload: Workload) -> None:
    """Create a disruption budget, so that nodes are drained one copy at a time. A single copy may be moved: a budget
    would keep its node from ever being replaced."""
    if workload.settings.scaling.min < 2:
        return
    kubernetes.policy.v1.PodDisruptionBudget(
        f"{inside.parent.name}-{workload.name}",
        metadata=inside.metadata(workload.name, service=workload.name),
        spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(workload.name)),
            # A pod that does not run anyway keeps no node.
            unhealthy_pod_eviction_policy="AlwaysAllow",
        ),
        opts=inside.options(),
    )
