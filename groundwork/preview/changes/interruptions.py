"""What does not answer while it is updated in place, and when. The list is ``interruptions.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import PropertyChange, is_within
from groundwork.preview.snapshot import Resource
from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("interruptions.yaml")


def interruption_of(resource: Resource, changes: Iterable[PropertyChange]) -> str:
    """Return when an update interrupts a resource, as it then is, and what that is like; empty where it goes on answering."""
    row = _table().get(resource.type)
    if row is None:
        return ""
    told: dict[str, None] = {}
    for path in (one.path for one in changes):
        for rule in row["changes"]:
            is_meant = any(is_within(path, name) for name in rule["properties"])
            if is_meant and _fits(resource.inputs, rule.get("where", {})):
                told[f"{_when(row, rule, resource.inputs)}: {rule['says']}"] = None
                break
    return "; ".join(told)


def _fits(inputs: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(_at(inputs, path) == value for path, value in where.items())


def _at(inputs: Any, path: str) -> Any:
    return reduce(lambda held, name: held.get(name) if isinstance(held, dict) else None, path.split("."), inputs)


def _when(row: Mapping[str, Any], rule: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    if rule.get("always") or "window" not in row or inputs.get(row["at once"]) is True:
        return "at once"
    window = inputs.get(row["window"])
    return f"in its maintenance window{f' ({window} UTC)' if isinstance(window, str) else ''}"


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = read_data(_TABLE)
    return found
