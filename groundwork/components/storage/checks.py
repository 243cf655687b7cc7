"""Buckets that exist: which, and with which key."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.settings import Settings
from groundwork.settings.arns import arn_elsewhere
from groundwork.settings.mistakes import Mistake

_LOGS = "logs"
"""The bucket for access logs, by its name in a stack file."""


def existing_buckets_fit(settings: Settings) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for name, bucket in settings.storage.items():
        path = ("storage", name)
        if bucket.existing is None:
            continue
        if name == _LOGS:
            yield Mistake(
                (*path, "existing"),
                "logs is the bucket for access logs, whose policy admits their deliveries, and that of a bucket that exists is not changed; "
                "call it by another name",
            )
        if bucket.existing in seen:
            yield Mistake((*path, "existing"), f"is storage.{seen[bucket.existing]} already; let services use that one")
        seen.setdefault(bucket.existing, name)
        if bucket.encryption_key and (found := arn_elsewhere(bucket.encryption_key, settings.region)):
            yield Mistake((*path, "encryption_key"), f"{found}, and a bucket's key is in the bucket's region")


CHECKS = (existing_buckets_fit,)
