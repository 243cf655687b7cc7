"""What of an account bears a stack's tags: every resource of one has ``platform``, ``stage``, and its logical name as ``Name``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from groundwork.operations.account import StackAccount, plain_errors


def tag_filters(account: StackAccount) -> list[dict[str, Any]]:
    """Return what finds the stack's instances, volumes and groups by their tags, as EC2 and Auto Scaling take it."""
    platform = account.settings.platform
    return [
        {"Name": f"tag:{name}", "Values": [value]}
        for name, value in (("platform", platform.name), ("stage", platform.stage))
    ]


def tagged(account: StackAccount, region: str | None = None, kinds: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """Map the ARNs of what bears the stack's tags to all tags of it; in the stack's region or another, and of some kinds or of all that the
    Resource Groups Tagging API lists. IAM's roles and Auto Scaling groups are not among it:
    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html"""
    platform = account.settings.platform
    wanted: dict[str, Any] = {
        "TagFilters": [
            {"Key": "platform", "Values": [platform.name]},
            {"Key": "stage", "Values": [platform.stage]},
        ]
    }
    if only := sorted(set(kinds)):
        wanted["ResourceTypeFilters"] = only
    with plain_errors("looking for the stack's resources by their tags"):
        pages = account.client("resourcegroupstaggingapi", region).get_paginator("get_resources")
        return {
            one["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            for page in pages.paginate(**wanted)
            for one in page["ResourceTagMappingList"]
        }


def kind_of(arn: str) -> str:
    """Return of what kind an ARN is: ``ec2:security-group``, ``sns``."""
    _, _, service, _, _, rest = arn.split(":", 5)
    words = re.split("[/:]", rest)
    if words[0] in ("global", "regional"):
        # A web ACL's says where it is for.
        del words[0]
    return f"{service}:{words[0]}" if len(words) > 1 else service


class TaggedResources:
    """What bears the stack's tags in some regions, to be looked up by kind and name."""

    def __init__(self, found: Mapping[str, Mapping[str, str]]) -> None:
        self.found = found
        """ARN → its tags."""
        self._by_name: dict[tuple[str, str], list[str]] = {}
        for arn, tags in found.items():
            self._by_name.setdefault((kind_of(arn), tags.get("Name", "")), []).append(arn)

    def arns(self, kind: str, name: str) -> list[str]:
        """Return the ARNs of a kind that bear a name; the newest last where they are numbered."""
        return sorted(self._by_name.get((kind, name), ()), key=lambda arn: (len(arn), arn))


def find_tagged(account: StackAccount, regions: Mapping[str, Iterable[str]]) -> TaggedResources:
    """Ask what bears the stack's tags, in some regions; each with the kinds that are looked for, none for all."""
    return TaggedResources(
        {arn: tags for region in sorted(regions) for arn, tags in tagged(account, region, regions[region]).items()}
    )
