"""What holds a stack's data, what each of it could be restored from, and snapshots by hand."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.operations import snapshotting
from groundwork.operations.account import StackAccount
from groundwork.operations.backups import BackupKind, DataStore, DataStoreKind, backups_of, data_stores, newest
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.resources import StackResources, find_resources
from groundwork.preview.snapshot import Snapshot
from tests.operations.asking import asked_actions, permitted
from tests.operations.shop import ACCOUNT, REGION, Clock, client
from tests.operations.stood_up import standing
from tests.operations.test_engines import Script, standing_in
from tests.operations.test_status import refused
from tests.requirements import proves

Stack = tuple[StackAccount, Snapshot]
NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)

ON_AN_INSTANCE = f"""\
config:
  aws:region: {REGION}
  groundwork:platform: {{name: shop, stage: dev}}
  groundwork:network: {{cidr: 10.0.0.0/16, nat: none}}
  groundwork:compute: {{engine: ec2, instances: {{min: 1, max: 1, data_volume: 8, placement: public}}}}
  groundwork:services:
    web: {{port: 8080, path: "/*", uses: {{database: connect, cache: connect}}}}
  groundwork:data: {{}}
  groundwork:cache: {{placement: instance, copy_to: backups}}
  groundwork:storage:
    backups: {{purpose: backups}}
    uploads: {{}}
    logs: {{purpose: logs}}
"""
"""Everything that holds data in one: a database, a volume, a cache that is copied, buckets."""

VOLUME = {"VolumeId": "vol-1", "Size": 8, "State": "in-use", "AvailabilityZone": f"{REGION}a", "KmsKeyId": "arn:key"}


def window(monkeypatch: pytest.MonkeyPatch, latest: datetime.datetime, **more: Any) -> None:
    """Have automated backups be restorable to any moment of a week, which the stand-in does not tell."""
    from moto.rds.models import DBInstanceAutomatedBackup

    told = {"EarliestTime": latest - datetime.timedelta(days=7), "LatestTime": latest}
    facts = {"restore_window": told, "kms_key_id": "arn:key", "dbi_resource_id": "db-1", **more}
    for name, value in facts.items():
        monkeypatch.setattr(DBInstanceAutomatedBackup, name, value, raising=False)


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with standing(tmp_path, monkeypatch) as found:
        encrypt()
        yield found


def encrypt() -> None:
    """Have the database be encrypted, as the program declares it."""
    from moto.rds.models import rds_backends

    for one in rds_backends[ACCOUNT][REGION].databases.values():
        one.storage_encrypted, one.kms_key_id = True, "arn:key"


def ec2(**answers: Any) -> Script:
    """EC2 with the data volume, and its snapshots as they are said."""
    return Script(**{"describe_volumes": {"Volumes": [VOLUME]}, "describe_snapshots": {"Snapshots": []}, **answers})


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StackResources]:
    with standing(tmp_path, monkeypatch, ON_AN_INSTANCE, up=False) as (account, snapshot):
        s3 = client("s3")
        for resource in snapshot.of_type("aws:s3/bucket:Bucket"):
            name = resource.outputs["bucket"]
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
            tags = [{"Key": key, "Value": value} for key, value in resource.inputs["tags"].items()]
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        from tests.operations.stood_up import _database

        for resource in snapshot.of_type("aws:rds/instance:Instance"):
            _database(resource)
        encrypt()
        yield find_resources(account, snapshot)


def of_kind(resources: StackResources, kind: DataStoreKind) -> DataStore:
    [found] = [one for one in data_stores(resources) if one.kind is kind and "backups" not in one.name]
    return found


# What there is


def test_what_holds_data_is_found_by_what_the_program_declares(instance: StackResources) -> None:
    found = data_stores(instance)
    assert [(one.kind.value, one.name) for one in found] == [
        ("database", "data"),
        ("volume", "compute"),
        ("cache", "cache"),
        ("bucket", "backups"),
        ("bucket", "uploads"),
    ]
    assert found[0].id == "shop-database-dev"
    assert found[1].id == "shop-compute-data"
    assert found[2].id == found[3].id != found[4].id
    assert all(one.tags["platform"] == "shop" for one in found)


def test_a_database_is_restored_to_any_moment_or_from_snapshots_of_whatever_made_them(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = find_resources(*stack)
    [store] = data_stores(resources)
    client("rds").create_db_snapshot(DBInstanceIdentifier=store.id, DBSnapshotIdentifier="shop-database-dev-before-17")
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    window(monkeypatch, late)
    found = backups_of(stack[0], store)
    assert found[0].kind is BackupKind.MOMENT
    assert {one.kind for one in found} == {BackupKind.MOMENT, BackupKind.SNAPSHOT, BackupKind.AUTOMATED}
    assert (found[0].since, found[0].at, found[0].id) == (late - datetime.timedelta(days=7), late, "db-1")
    assert newest(stack[0], store) == found[0]
    # What RDS keeps of a database that is gone is found as well.
    client("rds").delete_db_instance(
        DBInstanceIdentifier=store.id, SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )
    assert newest(stack[0], store).kind is BackupKind.MOMENT


def test_snapshots_that_are_not_there_yet_do_not_count_and_none_at_all_is_said(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    [store] = data_stores(find_resources(*stack))
    pending = {"DBSnapshotIdentifier": "s", "Status": "creating", "SnapshotCreateTime": NOW}
    nothing = {"DBInstanceAutomatedBackups": [{"Status": "creating"}]}
    standing_in(
        monkeypatch,
        rds=Script(describe_db_instance_automated_backups=nothing, describe_db_snapshots={"DBSnapshots": [pending]}),
    )
    with pytest.raises(NotFoundError, match="the database shop-database-dev has no backup in account 123456789012"):
        newest(stack[0], store)


def test_a_volume_has_the_snapshots_that_carry_its_tags_and_a_bucket_what_was_written_before(
    instance: StackResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = [
        {"SnapshotId": f"snap-{n}", "State": state, "StartTime": NOW - datetime.timedelta(days=n), "VolumeSize": 8}
        for n, state in enumerate(("pending", "completed", "completed"))
    ]
    script = ec2(describe_snapshots={"Snapshots": snapshots})
    standing_in(monkeypatch, ec2=script)
    volume, bucket = of_kind(instance, DataStoreKind.VOLUME), of_kind(instance, DataStoreKind.BUCKET)
    assert [one.id for one in backups_of(instance.account, volume)] == ["snap-1", "snap-2"]
    [asked] = script.all_of("describe_snapshots")
    assert {one["Name"]: one["Values"] for one in asked["Filters"]} == {
        "tag:platform": ["shop"],
        "tag:stage": ["dev"],
        "tag:Name": ["shop-compute-data"],
    }
    s3 = client("s3")
    with pytest.raises(NotFoundError, match="nothing in it was written twice or deleted yet"):
        newest(instance.account, bucket)
    for text in (b"one", b"three"):
        s3.put_object(Bucket=bucket.id, Key="a\u202e", Body=text)
    s3.put_object(Bucket=bucket.id, Key="gone", Body=b"sixth!")
    s3.delete_object(Bucket=bucket.id, Key="gone")
    found = backups_of(instance.account, bucket)
    assert {(one.id, one.size) for one in found} == {("a\u202e", 3), ("gone", 6)}
    assert "\u202e" not in " ".join(map(str, found))
    cache = of_kind(instance, DataStoreKind.CACHE)
    s3.put_object(Bucket=cache.id, Key="cache/2026-11-27.rdb", Body=b"REDIS")
    s3.put_object(Bucket=cache.id, Key="other/2026-11-28.rdb", Body=b"REDIS")
    assert [one.id for one in backups_of(instance.account, cache)] == ["cache/2026-11-27.rdb"]


# Snapshots by hand


@proves("S2-14")
def test_a_snapshot_of_the_database_carries_a_name_and_the_stacks_tags(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asked_actions(monkeypatch)
    assert groundwork(["snapshot", "dev", "before-17", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert "database  shop-database-dev, 20 GiB → shop-database-dev-before-17" in said
    assert "Not in it: the cache, of which ElastiCache keeps its own (cache.snapshot_days: 1)" in said
    [taken] = client("rds").describe_db_snapshots(DBSnapshotIdentifier="shop-database-dev-before-17")["DBSnapshots"]
    tags = {one["Key"]: one["Value"] for one in taken["TagList"]}
    assert (tags["platform"], tags["stage"], tags[snapshotting.TAG]) == ("shop", "dev", "before-17")
    assert (taken["Encrypted"], taken["KmsKeyId"]) == (True, "arn:key")
    assert groundwork(["snapshot", "dev", "--list"]) == FINE
    said = capsys.readouterr().out
    assert "old  snapshot: shop-database-dev-before-17\n" in said
    # Tags at a creation are a permission, and no call.
    assert asked | {"rds:AddTagsToResource"} == permitted("snapshot", "fargate", "data")
    # Another of the same name would hide which is which.
    assert groundwork(["snapshot", "dev", "before-17", "--yes"]) == FINDINGS
    assert "there is a snapshot shop-database-dev-before-17 already; say another name" in capsys.readouterr().err
    assert groundwork(["snapshot", "dev", "--yes"]) == FINE
    assert "shop-database-dev-by-hand-20" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Before", "a--b", "-a", "a-", "$(reboot)", "x" * 41, "a\n"])
def test_a_name_that_is_none_is_refused(stack: Stack, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert groundwork(["snapshot", "dev", "--yes", "--", name]) == FINDINGS
    assert "is no name of a snapshot" in capsys.readouterr().err


def test_nothing_is_taken_without_an_answer_nor_in_a_dry_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asked_actions(monkeypatch)
    assert groundwork(["snapshot", "dev", "--dry-run"]) == FINE
    assert groundwork(["snapshot", "dev"]) == MISTAKE
    assert groundwork(["snapshot", "dev", "a", "--list"]) == MISTAKE
    assert not [one for one in asked if one.startswith("rds:Create")]
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 110


def test_a_database_in_the_wrong_state_or_unencrypted_and_a_full_account_are_said(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from moto.rds.models import rds_backends

    database = rds_backends[ACCOUNT][REGION].databases["shop-database-dev"]
    database.status = "modifying"
    assert groundwork(["snapshot", "dev", "--yes"]) == FINDINGS
    assert "shop-database-dev is modifying, and RDS takes no snapshot then" in capsys.readouterr().err
    database.status, database.storage_encrypted = "available", False
    assert groundwork(["snapshot", "dev", "--yes"]) == FINDINGS
    assert "is not encrypted, and neither would be its snapshot" in capsys.readouterr().err
    database.storage_encrypted = True
    for code, words in (
        ("SnapshotQuotaExceeded", "as many snapshots by hand as it may"),
        ("DBSnapshotAlreadyExists", "already; say another name"),
        ("Throttling", "too many requests (CreateDBSnapshot); try again in a minute"),
        ("ExpiredToken", "the credentials have expired"),
    ):
        with monkeypatch.context() as patched:
            refused(patched, "CreateDBSnapshot", code, "no")
            assert groundwork(["snapshot", "dev", "--yes"]) == FINDINGS
        assert words in capsys.readouterr().err
    client("rds").delete_db_instance(DBInstanceIdentifier="shop-database-dev", SkipFinalSnapshot=True)
    assert groundwork(["snapshot", "dev", "--yes"]) == FINDINGS
    assert "there is no shop-database-dev in account 123456789012, eu-west-1" in capsys.readouterr().err


def test_a_snapshot_that_fails_or_takes_too_long_is_said(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = find_resources(*stack)
    plan = snapshotting.plan(resources, "x")
    looks: list[str] = []

    def status(state: str) -> Script:
        def answer(_: dict[str, Any]) -> dict[str, Any]:
            looks.append(state)
            return {"DBSnapshots": [{"Status": state, "PercentProgress": 40}]}

        return Script(create_db_snapshot={}, describe_db_snapshots=answer)

    clock = Clock()
    with monkeypatch.context() as patched:
        standing_in(patched, rds=status("creating"))
        with pytest.raises(OperationError, match="not there after 5 minutes; AWS goes on"):
            snapshotting.take(plan, clock.progress(), 300)
    assert "creating, 40 %" in " ".join(clock.lines)
    assert len(looks) < 40
    standing_in(monkeypatch, rds=status("failed"))
    with pytest.raises(OperationError, match=r"AWS could not take shop-database-dev-x \(failed\)"):
        snapshotting.take(plan, clock.progress(), 300)


def test_ctrl_c_leaves_aws_to_go_on_and_says_where_to_look(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshotting, "_until", leave)
    assert groundwork(["snapshot", "dev", "x", "--yes"]) == 130
    assert "AWS goes on with what has begun: groundwork snapshot dev --list" in capsys.readouterr().err


def test_on_an_instance_the_volume_and_the_cache_on_it_are_taken_with_the_database(
    instance: StackResources, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"SnapshotId": "snap-9"}
    done = {"Snapshots": [{"State": "completed", "Progress": "100%"}]}
    script = ec2(
        describe_instances={"Reservations": [{"Instances": [{"InstanceId": "i-1"}]}]},
        describe_snapshots=lambda asked: done if "SnapshotIds" in asked else {"Snapshots": []},
        create_snapshot=made,
    )
    ended = {"Status": "Success", "StatusDetails": "Success", "ResponseCode": 0}
    ssm = Script(
        send_command={"Command": {"CommandId": "c"}},
        get_command_invocation={**ended, "StandardOutputContent": "", "StandardErrorContent": ""},
    )
    standing_in(monkeypatch, ec2=script, ssm=ssm)
    assert groundwork(["snapshot", "dev", "before-17", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert "volume    shop-compute-data, 8 GiB → shop-compute-data-before-17" in said
    assert "Not in it: buckets (backups, uploads), which keep versions" in said
    assert "snap-9 (shop-compute-data-before-17)" in said
    [asked] = script.all_of("create_snapshot")
    tags = {one["Key"]: one["Value"] for one in asked["TagSpecifications"][0]["Tags"]}
    assert (asked["VolumeId"], tags["Name"], tags[snapshotting.TAG]) == ("vol-1", "shop-compute-data", "before-17")
    [sent] = ssm.all_of("send_command")
    assert sent["Parameters"]["commands"] == ["systemctl start groundwork-backup.service"]
    ssm._answers["get_command_invocation"] = {
        **ended,
        "ResponseCode": 1,
        "StandardOutputContent": "",
        "StandardErrorContent": "No space left",
    }
    assert groundwork(["snapshot", "dev", "again", "--yes"]) == FINDINGS
    assert "the cache could not be copied: No space left" in capsys.readouterr().err


def test_a_stack_that_holds_nothing_is_told_so() -> None:
    settings = SimpleNamespace(storage={}, cache=None)
    account = SimpleNamespace(settings=settings, stack=SimpleNamespace(label="Pulumi.dev.yaml"))
    resources: Any = SimpleNamespace(account=account, of_type=lambda *_: [])
    with pytest.raises(OperationError, match="nothing to take a snapshot of: no database and no data volume"):
        snapshotting.plan(resources, "x")
    assert list(snapshotting.listed(resources, NOW)) == [
        "Pulumi.dev.yaml has nothing that holds data and is backed up."
    ]
