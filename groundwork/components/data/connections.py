"""Database connections: how many workloads may open, and how many an instance takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

from groundwork.components.compute.settings import Engine
from groundwork.components.data.settings import DataSettings
from groundwork.components.services.settings import ServiceSettings, Use
from groundwork.components.settings import Settings
from groundwork.settings.facts import max_connections

MOST_DIRECT = 100
"""Connections that may be opened to a database without a pooler before it (S0-04)."""

DatabaseRole = Literal["primary", "replicas"]

DEPLOYING: dict[Engine, float] = {"fargate": 2, "ecs-ec2": 2, "eks": 1.25, "ec2": 1.5, "app-runner": 2}
"""How many times as many copies run while a new version takes over from the old one: what each engine's deployments ask for."""

_KEPT_FREE = 5
"""Slots for administrators: PostgreSQL's ``superuser_reserved_connections`` (3) and RDS's
``rds.rds_superuser_reserved_connections`` (2).
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html"""


@dataclass(frozen=True)
class ConnectionHolder:
    """A workload that holds connections."""

    layer: Literal["services", "jobs", "functions"]
    name: str
    copies: int
    copies_deploying: int
    each: int
    """Connections of one copy, at most."""

    @property
    def most(self) -> int:
        """Return the number of connections when all copies run."""
        return self.copies * self.each

    @property
    def most_deploying(self) -> int:
        """Return the number of connections while a deployment replaces all copies."""
        return self.copies_deploying * self.each

    @property
    def described(self) -> str:
        return f"{self.name} {self.copies} × {self.each}"

    @property
    def described_while_deploying(self) -> str:
        return f"{self.name} {self.copies_deploying} × {self.each}"


def direct(settings: Settings, server: DatabaseRole) -> list[ConnectionHolder]:
    """List the workloads that connect to a server itself, with no pooler between.

    RDS Proxy stands before the primary alone, so that whoever reads from replicas always does:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html#rds-proxy.limitations
    """
    data = settings.data
    if (
        data is None
        or data.known_class is None
        or (server == "replicas" and not data.replicas)
        or (server == "primary" and data.proxy)
    ):
        return []
    held = [*_services(settings, data, server), *_jobs(settings, data, server), *_functions(settings, data, server)]
    return [holder for holder in held if holder.most]


def _services(settings: Settings, data: DataSettings, server: DatabaseRole) -> Iterator[ConnectionHolder]:
    factor = DEPLOYING[settings.compute.engine] if settings.compute else 1
    for name, service in settings.services.items():
        use = service.uses.get("database")
        if use is None:
            continue
        copies = settings.most_copies(name)
        deploying = copies if service.singleton or _in_place(settings) else ceil(copies * factor)
        yield ConnectionHolder("services", name, copies, deploying, _each(service, use, data, server))


def _jobs(settings: Settings, data: DataSettings, server: DatabaseRole) -> Iterator[ConnectionHolder]:
    """Yield the jobs that hold connections while they run, one run of each at a time."""
    for name in settings.jobs:
        job = settings.job(name)
        use = job.uses.get("database")
        if use is not None:
            yield ConnectionHolder("jobs", name, 1, 1, _each(job, use, data, server))


def _each(service: ServiceSettings, use: Use, data: DataSettings, server: DatabaseRole) -> int:
    """Return how many connections one copy holds to a server."""
    writes = "connect" in use.levels
    if server == "primary":
        return service.connections.max if writes or not data.replicas else 0
    return service.connections.readers if writes else service.connections.max


def _in_place(settings: Settings) -> bool:
    """Tell whether the only instance is removed before its successor starts."""
    return settings.compute is not None and settings.compute.has_one_instance


def _functions(settings: Settings, data: DataSettings, server: DatabaseRole) -> Iterator[ConnectionHolder]:
    """Yield the functions that hold connections, one for each copy. How many there may be is a mistake of its own where
    nothing says it."""
    for name, function in settings.functions.items():
        use = function.uses.get("database")
        reads = use is not None and "connect" not in use.levels and bool(data.replicas)
        if use is not None and reads == (server == "replicas"):
            copies = most_calls(settings, name) or 0
            yield ConnectionHolder("functions", name, copies, copies, 1)


def most_calls(settings: Settings, function: str) -> int | None:
    """Return how many copies of a function may run at once; None where nothing limits it."""
    said = settings.functions[function]
    return said.concurrency if said.concurrency is not None else said.trigger.concurrency if said.trigger else None


def taken(data: DataSettings, instance_class: str) -> int | None:
    """Return ``max_connections`` of an instance of a class; None for a class that is not known."""
    own = data.parameters.get("max_connections", "")
    return int(own) if own.isdecimal() else max_connections(instance_class)


def free(data: DataSettings, instance_class: str) -> int | None:
    """Return how many connections of an instance these workloads may use."""
    most = taken(data, instance_class)
    return None if most is None else max(0, most - _KEPT_FREE)
