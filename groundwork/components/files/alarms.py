"""What sets off an alarm of a file system: its operations."""

from __future__ import annotations

import pulumi

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component


def watch_file_system(parent: Component, file_system_id: pulumi.Output[str]) -> None:
    """Create the alarm for a file system at the limit of its mode. Elastic throughput has no credits that could run out.

    https://docs.aws.amazon.com/efs/latest/ug/efs-metrics.html
    """
    alarm(
        parent,
        "operations",
        Metric("AWS/EFS", "PercentIOLimit", {"FileSystemId": file_system_id}, "Maximum"),
        threshold=parent.context.alerting.settings.thresholds.files_operations,
        description="The file system is near the operations that it can do in a second, and beyond them everybody waits. Look for many "
        "small reads and writes, keep what is read again and again in memory or a cache, or give some files a file system of their own.",
    )
