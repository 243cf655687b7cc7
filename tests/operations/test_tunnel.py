"""A way to the database and the cache: through which host, what is typed, and what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli import acting
from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.operations import tunnelling
from groundwork.operations.account import StackAccount
from groundwork.operations.engines import runner
from groundwork.operations.engines.app_runner import AppRunnerOperations
from groundwork.operations.engines.ec2 import Ec2Operations
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.engines.runner import TerminalSession
from groundwork.operations.errors import OperationError
from groundwork.preview.snapshot import Snapshot
from tests.operations.cluster import serving
from tests.operations.shop import client
from tests.operations.stood_up import standing
from tests.operations.test_engines import Script, standing_in
from tests.shared import free_port

Stack = tuple[StackAccount, Snapshot]
TASK = {
    "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/shop-dev/abc",
    "lastStatus": "RUNNING",
    "containers": [{"name": "collector", "runtimeId": "r0"}, {"name": "web", "runtimeId": "abc-1"}],
}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with standing(tmp_path, monkeypatch) as found:
        monkeypatch.setattr(runner.shutil, "which", lambda name: f"/usr/bin/{name}")
        yield found


def exec_enabled(monkeypatch: pytest.MonkeyPatch, *tasks: dict[str, Any]) -> None:
    described = {"enableExecuteCommand": True, "serviceName": "s"}
    monkeypatch.setattr(EcsOperations, "service", lambda self, name: described)
    monkeypatch.setattr(EcsOperations, "_tasks", lambda *_, **__: list(tasks))


def test_a_way_goes_through_a_task_that_may_speak_to_the_database_and_no_password_is_shown(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exec_enabled(monkeypatch, TASK)
    ssm = Script(start_session={"SessionId": "s", "TokenValue": "secret-token", "StreamUrl": "wss://x"})
    standing_in(monkeypatch, ssm=ssm)
    opened: list[TerminalSession] = []
    monkeypatch.setattr(acting, "attend", lambda session: opened.append(session) or FINE)
    local = str(free_port())
    assert groundwork(["tunnel", "dev", "database", "--port", local]) == FINE
    [asked] = ssm.all_of("start_session")
    [found] = client("rds").describe_db_instances(DBInstanceIdentifier="shop-database-dev")["DBInstances"]
    address, port = found["Endpoint"]["Address"], str(found["Endpoint"]["Port"])
    assert asked == {
        "Target": "ecs:shop-dev_abc_abc-1",
        "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
        "Parameters": {"host": [address], "portNumber": [port], "localPortNumber": [local]},
    }
    assert "secret-token" not in " ".join(opened[0].words)
    said = capsys.readouterr().out
    assert f"host={address} hostaddr=127.0.0.1 port={local} dbname=app sslmode=verify-full" in said
    assert "--secret-id shop/dev/database" in said
    assert "secret-token" not in said


def test_what_is_printed_is_what_a_shell_runs(stack: Stack, tmp_path: Path) -> None:
    secret = json.dumps({"username": "groundwork", "password": 'it\'s $(a) "secret"'})
    programs = {
        "aws": f"cat <<'END'\n{secret}\nEND",
        "curl": "true",
        "psql": 'printf "%s|%s|%s" "$PGUSER" "$PGPASSWORD" "$1"',
        "redis-cli": 'printf "%s|%s" "$REDISCLI_AUTH" "$*"',
        "jq": "exec python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[2][1:]])' \"$@\"",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for goal, wanted in (
        ("database", 'groundwork|it\'s $(a) "secret"|host='),
        ("cache", 'it\'s $(a) "secret"|--tls --sni '),
    ):
        plan = tunnelling.plan(*stack, goal, free_port()) if goal == "database" else cache_plan(stack)
        said = subprocess.run(
            ["bash", "-c", plan.client()], env=environment, check=True, capture_output=True, text=True
        )
        assert said.stdout.startswith(wanted), said


def cache_plan(stack: Stack) -> tunnelling.TunnelPlan:
    return tunnelling.TunnelPlan(stack[0], "cache", "cache.example.com", 6379, 16379, ("web",))


def test_each_engine_has_a_host_or_says_why_not(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ec2Operations, "_first_with", lambda self, name: f"i-{name}")
    assert Ec2Operations(stack[0]).session_target(["web"]) == "i-web"
    with pytest.raises(OperationError, match="App Runner runs services and nothing else"):
        AppRunnerOperations(stack[0]).session_target(["web"])
    with serving() as (_, runner), pytest.raises(OperationError, match="groundwork exec STACK web"):
        runner.session_target(["web"])
    with pytest.raises(OperationError, match=r"say compute\.exec: true"):
        EcsOperations(stack[0]).session_target(["web"])
    exec_enabled(monkeypatch)
    with pytest.raises(OperationError, match="no copy of web or worker runs"):
        EcsOperations(stack[0]).session_target(["web", "worker"])


def test_what_cannot_be_reached_is_refused_with_what_to_do(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        assert groundwork(["tunnel", "dev", "database", "--port", port]) == FINDINGS
        assert f"port {port} of this machine cannot be used" in capsys.readouterr().err
    assert groundwork(["tunnel", "dev", "cache"]) == FINDINGS
    assert "no service of Pulumi.dev.yaml uses the cache" in capsys.readouterr().err
    assert groundwork(["tunnel", "dev", "database", "--port", "80"]) == MISTAKE
    assert groundwork(["tunnel", "dev", "queue"]) == MISTAKE
    monkeypatch.setattr(runner.shutil, "which", lambda name: None)
    assert groundwork(["tunnel", "dev", "database", "--port", str(free_port())]) == FINDINGS
    assert "session-manager-plugin is not installed" in capsys.readouterr().err
    client("rds").delete_db_instance(DBInstanceIdentifier="shop-database-dev", SkipFinalSnapshot=True)
    assert groundwork(["tunnel", "dev", "database", "--dry-run"]) == FINDINGS
    assert "there is no shop-database-dev in account 123456789012, eu-west-1" in capsys.readouterr().err


def test_a_dry_run_says_the_way_and_opens_none(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ssm = Script()
    standing_in(monkeypatch, ssm=ssm)
    assert groundwork(["tunnel", "dev", "database", "--port", str(free_port()), "--dry-run"]) == FINE
    assert "Nothing was opened (--dry-run)." in capsys.readouterr().out
    assert not ssm.asked
