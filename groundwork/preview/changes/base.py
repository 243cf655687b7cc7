"""What changes are told from."""

from __future__ import annotations

from dataclasses import dataclass

from groundwork.preview.snapshot import Snapshot


class BaseError(Exception):
    """What was named as the base cannot be one: which, why, and what to name."""


@dataclass(frozen=True)
class Base:
    """A stack as it stands, or stood."""

    name: str
    """What the user knows it by; empty for a stack that is new."""
    snapshot: Snapshot
    notes: tuple[str, ...] = ()


def nothing(head: Snapshot) -> Snapshot:
    """Return what stands of a stack that is new."""
    return Snapshot(head.project, head.stack, head.region, unknowns=False, settings={}, resources=(), outputs={})
