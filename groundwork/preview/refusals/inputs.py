"""The inputs of a snapshot against what AWS says of each: see :mod:`groundwork.preview.refusals.constraints`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from groundwork.preview.refusals.constraints import EVERY_TYPE, Constraint, constraints_of
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.autonames import name_left_to_pulumi
from guardrails.view import Opaque


@dataclass(frozen=True)
class RefusedInput:
    """One value that AWS would not take."""

    resource: Resource
    input: str
    """``tags.team``, ``origins[0].domainName``."""
    value: Any
    reason: str
    """What follows on "it": ``has 70 characters, and the most is 64``."""


def refused_inputs(snapshot: Snapshot) -> Iterator[RefusedInput]:
    """Yield every input of every resource that AWS would refuse, names that Pulumi draws among them. What is unknown or
    secret is not looked at."""
    for resource in snapshot.resources:
        if resource.custom and resource.type.startswith("aws:"):
            constraints = _constraints(resource.type)
            drawn = {prop: name for prop, name in name_left_to_pulumi(resource).items() if prop in constraints}
            yield from _inside({**drawn, **resource.inputs}, "", "", resource, constraints)


@cache
def _constraints(type_: str) -> Mapping[str, tuple[Constraint, ...]]:
    """Map the path of an input to what is said of it: of this type first, then of every type."""
    own, everywhere = constraints_of(type_), constraints_of(EVERY_TYPE)
    return {path: tuple(filter(None, (own.get(path), everywhere.get(path)))) for path in own.keys() | everywhere.keys()}


def values_at(inputs: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield what stands at a path such as ``overrides[].instanceType``, each with its place; what is unknown or secret is left
    out."""
    found: list[tuple[str, Any]] = [("", inputs)]
    for part in re.findall(r"[^.\[]+|\[\]", path):
        if part == "[]":
            found = [(f"{at}[{index}]", item) for at, value in found for index, item in enumerate(_listed(value))]
        else:
            found = [
                (f"{at}.{part}".lstrip("."), value[part])
                for at, value in found
                if isinstance(value, Mapping) and part in value
            ]
    return ((place, value) for place, value in found if value is not None and not isinstance(value, Opaque))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _inside(
    value: Any, rule: str, place: str, resource: Resource, constraints: Mapping[str, tuple[Constraint, ...]]
) -> Iterator[RefusedInput]:
    """Yield what is refused inside a value. ``rule`` is the place as the table has it, without the numbers of
    entries."""
    if value is None or isinstance(value, Opaque):
        return
    reason = next(filter(None, (one.refusal(value) for one in constraints.get(rule, ()))), None)
    if reason:
        yield RefusedInput(resource, place, value, reason)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(item, f"{rule}[]", f"{place}[{index}]", resource, constraints)
    elif isinstance(value, dict):
        is_map = f"{rule}{{key}}" in constraints or f"{rule}{{}}" in constraints
        for key, item in value.items():
            below = f"{place}.{key}" if place else key
            if is_map:
                yield from _inside(key, f"{rule}{{key}}", below, resource, constraints)
            yield from _inside(
                item, f"{rule}{{}}" if is_map else f"{rule}.{key}" if rule else key, below, resource, constraints
            )
