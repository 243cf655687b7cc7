"""ARNs and ids in a stack file: their forms, and of which partition and region they are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from groundwork.settings.facts import partition_of

CertificateArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$")]
SecurityGroupId = Annotated[str, Field(pattern="^sg-([0-9a-f]{8}|[0-9a-f]{17})$")]
KeyArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+$")]
SecretArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+$")
]


def arn_elsewhere(arn: str, region: str) -> str | None:
    """Return where an ARN is, in words, if it is not in ``region``; an ARN without a region is anywhere in its partition."""
    _, partition, _, stands, *_ = arn.split(":", 5)
    wanted = partition_of(region).name
    if partition != wanted:
        return f"is of the partition {partition}, and {region} is of {wanted}"
    return f"is in {stands}" if stands and stands != region else None
