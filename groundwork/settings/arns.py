"""ARNs in a stack file: of which partition and region they are."""

from __future__ import annotations


def partition_of(region: str) -> str:
    """Return the partition that a region is in: ``aws``, ``aws-cn`` or ``aws-us-gov``.

    https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
    """
    return next((partition for start, partition in _PARTITIONS.items() if region.startswith(start)), "aws")


_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def arn_elsewhere(arn: str, region: str) -> str | None:
    """Return where an ARN is, in words, if it is not in ``region``; an ARN without a region is anywhere in its partition."""
    _, partition, _, stands, *_ = arn.split(":", 5)
    wanted = partition_of(region)
    if partition != wanted:
        return f"is of the partition {partition}, and {region} is of {wanted}"
    return f"is in {stands}" if stands and stands != region else None
