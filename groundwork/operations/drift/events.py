"""Who changed what differs, as CloudTrail tells it: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.drift.model import ChangeEvent, DriftFinding
from groundwork.operations.errors import OperationError, UnreachableError
from groundwork.settings.facts import partition_of

_KEPT = datetime.timedelta(days=90)
"""Older ones only a trail's bucket has."""
_AT_MOST = 50
"""Lookups: two a second are answered, so half a minute. What differs beyond that is told without who."""
_SHOWN = 2
_ELSEWHERE = ("aws:iam/", "aws:cloudfront/", "aws:route53/", "iam", "cloudfront", "route53")
"""Whose events are in the partition's first region, where these services are."""
_NO_CHANGE = ("Snapshot", "Backup", "Reboot", "Failover", "Login", "StartSession", "ExecuteCommand")
_MEANS: Mapping[str, str] = {
    "pulumi": "Pulumi",
    "terraform": "Terraform",
    "aws-cli": "the AWS CLI",
    "cloudformation": "CloudFormation",
    "mozilla": "the console",
    "console": "the console",
    "boto3": "boto3",
}
"""What a caller says it is → what that is called; the first that is found."""


def with_events(
    account: StackAccount, findings: list[DriftFinding], now: datetime.datetime
) -> tuple[list[DriftFinding], str]:
    """Return what differs with what changed it last, and why CloudTrail does not say it where it does not."""
    told: dict[tuple[str, str], tuple[ChangeEvent, ...]] = {}
    done: list[DriftFinding] = []
    for at, finding in enumerate(findings):
        region = _region(account, finding)
        events: tuple[ChangeEvent, ...] = ()
        for name in finding.looked_up:
            if events:
                break
            if (region, name) not in told:
                if len(told) == _AT_MOST:
                    return [*done, *findings[at:]], f"asked about the first {at} alone"
                try:
                    told[region, name] = tuple(_events(account, region, name, now))
                except UnreachableError:
                    raise
                except OperationError as error:
                    return [*done, *findings[at:]], str(error)
            events = told[region, name]
        done.append(replace(finding, events=events))
    return done, ""


def _region(account: StackAccount, finding: DriftFinding) -> str:
    everywhere = partition_of(account.settings.region).global_region
    return everywhere if everywhere and finding.type.startswith(_ELSEWHERE) else finding.region


def _events(account: StackAccount, region: str, name: str, now: datetime.datetime) -> Iterator[ChangeEvent]:
    """Yield the newest changes of a resource: by others than Pulumi, and where there are none, Pulumi's own."""
    with plain_errors("asking CloudTrail who changed it"):
        said = account.client("cloudtrail", region).lookup_events(
            LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": name}], StartTime=now - _KEPT
        )
    changes = list(map(_event, filter(_is_change, said["Events"])))
    yield from ([one for one in changes if one.by_means_of != "Pulumi"] or changes)[:_SHOWN]


def _is_change(event: Mapping[str, Any]) -> bool:
    return str(event.get("ReadOnly")) != "true" and not any(word in event["EventName"] for word in _NO_CHANGE)


def _event(event: Mapping[str, Any]) -> ChangeEvent:
    told: Mapping[str, Any] = json.loads(event.get("CloudTrailEvent") or "{}")
    means = _means(str(told.get("userAgent") or ""))
    return ChangeEvent(event["EventName"], _who(told.get("userIdentity") or {}, event), means, event["EventTime"])


def _who(identity: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Return who it was: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html"""
    kind = identity.get("type")
    if kind == "Root":
        return "the root user"
    if kind == "AssumedRole":
        session = str(identity.get("arn", "")).rpartition("/")[2]
        role = (identity.get("sessionContext") or {}).get("sessionIssuer", {}).get("userName", "")
        return f"{role}/{session}".strip("/") or "a role"
    return str(identity.get("userName") or identity.get("invokedBy") or event.get("Username") or "somebody")


def _means(agent: str) -> str:
    found = next((word for mark, word in _MEANS.items() if mark in agent.lower()), None)
    return found or agent.split("/", maxsplit=1)[0].split(" ", maxsplit=1)[0] or "?"
