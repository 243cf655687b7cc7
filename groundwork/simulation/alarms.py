"""Which of a stack's alarms would ring on a simulated day, and when: those on what a day says of services and the database."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.simulation.day import DayResult, ServiceDay

_OF_SERVICES: Mapping[tuple[str, str], Callable[[ServiceDay], Sequence[float]]] = {
    ("AWS/ECS", "CPUUtilization"): lambda service: service.utilization,
    ("ECS/ContainerInsights", "RunningTaskCount"): lambda service: service.copies,
    ("AWS/ApplicationELB", "HealthyHostCount"): lambda service: service.copies,
    ("AWS/ApplicationELB", "TargetResponseTime"): lambda service: service.mean,
}
"""What a metric is of a simulated service, a number for each minute."""

_BEYOND: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class RingingAlarm:
    """An alarm that rings."""

    name: str
    """Of the resource in the program."""
    begins: int
    """The first minute of the day at which it rings."""
    minutes: int
    """In all."""


def ringing(snapshot: Snapshot, platform: str, result: DayResult) -> list[RingingAlarm]:
    """Return the alarms of a snapshot that would ring, in the order in which they begin to.

    An alarm rings when ``datapointsToAlarm`` of its last ``evaluationPeriods`` minutes are beyond the threshold:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html. Those that scale services are none of them.
    """
    found = []
    for alarm in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
        values = next(_measured(alarm, platform, result), None)
        if values is None or _scales(alarm):
            continue
        rings = _rings(alarm, values)
        if any(rings):
            found.append(RingingAlarm(alarm.name, rings.index(True), sum(rings)))
    return sorted(found, key=lambda one: (one.begins, one.name))


def _measured(alarm: Resource, platform: str, result: DayResult) -> Iterator[Sequence[float]]:
    metric = (str(alarm.inputs.get("namespace")), str(alarm.inputs.get("metricName")))
    if alarm.inputs.get("period") != 60:
        return
    for name, service in result.services.items():
        if metric in _OF_SERVICES and alarm.name.startswith(f"{platform}-compute-{name}-"):
            # Each copy is a sample: without Container Insights that is how copies are counted.
            counted = alarm.inputs.get("statistic") == "SampleCount"
            yield service.copies if counted else _OF_SERVICES[metric](service)
    if metric == ("AWS/RDS", "CPUUtilization") and alarm.name.startswith(f"{platform}-database-primary-"):
        yield result.database
    if metric == ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"):
        # What nobody answers in time the load balancer answers, with 503 or 504.
        lost = [service.lost for service in result.services.values() if service.tier.public]
        yield [sum(minute) for minute in zip(*lost, strict=True)]


def _scales(alarm: Resource) -> bool:
    return any(":scalingPolicy:" in str(action) for action in alarm.inputs.get("alarmActions") or ())


def _rings(alarm: Resource, values: Sequence[float]) -> list[bool]:
    beyond = _BEYOND[alarm.inputs["comparisonOperator"]]
    threshold = float(alarm.inputs["threshold"])
    periods = int(alarm.inputs["evaluationPeriods"])
    needed = int(alarm.inputs.get("datapointsToAlarm") or periods)
    bad = [beyond(value, threshold) for value in values]
    return [sum(bad[max(minute + 1 - periods, 0) : minute + 1]) >= needed for minute in range(len(bad))]
