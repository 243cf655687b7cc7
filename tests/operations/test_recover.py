"""Recoveries: which a stack is able to, each step seen before the next, what is measured, and what an interruption leaves."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli import recovering
from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.components.settings import Settings
from groundwork.operations import progress
from groundwork.operations.account import StackAccount
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.recovery import bucket, instance, region_and_account, zone
from groundwork.operations.recovery.database import TAG, _Recovery
from groundwork.operations.recovery.model import Incident, RecoveryStep
from groundwork.operations.recovery.scenarios import SCENARIOS, scenario, with_missing_settings
from groundwork.operations.resources import StackResources, find_resources
from groundwork.operations.tags import TaggedResources
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import find_stack, load_stack
from tests.operations.asking import asked_actions, permitted
from tests.operations.shop import ACCOUNT, REGION, Clock, client, done, rollouts, service
from tests.operations.stood_up import SUFFIX, standing
from tests.operations.test_backups import ON_AN_INSTANCE, window
from tests.operations.test_engines import Script, standing_in
from tests.requirements import proves
from tests.writing import write_project

Stack = tuple[StackAccount, Snapshot]
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DATABASE = "shop-database-dev"
STACK_FILE = f"""\
config:
  aws:region: {REGION}
  groundwork:platform: {{name: shop, stage: dev}}
  groundwork:network: {{cidr: 10.0.0.0/16}}
  groundwork:compute: {{engine: fargate}}
  groundwork:services:
    web: {{port: 8080, path: "/*", uses: {{database: connect}}}}
    worker: {{}}
  groundwork:jobs: {{}}
  groundwork:data: {{multi_az: true}}
  groundwork:storage: {{uploads: {{}}}}
  groundwork:recovery: {{region: eu-central-1, account: "222222222222"}}
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    from moto.rds.models import rds_backends

    with standing(tmp_path, monkeypatch, STACK_FILE) as found:
        s3 = client("s3")
        for resource in found[1].of_type("aws:s3/bucket:Bucket"):
            if resource.name != "shop-uploads":
                continue
            name = f"shop-uploads-{SUFFIX}"
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            tags = [{"Key": key, "Value": value} for key, value in resource.inputs["tags"].items()]
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        # It makes one with each database, newer than what its automated backups are said to have.
        for one in rds_backends[ACCOUNT][REGION].database_snapshots.values():
            one.original_snapshot_create_time = NOW - datetime.timedelta(days=1)
        clock = Clock()
        real = progress.Progress
        monkeypatch.setattr(
            progress, "Progress", lambda tell: real(tell, clock.progress().sleep, lambda: clock.seconds)
        )
        yield found


def incident(stack: Stack, **said: Any) -> Incident:
    return Incident(find_resources(*stack), NOW, 600, **said)


def take(plan: Any) -> tuple[list[str], Clock]:
    """Take all steps, and return what was seen."""
    clock = Clock()
    return [step.act(clock.progress()) for step in plan.steps], clock


def databases() -> dict[str, Any]:
    return {one["DBInstanceIdentifier"]: one for one in client("rds").describe_db_instances()["DBInstances"]}


def settings(folder: Path, text: str) -> Settings:
    return load_stack(find_stack("dev", write_project(folder, text))).settings


def test_the_list_says_what_the_stack_is_able_to_and_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path, 'groundwork:services: {web: {port: 8080, path: "/*"}}\n')
    monkeypatch.chdir(tmp_path)
    assert groundwork(["recover", "dev"]) == FINE
    said = capsys.readouterr().out
    assert all(len(line) <= 80 for line in said.splitlines())
    for line in (
        "instance    yes   nothing    10 min   a copy of a service, or an instance",
        "database    yes   5 min      10 min   the database, or what was in it",
        "zone        NO    nothing    5 min    an availability zone",
        "it would take data.multi_az: true",
        "it would take recovery: {region: …}",
    ):
        assert line in said
    names = [one.name for one in SCENARIOS]
    assert {"instance", "database", "zone", "region", "deployment", "bucket"} <= set(names)


def test_what_turns_a_scenario_follows_from_the_stack_file(tmp_path: Path) -> None:
    cases = {
        'groundwork:compute: {engine: app-runner}\ngroundwork:services: {web: {port: 8080, path: "/*"}}\n': {
            "instance": "compute.engine: fargate"
        },
        "groundwork:compute: {engine: ec2, instances: {class: t4g.medium, max: 1}}\n": {
            "zone": "compute.instances.max: 2"
        },
        "groundwork:data: null\n": {"database": "data: {}"},
        "groundwork:storage: {files: {versioning: false}}\n": {"bucket": "storage.NAME.versioning: true"},
        "groundwork:storage: {files: {}}\n": {"bucket": None},
        "groundwork:recovery: {region: eu-west-1}\n": {"region": None, "account": "recovery.account"},
        "groundwork:services: {web: {image: nginx}}\n": {
            "deployment": "a service whose image pipelines bring (no image:, no tag:)"
        },
    }
    for number, (text, wanted) in enumerate(cases.items()):
        found = {one.name: lacks for one, lacks in with_missing_settings(settings(tmp_path / str(number), text))}
        assert {name: found[name] for name in wanted} == wanted, text
    lacking = settings(tmp_path / "lacking", "groundwork:data: null\n")
    with pytest.raises(
        OperationError, match=r"Pulumi.dev.yaml cannot be recovered from the loss of the database.*data: \{\}"
    ):
        scenario("database", lacking, "Pulumi.dev.yaml")
    with pytest.raises(OperationError, match=r'"datbase" is no scenario; there are .* did you mean "database"\?'):
        scenario("datbase", lacking, "Pulumi.dev.yaml")


CANNOT = [
    (["datbase"], MISTAKE, 'did you mean "database"?'),
    (["deployment"], MISTAKE, "groundwork recover dev deployment SERVICE"),
    (["bucket"], MISTAKE, "groundwork recover dev bucket BUCKET/KEY"),
    (["database", "web"], MISTAKE, "database takes nothing more; leave 'web' out"),
    (["database", "--at", "soon"], MISTAKE, '--at: "soon" is no time'),
    (["database", "--at", "2099-01-01"], MISTAKE, "is in the future"),
    (["database", "--minutes", "0"], MISTAKE, "--minutes"),
    (["--at", "2h"], MISTAKE, "say a scenario"),
    (["database", "--template", "x"], MISTAKE, "--template goes without a scenario"),
    (["database"], MISTAKE, "nobody can be asked here; say --yes"),
    (["bucket", "upload/x"], FINDINGS, 'did you mean "uploads"?'),
    (["bucket", "uploads"], FINDINGS, "uploads/KEY"),
    (["instance", "wbe"], FINDINGS, "wbe"),
]


def test_what_cannot_be_done_is_said_before_anything_is(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window(monkeypatch, NOW)
    asked = asked_actions(monkeypatch)
    for words, code, said in CANNOT:
        assert groundwork(["recover", "dev", *words]) == code, words
        assert said in capsys.readouterr().err, words
    assert not [one for one in asked if not one.partition(":")[2].startswith(("Get", "Describe", "List"))]


# The database


def restore(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    rollouts(monkeypatch, done)
    return groundwork(["recover", "dev", "database", "--yes", *words])


@proves("S3-11", "S4-15")
def test_a_database_is_restored_beside_the_lost_one_and_takes_its_name(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window(monkeypatch, NOW - datetime.timedelta(minutes=3))
    lost = databases()[DATABASE]["DbiResourceId"]
    asked = asked_actions(monkeypatch)
    assert restore(monkeypatch) == FINE
    said = capsys.readouterr().out
    found = databases()
    [kept] = [name for name in found if "-lost-" in name]
    assert set(found) == {DATABASE, kept}
    # What was there stays as it was, and nothing but its name was touched.
    assert found[kept]["DbiResourceId"] == lost
    assert not asked & {"rds:DeleteDBInstance", "rds:DeleteDBSnapshot"}
    assert found[DATABASE]["MultiAZ"] is True
    assert [one["Key"] for one in found[DATABASE]["TagList"]].count(TAG) == 0
    assert {"platform", "stage", "Name"} <= {one["Key"] for one in found[DATABASE]["TagList"]}
    # Who uses it starts anew, and who does not goes on.
    assert service("web").deployments[0]["id"] != "ecs-svc/1"
    for line in (
        "By design: 5 min of data is lost at most, and it takes 10 min.",
        "1 of 5  Restore the state of",
        "aws rds restore-db-instance-to-point-in-time",
        "web runs anew",
        "Data up to",
        "It took",
        f"old={lost}",
        "pulumi up --refresh --stack dev",
        f"What was lost is there as {kept}",
    ):
        assert line in said, line
    assert asked <= permitted("recover", "fargate", "data", "storage", "edge")


def test_a_moment_before_the_loss_is_what_is_restored(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    window(monkeypatch, NOW)
    told: list[dict[str, Any]] = []
    recovery = _Recovery(incident(stack, at=NOW - datetime.timedelta(hours=2)), _store(stack))
    monkeypatch.setattr(recovery, "_rds", Script(restore_db_instance_to_point_in_time=told.append))
    plan = recovery.plan()
    recovery._begin(recovery._backup(), recovery._incident.at)
    [asked] = told
    assert asked["RestoreTime"] == NOW - datetime.timedelta(hours=2)
    assert plan.data_until == NOW - datetime.timedelta(hours=2)
    assert (asked["SourceDBInstanceIdentifier"], asked["TargetDBInstanceIdentifier"]) == (
        DATABASE,
        f"{DATABASE}-restored",
    )
    assert (asked["MultiAZ"], asked["PubliclyAccessible"], asked["VpcSecurityGroupIds"]) == (True, False, ["sg-1"])
    assert {one["Key"]: one["Value"] for one in asked["Tags"]}[TAG] == (NOW - datetime.timedelta(hours=2)).isoformat()
    # Before its first backup there is nothing.
    with pytest.raises(NotFoundError, match=r"has nothing of .* or before .*groundwork snapshot dev --list"):
        _Recovery(incident(stack, at=NOW - datetime.timedelta(days=40)), _store(stack)).plan()


def _store(stack: Stack) -> Any:
    from groundwork.operations.backups import data_stores

    return next(one for one in data_stores(find_resources(*stack)) if one.kind == "database")


def test_an_interrupted_recovery_is_told_and_taken_up_where_it_was(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window(monkeypatch, NOW)
    rename = _Recovery._rename

    def interrupted(self: _Recovery, name: str, new: str, progress: Any) -> None:
        if new == DATABASE:
            raise KeyboardInterrupt
        rename(self, name, new, progress)

    monkeypatch.setattr(_Recovery, "_rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _raised(monkeypatch, restore, monkeypatch)
    assert "To go on from here: groundwork recover dev database" in capsys.readouterr().err
    # In the midst of the swap: the name is nobody's.
    assert {name.partition("-lost-")[0] for name in databases()} == {DATABASE, f"{DATABASE}-restored"}
    assert DATABASE not in databases()
    monkeypatch.setattr(_Recovery, "_rename", rename)
    asked = asked_actions(monkeypatch)
    assert restore(monkeypatch) == FINE
    assert not asked & {"rds:RestoreDBInstanceToPointInTime", "rds:RestoreDBInstanceFromDBSnapshot"}
    assert "goes on" in capsys.readouterr().out
    assert DATABASE in databases()
    assert f"{DATABASE}-restored" not in databases()


def _raised(monkeypatch: pytest.MonkeyPatch, act: Any, *arguments: Any) -> None:
    """Have Ctrl-C come through, which the command line ends with a code."""
    if act(*arguments) == 130:
        raise KeyboardInterrupt


def test_after_the_swap_an_interrupted_recovery_restores_nothing_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window(monkeypatch, NOW)
    with monkeypatch.context() as once:
        once.setattr(_Recovery, "_redeploy", lambda self, service: _failing(f"{service} does not start"))
        assert restore(monkeypatch) == FINDINGS
    said = capsys.readouterr()
    assert "That step did not come to pass: web does not start" in said.err
    assert "What was done stays. To go on from here: groundwork recover dev database" in said.err
    there = set(databases())
    asked = asked_actions(monkeypatch)
    assert restore(monkeypatch) == FINE
    said = capsys.readouterr()
    assert "was begun (it is in its place), and goes on" in " ".join(said.out.split())
    assert set(databases()) == there
    assert not [one for one in asked if "Restore" in one or "ModifyDB" in one]


def _failing(why: str) -> Any:
    def act(progress: Any) -> str:
        raise OperationError(why)

    return RecoveryStep("Start it anew", "…", act, changes=True)


def test_logins_that_were_rotated_since_are_renewed_and_no_password_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rotated = [NOW - datetime.timedelta(minutes=1), NOW]

    def secrets(since: datetime.timedelta) -> Script:
        looks = iter(
            [{"LastRotatedDate": NOW - since}, {"LastRotatedDate": rotated[0]}, {"LastRotatedDate": rotated[1]}]
        )
        last: list[dict[str, Any]] = []

        def describe(_: Any) -> dict[str, Any]:
            last[:] = [next(looks, last[0] if last else {})]
            return last[0]

        kept = {"SecretString": '{"password": "of-the-test"}'}
        return Script(describe_secret=describe, get_secret_value=kept, rotate_secret={})

    text = STACK_FILE.replace("multi_az: true", "multi_az: true, rotation_days: 30")
    with standing(tmp_path, monkeypatch, text) as stack:
        window(monkeypatch, NOW - datetime.timedelta(minutes=3))
        asked = secrets(datetime.timedelta(minutes=2))
        standing_in(monkeypatch, secretsmanager=asked)
        recovery = _Recovery(incident(stack), _store(stack))
        steps = recovery._renewed_logins(NOW - datetime.timedelta(minutes=3))
        told = Script(modify_db_instance={})
        monkeypatch.setattr(recovery, "_rds", told)
        clock = Clock()
        [seen] = [step.act(clock.progress()) for step in steps]
        assert told.all_of("modify_db_instance") == [
            {"DBInstanceIdentifier": DATABASE, "MasterUserPassword": "of-the-test", "ApplyImmediately": True}
        ]
        assert asked.all_of("rotate_secret") == [{"SecretId": "shop/dev/database"}]
        assert "of-the-test" not in " ".join([seen, *clock.lines, *(step.command for step in steps)])
        # Where nothing was rotated since, what Secrets Manager has is the database's.
        standing_in(
            monkeypatch, secretsmanager=Script(describe_secret={"LastRotatedDate": NOW - datetime.timedelta(days=9)})
        )
        assert recovery._renewed_logins(NOW) == []


def test_what_rds_gives_up_is_said_with_what_to_do(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    window(monkeypatch, NOW)
    recovery = _Recovery(incident(stack), _store(stack))
    monkeypatch.setattr(
        "groundwork.operations.recovery.database.find_database",
        lambda account, name: {"DBInstanceStatus": "incompatible-restore"},
    )
    with pytest.raises(OperationError, match=r"RDS could not restore it: .* is incompatible-restore; remove it"):
        recovery._wait(f"{DATABASE}-restored", Clock().progress())
    monkeypatch.setattr(
        "groundwork.operations.recovery.database.find_database", lambda account, name: {"DBInstanceStatus": "creating"}
    )
    with pytest.raises(
        OperationError, match="is creating after 10 minutes; RDS goes on, and so does the next groundwork recover"
    ):
        recovery._wait(f"{DATABASE}-restored", Clock().progress())


def test_a_database_of_somebody_else_under_the_name_is_left_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    window(monkeypatch, NOW)
    given = {
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "x",
        "MasterUserPassword": "not-a-secret",
    }
    client("rds").create_db_instance(DBInstanceIdentifier=f"{DATABASE}-restored", VpcSecurityGroupIds=["sg-1"], **given)
    with pytest.raises(OperationError, match="is there, and no recovery made it"):
        _Recovery(incident(stack), _store(stack)).plan()


def test_a_database_that_is_gone_is_restored_where_it_stood(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    window(monkeypatch, NOW)
    resources, store = find_resources(*stack), _store(stack)
    monkeypatch.setattr("groundwork.operations.recovery.database.find_database", lambda account, name: None)
    named = {
        "rds:eu-west-1:123456789012:subgrp:shop-database-subnets-1": "shop-database-subnets",
        "rds:eu-west-1:123456789012:pg:shop-database-pg-1": "shop-database-postgres17",
        "ec2:eu-west-1:123456789012:security-group/sg-9": "shop-database-clients",
    }
    tagged = [
        {"ResourceARN": f"arn:aws:{arn}", "Tags": [{"Key": "Name", "Value": name}]} for arn, name in named.items()
    ]
    standing_in(monkeypatch, resourcegroupstaggingapi=Script(get_resources={"ResourceTagMappingList": tagged}))
    recovery = _Recovery(Incident(resources, NOW, 600), store)
    placed = recovery._placed()
    assert (placed["DBSubnetGroupName"], placed["DBParameterGroupName"], placed["VpcSecurityGroupIds"]) == (
        "shop-database-subnets-1", "shop-database-pg-1", ["sg-9"],
    )  # fmt: skip
    tagged.pop()
    with pytest.raises(NotFoundError, match=r"shop-database-clients is not in account .*; run pulumi up"):
        recovery._placed()


# Copies and zones


class Tasks:
    """ECS with one task of ``web`` that can be stopped, and that another takes the place of."""

    def __init__(self, comes_back: bool = True) -> None:
        self._ecs, self._comes_back, self.stopped, self._looks = client("ecs"), comes_back, [], 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ecs, name)

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        return {"taskArns": ["arn:aws:ecs:eu-west-1:123456789012:task/shop-dev/abc"]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": [{"lastStatus": "STOPPED" if self.stopped else "RUNNING", "containers": []}]}

    def stop_task(self, **said: Any) -> None:
        self.stopped.append(said)
        service("web").running_count = 1

    def describe_services(self, **said: Any) -> Any:
        self._looks += bool(self.stopped)
        if self._comes_back and self._looks > 2:
            service("web").running_count = 2
        return self._ecs.describe_services(**said)


@proves("S4-15")
def test_a_lost_copy_is_replaced_with_no_hand_and_how_long_that_takes_is_measured(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks: Any = Tasks()
    standing_in(monkeypatch, ecs=tasks)
    asked = asked_actions(monkeypatch)
    assert groundwork(["recover", "dev", "instance", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert len(tasks.stopped) == 1
    for line in (
        "Nothing is missing: 2 of 2 of web run.",
        "the task abc is gone",
        "1 of 2 run",
        "2 of 2 run",
        "It took",
    ):
        assert line in said, line
    assert "longer than" not in said
    assert asked | {"ecs:ListTasks", "ecs:DescribeTasks", "ecs:StopTask"} <= permitted(
        "recover", "fargate", "data", "storage", "edge"
    )


def test_a_copy_that_is_missing_already_is_only_waited_for(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    service("web").running_count = 1
    plan = instance.plan(replace(incident(stack, what="web"), seconds=60))
    assert [step.changes for step in plan.steps] == [False, False]
    clock = Clock()
    with pytest.raises(OperationError, match="1 of 2 run after 1 minute"):
        plan.steps[0].act(clock.progress())
    service("web").running_count = 2
    assert take(plan)[0][0] == "2 of 2 run"


def test_an_instance_of_the_group_is_ended_and_not_the_groups_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def group(instance: str, state: str) -> dict[str, Any]:
        there = [{"InstanceId": instance, "LifecycleState": state}]
        return {"AutoScalingGroups": [{"AutoScalingGroupName": "shop-compute-instances-1", "Instances": there}]}

    scaling = Script(
        describe_auto_scaling_groups=[group("i-1", "InService"), group("i-2", "Pending")],
        terminate_instance_in_auto_scaling_group={},
    )
    with standing(tmp_path, monkeypatch, ON_AN_INSTANCE, up=False) as (account, snapshot):
        standing_in(monkeypatch, autoscaling=scaling)
        copy = Incident(StackResources(account, snapshot, TaggedResources({})), NOW, 600).runner.a_copy("web")
        copy.lose()
        assert copy.is_gone()
    assert scaling.all_of("terminate_instance_in_auto_scaling_group") == [
        {"InstanceId": "i-1", "ShouldDecrementDesiredCapacity": False}
    ]


def test_a_database_goes_over_to_its_standby_once_every_service_has_a_second_copy(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = zone.described_database
    looks = iter(["a", "a", "b", "b"])
    asked = Script(reboot_db_instance={})
    monkeypatch.setattr(
        zone, "described_database", lambda *said: {**described(*said), "AvailabilityZone": f"{REGION}{next(looks)}"}
    )
    plan = zone.plan(incident(stack))
    ask = StackAccount.client
    monkeypatch.setattr(
        StackAccount,
        "client",
        lambda self, name, region=None: (
            _Both(asked, ask(self, name, region)) if name == "rds" else ask(self, name, region)
        ),
    )
    seen, _ = take(plan)
    assert seen[1] == f"{DATABASE} is in {REGION}b, and was in {REGION}a"
    assert asked.all_of("reboot_db_instance") == [{"DBInstanceIdentifier": DATABASE, "ForceFailover": True}]
    service("web").running_count = 1
    with pytest.raises(OperationError, match=r"one copy alone runs of web.*services.web.scaling.min: 2"):
        plan.steps[0].act(Clock().progress())
    service("web").running_count = 2
    client("rds").modify_db_instance(DBInstanceIdentifier=DATABASE, MultiAZ=False)
    looks = iter("aa")
    with pytest.raises(OperationError, match="alone, whatever the stack file says"):
        zone.plan(incident(stack))


class _Both:
    """Some answers of a script, the others of the account."""

    def __init__(self, script: Script, other: Any) -> None:
        self._script, self._other = script, other

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._script, name)
        except AttributeError:
            return getattr(self._other, name)


# Releases and objects


def test_a_bad_release_is_taken_back_and_all_is_seen_to_be_well(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ssm, name = client("ssm"), "/shop/dev/services/images/web"
    now = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=now.replace(":1.0", ":1.1"), Type="String", Overwrite=True)
    rollouts(monkeypatch, done)
    assert groundwork(["recover", "dev", "deployment", "web", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == now
    assert "groundwork rollback dev web" in said
    assert "2 of 2 are well" in said


def test_an_object_that_was_deleted_is_what_it_was(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    s3, name = client("s3"), f"shop-uploads-{SUFFIX}"
    s3.put_object(Bucket=name, Key="a/photo.jpg", Body=b"first")
    s3.put_object(Bucket=name, Key="a/photo.jpg.small", Body=b"another one")
    s3.delete_object(Bucket=name, Key="a/photo.jpg")
    asked = asked_actions(monkeypatch)
    assert groundwork(["recover", "dev", "bucket", "uploads/a/photo.jpg", "--yes"]) == FINE
    assert s3.get_object(Bucket=name, Key="a/photo.jpg")["Body"].read() == b"first"
    assert s3.get_object(Bucket=name, Key="a/photo.jpg.small")["Body"].read() == b"another one"
    said = capsys.readouterr().out
    assert "It was deleted at" in said
    assert "5 bytes" in said
    # Of one that is there somebody says as of when.
    s3.put_object(Bucket=name, Key="a/photo.jpg", Body=b"ransom")
    with pytest.raises(OperationError, match=r"a/photo.jpg is there; say as of when it is wanted: --at TIME"):
        bucket.plan(incident(stack, what="uploads/a/photo.jpg"))
    with pytest.raises(NotFoundError, match="has no version of b"):
        bucket.plan(incident(stack, what="uploads/b"))
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    with pytest.raises(OperationError, match="is as it was then; nothing is to be done"):
        bucket.plan(incident(stack, what="uploads/a/photo.jpg", at=later))
    asked = {
        one.replace("ListObjectVersions", "ListBucketVersions")
        .replace("HeadObject", "GetObject")
        .replace("CopyObject", "PutObject")
        for one in asked
    }
    assert asked - permitted("recover", "fargate", "data", "storage", "edge") == set()


# Elsewhere


def copied(hours: float) -> dict[str, Any]:
    return {
        "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{DATABASE}",
        "DBInstanceAutomatedBackupsArn": f"arn:aws:rds:eu-central-1:{ACCOUNT}:auto-backup:ab-1",
        "RestoreWindow": {
            "EarliestTime": NOW - datetime.timedelta(days=7),
            "LatestTime": NOW - datetime.timedelta(hours=hours),
        },
    }


def test_the_other_region_alone_is_asked_what_it_has(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str | None]] = []
    scripts = {
        "rds": Script(describe_db_instance_automated_backups={"DBInstanceAutomatedBackups": [copied(0.1)]}),
        "resourcegroupstaggingapi": Script(
            get_resources={
                "ResourceTagMappingList": [
                    {
                        "ResourceARN": "arn:aws:s3:::shop-recovery-eu-central-1-uploads-1",
                        "Tags": [{"Key": "Name", "Value": "shop-recovery-eu-central-1-uploads"}],
                    }
                ]
            }
        ),
    }

    def answer(self: StackAccount, name: str, region: str | None = None) -> Any:
        asked.append((name, region))
        return scripts[name]

    monkeypatch.setattr(StackAccount, "client", answer)
    assert groundwork(["recover", "dev", "region"]) == FINE
    assert {region for _, region in asked} == {"eu-central-1"}
    said = capsys.readouterr().out
    for line in (
        "any moment up to",
        "shop-recovery-eu-central-1-uploads-1",
        "--source-db-instance-automated-backups-arn arn:aws:rds:eu-central-1:",
        "groundwork recover dev-eu-central-1 database",
    ):
        assert line in said, line
    assert re.search(r"the last \d+ min \d+ s would be lost", " ".join(said.split()))
    assert all(len(line) <= 80 or line.startswith("  ") for line in said.splitlines() if "aws " not in line)
    scripts["rds"] = Script(describe_db_instance_automated_backups={"DBInstanceAutomatedBackups": []})
    assert groundwork(["recover", "dev", "region"]) == FINDINGS
    assert "eu-central-1 has no backups of shop-database-dev" in capsys.readouterr().err


def test_an_old_copy_in_the_other_account_is_a_finding(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(*days: int) -> Any:
        jobs = [{"ResourceArn": f"arn:{at}", "CompletionDate": NOW - datetime.timedelta(days=at)} for at in days]
        standing_in(monkeypatch, backup=Script(list_copy_jobs={"CopyJobs": jobs}))
        return region_and_account.plan_account(incident(stack))

    assert take(plan(1))[0] == ["1 things were copied, each 24 h ago at most"]
    with pytest.raises(
        OperationError, match=r"is 3 d old, and there should be one each day.*list-copy-jobs --by-state FAILED"
    ):
        take(plan(1, 3))
    with pytest.raises(NotFoundError, match="nothing was copied to shop-dev-eu-west-1-copies in 222222222222 yet"):
        take(plan())


# The walk itself


def test_a_dry_run_shows_every_step_and_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window(monkeypatch, NOW)
    client("s3").put_object(Bucket=f"shop-uploads-{SUFFIX}", Key="x", Body=b"1")
    client("s3").delete_object(Bucket=f"shop-uploads-{SUFFIX}", Key="x")
    tasks: Any = Tasks()
    standing_in(monkeypatch, ecs=tasks)
    asked = asked_actions(monkeypatch)
    for words in (["database"], ["instance"], ["zone"], ["bucket", "uploads/x"]):
        assert groundwork(["recover", "dev", *words, "--dry-run"]) == FINE
        assert "Nothing was done (--dry-run)." in capsys.readouterr().out
    assert not [one for one in asked if not one.partition(":")[2].startswith(("Get", "Describe", "List"))]


def test_each_change_is_asked_for_and_no_ends_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window(monkeypatch, NOW)
    monkeypatch.setattr(recovering.sys.stdin, "isatty", lambda: True, raising=False)
    answers = iter(["y", "n"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert groundwork(["recover", "dev", "database"]) == FINE
    assert "What was done stays. To go on from here: groundwork recover dev database" in capsys.readouterr().out
    assert set(databases()) == {DATABASE, f"{DATABASE}-restored"}
