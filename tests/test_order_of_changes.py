"""Creates and updates come first, deletes last: nothing may want a number or a name that another resource still holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data
from groundwork.settings.loading import find_stack
from tests.stacks import ROOT, STACKS, run_found, snapshot_of

SLOTS: Mapping[str, tuple[str, ...]] = {
    type_: tuple(entry["slot"]) for type_, entry in read_data(Path(__file__).with_name("slots.yaml")).items()
}

Slot = tuple[str, ...]


def slot_of(resource: Resource) -> Slot | None:
    """The place that a resource takes; None where its type has none, or where it has a name of its own making."""
    names = SLOTS.get(resource.type, ())
    if not names or names[-1] not in resource.inputs:
        return None
    return (resource.type, *(json.dumps(resource.inputs.get(name)) for name in names))


def holders(snapshot: Snapshot) -> Iterator[tuple[Slot, Resource]]:
    for resource in snapshot.resources:
        slot = slot_of(resource)
        if slot is not None:
            yield slot, resource


def contested(before: Snapshot, after: Snapshot) -> list[str]:
    """The resources of ``after`` that want a place which another resource of ``before`` still holds when they come."""
    held = {slot: resource.urn for slot, resource in holders(before)}
    return [
        f"{resource.name} wants {slot[1:]} of {held[slot].rpartition('::')[2]}"
        for slot, resource in holders(after)
        if held.get(slot, resource.urn) != resource.urn
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_no_two_resources_of_a_stack_take_one_place(stack: str) -> None:
    taken: dict[Slot, str] = {}
    double = []
    for slot, resource in holders(snapshot_of(stack)):
        if slot in taken:
            double.append(f"{resource.name} and {taken[slot].rpartition('::')[2]}: {slot}")
        taken[slot] = resource.urn
    assert double == []


_SERVICES: dict[str, dict[str, Any]] = {
    "web": {"port": 3000, "path": "/*", "host": "www", "uses": {"cart": "connect", "cache": "connect"}},
    "cart": {"port": 8080, "path": "/carts/*", "uses": {"database": "connect", "media": "read-write", "jobs": "send"}},
    "checkout": {"port": 8081, "path": "/watch/*", "uses": {"database": "connect", "jobs": "consume"}},
    "worker": {"uses": {"database": "connect", "cache": "connect", "media": "read"}},
}


def _without(name: str) -> dict[str, dict[str, Any]]:
    return {
        key: {**service, "uses": {used: level for used, level in service["uses"].items() if used != name}}
        for key, service in _SERVICES.items()
        if key != name
    }


def _renamed(old: str, new: str) -> dict[str, dict[str, Any]]:
    return {**_without(old), new: _SERVICES[old]}


def _with_paths(**paths: str) -> dict[str, dict[str, Any]]:
    return {key: {**service, **({"path": paths[key]} if key in paths else {})} for key, service in _SERVICES.items()}


VARIANTS: dict[str, dict[str, Any]] = {
    "as it was": {},
    "a service gone": {"services": _without("cart")},
    "a service renamed": {"services": _renamed("cart", "basket")},
    "a path taken over": {"services": {**_without("cart"), "checkout": _with_paths(checkout="/carts/*")["checkout"]}},
    "paths exchanged, in another order": {
        "services": dict(reversed(_with_paths(cart="/watch/*", checkout="/carts/*").items()))
    },
    "more of everything, and the default service renamed": {
        "services": {
            **_renamed("web", "site"),
            "search": {"port": 8082, "path": "/watch", "uses": {"database": "read"}},
        },
        "network": {"zones": 3, "nat": "per-zone", "endpoints": ["sqs"]},
        "data": {"proxy": {}, "replicas": {"reader": {}, "second": {}}},
    },
}


ENGINES = {"fargate": [*VARIANTS], "ec2": ["as it was", "a service gone", "a service renamed"]}
"""One with a security group for each service, and one on which all share one."""


@pytest.fixture(scope="module", params=ENGINES)
def variants(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Snapshot]:
    """One platform in several shapes."""
    return {
        name: _run(tmp_path_factory.mktemp("variant"), request.param, VARIANTS[name]) for name in ENGINES[request.param]
    }


def _run(folder: Path, engine: str, changed: Mapping[str, Any]) -> Snapshot:
    layers: dict[str, Any] = {
        "platform": {"name": "shop", "stage": "prod", "phase": "launch", "domain": "shop.example.com"},
        "compute": {"engine": engine},
        "services": _SERVICES,
        "cache": {},
        "data": {"proxy": {}},
        "storage": {"media": {"purpose": "media", "cdn": True}},
        "messaging": {"queues": {"jobs": {}}},
    } | dict(changed)
    project = read_data(ROOT / "Pulumi.yaml")
    config = {"aws:region": "eu-central-1"} | {f"groundwork:{layer}": value for layer, value in layers.items()}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "main": str(ROOT)}), encoding="utf-8")
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False), encoding="utf-8")
    return run_found(find_stack("prod", folder))


def test_no_change_wants_what_another_resource_still_holds(variants: dict[str, Snapshot]) -> None:
    found = {
        f"from {before} to {after}": contested(variants[before], variants[after])
        for before, after in itertools.permutations(variants, 2)
    }
    assert {step: names for step, names in found.items() if names} == {}


def test_the_check_sees_a_place_that_is_still_held() -> None:
    """Both rules want one priority, and the second one's holder goes only after the first has come."""

    def rule(name: str, priority: int) -> Resource:
        inputs = {"listenerArn": "listener", "priority": priority}
        return Resource(f"urn::{name}", "aws:lb/listenerRule:ListenerRule", name, True, None, inputs, {})

    def stack(*rules: Resource) -> Snapshot:
        return Snapshot("shop", "prod", "eu-central-1", False, {}, rules, {})

    before, after = stack(rule("checkout", 11), rule("cart", 10)), stack(rule("checkout", 10))
    assert contested(before, after) == ["checkout wants ('\"listener\"', '10') of cart"]
