"""Whether copies are elsewhere, and whether there is something to copy."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.recovery.names import copied_buckets
from groundwork.components.settings import Settings
from groundwork.settings.facts import partition_of, regions
from groundwork.settings.mistakes import Mistake, nearest


def copies_are_elsewhere(settings: Settings) -> Iterator[Mistake]:
    recovery = settings.recovery
    if recovery is None:
        return
    path, own = ("recovery", "region"), partition_of(settings.region)
    near = [region for region in regions() if partition_of(region).name == own.name and region != settings.region]
    if recovery.region == settings.region:
        yield Mistake(path, f"is where the stack is itself; name another, such as {_beside(settings.region, near)}")
    elif recovery.region not in regions():
        yield Mistake(path, f'"{recovery.region}" is not a region Groundwork knows{nearest(recovery.region, near)}')
    elif recovery.region not in near:
        yield Mistake(
            path,
            f"is of the partition {partition_of(recovery.region).name}, and {settings.region} is of {own.name}; no backup passes "
            f"from one to the other; use {' or '.join(near) if len(near) < 4 else _beside(settings.region, near)}",
        )


def _beside(region: str, near: list[str]) -> str:
    """Return a region on the same continent, else any."""
    continent = region.partition("-")[0]
    return next((one for one in near if one.partition("-")[0] == continent), near[0])


def something_is_copied(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    kept = (
        settings.data is not None and not settings.data.existing,
        copied_buckets(settings),
        any(not one.existing and one.backups for one in settings.files.values()),
        compute is not None and compute.engine == "ec2" and compute.capacity.data_volume,
    )
    if settings.recovery and not any(kept):
        yield Mistake(
            ("recovery",),
            "copies nothing: this stack makes no database, no bucket for media or backups, no files and no data volume; leave it out",
        )


def the_account_is_another(settings: Settings) -> Iterator[Mistake]:
    recovery = settings.recovery
    if recovery and recovery.account and recovery.account in settings.allowed_accounts:
        yield Mistake(
            ("recovery", "account"),
            f"{recovery.account} is the stack's own account (aws:allowedAccountIds); name another one, or leave account out",
        )


def copied_buckets_have_versions(settings: Settings) -> Iterator[Mistake]:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html
    if settings.recovery is None:
        return
    for key, bucket in copied_buckets(settings).items():
        if not bucket.versioning:
            yield Mistake(
                ("storage", key, "versioning"),
                "is false, and recovery copies this bucket: S3 copies versions alone; set it to true",
            )


CHECKS = (copies_are_elsewhere, something_is_copied, the_account_is_another, copied_buckets_have_versions)
