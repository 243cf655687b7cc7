"""Correcting data until it can be checked as a whole, so that one slip is one message and all slips show at once.

Checks between layers need settings that are valid. So what is mistaken gives way to what was meant: a misspelt key is renamed, a value gets
the allowed one next to it, and what nobody can guess is taken out, with what lacks it. Each mistake is told once, where it was written,
and what a check then finds in data that was corrected is not told: it may only follow from the correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from groundwork.components.settings import LAYERS
from groundwork.settings.meant import key_meant, name_meant, value_meant
from groundwork.settings.merging import EVERY
from groundwork.settings.mistakes import Mistake, Path
from groundwork.settings.model_paths import Entries, keys_at, model_at
from groundwork.settings.wording import has, message_of


class Correction:
    """Data with its mistakes, corrected by what each round of validation finds.

    ``correct`` takes one round; ``mistakes`` are those told so far; ``explains`` says whether a check's finding follows from one of them.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self._mistakes: dict[Path, Mistake] = {}
        self._renamed: dict[Path, Path] = {}
        """Where what was meant now stands → where it was said."""
        self._known: set[Path] = set()
        self._reshaped: set[Path] = set()
        """Where a list or a mapping was meant by something else."""
        self._gone: set[Path] = set()

    @property
    def mistakes(self) -> list[Mistake]:
        return list(self._mistakes.values())

    def path_in_file(self, path: Path) -> Path:
        """Return where the stack file says what is checked at ``path``."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._renamed:
                return (*self._renamed[path[:length]], *path[length:])
        return path

    def explains(self, path: Path) -> bool:
        """Tell whether what a check finds at ``path`` may only follow from a mistake that is known."""
        if any(_overlap(path, known) for known in self._known) or any(_is_depended_on(gone) for gone in self._gone):
            return True
        entries = {gone[-1] for gone in self._gone if isinstance(model_at(gone[:-1]), Entries)}
        return not entries.isdisjoint({path[-1], *_words_at(self.data, path)} if path else ())

    def correct(self, error: ValidationError) -> None:
        """Note the mistakes of one round, and mend what they are about."""
        by_path: dict[Path, list[Any]] = {}
        for detail in error.errors(include_url=False):
            by_path.setdefault(_path(detail, self.data), []).append(detail)
        misspelt = {path: meant for path, details in by_path.items() if (meant := self._key_meant(path, details))}
        # What a misspelt key leaves missing is no mistake of its own; what else there is shows in the next round.
        # The innermost first: a list lacks the entries that are mistaken.
        for path in sorted(misspelt or by_path, key=len, reverse=True):
            said = self.path_in_file(path)
            if not self._is_told(said):
                self._mistakes[said] = Mistake(said, message_of(path, by_path[path], misspelt.get(path)))
        for path, key in misspelt.items():
            self._rename(path, key)
        for path, details in () if misspelt else by_path.items():
            self._correct(path, details)
        if not isinstance(self.data.get("platform"), dict):
            self.data["platform"] = {}
        self.data["platform"].setdefault("name", "unnamed")

    def _is_told(self, said: Path) -> bool:
        """Tell whether a mistake is told already, or follows from one that is: of something in it, or of the shape of what it is in."""
        known = self._mistakes
        return (
            said in known
            or any(_within(one, said) for one in known)
            or any(_within(said, one) for one in self._reshaped)
        )

    def _key_meant(self, path: Path, details: list[Any]) -> str | None:
        kind, beside = details[0]["type"], _at(self.data, path[:-1])
        if not path or not isinstance(path[-1], str) or not isinstance(beside, dict) or path in self._renamed:
            return None
        if kind == "extra_forbidden":
            return key_meant(path[-1], keys_at(path[:-1]), beside)
        return name_meant(path[-1], beside) if kind == "name" and details[0]["loc"][-1] == "[key]" else None

    def _rename(self, path: Path, key: str) -> None:
        node = _at(self.data, path[:-1])
        self._renamed[*path[:-1], key] = self.path_in_file(path)
        # In its place: the first of some maps counts for more than the others.
        pairs = [(key if name == path[-1] else name, value) for name, value in node.items()]
        node.clear()
        node.update(pairs)

    def _correct(self, path: Path, details: list[Any]) -> None:
        meant = None if path in self._known else next(filter(None, (value_meant(path, one) for one in details)), None)
        self._known.add(path)
        holder = _at(self.data, path[:-1])
        if meant is not None and _at(self.data, path) is not None:
            holder[path[-1]] = meant
            if isinstance(meant, (list, dict)):
                self._reshaped.add(path)
        elif (gone := _take_out(self.data, path)) is not None:
            self._gone.add(gone)


_DEPENDED_ON: tuple[Path, ...] = (
    *((layer,) for layer in LAYERS if layer not in ("migration", "observability", "budget", "usage", "exceptions")),
    ("platform", "hours"),
    ("platform", "hours", EVERY),
    ("compute", "engine"),
    ("compute", "kubernetes"),
    ("compute", "kubernetes", "nodes"),
    ("compute", "kubernetes", "nodes", EVERY),
)
"""What so much rests on that nothing can be said of the rest while it is not there: layers that others
name, and what runs services."""


def _is_depended_on(gone: Path) -> bool:
    return any(
        len(gone) == len(path) and all(part in (EVERY, found) for part, found in zip(path, gone, strict=True))
        for path in _DEPENDED_ON
    )


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return shorter > 0 and one[:shorter] == other[:shorter]


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            return None
    return data


def _words_at(data: Any, path: Path) -> Iterable[str]:
    value = _at(data, path)
    return [value] if isinstance(value, str) else []


def _within(inner: Path, outer: Path) -> bool:
    """Tell whether taking ``inner`` out is what made ``outer`` incomplete."""
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _path(detail: Any, data: Mapping[str, Any]) -> Path:
    """Return where in the data an error is: pydantic's location without the names of union members."""
    path: list[str | int] = []
    node: Any = data
    for part in detail["loc"]:
        if has(node, part):
            node = node[part]
            path.append(part)
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    # A model that finds two of its values at odds says which of them to look at.
    for part in detail.get("ctx", {}).get("at", ()):
        if not has(node, part):
            break
        node = node[part]
        path.append(part)
    return tuple(path)


def _take_out(data: dict[str, Any], path: Path) -> Path | None:
    """Remove what stands at ``path``; where it is missing, the group that lacks it. A list goes as a whole, since taking out
    one entry would move the others. What went, or None where it had gone before."""
    node: Any = data
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(part, int):
            return _remove(data, path[:depth])
        if last or not isinstance(node.get(part), (dict, list)):
            return _remove(data, path[: depth + 1]) if last or part in node else None
        node = node[part]
    return None


def _remove(data: dict[str, Any], path: Path) -> Path | None:
    """Remove a key of nested mappings, or, where the key is missing, the mapping that lacks it."""
    node: Any = data
    for part in path[:-1]:
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    if isinstance(node, dict) and path and path[-1] in node:
        del node[path[-1]]
        return path
    return _remove(data, path[:-1]) if len(path) > 1 else None
