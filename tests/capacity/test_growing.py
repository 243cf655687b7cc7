"""docs/growing.md against the program: cheaply, since `make docs` runs all of its commands."""

from __future__ import annotations

import re

import pytest

from groundwork.capacity.capacity import request_capacity
from groundwork.cli.phases import every_phase, holds
from groundwork.settings.loading import find_stack, load_stack
from tests import growing

PAGE = growing.GROWING.read_text(encoding="utf-8")


@pytest.fixture(scope="module", name="phases")
def phases_of_the_shop() -> dict[str, tuple[str, str]]:
    """What each phase of the page's stack holds, and what ends it."""
    found = {}
    for phase in every_phase():
        files = find_stack("prod", growing.FOLDER, phase)
        held = holds(load_stack(files).settings, files.label)
        assert held
        found[phase] = f"{held.requests:,.0f}", f"{held.gives}: {held.setting}"
    return found


def test_the_page_shows_what_capacity_prints() -> None:
    capacity_alone = [line for line in growing.commands(PAGE) if line.startswith("$ groundwork capacity ")]
    assert len(capacity_alone) == 5
    again = growing.with_output(PAGE, lambda line: line in capacity_alone)
    assert again == PAGE, "make docs writes it anew"


def test_the_table_and_the_steps_of_the_page_have_the_requests_that_each_phase_holds(
    phases: dict[str, tuple[str, str]],
) -> None:
    [row] = re.findall(r"^requests a second +(.*)$", PAGE, re.MULTILINE)
    assert row.split() == [requests for requests, _ in phases.values()]
    together = " ".join(PAGE.split())
    for phase, (requests, gives) in phases.items():
        assert f"{phase}: at {requests} requests a second {gives}" in together
    for before, after in zip(list(phases)[:-1], list(phases)[1:], strict=True):
        words = f"that it holds: {phases[before][0]}, then {phases[after][0]}, where {phases[after][1]}"
        assert words in together


def test_each_phase_of_the_page_has_its_pictures() -> None:
    shown = growing.pictures(PAGE)
    assert {one.name for one in shown} == {f"{phase}{kind}.svg" for phase in every_phase() for kind in ("", "-day")}
    assert [one.name for one in shown if not one.read_text(encoding="utf-8").startswith("<svg")] == []
    assert sorted(one.name for one in growing.FOLDER.glob("*.svg")) == sorted(one.name for one in shown)


def test_the_page_s_stack_declares_a_load_of_its_own_in_each_phase() -> None:
    loads = []
    for phase in every_phase():
        files = find_stack("prod", growing.FOLDER, phase)
        found = request_capacity(load_stack(files).settings, files.label)
        assert found.broken == ()
        loads.append(found.load.visitors)
    assert loads == [500, 5_000, 50_000, 500_000, 5_000_000]
