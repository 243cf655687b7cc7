"""Alarms: each stateful thing and each service brings its own, all in one shape and two severities.

Every alarm speaks to the topic for notices. What cannot wait is a page, and pages are sent by
:class:`components.observability.pages.Pages` alone, once for a fault and not once for each alarm that it sets off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from settings.models.observability import Bounds, ObservabilitySettings, Severity

Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]
Missing = Literal["notBreaching", "breaching", "ignore", "missing"]


@dataclass(frozen=True)
class Raised:
    """An alarm that a component brought: what pages and dashboard are made of."""

    component: str
    layer: str
    key: str
    severity: Severity
    name: pulumi.Output[str]
    arn: pulumi.Output[str]


@dataclass(frozen=True)
class Watch:
    """Who is told, from when on, and where the runbook is: what a component needs to bring its alarms."""

    topic_arn: pulumi.Output[str]
    """Where notices go."""
    settings: ObservabilitySettings
    page_topic_arn: pulumi.Output[str] | None = None
    """Where pages go; unset, where notices go."""
    region: str | None = None
    """Where alarms and topics stand; unset, in the platform's region."""
    raised: list[Raised] = field(default_factory=list)
    """Every alarm so far, in the order in which components were built."""

    def of(self, severity: Severity) -> list[Raised]:
        """The alarms of one severity."""
        return [raised for raised in self.raised if raised.severity == severity]


@dataclass(frozen=True)
class Metric:
    """A CloudWatch metric of one thing."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str = "Average"
    """As CloudWatch names it; a percentile is ``p95``."""


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
    threshold: pulumi.Input[float] | Bounds,
    description: str,
    comparison: Comparison = "GreaterThanThreshold",
    period: int = 60,
    periods: int = 5,
    missing: Missing = "notBreaching",
    severity: Severity = "notice",
    extra_actions: Sequence[pulumi.Input[str]] = (),
) -> aws.cloudwatch.MetricAlarm:
    """One alarm named ``<component>-<key>``; ``description`` says what it means and what to look at first.

    ``period`` is in seconds, ``periods`` how many of them must be beyond the threshold. With two bounds it is two alarms, the
    one that pages named ``<component>-<key>-page``, and the milder one is returned. Tells when it sets off and when it clears.
    """
    made = []
    for name, level, bound in _levels(key, severity, threshold):
        resource = aws.cloudwatch.MetricAlarm(
            f"{parent.name}-{name}",
            alarm_description=f"{description}{_runbook(watch, name)}",
            comparison_operator=comparison,
            threshold=bound,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            treat_missing_data=missing,
            alarm_actions=[watch.topic_arn, *extra_actions],
            ok_actions=[watch.topic_arn],
            region=watch.region,
            opts=parent.child(),
            **_measure(measure, period),
        )
        watch.raised.append(Raised(parent.name, parent.layer, name, level, resource.name, resource.arn))
        made.append(resource)
    return made[0]


def key_of(key: str, severity: Severity) -> str:
    """What an alarm is called of which there is one for each severity."""
    return key if severity == "notice" else f"{key}-page"


def _levels(
    key: str, severity: Severity, threshold: pulumi.Input[float] | Bounds
) -> list[tuple[str, Severity, pulumi.Input[float]]]:
    if isinstance(threshold, Bounds):
        return [(key_of(key, level), level, bound) for level, bound in threshold.levels()]
    return [(key, severity, threshold)]


def _runbook(watch: Watch, key: str) -> str:
    return f"\nRunbook: {watch.settings.runbook}#{key}" if watch.settings.runbook else ""


_PERCENTILE = re.compile(r"p\d+(\.\d+)?")


def _measure(measure: Metric | Expression, period: int) -> dict[str, Any]:
    if isinstance(measure, Metric):
        percentile = _PERCENTILE.fullmatch(measure.statistic)
        return {
            "namespace": measure.namespace,
            "metric_name": measure.name,
            "dimensions": dict(measure.dimensions),
            "extended_statistic" if percentile else "statistic": measure.statistic,
            # A percentile of a handful of requests is one request.
            **({"evaluate_low_sample_count_percentiles": "ignore"} if percentile else {}),
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
