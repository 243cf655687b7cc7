"""Which services run on which instances: data, before any resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.services.settings import ServiceSettings

MAIN = "instances"
WORKERS = "workers"


@dataclass(frozen=True)
class InstanceKind:
    """Instances of one kind, and what each of them runs one copy of."""

    key: str
    services: tuple[str, ...]
    least: int
    most: int
    has_fixed_interface: bool
    """There is one, and it keeps its address, its zone and what it holds."""


def parts(
    settings: ComputeSettings, services: Mapping[str, ServiceSettings], *, has_cache: bool
) -> tuple[InstanceKind, ...]:
    """Return the kinds of instances: one for everything where there is one instance. With several, workers have
    instances of their own: a worker's work then takes nothing from those who answer, and its number follows its own
    load."""
    wanted = settings.capacity
    if wanted.max == 1:
        has_fixed_interface = has_cache or wanted.data_volume is not None or wanted.placement == "public"
        return (InstanceKind(MAIN, tuple(services), wanted.min, 1, has_fixed_interface),)
    answering = tuple(name for name, service in services.items() if service.port is not None)
    working = tuple(name for name, service in services.items() if service.port is None)
    found = []
    if answering:
        found.append(InstanceKind(MAIN, answering, wanted.min, wanted.max, has_fixed_interface=False))
    if working:
        found.append(
            InstanceKind(WORKERS, working, min(1, wanted.min), max(1, wanted.max - 1), has_fixed_interface=False)
        )
    return tuple(found)
