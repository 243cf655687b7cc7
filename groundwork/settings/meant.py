"""What somebody most likely meant who wrote what is not allowed.

It stands in while everything else is checked: so a slip is one message, and not also all that its absence would break.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from groundwork.settings.mistakes import Path, closest

_QUANTITY = re.compile(r"(\d+)(m|Mi|Gi)")
_FACTORS = {"m": 1.024, "Mi": 1, "Gi": 1024}
"""Kubernetes counts thousandths of a vCPU, ECS and Groundwork 1,024ths."""

_UNITS = {"cpu": "CPU units, of which 1024 are a vCPU", "memory": "MiB"}

_MOST_VCPU = 192


def value_meant(path: Path, detail: Mapping[str, Any]) -> Any:
    """Return the allowed value next to the one that pydantic refuses; None where there is none."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "literal_error" and isinstance(value, str):
        return closest(value, words_allowed(context))
    if kind in ("greater_than_equal", "less_than_equal"):
        return context.get("ge", context.get("le"))
    if kind == "domain" and isinstance(value, str):
        return re.sub(r"^(https?://)?(www\.)?|/.*$", "", value.lower().strip()) or None
    if kind == "string_type" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return size_meant(path, value)


def words_allowed(context: Mapping[str, Any]) -> list[str]:
    """List the words that a literal takes, from pydantic's sentence about them."""
    return [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]


def size_meant(path: Path, value: Any) -> int | None:
    """Convert ``250m``, ``512Mi`` and half a vCPU to the units of a service."""
    if not path or path[-1] not in _UNITS:
        return None
    if isinstance(value, float) and path[-1] == "cpu" and 0 < value <= _MOST_VCPU:
        return round(value * 1024)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[2] == "m") != (path[-1] == "cpu"):
        return None
    return round(int(match[1]) * _FACTORS[match[2]]) or None


def size_hint(path: Path, value: Any) -> str:
    """Tell how to write such a size."""
    meant = size_meant(path, value)
    return f"; write {meant} ({_UNITS[str(path[-1])]})" if meant else ""


def key_meant(written: str, allowed: Iterable[str], taken: Iterable[object]) -> str | None:
    """Return the key that was meant, unless it stands there as well."""
    meant = closest(written, allowed)
    return None if meant is None or meant in taken else meant


def name_meant(written: str, taken: Iterable[object]) -> str | None:
    """Return ``My_Bucket`` as a name is written here: ``my-bucket``."""
    name = re.sub(r"[^a-z0-9]+", "-", written.lower()).strip("-")
    return name if re.match(r"[a-z]", name) and name not in taken else None
