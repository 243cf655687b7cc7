"""Log groups: a fixed name, a retention, a key, and which services of AWS may write to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.access import policy_document
from components.base import Component, Foundation


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

    The logical name is ``<component>-<key>``. In prod the group of a service or replica that leaves stays, and empties itself as its
    entries reach their age.
    """
    group = aws.cloudwatch.LogGroup(
        f"{parent.name}-{key}",
        name=path,
        retention_in_days=retention or logging.retention,
        kms_key_id=logging.key_arn,
        region=region,
        opts=parent.outlasting(),
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


def service_writes(
    sid: str, service: str, foundation: Foundation, path: str, source_arn: pulumi.Input[str], *, region: str
) -> dict[str, Any]:
    """A statement of :func:`log_permission`: a service of AWS writes to the log group called ``path`` for ``source_arn``, and for
    nobody's but this account."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": foundation.arn("logs", f"log-group:{path}:*", region=region),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": foundation.account_id},
            "ArnLike": {"aws:SourceArn": source_arn},
        },
    }


def firewall_writes(foundation: Foundation, path: str, *, region: str) -> dict[str, Any]:
    """AWS WAF writes to the log group called ``path``.

    https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
    """
    source = foundation.arn("logs", "*", region=region)
    return service_writes("FirewallWrites", "delivery.logs.amazonaws.com", foundation, path, source, region=region)


def log_permission(
    parent: Component, name: str, statements: Sequence[dict[str, Any]], *, region: str | None = None
) -> aws.cloudwatch.LogResourcePolicy:
    """What services of AWS may write, called ``name`` in the account and ``region`` (unset, the platform's own).

    A second policy of one name silently takes the first one's place, so the name says platform and stage; an account has ten
    in a region, so one stands for all that a platform can put into it.
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html
    """
    return aws.cloudwatch.LogResourcePolicy(
        f"{parent.name}-logs",
        policy_name=name,
        policy_document=policy_document(statements),
        region=region,
        opts=parent.child(),
    )
