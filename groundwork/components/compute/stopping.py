"""What of an engine can stand still at night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi


@dataclass(frozen=True)
class StoppedService:
    """An ECS service."""

    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    least: int
    """Copies that run when it has been started."""
    most: int | None
    """Up to how many Application Auto Scaling may run; None where it has nothing to do with the service."""


@dataclass(frozen=True)
class StoppedGroup:
    """An Auto Scaling group."""

    name: pulumi.Input[str]
    least: int
    most: int
    by_capacity_provider: bool = False
    """ECS decides how many instances run: when its tasks are gone it ends them, protected from others as they are."""


@dataclass(frozen=True)
class Stoppable:
    """All that an engine can stop, by names of the stack file."""

    services: Mapping[str, StoppedService] = field(default_factory=dict)
    groups: Mapping[str, StoppedGroup] = field(default_factory=dict)
    app_runner: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """ARNs of App Runner services."""
