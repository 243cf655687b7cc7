"""One frozen model per layer; :class:`Settings` is all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from groundwork.settings.models.base import Model, Name, Sealed
from groundwork.settings.models.budget import BudgetSettings
from groundwork.settings.models.cache import CacheSettings
from groundwork.settings.models.compute import ComputeSettings
from groundwork.settings.models.data import DataSettings
from groundwork.settings.models.edge import EdgeSettings
from groundwork.settings.models.exceptions import ExceptionSettings
from groundwork.settings.models.functions import FunctionSettings
from groundwork.settings.models.messaging import MessagingSettings
from groundwork.settings.models.migration import MigrationSettings
from groundwork.settings.models.network import NetworkSettings
from groundwork.settings.models.observability import ObservabilitySettings
from groundwork.settings.models.parameters import ParameterTreeSettings
from groundwork.settings.models.platform import PlatformSettings
from groundwork.settings.models.search import SearchSettings
from groundwork.settings.models.secrets import SecretSettings
from groundwork.settings.models.services import ServiceSettings
from groundwork.settings.models.storage import BucketSettings


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
    exceptions: tuple[ExceptionSettings, ...] = ()

    def most_copies(self, service: str) -> int:
        """How many copies of a service may run at once; on the engine ``ec2`` each instance runs one."""
        if self.compute and self.compute.engine == "ec2":
            return self.compute.capacity.max
        scaling = self.services[service].scaling
        return max([scaling.max, *(hours.max for hours in scaling.schedule.values())])


LAYERS: tuple[str, ...] = tuple(name for name in Settings.model_fields if name not in ("region", "program"))
"""Every key of the groundwork namespace, in the order in which they are shown."""

ENTRY_LAYERS: tuple[str, ...] = ("services", "functions", "storage", "secrets", "parameters")
"""Layers that are maps of named entries; their entry ``*`` is what every entry starts from."""

__all__ = ["ENTRY_LAYERS", "LAYERS", "Sealed", "Settings"]
