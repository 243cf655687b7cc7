"""A day of a stack, minute by minute: traffic and events in, copies and latencies out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from groundwork.simulation.events import EventModel
from groundwork.simulation.fluid import FluidModel
from groundwork.simulation.latencies import Latencies
from groundwork.simulation.model import DatabaseLoad, DayModel, Load
from groundwork.simulation.scaling import MinuteMeasures, Scaler
from groundwork.simulation.scenario import MINUTES, Scenario
from groundwork.simulation.tiers import DayPlatform, Tier

Method = Literal["events", "fluid"]
METHODS: dict[Method, Callable[[DayPlatform, Scenario], DayModel]] = {"events": EventModel, "fluid": FluidModel}

MOST_EVENTS = 100_000_000
"""Requests of a day beyond which it is simulated as a fluid unless asked otherwise: about ten seconds' work for one core."""

_QUANTILES = (0.5, 0.95, 0.99)
_NOTICED = 90.0
"""Seconds until a load balancer sends a copy no more requests that is gone: three failed health checks thirty seconds apart, as
``components/compute/routing.py`` has them."""
_FAILOVER = 90.0
"""Seconds until the standby of a Multi-AZ database answers: "typically 60-120 seconds",
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html."""


@dataclass
class ServiceDay:
    """A service's day."""

    tier: Tier
    latencies: Latencies = field(default_factory=Latencies)
    arrived: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)
    """That serve, at each minute."""
    paid: list[int] = field(default_factory=list)
    """With those that start."""
    utilization: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    """Seconds that a request of each minute took on average."""
    slowest: list[tuple[float, float, float]] = field(default_factory=list)
    """Seconds in which half, 95 % and 99 % of each minute's requests were done."""

    @property
    def lost_percent(self) -> float:
        """Return the percent of the day's requests that nobody answered."""
        arrived = sum(self.arrived)
        return 100 * sum(self.lost) / arrived if arrived else 0.0

    @property
    def copy_hours(self) -> float:
        """Return the hours of a copy that are paid."""
        return sum(self.paid) / 60

    def quantile(self, part: float) -> float:
        """Return in how many seconds a part of the day's requests was done."""
        return self.latencies.quantiles((part,))[0]


@dataclass(frozen=True)
class DayResult:
    """A simulated day."""

    scenario: Scenario
    platform: DayPlatform
    method: Method
    services: Mapping[str, ServiceDay]
    database: tuple[float, ...]
    """Percent of the busiest database's CPU at each minute."""


@dataclass
class _Fleet:
    """The copies of a service."""

    wanted: int
    serving: int
    starting: list[tuple[int, int]] = field(default_factory=list)
    """Minute from which they serve, and how many."""
    gone: int = 0
    """Copies that went at ``lost_at``, and to which the load balancer sends until it notices."""
    lost_at: int = 0

    def at(self, minute: int, start_minutes: int) -> None:
        """Bring what serves and starts to what is wanted."""
        self.serving += sum(count for ready, count in self.starting if ready <= minute)
        self.starting = [one for one in self.starting if one[0] > minute]
        missing = self.wanted - self.serving - sum(count for _, count in self.starting)
        if missing > 0:
            self.starting.append((minute + start_minutes, missing))
        while missing < 0 and self.starting:
            ready, count = self.starting.pop()
            missing += count
            if missing > 0:
                self.starting.append((ready, missing))
                return
        self.serving += min(missing, 0)

    def lose(self, zones: int, minute: int) -> None:
        """Lose the copies of one zone, over which they are spread evenly, and as many as may be in one."""
        self.gone = math.ceil(self.serving / zones)
        self.serving -= self.gone
        self.lost_at = minute


def simulate(platform: DayPlatform, scenario: Scenario, method: Method | None = None) -> DayResult:
    """Simulate a day; unset, request by request unless there are more than :data:`MOST_EVENTS`."""
    chosen: Method = method or ("events" if platform.asked <= MOST_EVENTS else "fluid")
    model = METHODS[chosen](platform, scenario)
    services = {tier.name: ServiceDay(tier) for tier in platform.tiers}
    scalers = {tier.name: Scaler(tier) for tier in platform.tiers}
    fleets = {tier.name: _Fleet(tier.bounds[0][0], tier.bounds[0][0]) for tier in platform.tiers}
    busy = []
    start_minutes = math.ceil(scenario.start_seconds / 60)
    for minute in range(MINUTES):
        losing = any(one.kind == "zone-lost" and one.begins == minute for one in scenario.events)
        loads = {}
        for tier in platform.tiers:
            fleet = fleets[tier.name]
            if losing:
                fleet.lose(platform.zones, minute)
            fleet.at(minute, start_minutes)
            loads[tier.name] = _load(platform, scenario, tier, fleet, minute)
        served = model.minute(minute, loads, _database_load(platform, scenario, minute))
        busy.append(model.database_utilization)
        for tier in platform.tiers:
            fleet, service, one = fleets[tier.name], services[tier.name], served[tier.name]
            service.latencies += one.latencies
            service.arrived.append(one.arrived)
            service.lost.append(one.lost)
            service.copies.append(fleet.serving)
            service.paid.append(fleet.serving + sum(count for _, count in fleet.starting))
            service.utilization.append(one.utilization)
            service.waiting.append(one.waiting)
            service.mean.append(one.latencies.mean)
            half, most, nearly_all = one.latencies.quantiles(_QUANTILES)
            service.slowest.append((half, most, nearly_all))
            copies = fleet.serving
            each = max(copies, 1)
            measured = MinuteMeasures(
                copies,
                one.utilization,
                one.arrived / each,
                one.waiting + one.latencies.seconds / 60,
                one.latencies.seconds / 60 / each,
            )
            fleet.wanted = scalers[tier.name].wanted(minute, fleet.wanted, measured)
    return DayResult(scenario, platform, chosen, services, tuple(busy))


def _load(platform: DayPlatform, scenario: Scenario, tier: Tier, fleet: _Fleet, minute: int) -> Load:
    rate = platform.rates[tier.name][minute]
    for event in scenario.events:
        if event.kind == "crowd" and event.holds(minute):
            rate *= event.times
    unnoticed = min(max(_NOTICED - 60 * (minute - fleet.lost_at), 0.0), 60.0) / 60
    there = fleet.serving + fleet.gone
    missing = fleet.gone / there * unnoticed if there and tier.public else 0.0
    return Load(rate, fleet.serving, missing)


def _database_load(platform: DayPlatform, scenario: Scenario, minute: int) -> DatabaseLoad:
    slow, down = 1.0, 0.0
    for event in scenario.events:
        if event.kind == "slow-database" and event.holds(minute):
            slow *= event.times
        if event.kind == "zone-lost" and event.holds(minute) and platform.database:
            # Without a standby, a database whose zone is gone comes back with it.
            left = _FAILOVER - 60 * (minute - event.begins) if platform.database.multi_az else 60.0
            down = max(down, min(left, 60.0))
    return DatabaseLoad(slow, max(down, 0.0))
