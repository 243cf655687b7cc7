"""What of a stack holds data, and what each of it could be restored from: backups with the moment whose data they hold."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import NotFoundError
from groundwork.operations.resources import StackResources
from groundwork.operations.tags import tag_filters

_DATABASE = "aws:rds/instance:Instance"
_VOLUME = "aws:ebs/volume:Volume"
_BUCKET = "aws:s3/bucket:Bucket"

CACHE_FOLDER = "cache/"
"""Where in its bucket the copies of a cache on an instance stand, as the instance's own ``backup.sh`` puts them there."""


class DataStoreKind(StrEnum):
    """What holds data."""

    DATABASE = "database"
    VOLUME = "volume"
    """The data volume of the only instance."""
    CACHE = "cache"
    """A cache on the instance that is copied to a bucket."""
    BUCKET = "bucket"
    """A bucket that keeps versions."""


@dataclass(frozen=True)
class DataStore:
    """Something of a stack that holds data."""

    kind: DataStoreKind
    name: str
    """What people call it: the layer, or the bucket's name in the stack file."""
    id: str
    """A database's identifier, a volume's tag ``Name``, or a bucket."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Those that the program gives it."""

    def __str__(self) -> str:
        return f"the {self.kind} {self.id}"


class BackupKind(StrEnum):
    """How a backup came to be."""

    MOMENT = "any moment"
    """Automated backups and the log since, from which any moment of a range is restored."""
    AUTOMATED = "automated snapshot"
    ARCHIVE = "snapshot of AWS Backup"
    SNAPSHOT = "snapshot"
    COPY = "copy"
    """An object that somebody wrote to a bucket."""
    VERSION = "version"
    """What an object was before it was written again or deleted."""


@dataclass(frozen=True)
class Backup:
    """Something that data can be restored from."""

    of: DataStore
    kind: BackupKind
    id: str
    """A snapshot's, an object's key; for any moment the database's resource id."""
    at: datetime.datetime
    """The newest data that it holds is this old."""
    since: datetime.datetime | None = None
    """The earliest moment, where any can be restored."""
    gib: int | None = None
    key: str | None = None
    """The ARN of the KMS key; None where it is not encrypted with one, or nothing says so."""
    version: str | None = None
    """Of an object."""
    size: int = 0
    """Bytes, of an object."""

    def __str__(self) -> str:
        moment = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        if self.kind is BackupKind.MOMENT:
            return f"the state of {moment}"
        return f"the {self.kind} {printable(self.id)} of {moment}"


def printable(key: str) -> str:
    """Return an object's key as it may be shown: whoever may write to a bucket chooses keys."""
    return key if key.isprintable() else ascii(key)


def data_stores(resources: StackResources) -> list[DataStore]:
    """Return what of a stack holds data and is backed up by what the account has: the database, the data volume, a cache on it that is
    copied, buckets with versions. What exists outside the stack is its owner's."""
    return [*_databases(resources), *_volumes(resources), *_buckets(resources)]


def _databases(resources: StackResources) -> Iterator[DataStore]:
    for resource in resources.of_type(_DATABASE):
        if not resource.inputs.get("replicateSourceDb"):
            yield DataStore(DataStoreKind.DATABASE, "data", resource.inputs["identifier"], resource.inputs["tags"])


def _volumes(resources: StackResources) -> Iterator[DataStore]:
    for resource in resources.of_type(_VOLUME):
        tags = resource.inputs["tags"]
        yield DataStore(DataStoreKind.VOLUME, "compute", tags["Name"], tags)


def _buckets(resources: StackResources) -> Iterator[DataStore]:
    settings = resources.account.settings
    found = {resource.name: resource for resource in resources.of_type(_BUCKET)}
    copied = settings.cache.copy_to if settings.cache and settings.cache.placement == "instance" else None
    for name, bucket in settings.storage.items():
        resource = found.get(f"{settings.platform.name}-{name}")
        arn = resources.arn(resource) if resource else None
        if resource is None or arn is None:
            continue
        there, tags = arn.rpartition(":")[2], resource.inputs["tags"]
        if name == copied:
            yield DataStore(DataStoreKind.CACHE, "cache", there, tags)
        if bucket.versioning and bucket.purpose != "logs":
            yield DataStore(DataStoreKind.BUCKET, name, there, tags)


def backups_of(account: StackAccount, store: DataStore) -> list[Backup]:
    """Return what a store could be restored from, the newest data first; of a bucket and a copied cache what the first thousand of its
    keys have."""
    with plain_errors(f"looking for backups of {store.id}"):
        found = list(_FINDERS[store.kind](account, store))
    return sorted(found, key=lambda one: one.at, reverse=True)


def newest(account: StackAccount, store: DataStore) -> Backup:
    """Return the backup with the newest data. NotFoundError where there is none."""
    found = backups_of(account, store)
    if not found:
        raise NotFoundError(f"{store} has no backup in {account.place}: {_WHY[store.kind]}")
    return found[0]


_WHY = {
    DataStoreKind.DATABASE: "the first one is made some minutes after pulumi up has made the database",
    DataStoreKind.VOLUME: "the first snapshot is made in the night after pulumi up; groundwork snapshot makes one now",
    DataStoreKind.CACHE: "the first copy is made in the night after pulumi up (cache.snapshot_window)",
    DataStoreKind.BUCKET: "nothing in it was written twice or deleted yet",
}


def _of_database(account: StackAccount, store: DataStore) -> Iterator[Backup]:
    rds = account.client("rds")
    try:
        # Also of a database that is gone, where its backups were kept:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html
        pages = rds.get_paginator("describe_db_instance_automated_backups").paginate(DBInstanceIdentifier=store.id)
        kept = [one for page in pages for one in page["DBInstanceAutomatedBackups"]]
    except botocore.exceptions.ClientError as error:
        if "NotFound" not in code_of(error):
            raise
        kept = []
    for one in kept:
        window = one.get("RestoreWindow") or {}
        if one.get("Status") in ("active", "retained") and window.get("LatestTime"):
            yield Backup(
                store,
                BackupKind.MOMENT,
                one.get("DbiResourceId") or "",
                window["LatestTime"],
                since=window.get("EarliestTime"),
                gib=one.get("AllocatedStorage"),
                key=one.get("KmsKeyId"),
            )
    # Those of AWS Backup are told only to whoever asks for them:
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
    for kind, snapshot_type in (
        (BackupKind.AUTOMATED, "automated"),
        (BackupKind.SNAPSHOT, "manual"),
        (BackupKind.ARCHIVE, "awsbackup"),
    ):
        pages = rds.get_paginator("describe_db_snapshots").paginate(
            DBInstanceIdentifier=store.id, SnapshotType=snapshot_type
        )
        for snapshot in (one for page in pages for one in page["DBSnapshots"]):
            if snapshot.get("Status") == "available":
                yield Backup(
                    store,
                    kind,
                    snapshot["DBSnapshotIdentifier"],
                    snapshot.get("OriginalSnapshotCreateTime") or snapshot["SnapshotCreateTime"],
                    gib=snapshot.get("AllocatedStorage"),
                    key=snapshot.get("KmsKeyId"),
                )


def _of_volume(account: StackAccount, store: DataStore) -> Iterator[Backup]:
    # Snapshots carry the volume's tags, and so are found after it is gone, too.
    filters = [*tag_filters(account), {"Name": "tag:Name", "Values": [store.id]}]
    pages = account.client("ec2").get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
    for one in (one for page in pages for one in page["Snapshots"]):
        if one["State"] == "completed":
            yield Backup(
                store,
                BackupKind.SNAPSHOT,
                one["SnapshotId"],
                one["StartTime"],
                gib=one["VolumeSize"],
                key=one.get("KmsKeyId"),
            )


def _of_cache(account: StackAccount, store: DataStore) -> Iterator[Backup]:
    pages = account.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=store.id, Prefix=CACHE_FOLDER, PaginationConfig={"MaxItems": 1000}):
        for one in page.get("Contents", ()):
            yield Backup(store, BackupKind.COPY, one["Key"], one["LastModified"], size=one["Size"])


def _of_bucket(account: StackAccount, store: DataStore) -> Iterator[Backup]:
    pages = account.client("s3").get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=store.id, PaginationConfig={"MaxItems": 1000}):
        for one in _earlier(page.get("Versions", ())):
            yield Backup(
                store,
                BackupKind.VERSION,
                one["Key"],
                one["LastModified"],
                version=one["VersionId"],
                size=one["Size"],
            )


def _earlier(versions: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what is no object's content any more. Without versions an object's id is ``null``, and nothing is kept under it."""
    return (one for one in versions if not one["IsLatest"] and one["VersionId"] != "null")


_FINDERS: dict[DataStoreKind, Callable[[StackAccount, DataStore], Iterator[Backup]]] = {
    DataStoreKind.DATABASE: _of_database,
    DataStoreKind.VOLUME: _of_volume,
    DataStoreKind.CACHE: _of_cache,
    DataStoreKind.BUCKET: _of_bucket,
}
