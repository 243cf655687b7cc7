"""What of a stack's resources an account has, found by the tags that every one of them carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundwork.operations.account import StackAccount
from groundwork.operations.tags import TaggedResources, find_tagged

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
    _there: TaggedResources

    def of_type(self, *types: str) -> Sequence[Resource]:
        """Return what the program declares of some types."""
        return self.snapshot.of_type(*types)

    def arn(self, resource: Resource) -> str | None:
        """Return a resource's ARN in the account; None where it is not there."""
        return next(iter(self._there.arns(_KINDS[resource.type], resource.name)), None)


def find_resources(account: StackAccount, snapshot: Snapshot) -> StackResources:
    """Ask which of the resources whose names Pulumi chose are there, in the regions that they are declared for."""
    wanted: dict[str, set[str]] = {}
    for resource in snapshot.resources:
        if resource.type in _KINDS:
            region = resource.inputs.get("region") or account.settings.region
            wanted.setdefault(region, set()).add(_KINDS[resource.type])
    return StackResources(account, snapshot, find_tagged(account, wanted))
