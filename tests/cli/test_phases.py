"""`groundwork phases`: what differs between a stack's sizes."""

from __future__ import annotations

import json

import pytest

from groundwork.cli import phases
from groundwork.cli.main import run
from groundwork.cli.phases import StackInPhase, Ways, differences
from tests.requirements import proves


def ways(**settings: object) -> Ways:
    """A stack whose phases have these settings."""
    return Ways("mvp", {phase: StackInPhase(one, 1, 2, "-") for phase, one in settings.items()}, {})  # type: ignore[arg-type]


def told(found: Ways) -> dict[str, dict[str, object]]:
    return {".".join(map(str, place)): values for place, values in differences(found)}


def test_only_what_differs_is_told_and_what_some_phases_lack_by_whether_it_is_there() -> None:
    small = {"data": {"class": "a", "port": 1, "replicas": {}}, "cache": None}
    large = {"data": {"class": "b", "port": 1, "replicas": {"r": {"zone": None}}}, "cache": {"class": "c"}}
    assert told(ways(mvp=small, growth=large)) == {
        "data.class": {"mvp": "a", "growth": "b"},
        "data.replicas": {"mvp": 0, "growth": 1},
        "cache": {"mvp": False, "growth": True},
    }


def test_services_that_differ_alike_are_one_row_and_others_their_own() -> None:
    def services(cpu: int, web: int) -> dict[str, object]:
        return {"services": {"api": {"cpu": cpu, "scaling": {"min": 1}}, "web": {"cpu": cpu, "scaling": {"min": web}}}}

    assert told(ways(mvp=services(256, 1), growth=services(512, 3))) == {
        "services.*.cpu": {"mvp": 256, "growth": 512},
        "services.web.scaling.min": {"mvp": 1, "growth": 3},
    }


@proves("S0-14", "C-03")
def test_the_sizes_of_a_stack_stand_side_by_side_with_their_cost_and_why_a_phase_is_not_possible(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One of those that are possible, and one that is not, tell what five do.
    monkeypatch.setattr(phases, "every_phase", lambda: ("mvp", "launch", "scale"))
    assert run(["phases", "examples/thulobazaar/prod"]) == 0
    said = capsys.readouterr().out
    rows = {line[:20].strip(): line.split() for line in said.splitlines()}
    assert all(len(line) <= 80 for line in said.splitlines())
    assert rows["services.*.cpu"][1:] == ["-", "512", "1024"]
    assert rows["data.replicas"][1:] == ["-", "0", "2"]
    assert rows["data.multi_az"][1:] == ["-", "no", "yes"]
    launch, scale = (float(one.replace(",", "")) for one in rows["USD a month"][-2:])
    assert 150 < launch < scale < 1_500
    assert "mvp is not possible as the file stands:" in said
    assert "db.t4g.micro has about 55" in " ".join(said.split())
    monkeypatch.setattr(phases, "every_phase", lambda: ("launch",))
    assert run(["phases", "examples/thulobazaar/prod", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["now"] == "launch"
    assert document["phases"]["launch"]["connections"] == "160/172"
    assert document["differences"] == {}
