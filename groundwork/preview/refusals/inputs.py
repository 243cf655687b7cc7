"""The inputs of a snapshot against what AWS says of each: see :mod:`groundwork.preview.refusals.constraints`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from groundwork.preview.refusals.constraints import Constraint, constraints_of
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
        constraints = constraints_of(resource.type) if resource.custom else {}
        if constraints:
            drawn = {prop: name for prop, name in name_left_to_pulumi(resource).items() if prop in constraints}
            yield from _inside({**drawn, **resource.inputs}, "", "", resource, constraints)


def _inside(
    value: Any, rule: str, place: str, resource: Resource, constraints: dict[str, Constraint]
) -> Iterator[RefusedInput]:
    """Yield what is refused inside a value. ``rule`` is the place as the table has it, without the numbers of
    entries."""
    if value is None or isinstance(value, Opaque):
        return
    constraint = constraints.get(rule)
    reason = constraint.refusal(value) if constraint else None
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
