"""No two stacks take one name: every pair of the repository, and one platform in two stages and in two regions."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pulumi
import pytest

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.names import args_class, properties
from groundwork.settings.data_file import read_data
from tests.examples.query import Config, changed
from tests.requirements import proves
from tests.stacks import ROOT, STACKS, run_found, snapshot_of

TABLE: dict[str, Any] = read_data(ROOT / "tests/unique_names.yaml")
SCOPES = ("global", "account", "region")
NAMED = {type_: (scope, row) for scope in SCOPES for type_, row in TABLE[scope].items()}

Name = tuple[str, ...]
"""Where it reaches, whose it is, what it is."""
Names = dict[Name, str]


def names(snapshot: Snapshot) -> Names:
    """Every fixed name that a stack takes, and which resource takes it."""
    return {name: resource.name for resource in snapshot.resources for name in _names(resource, snapshot.region)}


def _names(resource: Resource, region: str) -> Iterator[Name]:
    if resource.type not in NAMED:
        return
    scope, row = NAMED[resource.type]
    *kinds, last = (_at(resource.inputs, path) for path in row["name"])
    place = resource.inputs.get("region", region) if scope == "region" else scope
    lead = (place, row.get("family", resource.type), *(str(kind) for kind in kinds))
    for name in last if isinstance(last, list) else [last]:
        if name is not None:
            yield *lead, str(name)


def _at(inputs: dict[str, Any], path: str) -> Any:
    value: Any = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def shared(ours: Names, theirs: Names) -> list[str]:
    """The names that both take."""
    return [f"{' '.join(name)}: {ours[name]} and {theirs[name]}" for name in sorted(ours.keys() & theirs.keys())]


@proves("C-09")
def test_every_two_stacks_of_the_repository_live_in_one_account() -> None:
    """Wherever they are: a region is easily changed."""
    snapshots = {stack: replace(snapshot_of(stack), region="anywhere") for stack in STACKS}
    platforms = {stack: snapshot.settings["platform"] for stack, snapshot in snapshots.items()}
    who = {stack: (platform["name"], platform["stage"]) for stack, platform in platforms.items()}
    taken = {stack: names(snapshot) for stack, snapshot in snapshots.items()}
    pairs = [(one, other) for one, other in combinations(STACKS, 2) if who[one] != who[other]]
    assert len(pairs) > 40
    assert {pair: both for pair in pairs if (both := shared(*(taken[stack] for stack in pair)))} == {}


def variant(stack: str, tmp_path: Path, *, keys: dict[str, str]) -> Snapshot:
    """The same platform as another stack, with other values of ``keys``, and without what an account or the world has once."""

    def change(config: Config) -> None:
        platform = config["groundwork:platform"]
        for key, value in keys.items():
            if key == "region":
                config["aws:region"] = value
            else:
                platform[key] = value
        if "domain" in platform:
            platform["domain"] = f"other.{platform['domain']}"
        for secret in config.get("groundwork:secrets", {}).values():
            if "path" in secret:
                secret["path"] += "-other"
        for layer, role in (("search", "linked_role"), ("migration", "linked_roles"), ("delivery", "own_provider")):
            if f"groundwork:{layer}" in config:
                config[f"groundwork:{layer}"][role] = False

    made = changed(stack, tmp_path / "Pulumi.other.yaml", change)
    return run_found(replace(made, name="other"))


LARGEST = ["prod", "examples/mini-facebook/prod", "examples/chat-app/prod@growth", "examples/storefront/prod@millions"]


@proves("C-09")
@pytest.mark.parametrize("stack", LARGEST)
def test_one_platform_lives_in_two_stages_of_one_account_and_region(stack: str, tmp_path: Path) -> None:
    """What an account has once is told in the preview: tests/settings/test_neighbours.py."""
    assert shared(names(snapshot_of(stack)), names(variant(stack, tmp_path, keys={"stage": "staging"}))) == []


@proves("C-09")
@pytest.mark.parametrize("stack", ["prod", "examples/mini-facebook/prod"])
def test_one_platform_and_stage_lives_in_two_regions_of_one_account(stack: str, tmp_path: Path) -> None:
    assert shared(names(snapshot_of(stack)), names(variant(stack, tmp_path, keys={"region": "eu-west-1"}))) == []


def test_two_stacks_of_one_platform_and_stage_would_share_many_names(tmp_path: Path) -> None:
    """Or this comparison compares nothing."""
    assert len(shared(names(snapshot_of("prod")), names(variant("prod", tmp_path, keys={})))) > 30


def built() -> dict[str, str]:
    """Every type of AWS that a component builds, and where."""
    types: dict[str, str] = {}
    for file in sorted((ROOT / "groundwork" / "components").rglob("*.py")):
        if file.parent.name == "programs":  # which instances run
            continue
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            made = _called(module, node.func) if isinstance(node, ast.Call) else None
            type_ = getattr(made, "pulumi_type", "") if _is_resource(made) else ""
            if type_.startswith("aws:"):
                types[type_] = f"{file.relative_to(ROOT)}:{node.lineno}"
    return types


def _called(module: Any, function: ast.expr) -> Any:
    if isinstance(function, ast.Attribute):
        return getattr(_called(module, function.value), function.attr, None)
    return getattr(module, function.id, None) if isinstance(function, ast.Name) else None


def _is_resource(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, pulumi.CustomResource)


def test_the_table_knows_every_type_that_components_build_and_no_other() -> None:
    types = built()
    known = [*NAMED, *TABLE["inside"], *TABLE["by_aws"]]
    assert len(known) == len(set(known))
    assert {type_: where for type_, where in types.items() if type_ not in known} == {}
    assert sorted(set(known) - types.keys()) == []


def test_what_has_no_name_in_the_table_is_given_none() -> None:
    """A fixed name of a type that is thought to have none would be compared with nothing."""
    unnamed = {*TABLE["by_aws"]} - {"aws:route53/zone:Zone"}  # whose name is the domain, as often as one likes
    given = {
        (resource.type, resource.inputs["name"])
        for stack in STACKS
        for resource in snapshot_of(stack).of_type(*unnamed)
        if "name" in resource.inputs
    }
    assert given == set()


@pytest.mark.parametrize("scope", SCOPES)
def test_every_row_of_the_table_says_where_it_is_from(scope: str) -> None:
    assert all(row["source"].startswith("https://") and row["name"] for row in TABLE[scope].values())


def test_the_inputs_of_the_table_are_what_the_types_call_them() -> None:
    for type_, (_, row) in NAMED.items():
        args = args_class(type_)
        assert args is not None, type_
        assert {path.partition(".")[0] for path in row["name"]} <= set(properties(args)), type_
