"""What somebody most likely meant who wrote what is not allowed.

It stands in while everything else is checked: so a slip is one message, and not also all that its absence would break.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from groundwork.settings.mistakes import Path, closest
from groundwork.settings.quantities import quantity_meant


def value_meant(path: Path, detail: Mapping[str, Any]) -> Any:
    """Return the allowed value next to the one that pydantic refuses; None where there is none."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "literal_error" and isinstance(value, str):
        return closest(value, words_allowed(context))
    if kind in ("greater_than_equal", "less_than_equal"):
        return context.get("ge", context.get("le"))
    if kind == "string_type" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if kind in _OF_A_KIND:
        return _OF_A_KIND[kind](value)
    meant = quantity_meant(path, value)
    return meant.number if meant else None


def domain_meant(written: str) -> str | None:
    """Return the domain in an address such as ``https://www.example.com/shop``."""
    return re.sub(r"^(https?://)?(www\.)?|/.*$|\.$", "", written.lower().strip()) or None


def repository_meant(written: str) -> str | None:
    """Return ``OWNER/NAME`` of an address of a repository, as a browser or ``git clone`` has it."""
    match = re.fullmatch(
        r"(?:https?://|git@|ssh://git@)?(?:[a-z0-9-]+\.)+[a-z]+[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?", written
    )
    return match[1] if match else written.removesuffix(".git") if written.endswith(".git") else None


def list_meant(value: Any) -> list[Any] | None:
    """Return the list that was meant by one word, by a number, or by a command in one line."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    if isinstance(value, int):
        return [value]
    try:
        return shlex.split(value) or None
    except ValueError:
        return None


def entries_meant(value: Any) -> dict[str, Any] | None:
    """Return the mapping that was meant by a list of names, each of which says nothing more."""
    return {word: {} for word in value} if _are_words(value) else None


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


_OF_A_KIND: Mapping[str, Callable[[Any], Any]] = {
    "domain": domain_meant,
    "repository": repository_meant,
    "list_type": list_meant,
    "tuple_type": list_meant,
    "dict_type": entries_meant,
}


def words_allowed(context: Mapping[str, Any]) -> list[str]:
    """List the words that a literal takes, from pydantic's sentence about them."""
    return [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]


def key_meant(written: str, allowed: Iterable[str], taken: Iterable[object]) -> str | None:
    """Return the key that was meant, unless it stands there as well."""
    meant = closest(written, allowed)
    return None if meant is None or meant in taken else meant


def name_meant(written: str, taken: Iterable[object]) -> str | None:
    """Return ``My_Bucket`` as a name is written here: ``my-bucket``."""
    name = re.sub(r"[^a-z0-9]+", "-", written.lower()).strip("-")
    return name if re.match(r"[a-z]", name) and name not in taken else None
