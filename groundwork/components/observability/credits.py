"""The alarm of what runs on CPU credits: without any it is slow, and no alarm on its CPU can say so."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from groundwork.components.alarms import Expression, Metric, alarm
from groundwork.components.base import Component

_PERIOD = 300
"""Seconds: credits are told every five minutes, no more often."""
_SPENDING = 0.8
"""Credits of five minutes. The smallest class earns one in that time, so whoever spends that much and has none left is held at the
baseline. A new node has none either, and does not need them yet."""
_PLENTY = 1_000
"""More than a small class can save."""


def watch_credits(parent: Component, key: str, namespace: str, dimensions: Mapping[str, pulumi.Input[str]]) -> None:
    """Create an alarm ``<key>-credits`` of a burstable instance, group or node in standard mode.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-standard-mode.html,
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.HostLevel.html
    """
    thresholds = parent.context.alerting.settings.thresholds
    if thresholds.cpu_credits is None:
        return
    alarm(
        parent,
        f"{key}-credits",
        Expression(
            f"IF(spent >= {_SPENDING}, left, {_PLENTY})",
            "CPU credits left while they are spent",
            {
                "left": Metric(namespace, "CPUCreditBalance", dimensions, "Minimum"),
                "spent": Metric(namespace, "CPUCreditUsage", dimensions, "Maximum"),
            },
        ),
        threshold=thresholds.cpu_credits,
        comparison="LessThanThreshold",
        period=_PERIOD,
        periods=3,
        description=f"Fewer than {thresholds.cpu_credits} CPU credits are left while they are spent; without any the CPU is held at a "
        "tenth or a fifth, and the alarm on CPU stays silent. Look at what is busy, then at a class that is not burstable.",
    )
