"""The alarms of a service behind the load balancer, as its users feel it: errors, slowness, nobody there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Expression, Metric, alarm, key_of
from groundwork.components.base import Component

_NAMESPACE = "AWS/ApplicationELB"

# Of two requests at night one error is half of all. A load balancer sends no number where it would be zero.
_LEAST_REQUESTS = 10


def watch_targets(
    parent: Component, service: str, load_balancer: pulumi.Input[str], groups: Sequence[pulumi.Input[str]]
) -> list[aws.cloudwatch.MetricAlarm]:
    """Create the alarms of a service's target groups (all by ARN suffix): one, or two that take turns. Returns the one at which a
    deployment under way is to be rolled back, where settings want it.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    thresholds = parent.context.alerting.settings.thresholds
    targets = _Targets(load_balancer, groups)
    errors = targets.measured("errors", "HTTPCode_Target_5XX_Count", "Sum")
    requests = targets.measured("requests", "RequestCount", "Sum")
    alarm(
        parent,
        f"{service}-response",
        targets.worst("TargetResponseTime"),
        threshold=thresholds.response_seconds,
        description=f"{service} has taken more than {thresholds.response_seconds} s on average to answer for 5 minutes. "
        "Look at its CPU, then at the database's.",
    )
    if thresholds.unhealthy_minutes is not None:
        for severity, minutes in thresholds.unhealthy_minutes.levels():
            alarm(
                parent,
                key_of(f"{service}-unhealthy", severity),
                # The load balancer's nodes each count; the best informed one is believed.
                targets.total("healthy", "HealthyHostCount", "Maximum", "Copies that are well"),
                threshold=1,
                comparison="LessThanThreshold",
                periods=int(minutes),
                missing="breaching",
                severity=severity,
                description=f"No copy of {service} has passed its health check for {minutes:g} minutes. Look at its logs, at why "
                "its last copies stopped, and whether it was just deployed.",
            )
    alarm(
        parent,
        f"{service}-error-rate",
        Expression(
            f"IF({_sum(requests)} >= {_LEAST_REQUESTS}, 100 * {_sum(errors)} / {_divisor(requests)}, 0)",
            "Errors in percent of requests",
            {**errors, **requests},
        ),
        threshold=thresholds.error_percent,
        periods=2,
        description=f"{service} has answered more than {thresholds.error_percent} % of its requests with a 5xx error for "
        "2 minutes. Look at its logs, and whether it was just deployed.",
    )
    return alarm(
        parent,
        f"{service}-errors",
        targets.total("errors", "HTTPCode_Target_5XX_Count", "Sum", "Errors"),
        threshold=thresholds.errors_per_minute,
        periods=1,
        description=f"{service} has answered more than {thresholds.errors_per_minute} requests of one minute with a 5xx "
        "error. Look at its logs, and whether it was just deployed.",
    )[:1]


class _Targets:
    """What is measured of the target groups of a service."""

    def __init__(self, load_balancer: pulumi.Input[str], groups: Sequence[pulumi.Input[str]]) -> None:
        self._dimensions: list[dict[str, pulumi.Input[str]]] = [
            {"LoadBalancer": load_balancer, "TargetGroup": group} for group in groups
        ]

    def measured(self, key: str, name: str, statistic: str = "Average") -> dict[str, Metric]:
        """Return a metric of each group, by ids that start with ``key``."""
        return {
            f"{key}{number if number > 1 else ''}": Metric(_NAMESPACE, name, dimensions, statistic)
            for number, dimensions in enumerate(self._dimensions, start=1)
        }

    def total(self, key: str, name: str, statistic: str, label: str) -> Metric | Expression:
        """Return what all groups have together."""
        metrics = self.measured(key, name, statistic)
        return metrics[key] if len(metrics) == 1 else Expression(_sum(metrics), label, metrics)

    def worst(self, name: str) -> Metric | Expression:
        """Return the highest of the groups' averages: a few copies that try a new version do not vanish in the mean of all."""
        metrics = self.measured("average", name)
        if len(metrics) == 1:
            return metrics["average"]
        return Expression(f"MAX([{', '.join(f'FILL({key}, 0)' for key in metrics)}])", "Slower group", metrics)


def _sum(metrics: Mapping[str, Metric]) -> str:
    filled = [f"FILL({key}, 0)" for key in metrics]
    return filled[0] if len(filled) == 1 else f"({' + '.join(filled)})"


def _divisor(metrics: Mapping[str, Metric]) -> str:
    return next(iter(metrics)) if len(metrics) == 1 else _sum(metrics)
