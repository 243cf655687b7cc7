"""Keeps what a queue brings: each batch becomes an object of compressed JSON lines, for Athena and whatever else evaluates it.

``events/2027/01/31/08/<batch>.ndjson.gz`` holds one line a message::

    {"id": "…", "sent_at": "2027-01-31T08:00:00.123000+00:00", "group": "user-activity", "message": {"kind": "post.created", …}}

A message that is no JSON is kept as text. The same batch again writes the same object; a message that comes again in another batch
stands in both, under one ``id``.

What it takes stands in ``function.yaml`` beside it.
"""

from __future__ import annotations

import datetime as dt
import functools
import gzip
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from queue_backoff import put_off

logger = logging.getLogger()


def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle a batch of the queue: kept as a whole, or not at all."""
    records = event["Records"]
    try:
        key = keep(records)
    except Exception:
        logger.exception("batch failed")
        failed = [record["messageId"] for record in records]
        put_off(records, failed, context)
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}
    logger.info("kept", extra={"key": key, "messages": len(records)})
    return {"batchItemFailures": []}


def keep(records: Sequence[Mapping[str, Any]]) -> str:
    """Write the object of a batch; its key."""
    content = "".join(f"{json.dumps(line(record), separators=(',', ':'))}\n" for record in records)
    name = hashlib.sha256(" ".join(sorted(record["messageId"] for record in records)).encode()).hexdigest()[:32]
    key = f"{os.environ.get('PREFIX', 'events/')}{_sent(records[0]):%Y/%m/%d/%H}/{name}.ndjson.gz"
    _s3().put_object(
        Bucket=os.environ[f"{os.environ['BUCKET'].upper().replace('-', '_')}_BUCKET"],
        Key=key,
        # Without a time in it, the same batch is the same bytes.
        Body=gzip.compress(content.encode(), mtime=0),
        ContentType="application/x-ndjson",
        ContentEncoding="gzip",
    )
    return key


def line(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a message. One that a topic sent through the queue comes in its envelope, which is left
    out."""
    message: Any = record["body"]
    try:
        message = json.loads(message)
        if isinstance(message, dict) and message.get("Type") == "Notification" and "Message" in message:
            message = message["Message"]
            message = json.loads(message)
    except ValueError:
        logger.info("kept as text", extra={"message_id": record["messageId"]})
    kept = {"id": record["messageId"], "sent_at": _sent(record).isoformat(), "message": message}
    group = record["attributes"].get("MessageGroupId")
    return {**kept, "group": group} if group else kept


def _sent(record: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, dt.UTC)


@functools.cache
def _s3() -> Any:
    return boto3.client(
        "s3", config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    )
