"""What of a stack's settings a day depends on: services with their copies and processors, and the database."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from groundwork.components.compute.settings import Engine
from groundwork.components.services.settings import ScalingSettings, ServiceSettings
from groundwork.components.settings import Settings
from groundwork.components.usage.settings import UsageSettings, WorkSettings
from groundwork.pricing.week import WEEK, firings
from groundwork.settings.facts import database_processors
from groundwork.settings.mistakes import Mistake, Mistakes
from groundwork.simulation.scenario import MINUTES, Scenario, Weekday

DATABASE_MS = 2.0
"""Milliseconds of the database that a request of a service needs which uses it, where a scenario does not say: a few reads by key."""
FULL = 95.0
"""Percent of a processor from which on what comes in waits for it."""
_VCPU_UNITS = 1024
_WEEKDAYS: tuple[Weekday, ...] = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Tier:
    """A service as a queue."""

    name: str
    public: bool
    """Whether requests come by the load balancer, which deals them out; else it takes messages from a queue when it is free."""
    engine: Engine
    vcpus: float
    """Of one copy."""
    scaling: ScalingSettings
    bounds: tuple[tuple[int, int], ...]
    """The fewest and the most copies at each minute of the day."""
    work: WorkSettings
    database_ms: float

    @property
    def servers(self) -> int:
        """Return how many requests one copy works on at once: one for each vCPU, or part of one."""
        return max(1, math.ceil(self.vcpus))

    @property
    def seconds(self) -> float:
        """Return how long the work of a request takes on average when nothing else is to be done."""
        return self.work.cpu_ms / 1000 * self.servers / self.vcpus


@dataclass(frozen=True)
class DatabaseQueue:
    """The database as queues: the primary, and its replicas."""

    instance_class: str
    vcpus: int
    replicas: int
    multi_az: bool


@dataclass(frozen=True)
class DayPlatform:
    """All of it, with the requests of the day."""

    tiers: tuple[Tier, ...]
    database: DatabaseQueue | None
    zones: int
    rates: Mapping[str, tuple[float, ...]]
    """Requests or messages a second of each service, at each minute of the day, without events."""

    @property
    def asked(self) -> float:
        """Return all requests and messages of the day."""
        return sum(sum(rates) for rates in self.rates.values()) * 60


def platform_of(settings: Settings, scenario: Scenario, label: str) -> DayPlatform:
    """Return what a day depends on. ``label`` is the stack file, for messages.

    Raises :class:`Mistakes` where nobody says how much it is used, or a service of the scenario is not there.
    """
    tiers = tuple(_tiers(settings, scenario))
    _check(settings, scenario, tiers, label)
    usage = settings.usage
    visitors = scenario.visitors if scenario.visitors is not None else usage and usage.visitors
    requests = scenario.requests if scenario.requests is not None else usage and usage.requests
    messages = scenario.messages if scenario.messages is not None else usage and usage.messages
    totals = {True: (visitors or 0) * (requests or 0), False: messages or 0}
    weights = {public: scenario.weights(peak_of(usage, public=public)) for public in (True, False)}
    rates = {}
    for tier in tiers:
        shares = sum(one.work.share for one in tiers if one.public == tier.public)
        part = totals[tier.public] * tier.work.share / shares if shares else 0.0
        rates[tier.name] = tuple(part * weight / 60 for weight in weights[tier.public])
    return DayPlatform(tiers, _database(settings), _zones(settings), rates)


def peak_of(usage: UsageSettings | None, *, public: bool) -> float | None:
    """Return the part of a day's requests, or of its messages, that its busiest hour has, as ``usage`` says it."""
    if usage is None:
        return None
    if not public and usage.peak_messages is not None and usage.messages:
        return usage.peak_messages * 3600 / usage.messages
    return None if usage.peak_percent is None else usage.peak_percent / 100


def _work(settings: Settings, scenario: Scenario, service: str) -> WorkSettings:
    """Return the work of a service's request: as the scenario says it, else as ``usage`` does."""
    said = (settings.usage.services.get(service) if settings.usage else None, scenario.services.get(service))
    return WorkSettings.model_validate(
        {key: value for one in said if one for key, value in one.model_dump(exclude_unset=True).items()}
    )


def _check(settings: Settings, scenario: Scenario, tiers: tuple[Tier, ...], label: str) -> None:
    names = [tier.name for tier in tiers]
    mistakes = [
        Mistake(("services", name), f"is no service of {label} that takes requests or messages", "the scenario")
        for name in scenario.services
        if name not in names
    ]
    usage = settings.usage
    public = [tier for tier in tiers if tier.public]
    for key, what in (("visitors", "people a day"), ("requests", "that services answer for each visitor")):
        if public and getattr(scenario, key) is None and (usage is None or getattr(usage, key) is None):
            text = f'nobody says how many {key} there are ({what}); add "{key}" here under groundwork:usage, or to the scenario'
            mistakes.append(Mistake(("usage", key), text, label))
    if not tiers:
        mistakes.append(
            Mistake(("services",), "there is no service with a path or a host, and none that consumes a queue", label)
        )
    if mistakes:
        raise Mistakes(mistakes)


def _tiers(settings: Settings, scenario: Scenario) -> Iterator[Tier]:
    engine = settings.compute.engine if settings.compute else "fargate"
    for name, service in settings.services.items():
        consumes = any("consume" in use.levels for use in service.uses.values())
        if not (service.is_public or service.scaling.queue or consumes):
            continue
        work = _work(settings, scenario, name)
        # What a request needs of the database by way of other services is said, not seen.
        usual = DATABASE_MS if "database" in service.uses else 0.0
        database = work.database_ms if work.database_ms is not None else usual
        yield Tier(
            name,
            service.is_public,
            engine,
            service.cpu / _VCPU_UNITS,
            service.scaling,
            tuple(_bounds(settings, service, scenario.weekday)),
            work,
            database if settings.data else 0.0,
        )


def _bounds(settings: Settings, service: ServiceSettings, weekday: Weekday) -> Iterator[tuple[int, int]]:
    """Yield the bounds of copies at each minute of a day, as schedules move them."""
    scaling = service.scaling
    instances = settings.compute.capacity if settings.compute and settings.compute.copies_are_instances else None
    changes: dict[int, tuple[int, int]] = {}
    for entry in (instances or scaling).schedule.values():
        at = firings(f"cron({entry.cron})")
        ahead = _minutes_between(settings.platform.timezone, entry.timezone or settings.platform.timezone)
        changes.update({(minute + ahead) % WEEK: (entry.min, entry.max) for minute in at or ()})
    # Nothing adds an instance but its schedule.
    usual = (instances.min, instances.min) if instances else (scaling.min, scaling.max)
    first = _WEEKDAYS.index(weekday) * MINUTES
    for minute in range(first, first + MINUTES):
        before = [one for one in changes if one <= minute] or changes
        yield changes[max(before)] if changes else usual


def _minutes_between(here: str, there: str) -> int:
    """Return how many minutes a clock here is ahead of one there, in winter of the northern half."""
    day = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
    ahead = [day.astimezone(ZoneInfo(zone)).utcoffset() or dt.timedelta() for zone in (here, there)]
    return int((ahead[0] - ahead[1]).total_seconds() // 60)


def _zones(settings: Settings) -> int:
    zones = settings.network.zones if settings.network else 1
    return zones if isinstance(zones, int) else len(zones)


def _database(settings: Settings) -> DatabaseQueue | None:
    data = settings.data
    if data is None or data.known_class is None:
        return None
    return DatabaseQueue(data.known_class, database_processors(data.known_class), len(data.replicas), data.multi_az)
