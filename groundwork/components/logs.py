"""Log groups: a fixed name, a retention, a key, and which services of AWS may write to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import policy_document
from groundwork.components.base import Component
from groundwork.components.context import Context, Logging


def log_group(
    parent: Component,
    key: str,
    path: pulumi.Input[str],
    *,
    retention: int | None = None,
    region: str | None = None,
    logging: Logging | None = None,
) -> aws.cloudwatch.LogGroup:
    """Create a log group called ``path``, encrypted, kept ``retention`` days (unset, as the platform keeps logs),
    whose lines go to the archive too where there is one. In ``region``; unset, the platform's, as is ``logging``.

    The logical name is ``<component>-<key>``. In prod the group of a service or replica that leaves stays, and empties itself as its
    entries reach their age.
    """
    logging = logging or parent.context.logging
    group = aws.cloudwatch.LogGroup(
        f"{parent.name}-{key}",
        name=path,
        retention_in_days=retention or logging.retention,
        kms_key_id=logging.key_arn,
        region=region,
        opts=parent.outlasting(),
    )
    if logging.delivery is not None:
        aws.cloudwatch.LogSubscriptionFilter(
            f"{parent.name}-{key}",
            log_group=group.name,
            filter_pattern="",
            destination_arn=logging.delivery.stream_arn,
            role_arn=logging.delivery.role_arn,
            region=region,
            opts=parent.child(depends_on=[logging.delivery.permission]),
        )
    return group


def service_writes(
    sid: str, service: str, context: Context, path: str, source_arn: pulumi.Input[str], *, region: str
) -> dict[str, Any]:
    """Return a statement for :func:`log_permission`: a service of AWS writes to the log group called ``path`` for
    ``source_arn``, and for nobody's but this account."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": context.arn("logs", f"log-group:{path}:*", region=region),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": context.account_id},
            "ArnLike": {"aws:SourceArn": source_arn},
        },
    }


def waf_writes(context: Context, path: str, *, region: str) -> dict[str, Any]:
    """Allow AWS WAF to write to the log group called ``path``.

    https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
    """
    source = context.arn("logs", "*", region=region)
    return service_writes("AllowWafLogs", "delivery.logs.amazonaws.com", context, path, source, region=region)


def log_permission(
    parent: Component, name: str, statements: Sequence[dict[str, Any]], *, region: str | None = None
) -> aws.cloudwatch.LogResourcePolicy:
    """Create a log resource policy called ``name`` in the account and ``region`` (unset, the platform's own).

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
