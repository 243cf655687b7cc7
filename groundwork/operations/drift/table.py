"""How resources are read, and what of them is compared: ``types.yaml``, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("types.yaml")
_PREFIXES: Mapping[str, str] = {"elbv2": "elasticloadbalancing", "opensearch": "es"}
"""IAM's prefix where it is not boto3's name of the service:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""


@dataclass(frozen=True)
class Call:
    """A question to AWS with arguments that are yet to be filled in, and where its answer has what is looked for."""

    service: str
    method: str
    arguments: Mapping[str, Any]
    item: str
    """JMESPath."""
    action: str
    """IAM's name of it."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Characters of names that the answer spells otherwise."""


@dataclass(frozen=True)
class Read:
    """A call for a resource, and what of the answer is compared."""

    call: Call
    compare: Mapping[str, str]
    """An input → where the answer has it, both JMESPath."""
    first: Call | None = None
    """A call for names, of which one bears the resource's."""
    named: str | None = None
    """Where the things of a list have their name; the one is taken that bears the resource's."""


@dataclass(frozen=True)
class ComparedType:
    """How resources of a type are read and compared."""

    reads: tuple[Read, ...]
    kind: str | None = None
    tags: str | None = None
    """Where the answer of the first read has them; None where they are listed by tag."""
    unsaid: Mapping[str, Any] = field(default_factory=dict)
    by_hand: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    learn: Mapping[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> Iterator[Call]:
        """Yield the calls of all reads."""
        for read in self.reads:
            yield from (call for call in (read.first, read.call) if call)


@dataclass(frozen=True)
class InsideRule:
    """What a resource may have inside that the program did not put there."""

    of: str
    call: Call
    known: Mapping[str, str]
    """Type of the program's resources → what of them the key of such a thing is."""
    word: str


@dataclass(frozen=True)
class DriftTable:
    """All of it, by Pulumi's types."""

    types: Mapping[str, ComparedType]
    inside: tuple[InsideRule, ...]
    made_by_what_runs: frozenset[str]

    def actions(self, types: Iterable[str]) -> set[str]:
        """Return the IAM actions that reading resources of these types takes."""
        wanted = set(types)
        calls = [call for name in wanted & self.types.keys() for call in self.types[name].calls]
        return {call.action for call in (*calls, *(one.call for one in self.inside if one.of in wanted))}


@cache
def drift_table() -> DriftTable:
    """Read the table from its file."""
    data = read_data(_TABLE)
    return DriftTable(
        types={name: _type(row) for name, row in data["types"].items()},
        inside=tuple(
            InsideRule(row["of"], _call(row | {"item": row["items"]}), row["is"], row["word"]) for row in data["inside"]
        ),
        made_by_what_runs=frozenset(data["made_by_what_runs"]),
    )


def _type(row: Mapping[str, Any]) -> ComparedType:
    return ComparedType(
        reads=tuple(map(_read, row["reads"])),
        kind=row.get("kind"),
        tags=row.get("tags"),
        unsaid=row.get("unsaid", {}),
        by_hand=tuple(row.get("by_hand", ())),
        hidden=tuple(row.get("hidden", ())),
        begins=tuple(row.get("begins", ())),
        learn=row.get("learn", {}),
    )


def _read(row: Mapping[str, Any]) -> Read:
    compare = row.get("compare", {})
    return Read(
        call=_call(row),
        compare=compare if isinstance(compare, dict) else {name: in_capitals(name) for name in compare},
        first=_call(row["first"]) if "first" in row else None,
        named=row.get("named"),
    )


def _call(row: Mapping[str, Any]) -> Call:
    service, _, method = row["call"].partition(".")
    # IAM takes an action's name in whatever case.
    action = f"{_PREFIXES.get(service, service)}:{''.join(part.capitalize() for part in method.split('_'))}"
    return Call(
        service, method, row.get("with", {}), row.get("item", "@"), row.get("action", action), row.get("spelled", {})
    )


def in_capitals(name: str) -> str:
    """Return what AWS calls an input of pulumi-aws where it keeps to the rule: ``alarmRule`` → ``AlarmRule``."""
    return re.sub(r"^[a-z]", lambda found: found[0].upper(), name)
