"""Bringing what a front end was built into to its bucket: what names of files change with, first; pages last; what is gone, at the end.

A page names its scripts and styles. Whoever asks for a page while this runs gets the old one or the new one, and finds what it names.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import botocore.exceptions

from groundwork.components.edge.paths import ALL, bucket_path
from groundwork.components.edge.settings import CdnSettings
from groundwork.components.storage.settings import BucketSettings
from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import OperationError, UnknownNameError
from groundwork.operations.progress import Progress
from groundwork.settings.facts import partition_of
from groundwork.settings.mistakes import all_of, nearest, one_of

Result = TypeVar("Result")
Item = TypeVar("Item")

_AT_ONCE = 16
_MOST_FILES = 20_000
_LARGEST = 5 * 1024**3
"""Bytes that one upload takes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html"""
_MOST_PATHS = 100
"""Paths that CloudFront is told one by one; above it, everything below the bucket's path, which counts as one.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Invalidation.html"""

KEPT = "public, max-age=31536000, immutable"
ASKED = "no-cache"
"""Keep, but ask each time whether it has changed."""

KEEP_DAYS = 7
"""Days for which files whose names change with their content outlive what named them: a page that is open in a browser loads them later."""

_TYPES = mimetypes.MimeTypes()
"""Of Python alone, so that every machine publishes the same."""
for _ending, _type in {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ico": "image/x-icon",
    ".wasm": "application/wasm",
}.items():
    _TYPES.add_type(_type, _ending)
_TEXTS = ("text/", "application/json", "application/manifest+json", "application/xml", "image/svg+xml")


@dataclass(frozen=True)
class PublishedFile:
    """A file as its object is to be."""

    key: str
    file: Path
    size: int
    sha256: str
    """As S3 says it: base64."""
    content_type: str
    cache_control: str

    @property
    def is_immutable(self) -> bool:
        return self.cache_control == KEPT

    @property
    def is_page(self) -> bool:
        return self.content_type.startswith("text/html")


@dataclass(frozen=True)
class PublishPlan:
    """What would be done to a bucket."""

    account: StackAccount
    name: str
    """The bucket's, in the stack file."""
    bucket: str
    folder: Path
    new: tuple[PublishedFile, ...]
    changed: tuple[PublishedFile, ...]
    same: int
    removed: tuple[str, ...]
    """Keys that the folder does not have."""
    kept: int
    """Keys that it does not have either, and that pages in browsers may still ask for."""
    newly_gone: tuple[str, ...]
    """Those of them that the folder had until now, which are marked with the time."""
    left_out: tuple[str, ...]
    """Files that are not published."""
    distribution: str | None
    """Its id, where CloudFront serves the bucket."""
    forgotten: tuple[str, ...]
    """Paths that CloudFront is to forget."""

    @property
    def does_nothing(self) -> bool:
        return not (self.new or self.changed or self.removed or self.newly_gone)

    def __str__(self) -> str:
        """Return it in words."""
        counts = [
            f"{len(self.new)} new",
            f"{len(self.changed)} changed",
            f"{self.same} as they are",
            f"{len(self.removed)} to remove",
        ]
        if self.kept:
            counts.append(f"{self.kept} kept for pages that are open")
        lines = [f"publish {self.folder} to {self.name} ({self.bucket}) in {self.account.place}: {', '.join(counts)}"]
        if self.forgotten:
            shown = ", ".join(self.forgotten[:3]) + (
                f" and {len(self.forgotten) - 3} more" if len(self.forgotten) > 3 else ""
            )
            lines.append(f"then CloudFront ({self.distribution}) forgets {shown}")
        if self.left_out:
            some = ", ".join(self.left_out[:3]) + (
                f" and {len(self.left_out) - 3} more" if len(self.left_out) > 3 else ""
            )
            lines.append(f"left out: {some}")
        return "\n".join(lines)


def plan(account: StackAccount, name: str, folder: Path, *, maps: bool, now: datetime | None = None) -> PublishPlan:
    """Return what publishing a folder to a bucket of the stack file would do; ``maps``: source maps too.

    Raises OperationError for a bucket that is none for static files, a folder that holds nothing to publish or something that must not
    be, and where the bucket is not there.
    """
    settings = _static_bucket(account, name)
    cdn = account.settings.edge.cdn if account.settings.edge and settings.cdn else None
    found, left_out = _files(folder, cdn or CdnSettings(), maps=maps)
    if settings.spa and "index.html" not in found:
        raise OperationError(
            f"{folder} has no index.html, which every page of {name} answers; name the folder that was built"
        )
    bucket = settings.existing or _bucket(account, name)
    with plain_errors(f"listing {bucket}"):
        there = {one["Key"]: one for page in _pages(account, bucket) for one in page.get("Contents", ())}
    candidates = [one for key, one in found.items() if key in there and there[key]["Size"] == one.size]
    with plain_errors(f"looking at what {bucket} holds"):
        same = {
            one.key for one, is_same in _each(candidates, lambda one: _is_as_it_was(account, bucket, one)) if is_same
        }
    new = tuple(one for key, one in found.items() if key not in there)
    changed = tuple(one for key, one in found.items() if key in there and key not in same)
    rules = cdn or CdnSettings()
    gone = sorted(key for key in there if key not in found)
    lasting = [key for key in gone if _is_immutable(key, rules)]
    with plain_errors(f"looking at what {bucket} holds"):
        marks = dict(_each(lasting, lambda key: _gone_since(account, bucket, key)))
    oldest = ((now or datetime.now(UTC)) - timedelta(days=KEEP_DAYS)).isoformat()
    removed = tuple(key for key in gone if key not in marks or _is_before(marks[key], oldest))
    newly = tuple(key for key, mark in marks.items() if mark is None)
    distribution = _distribution(account) if cdn else None
    stale = [one.key for one in changed] + [key for key in removed if key not in marks]
    forgotten = _paths(settings, name, stale) if distribution else ()
    return PublishPlan(
        account,
        name,
        bucket,
        folder,
        new,
        changed,
        len(same),
        removed,
        len(gone) - len(removed),
        newly,
        left_out,
        distribution,
        forgotten,
    )


def publish(plan: PublishPlan, progress: Progress, *, seconds: float) -> None:
    """Do it, and wait for CloudFront until all of its places have forgotten what changed, ``seconds`` at most.

    Raises OperationError where something is refused; what pages name is there then, and nothing was removed.
    """
    s3 = plan.account.client("s3")
    files = sorted((*plan.new, *plan.changed), key=lambda one: one.key)
    steps = (
        ("files whose names change with their content", [one for one in files if one.is_immutable]),
        ("other files", [one for one in files if not one.is_immutable and not one.is_page]),
        ("pages", [one for one in files if one.is_page and not one.is_immutable]),
    )
    for what, some in steps:
        if some:
            progress.say(f"uploading {len(some)} {what}")
            with plain_errors(f"uploading to {plan.bucket}"):
                _each(some, lambda one: _upload(s3, plan.bucket, one))
    with plain_errors(f"marking in {plan.bucket} what is gone"):
        _each(plan.newly_gone, lambda key: _mark(s3, plan.bucket, key))
    for start in range(0, len(plan.removed), 1000):
        keys = plan.removed[start : start + 1000]
        progress.say(f"removing {len(plan.removed)} that are gone")
        with plain_errors(f"removing from {plan.bucket}"):
            told = s3.delete_objects(
                Bucket=plan.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        if failed := told.get("Errors"):
            raise OperationError(
                f"removing {failed[0]['Key']} from {plan.bucket}: {failed[0].get('Message') or failed[0].get('Code')}"
            )
    if plan.distribution and plan.forgotten:
        _forget(plan, progress, seconds)
    progress.say(f"{plan.name} is as {plan.folder} is, after {progress.taken()}")


def _static_bucket(account: StackAccount, name: str) -> BucketSettings:
    storage = account.settings.storage
    there = [key for key, bucket in storage.items() if bucket.purpose == "static"]
    if name not in there:
        what = f"is for {storage[name].purpose}" if name in storage else "is none of its buckets"
        ready = (
            f"; there is {one_of(there)}{nearest(name, there)}" if there else ", and it has none with purpose: static"
        )
        raise UnknownNameError(f'"{name}" {what} in {account.stack.label}{ready}')
    return storage[name]


def _files(folder: Path, cdn: CdnSettings, *, maps: bool) -> tuple[dict[str, PublishedFile], tuple[str, ...]]:
    """Return the files to publish by their keys, and what is left out: hidden files, and source maps unless they are asked for."""
    if not folder.is_dir():
        raise OperationError(f"{folder} is no folder; name what was built, such as dist")
    marks = [mark for mark in (".git", "package.json", "node_modules", "Pulumi.yaml") if (folder / mark).exists()]
    if marks:
        raise OperationError(
            f"{folder} has {marks[0]}: it is a project, and not what is built of it; name that, such as {folder / 'dist'}"
        )
    root = folder.resolve()
    inside: list[str] = []
    left_out: list[str] = []
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        key = file.relative_to(folder).as_posix()
        if not file.resolve().is_relative_to(root):
            raise OperationError(
                f"{file} leads to {file.resolve()}, outside {folder}; what is there would be public. Take it out, or copy it"
            )
        hidden = any(part.startswith(".") and part != ".well-known" for part in key.split("/"))
        (left_out if hidden or (key.endswith(".map") and not maps) else inside).append(key)
    if not inside:
        raise OperationError(f"{folder} holds nothing to publish, and everything in the bucket would be removed")
    if len(inside) > _MOST_FILES:
        raise OperationError(f"{folder} holds {len(inside):,} files; {_MOST_FILES:,} is the most for one front end")
    described = (_described(folder / key, key, cdn) for key in inside)
    return {one.key: one for one in described}, tuple(left_out)


def _described(file: Path, key: str, cdn: CdnSettings) -> PublishedFile:
    size = file.stat().st_size
    if size > _LARGEST:
        raise OperationError(f"{file} has {size:,} bytes; 5 GiB is the most for one file")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").digest()
    guessed = _TYPES.guess_type(key)[0] or "application/octet-stream"
    content_type = f"{guessed}; charset=utf-8" if guessed.startswith(_TEXTS) else guessed
    return PublishedFile(
        key, file, size, base64.b64encode(digest).decode(), content_type, KEPT if _is_immutable(key, cdn) else ASKED
    )


def _is_immutable(key: str, cdn: CdnSettings) -> bool:
    """Tell whether a file's name changes with its content: it is where the stack file says so (``edge.cdn.static_paths``), and no page."""
    return not key.endswith((".html", ".htm")) and any(fnmatchcase(f"/{key}", path) for path in cdn.static_paths)


def _bucket(account: StackAccount, name: str) -> str:
    """Return the name of a bucket that the platform made, by the tags that it has."""
    arn = _tagged(account, "s3", f"{account.settings.platform.name}-{name}", account.settings.region)
    if arn is None:
        raise OperationError(f"there is no bucket {name} of {account.slug} in {account.place}; `pulumi up` makes it")
    return arn.rpartition(":")[2]


def _distribution(account: StackAccount) -> str | None:
    """Return the id of the platform's distribution; None where there is none yet."""
    region = partition_of(account.settings.region).global_region or account.settings.region
    arn = _tagged(account, "cloudfront:distribution", f"{account.settings.platform.name}-cdn-distribution", region)
    return arn.rpartition("/")[2] if arn else None


def _tagged(account: StackAccount, kind: str, name: str, region: str) -> str | None:
    platform = account.settings.platform
    wanted = {"Name": name, "platform": platform.name, "stage": platform.stage, "managed-by": "groundwork"}
    with plain_errors(f"looking for {name}"):
        found = account.client("resourcegroupstaggingapi", region).get_resources(
            ResourceTypeFilters=[kind], TagFilters=[{"Key": key, "Values": [value]} for key, value in wanted.items()]
        )["ResourceTagMappingList"]
    arns = sorted(one["ResourceARN"] for one in found)
    if len(arns) > 1:
        raise OperationError(
            f"{all_of(arns)} both have the tags of {name}; remove them from the one that is not of {account.slug}"
        )
    return arns[0] if arns else None


def _pages(account: StackAccount, bucket: str) -> Iterable[dict[str, Any]]:
    pages: Iterable[dict[str, Any]] = account.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return pages


def _is_as_it_was(account: StackAccount, bucket: str, one: PublishedFile) -> bool:
    try:
        there = account.client("s3").head_object(Bucket=bucket, Key=one.key, ChecksumMode="ENABLED")
    except botocore.exceptions.ClientError as error:
        if code_of(error) == "404":
            return False
        raise
    said = (there.get("ChecksumSHA256"), there.get("ContentType"), there.get("CacheControl"))
    # What was gone and is back is uploaded anew, and its mark goes.
    return said == (one.sha256, one.content_type, one.cache_control) and _MARK not in there["Metadata"]


_MARK = "gone-since"


def _gone_since(account: StackAccount, bucket: str, key: str) -> str | None:
    """Return when a file was first found to be gone; None where it is found so now."""
    said: dict[str, str] = account.client("s3").head_object(Bucket=bucket, Key=key)["Metadata"]
    return said.get(_MARK)


def _is_before(mark: str | None, time: str) -> bool:
    return mark is not None and mark < time


def _mark(s3: Any, bucket: str, key: str) -> None:
    """Note on a file that it is gone since now: when it was uploaded says nothing of how long pages have not named it."""
    there = s3.head_object(Bucket=bucket, Key=key)
    s3.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": bucket, "Key": key},
        CopySourceIfMatch=there["ETag"],
        MetadataDirective="REPLACE",
        Metadata={_MARK: datetime.now(UTC).isoformat()},
        ContentType=there["ContentType"],
        CacheControl=there.get("CacheControl", KEPT),
        ChecksumAlgorithm="SHA256",
    )


def _upload(s3: Any, bucket: str, one: PublishedFile) -> None:
    with one.file.open("rb") as body:
        # S3 computes the checksum too, and refuses what was changed on its way or after it was looked at.
        s3.put_object(
            Bucket=bucket,
            Key=one.key,
            Body=body,
            ContentType=one.content_type,
            CacheControl=one.cache_control,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=one.sha256,
        )


def _paths(settings: BucketSettings, name: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Return the paths at which CloudFront may hold an object: as it is asked for, and as a function has it ask the bucket.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
    """
    prefix = bucket_path(name, settings).removesuffix(ALL)
    found = set()
    for key in keys:
        shown = {key, key.removesuffix("index.html")} if key.rpartition("/")[2] == "index.html" else {key}
        found |= {f"{before}/{quote(one)}" for one in shown for before in ("", prefix)}
    if len(found) > _MOST_PATHS:
        found = {ALL, f"{prefix}{ALL}"}
    return tuple(sorted(found))


def _forget(plan: PublishPlan, progress: Progress, seconds: float) -> None:
    cloudfront = plan.account.client("cloudfront")
    with plain_errors(f"having CloudFront forget what {plan.name} was"):
        made = cloudfront.create_invalidation(
            DistributionId=plan.distribution,
            InvalidationBatch={
                "Paths": {"Quantity": len(plan.forgotten), "Items": list(plan.forgotten)},
                "CallerReference": f"groundwork-{uuid.uuid4()}",
            },
        )["Invalidation"]
        progress.say(f"CloudFront forgets {len(plan.forgotten)} {'path' if len(plan.forgotten) == 1 else 'paths'}")
        until = progress.now() + seconds
        while made["Status"].lower() != "completed":
            if progress.now() >= until:
                raise OperationError(
                    f"the files are there, and CloudFront has not forgotten all old ones after {seconds / 60:.0f} minutes "
                    f"(invalidation {made['Id']}); nothing is left to do but wait"
                )
            progress.sleep(5)
            made = cloudfront.get_invalidation(DistributionId=plan.distribution, Id=made["Id"])["Invalidation"]


def _each(items: Sequence[Item], do: Callable[[Item], Result]) -> list[tuple[Item, Result]]:
    """Do something to every item, several at once; raise what the first that failed raised, and begin no more of them."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [(item, pool.submit(do, item)) for item in items]
        try:
            return [(item, future.result()) for item, future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
