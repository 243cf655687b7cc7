"""An object that was deleted or written over: what it was before is its content again."""

from __future__ import annotations

import datetime
import shlex
from typing import Any

from groundwork.operations.account import plain_errors
from groundwork.operations.backups import DataStore, DataStoreKind, data_stores, printable
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.progress import Progress
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep
from groundwork.settings.mistakes import nearest, one_of

_SHOWN = 5


def plan(incident: Incident) -> RecoveryPlan:
    """Copy an earlier version of an object over what is there now; no version goes. OperationError where there is none."""
    name, _, key = (incident.what or "").partition("/")
    bucket = _bucket(incident, name)
    if not key:
        raise OperationError(f"say which object of {name}: {name}/KEY")
    wanted, marked = _earlier(incident, bucket, key)
    s3, version = incident.account.client("s3"), wanted["VersionId"]

    def act(progress: Progress) -> str:
        with plain_errors(f"bringing {printable(key)} back"):
            # In parts where it is large, which CopyObject would refuse above 5 GB.
            s3.copy({"Bucket": bucket.id, "Key": key, "VersionId": version}, bucket.id, key)
        return f"{printable(key)} has {wanted['Size']:,} bytes again"

    def check(progress: Progress) -> str:
        with plain_errors(f"looking at {printable(key)}"):
            found = s3.head_object(Bucket=bucket.id, Key=key)
        if found["ContentLength"] != wanted["Size"]:
            raise OperationError(
                f"{printable(key)} has {found['ContentLength']:,} bytes, and the version {version} had {wanted['Size']:,}: somebody wrote it meanwhile"
            )
        return f"{found['ContentLength']:,} bytes of {wanted['LastModified']:%Y-%m-%d %H:%M:%S} UTC are read"

    source = shlex.quote(f"{bucket.id}/{key}?versionId={version}")
    return RecoveryPlan(
        (
            RecoveryStep(
                f"Bring {printable(key)} back as it was at {wanted['LastModified']:%Y-%m-%d %H:%M:%S} UTC",
                f"aws s3api copy-object --bucket {bucket.id} --key {shlex.quote(key)} --copy-source {source}",
                act,
                changes=True,
            ),
            RecoveryStep(
                "See that it can be read",
                f"aws s3api head-object --bucket {bucket.id} --key {shlex.quote(key)}",
                check,
            ),
        ),
        note=f"It was deleted at {marked:%Y-%m-%d %H:%M:%S} UTC." if marked else "",
    )


def _bucket(incident: Incident, name: str) -> DataStore:
    there = {one.name: one for one in data_stores(incident.resources) if one.kind is DataStoreKind.BUCKET}
    if name in there:
        return there[name]
    if name in incident.account.settings.storage:
        raise NotFoundError(
            f"{name} keeps no versions, or is not in {incident.account.place}; see: groundwork status {incident.account.stack_name}"
        )
    raise OperationError(
        f'"{name}" is no bucket that keeps versions; {incident.account.stack.label} has {one_of(there) if there else "none"}{nearest(name, there)}'
    )


def _versions(incident: Incident, bucket: DataStore, key: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    pages = incident.account.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket.id, Prefix=key)
    versions: list[dict[str, Any]] = []
    markers: list[dict[str, Any]] = []
    for page in pages:
        versions += [one for one in page.get("Versions", ()) if one["Key"] == key]
        markers += [one for one in page.get("DeleteMarkers", ()) if one["Key"] == key]
        # Keys come in order, and this one is the first of all that begin so.
        if any(one["Key"] != key for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]):
            break
    return versions, markers


def _earlier(incident: Incident, bucket: DataStore, key: str) -> tuple[dict[str, Any], datetime.datetime | None]:
    """Return the version that is wanted, and since when the object is deleted."""
    with plain_errors(f"looking for versions of {printable(key)}"):
        versions, markers = _versions(incident, bucket, key)
    deleted = next((one["LastModified"] for one in markers if one["IsLatest"]), None)
    if deleted is None and incident.at is None and versions:
        times = ", ".join(f"{one['LastModified']:%Y-%m-%dT%H:%M:%S}" for one in versions[:_SHOWN])
        raise OperationError(
            f"{printable(key)} is there; say as of when it is wanted: --at TIME (UTC). It was written at {times}"
        )
    found = [one for one in versions if incident.at is None or one["LastModified"] <= incident.at]
    if not found:
        said = f" at {incident.at:%Y-%m-%d %H:%M:%S} UTC" if incident.at else ""
        raise NotFoundError(
            f"{bucket.name} has no version of {printable(key)}{said}; versions are kept for as long as its lifecycle says"
        )
    wanted = max(found, key=lambda one: one["LastModified"])
    if wanted["IsLatest"]:
        raise OperationError(f"{printable(key)} is as it was then; nothing is to be done")
    return wanted, deleted
