"""Alarms of every stack: each can go off, and somebody is told where it does."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import cache_is_burstable, database_memory, instance_is_burstable, max_connections
from tests.stacks import STACKS, snapshot_of

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
Inputs = Mapping[str, Any]


def alarms(snapshot: Snapshot) -> list[Resource]:
    """Those that tell somebody, rather than scale something."""
    return [
        found
        for found in snapshot.of_type(ALARM)
        if not any("scalingPolicy" in str(action) for action in found.inputs.get("alarmActions", []))
    ]


def metrics(inputs: Inputs) -> Iterator[Inputs]:
    """What an alarm reads: namespace, name and dimensions of each metric."""
    if "metricName" in inputs:
        yield inputs
    yield from (query["metric"] for query in inputs.get("metricQueries", []) if "metric" in query)


@pytest.mark.parametrize("stack", STACKS)
def test_every_alarm_speaks_to_a_topic_of_its_own_region(stack: str) -> None:
    """An alarm reaches no topic of another region, and AWS takes the ARN of one that is not there without a word."""
    snapshot = snapshot_of(stack)
    topics = {found.outputs["arn"] for found in snapshot.of_type("aws:sns/topic:Topic")}
    for found in [*alarms(snapshot), *snapshot.of_type(COMPOSITE)]:
        told = [action for action in found.inputs.get("alarmActions", []) if action in topics]
        assert told, f"{found.name} tells nobody"
        region = found.inputs.get("region", snapshot.region)
        assert {topic.split(":")[3] for topic in told} == {region}, found.name


@pytest.mark.parametrize("stack", STACKS)
def test_every_alarm_looks_at_something_that_the_stack_builds(stack: str) -> None:
    """A dimension with another name than the thing has leaves an alarm without data for ever."""
    snapshot = snapshot_of(stack)
    built = {
        text
        for found in snapshot.resources
        if found.type not in (ALARM, COMPOSITE)
        for text in _texts([found.inputs, found.outputs])
    }
    # What instances measure themselves they tell under the name that they are started with.
    for template in snapshot.of_type("aws:ec2/launchTemplate:LaunchTemplate"):
        built.add(base64.b64decode(template.inputs.get("userData", "")).decode())
    for found in alarms(snapshot):
        for metric in metrics(found.inputs):
            for name, value in metric.get("dimensions", {}).items():
                if name not in _NAMED_BY_AWS:
                    known = _NODE.sub("", value) if name == "CacheClusterId" else value
                    assert any(known in text for text in built), f"{found.name}: {name}={value}"


_NAMED_BY_AWS = {"ClientId", "path", "fstype", "device"}
"""The account, and what an agent finds on a disk."""
_NODE = re.compile(r"(-\d{4})?-\d{3}$")
"""Shard and node, as ElastiCache adds them to the name of a group."""


def _texts(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            pending += item.values()
        elif isinstance(item, list):
            pending += item


@pytest.mark.parametrize("stack", STACKS)
def test_no_threshold_is_beyond_what_the_chosen_size_can_reach(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for found in alarms(snapshot):
        inputs = found.inputs
        limit = _limit(snapshot, inputs)
        if limit is None:
            continue
        above = inputs["comparisonOperator"].startswith("Greater")
        assert inputs["threshold"] < limit if above else 0 < inputs["threshold"] <= limit, (
            f"{found.name}: {inputs['comparisonOperator']} {inputs['threshold']}, and it goes to {limit}"
        )


def _limit(snapshot: Snapshot, inputs: Inputs) -> float | None:
    """The most that the metric of an alarm can say; None where nothing limits it."""
    metric = inputs.get("metricName", "")
    if "metricQueries" in inputs:
        formula = next(query["expression"] for query in inputs["metricQueries"] if "expression" in query)
        return 100 if "100 *" in formula else None
    if inputs.get("statistic") == "SampleCount":
        return None
    if metric.endswith(_PERCENT):
        return 100
    reads = _LIMITS.get((inputs["namespace"], metric))
    return reads(snapshot, inputs["dimensions"]) if reads else None


_PERCENT = ("Utilization", "Percentage", "_percent", "JVMMemoryPressure", "_utilization", "_over_pod_limit")


def _instance(snapshot: Snapshot, dimensions: Inputs) -> Inputs:
    [found] = [
        item.inputs
        for item in snapshot.of_type("aws:rds/instance:Instance")
        if item.inputs["identifier"] == dimensions["DBInstanceIdentifier"]
    ]
    return found


def _class_memory(snapshot: Snapshot, dimensions: Inputs) -> float:
    gib = database_memory(_instance(snapshot, dimensions)["instanceClass"])
    assert gib is not None
    return gib * 1024**3


def _storage(snapshot: Snapshot, dimensions: Inputs) -> float:
    instance = _instance(snapshot, dimensions)
    primary = next(
        item.inputs for item in snapshot.of_type("aws:rds/instance:Instance") if "allocatedStorage" in item.inputs
    )
    return float(instance.get("allocatedStorage", primary["allocatedStorage"])) * 1024**3


def _connections(snapshot: Snapshot, dimensions: Inputs) -> float:
    instance = _instance(snapshot, dimensions)
    # Compared by name: instances of one stack share the group that the stack file's parameters are in.
    [group] = [
        item
        for item in snapshot.of_type("aws:rds/parameterGroup:ParameterGroup")
        if item.outputs["name"] == instance["parameterGroupName"]
    ]
    said = [float(one["value"]) for one in group.inputs["parameters"] if one["name"] == "max_connections"]
    most = said[0] if said else max_connections(instance["instanceClass"])
    assert most is not None
    return most


def _function_time(snapshot: Snapshot, dimensions: Inputs) -> float:
    [timeout] = [
        item.inputs["timeout"]
        for item in snapshot.of_type("aws:lambda/function:Function")
        if item.outputs["name"] == dimensions["FunctionName"]
    ]
    return float(timeout) * 1000


def _message_age(snapshot: Snapshot, dimensions: Inputs) -> float:
    [kept] = [
        item.inputs.get("messageRetentionSeconds", 345_600)
        for item in snapshot.of_type("aws:sqs/queue:Queue")
        if item.outputs["name"] == dimensions["QueueName"]
    ]
    return float(kept)


def _firehose_age(snapshot: Snapshot, dimensions: Inputs) -> float:
    """Firehose tries S3 for a day: https://docs.aws.amazon.com/firehose/latest/dev/retry.html"""
    return 86_400


_LIMITS: Mapping[tuple[str, str], Callable[[Snapshot, Inputs], float]] = {
    ("AWS/RDS", "FreeableMemory"): _class_memory,
    ("AWS/RDS", "FreeStorageSpace"): _storage,
    ("AWS/RDS", "DatabaseConnections"): _connections,
    ("AWS/Lambda", "Duration"): _function_time,
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): _message_age,
    ("AWS/Firehose", "DeliveryToS3.DataFreshness"): _firehose_age,
}


@pytest.mark.parametrize("stack", STACKS)
def test_what_lives_on_cpu_credits_tells_when_they_are_gone(stack: str) -> None:
    """Held at a tenth of a vCPU it never reaches a threshold of 80 %."""
    snapshot = snapshot_of(stack)
    watched = {
        value
        for found in alarms(snapshot)
        for metric in metrics(found.inputs)
        if metric["metricName"] == "CPUCreditBalance"
        for value in metric["dimensions"].values()
    }
    nodes = {
        value
        for found in alarms(snapshot)
        if found.inputs.get("metricName") == "EngineCPUUtilization"
        for value in found.inputs["dimensions"].values()
    }
    [*groups] = snapshot.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    burstable = any(cache_is_burstable(group.inputs["nodeType"]) for group in groups)
    assert nodes <= watched if burstable else not nodes & watched
    standard = {
        template.outputs["id"]
        for template in snapshot.of_type("aws:ec2/launchTemplate:LaunchTemplate")
        if template.inputs.get("creditSpecification", {}).get("cpuCredits") == "standard"
        and instance_is_burstable(template.inputs["instanceType"])
    }
    held = {
        group.outputs["name"]
        for group in snapshot.of_type("aws:autoscaling/group:Group")
        if any(template in json.dumps(group.inputs) for template in standard)
    }
    assert held <= watched


@pytest.mark.parametrize("stack", STACKS)
def test_no_alarm_looks_back_further_than_a_day(stack: str) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (EvaluationPeriods): periods below
    an hour make up a day at most."""
    for found in alarms(snapshot_of(stack)):
        periods = [metric.get("period", found.inputs.get("period")) for metric in metrics(found.inputs)]
        assert all(period * found.inputs["evaluationPeriods"] <= 86_400 for period in periods), found.name
