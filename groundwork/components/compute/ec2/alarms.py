"""The alarms of instances (S4-12): processor, memory, disks, services that are unwell, and the cache beside them."""

from __future__ import annotations

import pulumi

from groundwork.components.alarms import Metric, alarm, key_of
from groundwork.components.base import Component
from groundwork.components.compute.ec2.agent import DISK, MEMORY, disk_dimensions
from groundwork.components.compute.ec2.machine import DATA, Machine
from groundwork.components.observability.credits import watch_credits

_DAY = 86_400


def watch_group(
    parent: Component,
    key: str,
    machine: Machine,
    group_name: pulumi.Input[str],
    *,
    burstable: bool,
    least: int,
) -> None:
    """Create a group's alarms, named after it; ``least`` instances run at any hour."""
    watch_instances(parent, key, group_name, least=least)
    if burstable:
        watch_credits(parent, key, "AWS/EC2", {"AutoScalingGroupName": group_name})
    thresholds = parent.context.alerting.settings.thresholds
    here = {"Group": machine.group}
    alarm(
        parent,
        f"{key}-memory",
        Metric(machine.namespace, MEMORY, here, "Maximum"),
        threshold=thresholds.instance_memory,
        description=f"An instance has used more than {thresholds.instance_memory} % of its memory for 5 minutes. Look which "
        "container grows, then at a larger class.",
    )
    for name, path in (("root", "/"), ("data", DATA)) if machine.volume else (("root", "/"),):
        alarm(
            parent,
            f"{key}-{name}-disk",
            Metric(machine.namespace, DISK, disk_dimensions(machine, path), "Maximum"),
            threshold=thresholds.instance_disk,
            description=f"More than {thresholds.instance_disk} % of {path} is full. Look for images and logs that nobody "
            "removed; a larger volume grows in place.",
        )
    if least:
        _watch_services(parent, key, machine)
        _watch_status(parent, key, group_name)
    if machine.jobs:
        _watch_jobs(parent, machine)
    if machine.cache:
        _watch_cache(parent, machine, copied=machine.cache.copied and least > 0)


def _watch_services(parent: Component, key: str, machine: Machine) -> None:
    unhealthy = parent.context.alerting.settings.thresholds.unhealthy_minutes
    if unhealthy is None:
        return
    for severity, minutes in unhealthy.levels():
        alarm(
            parent,
            key_of(f"{key}-services", severity),
            Metric(machine.namespace, "UnwellServices", {"Group": machine.group}, "Maximum"),
            threshold=0,
            periods=int(minutes),
            missing="breaching",
            severity=severity,
            description=f"A service has been unwell for {minutes:g} minutes although it is started again, or no instance says how "
            f"they are. Look at {machine.log_group} (boot, units), then at the service's own logs.",
        )


def _watch_status(parent: Component, key: str, group_name: pulumi.Input[str]) -> None:
    if parent.context.alerting.settings.thresholds.unhealthy_minutes is None:
        return
    alarm(
        parent,
        f"{key}-status",
        Metric("AWS/EC2", "StatusCheckFailed", {"AutoScalingGroupName": group_name}, "Maximum"),
        threshold=0,
        periods=2,
        description="EC2 finds an instance broken. Auto Scaling replaces it; look whether it did.",
    )


def _watch_cache(parent: Component, machine: Machine, *, copied: bool) -> None:
    here = {"Group": machine.group}
    memory = parent.context.alerting.settings.thresholds.cache_memory
    if memory is None:
        return
    alarm(
        parent,
        "cache-memory",
        Metric(machine.namespace, "CacheMemory", here, "Maximum"),
        threshold=memory,
        description=f"More than {memory} % of the cache's memory is in use; when it is full, keys are thrown out. Look at keys "
        "without expiry, then at cache.max_memory_mb or cache.placement: elasticache.",
    )
    if copied:
        alarm(
            parent,
            "cache-copy",
            Metric(machine.namespace, "CacheCopied", here, "Sum"),
            threshold=1,
            comparison="LessThanThreshold",
            period=_DAY,
            periods=1,
            missing="breaching",
            description=f"The cache was not copied to S3 for a day (a new instance has not yet). Look at {machine.log_group} (units).",
        )


def _watch_jobs(parent: Component, machine: Machine) -> None:
    alarm(
        parent,
        "job-failures",
        Metric(machine.namespace, "FailedJobs", {"Group": machine.group}, "Sum"),
        threshold=0,
        period=300,
        periods=1,
        description=f"A job failed. {machine.log_group} (units) says which; its own log group says why.",
    )


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
