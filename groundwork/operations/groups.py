"""The Auto Scaling groups of a stack, found by its tags."""

from __future__ import annotations

from typing import Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.tags import tag_filters


def groups_of(account: StackAccount) -> list[dict[str, Any]]:
    """Return the groups as AWS describes them."""
    with plain_errors("looking for the stack's Auto Scaling groups"):
        pages = account.client("autoscaling").get_paginator("describe_auto_scaling_groups")
        return [group for page in pages.paginate(Filters=tag_filters(account)) for group in page["AutoScalingGroups"]]


def resize(account: StackAccount, name: str, least: int, most: int | None = None, wanted: int | None = None) -> None:
    """Change how many instances a group has; what is None stays."""
    sizes = {"MinSize": least, "MaxSize": most, "DesiredCapacity": wanted}
    with plain_errors(f"changing the number of instances of {name}"):
        account.client("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=name, **{key: value for key, value in sizes.items() if value is not None}
        )
