"""Application Auto Scaling of an ECS service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.ecs.alarms import Measured
from groundwork.components.compute.wiring import QueueLike
from groundwork.components.services.settings import (
    SCALE_IN_COOLDOWN,
    SCALE_OUT_COOLDOWN,
    QueueScaling,
    ScalingSettings,
    ServiceSettings,
    StepScaling,
)

# Names that the provider gives these nested arguments.
_Tracking = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Predefined = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
_Customized = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
_Query = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgs
_Stat = (
    aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatArgs
)
_Metric = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricArgs
_Dimension = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricMetricStatMetricDimensionArgs


@dataclass(frozen=True)
class _Target:
    """What policies and schedules scale."""

    parent: Component
    key: str
    resource_id: pulumi.Output[str]
    dimension: pulumi.Output[str]
    namespace: pulumi.Output[str]


def scales(settings: ScalingSettings) -> bool:
    """Tell whether something other than the stack decides how many tasks run."""
    target = settings.target
    follows = settings.steps or settings.queue or (target and (target.cpu or target.memory or target.requests))
    return bool(settings.schedule) or (settings.min < settings.max and bool(follows))


def scale(
    parent: Component,
    service: ServiceSettings,
    measured: Measured,
    *,
    requests: pulumi.Output[str] | None,
    queues: Mapping[str, QueueLike],
) -> None:
    """Create the bounds of the task count, and all that moves it between them. ``requests`` is the label by which
    requests are counted."""
    settings = service.scaling
    if not scales(settings):
        return
    key = f"{parent.name}-{measured.name}"
    bounds = aws.appautoscaling.Target(
        key,
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", measured.cluster_name, "/", measured.service_name),
        min_capacity=settings.min,
        max_capacity=settings.max,
        opts=parent.child(),
    )
    target = _Target(parent, key, bounds.resource_id, bounds.scalable_dimension, bounds.service_namespace)
    _track(target, settings, requests)
    if settings.steps:
        _step(target, settings.steps, measured)
    if settings.queue:
        _follow(target, settings.queue, queues, measured)
    for name, hours in settings.schedule.items():
        aws.appautoscaling.ScheduledAction(
            f"{key}-{name}",
            resource_id=target.resource_id,
            scalable_dimension=target.dimension,
            service_namespace=target.namespace,
            schedule=f"cron({hours.cron})",
            timezone=hours.timezone or parent.context.platform.timezone,
            scalable_target_action=aws.appautoscaling.ScheduledActionScalableTargetActionArgs(
                min_capacity=hours.min, max_capacity=hours.max
            ),
            opts=parent.child(),
        )


def _track(target: _Target, settings: ScalingSettings, requests: pulumi.Output[str] | None) -> None:
    """Track CPU, memory and requests.
    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html"""
    wanted = settings.target
    if wanted is None:
        return
    for name, metric, value in (
        ("cpu", "ECSServiceAverageCPUUtilization", wanted.cpu),
        ("memory", "ECSServiceAverageMemoryUtilization", wanted.memory),
    ):
        if value is not None:
            _policy(target, name, value, predefined=_Predefined(predefined_metric_type=metric))
    if wanted.requests is not None and requests is not None:
        counted = _Predefined(predefined_metric_type="ALBRequestCountPerTarget", resource_label=requests)
        _policy(target, "requests", wanted.requests, predefined=counted)


def _follow(target: _Target, settings: QueueScaling, queues: Mapping[str, QueueLike], measured: Measured) -> None:
    """Scale to as many tasks as the messages need that wait or are worked on, so that the last task stays while it works.

    With no task running nothing counts tasks, or Container Insights counts none, and a division by it has no result: one is
    assumed then, and the first message set above the target, since a target is passed only above it.
    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html
    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html ("scales up from zero for new requests")
    """
    queue = queues.get(settings.queue)
    if queue is None:
        raise pulumi.RunError(
            f"services.{measured.name}.scaling.queue.queue: there is no queue {settings.queue!r} in this stack"
        )
    running = measured.running_tasks()
    metrics = [
        _query("waiting", "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue.queue_name}, "Sum"),
        _query("taken", "AWS/SQS", "ApproximateNumberOfMessagesNotVisible", {"QueueName": queue.queue_name}, "Sum"),
        _query("running", running.namespace, running.name, running.dimensions, running.statistic),
        _Query(
            id="backlog",
            expression=_backlog(settings.messages_per_task),
            label="Messages for each task",
            return_data=True,
        ),
    ]
    _policy(target, "queue", settings.messages_per_task, customized=_Customized(metrics=metrics))


def _backlog(target: int) -> str:
    running = "FILL(running, 0)"
    return f"(waiting + taken) / IF({running} > 0, {running}, 1) + IF({running} > 0, 0, IF(waiting > 0, {target}, 0))"


def _query(
    identifier: str, namespace: str, name: str, dimensions: Mapping[str, pulumi.Input[str]], statistic: str
) -> _Query:
    metric = _Metric(
        namespace=namespace,
        metric_name=name,
        dimensions=[_Dimension(name=key, value=value) for key, value in dimensions.items()],
    )
    return _Query(id=identifier, metric_stat=_Stat(metric=metric, stat=statistic), return_data=False)


def _policy(
    target: _Target,
    name: str,
    value: float,
    *,
    predefined: _Predefined | None = None,
    customized: _Customized | None = None,
) -> None:
    aws.appautoscaling.Policy(
        f"{target.key}-{name}",
        policy_type="TargetTrackingScaling",
        resource_id=target.resource_id,
        scalable_dimension=target.dimension,
        service_namespace=target.namespace,
        target_tracking_scaling_policy_configuration=_Tracking(
            target_value=value,
            predefined_metric_specification=predefined,
            customized_metric_specification=customized,
            scale_in_cooldown=SCALE_IN_COOLDOWN,
            scale_out_cooldown=SCALE_OUT_COOLDOWN,
        ),
        opts=target.parent.child(),
    )


def _step(target: _Target, settings: StepScaling, measured: Measured) -> None:
    """Scale by steps, up above one share of CPU and down below another (S2-05)."""
    _step_policy(
        target,
        measured,
        "up",
        change=1,
        beyond=settings.above,
        minutes=settings.above_minutes,
        cooldown=SCALE_OUT_COOLDOWN,
    )
    _step_policy(
        target,
        measured,
        "down",
        change=-1,
        beyond=settings.below,
        minutes=settings.below_minutes,
        cooldown=SCALE_IN_COOLDOWN,
    )


def _step_policy(
    target: _Target, measured: Measured, name: str, *, change: int, beyond: int, minutes: int, cooldown: int
) -> None:
    side = {"metric_interval_lower_bound": "0"} if change > 0 else {"metric_interval_upper_bound": "0"}
    policy = aws.appautoscaling.Policy(
        f"{target.key}-{name}",
        policy_type="StepScaling",
        resource_id=target.resource_id,
        scalable_dimension=target.dimension,
        service_namespace=target.namespace,
        step_scaling_policy_configuration=aws.appautoscaling.PolicyStepScalingPolicyConfigurationArgs(
            adjustment_type="ChangeInCapacity",
            metric_aggregation_type="Average",
            cooldown=cooldown,
            step_adjustments=[
                aws.appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs(
                    scaling_adjustment=change, **side
                )
            ],
        ),
        opts=target.parent.child(),
    )
    cpu = measured.utilization("CPU")
    # Not one of the alarms that tell somebody: scaling is everyday, and nobody is to be woken for it.
    aws.cloudwatch.MetricAlarm(
        f"{target.key}-{name}",
        alarm_description=f"Scales {measured.name} {name}: CPU {'above' if change > 0 else 'below'} {beyond} % for {minutes} minutes.",
        comparison_operator="GreaterThanThreshold" if change > 0 else "LessThanThreshold",
        threshold=beyond,
        namespace=cpu.namespace,
        metric_name=cpu.name,
        dimensions=dict(cpu.dimensions),
        statistic=cpu.statistic,
        period=60,
        evaluation_periods=minutes,
        datapoints_to_alarm=minutes,
        treat_missing_data="notBreaching",
        alarm_actions=[policy.arn],
        opts=target.parent.child(),
    )
