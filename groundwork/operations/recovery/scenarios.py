"""What may be lost of a stack, and what the design says of each: how much data, and how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from groundwork.components.settings import Settings
from groundwork.operations.errors import OperationError, UnknownNameError
from groundwork.operations.recovery import bucket, database, deployment, instance, region_and_account, zone
from groundwork.operations.recovery.model import RecoveryScenario
from groundwork.settings.mistakes import nearest, one_of

_NOTHING = timedelta()


def _services(settings: Settings) -> str | None:
    if settings.compute is None or not settings.services:
        return "services: and compute:"
    return "compute.engine: fargate" if settings.compute.engine == "app-runner" else None


def _database(settings: Settings) -> str | None:
    if settings.data is None:
        return "data: {}"
    return "a database that the stack makes (data.existing has an owner of its own)" if settings.data.existing else None


def _zones(settings: Settings) -> str | None:
    compute, data = settings.compute, settings.data
    if compute is not None and compute.has_one_instance:
        return "compute.instances.max: 2"
    if data is not None and not data.existing and not data.multi_az:
        return "data.multi_az: true"
    if compute is None and data is None:
        return "services: and compute:, or data:"
    return None


def _releases(settings: Settings) -> str | None:
    return None if settings.pipeline_images else "a service whose image pipelines bring (no image:, no tag:)"


def _objects(settings: Settings) -> str | None:
    kept = [one for one in settings.storage.values() if not one.existing and one.versioning and one.purpose != "logs"]
    return None if kept else "storage.NAME.versioning: true"


def _region(settings: Settings) -> str | None:
    return None if settings.recovery else "recovery: {region: …}"


def _account(settings: Settings) -> str | None:
    return None if settings.recovery and settings.recovery.account else "recovery.account"


SCENARIOS: tuple[RecoveryScenario, ...] = (
    RecoveryScenario(
        "instance",
        "a copy of a service, or an instance",
        rpo=_NOTHING,
        rto=timedelta(minutes=10),
        lacks=_services,
        plan=instance.plan,
        takes="SERVICE",
    ),
    RecoveryScenario(
        "database",
        "the database, or what was in it",
        rpo=timedelta(minutes=5),
        rto=timedelta(minutes=10),
        lacks=_database,
        plan=database.plan,
    ),
    RecoveryScenario(
        "zone", "an availability zone", rpo=_NOTHING, rto=timedelta(minutes=5), lacks=_zones, plan=zone.plan
    ),
    RecoveryScenario(
        "deployment",
        "a release that should not have been",
        rpo=_NOTHING,
        rto=timedelta(minutes=10),
        lacks=_releases,
        plan=deployment.plan,
        takes="SERVICE",
        must_say=True,
    ),
    RecoveryScenario(
        "bucket",
        "an object, deleted or written over",
        rpo=_NOTHING,
        rto=timedelta(minutes=10),
        lacks=_objects,
        plan=bucket.plan,
        takes="BUCKET/KEY",
        must_say=True,
    ),
    RecoveryScenario(
        "region",
        "the whole region",
        rpo=timedelta(minutes=15),
        rto=timedelta(hours=4),
        lacks=_region,
        plan=region_and_account.plan_region,
        elsewhere=True,
    ),
    RecoveryScenario(
        "account",
        "the whole account",
        rpo=timedelta(hours=24),
        rto=timedelta(hours=24),
        lacks=_account,
        plan=region_and_account.plan_account,
    ),
)
"""S4-15 and S3-11 name the first two. RDS copies logs every five minutes, and to another region with some delay:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html,
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html"""


def scenario(name: str, settings: Settings, stack: str) -> RecoveryScenario:
    """Return a scenario by its name. OperationError where there is none, or where the stack cannot be recovered from it."""
    found = next((one for one in SCENARIOS if one.name == name), None)
    if found is None:
        names = [one.name for one in SCENARIOS]
        raise UnknownNameError(f'"{name}" is no scenario; there are {one_of(names)}{nearest(name, names)}')
    lacks = found.lacks(settings)
    if lacks:
        raise OperationError(f"{stack} cannot be recovered from the loss of {found.lost}; it would take {lacks}")
    return found


def with_missing_settings(settings: Settings) -> Iterator[tuple[RecoveryScenario, str | None]]:
    """Yield each scenario with what the stack file lacks for it."""
    for one in SCENARIOS:
        yield one, one.lacks(settings)
