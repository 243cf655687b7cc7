"""The answer as plain data: everything that a report of changes says, and nothing that it has to work out.

Values are JSON values as snapshots have them, with an Opaque for what is secret or unknown. Nothing secret is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from groundwork.preview import indented
from groundwork.preview.snapshot import Resource, Source, StackFileStatement, to_marker

VERSION = 1
"""Of the JSON form. It changes when a field goes, gets another name or another meaning."""


class Action(StrEnum):
    """What the engine does with one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class DifferenceKind(StrEnum):
    """How a property differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"
    """A list has the same parts in another order."""


class Forces(StrEnum):
    """Whether another value of a property means another resource."""

    YES = "yes"
    MAYBE = "maybe"
    """It hangs on the values, or the provider that was asked does not know the property."""
    NO = "no"


@dataclass(frozen=True)
class PropertyChange:
    """One property, or one part of it, that is not what it was."""

    path: str
    """From the input on: ``tags.Name``, ``policy.Statement[Read].Action``. A part of a list is named by what names it, else by its
    place; JSON text is gone into as if it were the value that it holds."""
    kind: DifferenceKind
    before: Any = None
    """None where it is added."""
    after: Any = None
    """None where it is removed."""
    forces: Forces = Forces.NO
    because: str = ""
    """Name of the resource, new, replaced or given anew, that the value is made from; empty where the program says another value."""

    @property
    def root(self) -> str:
        """Return the input that this is a part of."""
        return root_of(self.path)

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"path": self.path, "kind": self.kind.value, "forces": self.forces.value}
        if self.kind is not DifferenceKind.ADDED:
            said["before"] = self.before
        if self.kind is not DifferenceKind.REMOVED:
            said["after"] = self.after
        return said | ({"because": self.because} if self.because else {})


def root_of(path: str) -> str:
    """Return the first name of a path."""
    return path.partition(".")[0].partition("[")[0]


def is_within(path: str, whole: str) -> bool:
    """Tell whether a path is another, or leads to a part of it."""
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))


@dataclass(frozen=True)
class Loss:
    """What goes with a resource that holds data."""

    holds: str
    """What kind of thing it is: ``a database``."""
    lost: str
    kept: str
    """What AWS keeps all the same; empty where nothing."""
    instead: str
    """What to do in place of this change."""

    def to_json(self) -> dict[str, str]:
        return vars(self).copy()


@dataclass(frozen=True)
class Change:
    """What becomes of one resource that does not stay as it is."""

    action: Action
    urn: str
    type: str
    name: str
    parent: str | None
    """URN; in the base where the resource is deleted."""
    source: Source | None
    """The line that declares it; that of the base where it is deleted."""
    former: str = ""
    """The URN under which it stands, where an alias leads there."""
    properties: tuple[PropertyChange, ...] = ()
    """Of an update or a replacement; those that force it first."""
    may_replace: bool = False
    """An update of which nobody knows whether it is a replacement."""
    protected: bool = False
    """Pulumi stops the whole update at it: it is protected and would go."""
    retained: bool = False
    """It leaves the stack and stays in the account."""
    loss: Loss | None = None
    """Set where it holds data and goes, or may go."""
    interruption: str = ""
    """Of an update during which it does not answer: when, and what that is like."""
    component: str = ""
    """URN of the outermost component that comes or goes with it; empty where its component stands."""
    stated: StackFileStatement | None = None
    """What the stack file of the head says of it."""

    @property
    def forcing(self) -> tuple[PropertyChange, ...]:
        """Return the properties because of which it is replaced, or may be."""
        return tuple(one for one in self.properties if one.forces is not Forces.NO)

    def to_json(self) -> dict[str, Any]:
        return {
            "action": self.action.value,
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "parent": self.parent,
            "source": {"file": self.source.file, "line": self.source.line} if self.source else None,
            "former": self.former,
            "properties": [one.to_json() for one in self.properties],
            "mayReplace": self.may_replace,
            "protected": self.protected,
            "retained": self.retained,
            "loss": self.loss.to_json() if self.loss else None,
            "interruption": self.interruption,
            "component": self.component,
            "stated": self.stated.to_json() if self.stated else None,
        }


@dataclass(frozen=True)
class Renaming:
    """A key of the stack file, or a component, that goes by another name: what was built for it is deleted and built anew."""

    before: str
    """``services.api``; a component's name where the settings of the base are not known."""
    after: str
    pairs: tuple[tuple[str, str], ...]
    """URNs of what goes and of what comes in its place."""

    def to_json(self) -> dict[str, Any]:
        return {"before": self.before, "after": self.after, "pairs": [list(pair) for pair in self.pairs]}


@dataclass(frozen=True)
class RefusedUpdate:
    """Where an update would stop, and why, in a sentence that begins with what the resource does."""

    urn: str
    name: str
    type: str
    reason: str

    def to_json(self) -> dict[str, str]:
        return vars(self).copy()


@dataclass(frozen=True)
class Changes:
    """From what stands (the base) to what the stack says now (the head)."""

    base: str
    """What the user knows it by: ``HEAD~1 (4cc762e)``, the name of a file; empty for a stack that is new."""
    head: str
    changes: tuple[Change, ...]
    """Those that lose data first, the gravest first, then replacements, deletions, updates and creations; of the updates those first that
    interrupt; each in the order of the tree."""
    unchanged: int
    settings: tuple[PropertyChange, ...] = ()
    """How the effective settings differ: mostly the cause of all the rest."""
    outputs: tuple[PropertyChange, ...] = ()
    renamed: tuple[Renaming, ...] = ()
    refused: tuple[RefusedUpdate, ...] = ()
    hidden: int = 0
    """Values that were not compared, since they are secret in both."""
    gone: tuple[Resource, ...] = ()
    """What the base has and the head has not, components too. No part of the JSON form."""
    notes: tuple[str, ...] = ()
    """What a reader has to know of how this was found out: sentences without a full stop."""

    def of(self, action: Action) -> list[Change]:
        return [one for one in self.changes if one.action is action]

    @property
    def interruptions(self) -> list[Change]:
        """List what does not answer for a while, in the update or in its maintenance window."""
        return [one for one in self.changes if one.interruption]

    @property
    def losses(self) -> list[Change]:
        """List what holds data and goes, or may go."""
        return [one for one in self.changes if one.loss]

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "base": self.base,
            "head": self.head,
            "counts": {action.value: len(self.of(action)) for action in Action} | {"unchanged": self.unchanged},
            "losses": [one.urn for one in self.losses],
            "changes": [one.to_json() for one in self.changes],
            "settings": [one.to_json() for one in self.settings],
            "outputs": [one.to_json() for one in self.outputs],
            "renamed": [one.to_json() for one in self.renamed],
            "refused": [one.to_json() for one in self.refused],
            "hidden": self.hidden,
            "notes": list(self.notes),
        }

    def dumps(self) -> str:
        """Return the JSON form as text; the same changes give the same bytes."""
        return indented.dumps(self.to_json(), default=to_marker)
