"""One frozen model per layer; :class:`Settings` is all of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

from pydantic import Field

from groundwork.components.budget.settings import BudgetSettings
from groundwork.components.cache.settings import CacheSettings
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.data.settings import DataSettings
from groundwork.components.edge.settings import EdgeSettings
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.messaging.settings import MessagingSettings
from groundwork.components.migration.settings import MigrationSettings
from groundwork.components.network.settings import NetworkSettings
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.parameters.settings import ParameterTreeSettings
from groundwork.components.platform.settings import PlatformSettings
from groundwork.components.search.settings import SearchSettings
from groundwork.components.secrets.settings import SecretSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.storage.settings import BucketSettings
from groundwork.components.usage.settings import UsageSettings
from groundwork.settings.base import Model, Name, Sealed


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

    program: Annotated[Path, Field(exclude=True)] = Path()
    """The folder of the program, beside which code of functions is looked for."""

    platform: PlatformSettings
    network: NetworkSettings | None = None
    edge: EdgeSettings | None = None
    compute: ComputeSettings | None = None
    services: dict[Name, ServiceSettings] = {}
    data: DataSettings | None = None
    cache: CacheSettings | None = None
    search: SearchSettings | None = None
    messaging: MessagingSettings | None = None
    functions: dict[Name, FunctionSettings] = {}
    storage: dict[Name, BucketSettings] = {}
    secrets: dict[Name, SecretSettings] = {}
    parameters: dict[Name, ParameterTreeSettings] = {}
    migration: MigrationSettings | None = None
    observability: ObservabilitySettings | None = None
    budget: BudgetSettings | None = None
    usage: UsageSettings | None = None
    exceptions: tuple[ExceptionSettings, ...] = ()

    def most_copies(self, service: str) -> int:
        """Return how many copies of a service may run at once; on the engine ``ec2`` each instance runs one."""
        if self.compute and self.compute.engine == "ec2":
            return self.compute.capacity.max
        scaling = self.services[service].scaling
        return max([scaling.max, *(hours.max for hours in scaling.schedule.values())])


LAYERS: tuple[str, ...] = tuple(name for name in Settings.model_fields if name not in ("region", "program"))
"""Every key of the groundwork namespace, in the order in which they are shown."""

ENTRY_LAYERS: tuple[str, ...] = ("services", "functions", "storage", "secrets", "parameters")
"""Layers that are maps of named entries; their entry ``*`` is what every entry starts from."""

__all__ = ["ENTRY_LAYERS", "LAYERS", "Sealed", "Settings"]
