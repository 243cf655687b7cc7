"""One frozen model per layer; :class:`Settings` is all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Annotated

from pydantic import Field

from groundwork.components.budget.settings import BudgetSettings
from groundwork.components.cache.settings import CacheSettings
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.data.settings import DataSettings
from groundwork.components.delivery.settings import DeliverySettings
from groundwork.components.edge.settings import EdgeSettings
from groundwork.components.extensions.settings import ExtensionSettings
from groundwork.components.files.settings import FileSystemSettings
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.jobs.settings import INHERITED, JobSettings, resolved
from groundwork.components.messaging.settings import MessagingSettings
from groundwork.components.migration.settings import MigrationSettings
from groundwork.components.network.settings import NetworkSettings
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.parameters.settings import ParameterTreeSettings
from groundwork.components.platform.settings import PlatformSettings
from groundwork.components.recovery.settings import RecoverySettings
from groundwork.components.search.settings import SearchSettings
from groundwork.components.secrets.settings import SecretSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.storage.settings import BucketSettings
from groundwork.components.usage.settings import UsageSettings
from groundwork.settings.base import Model, Name, Sealed
from groundwork.settings.mistakes import Path


class ExceptionSettings(Model):
    """One rule that one resource may break until a date: written down, with a reason and an owner. The policy pack reads the same
    list."""

    rule: Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")]
    resource: Annotated[str, Field(min_length=1)]
    """A URN, or a pattern of logical names such as ``shop-ingress-*``."""
    reason: Annotated[str, Field(min_length=10)]
    owner: Annotated[str, Field(min_length=1)]
    expires: dt.date
    """At most a year ahead."""


class Settings(Model):
    """Everything a stack file may say. A layer that is None is not built."""

    region: Annotated[str, Field(exclude=True)] = "us-east-1"
    """From ``aws:region``, not from the groundwork settings."""

    program: Annotated[FilePath, Field(exclude=True)] = FilePath()
    """The folder of the program, beside which code of functions is looked for."""

    project: Annotated[FilePath, Field(exclude=True)] = FilePath()
    """The folder of the stack file, where the code of extensions is."""

    allowed_accounts: Annotated[tuple[str, ...], Field(exclude=True)] = ()
    """From ``aws:allowedAccountIds``."""

    platform: PlatformSettings
    network: NetworkSettings | None = None
    edge: EdgeSettings | None = None
    compute: ComputeSettings | None = None
    services: dict[Name, ServiceSettings] = {}
    jobs: dict[Name, JobSettings] = {}
    data: DataSettings | None = None
    cache: CacheSettings | None = None
    search: SearchSettings | None = None
    messaging: MessagingSettings | None = None
    functions: dict[Name, FunctionSettings] = {}
    storage: dict[Name, BucketSettings] = {}
    files: dict[Name, FileSystemSettings] = {}
    secrets: dict[Name, SecretSettings] = {}
    parameters: dict[Name, ParameterTreeSettings] = {}
    extensions: dict[Name, ExtensionSettings] = {}
    migration: MigrationSettings | None = None
    delivery: DeliverySettings | None = None
    recovery: RecoverySettings | None = None
    observability: ObservabilitySettings | None = None
    budget: BudgetSettings | None = None
    usage: UsageSettings | None = None
    exceptions: tuple[ExceptionSettings, ...] = ()

    def job(self, name: str) -> ServiceSettings:
        """Return what a job runs as: a service without a port, with what it does not say from the service whose image it runs."""
        job = self.jobs[name]
        return resolved(job, self.services.get(job.image_from or ""), without=self.services if self.runs_on_ecs else ())

    @property
    def runs_on_ecs(self) -> bool:
        """Tell whether services and jobs are tasks of ECS."""
        return self.compute is not None and self.compute.engine in ("fargate", "ecs-ec2")

    def containers(self) -> Iterator[tuple[str, str, ServiceSettings]]:
        """Yield everything that runs as a container: layer, name and settings of each service and job."""
        for name, service in self.services.items():
            yield "services", name, service
        for name in self.jobs:
            yield "jobs", name, self.job(name)

    def takes_over(self, path: Path) -> bool:
        """Tell whether what stands at ``path`` is a job's only because it is its service's."""
        layer, name, key = (*path, "", "", "")[:3]
        job = self.jobs.get(str(name)) if layer == "jobs" else None
        return job is not None and job.image_from is not None and key in INHERITED and key not in job.said

    @property
    def pipeline_images(self) -> list[str]:
        """Return the services and jobs with an image of their own that pipelines deliver."""
        return [
            name
            for _, name, container in self.containers()
            if container.image_from is None and container.owner_of_image == "pipeline"
        ]

    def most_copies(self, service: str) -> int:
        """Return how many copies of a service may run at once."""
        if self.compute and self.compute.copies_are_instances:
            return self.compute.capacity.max
        scaling = self.services[service].scaling
        return max([scaling.max, *(hours.max for hours in scaling.schedule.values())])


LAYERS: tuple[str, ...] = tuple(name for name, field in Settings.model_fields.items() if not field.exclude)
"""Every key of the groundwork namespace, in the order in which they are shown."""

ENTRY_LAYERS: tuple[str, ...] = (
    "services",
    "jobs",
    "functions",
    "storage",
    "files",
    "secrets",
    "parameters",
    "extensions",
)
"""Layers that are maps of named entries; their entry ``*`` is what every entry starts from."""

__all__ = ["ENTRY_LAYERS", "LAYERS", "Sealed", "Settings"]
