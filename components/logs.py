"""Log groups: a fixed name, a retention, a key."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component


@dataclass(frozen=True)
class Logging:
    """How the platform keeps logs."""

    key_arn: pulumi.Output[str]
    retention: int
    """Days."""


def log_group(
    parent: Component, key: str, path: pulumi.Input[str], logging: Logging, *, retention: int | None = None
) -> aws.cloudwatch.LogGroup:
    """A log group called ``path``, encrypted, kept ``retention`` days (unset, as the platform keeps logs).

    The logical name is ``<component>-<key>``.
    """
    return aws.cloudwatch.LogGroup(
        f"{parent.name}-{key}",
        name=path,
        retention_in_days=retention or logging.retention,
        kms_key_id=logging.key_arn,
        opts=parent.child(),
    )
