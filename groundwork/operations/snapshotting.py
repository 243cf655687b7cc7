"""A snapshot by hand of what holds a stack's data, as before a major update: named, encrypted as what it is of, kept until somebody
removes it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.backups import CACHE_FOLDER, DataStore, DataStoreKind, backups_of, data_stores, printable
from groundwork.operations.databases import READY, described_database
from groundwork.operations.durations import after, lasting
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.resources import StackResources
from groundwork.operations.tags import tag_filters

_SECONDS_BETWEEN = 10
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 40
TAG = "groundwork:snapshot"
"""The tag by which snapshots that were taken by hand are told, with their name."""

_BACKUP_UNIT = "groundwork-backup.service"


@dataclass(frozen=True)
class PlannedSnapshot:
    """A snapshot that would be taken."""

    store: DataStore
    id: str
    """What AWS calls it; of a volume that is known afterwards, and this is its tag ``Name``. Of a cache the folder of its copy."""
    gib: int | None = None
    volume: str | None = None
    """The id of the volume."""


@dataclass(frozen=True)
class SnapshotPlan:
    """Snapshots of everything that holds data and keeps no versions of its own."""

    account: StackAccount
    name: str
    snapshots: tuple[PlannedSnapshot, ...]
    left_out: tuple[str, ...] = field(default=())
    """What is not in it, and why that is so."""

    def __str__(self) -> str:
        lines = [f"{self.account.stack_name} in {self.account.place}: {self.name}"]
        for one in self.snapshots:
            size = f", {one.gib} GiB" if one.gib else ""
            lines.append(f"  {one.store.kind:<9} {one.store.id}{size} → {one.id}")
        lines += [f"Not in it: {what}" for what in self.left_out]
        lines.append("What it is of goes on meanwhile. It stays, and costs by gigabyte, until somebody removes it.")
        return "\n".join(lines)


def plan(resources: StackResources, name: str) -> SnapshotPlan:
    """Return which snapshots would be taken. OperationError for a name that is none or is taken, where nothing holds data, and where
    something is not in a state for it."""
    account = resources.account
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise OperationError(
            f'"{name}" is no name of a snapshot; say small letters, digits and single hyphens between them, {_LONGEST_NAME} at most, '
            "such as before-17"
        )
    found = data_stores(resources)
    snapshots = tuple(_STEPS[one.kind].plan(account, one, name) for one in found if one.kind in _STEPS)
    if not snapshots:
        raise OperationError(
            f"{account.stack.label} has nothing to take a snapshot of: no database and no data volume"
            + ("; buckets keep versions of their own" if found else "")
        )
    return SnapshotPlan(account, name, snapshots, tuple(_left_out(resources, found)))


def _left_out(resources: StackResources, found: list[DataStore]) -> Iterator[str]:
    settings = resources.account.settings
    if buckets := [one.name for one in found if one.kind is DataStoreKind.BUCKET]:
        yield f"buckets ({', '.join(buckets)}), which keep versions"
    if settings.cache and settings.cache.placement == "elasticache":
        days = settings.cache.snapshot_days
        yield f"the cache, of which ElastiCache keeps {'its own' if days else 'none'} (cache.snapshot_days: {days})"
    if backed_up := [name for name, one in settings.files.items() if not one.existing and one.backups]:
        yield f"files ({', '.join(backed_up)}), which AWS Backup copies each day"
    if settings.search is not None:
        yield "search, of which OpenSearch takes snapshots each hour by itself"


def _database(account: StackAccount, store: DataStore, name: str) -> PlannedSnapshot:
    found = described_database(account, store.id)
    if found["DBInstanceStatus"] not in READY:
        raise OperationError(
            f"{store.id} is {found['DBInstanceStatus']}, and RDS takes no snapshot then; look again in some minutes: "
            f"groundwork status {account.stack_name}"
        )
    if not found.get("StorageEncrypted"):
        raise OperationError(
            f"{store.id} is not encrypted, and neither would be its snapshot; the stack builds it encrypted: is it another one?"
        )
    planned = PlannedSnapshot(store, f"{store.id}-{name}", gib=found.get("AllocatedStorage"))
    with plain_errors(f"looking for the snapshot {planned.id}"):
        if _snapshot(account, planned.id) is not None:
            raise _name_is_taken(account, planned.id)
    return planned


def _snapshot(account: StackAccount, identifier: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = account.client("rds").describe_db_snapshots(DBSnapshotIdentifier=identifier)[
            "DBSnapshots"
        ][0]
    except botocore.exceptions.ClientError as error:
        if code_of(error) not in ("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            raise
        return None
    return found


def _name_is_taken(account: StackAccount, identifier: str) -> OperationError:
    return OperationError(
        f"there is a snapshot {identifier} already; say another name: groundwork snapshot {account.stack_name} NAME"
    )


def _volume(account: StackAccount, store: DataStore, name: str) -> PlannedSnapshot:
    filters = [*tag_filters(account), {"Name": "tag:Name", "Values": [store.id]}]
    with plain_errors(f"looking for the volume {store.id}"):
        volumes = account.client("ec2").describe_volumes(Filters=filters)["Volumes"]
        if not volumes:
            raise NotFoundError(
                f"there is no volume {store.id} in {account.place}; run pulumi up --stack {account.stack.name} first"
            )
        of_name = {"Name": f"tag:{TAG}", "Values": [name]}
        if account.client("ec2").describe_snapshots(OwnerIds=["self"], Filters=[*filters, of_name])["Snapshots"]:
            raise _name_is_taken(account, f"{store.id}-{name}")
    [volume] = volumes[:1]
    return PlannedSnapshot(store, f"{store.id}-{name}", gib=volume["Size"], volume=volume["VolumeId"])


def _cache(account: StackAccount, store: DataStore, name: str) -> PlannedSnapshot:
    return PlannedSnapshot(store, f"s3://{store.id}/{CACHE_FOLDER}, in place of today's copy")


def take(plan: SnapshotPlan, progress: Progress, seconds: float) -> list[str]:
    """Have all snapshots taken, wait until they are there, ``seconds`` at most, and return what they are called.

    OperationError where one is refused or fails; those that were begun go on.
    """
    # All begin at once, so that they hold nearly the same moment.
    begun = [(one, _STEPS[one.store.kind].start(plan, one, progress)) for one in plan.snapshots]
    return [_STEPS[one.store.kind].wait(plan, one, identifier, progress, seconds) for one, identifier in begun]


def _tags(plan: SnapshotPlan, planned: PlannedSnapshot) -> list[dict[str, str]]:
    tags = {**planned.store.tags, TAG: plan.name}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _start_database(plan: SnapshotPlan, planned: PlannedSnapshot, progress: Progress) -> str:
    with plain_errors(f"taking the snapshot {planned.id}"):
        try:
            plan.account.client("rds").create_db_snapshot(
                DBInstanceIdentifier=planned.store.id, DBSnapshotIdentifier=planned.id, Tags=_tags(plan, planned)
            )
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "DBSnapshotAlreadyExists":
                raise _name_is_taken(plan.account, planned.id) from None
            if code_of(error) == "SnapshotQuotaExceeded":
                raise OperationError(
                    "the account has as many snapshots by hand as it may (SnapshotQuotaExceeded); remove one: aws rds delete-db-snapshot, "
                    "or have the quota raised: Service Quotas, RDS, Manual DB instance snapshots"
                ) from None
            raise
    progress.say(f"{planned.id} begins")
    return planned.id


def _start_volume(plan: SnapshotPlan, planned: PlannedSnapshot, progress: Progress) -> str:
    with plain_errors(f"taking a snapshot of {planned.store.id}"):
        made = plan.account.client("ec2").create_snapshot(
            VolumeId=planned.volume,
            Description=f"{plan.account.slug}: {plan.name}",
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": _tags(plan, planned)}],
        )
    progress.say(f"{made['SnapshotId']} of {planned.store.id} begins")
    return str(made["SnapshotId"])


def _start_cache(plan: SnapshotPlan, planned: PlannedSnapshot, progress: Progress) -> str:
    from groundwork.operations.engines.ec2 import Ec2Operations  # noqa: PLC0415 - only the engine that is used

    runner = Ec2Operations(plan.account)
    progress.say("the cache on the instance writes its snapshot")
    # Of the kind that has ended when starting it has.
    code, output = runner.command(runner.instances()[0], f"systemctl start {_BACKUP_UNIT}", progress)
    if code != 0:
        raise OperationError(f"the cache could not be copied: {output[-300:] or f'{_BACKUP_UNIT} ended with {code}'}")
    return planned.id


def _wait_database(
    plan: SnapshotPlan, planned: PlannedSnapshot, identifier: str, progress: Progress, seconds: float
) -> str:
    def look() -> tuple[str, str]:
        found = _snapshot(plan.account, identifier) or {"Status": "gone"}
        return found["Status"], f"{found.get('PercentProgress', 0)} %"

    ends = {"available": True, "failed": False, "gone": False}
    _until(look, identifier, ends, plan.account, progress=progress, seconds=seconds)
    return identifier


def _wait_volume(
    plan: SnapshotPlan, planned: PlannedSnapshot, identifier: str, progress: Progress, seconds: float
) -> str:
    def look() -> tuple[str, str]:
        [found] = plan.account.client("ec2").describe_snapshots(SnapshotIds=[identifier])["Snapshots"]
        return found["State"], found.get("Progress") or ""

    _until(look, identifier, {"completed": True, "error": False}, plan.account, progress=progress, seconds=seconds)
    return f"{identifier} ({planned.id})"


def _wait_cache(
    plan: SnapshotPlan, planned: PlannedSnapshot, identifier: str, progress: Progress, seconds: float
) -> str:
    return identifier


def _until(
    look: Callable[[], tuple[str, str]],
    what: str,
    ends: Mapping[str, bool],
    account: StackAccount,
    *,
    progress: Progress,
    seconds: float,
) -> None:
    """Look until a state is one of ``ends``, which says of each whether it is a good one."""

    def ended() -> str | Pending:
        with plain_errors(f"asking how far {what} is"):
            state, said = look()
        if state in ends:
            progress.say(f"{what}: {state}")
            return state
        return Pending(
            f"{what}: {state}" + (f", {said}" if said else ""),
            f"{what} is not there {after(seconds)}; AWS goes on: groundwork snapshot {account.stack_name} --list",
        )

    state = progress.wait_for(ended, seconds=seconds, every=_SECONDS_BETWEEN)
    if not ends[state]:
        raise OperationError(
            f"AWS could not take {what} ({state}); try again: groundwork snapshot {account.stack_name}"
        )


class _Steps(NamedTuple):
    """How a snapshot of one kind of store is planned, begun and waited for."""

    plan: Callable[[StackAccount, DataStore, str], PlannedSnapshot]
    start: Callable[[SnapshotPlan, PlannedSnapshot, Progress], str]
    wait: Callable[[SnapshotPlan, PlannedSnapshot, str, Progress, float], str]


_STEPS = {
    DataStoreKind.DATABASE: _Steps(_database, _start_database, _wait_database),
    DataStoreKind.VOLUME: _Steps(_volume, _start_volume, _wait_volume),
    DataStoreKind.CACHE: _Steps(_cache, _start_cache, _wait_cache),
}


def listed(resources: StackResources, now: datetime.datetime) -> Iterator[str]:
    """Yield in lines what the stack could be restored from: for each store its newest backups, and of how many."""
    found = data_stores(resources)
    if not found:
        yield f"{resources.account.stack.label} has nothing that holds data and is backed up."
    for store in found:
        backups = backups_of(resources.account, store)
        yield f"{store.kind} {store.id}" + ("" if backups else ": no backup yet")
        for one in backups[:_SHOWN]:
            what = f"since {one.since:%Y-%m-%d %H:%M} UTC" if one.since else printable(one.id)
            yield f"  {lasting(one.at, now):>6} old  {one.kind}: {what}"
        if len(backups) > _SHOWN:
            yield f"  and {len(backups) - _SHOWN} older"


_SHOWN = 10
