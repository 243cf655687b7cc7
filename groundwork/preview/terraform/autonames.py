"""The physical names that pulumi-aws generates, which Terraform's provider never sees left out. Data: ``autonames.yaml``."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.preview.snapshot import Resource
from groundwork.preview.terraform.names import properties, required
from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("autonames.yaml")


def generated_names(resource: Resource, args: type) -> dict[str, str]:
    """Return the name property that the program left to Pulumi, filled in; empty where it names the resource itself."""
    drawn = name_left_to_pulumi(resource)
    return {prop: name for prop, name in drawn.items() if prop in properties(args) and prop not in required(args)}


def name_left_to_pulumi(resource: Resource) -> dict[str, str]:
    """Return the name left to Pulumi, for a type that is known to have such a property."""
    prop = name_property(resource.type)
    if {prop, f"{prop}Prefix"} & resource.inputs.keys():
        return {}
    computed = resource.outputs.get(prop)
    return {prop: computed if isinstance(computed, str) else _generate(resource)}


def name_property(type_: str) -> str:
    """Return the property that is a type's name, as far as it has one."""
    return str(_table()["property"].get(type_, "name"))


def added_to(type_: str) -> str:
    """Return what Pulumi adds to a logical name, with an x for each character that it draws; empty where it takes the
    name as it is."""
    table = _table()
    if type_ in table["exact"]:
        return ""
    return str(table["prefix"].get(type_, "")) + str(table["separator"].get(type_, "-")) + "x" * _DRAWN


_DRAWN = 7


def _generate(resource: Resource) -> str:
    table = _table()
    if resource.type in table["exact"]:
        return resource.name
    separator = table["separator"].get(resource.type, "-")
    # The same seven characters as in the snapshot's own computed names.
    name = f"{resource.name}{separator}{hashlib.sha256(resource.urn.encode()).hexdigest()[:_DRAWN]}"
    if resource.type in table["lower"]:
        name = name.lower()
    if resource.inputs.get(table["fifo"].get(resource.type, "")) is True:
        name += ".fifo"
    return str(table["prefix"].get(resource.type, "")) + name


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = read_data(_TABLE)
    return table
