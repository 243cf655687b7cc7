"""Hands what a topic tells on to a FIFO queue, in a group.

SNS delivers from a standard topic to Lambda, e-mail and standard queues, and from a FIFO topic to queues alone, so that a topic that
people and functions hear cannot feed a FIFO queue itself: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html

``GROUP`` is the message group: what is in one group is received in the order in which it was sent. It may have placeholders that the
message fills, such as ``user-{user.id}``: one order for each user, and as many consumers as there are users.

The same message twice does no harm: it carries the hash of its text, by which SQS passes over a second within five minutes.

What it takes stands in ``function.yaml`` beside it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

logger = logging.getLogger()

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\}")
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_GROUP = re.compile(r"[!-~]{1,128}")


class Malformed(ValueError):  # noqa: N818 - it is an outcome, not a fault
    """A message that does not say which group it belongs to."""


def handle(event: Mapping[str, Any], context: object) -> None:
    """Handle messages of a topic."""
    for record in event["Records"]:
        told = record["Sns"]
        text: str = told["Message"]
        _sqs().send_message(
            QueueUrl=_queue(),
            MessageBody=text,
            MessageGroupId=group(os.environ["GROUP"], text),
            MessageDeduplicationId=hashlib.sha256(text.encode()).hexdigest(),
            MessageAttributes=_attributes(told.get("MessageAttributes") or {}),
        )
        logger.info("handed on", extra={"message_id": told["MessageId"]})


def group(template: str, text: str) -> str:
    """Return the group of a message."""
    if not _PLACEHOLDER.search(template):
        return template
    try:
        message = json.loads(text)
    except ValueError:
        raise Malformed("the message is no JSON, and GROUP asks for what is in it") from None

    def value(match: re.Match[str]) -> str:
        found: Any = message
        for part in match[1].split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, bool) or not isinstance(found, (str, int)):
            raise Malformed(f"the message has no {match[1]}")
        return str(found)

    filled = _PLACEHOLDER.sub(value, template)
    if not _GROUP.fullmatch(filled):
        raise Malformed("what fills GROUP is no name of a group: up to 128 visible ASCII characters")
    return filled


def _attributes(told: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return attributes as SQS writes them; bytes, which SNS hands over as base64, are left out."""
    return {
        name: {"DataType": "String" if kind.startswith("String") else kind, "StringValue": attribute["Value"]}
        for name, attribute in told.items()
        if (kind := attribute["Type"]) != "Binary"
    }


def _queue() -> str:
    name = os.environ["QUEUE"].removesuffix(".fifo")
    return os.environ[f"{name.upper().replace('-', '_')}_QUEUE_URL"]


@functools.cache
def _sqs() -> Any:
    return boto3.client(
        "sqs", config=Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    )
