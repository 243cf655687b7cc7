"""One frozen model per layer; :class:`Settings` is all of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.models.base import Model, Name, Sealed
from settings.models.budget import BudgetSettings
from settings.models.cache import CacheSettings
from settings.models.compute import ComputeSettings
from settings.models.data import DataSettings
from settings.models.edge import EdgeSettings
from settings.models.exceptions import ExceptionSettings
from settings.models.functions import FunctionSettings
from settings.models.messaging import MessagingSettings
from settings.models.migration import MigrationSettings
from settings.models.network import NetworkSettings
from settings.models.observability import ObservabilitySettings
from settings.models.parameters import ParameterTreeSettings
from settings.models.platform import PlatformSettings
from settings.models.search import SearchSettings
from settings.models.secrets import SecretSettings
from settings.models.services import ServiceSettings
from settings.models.storage import BucketSettings


class Settings(Model):
    """Everything a stack file may say. A layer that is None is not built."""

    region: Annotated[str, Field(exclude=True)] = "us-east-1"
    """From ``aws:region``, not from the groundwork settings."""

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
    exceptions: tuple[ExceptionSettings, ...] = ()

    def most_copies(self, service: str) -> int:
        """How many copies of a service may run at once; on the engine ``ec2`` each instance runs one."""
        if self.compute and self.compute.engine == "ec2":
            return self.compute.capacity.max
        scaling = self.services[service].scaling
        return max([scaling.max, *(hours.max for hours in scaling.schedule.values())])


LAYERS: tuple[str, ...] = tuple(name for name in Settings.model_fields if name != "region")
"""Every key of the groundwork namespace, in the order in which they are shown."""

ENTRY_LAYERS: tuple[str, ...] = ("services", "functions", "storage", "secrets", "parameters")
"""Layers that are maps of named entries; their entry ``*`` is what every entry starts from."""

__all__ = ["ENTRY_LAYERS", "LAYERS", "Sealed", "Settings"]
