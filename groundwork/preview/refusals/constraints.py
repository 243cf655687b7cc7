"""What AWS says of single inputs: forms, words, lengths. Data: ``constraints.json``, which ``generate.py`` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.settings.mistakes import nearest

FILE = Path(__file__).with_name("constraints.json")
TYPES = Path(__file__).with_name("types.yaml")
EVERY_TYPE = "*"
"""What stands for every type of AWS."""

Bounds = tuple[float | None, float | None]
"""The least and the most; None is no bound."""


@dataclass(frozen=True)
class Constraint:
    """What AWS takes at one place. What is unset is free."""

    pattern: str | None = None
    words: tuple[str, ...] = ()
    length: Bounds | None = None
    """Characters of text."""
    range: Bounds | None = None
    """Of a number."""
    entries: Bounds | None = None
    """Of a list or a map."""

    def to_json(self, patterns: Sequence[str]) -> dict[str, Any]:
        """Return its compact form, which names a pattern by its place in the list of all."""
        said = {
            "p": patterns.index(self.pattern) if self.pattern else None,
            "w": list(self.words) or None,
            "l": self.length,
            "r": self.range,
            "n": self.entries,
        }
        return {key: value for key, value in said.items() if value is not None}

    @staticmethod
    def from_json(said: dict[str, Any], patterns: Sequence[str]) -> Constraint:
        """Read the compact form back."""
        return Constraint(
            pattern=patterns[said["p"]] if "p" in said else None,
            words=tuple(said.get("w", ())),
            length=_pair(said.get("l")),
            range=_pair(said.get("r")),
            entries=_pair(said.get("n")),
        )

    def refusal(self, value: Any) -> str | None:
        """Tell why AWS refuses ``value``, as what follows on it in a sentence; None where it does not, or cannot be
        known to."""
        if isinstance(value, (list, dict)):
            return _outside("entries", len(value), self.entries)
        if isinstance(value, bool):
            return None
        text = value if isinstance(value, str) else f"{value:g}"
        if self.words and text not in self.words and _without_case(text) not in map(_without_case, self.words):
            shown = f"{', '.join(self.words[:_MOST_SHOWN])}{', …' if len(self.words) > _MOST_SHOWN else ''}"
            return f"is none of {shown}{nearest(text, self.words)}"
        if isinstance(value, str):
            long = _outside("characters", len(value), self.length)
            if long:
                return long
            if self.pattern and not _compiled(self.pattern).search(value):
                return f"does not have the form {self.pattern}"
        number = _number(value) if self.range else None
        return None if number is None else _outside("", number, self.range)


_MOST_SHOWN = 12


def _without_case(word: str) -> str:
    """Lower the case: Terraform's provider brings the words of some inputs into AWS's case itself."""
    return word.lower()


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _outside(what: str, size: float, bounds: Bounds | None) -> str | None:
    least, most = bounds or (None, None)
    unit = f" {what}" if what else ""
    if least is not None and size < least:
        return f"has {size:g}{unit}, and the least is {least:g}" if what else f"is less than {least:g}"
    if most is not None and size > most:
        return f"has {size:g}{unit}, and the most is {most:g}" if what else f"is more than {most:g}"
    return None


def _pair(said: Any) -> Bounds | None:
    return None if said is None else (said[0], said[1])


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return table


def known_types() -> frozenset[str]:
    """Return the types of which anything is said."""
    return frozenset(_table()["types"]) - {EVERY_TYPE}


@cache
def constraints_of(token: str) -> dict[str, Constraint]:
    """Map the path of an input to what AWS says of it: ``origins[].domainName``, ``tags{key}`` for keys of a map,
    ``tags{}`` for its values."""
    table = _table()
    return {path: Constraint.from_json(said, table["patterns"]) for path, said in table["types"].get(token, {}).items()}
