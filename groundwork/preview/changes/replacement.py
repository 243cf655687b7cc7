"""Which changed properties mean another resource. The AWS provider was asked (``preview/replacement.json``); for objects of
Kubernetes its API says it (``kubernetes.yaml``). What neither knows may."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import Forces, Kind, PropertyChange, root_of
from groundwork.preview.snapshot import Resource

_TABLE = Path(__file__).parent.parent / "replacement.json"


def forces(resource: Resource, path: str, change: PropertyChange | None = None) -> Forces:
    """Tell whether another value at ``path`` means another resource."""
    if any(wanted in ("*", path, root_of(path)) for wanted in resource.options.get("replaceOnChanges", ())):
        return Forces.YES
    if change is not None and change.kind is Kind.REORDERED:
        return Forces.NO
    return Forces.YES if root_of(path) in _table()["types"].get(resource.type, ()) else Forces.NO


def forcing(resource: Resource) -> set[str]:
    """Return the properties of which another value means another resource."""
    return {*_table()["types"].get(resource.type, ()), *resource.options.get("replaceOnChanges", ())}


@cache
def sensitive(type_: str) -> frozenset[str]:
    """Return the properties of a type that the provider calls sensitive: they are never shown."""
    return frozenset(_table().get("sensitive", {}).get(type_, ()))


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table
