"""What every queue has, and the queues for what could not be handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component, fit
from groundwork.settings.facts import via_service

KEY_REUSE_SECONDS = 3600
"""How long SQS works with one data key: fewer requests to KMS, and a withdrawn permission that works within the hour."""
_LONGEST_RETENTION = 14 * 24 * 60 * 60
_LONGEST_NAME = 80 - len("-1234567.fifo")
"""SQS takes 80 characters, of which Pulumi and FIFO take some.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
"""


@dataclass(frozen=True)
class Sender:
    """An AWS service that puts messages into a queue on behalf of exactly one of its resources."""

    service: str
    """``s3.amazonaws.com``, ``sns.amazonaws.com``."""
    source_arn: pulumi.Input[str]


def dead_letters(
    parent: Component,
    key: str,
    *,
    description: str,
    fifo: bool = False,
    senders: Sequence[Sender] = (),
) -> aws.sqs.Queue:
    """Create a queue named ``<component>-<key>`` for what could not be handled, kept as long as SQS keeps anything.

    Its alarm goes off with the first message, on any platform: somebody has to look.
    """
    queue = aws.sqs.Queue(
        fit(f"{parent.name}-{key}", _LONGEST_NAME),
        fifo_queue=fifo or None,
        kms_master_key_id=parent.context.key_arn("messaging"),
        kms_data_key_reuse_period_seconds=KEY_REUSE_SECONDS,
        message_retention_seconds=_LONGEST_RETENTION,
        opts=parent.stateful(),
    )
    queue_policy(parent, key, queue, senders)
    alarm(
        parent,
        key,
        Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue.name}, "Maximum"),
        threshold=0,
        description=description,
        period=300,
        periods=1,
    )
    return queue


def queue_policy(parent: Component, key: str, queue: aws.sqs.Queue, senders: Sequence[Sender]) -> aws.sqs.QueuePolicy:
    """Create the one policy of a queue: no request without TLS, and which services may send. Everyone else needs a
    grant."""
    refused = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue.arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    services = dict.fromkeys(sender.service for sender in senders)
    allowed = [_allowed(parent, queue.arn, service, senders) for service in services]
    return aws.sqs.QueuePolicy(
        f"{parent.name}-{key}", queue_url=queue.url, policy=policy_document([refused, *allowed]), opts=parent.child()
    )


def _allowed(
    parent: Component, queue_arn: pulumi.Output[str], service: str, senders: Sequence[Sender]
) -> dict[str, Any]:
    """Allow a service to send. A bucket's ARN names no account, so that the account is asked for too.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """
    conditions: dict[str, Any] = {
        "ArnEquals": {"aws:SourceArn": [sender.source_arn for sender in senders if sender.service == service]}
    }
    if service == "s3.amazonaws.com":
        conditions["StringEquals"] = {"aws:SourceAccount": parent.context.account_id}
    return {
        "Sid": f"Allow{service.partition('.')[0].capitalize()}Send",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": conditions,
    }


def sending(
    label: str, queue_arn: pulumi.Input[str], key_arn: pulumi.Input[str], region: str, actions: Sequence[str] = ()
) -> list[Statement]:
    """Return the permissions to put messages into an encrypted queue; ``label`` starts the statement ids.

    SQS decrypts the data key to check it before it encrypts with it.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    return [
        Statement(f"{label}Send", ["sqs:SendMessage", *actions], [queue_arn]),
        key_statement(label, key_arn, via_service("sqs", region), ["kms:Decrypt", "kms:GenerateDataKey"]),
    ]


def key_statement(
    label: str, key_arn: pulumi.Input[str], service: str | Sequence[str], actions: Sequence[str]
) -> Statement:
    """Allow the use of a key through one service."""
    return Statement(f"{label}Key", actions, [key_arn], {"StringEquals": {"kms:ViaService": service}})
