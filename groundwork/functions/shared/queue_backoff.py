"""What failed of a queue comes again later each time: exponential backoff.

A queue brings a message back when its visibility ends, after the same time at each try. Here a message that failed is hidden for
``QUEUE_BACKOFF_FIRST_SECONDS`` after its first try, twice that after its second, and so on up to ``QUEUE_BACKOFF_MOST_SECONDS``; each
time up to half of it less, so that what failed together does not come back together. Where these are not set, visibility decides.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import functools
import logging
import os
import random
from collections.abc import Container, Iterable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger()

LIMIT = 12 * 60 * 60
"""Seconds that SQS hides a message, counted from when it was received."""
SPARE = 3.0
"""Seconds without which nothing is hidden: a copy that is cut off brings back the whole batch."""


def put_off(records: Iterable[Mapping[str, Any]], failed: Container[str], context: Any) -> None:
    """Hide those of a batch whose ids have failed. What cannot be hidden comes again when its visibility ends."""
    first = int(os.environ.get("QUEUE_BACKOFF_FIRST_SECONDS", "0"))
    most = int(os.environ.get("QUEUE_BACKOFF_MOST_SECONDS", "0"))
    if not first:
        return
    for record in records:
        if record["messageId"] not in failed or "receiptHandle" not in record:
            continue
        if context is not None and context.get_remaining_time_in_millis() < SPARE * 1000:
            return
        try:
            _sqs().change_message_visibility(
                QueueUrl=_url(record["eventSourceARN"]),
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=seconds(int(record["attributes"]["ApproximateReceiveCount"]), first, most),
            )
        except (BotoCoreError, ClientError):
            logger.warning("not put off", exc_info=True, extra={"message_id": record["messageId"]})
            return


def seconds(tries: int, first: int, most: int) -> int:
    """Return for how long a message is hidden that has been tried so many times."""
    full = min(most, LIMIT, first * 2 ** min(tries - 1, 30))
    return max(1, round(full * random.uniform(0.5, 1)))  # noqa: S311 - nothing secret


def _url(arn: str) -> str:
    _, partition, _, region, account, name = arn.split(":")
    domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{region}.{domain}/{account}/{name}"


@functools.cache
def _sqs() -> Any:
    return boto3.client(
        "sqs", config=Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
    )
