"""From one snapshot of a stack to another: what an update would make, change, replace and take away, and what would stop it.

Says what Pulumi and AWS do, in the order in which they do it: creates and updates first, deletes last; what is protected stops the
whole update; some changes mean another resource (``replacement.json``, asked of the AWS provider), some AWS refuses
(``moves.yaml``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.preview.refused_changes import refused_change
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Refusal:
    """Why an update would stop, or lose data, at one resource."""

    resource: Resource
    reason: str
    protected: bool = False
    """Whether it goes once its protection has been taken off on purpose."""


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
        """What has to be said to be removable, in an update before, because it is protected and leaves."""
        return [refusal.resource.name for refusal in self.move.refusals if refusal.protected]

    @property
    def stops(self) -> list[Refusal]:
        """What no such update helps."""
        return [refusal for refusal in self.move.refusals if not refusal.protected]


def move(base: Snapshot, head: Snapshot) -> Move:
    """What it means for a stack that stands as ``base`` to be told ``head``. Both without unknowns, of one stack."""
    plan = _Plan(base, head)
    return Move(
        created=tuple(plan.created),
        changed=tuple(plan.changed),
        replaced=tuple(plan.replaced.values()),
        removed=tuple(plan.removed),
        refusals=tuple(plan.refusals()),
    )


def standing(base: Snapshot, head: Snapshot) -> Snapshot:
    """What stands once ``base`` was told ``head``: that, with what only grows as large as it was."""
    before = dict(_pairs(base, head))

    def grown(resource: Resource) -> Resource:
        grows = _rules()["only_grows"].get(resource.type)
        if not grows or resource.urn not in before or grows["property"] not in resource.inputs:
            return resource
        key = grows["property"]
        size = max(resource.inputs[key], before[resource.urn].inputs.get(key) or 0)
        return replace(resource, inputs={**resource.inputs, key: size})

    return replace(head, resources=tuple(grown(resource) for resource in head.resources))


class _Plan:
    def __init__(self, base: Snapshot, head: Snapshot) -> None:
        self._removable = base.settings.get("platform", {}).get("removable") or []
        self._head = head.by_urn()
        self._pairs = dict(_pairs(base, head))
        """URN in ``head`` → the resource that stands for it."""
        translate = _translation(self._pairs, self._head)
        self._before = {urn: translate(resource.inputs) for urn, resource in self._pairs.items()}
        paired = {resource.urn for resource in self._pairs.values()}
        self.removed = [one for one in base.resources if one.custom and one.urn not in paired]
        self.created = [one for one in head.resources if one.custom and one.urn not in self._pairs]
        self._differing = {
            urn: differing(before, self._head[urn]) for urn, before in self._before.items() if self._head[urn].custom
        }
        self.replaced = self._replaced()
        self.changed = [
            self._head[urn] for urn, changes in self._differing.items() if changes and urn not in self.replaced
        ]

    def _replaced(self) -> dict[str, Resource]:
        """URN in ``head`` → resource. What is made from a replaced one may have to be another itself."""
        found: dict[str, Resource] = {}
        # Resources stand after their parents, not after what they depend on, so that it takes as many rounds as the longest chain.
        grew = True
        while grew:
            grew = False
            for urn, changes in self._differing.items():
                resource = self._head[urn]
                if urn not in found and (changes | _made_from(resource, found)) & forcing(resource):
                    found[urn] = resource
                    grew = True
        return found

    def refusals(self) -> Iterator[Refusal]:
        for resource in self.removed:
            if not _is_released(resource, self._removable):
                yield from _refused_removal(resource)
        for urn, resource in self.replaced.items():
            yield from self._refused_replacement(self._pairs[urn], resource)
        for urn, changes in self._differing.items():
            if changes and urn not in self.replaced:
                resource = self._head[urn]
                reason = _refused_update(resource, self._before[urn], changes)
                if reason:
                    yield Refusal(resource, reason)
        yield from self._collisions()

    def _refused_replacement(self, before: Resource, after: Resource) -> Iterator[Refusal]:
        changes = sorted(self._differing[after.urn] & forcing(after)) or ["what it is made from"]
        because = f"another {', '.join(changes)} means another resource"
        if before.options.get("protect"):
            yield Refusal(after, f"is protected, and {because}", protected=True)
        elif _holds_data(before):
            yield Refusal(after, f"holds data that would be lost: {because}")
        elif not after.options.get("deleteBeforeReplace"):
            identity = _identity(after.type, after.inputs)
            renewed = _made_from(after, self.replaced).intersection(_identity_keys(after.type))
            if identity is not None and not renewed and identity == _identity(after.type, self._before[after.urn]):
                yield Refusal(after, f"{because}, which cannot be made beside the old one under one name")

    def _collisions(self) -> Iterator[Refusal]:
        """Creates and updates come before deletes: what is taken away still holds its name by then."""
        holders: dict[Any, Resource] = {}
        for resource in self.removed:
            holders[_identity(resource.type, resource.inputs)] = resource
        for urn, before in self._pairs.items():
            if before.custom:
                holders[_identity(before.type, self._before[urn])] = self._head[urn]
        holders.pop(None, None)
        for urn in [*(one.urn for one in self.created), *self._differing]:
            resource = self._head[urn]
            identity = _identity(resource.type, resource.inputs)
            kept = urn in self._before and identity == _identity(resource.type, self._before[urn])
            holder = None if kept else holders.get(identity)
            if holder is not None and holder.urn != urn:
                yield Refusal(resource, f"has the name that {holder.name} still holds: already exists")


def _is_released(resource: Resource, removable: bool | Sequence[str]) -> bool:
    """Whether the stack, as it stands, says of a resource that it may go, and has taken its protection off."""
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
    elif _holds_data(resource):
        yield Refusal(resource, "holds data and would be deleted")


def _holds_data(resource: Resource) -> bool:
    return resource.type in _rules()["holds_data"] and _rules()["copies"].get(resource.type) not in resource.inputs


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


def differing(before: Mapping[str, Any], after: Resource) -> set[str]:
    """The inputs in which a resource differs from what stands. Tags say who it is for, and change in place everywhere."""
    ignored = {"tags", "tagSpecifications", *after.options.get("ignoreChanges", ())}
    return {key for key in {*before, *after.inputs} - ignored if before.get(key) != after.inputs.get(key)}


def forcing(resource: Resource) -> set[str]:
    """The properties of which another value means another resource."""
    return {*_replacement()["types"].get(resource.type, ()), *resource.options.get("replaceOnChanges", ())}


def _made_from(resource: Resource, replaced: Mapping[str, Resource]) -> set[str]:
    """The inputs that come from what is replaced: names and ids of another resource."""
    ignored = resource.options.get("ignoreChanges", ())
    return {
        key
        for key, sources in resource.property_dependencies.items()
        if key not in ignored and not replaced.keys().isdisjoint(sources)
    }


def _identity_keys(type_: str) -> list[str]:
    default = ["metadata"] if type_.startswith("kubernetes:") else ["name"]
    keys: list[str] = _rules()["identity"].get(type_, default)
    return keys


def _identity(type_: str, inputs: Mapping[str, Any]) -> Any:
    """What AWS knows a resource by, where the program says it; None where a name is made up or two never collide."""
    keys = _identity_keys(type_)
    said = {key: inputs.get(key) for key in keys}
    metadata = said.get("metadata")
    if metadata:
        said = {key: metadata.get(key) for key in ("namespace", "name")}
    # The first names the thing itself, or what it is a part of.
    if not keys or (next(iter(said.values())) is None and len(said) < 2):
        return None
    return (type_, json.dumps(said, sort_keys=True))


def _pairs(base: Snapshot, head: Snapshot) -> Iterator[tuple[str, Resource]]:
    """Each resource in ``head`` that stands, with what stands: under its own URN, or one of its aliases, or its parent's."""
    standing = base.by_urn()
    renamed: dict[str, str] = {}
    for resource in head.resources:
        for urn in (resource.urn, *_former(resource, renamed)):
            if urn in standing:
                renamed[resource.urn] = urn
                yield resource.urn, standing.pop(urn)
                break


def _former(resource: Resource, renamed: Mapping[str, str]) -> Iterator[str]:
    """The URNs that a resource may have had: https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/"""
    start, _, name = resource.urn.rpartition("::")
    chain, _, type_ = start.rpartition("$")
    parent = renamed.get(resource.parent or "")
    if parent and parent != resource.parent and chain:
        yield f"{parent.rpartition('::')[0]}${type_}::{name}"
    for alias in resource.options.get("aliases", ()):
        if alias.startswith("urn:"):
            yield alias
            continue
        said = dict(part.split("=", 1) for part in alias.split(", "))
        if said.keys() <= {"name", "type"}:
            # Without a parent in between, the chain of types ends with the project.
            head_, sign, own = start.rpartition("$") if chain else start.rpartition("::")
            yield f"{head_}{sign}{said.get('type', own)}::{said.get('name', name)}"


def _translation(pairs: Mapping[str, Resource], head: Mapping[str, Resource]) -> Any:
    """Inputs as they stand, in the words of ``head``: what AWS computes is made up from a URN, and another URN is no change."""
    words: dict[str, str] = {}
    for urn, before in pairs.items():
        if before.urn != urn:
            words[before.urn] = urn
            for key, value in before.outputs.items():
                other = head[urn].outputs.get(key)
                if isinstance(value, str) and isinstance(other, str) and value != before.inputs.get(key):
                    words.setdefault(value, other)
    longest_first = sorted(words.items(), key=lambda pair: -len(pair[0]))

    def translate(inputs: dict[str, Any]) -> dict[str, Any]:
        if not longest_first:
            return inputs
        text = json.dumps(inputs)
        for old, new in longest_first:
            if len(old) > 7 and old in text:
                text = text.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
        translated: dict[str, Any] = json.loads(text)
        return translated

    return translate


@cache
def _rules() -> dict[str, Any]:
    rules: dict[str, Any] = read_data(_HERE / "moves.yaml")
    return rules


@cache
def _replacement() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((_HERE / "replacement.json").read_text(encoding="utf-8"))
    return table
