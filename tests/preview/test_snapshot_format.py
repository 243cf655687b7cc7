"""The snapshot is what its schema and its page say, for every stack."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from groundwork.preview.snapshot import VERSION, Resource, Snapshot, Source, in_tree_order, to_marker
from guardrails.view import Opaque
from tests.stacks import ROOT, STACKS, covering, run, snapshot_of

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "snapshot.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)


def resource(
    name: str, parent: str | None = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev", **fields: Any
) -> Resource:
    given: dict[str, Any] = {
        "urn": f"urn:pulumi:dev::shop::aws:sns/topic:Topic::{name}",
        "type": "aws:sns/topic:Topic",
        "name": name,
        "custom": True,
        "parent": parent,
        "inputs": {},
        "outputs": {},
        **fields,
    }
    return Resource(**given)


def snapshot(*resources: Resource, **fields: Any) -> Snapshot:
    given: dict[str, Any] = {
        "project": "shop",
        "stack": "dev",
        "region": "eu-west-1",
        "unknowns": False,
        "settings": {},
        "outputs": {},
        **fields,
    }
    return Snapshot(resources=resources, **given)


WHOLE = snapshot(
    resource(
        "topic",
        inputs={"a": [1, 2.5, True, None, "ü", {"b": Opaque.SECRET}], "c": Opaque.UNKNOWN},
        outputs={"arn": "arn:aws:sns:eu-west-1:111122223333:topic"},
        dependencies=("urn:pulumi:dev::shop::aws:sns/topic:Topic::other",),
        property_dependencies={"a": ("urn:pulumi:dev::shop::aws:sns/topic:Topic::other",)},
        options={"protect": True, "ignoreChanges": ["a"], "aliases": ["name=old"]},
        source=Source("components/x.py", 3),
    ),
    outputs={"deep": {"list": [Opaque.SECRET]}},
)


def test_the_schema_is_one() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert SCHEMA["properties"]["version"]["const"] == VERSION


def test_a_snapshot_with_everything_in_it_agrees_with_the_schema() -> None:
    VALIDATOR.validate(json.loads(WHOLE.dumps()))


def test_reading_back_gives_the_same_snapshot_and_the_same_bytes() -> None:
    again = Snapshot.from_json(json.loads(WHOLE.dumps()))
    assert again == WHOLE
    assert again.dumps() == WHOLE.dumps()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"extra": 1},
        {"region": "mars"},
        {"outputs": {"a": {"$groundwork": "other"}}},
        {"outputs": {"a": {"$groundwork": "secret", "value": "x"}}},
        {"resources": [{"urn": "x"}]},
    ],
)
def test_what_is_no_snapshot_disagrees_with_the_schema(change: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({**json.loads(WHOLE.dumps()), **change})


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(ValueError, match="is not one this program reads"):
        Snapshot.from_json({**json.loads(WHOLE.dumps()), "version": version})


def test_the_order_of_resources_does_not_depend_on_the_order_of_registration() -> None:
    root = resource("root", None)
    parts = [
        root,
        *(resource(name, root.urn) for name in "dcba"),
        *(resource(f"x{name}", resource("b").urn) for name in "21"),
    ]
    expected = [item.name for item in in_tree_order(parts)]
    assert expected == ["root", "a", "b", "x1", "x2", "c", "d"]
    for seed in range(20):
        shuffled = list(parts)
        random.Random(seed).shuffle(shuffled)
        assert [item.name for item in in_tree_order(shuffled)] == expected


def test_the_page_names_every_field() -> None:
    page = (ROOT / "docs" / "snapshot.md").read_text(encoding="utf-8")
    for field in [
        *SCHEMA["properties"],
        *SCHEMA["$defs"]["resource"]["properties"],
        *SCHEMA["$defs"]["resource"]["properties"]["options"]["properties"],
    ]:
        assert f"`{field}`" in page, field


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "unknowns"])
@pytest.mark.parametrize("stack", STACKS)
class TestEveryStack:
    def test_its_snapshot_agrees_with_the_schema(self, stack: str, unknowns: bool) -> None:
        VALIDATOR.validate(json.loads(in_one_line(stack, unknowns)))

    def test_its_resources_stand_after_their_parents_and_name_only_what_is_there(
        self, stack: str, unknowns: bool
    ) -> None:
        seen: set[str] = set()
        found = snapshot_of(stack, unknowns)
        everything = set(found.by_urn())
        for item in found.resources:
            assert item.parent is None or item.parent in seen
            seen.add(item.urn)
            named = set(item.dependencies) | {urn for urns in item.property_dependencies.values() for urn in urns}
            assert named <= everything
        assert len(everything) == len(found.resources)

    def test_unknowns_are_there_only_where_asked_for_and_no_path_of_this_machine(
        self, stack: str, unknowns: bool
    ) -> None:
        text = in_one_line(stack, unknowns)
        assert ('"$groundwork": "unknown"' in text) is unknowns
        assert str(ROOT) not in text
        assert '"file": "/' not in text


@cache
def in_one_line(stack: str, unknowns: bool) -> str:
    """What a snapshot says, written by the encoder in C."""
    return json.dumps(snapshot_of(stack, unknowns).as_dict(), default=to_marker)


@pytest.mark.parametrize("stack", covering())
def test_a_stack_gives_the_same_bytes_twice(stack: str) -> None:
    assert run(stack).dumps() == snapshot_of(stack).dumps()


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_declares_the_same_with_and_without_unknowns(stack: str) -> None:
    known, unknown = snapshot_of(stack), snapshot_of(stack, True)
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]


def test_no_line_of_groundwork_itself_passes_for_the_declaration_of_the_stack() -> None:
    """It would differ with where Groundwork is installed."""
    assert [snapshot_of(stack).resources[0].source for stack in STACKS] == [None] * len(STACKS)
