"""The resources of each stack, as a list under review: a change of URN shows as a diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.stacks import STACKS, covering, golden, snapshot_of

GOLDEN = Path(__file__).parent / "golden"


def listing(stack: str) -> str:
    snapshot = snapshot_of(stack)
    prefix = f"urn:pulumi:{snapshot.stack}::{snapshot.project}::"
    return "".join(f"{resource.urn.removeprefix(prefix)}\n" for resource in snapshot.resources)


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_declares_the_urns_that_were_reviewed(stack: str) -> None:
    """`make golden` writes the lists anew; a stateful URN that goes needs an alias."""
    if os.environ.get("GROUNDWORK_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        golden(stack).write_text(listing(stack), encoding="utf-8")
    assert listing(stack).splitlines() == golden(stack).read_text(encoding="utf-8").splitlines()


def test_no_list_is_left_of_a_stack_that_is_gone() -> None:
    assert {file.name for file in GOLDEN.glob("*.txt")} == {golden(stack).name for stack in STACKS}


def test_the_stacks_that_stand_for_all_have_every_type() -> None:
    types = {stack: {one.type for one in snapshot_of(stack).resources} for stack in STACKS}
    chosen = covering()
    assert set().union(*(types[stack] for stack in chosen)) == set().union(*types.values())
    assert len(chosen) < len(STACKS)
