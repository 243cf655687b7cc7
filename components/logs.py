"""Log groups: a fixed name, a retention, a key."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component


@dataclass(frozen=True)
class Archive:
    """Where log lines go beside their log group."""

    stream_arn: pulumi.Output[str]
    """A delivery stream in the region of the log groups."""
    role_arn: pulumi.Output[str]
    """Whom CloudWatch Logs becomes to write there."""
    permission: pulumi.Resource
    """What the role may do, without which CloudWatch Logs refuses the subscription."""


@dataclass(frozen=True)
class Logging:
    """How the platform keeps logs, in one region."""

    key_arn: pulumi.Output[str]
    retention: int
    """Days."""
    archive: Archive | None = None


def log_group(
    parent: Component,
    key: str,
    path: pulumi.Input[str],
    logging: Logging,
    *,
    retention: int | None = None,
    region: str | None = None,
) -> aws.cloudwatch.LogGroup:
    """A log group called ``path``, encrypted, kept ``retention`` days (unset, as the platform keeps logs), whose lines go to the
    archive too where there is one. In ``region``; unset, the platform's.

    The logical name is ``<component>-<key>``.
    """
    group = aws.cloudwatch.LogGroup(
        f"{parent.name}-{key}",
        name=path,
        retention_in_days=retention or logging.retention,
        kms_key_id=logging.key_arn,
        region=region,
        opts=parent.child(),
    )
    if logging.archive is not None:
        aws.cloudwatch.LogSubscriptionFilter(
            f"{parent.name}-{key}",
            log_group=group.name,
            filter_pattern="",
            destination_arn=logging.archive.stream_arn,
            role_arn=logging.archive.role_arn,
            region=region,
            opts=parent.child(depends_on=[logging.archive.permission]),
        )
    return group
