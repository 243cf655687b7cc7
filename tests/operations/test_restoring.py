"""Rehearsing a restore: the copy's place, what is looked at, what is measured, and that nothing is left or touched, whatever fails."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.client
import botocore.exceptions
import pytest

from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.operations import progress, psql
from groundwork.operations.account import StackAccount
from groundwork.operations.backups import Backup, BackupKind, DataStoreKind, data_stores
from groundwork.operations.engines import runner
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.errors import OperationError
from groundwork.operations.resources import StackResources, find_resources
from groundwork.operations.restoring import connections, copies, files, rehearse, report
from groundwork.operations.restoring.checks import look_into
from groundwork.operations.restoring.cleanup import TAG, Cleanup, Interrupted
from groundwork.operations.tags import TaggedResources
from groundwork.preview.snapshot import Snapshot
from tests.functions.servers import (
    ADMINISTRATOR,
    ADMINISTRATOR_PASSWORD,
    DATABASE,
    Server,
    postgres_programs,
    postgres_server,
    redis_program,
)
from tests.operations.asking import asked_actions, permitted
from tests.operations.shop import ACCOUNT, REGION, Clock, client
from tests.operations.stood_up import standing
from tests.operations.test_acting import with_engine
from tests.operations.test_backups import ON_AN_INSTANCE, VOLUME, encrypt, instance, window
from tests.operations.test_engines import Script, standing_in
from tests.operations.test_status import refused
from tests.requirements import proves
from tests.shared import free_port
from tests.stacks import ROOT, loaded, snapshot_of

__all__ = ["instance"]

Stack = tuple[StackAccount, Snapshot]
ORIGINAL, COPY = "shop-database-dev", "shop-database-dev-rehearsal"
SQL = """
    create table orders (id int primary key, note text, created_at timestamptz default now() - interval '7 minutes', due timestamp);
    insert into orders (id, due) select n, now() + interval '1 year' from generate_series(1, 40) n;
    create table "Odd "" :name\\" (id int);
    create table empty (at timestamp);
"""


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not here")
    with postgres_server() as found:
        subprocess.run(
            ["psql", "--quiet", "--no-psqlrc"], input=SQL, check=True, text=True, capture_output=True, env=login(found)
        )
        yield found


def login(server: Server) -> dict[str, str]:
    facts = {"HOST": "localhost", "PORT": str(server.port), "USER": ADMINISTRATOR, "PASSWORD": ADMINISTRATOR_PASSWORD}
    told = {f"PG{key}": value for key, value in {**facts, "DATABASE": DATABASE, "SSLMODE": "verify-full"}.items()}
    return {**os.environ, **told, "PGSSLROOTCERT": str(server.authority)}


class Network(Script):
    """EC2's security groups, and whatever else a test writes down."""

    def __init__(self, **answers: Any) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        known = {
            "create_security_group": self._create,
            "describe_security_groups": lambda _: {"SecurityGroups": list(self.there.values())},
            "delete_security_group": lambda asked: self.there.pop(asked["GroupId"]),
            "revoke_security_group_egress": {},
            "authorize_security_group_egress": {},
            "authorize_security_group_ingress": {},
        }
        super().__init__(**{**known, **answers})

    def _create(self, asked: dict[str, Any]) -> dict[str, str]:
        if self.there:
            raise botocore.exceptions.ClientError(
                {"Error": {"Code": "InvalidGroup.Duplicate", "Message": "there"}}, "CreateSecurityGroup"
            )
        self.there["sg-9"] = {"GroupId": "sg-9", "Tags": asked["TagSpecifications"][0]["Tags"]}
        return {"GroupId": "sg-9"}


PLUGIN = """\
#!{python} -ES
import json, socket, sys, threading
told = json.loads(sys.argv[5])["Parameters"]
def pipe(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.close()
server = socket.create_server(("127.0.0.1", int(told["localPortNumber"][0])))
while True:
    client, _ = server.accept()
    beyond = socket.create_connection(("127.0.0.1", int(told["portNumber"][0])))
    for pair in ((client, beyond), (beyond, client)):
        threading.Thread(target=pipe, args=pair, daemon=True).start()
"""
"""Session Manager's plugin, for a host that is this machine."""

ARN = "arn:aws:ecs:eu-west-1:123456789012:task/shop-dev/abc"
SERVICE = {
    "enableExecuteCommand": True,
    "serviceName": "s",
    "taskDefinition": "shop-dev-web:1",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-web"]}},
}
RUNNING = {
    "taskArn": ARN,
    "lastStatus": "RUNNING",
    "containers": [
        {
            "name": "web",
            "runtimeId": "abc-1",
            "managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}],
        }
    ],
}


class Bench:
    """A stack with a backup, and a way to its copy."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        from moto.rds.models import rds_backends

        self.account, self.snapshot = stack
        self.resources = find_resources(*stack)
        self.databases = rds_backends[ACCOUNT][REGION].databases
        self.network = Network()
        self.tasks: list[str] = []
        self.ecs = Script(
            run_task=self._run,
            describe_tasks={"tasks": [RUNNING]},
            list_tasks=lambda _: {"taskArns": list(self.tasks)},
            stop_task=lambda asked: self.tasks.remove(asked["task"]),
        )
        opened = {"SessionId": "session-1", "TokenValue": "t", "StreamUrl": "wss://x"}
        self.ssm = Script(start_session=opened, terminate_session={})
        standing_in(monkeypatch, ec2=self.network, ecs=self.ecs, ssm=self.ssm)
        monkeypatch.setattr(EcsOperations, "service", lambda self, name: SERVICE)
        plugin = folder / "session-manager-plugin"
        plugin.write_text(PLUGIN.format(python=sys.executable), encoding="utf-8")
        plugin.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._note(monkeypatch)

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.tasks.append(ARN)
        return {"tasks": [{"taskArn": ARN}]}

    def _note(self, monkeypatch: pytest.MonkeyPatch) -> None:
        call = botocore.client.BaseClient._make_api_call

        def noted(client: Any, operation: str, arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            return call(client, operation, arguments)

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noted)

    @property
    def changes(self) -> list[tuple[str, dict[str, Any]]]:
        """Return every call that is no question."""
        asked = [
            ("".join(part.capitalize() for part in name.split("_")), arguments)
            for script in (self.network, self.ecs, self.ssm)
            for name, arguments in script.asked
        ]
        questions = ("Describe", "List", "Get", "Lookup", "Head")
        return [one for one in [*self.calls, *asked] if not one[0].startswith(questions)]

    def nothing_is_left(self) -> bool:
        """Tell whether only what was there before is there."""
        return not self.network.there and not self.tasks and list(self.databases) == [ORIGINAL]

    def plan(self, **wanted: Any) -> rehearse.RehearsalPlan:
        return rehearse.plan(self.resources, rehearse.RehearsalOptions(DataStoreKind.DATABASE, **wanted))

    def carry_out(self, clock: Clock | None = None, **wanted: Any) -> report.RestoreRehearsal:
        [found] = rehearse.carry_out(self.plan(**wanted), (clock or Clock()).progress(), 3600)
        return found


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    folder = tmp_path / "bin"
    folder.mkdir()
    with standing(tmp_path, monkeypatch) as found:
        encrypt()
        window(monkeypatch, datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=-200))
        monkeypatch.setattr(connections, "fetch_bundle", lambda region, folder: folder / "bundle.pem")
        from moto.rds.models import rds_backends

        for one in rds_backends[ACCOUNT][REGION].database_snapshots.values():
            one.original_snapshot_create_time -= datetime.timedelta(days=1)
        yield Bench(found, monkeypatch, folder)


@pytest.fixture
def reachable(bench: Bench, database: Server, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Have the copy be a real database, with the password that it is given."""
    from moto.rds.models import DBInstance

    monkeypatch.setattr(rehearse, "fetch_bundle", lambda region, folder: database.authority)
    monkeypatch.setattr(copies.secrets, "token_urlsafe", lambda _: ADMINISTRATOR_PASSWORD)
    monkeypatch.setattr(DBInstance, "address", "localhost", raising=False)
    bench.databases[ORIGINAL].port = database.port
    short = functools.partial(progress.Progress, sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
    monkeypatch.setattr(progress, "Progress", short)
    return bench


# The whole way


@proves("S0-15")
def test_a_backup_becomes_a_copy_that_is_looked_into_measured_and_removed(
    reachable: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asked_actions(monkeypatch)
    words = ["restore", "dev", "--rehearse", "--query", "select max(created_at) > now() - interval '1 day' from orders"]
    assert groundwork([*words, "--yes"]) == FINE, capsys.readouterr()
    said = capsys.readouterr().out
    assert f"into {COPY}, db.t4g." in said
    assert "through an idle task like web's, which alone is in its security group" in said
    assert "yes  encrypted: with the key of the backup" in said
    assert "yes  rows: 40 rows" in said
    assert re.search(r"yes  newest row: .* UTC, in public\.orders\.created_at, \d+ (min|s) before", said), said
    assert "yes  query: it is answered" in said
    assert re.search(r"RPO  3 min \d+ s", said)
    assert re.search(r"RTO  \d+ s: after so long it was there, its data read after \d+ s", said)
    assert ADMINISTRATOR_PASSWORD not in said
    assert reachable.nothing_is_left()
    [document] = (tmp_path / "restores").glob("dev-*.json")
    told = json.loads(document.read_text(encoding="utf-8"))
    [one] = told["rehearsals"]
    assert (told["stack"], told["passed"], one["left"]) == ("dev", True, [])
    assert 200 <= one["rpoSeconds"] < 300
    assert {table["name"]: table["rows"] for table in one["tables"]} == {
        "public.orders": 40,
        'public."Odd "" :name\\"': 0,
        "public.empty": 0,
    }
    page = document.with_suffix(".md").read_text(encoding="utf-8")
    assert "| public.orders | 40 |" in page
    for text in (page, document.read_text(encoding="utf-8")):
        assert ADMINISTRATOR_PASSWORD not in text
        assert "interval" not in text
    # Those of EC2, ECS and Systems Manager are asked of scripts.
    wanted = permitted("restore", "fargate", "data")
    assert asked == {
        one for one in wanted if one.startswith(("rds:Describe", "rds:Restore", "rds:Modify", "rds:Delete", "tag:"))
    }
    scripted = {
        "".join(part.capitalize() for part in name.split("_"))
        for script in (reachable.network, reachable.ecs, reachable.ssm)
        for name, _ in script.asked
    }
    assert scripted <= {one.partition(":")[2] for one in wanted}


def test_no_call_that_changes_something_names_the_original_and_the_copy_is_where_nobody_comes(
    reachable: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["restore", "dev", "database", "--rehearse", "--yes"]) == FINE, capsys.readouterr()
    changes = reachable.changes
    assert {name for name, _ in changes} == {
        "CreateSecurityGroup", "RevokeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress",
        "RestoreDBInstanceToPointInTime", "ModifyDBInstance", "RunTask", "StartSession", "TerminateSession", "StopTask",
        "DeleteDBInstance", "DeleteSecurityGroup",
    }  # fmt: skip
    for name, arguments in changes:
        if name == "RestoreDBInstanceToPointInTime":
            assert arguments["SourceDBInstanceIdentifier"] == ORIGINAL
            arguments = {**arguments, "SourceDBInstanceIdentifier": ""}  # noqa: PLW2901 - the one place to read from
        assert ORIGINAL not in _values(arguments), name
    by_name = dict(changes)
    made = by_name["RestoreDBInstanceToPointInTime"]
    assert made["VpcSecurityGroupIds"] == ["sg-9"]
    wanted = (
        "PubliclyAccessible",
        "DeletionProtection",
        "MultiAZ",
        "CopyTagsToSnapshot",
        "BackupRetentionPeriod",
    )
    assert not any(made[key] for key in wanted)
    assert made["UseLatestRestorableTime"] is True
    tags = {one["Key"]: one["Value"] for one in made["Tags"]}
    assert (tags["platform"], tags["Name"]) == ("shop", COPY)
    assert tags[TAG]
    # Itself and nobody else, both connections.
    for connection in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
        [rule] = by_name[connection]["IpPermissions"]
        assert "IpRanges" not in rule
        assert rule["UserIdGroupPairs"] == [{"GroupId": "sg-9"}]
    assert by_name["RevokeSecurityGroupEgress"]["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    task = by_name["RunTask"]
    assert task["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] == ["sg-web", "sg-9"]
    assert task["overrides"]["containerOverrides"] == [{"name": "web", "command": ["sleep", "10800"]}]
    assert task["enableExecuteCommand"] is True
    assert by_name["StartSession"]["Parameters"]["host"] == ["localhost"]
    deleted = by_name["DeleteDBInstance"]
    assert (deleted["DBInstanceIdentifier"], deleted["DeleteAutomatedBackups"]) == (COPY, True)


def _values(found: Any) -> Iterator[Any]:
    if isinstance(found, dict):
        for one in found.values():
            yield from _values(one)
    elif isinstance(found, list | tuple):
        for one in found:
            yield from _values(one)
    else:
        yield found


def test_a_dry_run_and_no_answer_make_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert groundwork(["restore", "dev", "--rehearse", "--dry-run"]) == FINE
    said = capsys.readouterr().out
    assert "Nothing of the originals is changed." in said
    assert groundwork(["restore", "dev", "--rehearse"]) == MISTAKE
    assert bench.changes == []


def test_without_rehearse_it_says_what_to_do_and_where_that_is_written(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["restore", "dev", "--yes"]) == MISTAKE
    said = capsys.readouterr().err
    heading = re.search(r'docs/operations\.md, "([^"]+)"', said)
    assert heading
    assert f"## {heading[1]}\n" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert bench.calls == []


# What is chosen


def test_a_snapshot_or_a_moment_is_restored_in_place_of_the_newest(reachable: Bench) -> None:
    moment = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(days=2)
    found = reachable.carry_out(at=moment, unread=True)
    assert dict(reachable.changes)["RestoreDBInstanceToPointInTime"]["RestoreTime"] == moment
    assert found.age > 170_000
    client("rds").create_db_snapshot(DBInstanceIdentifier=ORIGINAL, DBSnapshotIdentifier=f"{ORIGINAL}-before-17")
    found = reachable.carry_out(snapshot=f"{ORIGINAL}-before-17", unread=True)
    asked = dict(reachable.changes)["RestoreDBInstanceFromDBSnapshot"]
    assert (asked["DBSnapshotIdentifier"], asked["DBInstanceIdentifier"]) == (f"{ORIGINAL}-before-17", COPY)
    assert found.passed
    assert [one.passed for one in found.checks] == [True, None]
    assert reachable.nothing_is_left()
    with pytest.raises(OperationError, match=f'did you mean "{ORIGINAL}-before-17"'):
        reachable.plan(snapshot=f"{ORIGINAL}-before-71")
    with pytest.raises(OperationError, match="can be restored to a moment from"):
        reachable.plan(at=moment - datetime.timedelta(days=30))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["volume"], FINDINGS, "has no volume; it has database"),
        (["--from", "0.0.0.0/0"], MISTAKE, "no private range"),
        (["--from", "10.0.0.1/24"], MISTAKE, "has host bits set"),
        (["--from", "; reboot"], MISTAKE, "does not appear to be an IPv4 or IPv6 network"),
        (["--at", "yesterday"], MISTAKE, '--at: "yesterday" is no time'),
        (["--at", "2h", "--snapshot", "x"], MISTAKE, "are two backups"),
        (["--minutes", "0"], MISTAKE, "say a number from 1"),
        (["--query", "select 1", "--unread"], MISTAKE, "--query with --unread"),
        (["bucket", "--query", "select 1"], MISTAKE, "--query asks a database"),
        (["--snapshot", "$(reboot)"], FINDINGS, '"$(reboot)" is no snapshot of shop-database-dev'),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(
    bench: Bench, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert groundwork(["restore", "dev", *words, "--rehearse", "--yes"]) == code
    assert said in capsys.readouterr().err
    assert bench.changes == []


def test_a_range_of_the_network_alone_is_admitted_where_it_is_said(reachable: Bench) -> None:
    found = reachable.carry_out(source="10.8.0.0/24")
    assert found.passed, found
    assert dict(reachable.changes)["AuthorizeSecurityGroupIngress"]["IpPermissions"][0]["IpRanges"] == [
        {"CidrIp": "10.8.0.0/24"}
    ]
    assert "AuthorizeSecurityGroupEgress" not in dict(reachable.changes)
    assert "RunTask" not in dict(reachable.changes)


def test_without_a_way_psql_or_the_plugin_nothing_is_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(runner.shutil, "which", lambda name: None if "session" in name else f"/usr/bin/{name}")
        with pytest.raises(OperationError, match="session-manager-plugin is not installed"):
            bench.plan()
        patched.setattr(psql.shutil, "which", lambda _: None)
        with pytest.raises(OperationError, match="psql is not installed"):
            bench.plan()
        assert bench.plan(unread=True)
    with monkeypatch.context() as patched:
        patched.setattr(EcsOperations, "service", lambda self, name: {})
        with pytest.raises(OperationError, match=r"say compute\.exec: true"):
            bench.plan()
    for name in ("eks", "app-runner"):
        bench.resources = dataclasses.replace(bench.resources, account=with_engine(bench.account, engine=name))
        with pytest.raises(
            OperationError, match=rf"no host .* leads to a copy.*{name} has none.*--from 10\.8\.0\.0/24.*--unread"
        ):
            bench.plan()
        assert bench.plan(source="10.8.0.0/24").connection
    assert bench.changes == []


# Faults


def test_a_copy_that_rds_gives_up_is_said_and_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from moto.rds.models import RDSBackend

    make = RDSBackend.create_db_instance

    def broken(self: Any, arguments: Any) -> Any:
        made = make(self, arguments)
        made.status = "incompatible-parameters"
        return made

    monkeypatch.setattr(RDSBackend, "create_db_instance", broken)
    short = functools.partial(progress.Progress, sleep=lambda _: None)
    monkeypatch.setattr(progress, "Progress", short)
    monkeypatch.setattr(rehearse, "fetch_bundle", lambda region, folder: folder)
    assert groundwork(["restore", "dev", "--rehearse", "--yes"]) == FINDINGS
    said = capsys.readouterr().out
    assert "FAILED  database" in said
    assert f"RDS could not restore it: {COPY} is incompatible-parameters" in said
    assert bench.nothing_is_left()
    [page] = (tmp_path / "restores").glob("*.md")
    assert "**failed**" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("RestoreDBInstanceToPointInTime", "Throttling"),
        ("RestoreDBInstanceToPointInTime", "InstanceQuotaExceeded"),
        ("ModifyDBInstance", "AccessDenied"),
        ("DescribeDBInstances", "ExpiredToken"),
    ],
)
def test_whatever_aws_refuses_on_the_way_nothing_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, operation: str, code: str
) -> None:
    monkeypatch.setattr(rehearse, "fetch_bundle", lambda region, folder: folder)
    plan = bench.plan()
    with monkeypatch.context() as patched:
        call = botocore.client.BaseClient._make_api_call
        given = [code]

        def once(self: Any, name: str, arguments: Any) -> Any:
            if name == operation and given:
                raise botocore.exceptions.ClientError({"Error": {"Code": given.pop(), "Message": "no"}}, name)
            return call(self, name, arguments)

        patched.setattr(botocore.client.BaseClient, "_make_api_call", once)
        [found] = rehearse.carry_out(plan, Clock().progress(), 3600)
    assert not found.passed
    assert found.failure
    assert found.left == []
    assert bench.nothing_is_left()


def test_a_copy_that_does_not_come_in_time_and_one_that_never_answers_are_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "fetch_bundle", lambda region, folder: folder)
    from moto.rds.models import RDSBackend

    make = RDSBackend.create_db_instance

    def slow(self: Any, arguments: Any) -> Any:
        made = make(self, arguments)
        made.status = "creating"
        return made

    with monkeypatch.context() as patched:
        patched.setattr(RDSBackend, "create_db_instance", slow)
        clock = Clock()
        found = bench.carry_out(clock)
    assert "is not available after 60 minutes; say more: --minutes" in found.failure
    assert f"{COPY}: creating" in " ".join(clock.lines)
    assert bench.nothing_is_left()
    bench.ecs._answers["describe_tasks"] = {
        "tasks": [{**RUNNING, "lastStatus": "STOPPED", "stoppedReason": "no sleep"}]
    }
    found = bench.carry_out()
    assert "the idle task stopped: no sleep; the image of web needs sleep" in found.failure
    assert bench.nothing_is_left()


def test_ctrl_c_removes_what_was_made_and_a_second_one_says_what_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rehearse, "fetch_bundle", lambda region, folder: folder)
    monkeypatch.setattr(progress, "Progress", functools.partial(progress.Progress, sleep=lambda _: None))

    def leave(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(copies, "wait_for_copy", leave)
    assert groundwork(["restore", "dev", "--rehearse", "--yes"]) == 130
    assert bench.nothing_is_left()
    monkeypatch.setattr(copies, "remove_copy", leave)
    assert groundwork(["restore", "dev", "--rehearse", "--yes"]) == FINDINGS
    said = capsys.readouterr().err
    assert f"Left behind: the database {COPY} (nobody waited)" in said
    assert f"aws rds delete-db-instance --region {REGION} --db-instance-identifier {COPY} --skip-final-snapshot" in said
    assert f"Left behind: the security group groundwork-{COPY}" in said
    assert set(bench.databases) == {ORIGINAL, COPY}


def test_what_cannot_be_removed_is_tried_twice_and_said_with_the_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with monkeypatch.context() as patched:
        asked = refused(patched, "DeleteDBInstance", "AccessDenied", "not authorized")
        found = bench.carry_out(clock, unread=True)
    assert asked.count("DeleteDBInstance") == 2
    assert [one.what for one in found.left] == [f"the database {COPY}"]
    assert "not authorized" in found.left[0].why
    assert "tried again" in " ".join(clock.lines)
    # In a state in which RDS does not delete yet, it is asked again.
    states = iter([False, False, True])
    delete = copies._delete

    def later(account: StackAccount, identifier: str) -> bool:
        return next(states) and delete(account, identifier)

    monkeypatch.setattr(copies, "_delete", later)
    rehearsal = copies.rehearsal_of([{"Key": one["Key"], "Value": one["Value"]} for one in bench.databases[COPY].tags])
    assert rehearsal
    copies.remove_copy(bench.account, COPY, rehearsal, Clock().progress(), 600)
    assert list(bench.databases) == [ORIGINAL]


def test_a_copy_that_is_at_something_else_takes_its_password_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = botocore.client.BaseClient._make_api_call
    busy = [1, 1]

    def answer(self: Any, name: str, arguments: Any) -> Any:
        if name == "ModifyDBInstance" and busy:
            busy.pop()
            raise botocore.exceptions.ClientError({"Error": {"Code": "InvalidDBInstanceState", "Message": "m"}}, name)
        return call(self, name, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
    clock = Clock()
    drawn = copies.give_password(bench.account, ORIGINAL, clock.progress())
    assert (len(drawn), clock.seconds) == (32, 30)
    assert drawn not in " ".join(clock.lines)
    busy = [1] * 500
    with pytest.raises(OperationError, match="InvalidDBInstanceState"):
        copies.give_password(bench.account, ORIGINAL, clock.progress())


def test_interfaces_that_go_later_keep_a_group_only_for_a_while(bench: Bench) -> None:
    original = copies.original_of(bench.account, ORIGINAL)
    copies.make_group(bench.account, original, {TAG: "r"})
    kept = botocore.exceptions.ClientError(
        {"Error": {"Code": "DependencyViolation", "Message": "m"}}, "DeleteSecurityGroup"
    )
    looks = [kept, kept]

    def delete(asked: dict[str, Any]) -> None:
        if looks:
            raise looks.pop()
        bench.network.there.pop(asked["GroupId"])

    bench.network._answers["delete_security_group"] = delete
    clock = Clock()
    copies.remove_group(bench.account, original, "r", clock.progress(), 600)
    assert not bench.network.there
    copies.make_group(bench.account, original, {TAG: "r"})
    looks = [kept] * 500
    with pytest.raises(OperationError, match="still has members after 10 minutes"):
        copies.remove_group(bench.account, original, "r", clock.progress(), 600)


def test_two_at_once_get_one_copy_and_the_second_removes_nothing_of_the_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = bench.plan(unread=True), bench.plan(unread=True)
    assert first.id != second.id
    wait = copies.wait_for_copy
    between: list[report.RestoreRehearsal] = []

    def meanwhile(*arguments: Any) -> Any:
        if not between:
            between.append(report.RestoreRehearsal("", "", "", *[datetime.datetime.now(datetime.UTC)] * 2))
            between.extend(rehearse.carry_out(second, Clock().progress(), 60))
            assert COPY in bench.databases
            assert bench.network.there
        return wait(*arguments)

    monkeypatch.setattr(copies, "wait_for_copy", meanwhile)
    [found] = rehearse.carry_out(first, Clock().progress(), 60)
    assert found.passed
    assert "of another rehearsal is there" in between[1].failure
    assert "--rehearse --cleanup" in between[1].failure
    assert bench.nothing_is_left()


def test_what_was_left_is_refused_and_cleaned_up_and_a_database_that_no_rehearsal_made_never(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "Progress", functools.partial(progress.Progress, sleep=lambda _: None))
    cleanup = ["restore", "dev", "--rehearse", "--cleanup", "--yes"]
    assert groundwork(cleanup) == FINE
    assert "No rehearsal has left anything" in capsys.readouterr().out
    with monkeypatch.context() as patched:
        patched.setattr(Cleanup, "remove_all", lambda self, progress: [])
        bench.carry_out(unread=True)
    bench.tasks.append(ARN)
    # Also where the original is gone.
    with monkeypatch.context() as patched:
        patched.delitem(bench.databases, ORIGINAL)
        assert [one.what for one in rehearse.leftovers(bench.resources)] == [
            f"the database {COPY}",
            f"the security group groundwork-{COPY}",
        ]
    assert groundwork(["restore", "dev", "--rehearse", "--yes"]) == FINDINGS
    said = capsys.readouterr().err
    assert re.search(rf"the database {COPY} of another rehearsal is there \(it began at 20\d\d-\S+Z\)", said)
    assert groundwork([*cleanup[:-1], "--dry-run"]) == FINE
    assert set(bench.databases) == {ORIGINAL, COPY}
    assert groundwork(cleanup) == FINE
    assert bench.nothing_is_left()
    # The same name, and no tag.
    client("rds").restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=ORIGINAL,
        TargetDBInstanceIdentifier=COPY,
        UseLatestRestorableTime=True,
        VpcSecurityGroupIds=["sg-1"],
    )
    for words in (cleanup, ["restore", "dev", "--rehearse", "--yes"]):
        assert groundwork(words) == FINDINGS
        assert f"there is a database {COPY} that no rehearsal made" in capsys.readouterr().err
    copies.remove_copy(bench.account, COPY, "r", Clock().progress(), 60)
    assert set(bench.databases) == {ORIGINAL, COPY}


def test_a_pipeline_that_is_cancelled_ends_as_ctrl_c_does(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(copies, "wait_for_copy", lambda *_: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(progress, "Progress", functools.partial(progress.Progress, sleep=lambda _: None))
    assert groundwork(["restore", "dev", "--rehearse", "--unread", "--yes"]) == 130
    assert bench.nothing_is_left()
    assert signal.getsignal(signal.SIGTERM) == before


# What is looked at


def test_what_the_copy_lacks_is_seen(reachable: Bench, database: Server) -> None:
    told: list[str] = []
    now = datetime.datetime.now(datetime.UTC)
    for query, passed, said in (
        ("select count(*) from orders", True, "it is answered"),
        ("select 'private', 1;", True, "it is answered"),
        ("select false", False, "it answers f"),
        ("select 0", False, "it answers 0"),
        ("select 1 where false", False, "it answers nothing"),
        ("select * from nowhere", False, 'relation "nowhere" does not exist'),
    ):
        checks, _ = look_into(login(database), query, now, told.append)
        found = next(one for one in checks if one.name == "query")
        assert found.passed is passed, query
        assert said in found.says
    assert "your query answers private|1" in told
    assert not any("private" in one.says for one in checks)
    nowhere = {**login(database), "PGDATABASE": "postgres"}
    checks, tables = look_into(nowhere, None, now, told.append)
    assert tables == []
    assert [(one.name, one.passed) for one in checks] == [("tables", False), ("rows", False), ("newest row", None)]


def test_a_password_that_is_not_there_yet_is_waited_for_and_not_for_ever(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from groundwork.operations.restoring import checks

    monkeypatch.setattr(checks, "_SECONDS_TO_LOG_IN", 25)
    clock = Clock()
    with pytest.raises(OperationError, match="password authentication failed"):
        checks.wait_until_it_answers({**login(database), "PGPASSWORD": "another"}, clock.progress())
    assert clock.seconds == 30
    assert len(clock.lines) == 1


def test_a_cache_copy_is_held_against_its_checksum(tmp_path: Path) -> None:
    if redis_program() is None:
        pytest.skip("Redis is not here")
    port = free_port()
    words = [str(redis_program()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    with subprocess.Popen([*words, "--daemonize", "no"], stdout=subprocess.DEVNULL) as server:
        try:
            import socket

            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.02)
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"".join(b"SET key:%d value\r\n" % n for n in range(300)) + b"SAVE\r\n")
                said = b""
                while said.count(b"+OK") < 301:
                    said += connection.recv(65536)
        finally:
            server.terminate()
    content = (tmp_path / "dump.rdb").read_bytes()
    assert [(one.name, one.passed) for one in files.judge_rdb([content])] == [
        ("form", True),
        ("checksum", True),
        ("keys", True),
    ]
    assert list(files.judge_rdb([content]))[-1].says == "300 keys"
    # However it arrives.
    few = [content[at : at + 7] for at in range(0, len(content), 7)]
    assert list(files.judge_rdb(few)) == list(files.judge_rdb([content]))
    damaged = content[:500] + bytes([content[500] ^ 1]) + content[501:]
    assert {one.name: one.passed for one in files.judge_rdb([damaged])}["checksum"] is False
    for cut in (content[:-1], b"", b"PK\3\4" + content, content[:200]):
        assert [one.passed for one in files.judge_rdb([cut])] == [False]
    unsummed = content[:-8] + bytes(8)
    assert {one.name: one.passed for one in files.judge_rdb([unsummed])}["checksum"] is None


def superblock(label: bytes = b"data") -> bytes:
    found = bytearray(512)
    found[:16] = b"XFSB" + struct.pack(">IQ", 4096, 8 * 2**18)
    found[108 : 108 + len(label)] = label
    found[144:152] = struct.pack(">Q", 6 * 2**18)
    return bytes(found)


def test_an_instance_has_its_volume_its_cache_and_its_buckets_rehearsed(
    instance: StackResources, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    snapshot = {
        "SnapshotId": "snap-1",
        "State": "completed",
        "StartTime": now - datetime.timedelta(hours=9),
        "VolumeSize": 8,
        "KmsKeyId": "arn:key",
    }
    made: dict[str, dict[str, Any]] = {}
    resources = {"tag-key", f"tag:{TAG}"}

    def create(asked: dict[str, Any]) -> dict[str, Any]:
        found = {
            "VolumeId": "vol-9",
            "State": "creating",
            "Encrypted": True,
            "KmsKeyId": "arn:key",
            "Tags": asked["TagSpecifications"][0]["Tags"],
        }
        made["vol-9"] = {**found, "State": "available"}
        return found

    def describe(asked: dict[str, Any]) -> dict[str, Any]:
        wanted = {one["Name"] for one in asked.get("Filters", ())}
        return {"Volumes": list(made.values()) if "VolumeIds" in asked or wanted & resources else [VOLUME]}

    ec2 = Network(
        describe_volumes=describe,
        describe_snapshots={"Snapshots": [snapshot]},
        create_volume=create,
        delete_volume=lambda asked: made.pop(asked["VolumeId"]),
    )
    block = lambda _: {"BlockData": BytesIO(superblock())}  # noqa: E731 - read anew each time
    ebs = Script(list_snapshot_blocks={"Blocks": [{"BlockIndex": 0, "BlockToken": "t"}]}, get_snapshot_block=block)
    standing_in(monkeypatch, ec2=ec2, ebs=ebs)
    monkeypatch.setattr(progress, "Progress", functools.partial(progress.Progress, sleep=lambda _: None))
    asked = asked_actions(monkeypatch)
    assert groundwork(["restore", "dev", "volume", "--rehearse", "--yes"]) == FINE, capsys.readouterr()
    said = capsys.readouterr().out
    assert "passed  volume shop-compute-data, from the snapshot snap-1" in said
    assert 'yes  file system: XFS "data", 8.0 GiB, of which about 2.0 are used' in said
    assert "RPO  9 h 0 min" in said
    assert not made
    [volume] = ec2.all_of("create_volume")
    assert (volume["SnapshotId"], volume["AvailabilityZone"]) == ("snap-1", f"{REGION}a")
    assert not [one for name, one in ec2.asked if name.startswith(("attach", "delete")) and "vol-1" in _values(one)]

    s3 = client("s3")
    cache = next(one for one in data_stores(instance) if one.kind is DataStoreKind.CACHE)
    uploads = next(one for one in data_stores(instance) if one.name == "uploads")
    s3.put_object(Bucket=cache.id, Key="cache/2026-11-27.rdb", Body=b"REDIS0011 damaged")
    for text in (b"before", b"after"):
        s3.put_object(Bucket=uploads.id, Key="a.txt", Body=text)
    assert groundwork(["restore", "dev", "cache", "--rehearse", "--yes"]) == FINDINGS
    assert "no   form: 17 bytes, and no whole snapshot of Redis or Valkey" in capsys.readouterr().out
    assert groundwork(["restore", "dev", "bucket", "--rehearse", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert "yes  read to its end: 6 bytes, decrypted, and as its checksum says" in said
    assert "Nothing to restore: the bucket shop-backups-" in said
    allowed = {one.partition(":")[2] for one in permitted("restore", "ec2", "data", "storage")}
    asked_of = {
        "".join(part.capitalize() for part in name.split("_")) for script in (ec2, ebs) for name, _ in script.asked
    }
    assert asked_of <= allowed
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html and its like say which actions they take.
    actions = {"s3:ListObjectsV2": "s3:ListBucket", "s3:ListObjectVersions": "s3:ListBucketVersions"}
    own_calls = {actions.get(one, one) for one in asked - {"s3:PutObject"}}
    assert own_calls <= permitted("restore", "ec2", "data", "storage")
    assert s3.get_object(Bucket=uploads.id, Key="a.txt")["Body"].read() == b"after"
    monkeypatch.setattr(rehearse, "MOST_READ", 3)
    with pytest.raises(OperationError, match="has more than 3 bytes, and is not read for this"):
        rehearse.plan(instance, rehearse.RehearsalOptions(DataStoreKind.BUCKET))


def test_other_beginnings_of_a_volume_are_told_apart_and_archived_versions_are_said(
    instance: StackResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files.judge_superblock(superblock()).passed
    assert files.judge_superblock(superblock(b"root")).passed is False
    assert files.judge_superblock(bytes(512)).passed is False
    standing_in(monkeypatch, ebs=Script(list_snapshot_blocks={"Blocks": []}))
    [found] = files.read_first_block(instance.account, "snap-1")
    assert (found.passed, found.says) == (False, "nothing was ever written to its beginning")
    store = next(one for one in data_stores(instance) if one.kind is DataStoreKind.BUCKET)
    refused(monkeypatch, "GetObject", "InvalidObjectState", "archived")
    backup = Backup(store, BackupKind.VERSION, "a", datetime.datetime.now(datetime.UTC), version="v", size=3)
    from groundwork.operations.errors import CommandFailedError

    with pytest.raises(CommandFailedError, match="it is archived, and hours away"):
        files.read_version(instance.account, backup)


def test_on_an_instance_the_copy_stands_where_the_instance_may_call_already(
    instance: StackResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    from groundwork.operations.engines.ec2 import Ec2Operations

    window(monkeypatch, datetime.datetime.now(datetime.UTC))
    network = Network(describe_volumes={"Volumes": []}, describe_snapshots={"Snapshots": []})
    standing_in(monkeypatch, ec2=network)
    monkeypatch.setattr(connections, "program", lambda *_: "plugin")
    with pytest.raises(OperationError, match="there is no security group shop-database-clients"):
        rehearse.plan(instance, rehearse.RehearsalOptions(DataStoreKind.DATABASE))
    network.there["sg-db"] = {"GroupId": "sg-db", "Tags": []}
    monkeypatch.setattr(copies, "find_group", lambda *_: None)
    plan = rehearse.plan(instance, rehearse.RehearsalOptions(DataStoreKind.DATABASE))
    assert isinstance(plan.connection, connections.InstanceConnection)
    assert plan.original
    assert plan.connection.groups(plan.original, {}) == ["sg-db"]
    assert "only what may speak to the database may speak to its copy" in str(plan)
    monkeypatch.setattr(Ec2Operations, "session_target", lambda self, services: "i-1")
    opened: list[str] = []

    def refuse(account: StackAccount, target: str, *_: Any) -> Any:
        opened.append(target)
        raise OperationError("no")

    monkeypatch.setattr(connections, "forwarding", refuse)
    with (
        pytest.raises(OperationError, match="no"),
        plan.connection.open("x", plan.original, Cleanup(), Clock().progress()),
    ):
        pass
    assert opened == ["i-1"]
    assert ON_AN_INSTANCE


# Reports and removal


def test_things_are_removed_the_newest_first_and_the_rest_where_one_stays() -> None:
    order: list[str] = []

    def gone(name: str) -> Callable[[Any], None]:
        return lambda _: order.append(name)

    def stays(_: Any) -> None:
        order.append("b")
        raise OperationError("no")

    made = Cleanup()
    made.add("a", "rm a", gone("a"))
    made.add("b", "rm b", stays)
    made.add("c", "rm c", gone("c"))
    [left] = made.remove_all(Clock().progress())
    assert order == ["c", "b", "b", "a"]
    assert (left.what, left.command, left.why) == ("b", "rm b", "no")
    assert made.remove_all(Clock().progress()) == []

    def leave(_: Any) -> None:
        raise KeyboardInterrupt

    made.add("a", "rm a", gone("a"))
    made.add("b", "rm b", leave)
    with pytest.raises(Interrupted) as interrupted:
        made.remove_all(Clock().progress())
    assert [one.what for one in interrupted.value.left] == ["b", "a"]


def test_a_report_stays_a_page_whatever_names_say_and_is_found_again(tmp_path: Path) -> None:
    began = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
    found = report.RestoreRehearsal("bucket", "b", "the version <script>|`x`\x1b[2J of", began, began, available=3.0)
    page, document = report.write(tmp_path / "restores", "shop/prod", "account 1, eu-west-1", [found])
    text = page.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "\\<script\\>\\|\\`x\\`" in text
    assert json.loads(document.read_text(encoding="utf-8"))["passed"] is True
    assert report.newest_passed(tmp_path / "restores", "shop/prod") is None
    for kind, day, available in (("database", 3, 1.0), ("database", 9, None), ("database", 5, 1.0)):
        at = began.replace(day=day)
        report.write(
            tmp_path / "restores",
            "shop/prod",
            "x",
            [report.RestoreRehearsal(kind, "b", "x", at, at, available=available)],
        )
    (tmp_path / "restores" / "shop-prod-x.json").write_text("[1]", encoding="utf-8")
    assert report.newest_passed(tmp_path / "restores", "shop/prod") == began.replace(day=5)
    assert report.newest_passed(tmp_path / "nowhere", "shop/prod") is None
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OperationError, match="the report cannot be written"):
        report.write(tmp_path / "file", "dev", "x", [found])


def test_the_name_of_a_copy_fits_whatever_the_database_is_called() -> None:
    shape = ("db.t4g.micro", "", "", "vpc", 5432, "u", "d")
    for name in ("a", "a" * 63, "a" * 52 + "-b-cccccccccc"):
        copy = copies.Original(name, *shape).copy
        assert re.fullmatch(r"[a-z](-?[a-z0-9])*", copy), copy
        assert len(copy) <= 63
        assert copy != name


def test_certificates_that_cannot_be_had_are_said_before_anything_is_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route")

    monkeypatch.undo()
    monkeypatch.setattr(connections.urllib.request, "urlopen", offline)
    with pytest.raises(
        OperationError,
        match=r"https://truststore\.pki\.rds\.amazonaws\.com/eu-west-1/eu-west-1-bundle\.pem \(no route\)",
    ):
        connections.fetch_bundle(REGION, tmp_path)


def test_what_real_stacks_hold_is_found_by_their_own_names() -> None:
    wanted = {
        "prod": {"database"},
        "examples/mini-facebook/prod": {"database", "bucket"},
        "examples/chat-app/prod": {"database", "volume", "cache", "bucket"},
    }
    for name, kinds in wanted.items():
        snapshot = snapshot_of(name)
        there = {one.outputs["arn"]: {"Name": one.name} for one in snapshot.of_type("aws:s3/bucket:Bucket")}
        account: Any = SimpleNamespace(settings=loaded(name).settings)
        resources = StackResources(account, snapshot, TaggedResources(there))
        found = data_stores(resources)
        assert {one.kind.value for one in found} >= kinds, name
        # By which the copy's place is found where the engine is ec2.
        group = rehearse._clients(resources)
        groups = [one.inputs["tags"]["Name"] for one in snapshot.of_type("aws:ec2/securityGroup:SecurityGroup")]
        assert groups.count(group) == 1, name
        assert all(one.tags["Name"] and one.tags["platform"] for one in found), name


def test_what_the_plugin_says_when_it_opens_nothing_is_told_and_the_session_is_closed(
    bench: Bench, tmp_path: Path
) -> None:
    plugin = tmp_path / "bin" / "session-manager-plugin"
    plugin.write_text("#!/bin/sh\necho 'cannot perform start session: EOF' >&2\nexit 3\n", encoding="utf-8")
    clock = Clock()
    connection = connections.forwarded(bench.account, "ecs:x", "localhost", 5432, progress.Progress(clock.lines.append))
    with (
        pytest.raises(OperationError, match="ended with 3, and opened no way to the copy: cannot perform start"),
        connection,
    ):
        pass
    assert bench.ssm.all_of("terminate_session") == [{"SessionId": "session-1"}]
