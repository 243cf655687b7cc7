"""Forgets what a cache holds of something that changed.

A topic tells of the change; what is forgotten is written in templates that the message fills::

    KEYS: "user:{id},profile:{user.name}"      {"id": 7, "user": {"name": "mira"}}  →  user:7, profile:mira

What it takes stands in ``function.yaml`` beside it.

The same message twice does no harm: what is forgotten is forgotten. Messages in the wrong order do none either, since nothing is
written. A message that lacks a value which a template asks for fails, and with it the call; Lambda tries it again and then keeps it
in the failures queue.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from cache_connection import connection

logger = logging.getLogger()

BATCH = 500
"""Keys that are forgotten, or looked at by SCAN, in one go."""
TIMEOUT = 2
"""Seconds for one answer of the cache or of Secrets Manager; several tries fit the least that the function may be given."""
RETRIES = 2
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\}")


class Malformed(ValueError):  # noqa: N818 - it is an outcome, not a fault
    """A message that does not say what changed."""


def handle(event: Mapping[str, Any], context: object) -> None:
    """Handle messages of a topic."""
    for record in event["Records"]:
        message = json.loads(record["Sns"]["Message"])
        if not isinstance(message, dict):
            raise Malformed("a message is an object")
        keys = [fill(template, message) for template in _templates(os.environ.get("KEYS", ""))]
        patterns = [fill(template, message, glob=True) for template in _patterns(os.environ.get("PATTERNS", ""))]
        if not (keys or patterns):
            raise ValueError("neither KEYS nor PATTERNS is set")
        try:
            forgotten = forget(keys, patterns)
        except redis.AuthenticationError:
            # Another password since this copy started.
            connection.cache_clear()
            forgotten = forget(keys, patterns)
        logger.info("forgotten", extra={"message_id": record["Sns"]["MessageId"], "keys": forgotten})


def fill(template: str, message: Mapping[str, Any], *, glob: bool = False) -> str:
    """Fill the template with the message's values. In a pattern they are taken literally, whatever is in them."""

    def value(match: re.Match[str]) -> str:
        found: Any = message
        for part in match[1].split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
            raise Malformed(f"the message has no {match[1]}")
        return re.sub(r"([*?\[\]^\\-])", r"\\\1", str(found)) if glob else str(found)

    return _PLACEHOLDER.sub(value, template)


def forget(keys: list[str], patterns: list[str]) -> int:
    """Delete keys from the cache; return how many went. UNLINK gives memory back behind the scenes; in cluster mode
    each key has a node of its own."""
    client = connection(TIMEOUT, RETRIES)
    found: list[str | bytes] = [*keys]
    total = 0
    for batch in _batches(client, found, patterns):
        pipeline = client.pipeline(transaction=False)
        for key in batch:
            pipeline.unlink(key)
        total += sum(pipeline.execute())
    return total


def _batches(client: Any, keys: list[str | bytes], patterns: list[str]) -> Iterator[list[str | bytes]]:
    if keys:
        yield keys
    for pattern in patterns:
        batch: list[str | bytes] = []
        for key in client.scan_iter(match=pattern, count=BATCH):
            batch.append(key)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def _templates(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _patterns(text: str) -> list[str]:
    """Return templates of patterns, and refuse those that could match the whole cache. Nobody sees a SCAN that forgets
    everything before it has."""
    templates = _templates(text)
    for template in templates:
        if not re.match(r"[^*?\[{]", template):
            raise ValueError(f"pattern {template!r} could match the whole cache; let it start with what is fixed")
    return templates
