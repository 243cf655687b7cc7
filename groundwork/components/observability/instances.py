"""The alarms of a group of EC2 instances: processor, and whether any runs."""

from __future__ import annotations

import pulumi

from groundwork.components.alarms import Metric, alarm, key_of
from groundwork.components.base import Component


def watch_instances(parent: Component, key: str, group_name: pulumi.Input[str], *, least: int = 1) -> None:
    """Create the alarms ``<key>-cpu`` and ``<key>-in-service`` of the Auto Scaling group ``group_name``.

    The group must send ``GroupInServiceInstances`` (``enabled_metrics``). With ``least`` 0 it may be empty. Memory and disk
    come from an agent, under names that the engine gives them.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
    """
    thresholds = parent.context.alerting.settings.thresholds
    dimensions: dict[str, pulumi.Input[str]] = {"AutoScalingGroupName": group_name}
    alarm(
        parent,
        f"{key}-cpu",
        Metric("AWS/EC2", "CPUUtilization", dimensions),
        threshold=thresholds.instance_cpu,
        description=f"The instances have used more than {thresholds.instance_cpu} % of their CPU for 5 minutes. Look at which "
        "service is busy, then at a larger class or more instances.",
    )
    if least and thresholds.unhealthy_minutes is not None:
        for severity, minutes in thresholds.unhealthy_minutes.levels():
            alarm(
                parent,
                key_of(f"{key}-in-service", severity),
                Metric("AWS/AutoScaling", "GroupInServiceInstances", dimensions, "Maximum"),
                threshold=1,
                comparison="LessThanThreshold",
                periods=int(minutes),
                missing="breaching",
                severity=severity,
                description=f"No instance has passed its health check for {minutes:g} minutes. Look at the Auto Scaling group's "
                "activity, then at the instance's system log.",
            )
