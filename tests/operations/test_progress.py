"""Waiting for what an account does, and telling how long that took."""

from __future__ import annotations

import datetime

import pytest

from groundwork.operations.durations import after, exactly, in_one_unit, lasting
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Pending
from tests.operations.shop import Clock


def test_what_is_waited_for_is_told_once_for_each_state_and_returned() -> None:
    clock = Clock()
    states = iter(
        [Pending("creating", "late"), Pending("creating", "late"), Pending("starting", "late"), "it is there"]
    )
    assert clock.progress().wait_for(lambda: next(states), seconds=60, every=5) == "it is there"
    assert clock.lines == ["  0:00  creating", "  0:10  starting"]


def test_what_does_not_come_in_time_ends_with_what_is_wrong_then() -> None:
    clock = Clock()
    with pytest.raises(OperationError, match=r"^it is creating after 1 minute$"):
        clock.progress().wait_for(lambda: Pending("creating", f"it is creating {after(60)}"), seconds=60, every=25)
    assert clock.lines == ["  0:00  creating"]


def test_nothing_is_told_and_no_time_passes_where_it_is_there_already() -> None:
    clock = Clock()
    progress = clock.progress()
    assert progress.wait_for(lambda: None, seconds=0, every=5) is None
    assert (clock.lines, progress.taken()) == ([], "0 s")


def test_spans_of_time_are_said_in_two_units_in_one_or_as_they_were_chosen() -> None:
    spans = {0.4: "0 s", 61: "1 min 1 s", 7260: "2 h 1 min", 200_000: "2 d", -5: "0 s"}
    assert {seconds: exactly(seconds) for seconds in spans} == spans
    now = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
    ago = {-3: "0 s", 59: "59 s", 60: "1 min", 7199: "119 min", 7200: "2 h", 86_400: "24 h", 172_800: "2 d"}
    assert {seconds: lasting(now - datetime.timedelta(seconds=seconds), now) for seconds in ago} == ago
    chosen = {0: "nothing", 300: "5 min", 3600: "1 h", 86_400: "1 d", 45: "45 s"}
    assert {seconds: in_one_unit(datetime.timedelta(seconds=seconds)) for seconds in chosen} == chosen
    assert (after(60), after(1230)) == ("after 1 minute", "after 20 minutes")
