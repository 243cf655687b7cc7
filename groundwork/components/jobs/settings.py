"""What the product's jobs are: containers that run to their end, declared as services are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.services.settings import (
    ONE_COPY,
    Build,
    Cron,
    EnvironmentName,
    ImageSource,
    PoolSettings,
    ServiceSettings,
    Uses,
    check_build,
    check_image,
    pool_of,
)
from groundwork.settings.base import ImageReference, InOrder, Model, Name, TimeZone

When = Literal["before_deploy", "schedule", "manual"]


class JobScheduleSettings(Model):
    """When a job runs by itself. A bare text is ``cron``."""

    cron: Cron
    """Six fields as EventBridge has them: ``0 3 ? * MON-FRI *``."""
    timezone: TimeZone | None = None
    """Unset, the platform's. A time that summer time skips or repeats is kept as the engine keeps it."""
    enabled: bool = True
    """``false`` keeps a schedule that starts nothing."""


def _schedule(value: Any) -> Any:
    return {"cron": value} if isinstance(value, str) else value


class JobSettings(Model):
    """One job: a container that runs to its end, before a deployment, by a schedule, or when somebody starts it.

    With ``image: {from: api}`` it runs the image of a service and is what that is: what it does not say it has from there, but
    for the command, the port and what belongs to it.
    """

    image: ImageReference | ImageSource | None = None
    """``{from: api}`` for the image of a service, or a full image reference. Unset, the job has a repository of its own."""

    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")] | None = None
    """The tag in the job's own repository that runs."""

    image_owner: Literal["stack", "pipeline"] | None = None
    """Who decides which image runs, as with services."""

    build: Build | None = None
    """How ``groundwork deploy STACK NAME`` builds the image for the job's own repository, as with services."""

    command: Annotated[tuple[str, ...], InOrder] = ()
    """What runs in the image, such as ``[python, manage.py, migrate]``; needed where the image is a service's."""

    when: Literal["before_deploy", "manual"] | None = None
    """``before_deploy``: whoever delivers an image runs it with that before any copy of the service has it, and goes no further when
    it fails. ``manual``, which is also the default: when somebody runs it."""

    schedule: (
        Annotated[JobScheduleSettings, BeforeValidator(_schedule, json_schema_input_type=str | JobScheduleSettings)]
        | None
    ) = None
    """When it runs by itself, in place of ``when``: ``0 3 * * ? *``, or ``{cron: 0 3 * * ? *, timezone: Europe/Berlin}``."""

    timeout: Annotated[int, Field(ge=1, le=86400)] | None = None
    """Seconds after which it is ended and has failed; unset, 3600 for what is run before a deployment or by hand, and no limit for
    a schedule. ECS ends no task by itself, so that there it is how long whoever runs it waits."""

    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """How often a run that failed is tried again, on the engines ``eks`` and ``ec2``; ECS tries no task again."""

    cpu: int | None = None
    """CPU units; unset, as the service, else 256."""

    memory: int | None = None
    """MiB; unset, as the service, else 512."""

    environment: dict[EnvironmentName, str] | None = None
    """Plain configuration; unset, the service's. Secrets belong under ``secrets`` and ``uses``."""

    uses: Uses | None = None
    """What it may do with something else of the platform; unset, what the service uses. ``{}`` is nothing."""

    connections: (
        Annotated[
            PoolSettings,
            BeforeValidator(pool_of, json_schema_input_type=Annotated[int, Field(ge=1, le=1000)] | PoolSettings),
        ]
        | None
    ) = None
    """Its database connections; unset, 1, since a job is rarely more than one thread."""

    user: Annotated[str, Field(pattern=r"^[1-9]\d{0,8}(:[1-9]\d{0,8})?$")] | None = None
    """User and group ids; unset, the service's."""

    writable_paths: tuple[Annotated[str, Field(pattern=r"^/[^:]+$")], ...] | None = None
    """Folders in memory that may be written; unset, the service's."""

    writable_mib: Annotated[int, Field(ge=1, le=16384)] | None = None
    """Size of each writable folder; unset, as the service."""

    disk_paths: tuple[Annotated[str, Field(pattern=r"^/[^:]+$")], ...] | None = None
    """Folders on disk, gone with the run; unset, the service's."""

    disk_gib: Annotated[int, Field(ge=21, le=200)] | None = None
    """Size of the disk; unset, as the service."""

    outbound_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] | None = None
    """TCP ports on which it may call the internet; unset, the service's."""

    stop_timeout: Annotated[int, Field(ge=2, le=3600)] | None = None
    """Seconds between the request to stop and the kill; unset, as the service. ECS takes at most 120."""

    nodes: Name | None = None
    """With the engine ``eks``: the node group that it runs on; unset, the service's."""

    @property
    def image_from(self) -> str | None:
        """Return the service whose image it runs, None where it has its own."""
        return self.image.service if isinstance(self.image, ImageSource) else None

    @property
    def starts(self) -> When:
        """Return what starts it."""
        return "schedule" if self.schedule else self.when or "manual"

    @property
    def said(self) -> frozenset[str]:
        """Return the settings that the job says itself, by their names."""
        return frozenset(name for name in type(self).model_fields if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_start(self) -> JobSettings:
        if self.schedule and self.when:
            raise PydanticCustomError(
                "job", "a job with a schedule is started by that; leave out when or schedule", {"at": ("when",)}
            )
        return self

    @model_validator(mode="after")
    def _one_image(self) -> JobSettings:
        check_image(self.image, tag=self.tag, image_owner=self.image_owner)
        check_build(self.build, image=self.image, tag=self.tag)
        return self


INHERITED = (
    "cpu",
    "memory",
    "environment",
    "uses",
    "user",
    "writable_paths",
    "writable_mib",
    "disk_paths",
    "disk_gib",
    "outbound_ports",
    "stop_timeout",
    "nodes",
)
"""What a job has from the service whose image it runs, unless it says it itself."""


def resolved(job: JobSettings, service: ServiceSettings | None, *, without: Collection[str] = ()) -> ServiceSettings:
    """Return a job as a service without a port. What it has from ``service`` leaves out the uses of ``without``: other services,
    where a job has no way to them."""
    said = {name: getattr(job, name) for name in INHERITED if getattr(job, name) is not None}
    taken = {name: getattr(service, name) for name in INHERITED if service is not None}
    if "uses" in taken:
        taken["uses"] = {used: use for used, use in taken["uses"].items() if used not in without}
    return ServiceSettings.model_construct(
        **{
            **ServiceSettings().__dict__,
            **taken,
            **said,
            "image": job.image,
            "tag": job.tag,
            "image_owner": job.image_owner,
            "build": job.build,
            "command": job.command,
            "connections": job.connections or PoolSettings(max=1, readers=1),
            "scaling": ONE_COPY,
            # A sidecar would go on when the job has ended, or end with a code that looks like the job's.
            "tracing": False,
            # Half a run is worth nothing.
            "spot": 0,
        }
    )
