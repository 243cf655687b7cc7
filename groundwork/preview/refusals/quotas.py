"""How much of each thing a snapshot builds, against what AWS takes. Data: ``groundwork/settings/facts/quotas.yaml``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.settings.facts import Count, Quota, quotas
from guardrails.view import Opaque


@dataclass(frozen=True)
class Exceeded:
    """A quota that a stack goes beyond."""

    quota: Quota
    found: int
    what: str
    """The name of what has too many: a resource's, or a region."""


def exceeded(snapshot: Snapshot, raised: Mapping[str, int]) -> Iterator[Exceeded]:
    """Yield every quota that a snapshot exceeds; ``raised`` is what AWS granted this account beyond its defaults.

    What is unknown counts as nothing.
    """
    by_urn = snapshot.by_urn()
    for quota in quotas():
        most = quota.most if quota.hard else raised.get(quota.name, quota.most)
        for count in quota.counted:
            for what, found in sums(snapshot, count).items():
                if found > most:
                    yield Exceeded(quota, found, by_urn[what].name if what in by_urn else what)


def sums(snapshot: Snapshot, count: Count) -> dict[str, int]:
    """Return how much of a thing a snapshot has, by what it is counted to: URN of a resource, or region."""
    sums: dict[str, int] = {}
    for resource in snapshot.of_type(*count.types):
        what = _counted(resource, count, snapshot.region)
        if what:
            sums[what] = sums.get(what, 0) + _measure(resource, count)
    return sums


def _counted(resource: Resource, count: Count, region: str) -> str | None:
    """Return what a resource is counted to: the URN of another, its own, or a region."""
    if count.each == "resource":
        return resource.urn
    if count.each == "region":
        own = resource.inputs.get("region")
        return own if isinstance(own, str) else region
    named = resource.inputs.get(count.each)
    leads_to = resource.property_dependencies.get(count.each, ())
    return leads_to[0] if leads_to else named if isinstance(named, str) else None


def _measure(resource: Resource, count: Count) -> int:
    if count.of == "one":
        return next((weight for key, weight in count.weights.items() if resource.inputs.get(key)), 1)
    value: Any = resource.inputs
    for part in count.input.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, Opaque):
        return 0
    if count.of == "entries":
        return len(value)
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=to_marker)
    )
    if count.of == "characters":
        return len("".join(text.split()))
    return len(_decoded(text) if count.of == "decoded" else text.encode())


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
