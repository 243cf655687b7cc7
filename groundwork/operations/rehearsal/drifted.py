"""What ``groundwork drift`` says of a stack that was deployed a moment ago: nothing, or it cries wolf."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config

from groundwork.operations.account import StackAccount
from groundwork.operations.drift.detection import detect_drift
from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import StackFiles

if TYPE_CHECKING:
    from groundwork.components.settings import Settings

_NOT_LISTED = ("aws_iam_role", "aws_autoscaling_group")
"""https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html"""


@dataclass(frozen=True)
class RehearsedDrift:
    """A resource that would be said to differ, and in what: inputs, or none where it would be said to be missing."""

    type: str
    name: str
    properties: tuple[str, ...]


def drift_in(
    snapshot: Snapshot, deployed: Collection[str], state: Mapping[str, Any], address: str
) -> Iterator[RehearsedDrift]:
    """Yield what would be said of the resources with these URNs. The account at ``address`` is asked; what bears tags in it, of which it
    lists a part alone, Terraform's state tells."""
    standing = replace(snapshot, resources=tuple(one for one in snapshot.resources if one.urn in deployed))
    platform = snapshot.settings.get("platform") or {}
    # No more of them is asked for.
    named = SimpleNamespace(name=platform.get("name", ""), stage=platform.get("stage", ""))
    settings = cast("Settings", SimpleNamespace(platform=named, region=snapshot.region))
    stack = StackFiles(snapshot.project, snapshot.stack, Path(), Path(), Path(), snapshot.stack)
    session = boto3.Session("any", "any", region_name=snapshot.region)
    account = _RehearsedAccount(stack, settings, EXAMPLE_ACCOUNT, session, address=address, tags=dict(_tags(state)))
    for finding in detect_drift(account, standing, datetime.datetime.now(datetime.UTC), lambda _: "-").findings:
        roots = (one.property.split(".")[0].split("[")[0] for one in finding.values)
        yield RehearsedDrift(finding.type, finding.name, (*dict.fromkeys(roots), *finding.says))


def _tags(state: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for resource in state["resources"]:
        for instance in resource["instances"]:
            attributes = instance["attributes"]
            arn = attributes.get("arn") or attributes.get("id") or ""
            if resource["type"] == "aws_nat_gateway":
                arn = f"arn:aws:ec2:-:{EXAMPLE_ACCOUNT}:natgateway/{attributes['id']}"
            tags = attributes.get("tags_all") or attributes.get("tags")
            if tags and arn.startswith("arn:") and resource["type"] not in _NOT_LISTED:
                yield arn, tags


@dataclass(frozen=True)
class _RehearsedAccount(StackAccount):
    address: str = ""
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:
        if service == "resourcegroupstaggingapi":
            return _Pages(
                ResourceTagMappingList=[
                    {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                    for arn, tags in self.tags.items()
                ]
            )
        if service == "cloudtrail":
            return _Pages(Events=[])
        return _client(self.session, service, region or self.settings.region, self.address)


class _Pages:
    """A client with one answer to all that drift asks of it."""

    def __init__(self, **answer: Any) -> None:
        self._answer = answer

    def get_paginator(self, _: str) -> _Pages:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [self._answer]

    def lookup_events(self, **_: Any) -> dict[str, Any]:
        return self._answer


@cache
def _client(session: boto3.Session, service: str, region: str, address: str) -> Any:
    config = Config(retries={"mode": "standard", "max_attempts": 3})
    return session.client(service, region_name=region, endpoint_url=address, config=config)
