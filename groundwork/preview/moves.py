"""From one snapshot of a stack to another: what an update would make, change, replace and take away, and what would stop it.

Says what Pulumi and AWS do, in the order in which they do it: creates and updates first, deletes last; what is protected stops the
whole update; some changes mean another resource (``changes/replacement.py``), some AWS refuses (``moves.yaml``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.preview.changes.holding import stops_a_step
from groundwork.preview.changes.model import Forces
from groundwork.preview.changes.plan import Pair, Plan, pairs
from groundwork.preview.refused_changes import refused_change
from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.settings.data_file import read_data

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Refusal:
    """Why an update would stop, or lose data, at one resource."""

    resource: Resource
    reason: str
    protected: bool = False
    """Whether it goes once its protection has been taken off on purpose."""
    loses: bool = False
    """Whether nobody would stop it, and data would be lost."""


@dataclass(frozen=True)
class Move:
    """What an update does with what stands. Components are left out: they are nothing in AWS."""

    created: tuple[Resource, ...]
    changed: tuple[Resource, ...]
    replaced: tuple[Resource, ...]
    removed: tuple[Resource, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Step:
    """A move from one phase to another."""

    before: str
    after: str
    move: Move

    @property
    def removable(self) -> list[str]:
        """List what has to be said to be removable, in an update before, because it is protected and leaves."""
        return [refusal.resource.name for refusal in self.move.refusals if refusal.protected]

    @property
    def stops(self) -> list[Refusal]:
        """List the refusals that no such update helps."""
        return [refusal for refusal in self.move.refusals if not refusal.protected]


def move(base: Snapshot, head: Snapshot) -> Move:
    """Return what it means for a stack that stands as ``base`` to be told ``head``. Both without unknowns, of one
    stack."""
    plan = Plan(base, head)
    return Move(
        created=tuple(plan.created),
        changed=tuple(pair.after for pair in plan.updated.values()),
        replaced=tuple(pair.after for pair in plan.replaced.values()),
        removed=tuple(plan.deleted),
        refusals=tuple(refusals(plan)),
    )


def standing(base: Snapshot, head: Snapshot) -> Snapshot:
    """Return what stands once ``base`` was told ``head``: that, with what only grows as large as it was."""
    before = dict(pairs(base, head))

    def grown(resource: Resource) -> Resource:
        grows = _rules()["only_grows"].get(resource.type)
        if not grows or resource.urn not in before or grows["property"] not in resource.inputs:
            return resource
        key = grows["property"]
        size = max(resource.inputs[key], before[resource.urn].inputs.get(key) or 0)
        return replace(resource, inputs={**resource.inputs, key: size})

    return replace(head, resources=tuple(grown(resource) for resource in head.resources))


def refusals(plan: Plan) -> Iterator[Refusal]:
    """Yield where Pulumi or AWS would stop the update, or data be lost."""
    removable = plan.base.settings.get("platform", {}).get("removable") or []
    for resource in plan.deleted:
        if not _is_released(resource, removable):
            yield from _refused_removal(resource)
    for urn, pair in plan.replaced.items():
        yield from _refused_replacement(plan, urn, pair)
    for urn, pair in plan.updated.items():
        reason = _refused_update(pair.after, pair.before.inputs, plan.differing(urn))
        if reason:
            yield Refusal(pair.after, reason)
    yield from _collisions(plan)


def _refused_replacement(plan: Plan, urn: str, pair: Pair) -> Iterator[Refusal]:
    after = pair.after
    found = plan.differences[urn]
    changes = sorted({one.root for one in found if one.forces is Forces.YES and not one.because}) or [
        "what it is made from"
    ]
    because = f"another {', '.join(changes)} means another resource"
    if pair.before.options.get("protect"):
        yield Refusal(after, f"is protected, and {because}", protected=True)
    elif stops_a_step(pair.before):
        yield Refusal(after, f"holds data that would be lost: {because}", loses=True)
    elif not after.options.get("deleteBeforeReplace"):
        identity = _identity(after.type, after.inputs)
        renewed = {one.root for one in found if one.because}.intersection(_identity_keys(after.type))
        if identity is not None and not renewed and identity == _identity(after.type, pair.before.inputs):
            yield Refusal(after, f"{because}, which cannot be made beside the old one under one name")


def _collisions(plan: Plan) -> Iterator[Refusal]:
    """Yield collisions of names. Creates and updates come before deletes: what is taken away still holds its name by
    then."""
    holders: dict[Any, Resource] = {_identity(one.type, one.inputs): one for one in plan.deleted}
    for pair in plan.pairs.values():
        holders[_identity(pair.before.type, pair.before.inputs)] = pair.after
    holders.pop(None, None)
    for resource in [*plan.created, *(pair.after for pair in plan.pairs.values())]:
        identity = _identity(resource.type, resource.inputs)
        own = plan.pairs.get(resource.urn)
        kept = own is not None and identity == _identity(resource.type, own.before.inputs)
        holder = None if kept else holders.get(identity)
        if holder is not None and holder.urn != resource.urn:
            yield Refusal(resource, f"has the name that {holder.name} still holds: already exists")


def _is_released(resource: Resource, removable: bool | Sequence[str]) -> bool:
    """Tell whether the stack, as it stands, says of a resource that it may go, and has taken its protection off."""
    named = removable is True or any(fnmatchcase(resource.name, pattern) for pattern in removable or ())
    guard = _rules()["deletion_protection"].get(resource.type)
    return named and not resource.options.get("protect") and resource.inputs.get(guard) is not True


def _refused_removal(resource: Resource) -> Iterator[Refusal]:
    if resource.options.get("retainOnDelete"):
        return
    guard = _rules()["deletion_protection"].get(resource.type)
    if resource.options.get("protect"):
        yield Refusal(resource, "is protected and would be deleted", protected=True)
    elif guard and resource.inputs.get(guard) is True:
        yield Refusal(resource, f"has {guard} and would be deleted", protected=True)
    elif stops_a_step(resource):
        yield Refusal(resource, "holds data and would be deleted", loses=True)


def _refused_update(resource: Resource, before: Mapping[str, Any], changes: set[str]) -> str | None:
    grows = _rules()["only_grows"].get(resource.type)
    if grows:
        refused = _refused_size(grows, before, resource.inputs)
        if refused:
            return refused
    return refused_change(resource, before, changes)


def _refused_size(grows: Mapping[str, str], before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    key, limit = grows["property"], grows.get("unless")
    was, wanted = before.get(key), after.get(key)
    if was is None or wanted is None:
        return None
    if wanted < was and not (limit and (after.get(limit) or 0) > wanted):
        return f"{key} cannot shrink from {was} to {wanted}"
    # RDS asks for a tenth above what is allocated, which stays what it has grown to.
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    if limit and after.get(limit) and after[limit] < max(was, wanted) * 1.1:
        return f"{limit} of {after[limit]} is less than a tenth above the {max(was, wanted)} that are allocated"
    return None


def _identity_keys(type_: str) -> list[str]:
    default = ["metadata"] if type_.startswith("kubernetes:") else ["name"]
    keys: list[str] = _rules()["identity"].get(type_, default)
    return keys


def _identity(type_: str, inputs: Mapping[str, Any]) -> Any:
    """Return what AWS knows a resource by, where the program says it; None where a name is made up or two never
    collide."""
    keys = _identity_keys(type_)
    said = {key: inputs.get(key) for key in keys}
    metadata = said.get("metadata")
    if isinstance(metadata, dict):
        said = {key: metadata.get(key) for key in ("namespace", "name")}
    # The first names the thing itself, or what it is a part of.
    if not keys or (next(iter(said.values())) is None and len(said) < 2):
        return None
    return (type_, json.dumps(said, sort_keys=True, default=to_marker))


@cache
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = read_data(_HERE / "moves.yaml")
    return rules
