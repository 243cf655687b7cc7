"""What differs, as values: for people text, for programs JSON."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class DriftKind(StrEnum):
    """How something differs."""

    CHANGED = "changed"
    MISSING = "missing"
    """The program declares it, and the account does not have it."""
    ADDED = "added"
    """Inside of what the program declares, or with the stack's tags, is what it does not declare."""


@dataclass(frozen=True)
class ChangedValue:
    """A value that is another one than the program's."""

    property: str
    declared: Any
    found: Any
    hidden: bool = False
    """It may be a secret, and is not shown."""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        values = {} if self.hidden else {"declared": self.declared, "found": self.found}
        return {"property": self.property, **values}


@dataclass(frozen=True)
class ChangeEvent:
    """A change as CloudTrail tells it."""

    what: str
    """The API's operation."""
    who: str
    by_means_of: str
    """The console, the AWS CLI, Pulumi …"""
    at: datetime.datetime

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        at = self.at.isoformat(timespec="seconds")
        return {"event": self.what, "who": self.who, "with": self.by_means_of, "at": at}


@dataclass(frozen=True)
class DriftFinding:
    """A resource, or something beside them, that differs."""

    kind: DriftKind
    name: str
    """The program's name of it; of what it does not declare the tag ``Name``, or the ARN."""
    type: str
    place: str
    """What of the stack file it is built for, or where it was found."""
    identity: str = ""
    """AWS's id or ARN of it, where it is there."""
    values: tuple[ChangedValue, ...] = ()
    says: tuple[str, ...] = ()
    """What there is beyond the program, a line each."""
    looked_up: tuple[str, ...] = ()
    """What CloudTrail may know it by."""
    region: str = ""
    events: tuple[ChangeEvent, ...] = ()
    """What changed it last, the newest first."""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "type": self.type,
            "place": self.place,
            "identity": self.identity,
            "values": [one.to_json() for one in self.values],
            "says": list(self.says),
            "events": [one.to_json() for one in self.events],
        }


@dataclass(frozen=True)
class Drift:
    """A whole stack, compared."""

    stack: str
    place: str
    at: datetime.datetime
    findings: tuple[DriftFinding, ...]
    resources: int
    """That the program declares, those of other providers too."""
    compared: int
    """Of which so many were read."""
    values: int
    """Values that were held against the account's."""
    unknown_values: int
    """Values that hang on what only Pulumi's state knows, or are secret."""
    not_compared: Mapping[str, int]
    """Types that nobody here reads → how many."""
    not_known: Mapping[str, int]
    """Types → how many could not be found, as they hang on what is missing or is only in Pulumi's state."""
    not_asked: Mapping[str, tuple[str, ...]]
    """Why the account did not say → the types."""
    events_refused: str = ""
    """Why nobody knows who changed what."""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {
            "stack": self.stack,
            "place": self.place,
            "at": self.at.isoformat(timespec="seconds"),
            "drift": bool(self.findings),
            "findings": [one.to_json() for one in self.findings],
            "resources": self.resources,
            "compared": self.compared,
            "values": self.values,
            "unknownValues": self.unknown_values,
            "notCompared": dict(self.not_compared),
            "notKnown": dict(self.not_known),
            "notAsked": {why: list(types) for why, types in self.not_asked.items()},
            **({"eventsRefused": self.events_refused} if self.events_refused else {}),
        }
