"""How two JSON values differ, part by part; nothing secret is in the answer."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from groundwork.preview.changes.model import DifferenceKind, PropertyChange
from groundwork.preview.snapshot import to_marker
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.view import Opaque

_ABSENT = object()
_NAMING = ("Sid", "sid", "name", "Name", "key", "id", "Id", "containerPath", "rule", "priority")
"""What tells the objects of one list apart, where each has one of its own."""
_MOST_ALIGNED = 400
"""Longer lists without names are compared place by place: aligning them takes the square of their length."""


@dataclass
class Comparison:
    """Compares values, and counts those that it could not look into."""

    hidden: int = 0

    def differences(
        self, before: Mapping[str, Any], after: Mapping[str, Any], *, sensitive: frozenset[str] = frozenset()
    ) -> Iterator[PropertyChange]:
        """Yield the differences of two maps. Of ``sensitive`` keys it is only said that they differ."""
        for key in [*after, *(key for key in before if key not in after)]:
            was, wanted = before.get(key, _ABSENT), after.get(key, _ABSENT)
            for one in self._between(key, was, wanted, key):
                yield _masked(one) if key in sensitive else one

    def _between(
        self, path: str, before: Any, after: Any, key: str, *, document: bool = False
    ) -> Iterator[PropertyChange]:
        if before is _ABSENT or after is _ABSENT:
            yield from _one_sided(path, before, after, key)
        elif _same(before, after, document):
            self.hidden += _secrets(before)
        elif isinstance(before, dict) and isinstance(after, dict):
            for name in [*after, *(name for name in before if name not in after)]:
                was, wanted = before.get(name, _ABSENT), after.get(name, _ABSENT)
                yield from self._between(_member(path, name), was, wanted, str(name), document=document)
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._lists(path, before, after, key, document)
        else:
            was, wanted = _document(before), _document(after)
            if was is not None and wanted is not None:
                yield from self._between(path, was, wanted, key, document=True)
            else:
                yield PropertyChange(path, DifferenceKind.CHANGED, shown(before, key), shown(after, key))

    def _lists(
        self, path: str, before: list[Any], after: list[Any], key: str, document: bool
    ) -> Iterator[PropertyChange]:
        named = _by_name(before), _by_name(after)
        if named[0] is not None and named[1] is not None:
            found = [
                one
                for name in [*named[1], *(name for name in named[0] if name not in named[1])]
                for one in self._between(
                    f"{path}[{name}]",
                    named[0].get(name, _ABSENT),
                    named[1].get(name, _ABSENT),
                    key,
                    document=document,
                )
            ]
            if found:
                yield from found
                return
        texts = [_text(item) for item in before], [_text(item) for item in after]
        if Counter(texts[0]) == Counter(texts[1]):
            yield PropertyChange(path, DifferenceKind.REORDERED, shown(before, key), shown(after, key))
        elif any(isinstance(item, (dict, list, Opaque)) for item in (*before, *after)):
            yield from self._aligned((before, after), path, key, document)
        else:
            left, come = Counter(texts[0]) - Counter(texts[1]), Counter(texts[1]) - Counter(texts[0])
            yield from (_one_side(f"{path}[]", DifferenceKind.REMOVED, json.loads(one), key) for one in left.elements())
            yield from (_one_side(f"{path}[]", DifferenceKind.ADDED, json.loads(one), key) for one in come.elements())

    def _aligned(
        self, lists: tuple[list[Any], list[Any]], path: str, key: str, document: bool
    ) -> Iterator[PropertyChange]:
        """Yield the differences of two lists. Equal items stay each other's; what stands between them is compared in
        its order."""
        before, after = lists
        for start, end, into, until in _gaps([_text(item) for item in before], [_text(item) for item in after]):
            for number in range(max(end - start, until - into)):
                was = before[start + number] if start + number < end else _ABSENT
                wanted = after[into + number] if into + number < until else _ABSENT
                place = (into if wanted is not _ABSENT else start) + number
                yield from self._between(f"{path}[{place}]", was, wanted, key, document=document)


def shown(value: Any, key: str = "") -> Any:
    """Return a value without what is secret by its mark, its name or its form."""
    if isinstance(value, dict):
        return {name: shown(item, _named(value, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [shown(item, key) for item in value]
    return _shown_text(_script(key, value), key) if isinstance(value, str) else value


def _named(holder: Mapping[str, Any], key: str) -> str:
    """Return the word that tells whether a member is secret: its key, or of pairs of a name and a value that name."""
    name = holder.get("name", holder.get("Name"))
    return name if key in ("value", "Value") and isinstance(name, str) else str(key)


def _shown_text(text: str, key: str) -> Any:
    if is_secret_name(_snake(key)) and not names_another_place(text):
        return Opaque.SECRET
    document = _document(text)
    if document is not None:
        clear = shown(document)
        return text if clear == document else json.dumps(clear, ensure_ascii=False, default=to_marker)
    return Opaque.SECRET if secrets_in(text) else text


def _script(key: str, value: str) -> str:
    """Return the text of user data, which AWS takes in base64, packed or not."""
    if not key.lower().startswith("userdata"):
        return value
    try:
        data = base64.b64decode(value, validate=True)
        return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
    except (ValueError, OSError, EOFError, zlib.error):
        return value


def _snake(key: str) -> str:
    return "".join(
        f"_{letter}" if letter.isupper() and key[:at][-1:].islower() else letter for at, letter in enumerate(key)
    )


def _masked(change: PropertyChange) -> PropertyChange:
    return PropertyChange(
        change.path,
        change.kind,
        None if change.kind is DifferenceKind.ADDED else Opaque.SECRET,
        None if change.kind is DifferenceKind.REMOVED else Opaque.SECRET,
    )


def _one_sided(path: str, before: Any, after: Any, key: str) -> Iterator[PropertyChange]:
    kind, value = (DifferenceKind.ADDED, after) if before is _ABSENT else (DifferenceKind.REMOVED, before)
    # Null is how a program leaves something out.
    if value is not None:
        yield _one_side(path, kind, value, key)


def _one_side(path: str, kind: DifferenceKind, value: Any, key: str) -> PropertyChange:
    said = shown(value, key)
    return (
        PropertyChange(path, kind, after=said)
        if kind is DifferenceKind.ADDED
        else PropertyChange(path, kind, before=said)
    )


def _same(before: Any, after: Any, document: bool) -> bool:
    """Tell whether two values mean the same to the provider, which takes "5" for 5; in policy documents one stands for
    a list of one."""
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return True
    if document and isinstance(before, list) != isinstance(after, list):
        one, other = (before, after) if isinstance(before, list) else (after, before)
        return len(one) == 1 and bool(one[0] == other)
    if isinstance(before, (dict, list, Opaque)) or isinstance(after, (dict, list, Opaque)) or None in (before, after):
        return False
    return _text_of(before) == _text_of(after)


def _text_of(scalar: Any) -> str:
    return str(scalar).lower() if isinstance(scalar, bool) else str(scalar)


def _document(value: Any) -> Any:
    """Return the value that a JSON text holds; a map or a list stands for itself. None where it is neither."""
    if isinstance(value, (dict, list)):
        return value
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None


def _by_name(items: Sequence[Any]) -> dict[str, Any] | None:
    """Return items by what names each of them; None where nothing does."""
    if not all(isinstance(item, dict) for item in items):
        return None
    for key in _NAMING:
        names = [item.get(key) for item in items]
        if all(isinstance(name, (str, int)) for name in names) and len(set(names)) == len(names):
            return {str(name): item for name, item in zip(names, items, strict=True)}
    return None


def _member(path: str, key: str) -> str:
    plain = str(key).replace("-", "").replace("_", "").isalnum()
    return f"{path}.{key}" if plain else f"{path}[{json.dumps(str(key), ensure_ascii=False)}]"


def _gaps(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int, int]]:
    if max(len(before), len(after)) > _MOST_ALIGNED:
        yield 0, len(before), 0, len(after)
        return
    for tag, start, end, into, until in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            yield start, end, into, until


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=to_marker)


def _secrets(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_secrets, value.values()))
    return sum(map(_secrets, value)) if isinstance(value, list) else value is Opaque.SECRET
