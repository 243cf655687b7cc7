"""A stack's state as a value: for people text, for programs JSON."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """How something is."""

    WELL = "well"
    CHANGING = "changing"
    """On its way: a deployment, a backup, an update."""
    STOPPED = "stopped"
    """On purpose, as by ``platform.hours``."""
    UNWELL = "unwell"
    MISSING = "missing"
    """The stack builds it, and the account does not have it."""
    UNKNOWN = "unknown"
    """Nobody could be asked."""

    @property
    def is_fine(self) -> bool:
        """Tell whether nobody need do anything."""
        return self in (Health.WELL, Health.CHANGING, Health.STOPPED)


@dataclass(frozen=True)
class StatusLine:
    """One thing of a stack, and how it is."""

    name: str
    """As the stack file, or the preview, calls it."""
    health: Health
    says: str
    """In a few words."""
    why: tuple[str, ...] = ()
    """What is the matter, a sentence each."""
    next: str | None = None
    """What to do; always there where something is the matter."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""

    def __post_init__(self) -> None:
        if not self.health.is_fine and self.next is None:
            raise ValueError(f"{self.name} is {self.health}, and nobody is told what to do")

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "name": self.name,
            "health": self.health.value,
            "says": self.says,
            "why": list(self.why),
            "next": self.next,
            **self.facts,
        }


@dataclass(frozen=True)
class StatusSection:
    """All things of one kind."""

    title: str
    lines: tuple[StatusLine, ...]
    note: str | None = None


@dataclass(frozen=True)
class Status:
    """A whole stack at one moment."""

    stack: str
    place: str
    at: datetime.datetime
    sections: tuple[StatusSection, ...]

    @property
    def troubles(self) -> list[StatusLine]:
        """Return what somebody should look at."""
        return [line for section in self.sections for line in section.lines if not line.health.is_fine]

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "stack": self.stack,
            "place": self.place,
            "at": self.at.isoformat(timespec="seconds"),
            "healthy": not self.troubles,
            **{section.title: [line.to_json() for line in section.lines] for section in self.sections},
        }
