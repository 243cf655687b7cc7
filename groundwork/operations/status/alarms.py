"""Alarms that ring."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.durations import lasting
from groundwork.operations.resources import StackResources
from groundwork.operations.status.model import Health, StatusLine
from groundwork.operations.status.services import is_open

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource

_TYPES = ("aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm")
_AT_ONCE = 100
"""Names in one question: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


def alarm_lines(resources: StackResources, now: datetime.datetime) -> Iterator[StatusLine]:
    """Yield a line for each alarm that rings, and one that counts all."""
    declared = [one for one in resources.of_type(*_TYPES) if _tells(one)]
    there = {arn.rpartition(":alarm:")[2]: one for one in declared if (arn := resources.arn(one))}
    states = _states(resources.account, list(there))
    ringing = {name: one for name, one in states.items() if one["StateValue"] == "ALARM"}
    for name, one in sorted(ringing.items(), key=lambda item: str(item[1]["StateUpdatedTimestamp"])):
        yield _alarm(resources, there[name], one, now)
    absent = len(declared) - len(states)
    facts = {"alarms": len(declared), "ringing": len(ringing), "missing": absent}
    silent = sum(one["StateValue"] == "INSUFFICIENT_DATA" for one in states.values())
    says = f"{len(states)} there, {len(ringing)} {'rings' if len(ringing) == 1 else 'ring'}, {silent} without data"
    if absent:
        up = f"pulumi up --stack {resources.account.stack.name}"
        yield StatusLine("alarms", Health.MISSING, says, why=(f"{absent} are not there",), next=up, facts=facts)
    elif declared:
        yield StatusLine("alarms", Health.WELL, says, facts=facts)


def _tells(alarm: Resource) -> bool:
    """Tell whether an alarm is for people, and not for scaling alone."""
    actions = [str(action) for action in alarm.inputs.get("alarmActions") or ()]
    return not actions or any(":sns:" in action for action in actions)


def _states(account: StackAccount, names: list[str]) -> dict[str, dict[str, Any]]:
    states: dict[str, dict[str, Any]] = {}
    with plain_errors("asking which alarms ring"):
        pages = account.client("cloudwatch").get_paginator("describe_alarms")
        for at in range(0, len(names), _AT_ONCE):
            some = pages.paginate(AlarmNames=names[at : at + _AT_ONCE], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            for page in some:
                for one in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())):
                    states[one["AlarmName"]] = one
    return states


def _alarm(resources: StackResources, resource: Resource, state: dict[str, Any], now: datetime.datetime) -> StatusLine:
    account = resources.account
    since = state["StateUpdatedTimestamp"]
    name = resource.name.removeprefix(f"{account.settings.platform.name}-")
    says = f"rings for {lasting(since, now)}"
    facts = {"alarm": state["AlarmName"], "since": since.isoformat(), "reason": state.get("StateReason", "")}
    if not is_open(account, now):
        return StatusLine(name, Health.STOPPED, f"{says}, outside the platform's hours", facts=facts)
    why = str(resource.inputs.get("alarmDescription") or state.get("StateReason") or "")
    return StatusLine(
        name, Health.UNWELL, says, why=(why,) if why else (), next=_next(resources, name, state), facts=facts
    )


def _next(resources: StackResources, name: str, state: dict[str, Any]) -> str:
    """Return what tells more: the words of the service or job that an alarm is about, else when it rang and why."""
    account = resources.account
    service = next((one for _, one, _ in account.settings.containers() if f"-{one}-" in f"-{name}-"), None)
    messaging = account.settings.messaging
    queue = (
        next((one for one in messaging.queues if name == f"{one.removesuffix('.fifo')}-dead-letters"), None)
        if messaging
        else None
    )
    if queue:
        return f"groundwork redrive {account.stack_name} {queue}"
    if service:
        return f"groundwork logs {account.stack_name} {service} --since 1h"
    region = account.settings.region
    return f"aws cloudwatch describe-alarm-history --region {region} --alarm-name {state['AlarmName']}"
