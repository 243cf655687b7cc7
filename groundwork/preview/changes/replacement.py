"""Which changed properties mean another resource. The AWS provider was asked (``groundwork/preview/replacement.json``); for objects of
Kubernetes the lists of Pulumi's provider stand in ``kubernetes.yaml``. What neither knows may."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import DifferenceKind, Forces, PropertyChange, root_of
from groundwork.preview.snapshot import Resource
from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).parent.parent / "replacement.json"
_PLACE = re.compile(r"\[[^\]]*\]")
_KUBERNETES_PROVIDER = "pulumi:providers:kubernetes"
_IDENTIFIER = "clusterIdentifier"
_IN_PLACE = ("tags", "tagsAll", "tagSpecifications")
"""Tags say who a resource is for, and change in place everywhere."""


def forces(resource: Resource, change: PropertyChange) -> Forces:
    """Return whether a change means another resource."""
    names = _PLACE.sub("", change.path)
    wanted = resource.options.get("replaceOnChanges", ())
    if "*" in wanted or _holds(wanted, names):
        return Forces.YES
    if resource.type == _KUBERNETES_PROVIDER:
        return _of_kubernetes_provider(resource.inputs, names, change.kind)
    found = (
        _of_kubernetes(resource.type, names)
        if resource.type.startswith("kubernetes:")
        else _of_aws(resource.type, names)
    )
    # Whether the provider minds the order of a list is not known.
    return Forces.MAYBE if found is Forces.YES and change.kind is DifferenceKind.REORDERED else found


def _of_aws(type_: str, names: str) -> Forces:
    if root_of(names) in _IN_PLACE:
        return Forces.NO
    row = table()["types"].get(type_)
    if row is None:
        return Forces.MAYBE
    if _holds(row.get("replaces", ()), names) or names in row.get("whole", ()):
        return Forces.YES
    # A block that comes or goes does so with what is in it.
    parts = any(path.startswith(f"{names}.") for path in row.get("replaces", ()))
    return Forces.MAYBE if parts or _holds((*row.get("may", ()), *row.get("unasked", ())), names) else Forces.NO


def is_global(type_: str) -> bool:
    """Tell whether a type of AWS's is in no region, as IAM's are."""
    return type_ in _global()


@cache
def _global() -> frozenset[str]:
    return frozenset(table()["global"])


def _of_kubernetes(type_: str, names: str) -> Forces:
    return Forces.YES if _holds(_fields_of_kubernetes(type_), names) else Forces.NO


def _fields_of_kubernetes(type_: str) -> list[str]:
    said = _kubernetes()
    # kubernetes:apps/v1:Deployment is apps:Deployment in every version.
    _, group, kind = type_.split(":")
    return [*said["every"], *said["kinds"].get(f"{group.partition('/')[0]}:{kind}", ())]


def _of_kubernetes_provider(inputs: Mapping[str, Any], names: str, kind: DifferenceKind) -> Forces:
    said = _kubernetes()["provider"]
    if names == _IDENTIFIER and kind is DifferenceKind.ADDED:
        return Forces.NO
    whole = said["identified" if _IDENTIFIER in inputs else "other"]
    parts = said["parts"] if "kubeconfig" in whole else ()
    return Forces.YES if names in whole or _holds(parts, names) else Forces.NO


def _holds(paths: Iterable[str], names: str) -> bool:
    """Tell whether a property is one of these, or a part of one."""
    return any(names == path or names.startswith(f"{path}.") for path in paths)


def forcing(resource: Resource) -> set[str]:
    """Return the properties, of all that a resource may say, of which another value means another resource."""
    wanted = resource.options.get("replaceOnChanges", ())
    if resource.type == _KUBERNETES_PROVIDER:
        return {*_kubernetes()["provider"]["identified" if _IDENTIFIER in resource.inputs else "other"], *wanted}
    if resource.type.startswith("kubernetes:"):
        return {*_fields_of_kubernetes(resource.type), *wanted}
    row = table()["types"].get(resource.type, {})
    return {*row.get("replaces", ()), *row.get("whole", ()), *wanted}


@cache
def sensitive(type_: str) -> frozenset[str]:
    """Return the properties of a type that the provider calls sensitive: they are never shown."""
    return frozenset(table()["types"].get(type_, {}).get("sensitive", ()))


@cache
def table() -> dict[str, Any]:
    """Return what the provider said: its version, the types that are in no region, and by type the properties that replace it, whole or in
    part, that may, that it was not asked about, and that are sensitive."""
    found: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return found


@cache
def _kubernetes() -> dict[str, Any]:
    found: dict[str, Any] = read_data(Path(__file__).with_name("kubernetes.yaml"))
    return found
