"""What of a stack's resources an account has, found by the tags that every one of them carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundwork.operations.account import StackAccount, plain_errors

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource, Snapshot

# https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
_KINDS: Mapping[str, str] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch:alarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "cloudwatch:alarm",
    "aws:sqs/queue:Queue": "sqs",
    "aws:acm/certificate:Certificate": "acm:certificate",
    "aws:lb/targetGroup:TargetGroup": "elasticloadbalancing:targetgroup",
    "aws:sns/topic:Topic": "sns",
    "aws:s3/bucket:Bucket": "s3",
}


@dataclass(frozen=True)
class StackResources:
    """A stack's resources: what its program declares, and what of that is there."""

    account: StackAccount
    snapshot: Snapshot
    _arns: Mapping[tuple[str, str], str]
    """By AWS's type and the tag ``Name``, which is the logical name."""

    def of_type(self, *types: str) -> Sequence[Resource]:
        """Return what the program declares of some types."""
        return self.snapshot.of_type(*types)

    def arn(self, resource: Resource) -> str | None:
        """Return a resource's ARN in the account; None where it is not there."""
        return self._arns.get((_KINDS[resource.type], resource.name))


def find_resources(account: StackAccount, snapshot: Snapshot) -> StackResources:
    """Ask which of the resources whose names Pulumi chose are there, in the regions that they are declared for."""
    wanted: dict[str, set[str]] = {}
    for resource in snapshot.resources:
        if resource.type in _KINDS:
            region = resource.inputs.get("region") or account.settings.region
            wanted.setdefault(region, set()).add(_KINDS[resource.type])
    found: dict[tuple[str, str], str] = {}
    for region, kinds in wanted.items():
        found |= _by_tag(account, region, sorted(kinds))
    return StackResources(account, snapshot, found)


def _by_tag(account: StackAccount, region: str, kinds: Sequence[str]) -> dict[tuple[str, str], str]:
    platform = account.settings.platform
    filters = [{"Key": "platform", "Values": [platform.name]}, {"Key": "stage", "Values": [platform.stage]}]
    found: dict[tuple[str, str], str] = {}
    with plain_errors("looking for the stack's resources by their tags"):
        pages = account.client("resourcegroupstaggingapi", region).get_paginator("get_resources")
        for page in pages.paginate(TagFilters=filters, ResourceTypeFilters=list(kinds)):
            for one in page["ResourceTagMappingList"]:
                name = next((tag["Value"] for tag in one["Tags"] if tag["Key"] == "Name"), None)
                if name is not None:
                    found[_kind(one["ResourceARN"]), name] = one["ResourceARN"]
    return found


def _kind(arn: str) -> str:
    """Return which of the kinds an ARN is of."""
    _, _, service, _, _, rest = arn.split(":", 5)
    whole = f"{service}:{rest.replace('/', ':').split(':')[0]}"
    return next(kind for kind in _KINDS.values() if kind in (service, whole))
