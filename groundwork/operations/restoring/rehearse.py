"""Restoring what a stack holds from its newest backups, beside the originals, to see whether it can be done and how long it takes."""

from __future__ import annotations

import datetime
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.backups import Backup, BackupKind, DataStore, DataStoreKind, backups_of, data_stores, newest
from groundwork.operations.databases import find_database
from groundwork.operations.durations import after, exactly
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.errors import CommandFailedError, NotFoundError, OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.resources import StackResources
from groundwork.operations.restoring import copies
from groundwork.operations.restoring.checks import Check, look_into, wait_until_it_answers
from groundwork.operations.restoring.cleanup import TAG, Cleanup, Interrupted, NotRemoved
from groundwork.operations.restoring.connections import IDLE, CopyConnection, NoConnection, connection_to, fetch_bundle
from groundwork.operations.restoring.files import MOST_READ, read_cache_copy, read_first_block, read_version
from groundwork.operations.restoring.report import RestoreRehearsal
from groundwork.operations.tags import tag_filters
from groundwork.settings.mistakes import nearest, one_of

_SECONDS_TO_REMOVE = 1800
_SECONDS_FOR_GROUP = 600
_SECONDS_BETWEEN = 10


@dataclass(frozen=True)
class RehearsalOptions:
    """What a user says of a rehearsal."""

    only: DataStoreKind | None = None
    snapshot: str | None = None
    """A snapshot of the database by name, in place of the newest backup."""
    at: datetime.datetime | None = None
    """A moment of the database, in place of the newest."""
    query: str | None = None
    source: str | None = None
    """A range of addresses that the copy of the database admits."""
    unread: bool = False


@dataclass(frozen=True)
class RehearsalPlan:
    """What would be restored, from what, and how it is looked at."""

    account: StackAccount
    backups: tuple[Backup, ...]
    without: tuple[str, ...]
    """What has no backup yet, and why."""
    wanted: RehearsalOptions
    original: copies.Original | None = None
    connection: CopyConnection | None = None
    id: str = field(
        default_factory=lambda: f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(3)}"
    )
    """Of this rehearsal; a tag of what it makes."""

    def __str__(self) -> str:
        now = datetime.datetime.now(datetime.UTC)
        lines = [f"{self.account.stack_name} in {self.account.place}: what its backups are worth"]
        for one in self.backups:
            at = self.wanted.at if one.of.kind is DataStoreKind.DATABASE and self.wanted.at else one.at
            lines.append(f"  {one.of.kind:<9} {one.of.id}")
            lines.append(
                f"            from {one if at is one.at else f'the state of {at:%Y-%m-%d %H:%M:%S} UTC'}, {exactly((now - at).total_seconds())} old"
            )
            lines += [f"            {said}" for said in self._how(one)]
        lines += [f"  Nothing to restore: {one}" for one in self.without]
        lines += [
            "Nothing of the originals is changed. What is made costs by the minute, and is removed",
            "again, also where something fails or Ctrl-C comes.",
        ]
        return "\n".join(lines)

    def _how(self, backup: Backup) -> list[str]:
        if backup.of.kind is DataStoreKind.DATABASE and self.original and self.connection:
            return [f"into {self.original.copy}, {self.original.instance_class}, one zone", self.connection.says]
        return [_HOW[backup.of.kind]]


_HOW = {
    DataStoreKind.VOLUME: "into a volume that nothing attaches; its first block is read from the snapshot",
    DataStoreKind.CACHE: "read to its end, and held against its checksum; nothing of it is kept",
    DataStoreKind.BUCKET: "read to its end; nothing of it is kept",
}


def plan(resources: StackResources, wanted: RehearsalOptions) -> RehearsalPlan:
    """Return what would be rehearsed. OperationError, before anything is made, where something is in the way: no such backup, nothing that
    leads to a copy, the copy of another rehearsal."""
    account = resources.account
    found = [one for one in data_stores(resources) if wanted.only in (None, one.kind)]
    if not found:
        what = wanted.only or "data that is backed up"
        there = one_of(sorted({one.kind.value for one in data_stores(resources)}))
        raise OperationError(f"{account.stack.label} has no {what}" + (f"; it has {there}" if there else ""))
    backups: list[Backup] = []
    without: list[str] = []
    for store in found:
        try:
            backups.append(_chosen(account, store, wanted))
        except NotFoundError as reason:
            without.append(str(reason))
    if not backups:
        raise OperationError("nothing can be restored: " + "; ".join(without))
    if left := leftovers(resources):
        began = left[0].rehearsal.rpartition("-")[0]
        raise copies.another_rehearsal(account, left[0].what, began)
    database = next((one.of for one in backups if one.of.kind is DataStoreKind.DATABASE), None)
    if database is None:
        return RehearsalPlan(account, tuple(backups), tuple(without), wanted)
    original = copies.original_of(account, database.id)
    connection = connection_to(account, _clients(resources), source=wanted.source, unread=wanted.unread)
    return RehearsalPlan(account, tuple(backups), tuple(without), wanted, original, connection)


def _clients(resources: StackResources) -> str:
    """Return the tag ``Name`` of the security group that the database's clients reach."""
    primary = next(
        one for one in resources.of_type("aws:rds/instance:Instance") if not one.inputs.get("replicateSourceDb")
    )
    return f"{primary.name.removesuffix('-primary')}-clients"


def _chosen(account: StackAccount, store: DataStore, wanted: RehearsalOptions) -> Backup:
    if store.kind is DataStoreKind.BUCKET:
        found = backups_of(account, store)
        small = next((one for one in found if one.size <= MOST_READ), None)
        if found and small is None:
            raise NotFoundError(
                f"every earlier version in {store} has more than {MOST_READ:,} bytes, and is not read for this"
            )
        return small or newest(account, store)
    if store.kind is not DataStoreKind.DATABASE or (wanted.snapshot is None and wanted.at is None):
        return newest(account, store)
    found = backups_of(account, store)
    if wanted.snapshot is not None:
        named = {one.id: one for one in found if one.kind is not BackupKind.MOMENT}
        if wanted.snapshot not in named:
            there = f"say {one_of(list(named)[:5])}" if named else "there is none"
            raise OperationError(
                f'"{wanted.snapshot}" is no snapshot of {store.id}; {there}{nearest(wanted.snapshot, named)}'
            )
        return named[wanted.snapshot]
    moments = [one for one in found if one.kind is BackupKind.MOMENT]
    within = [one for one in moments if one.since and wanted.at and one.since <= wanted.at <= one.at]
    if not within:
        told = f"from {moments[0].since} to {moments[0].at}" if moments else "to none: it has no automated backups"
        raise OperationError(f"{store.id} can be restored to a moment {told}")
    return within[0]


def carry_out(plan: RehearsalPlan, progress: Progress, seconds: float) -> list[RestoreRehearsal]:
    """Rehearse, one after the other, waiting ``seconds`` for each at most, and return what was found, with what failed. However it ends, what
    was made is removed again, and what could not be is in ``left``.

    Raises Interrupted for Ctrl-C.
    """
    return [_one(plan, backup, progress, seconds) for backup in plan.backups]


@dataclass(frozen=True)
class _Run:
    """What a rehearsal of one backup works with."""

    plan: RehearsalPlan
    cleanup: Cleanup
    progress: Progress
    seconds: float

    @property
    def account(self) -> StackAccount:
        return self.plan.account


def _one(plan: RehearsalPlan, backup: Backup, progress: Progress, seconds: float) -> RestoreRehearsal:
    at = plan.wanted.at if plan.wanted.at and backup.of.kind is DataStoreKind.DATABASE else backup.at
    found = RestoreRehearsal(backup.of.kind.value, backup.of.id, str(backup), at, datetime.datetime.now(datetime.UTC))
    run = _Run(plan, Cleanup(), progress, seconds)
    progress.say(f"restoring the {backup.of.kind} from {backup}")
    try:
        _REHEARSERS[backup.of.kind](run, backup, found)
    except (OperationError, CommandFailedError) as error:
        found.failure = str(error)
        progress.say(f"it failed: {error}")
    except BaseException as error:
        progress.say("what was made is removed; Ctrl-C leaves it")
        left = run.cleanup.remove_all(progress)
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(left) from None
        raise
    found.left = run.cleanup.remove_all(progress)
    return found


def _tags(plan: RehearsalPlan, store: DataStore, name: str) -> dict[str, str]:
    return {**store.tags, "Name": name, TAG: plan.id}


def _database(run: _Run, backup: Backup, found: RestoreRehearsal) -> None:
    plan, account, progress = run.plan, run.account, run.progress
    original, connection = plan.original, plan.connection
    assert original is not None  # noqa: S101 - planned with it
    assert connection is not None  # noqa: S101 - planned with it
    tags, region = _tags(plan, backup.of, original.copy), account.settings.region
    with tempfile.TemporaryDirectory(prefix="groundwork-") as name:
        # What needs this machine's network comes before anything costs.
        bundle = None if isinstance(connection, NoConnection) else fetch_bundle(region, Path(name))
        run.cleanup.add(
            f"the security group {original.group}",
            f"aws ec2 delete-security-group --region {region} --group-id $(aws ec2 describe-security-groups --region {region} "
            f"--filters Name=group-name,Values={original.group} --query SecurityGroups[0].GroupId --output text)",
            lambda told: copies.remove_group(account, original, plan.id, told, _SECONDS_FOR_GROUP),
        )
        groups = connection.groups(original, tags)
        run.cleanup.add(
            f"the database {original.copy}",
            f"aws rds delete-db-instance --region {region} --db-instance-identifier {original.copy} --skip-final-snapshot",
            lambda told: copies.remove_copy(account, original.copy, plan.id, told, _SECONDS_TO_REMOVE),
        )
        began = progress.seconds
        copies.begin_copy(account, backup, original, groups=groups, tags=tags, at=plan.wanted.at)
        copy = copies.wait_for_copy(account, original.copy, progress, run.seconds)
        found.available = progress.seconds - began
        found.checks.append(_same_key(backup, copy))
        if bundle is None:
            found.checks.append(Check("data", None, "nobody looked into it (--unread)"))
            return
        login = {
            "PGUSER": original.user,
            "PGDATABASE": original.database,
            "PGPASSWORD": copies.give_password(account, original.copy, progress),
        }
        with connection.open(copy["Endpoint"]["Address"], original, run.cleanup, progress) as where:
            environment = {**login, **where, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(bundle)}
            wait_until_it_answers(environment, progress)
            found.checks.append(Check("answers", True, "it takes logins"))
            checks, found.tables = look_into(environment, plan.wanted.query, found.at, progress.say)
            found.checks += checks
        found.checked = progress.seconds - began


def _same_key(backup: Backup, copy: Mapping[str, Any]) -> Check:
    key = copy.get("KmsKeyId")
    if not copy.get("StorageEncrypted"):
        return Check("encrypted", False, "the copy is not")
    return Check(
        "encrypted",
        key == backup.key,
        "with the key of the backup" if key == backup.key else f"with another key: {key}",
    )


def _volume(run: _Run, backup: Backup, found: RestoreRehearsal) -> None:
    plan, account, progress = run.plan, run.account, run.progress
    ec2, region = account.client("ec2"), account.settings.region
    filters = [*tag_filters(account), {"Name": "tag:Name", "Values": [backup.of.id]}]
    with plain_errors(f"looking for the volume {backup.of.id}"):
        volumes = ec2.describe_volumes(Filters=filters)["Volumes"]
        zone = volumes[0]["AvailabilityZone"] if volumes else f"{region}a"
    name = f"{backup.of.id}-rehearsal"
    run.cleanup.add(
        f"the volume {name}",
        f"aws ec2 delete-volume --region {region} --volume-id $(aws ec2 describe-volumes --region {region} "
        f"--filters Name=tag:{TAG},Values={plan.id} --query Volumes[0].VolumeId --output text)",
        lambda told: _remove_volumes(account, plan.id),
    )
    began = progress.seconds
    with plain_errors(f"restoring {backup.id}"):
        # Encrypted with the snapshot's key: https://docs.aws.amazon.com/ebs/latest/userguide/how-ebs-encryption-works.html
        volume = ec2.create_volume(
            SnapshotId=backup.id,
            AvailabilityZone=zone,
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": copies.tag_list(_tags(plan, backup.of, name))}],
        )
    made = volume["VolumeId"]

    def look() -> dict[str, Any] | Pending:
        with plain_errors(f"asking how {made} is"):
            [one] = ec2.describe_volumes(VolumeIds=[made])["Volumes"]
        progress.say(f"{made}: {one['State']}")
        if one["State"] == "creating":
            return Pending(f"{made}: creating", f"{made} is not available {after(run.seconds)}")
        if one["State"] != "available":
            raise CommandFailedError(f"{made} is {one['State']}")
        return dict(one)

    volume = progress.wait_for(look, seconds=run.seconds, every=_SECONDS_BETWEEN)
    found.available = progress.seconds - began
    found.checks.append(
        _same_key(backup, {"StorageEncrypted": volume["Encrypted"], "KmsKeyId": volume.get("KmsKeyId")})
    )
    found.checks += read_first_block(account, backup.id)
    found.checked = progress.seconds - began


def _volumes(account: StackAccount, rehearsal: str | None) -> list[dict[str, Any]]:
    tag = {"Name": f"tag:{TAG}", "Values": [rehearsal]} if rehearsal else {"Name": "tag-key", "Values": [TAG]}
    with plain_errors("looking for volumes of rehearsals"):
        found: list[dict[str, Any]] = account.client("ec2").describe_volumes(Filters=[*tag_filters(account), tag])[
            "Volumes"
        ]
    return found


def _remove_volumes(account: StackAccount, rehearsal: str) -> None:
    for one in _volumes(account, rehearsal):
        with plain_errors(f"removing the volume {one['VolumeId']}"):
            account.client("ec2").delete_volume(VolumeId=one["VolumeId"])


def _read(read: Callable[[StackAccount, Backup], list[Check]]) -> Callable[[_Run, Backup, RestoreRehearsal], None]:
    def rehearse(run: _Run, backup: Backup, found: RestoreRehearsal) -> None:
        began = run.progress.seconds
        found.checks += read(run.account, backup)
        found.available = found.checked = run.progress.seconds - began

    return rehearse


_REHEARSERS: Mapping[DataStoreKind, Callable[[_Run, Backup, RestoreRehearsal], None]] = {
    DataStoreKind.DATABASE: _database,
    DataStoreKind.VOLUME: _volume,
    DataStoreKind.CACHE: _read(read_cache_copy),
    DataStoreKind.BUCKET: _read(read_version),
}


# What was left


@dataclass(frozen=True)
class Leftover:
    """Something of a rehearsal that is still there."""

    what: str
    rehearsal: str
    remove: Callable[[Progress], None]


def leftovers(resources: StackResources) -> list[Leftover]:
    """Return what rehearsals of a stack have left, or have made just now, in the order in which it can be removed."""
    account = resources.account
    found: list[Leftover] = []
    for store in data_stores(resources):
        if store.kind is DataStoreKind.DATABASE:
            found += _of_database(account, store)
        elif store.kind is DataStoreKind.VOLUME:
            found += [_left_volume(account, one) for one in _volumes(account, None)]
    return found


def _left_volume(account: StackAccount, volume: Mapping[str, Any]) -> Leftover:
    rehearsal = copies.rehearsal_of(volume["Tags"]) or ""
    return Leftover(f"the volume {volume['VolumeId']}", rehearsal, lambda _: _remove_volumes(account, rehearsal))


def _of_database(account: StackAccount, store: DataStore) -> list[Leftover]:
    original = copies.named(store.id)
    found: list[Leftover] = []
    copy = find_database(account, original.copy)
    if copy is not None:
        rehearsal = copies.rehearsal_of(copy.get("TagList", ()))
        if rehearsal is None:
            raise OperationError(
                f"there is a database {original.copy} that no rehearsal made, and a copy would have its name; rename or remove it first"
            )
        found.append(
            Leftover(
                f"the database {original.copy}",
                rehearsal,
                lambda told: copies.remove_copy(account, original.copy, rehearsal, told, _SECONDS_TO_REMOVE),
            )
        )
    group = copies.find_group(account, original)
    if group is not None:
        of = copies.rehearsal_of(group["Tags"]) or ""
        found.append(
            Leftover(
                f"the security group {original.group}",
                of,
                lambda told: copies.remove_group(account, original, of, told, _SECONDS_FOR_GROUP),
            )
        )
    return found


def clean_up(resources: StackResources, found: list[Leftover], progress: Progress) -> list[NotRemoved]:
    """Remove what was left, each tried twice, and return what stays."""
    again = f"groundwork restore {resources.account.stack_name} --rehearse --cleanup"
    cleanup = Cleanup()
    for one in reversed(found):
        cleanup.add(one.what, again, one.remove)
    if resources.account.settings.runs_on_ecs:
        cleanup.add("the idle task", again, lambda _: EcsOperations(resources.account).stop_started_by(IDLE))
    return cleanup.remove_all(progress)
