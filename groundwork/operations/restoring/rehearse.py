"""Restoring what a stack holds from its newest backups, beside the originals, to see whether it can be done and how long it takes."""

from __future__ import annotations

import datetime
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.backups import Backup, BackupKind, Holder, HolderKind, backups_of, holders, newest
from groundwork.operations.databases import find_database
from groundwork.operations.errors import CommandFailed, NotThere, OperationError
from groundwork.operations.groups import own_filters
from groundwork.operations.own import Own
from groundwork.operations.progress import Progress
from groundwork.operations.restoring import copies
from groundwork.operations.restoring.checks import Check, look_into, wait_until_it_answers
from groundwork.operations.restoring.files import MOST_READ, read_cache_copy, read_first_block, read_version
from groundwork.operations.restoring.made import TAG, Interrupted, Leftover, Made
from groundwork.operations.restoring.report import RestoreRehearsal, in_words
from groundwork.operations.restoring.ways import IDLE, NoWay, Way, fetch_bundle, way_to
from groundwork.settings.mistakes import nearest, one_of

if TYPE_CHECKING:
    from groundwork.operations.ecs import EcsOperations

_SECONDS_TO_REMOVE = 1800
_SECONDS_FOR_GROUP = 600
_SECONDS_BETWEEN = 10


@dataclass(frozen=True)
class RehearsalOptions:
    """What a user says of a rehearsal."""

    only: HolderKind | None = None
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
    way: Way | None = None
    id: str = field(
        default_factory=lambda: f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(3)}"
    )
    """Of this rehearsal; a tag of what it makes."""

    def __str__(self) -> str:
        now = datetime.datetime.now(datetime.UTC)
        lines = [f"{self.account.stack_name} in {self.account.place}: what its backups are worth"]
        for one in self.backups:
            at = self.wanted.at if one.of.kind is HolderKind.DATABASE and self.wanted.at else one.at
            lines.append(f"  {one.of.kind:<9} {one.of.id}")
            lines.append(
                f"            from {one if at is one.at else f'the state of {at:%Y-%m-%d %H:%M:%S} UTC'}, {in_words((now - at).total_seconds())} old"
            )
            lines += [f"            {said}" for said in self._how(one)]
        lines += [f"  Nothing to restore: {one}" for one in self.without]
        lines += [
            "Nothing of the originals is changed. What is made costs by the minute, and is removed",
            "again, also where something fails or Ctrl-C comes.",
        ]
        return "\n".join(lines)

    def _how(self, backup: Backup) -> list[str]:
        if backup.of.kind is HolderKind.DATABASE and self.original and self.way:
            return [f"into {self.original.copy}, {self.original.instance_class}, one zone", self.way.says]
        return [_HOW[backup.of.kind]]


_HOW = {
    HolderKind.VOLUME: "into a volume that nothing attaches; its first block is read from the snapshot",
    HolderKind.CACHE: "read to its end, and held against its checksum; nothing of it is kept",
    HolderKind.BUCKET: "read to its end; nothing of it is kept",
}


def plan(own: Own, wanted: RehearsalOptions) -> RehearsalPlan:
    """Return what would be rehearsed. OperationError, before anything is made, where something is in the way: no such backup, nothing that
    leads to a copy, the copy of another rehearsal."""
    account = own.account
    found = [one for one in holders(own) if wanted.only in (None, one.kind)]
    if not found:
        what = wanted.only or "data that is backed up"
        there = one_of(sorted({one.kind.value for one in holders(own)}))
        raise OperationError(f"{account.stack.label} has no {what}" + (f"; it has {there}" if there else ""))
    backups: list[Backup] = []
    without: list[str] = []
    for holder in found:
        try:
            backups.append(_chosen(account, holder, wanted))
        except NotThere as reason:
            without.append(str(reason))
    if not backups:
        raise OperationError("nothing can be restored: " + "; ".join(without))
    if left := leftovers(own):
        began = left[0].rehearsal.rpartition("-")[0]
        raise copies.in_the_way(account, left[0].what, began)
    database = next((one.of for one in backups if one.of.kind is HolderKind.DATABASE), None)
    if database is None:
        return RehearsalPlan(account, tuple(backups), tuple(without), wanted)
    original = copies.original_of(account, database.id)
    way = way_to(account, _clients(own), source=wanted.source, unread=wanted.unread)
    return RehearsalPlan(account, tuple(backups), tuple(without), wanted, original, way)


def _clients(own: Own) -> str:
    """Return the tag ``Name`` of the security group that the database's clients reach."""
    primary = next(one for one in own.of_type("aws:rds/instance:Instance") if not one.inputs.get("replicateSourceDb"))
    return f"{primary.name.removesuffix('-primary')}-clients"


def _chosen(account: StackAccount, holder: Holder, wanted: RehearsalOptions) -> Backup:
    if holder.kind is HolderKind.BUCKET:
        found = backups_of(account, holder)
        small = next((one for one in found if one.size <= MOST_READ), None)
        if found and small is None:
            raise NotThere(
                f"every earlier version in {holder} has more than {MOST_READ:,} bytes, and is not read for this"
            )
        return small or newest(account, holder)
    if holder.kind is not HolderKind.DATABASE or (wanted.snapshot is None and wanted.at is None):
        return newest(account, holder)
    found = backups_of(account, holder)
    if wanted.snapshot is not None:
        named = {one.id: one for one in found if one.kind is not BackupKind.MOMENT}
        if wanted.snapshot not in named:
            there = f"say {one_of(list(named)[:5])}" if named else "there is none"
            raise OperationError(
                f'"{wanted.snapshot}" is no snapshot of {holder.id}; {there}{nearest(wanted.snapshot, named)}'
            )
        return named[wanted.snapshot]
    moments = [one for one in found if one.kind is BackupKind.MOMENT]
    within = [one for one in moments if one.since and wanted.at and one.since <= wanted.at <= one.at]
    if not within:
        told = f"from {moments[0].since} to {moments[0].at}" if moments else "to none: it has no automated backups"
        raise OperationError(f"{holder.id} can be restored to a moment {told}")
    return within[0]


def carry_out(plan: RehearsalPlan, progress: Progress, seconds: float) -> list[RestoreRehearsal]:
    """Rehearse, one after the other, waiting ``seconds`` for each at most, and return what was found, with what failed. However it ends, what
    was made is removed again, and what could not be is in ``left``.

    Raises Interrupted for Ctrl-C.
    """
    return [_one(plan, backup, progress, seconds) for backup in plan.backups]


@dataclass(frozen=True)
class _Bench:
    """What a rehearsal of one backup works with."""

    plan: RehearsalPlan
    made: Made
    progress: Progress
    seconds: float

    @property
    def account(self) -> StackAccount:
        return self.plan.account


def _one(plan: RehearsalPlan, backup: Backup, progress: Progress, seconds: float) -> RestoreRehearsal:
    at = plan.wanted.at if plan.wanted.at and backup.of.kind is HolderKind.DATABASE else backup.at
    found = RestoreRehearsal(backup.of.kind.value, backup.of.id, str(backup), at, datetime.datetime.now(datetime.UTC))
    bench = _Bench(plan, Made(), progress, seconds)
    progress.say(f"restoring the {backup.of.kind} from {backup}")
    try:
        _REHEARSERS[backup.of.kind](bench, backup, found)
    except (OperationError, CommandFailed) as error:
        found.failure = str(error)
        progress.say(f"it failed: {error}")
    except BaseException as error:
        progress.say("what was made is removed; Ctrl-C leaves it")
        left = bench.made.remove_all(progress)
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(left) from None
        raise
    found.left = bench.made.remove_all(progress)
    return found


def _tags(plan: RehearsalPlan, holder: Holder, name: str) -> dict[str, str]:
    return {**holder.tags, "Name": name, TAG: plan.id}


def _database(bench: _Bench, backup: Backup, found: RestoreRehearsal) -> None:
    plan, account, progress = bench.plan, bench.account, bench.progress
    original, way = plan.original, plan.way
    assert original is not None  # noqa: S101 - planned with it
    assert way is not None  # noqa: S101 - planned with it
    tags, region = _tags(plan, backup.of, original.copy), account.settings.region
    with tempfile.TemporaryDirectory(prefix="groundwork-") as name:
        # What needs this machine's network comes before anything costs.
        bundle = None if isinstance(way, NoWay) else fetch_bundle(region, Path(name))
        bench.made.add(
            f"the security group {original.group}",
            f"aws ec2 delete-security-group --region {region} --group-id $(aws ec2 describe-security-groups --region {region} "
            f"--filters Name=group-name,Values={original.group} --query SecurityGroups[0].GroupId --output text)",
            lambda told: copies.remove_group(account, original, plan.id, told, _SECONDS_FOR_GROUP),
        )
        groups = way.groups(original, tags)
        bench.made.add(
            f"the database {original.copy}",
            f"aws rds delete-db-instance --region {region} --db-instance-identifier {original.copy} --skip-final-snapshot",
            lambda told: copies.remove_copy(account, original.copy, plan.id, told, _SECONDS_TO_REMOVE),
        )
        began = progress.seconds
        copies.begin_copy(account, backup, original, groups=groups, tags=tags, at=plan.wanted.at)
        copy = copies.wait_for_copy(account, original.copy, progress, bench.seconds)
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
        with way.open(copy["Endpoint"]["Address"], original, bench.made, progress) as where:
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


def _volume(bench: _Bench, backup: Backup, found: RestoreRehearsal) -> None:
    plan, account, progress = bench.plan, bench.account, bench.progress
    ec2, region = account.client("ec2"), account.settings.region
    filters = [*own_filters(account), {"Name": "tag:Name", "Values": [backup.of.id]}]
    with plain_errors(f"looking for the volume {backup.of.id}"):
        volumes = ec2.describe_volumes(Filters=filters)["Volumes"]
        zone = volumes[0]["AvailabilityZone"] if volumes else f"{region}a"
    name = f"{backup.of.id}-rehearsal"
    bench.made.add(
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
    while volume["State"] != "available":
        progress.say(f"{volume['VolumeId']}: {volume['State']}")
        if volume["State"] not in ("creating",):
            raise CommandFailed(f"{volume['VolumeId']} is {volume['State']}")
        if progress.seconds - began > bench.seconds:
            raise OperationError(f"{volume['VolumeId']} is not available after {int(bench.seconds / 60)} minutes")
        progress.sleep(_SECONDS_BETWEEN)
        with plain_errors(f"asking how {volume['VolumeId']} is"):
            [volume] = ec2.describe_volumes(VolumeIds=[volume["VolumeId"]])["Volumes"]
    found.available = progress.seconds - began
    progress.say(f"{volume['VolumeId']}: available")
    found.checks.append(
        _same_key(backup, {"StorageEncrypted": volume["Encrypted"], "KmsKeyId": volume.get("KmsKeyId")})
    )
    found.checks += read_first_block(account, backup.id)
    found.checked = progress.seconds - began


def _volumes(account: StackAccount, rehearsal: str | None) -> list[dict[str, Any]]:
    tag = {"Name": f"tag:{TAG}", "Values": [rehearsal]} if rehearsal else {"Name": "tag-key", "Values": [TAG]}
    with plain_errors("looking for volumes of rehearsals"):
        found: list[dict[str, Any]] = account.client("ec2").describe_volumes(Filters=[*own_filters(account), tag])[
            "Volumes"
        ]
    return found


def _remove_volumes(account: StackAccount, rehearsal: str) -> None:
    for one in _volumes(account, rehearsal):
        with plain_errors(f"removing the volume {one['VolumeId']}"):
            account.client("ec2").delete_volume(VolumeId=one["VolumeId"])


def _read(read: Callable[[StackAccount, Backup], list[Check]]) -> Callable[[_Bench, Backup, RestoreRehearsal], None]:
    def rehearse(bench: _Bench, backup: Backup, found: RestoreRehearsal) -> None:
        began = bench.progress.seconds
        found.checks += read(bench.account, backup)
        found.available = found.checked = bench.progress.seconds - began

    return rehearse


_REHEARSERS: Mapping[HolderKind, Callable[[_Bench, Backup, RestoreRehearsal], None]] = {
    HolderKind.DATABASE: _database,
    HolderKind.VOLUME: _volume,
    HolderKind.CACHE: _read(read_cache_copy),
    HolderKind.BUCKET: _read(read_version),
}


# What was left


@dataclass(frozen=True)
class Remnant:
    """Something of a rehearsal that is still there."""

    what: str
    rehearsal: str
    remove: Callable[[Progress], None]


def leftovers(own: Own) -> list[Remnant]:
    """Return what rehearsals of a stack have left, or have made just now, in the order in which it can be removed."""
    account = own.account
    found: list[Remnant] = []
    for holder in holders(own):
        if holder.kind is HolderKind.DATABASE:
            found += _of_database(account, holder)
        elif holder.kind is HolderKind.VOLUME:
            found += [_left_volume(account, one) for one in _volumes(account, None)]
    return found


def _left_volume(account: StackAccount, volume: Mapping[str, Any]) -> Remnant:
    rehearsal = copies.rehearsal_of(volume["Tags"]) or ""
    return Remnant(f"the volume {volume['VolumeId']}", rehearsal, lambda _: _remove_volumes(account, rehearsal))


def _of_database(account: StackAccount, holder: Holder) -> list[Remnant]:
    original = copies.named(holder.id)
    found: list[Remnant] = []
    copy = find_database(account, original.copy)
    if copy is not None:
        rehearsal = copies.rehearsal_of(copy.get("TagList", ()))
        if rehearsal is None:
            raise OperationError(
                f"there is a database {original.copy} that no rehearsal made, and a copy would have its name; rename or remove it first"
            )
        found.append(
            Remnant(
                f"the database {original.copy}",
                rehearsal,
                lambda told: copies.remove_copy(account, original.copy, rehearsal, told, _SECONDS_TO_REMOVE),
            )
        )
    group = copies.find_group(account, original)
    if group is not None:
        of = copies.rehearsal_of(group["Tags"]) or ""
        found.append(
            Remnant(
                f"the security group {original.group}",
                of,
                lambda told: copies.remove_group(account, original, of, told, _SECONDS_FOR_GROUP),
            )
        )
    return found


def clean_up(own: Own, found: list[Remnant], progress: Progress) -> list[Leftover]:
    """Remove what was left, each tried twice, and return what stays."""
    again = f"groundwork restore {own.account.stack_name} --rehearse --cleanup"
    made = Made()
    for one in reversed(found):
        made.add(one.what, again, one.remove)
    if (runner := _ecs(own.account)) is not None:
        made.add("the idle task", again, lambda _: runner.stop_started_by(IDLE))
    return made.remove_all(progress)


def _ecs(account: StackAccount) -> EcsOperations | None:
    compute = account.settings.compute
    if compute is None or compute.engine not in ("fargate", "ecs-ec2"):
        return None
    from groundwork.operations.ecs import EcsOperations  # noqa: PLC0415 - only the engine that is used

    return EcsOperations(account)
