"""Mutants of a stack: one protection weakened or gone at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data

_PROTECTIONS = read_data(Path(__file__).parent / "protections.yaml")
PROPERTIES: dict[str, dict[str, Any]] = _PROTECTIONS["properties"]
REMOVED: dict[str, dict[str, Any]] = _PROTECTIONS["removed"]

DROP, ABSENT = "DROP", object()
PRODUCTION: list[str] = _PROTECTIONS["production"]
DOCUMENTS: dict[str, dict[str, list[str]]] = _PROTECTIONS["documents"]
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
_WEB = (80, 443)
"""A load balancer may answer the world there; what else it asks for, such as CloudFront's header, stays."""


@dataclass(frozen=True)
class Mutant:
    """``weak`` stands in the place of ``strong``; None is a resource that is gone."""

    what: str
    strong: Resource
    weak: Resource | None


def mutants(snapshot: Snapshot) -> Iterator[Mutant]:
    """Every mutant of a stack."""
    spared = [] if snapshot.settings["platform"]["stage"] == "prod" else PRODUCTION
    for resource in snapshot.resources:
        if _is_spared(resource):
            continue
        yield from _weakened(resource, spared)
        yield from _widened(resource)
        if resource.type == _INGRESS and resource.inputs["fromPort"] not in _WEB:
            yield _opened(resource)
        if _is_removed(resource) and resource.type not in spared:
            yield Mutant(f"{resource.name} ({resource.type}) is gone", resource, None)


def _is_spared(resource: Resource) -> bool:
    """What a replica does not say itself it has from what it copies; logs are written once, and need no versions."""
    return "replicateSourceDb" in resource.inputs or (resource.type == _VERSIONING and resource.name.endswith("-logs"))


def _is_removed(resource: Resource) -> bool:
    wanted = REMOVED.get(resource.type)
    return wanted is not None and all(_at(resource.inputs, path.split(".")) == value for path, value in wanted.items())


def _weakened(resource: Resource, spared: list[str]) -> Iterator[Mutant]:
    for path, weak in PROPERTIES.get(resource.type, {}).items():
        keys = path.split(".")
        found = _at(resource.inputs, keys)
        if found == weak or (found is ABSENT and weak == DROP) or f"{resource.type} {path}" in spared:
            continue
        inputs = copy.deepcopy(resource.inputs)
        if _put(inputs, keys, weak):
            said = "without" if weak == DROP else f"= {json.dumps(weak)} at"
            yield Mutant(f"{resource.name} ({resource.type}) {said} {path}", resource, _with(resource, inputs, keys[0]))


def _widened(resource: Resource) -> Iterator[Mutant]:
    """The first statement that allows something allows everything, or everybody."""
    for key, places in DOCUMENTS.get(resource.type, {}).items():
        text = resource.inputs.get(key)
        if not isinstance(text, str):
            continue
        for place in places:
            document = json.loads(text)
            allowing = [
                one
                for one in document["Statement"]
                if one["Effect"] == "Allow" and one.get(place, "*") not in ("*", ["*"])
            ]
            if not allowing:
                continue
            allowing[0][place] = "*"
            allowing[0].pop("Condition", None)
            weak = _with(resource, {**resource.inputs, key: json.dumps(document)}, key)
            yield Mutant(f"{resource.name} ({resource.type}) with {place} * in {key}", resource, weak)


def _opened(resource: Resource) -> Mutant:
    """A rule that lets one group in lets the world in."""
    inputs = {key: value for key, value in resource.inputs.items() if key not in _SOURCES}
    weak = _with(resource, {**inputs, "cidrIpv4": "0.0.0.0/0"}, "referencedSecurityGroupId")
    return Mutant(f"{resource.name} ({resource.type}) open to the world", resource, weak)


_SOURCES = ("referencedSecurityGroupId", "prefixListId", "cidrIpv6", "cidrIpv4")


def _with(resource: Resource, inputs: dict[str, Any], changed: str) -> Resource:
    """The resource with other inputs; what was changed comes from nowhere else any more."""
    made_from = {key: urns for key, urns in resource.property_dependencies.items() if key != changed}
    outputs = {**resource.outputs, **{key: value for key, value in inputs.items() if key in resource.outputs}}
    return replace(resource, inputs=inputs, outputs=outputs, property_dependencies=made_from)


def _at(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return ABSENT
    return value


def _put(value: Any, keys: list[str], weak: Any) -> bool:
    """Set or take away the value at a path; False where there is no such place."""
    place = _at(value, keys[:-1])
    if not isinstance(place, dict):
        return False
    if weak == DROP:
        del place[keys[-1]]
    else:
        place[keys[-1]] = weak
    return True
