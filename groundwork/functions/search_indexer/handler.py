"""Keeps a search index in step with what topics and queues tell of.

A message says what a document is now, and how new that is::

    {"index": "posts", "id": "42", "version": 1767225600123, "document": {"title": "…"}}
    {"index": "posts", "id": "42", "version": 1767225600124, "deleted": true}

``version`` is any whole number that grows with each change of the document: a row's version, or its last change in milliseconds.

What it takes stands in ``function.yaml`` beside it.

The same message twice does no harm, and messages in the wrong order do none either: OpenSearch keeps the version with the document
and refuses what is older (409), which counts as done. It remembers a deleted document's version for ``index.gc_deletes``, which is
60 seconds unless the index says otherwise; give it longer than a message may be late (``PUT /posts/_settings
{"index.gc_deletes": "12h"}``), or a late one brings the document back.
https://docs.opensearch.org/latest/api-reference/document-apis/index-document/

Started by a topic, a failed message fails the call, which Lambda tries again and then keeps in the failures queue; started by a
queue, only the failed messages come again.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import os
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session
from queue_backoff import put_off

logger = logging.getLogger()

TRIES = 5
LONGEST_WAIT = 5.0
"""Seconds between two tries, at most."""
TIMEOUT = 20.0
"""Seconds for one request, at most; less where the call ends sooner, so that there is time for another."""
LEAST = 1.0
"""Seconds without which no request is begun."""
SPARE = 0.5
"""Seconds at the end that are kept to say which messages failed: a copy that is cut off brings back the whole batch."""
_BUSY = frozenset({429, 502, 503, 504})
# https://docs.opensearch.org/latest/api-reference/index-apis/create-index/#index-naming-restrictions
_INDEX = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}")


class Malformed(ValueError):  # noqa: N818 - it is an outcome, not a fault
    """A message that says nothing that could be done."""


class Refused(RuntimeError):  # noqa: N818 - it is an outcome, not a fault
    """OpenSearch does not take a document, or is too busy for too long."""


@dataclass(frozen=True)
class IndexChange:
    """What one message says of one document."""

    index: str
    id: str
    version: int
    document: Mapping[str, Any] | None
    """None where it was deleted."""

    @staticmethod
    def read(message: Any) -> IndexChange:
        if not isinstance(message, Mapping):
            raise Malformed("a message is an object")
        index, identifier, version = message.get("index"), message.get("id"), message.get("version")
        document = message.get("document")
        if not (isinstance(index, str) and _INDEX.fullmatch(index)):
            raise Malformed(f"index {index!r} is no name of an index")
        allowed = [name.strip() for name in os.environ.get("INDEXES", "").split(",") if name.strip()]
        if allowed and index not in allowed:
            raise Malformed(f"index {index!r} is not one of INDEXES")
        if not (isinstance(identifier, (str, int)) and not isinstance(identifier, bool) and str(identifier)):
            raise Malformed("id is missing")
        if len(str(identifier).encode()) > 512:
            raise Malformed("id is longer than 512 bytes")
        if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 2**63:
            raise Malformed("version is missing, or no whole number above 0")
        if (message.get("deleted") is True) == isinstance(document, Mapping):
            raise Malformed("needs either document or deleted: true")
        return IndexChange(index, str(identifier), version, document if isinstance(document, Mapping) else None)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of a bulk request."""
        target = {"_index": self.index, "_id": self.id, "version": self.version, "version_type": "external"}
        return [{"delete": target}] if self.document is None else [{"index": target}, dict(self.document)]


def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any] | None:
    """Handle messages of a topic, or a batch of a queue."""
    read: dict[str, IndexChange] = {}
    failures: dict[str, str] = {}
    for key, body in _bodies(event["Records"]):
        try:
            read[key] = IndexChange.read(json.loads(body))
        except ValueError as error:
            failures[key] = str(error)
    failures |= apply(read, context)
    for key, reason in failures.items():
        logger.error("message failed", extra={"message_id": key, "reason": reason})
    if event["Records"] and "Sns" in event["Records"][0]:
        if failures:
            raise Refused("; ".join(failures.values()))
        return None
    put_off(event["Records"], failures, context)
    return {"batchItemFailures": [{"itemIdentifier": key} for key in failures]}


def _bodies(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return id and text of each message, also of those that a topic sent through a queue in its envelope."""
    found = []
    for record in records:
        if "Sns" in record:
            found.append((record["Sns"]["MessageId"], record["Sns"]["Message"]))
            continue
        body = record["body"]
        try:
            envelope = json.loads(body)
        except ValueError:
            envelope = None
        if isinstance(envelope, dict) and envelope.get("Type") == "Notification" and "Message" in envelope:
            body = envelope["Message"]
        found.append((record["messageId"], body))
    return found


def apply(changes: Mapping[str, IndexChange], context: Any) -> dict[str, str]:
    """Write all changes; the reason for each that failed, by its key. What OpenSearch is too busy for is tried again."""
    waiting = dict(changes)
    failures: dict[str, str] = {}
    busy: dict[str, str] = {}
    for attempt in range(TRIES):
        if not waiting:
            break
        if attempt and not _wait(attempt, context):
            break
        busy, failed = _bulk(waiting, _answer_timeout(context))
        failures |= failed
        waiting = {key: waiting[key] for key in busy}
    return failures | {key: busy.get(key, "no time is left") for key in waiting}


def _wait(attempt: int, context: Any) -> bool:
    """Wait longer each time and never the same; False if the time would not be enough for another request."""
    pause = min(LONGEST_WAIT, 0.2 * 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - nothing secret
    if _left(context) < pause + LEAST + SPARE:
        return False
    time.sleep(pause)
    return True


def _left(context: Any) -> float:
    """Return the seconds until Lambda cuts this call off."""
    return math.inf if context is None else float(context.get_remaining_time_in_millis() / 1000)


def _answer_timeout(context: Any) -> float:
    """Return the seconds to wait for an answer: half of what is left, so that a server that does not answer leaves time
    for another try."""
    return min(TIMEOUT, max(LEAST, (_left(context) - SPARE) / 2))


def _bulk(changes: Mapping[str, IndexChange], patience: float) -> tuple[dict[str, str], dict[str, str]]:
    """Send changes; return those that may succeed later, and those that never will, each with the reason."""
    lines = [json.dumps(line, separators=(",", ":")) for change in changes.values() for line in change.lines()]
    status, answer = _send("/_bulk", ("\n".join(lines) + "\n").encode(), patience)
    if status in _BUSY:
        return dict.fromkeys(changes, f"OpenSearch answers {status}"), {}
    if status != 200:
        return {}, dict.fromkeys(changes, f"OpenSearch answers {status}: {answer[:500].decode(errors='replace')}")
    busy: dict[str, str] = {}
    failed: dict[str, str] = {}
    for (key, change), item in zip(changes.items(), json.loads(answer)["items"], strict=True):
        result = next(iter(item.values()))
        if result["status"] in _BUSY:
            busy[key] = f"{change.index}/{change.id}: {result['status']}"
        elif result["status"] == 409:
            logger.info("newer already", extra={"index": change.index, "id": change.id, "version": change.version})
        # What was never there cannot be deleted, and its version is remembered all the same.
        elif result["status"] >= 300 and not (change.document is None and result["status"] == 404):
            failed[key] = f"{change.index}/{change.id}: {result['status']} {json.dumps(result.get('error'))[:500]}"
    return busy, failed


def _send(path: str, body: bytes, patience: float) -> tuple[int, bytes]:
    """Send a request, signed with the function's role. A connection that breaks is as good as a busy server."""
    request = AWSRequest(
        method="POST",
        url=os.environ["SEARCH_ENDPOINT"].rstrip("/") + path,
        data=body,
        headers={"Content-Type": "application/x-ndjson"},
    )
    SigV4Auth(_session().get_credentials(), "es", os.environ["SEARCH_REGION"]).add_auth(request)
    signed = urllib.request.Request(  # noqa: S310 - the endpoint is the stack's own
        request.url, data=body, headers=dict(request.headers.items()), method="POST"
    )
    try:
        with urllib.request.urlopen(signed, timeout=patience) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        logger.warning("no answer", extra={"reason": str(error)})
        return 503, str(error).encode()


@functools.cache
def _session() -> Session:
    return Session()
