"""What holds data, and what goes with it. The list is ``holding.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import Action, Loss
from groundwork.preview.snapshot import Resource
from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("holding.yaml")


def holds_data(resource: Resource) -> bool:
    """Tell whether a resource holds something of its own: a copy of another does not."""
    row = table()["types"].get(resource.type)
    return row is not None and row.get("copy") not in resource.inputs and _is_meant(row, resource)


def gravity(type_: str) -> int:
    """Return the place of a type among those that hold data: the lower, the graver its loss."""
    return list(table()["types"]).index(type_)


def stops_a_step(resource: Resource) -> bool:
    """Tell whether no step of a stack from phase to phase may lose it, in any stage."""
    return holds_data(resource) and bool(table()["types"][resource.type].get("in every stage"))


def loss_of(resource: Resource, action: Action) -> Loss | None:
    """Return what is lost when a resource is replaced or deleted as it stands; None where it holds nothing."""
    row = table()["types"].get(resource.type)
    if row is None or not _is_meant(row, resource):
        return None
    copy = row.get("copy") in resource.inputs
    kept = [one["says"] for one in row.get("kept", ()) if _is_kept(one, resource.inputs.get(one["property"]))]
    return Loss(
        holds=row["holds"],
        lost=row["copied"] if copy else row["lost"],
        kept="; ".join(kept),
        instead=row["instead"][action.value],
    )


def _is_kept(row: Mapping[str, Any], value: Any) -> bool:
    return value in row["when"] if "when" in row else value not in row["unless"]


def _is_meant(row: Mapping[str, Any], resource: Resource) -> bool:
    """Tell whether the row means a resource: some types hold data only where the program leaves a property to
    others."""
    wanted = row.get("where ignored")
    return wanted is None or wanted in resource.options.get("ignoreChanges", ())


@cache
def table() -> dict[str, Any]:
    """Return the table with ``types`` that hold data, and ``none``: those that were looked at and hold nothing."""
    found: dict[str, Any] = read_data(_TABLE)
    return found
