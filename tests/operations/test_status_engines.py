"""How each engine says that its services and jobs are."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.operations.account import StackAccount, open_account
from groundwork.operations.engines import ec2
from groundwork.operations.engines.app_runner import AppRunnerOperations
from groundwork.operations.engines.ec2 import Ec2Operations
from groundwork.operations.engines.eks import NAME_LABEL, EksOperations
from groundwork.operations.engines.runner import ServiceState
from tests.operations.cluster import NEW, OLD, World, serving, stuck
from tests.operations.shop import STACK_FILE, account
from tests.operations.test_engines import INSTANCES, Script, standing_in

STARTED = "2026-11-28T11:00:00+00:00"
GROUPS = {
    "AutoScalingGroups": [
        {"AutoScalingGroupName": f"shop-compute-{kind}-1a2b3c4", "DesiredCapacity": 2}
        for kind in ("instances", "workers")
    ]
}


@pytest.fixture
def world() -> Iterator[tuple[World, EksOperations]]:
    with serving() as found:
        yield found


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StackAccount]:
    jobs = "  groundwork:jobs: {migrate: {image: {from: web}, command: [migrate]}}\n"
    with account(tmp_path, monkeypatch, STACK_FILE + jobs):
        yield open_account("dev")


def pod(**facts: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-1", "labels": {NAME_LABEL: "web"}}, "status": {"phase": "Running", **facts}}


def test_a_deployment_that_is_done_is_well(world: tuple[World, EksOperations]) -> None:
    assert world[1].states() == {"web": ServiceState(wanted=2, running=2, image=OLD)}


def test_why_pods_are_not_ready_is_said_with_what_to_do(world: tuple[World, EksOperations]) -> None:
    there, operations = world
    stuck(there)
    waiting = {"reason": "CreateContainerConfigError", "message": "secret app not found"}
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    status = {"name": "web", "image": OLD, "imageID": "", "ready": False, "restartCount": 3}
    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes available"}
    there.pods = [
        pod(containerStatuses=[{**status, "state": {"waiting": waiting}, "lastState": killed}]),
        pod(conditions=[unplaced]),
    ]
    found = operations.states()["web"]
    assert (found.running, found.pending) == (0, 3)
    assert [one.text for one in found.troubles] == [
        "CreateContainerConfigError: secret app not found (a secret or a value that it reads is not there: is the secret filled?)",
        "it ended with 137: OOMKilled (it needed more memory than services.web.memory gives it)",
        "Unschedulable: 0/2 nodes available (no node has room for another pod)",
        "timed out",
    ]
    assert found.troubles[-1].next == "groundwork rollback STACK web"


def test_the_newest_job_of_a_cron_job_says_how_its_last_run_was(world: tuple[World, EksOperations]) -> None:
    there, operations = world

    def run(hour: int, **status: Any) -> dict[str, Any]:
        began = f"2026-11-28T{hour:02}:00:00Z"
        return {
            "metadata": {"name": f"migrate-{hour}", "labels": {NAME_LABEL: "migrate"}},
            "spec": {"template": {"spec": {"containers": []}}},
            "status": {"startTime": began, **status},
        }

    def ended(kind: str) -> list[dict[str, Any]]:
        return [
            {
                "type": kind,
                "status": "True",
                "lastTransitionTime": "2026-11-28T11:00:00Z",
                "message": "BackoffLimitExceeded",
            }
        ]

    assert operations.job_states()["migrate"].at is None
    there.jobs = [run(9, conditions=ended("Failed"))]
    failed = operations.job_states()["migrate"]
    assert failed.trouble is not None
    assert failed.trouble.text == "BackoffLimitExceeded"
    there.jobs.append(run(10, conditions=ended("Complete")))
    assert operations.job_states()["migrate"].says == "ended with 0"
    there.jobs.append(run(11))
    assert operations.job_states()["migrate"].running


def telling(monkeypatch: pytest.MonkeyPatch, **instances: dict[str, Any] | None) -> None:
    """Have each instance say what is given; None says nothing."""

    def ask(self: Any, instance: str, *_: Any) -> tuple[int, str]:
        said = instances[instance.replace("-", "_")]
        if said is None:
            raise ec2.OperationError(f"{instance} did not do it (DeliveryTimedOut)")
        return 0, json.dumps(said)

    monkeypatch.setattr(Ec2Operations, "command", ask)
    refreshes = {"InstanceRefreshes": []}
    groups = Script(describe_auto_scaling_groups=GROUPS, describe_instance_refreshes=refreshes)
    standing_in(monkeypatch, ec2=Script(describe_instances=INSTANCES), autoscaling=groups)


def copy(**facts: Any) -> dict[str, Any]:
    return {"well": True, "image": "shop/web:1.0", "started": STARTED, "exit": 0, "out_of_memory": False, **facts}


def test_instances_tell_of_their_copies_and_a_silent_one_is_named(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    well = {"services": {"web": copy(), "worker": copy()}, "jobs": {}}
    sick = {"services": {"web": copy(well=False, exit=137, out_of_memory=True), "worker": copy()}, "jobs": {}}
    telling(monkeypatch, i_1=well, i_2=sick)
    found = Ec2Operations(shop).states()
    assert (found["web"].wanted, found["web"].running) == (2, 1)
    assert (
        found["web"].troubles[0].text == "on i-2: OutOfMemory (it needed more memory than services.web.memory gives it)"
    )
    assert found["worker"].troubles == ()
    assert found["worker"].deployed == datetime.datetime.fromisoformat(STARTED)
    telling(monkeypatch, i_1=well, i_2=None)
    silent = Ec2Operations(shop).states()["web"]
    assert (silent.running, silent.pending) == (1, 1)
    assert (silent.troubles[0].text, (silent.troubles[0].next or "")[:40]) == (
        "i-2 did not do it (DeliveryTimedOut)",
        "aws ssm describe-instance-information --",
    )


def test_a_jobs_newest_run_on_any_instance_counts(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(at: int, code: int, *, running: bool = False) -> dict[str, Any]:
        run = {"running": running, "result": "success" if code == 0 else "exit-code", "exit": code, "at": at}
        return {"services": {}, "jobs": {"migrate": run}}

    telling(monkeypatch, i_1=ran(1_700_000_000, 1), i_2=ran(1_800_000_000, 0))
    assert Ec2Operations(shop).job_states()["migrate"].says == "ended with 0"
    telling(monkeypatch, i_1=ran(1_900_000_000, 127), i_2=ran(1_800_000_000, 0))
    failed = Ec2Operations(shop).job_states()["migrate"]
    assert failed.trouble is not None
    assert "jobs.migrate.command is not in the image" in failed.trouble.text
    telling(monkeypatch, i_1=ran(0, 0), i_2=ran(0, 0))
    assert Ec2Operations(shop).job_states()["migrate"].at is None


def test_without_an_auto_scaling_group_no_service_is_there(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(monkeypatch, autoscaling=Script(describe_auto_scaling_groups={"AutoScalingGroups": []}))
    assert Ec2Operations(shop).states() == {}


def test_the_script_on_an_instance_reads_systemd_and_docker(tmp_path: Path) -> None:
    (tmp_path / "watch.py").write_text("def is_well(name): return name == 'web'\n", encoding="utf-8")
    state = {
        "State": {"Running": False, "ExitCode": 3, "StartedAt": "2026-11-28T11:00:00.123456789Z", "OOMKilled": True}
    }
    described = json.dumps([{**state, "Config": {"Image": "shop/web:1.0"}}])
    shown = "ActiveState=inactive\\nResult=exit-code\\nExecMainStatus=2\\nExecMainExitTimestamp=@1700000000"
    for name, text in (
        # Of three services one is another instance's.
        ("systemctl", f'case "$1" in is-enabled) [ "$3" != groundwork@worker ];; *) printf "{shown}\\n";; esac'),
        ("docker", f"echo '{described}'"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-S", str(ec2._STATE), "web", "worker", "--", "migrate"]
    said = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    assert json.loads(said) == {
        "services": {"web": copy(exit=3, out_of_memory=True)},
        "jobs": {"migrate": {"running": False, "result": "exit-code", "exit": 2, "at": 1700000000}},
    }


def test_app_runner_says_its_own_word(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def state(status: str) -> ServiceState:
        summary = [{"ServiceName": "shop-dev-web", "ServiceArn": "arn:web"}]
        described = {"Status": status, "SourceConfiguration": {"ImageRepository": {"ImageIdentifier": NEW}}}
        standing_in(
            monkeypatch,
            apprunner=Script(list_services={"ServiceSummaryList": summary}, describe_service={"Service": described}),
        )
        found = AppRunnerOperations(shop).states()
        assert list(found) == ["web"]
        return found["web"]

    assert state("RUNNING") == ServiceState(wanted=None, running=None, image=NEW)
    assert state("PAUSED").paused
    assert state("OPERATION_IN_PROGRESS").changing == "App Runner says OPERATION_IN_PROGRESS"
    assert state("CREATE_FAILED").troubles[0].next == "groundwork logs dev web --since 1h"
