"""Removes uploads that were never used and objects that were deleted softly, once they are old enough.

A bucket's lifecycle counts whole days from midnight UTC and cannot be tried out; this counts hours, says what it would do, and
reports what it did. An application deletes softly by moving an object below a prefix such as ``deleted/``: the move gives it a
new age.

A schedule starts it, by itself or through a queue; the message may say ``{"dry_run": true}``.

What it takes stands in ``function.yaml`` beside it.

What goes is gone: on a versioned bucket every version that is old enough is deleted itself, also one that was replaced or deleted
by somebody else, and the marks that such deletions left.

The same message twice does no harm: what is gone is not found again, and an object that was written anew between being found
and being deleted is another version, or without versions has another ETag, and stays.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from queue_backoff import put_off

logger = logging.getLogger()

BATCH = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""
ENOUGH_SECONDS = 20
"""What is left of the time when no further page is begun."""
_UNITS = {"h": "hours", "d": "days"}


class Unfinished(Exception):  # noqa: N818 - it is an outcome, not a fault
    """Objects are left; the next try goes on."""


@dataclass(frozen=True)
class CleanupRule:
    """What is below ``prefix`` goes when it is older than ``age``."""

    prefix: str
    age: dt.timedelta


@functools.cache
def _s3() -> Any:
    return boto3.client(
        "s3", config=Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2})
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def rules(text: str) -> list[CleanupRule]:
    """Parse ``uploads/temp/=24h,deleted/=30d``. An empty prefix, the whole bucket, is refused."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([^/=\s][^=]*/)=([1-9][0-9]*)([hd])\s*", part)
        if not match:
            raise ValueError(f'RULES is written "uploads/temp/=24h,deleted/=30d"; {part!r} is not a rule')
        prefix, number, unit = match.groups()
        found.append(CleanupRule(prefix, dt.timedelta(**{_UNITS[unit]: int(number)})))
    return found


def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle a batch of a queue, whose failed messages are named, or a call by a schedule."""
    if "Records" not in event:
        return {"deleted": clean(event, context)}
    failed = []
    for record in event["Records"]:
        try:
            clean(json.loads(record["body"]), context)
        except Exception:  # one bad message must not bring back the others
            logger.exception("message failed", extra={"message_id": record["messageId"]})
            failed.append({"itemIdentifier": record["messageId"]})
    put_off(event["Records"], {item["itemIdentifier"] for item in failed}, context)
    return {"batchItemFailures": failed}


def clean(message: Mapping[str, Any], context: Any) -> int:
    """Apply every rule; how many objects went, or would have gone."""
    bucket = os.environ[f"{os.environ['BUCKET'].upper().replace('-', '_')}_BUCKET"]
    # Whoever says "dry run" means it, message or environment.
    dry_run = bool(message.get("dry_run")) or os.environ.get("DRY_RUN", "").lower() == "true"
    now = _now()
    total = 0
    for rule in rules(os.environ["RULES"]):
        count = size = 0
        for batch in _batches(bucket, rule, now, context):
            gone = batch if dry_run else _delete(bucket, batch)
            count += len(gone)
            size += sum(item.get("Size", 0) for item in gone)
        logger.info(
            "would delete" if dry_run else "deleted", extra={"prefix": rule.prefix, "objects": count, "bytes": size}
        )
        total += count
    return total


def _batches(bucket: str, rule: CleanupRule, now: dt.datetime, context: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield what is old of a prefix, a page at a time; each once the next is listed, which goes on after the last
    version of it."""
    pages = (
        _s3()
        .get_paginator("list_object_versions")
        .paginate(Bucket=bucket, Prefix=rule.prefix, PaginationConfig={"PageSize": BATCH})
    )
    old: list[dict[str, Any]] = []
    for page in pages:
        if old:
            yield old
        # The prefix itself may be an object that consoles show as a folder.
        old = [
            item
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            if now - item["LastModified"] > rule.age and item["Key"] != rule.prefix
        ]
        if page["IsTruncated"] and context is not None and _seconds(context) < ENOUGH_SECONDS:
            if old:
                yield old
            raise Unfinished(f"time is up below {rule.prefix}")
    if old:
        yield old


def _seconds(context: Any) -> float:
    return float(context.get_remaining_time_in_millis() / 1000)


def _delete(bucket: str, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Delete a batch; return those that went. Each goes only if it is still what was found."""
    answer = _s3().delete_objects(Bucket=bucket, Delete={"Objects": [_named(item) for item in batch], "Quiet": True})
    stayed = {(error["Key"], error.get("VersionId")): error for error in answer.get("Errors", ())}
    broken = [
        error
        for error in stayed.values()
        if error["Code"] not in {"ConditionalRequestConflict", "NoSuchKey", "PreconditionFailed"}
    ]
    if broken:
        raise RuntimeError(
            f"{len(broken)} objects could not be deleted, the first with {broken[0]['Code']}: {broken[0]['Key']}"
        )
    return [item for item in batch if (item["Key"], _named(item).get("VersionId")) not in stayed]


def _named(item: Mapping[str, Any]) -> dict[str, str]:
    """Name a version by its id. One from before versions, or without them, has none of its own, and is told from what
    is written in its place by its ETag."""
    if item["VersionId"] == "null" and "ETag" in item:
        return {"Key": item["Key"], "ETag": item["ETag"]}
    return {"Key": item["Key"], "VersionId": item["VersionId"]}
