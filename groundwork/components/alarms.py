"""Alarms: each stateful thing and each service brings its own, all in one shape and two severities.

Every alarm speaks to the topic for notices. What cannot wait is a page, and pages are sent by
:class:`groundwork.components.observability.pages.Pages` alone, once for a fault and not once for each alarm that it sets off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Alerting, DeclaredAlarm
from groundwork.components.observability.settings import Bounds, Severity

Comparison = Literal[
    "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"
]
Missing = Literal["notBreaching", "breaching", "ignore", "missing"]


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
    threshold: pulumi.Input[float] | Bounds | None,
    description: str,
    comparison: Comparison = "GreaterThanThreshold",
    period: int = 60,
    periods: int = 5,
    missing: Missing = "notBreaching",
    severity: Severity = "notice",
    extra_actions: Sequence[pulumi.Input[str]] = (),
    alerting: Alerting | None = None,
) -> list[aws.cloudwatch.MetricAlarm]:
    """Create an alarm named ``<component>-<key>``; ``description`` says what it means and what to look at first.

    ``period`` is in seconds, ``periods`` how many of them must be beyond the threshold. Returns what it made, the milder first: with
    two bounds two alarms, the one that pages named ``<component>-<key>-page``; with None, where settings leave it out, none. Tells
    when it sets off and when it clears. ``alerting``: unset, the platform's.
    """
    alerting = alerting or parent.context.alerting
    made = []
    for name, level, bound in _levels(key, severity, threshold):
        resource = aws.cloudwatch.MetricAlarm(
            f"{parent.name}-{name}",
            alarm_description=f"{description}{_runbook(alerting, name)}",
            comparison_operator=comparison,
            threshold=bound,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            treat_missing_data=missing,
            alarm_actions=[alerting.topic_arn, *extra_actions],
            ok_actions=[alerting.topic_arn],
            region=alerting.region,
            opts=parent.child(),
            **_measure(measure, period),
        )
        alerting.declared.append(DeclaredAlarm(parent.name, parent.layer, name, level, resource.name, resource.arn))
        made.append(resource)
    return made


def key_of(key: str, severity: Severity) -> str:
    """Return an alarm's key, with ``-page`` appended for the severity that pages."""
    return key if severity == "notice" else f"{key}-page"


def _levels(
    key: str, severity: Severity, threshold: pulumi.Input[float] | Bounds | None
) -> list[tuple[str, Severity, pulumi.Input[float]]]:
    if isinstance(threshold, Bounds):
        return [(key_of(key, level), level, bound) for level, bound in threshold.levels()]
    return [] if threshold is None else [(key, severity, threshold)]


def _runbook(alerting: Alerting, key: str) -> str:
    return f"\nRunbook: {alerting.settings.runbook}#{key}" if alerting.settings.runbook else ""


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
