"""The alarms of a service behind the load balancer, as its users feel it: errors, slowness, nobody there."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Expression, Metric, alarm, key_of
from groundwork.components.base import Component

_NAMESPACE = "AWS/ApplicationELB"

# Of two requests at night one error is half of all. A load balancer sends no number where it would be zero.
_LEAST_REQUESTS = 10
_ERROR_PERCENT = f"IF(FILL(requests, 0) >= {_LEAST_REQUESTS}, 100 * FILL(errors, 0) / requests, 0)"


def watch_targets(
    parent: Component, service: str, load_balancer: pulumi.Input[str], group: pulumi.Input[str]
) -> list[aws.cloudwatch.MetricAlarm]:
    """Create the alarms of the target group ``group`` (both by ARN suffix). Returns the one at which a deployment under
    way is to be rolled back, where settings want it.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    thresholds = parent.context.alerting.settings.thresholds
    dimensions: dict[str, pulumi.Input[str]] = {"LoadBalancer": load_balancer, "TargetGroup": group}
    errors = Metric(_NAMESPACE, "HTTPCode_Target_5XX_Count", dimensions, "Sum")
    alarm(
        parent,
        f"{service}-response",
        Metric(_NAMESPACE, "TargetResponseTime", dimensions),
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
                Metric(_NAMESPACE, "HealthyHostCount", dimensions, "Maximum"),
                threshold=1,
                comparison="LessThanThreshold",
                periods=int(minutes),
                missing="breaching",
                severity=severity,
                description=f"No copy of {service} has passed its health check for {minutes:g} minutes. Look at its logs, at why "
                "its last copies stopped, and whether it was just deployed.",
            )
    requests = Metric(_NAMESPACE, "RequestCount", dimensions, "Sum")
    alarm(
        parent,
        f"{service}-error-rate",
        Expression(_ERROR_PERCENT, "Errors in percent of requests", {"errors": errors, "requests": requests}),
        threshold=thresholds.error_percent,
        periods=2,
        description=f"{service} has answered more than {thresholds.error_percent} % of its requests with a 5xx error for "
        "2 minutes. Look at its logs, and whether it was just deployed.",
    )
    return alarm(
        parent,
        f"{service}-errors",
        errors,
        threshold=thresholds.errors_per_minute,
        periods=1,
        description=f"{service} has answered more than {thresholds.errors_per_minute} requests of one minute with a 5xx "
        "error. Look at its logs, and whether it was just deployed.",
    )[:1]
