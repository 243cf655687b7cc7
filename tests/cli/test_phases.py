"""`groundwork phases`: what differs between a stack's sizes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from groundwork.cli import phases, stepping
from groundwork.cli.main import run
from groundwork.cli.phases import StackInPhase, StackInPhases, differences
from groundwork.cli.stepping import StackAtStep, StepReport
from groundwork.preview.changes.compare import compare
from groundwork.preview.moves import Step, move
from tests.requirements import proves
from tests.stacks import snapshot_of


def ways(**settings: Any) -> StackInPhases:
    """A stack whose phases have these settings."""
    return StackInPhases(
        "mvp", {phase: StackInPhase(one, Decimal(1), Decimal(2), "-") for phase, one in settings.items()}, {}
    )


def told(found: StackInPhases) -> dict[str, dict[str, object]]:
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
    assert rows["requests a second"][-2:] == ["475", "950"]
    assert "launch: at 475 requests a second the copies of web are all busy:" in said
    assert "mvp is not possible as the file stands:" in said
    assert "db.t4g.micro has about 55" in " ".join(said.split())
    monkeypatch.setattr(phases, "every_phase", lambda: ("launch",))
    assert run(["phases", "examples/thulobazaar/prod", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["now"] == "launch"
    assert document["phases"]["launch"]["connections"] == "160/172"
    assert document["phases"]["launch"]["holds"]["requests"] == 475
    assert document["differences"] == {}


@proves("S0-14", "C-02", "C-03")
def test_a_step_to_a_phase_tells_what_changes_what_it_costs_and_what_it_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = stepping.step_report("examples/thulobazaar/prod", "growth", None, "launch")
    said = [line.plain for line in stepping.lines(found, 80)]
    assert "Changes from launch on fargate to growth on fargate:" in said
    assert '        ~ data.class: "db.t3.small" → "db.t3.medium"' in said
    assert "From launch on fargate to growth on fargate:" in said
    shown = " ".join("\n".join(said).split())
    assert "Requests a second that it holds: 475, then 950, where the database's CPU is full" in shown
    assert (
        "Next: say platform.phase: growth in its file; then cd examples/thulobazaar && pulumi up --stack prod" in shown
    )
    document = json.loads(stepping.dumps(found))
    assert document["before"]["monthly"] < document["after"]["monthly"]
    assert document["refused"] == []
    assert document["changes"]["changes"]


def test_a_step_that_would_be_refused_ends_with_1_and_one_that_takes_a_protection_off_first_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(before: str, after: str) -> tuple[int, str]:
        base, head = snapshot_of(before), snapshot_of(after)
        here, there = (StackAtStep(name, Decimal(1), None) for name in (before, after))
        step = Step(before, after, move(base, head))
        made = StepReport("prod", here, there, step, compare(base, head), "platform.phase: x")
        monkeypatch.setattr(stepping, "step_report", lambda *_: made)
        code = run(["phases", "prod", "--to", "millions"])
        return code, capsys.readouterr().out

    code, said = told("prod@scale", "prod@millions")
    assert code == 1
    assert "Next: clear what it would be refused for" in said
    code, said = told("prod@scale", "prod@scale")
    assert (code, said.splitlines()[-1]) == (0, "Next: nothing; prod is in prod@scale already.")
    code, said = told("examples/chat-app/prod@launch", "examples/chat-app/prod@growth")
    assert code == 0
    assert "removable: [chat-app-compute-address-address, chat-app-compute-data]" in said


def test_an_engine_that_services_cannot_run_on_is_told_with_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["phases", "examples/thulobazaar/prod", "--engine", "eks"]) == 2
    said = capsys.readouterr().err
    assert "Pulumi.prod.yaml:27 services.*.scaling.steps: Kubernetes scales by targets alone" in said
    assert "compute.kubernetes.nodes.general.max: 4 × t3.medium hold" in said
    assert run(["phases", "examples/chat-app/prod", "--engine", "app-runner"]) == 2
    assert "compute.instances: goes with the engines ecs-ec2 and ec2; app-runner has no" in capsys.readouterr().err
    assert run(["phases", "dev", "--engine", "ecs-ec3"]) == 2
    assert (
        '--engine: "ecs-ec3" is no engine; use fargate, ecs-ec2, eks, ec2 or app-runner; did you mean "ecs-ec2"?'
        in (capsys.readouterr().err)
    )
    assert run(["phases", "dev", "--from", "growth"]) == 2
    assert "say also where it goes: --to PHASE or --engine ENGINE" in capsys.readouterr().err
    assert run(["phases", "dev", "--to", "growht"]) == 2
    assert '"growht" is no phase' in capsys.readouterr().err
