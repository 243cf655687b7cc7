"""Alarms: each stateful thing and each service brings its own, all in one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from settings.models.observability import ObservabilitySettings

Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]


@dataclass(frozen=True)
class Raised:
    """An alarm that a component brought: what the dashboard shows."""

    component: str
    key: str
    arn: pulumi.Output[str]


@dataclass(frozen=True)
class Watch:
    """Who is told, from when on, and where the runbook is: what a component needs to bring its alarms."""

    topic_arn: pulumi.Output[str]
    settings: ObservabilitySettings
    raised: list[Raised] = field(default_factory=list)
    """Every alarm so far, in the order in which components were built."""


@dataclass(frozen=True)
class Metric:
    """A CloudWatch metric of one thing."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str = "Average"


@dataclass(frozen=True)
class Expression:
    """A metric that is computed from others, each under the id by which the formula names it."""

    formula: str
    label: str
    metrics: Mapping[str, Metric] = field(default_factory=dict)


def alarm(
    parent: Component,
    key: str,
    measure: Metric | Expression,
    *,
    watch: Watch,
    threshold: pulumi.Input[float],
    description: str,
    comparison: Comparison = "GreaterThanThreshold",
    period: int = 60,
    periods: int = 5,
    missing: Literal["notBreaching", "breaching", "ignore", "missing"] = "notBreaching",
    extra_actions: Sequence[pulumi.Input[str]] = (),
) -> aws.cloudwatch.MetricAlarm:
    """One alarm named ``<component>-<key>``; ``description`` says what it means and what to look at first.

    ``period`` is in seconds, ``periods`` how many of them must be beyond the threshold. Goes to the watch's topic when it
    sets off and when it clears.
    """
    name = f"{parent.name}-{key}"
    runbook = f"\nRunbook: {watch.settings.runbook}#{key}" if watch.settings.runbook else ""
    resource = aws.cloudwatch.MetricAlarm(
        name,
        alarm_description=f"{description}{runbook}",
        comparison_operator=comparison,
        threshold=threshold,
        evaluation_periods=periods,
        datapoints_to_alarm=periods,
        treat_missing_data=missing,
        alarm_actions=[watch.topic_arn, *extra_actions],
        ok_actions=[watch.topic_arn],
        opts=parent.child(),
        **_measure(measure, period),
    )
    watch.raised.append(Raised(parent.name, key, resource.arn))
    return resource


def _measure(measure: Metric | Expression, period: int) -> dict[str, Any]:
    if isinstance(measure, Metric):
        return {
            "namespace": measure.namespace,
            "metric_name": measure.name,
            "dimensions": dict(measure.dimensions),
            "statistic": measure.statistic,
            "period": period,
        }
    queries: list[object] = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id="result", expression=measure.formula, label=measure.label, return_data=True
        )
    ]
    for identifier, metric in measure.metrics.items():
        queries.append(
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id=identifier,
                metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    dimensions=dict(metric.dimensions),
                    stat=metric.statistic,
                    period=period,
                ),
            )
        )
    return {"metric_queries": queries}
