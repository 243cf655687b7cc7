"""Mistakes in a stack file: each one message with file, line, path, what was found and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import cast

Path = tuple[str | int, ...]
"""Where a value stands in the settings: keys, and indexes of lists."""


@dataclass(frozen=True)
class Mistake:
    """One thing to correct. ``path`` is inside the groundwork settings, ``where`` is ``file:line`` once known."""

    path: Path
    message: str
    where: str = ""

    def __str__(self) -> str:
        place = " ".join(part for part in (self.where, dotted(self.path)) if part)
        return f"{place}: {self.message}" if place else self.message


class Mistakes(Exception):  # noqa: N818 - the word that users read
    """Everything that is wrong with a stack file, sorted by line. Nothing is built while there is one."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=_reading_order))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def _reading_order(mistake: Mistake) -> tuple[str, int, str]:
    file, _, line = mistake.where.rpartition(":")
    return (file, int(line) if line.isdigit() else 0, str(mistake))


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as text: ``services.api.scaling.max``, ``exceptions[2].rule``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def nearest(word: object, allowed: Iterable[str]) -> str:
    """Return ``; did you mean "growth"?`` where something allowed is close, else nothing."""
    best = closest(word, allowed)
    return f'; did you mean "{best}"?' if best else ""


def closest(word: object, allowed: Iterable[str]) -> str | None:
    """Return what somebody meant who wrote ``word``; None where nothing allowed is close."""
    text = str(word)[:_LONGEST_GUESSED]
    known = [str(item) for item in allowed]
    called = next((item for item in known if item.lower() == text.lower()), None) or next(
        (item for item in _elsewhere().get(text.lower(), ()) if item in known), None
    )
    if called is not None:
        return called
    longer = [
        item for item in known if len(item) > 2 and (text.startswith(item) or (len(text) > 2 and item.startswith(text)))
    ]
    close = difflib.get_close_matches(text, known, n=3, cutoff=0.6) or longer[:1]
    # Letters in the wrong order are the commonest slip, and count as closer than one that is wrong.
    return min(close, key=lambda item: (sorted(item) != sorted(text), close.index(item)), default=None)


_LONGEST_GUESSED = 100


@cache
def _elsewhere() -> Mapping[str, Sequence[str]]:
    """Map what things are called elsewhere to what may be called so here."""
    from groundwork.settings.data_file import read_data  # noqa: PLC0415 - YAML, which who makes no mistake need not read

    return cast(Mapping[str, Sequence[str]], read_data(FilePath(__file__).with_name("elsewhere.yaml")))


def one_of(allowed: Iterable[object]) -> str:
    """Join to a readable list: ``256, 512 or 1024``."""
    return _listed(allowed, "or")


def all_of(things: Iterable[object]) -> str:
    """Join to a readable list: ``data, cache and search``."""
    return _listed(things, "and")


def sum_of(parts: Iterable[str]) -> str:
    """Return a sum by its parts, as many as a reader can take in: ``web 4 × 10 + api 4 × 10 + … (118 more)``."""
    shown = list(parts)
    more = len(shown) - _MOST_PARTS
    return " + ".join(shown if more <= 1 else [*shown[:_MOST_PARTS], f"… ({more} more)"])


_MOST_PARTS = 8


def _listed(items: Iterable[object], last: str) -> str:
    words = [str(item) for item in items]
    return "".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} {last} {words[-1]}"
