"""The cheapest sizes that hold a percentile of the latencies of a day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from groundwork.components.data.connections import direct
from groundwork.components.settings import Settings
from groundwork.pricing.book import Book
from groundwork.pricing.estimate import Estimate
from groundwork.settings.facts import classes, database_processors, fargate_sizes, max_connections
from groundwork.settings.mistakes import Mistake, Mistakes
from groundwork.simulation.cost import Rate
from groundwork.simulation.day import DayResult, simulate
from groundwork.simulation.scenario import Scenario
from groundwork.simulation.tiers import DatabaseQueue, DayPlatform, Tier

_HOURS = Decimal(24)
_MOST_COPIES = 4096
_LARGEST_TASK = 4096
"""CPU units beyond which more copies serve better than larger ones."""
LOST_PERCENT = 0.1
"""Requests that may go unanswered."""


@dataclass(frozen=True)
class LatencyGoal:
    """What is to hold for each public service over the day."""

    part: float
    """Such as 0.95 of the requests …"""
    seconds: float
    """… done in so many seconds."""

    def holds(self, result: DayResult, name: str) -> bool:
        service = result.services[name]
        return service.quantile(self.part) <= self.seconds and service.lost_percent <= LOST_PERCENT


@dataclass(frozen=True)
class Size:
    """A service's size."""

    cpu: int
    memory: int
    """MiB."""
    least: int
    most: int


@dataclass(frozen=True)
class CheapestSizes:
    """What the search found."""

    sizes: Mapping[str, Size]
    database: str | None
    """Its class; None where there is none that the search may change."""
    result: DayResult
    daily: Decimal
    """US dollars a day of these services and this database."""


@dataclass(frozen=True)
class SizeSearch:
    """Where sizes are looked for: Fargate's, and the database's classes that take as many connections."""

    settings: Settings
    platform: DayPlatform
    scenario: Scenario
    goal: LatencyGoal
    rates: Mapping[str, Rate]

    def cheapest(self, databases: Sequence[tuple[DatabaseQueue | None, Decimal]]) -> CheapestSizes | None:
        """Return the cheapest sizes that hold the goal; None where none do. ``databases`` come with what a day of them costs, the cheapest
        first. Raises :class:`Mistakes` where services do not run on Fargate, or have no price.

        Takes the cheapest database that holds it where copies abound, and then for each service the cheapest size and number of copies.
        Looks as a fluid, in which more copies are never slower; what it returns was simulated as :func:`simulate` has it unset.
        """
        public = [tier for tier in self.platform.tiers if tier.public]
        if any(tier.engine != "fargate" or tier.name not in self.rates for tier in public):
            text = "sizes are searched for services on Fargate whose price is known; leave --search out"
            raise Mistakes([Mistake(("compute", "engine"), text)])
        ample = {tier.name: sized(tier, _largest()) for tier in public}
        enough = ((with_tiers(self.platform, ample, database), price) for database, price in databases)
        held = next(((at_most, price) for at_most, price in enough if self._holds(at_most, public)), None)
        if held is None:
            return None
        at_most, price = held
        sizes = {tier.name: size for tier in public if (size := self._size(at_most, tier)) is not None}
        if len(sizes) < len(public):
            return None
        database = at_most.database
        chosen = with_tiers(self.platform, {tier.name: sized(tier, sizes[tier.name]) for tier in public}, database)
        result = simulate(chosen, self.scenario)
        name = database.instance_class if database and price else None
        return CheapestSizes(sizes, name, result, price + self._price(result, sizes))

    def _holds(self, platform: DayPlatform, tiers: Sequence[Tier]) -> bool:
        result = simulate(platform, self.scenario, "fluid")
        return all(self.goal.holds(result, tier.name) for tier in tiers)

    def _price(self, result: DayResult, sizes: Mapping[str, Size]) -> Decimal:
        return sum(
            (
                Decimal(str(result.services[name].copy_hours))
                * self.rates[name].of(size.cpu / 1024, size.memory / 1024)
                for name, size in sizes.items()
            ),
            Decimal(0),
        )

    def _size(self, platform: DayPlatform, tier: Tier) -> Size | None:
        """Return the cheapest size of one service while the others have more than enough: larger ones until they cost more."""
        best: tuple[Decimal, Size] | None = None
        likely = 1
        for cpu, memories in fargate_sizes().items():
            memory = next((one for one in memories if one >= self.settings.services[tier.name].memory), None)
            found = self._fewest(platform, tier, (cpu, memory), likely) if memory and cpu <= _LARGEST_TASK else None
            if found is None:
                continue
            size, result = found
            price = self._price(result, {tier.name: size})
            if best is not None and price >= best[0]:
                break
            best, likely = (price, size), max(size.least // 2, 1)
        return best[1] if best else None

    def _fewest(
        self, platform: DayPlatform, tier: Tier, of: tuple[int, int], likely: int
    ) -> tuple[Size, DayResult] | None:
        """Return the fewest copies to begin with that hold the goal, found by doubling and halving from a likely number on."""
        scaling = self.settings.services[tier.name].scaling
        room = scaling.max / max(scaling.min, 1)
        held: dict[int, tuple[Size, DayResult]] = {}

        def holds(least: int) -> bool:
            size = Size(*of, least, max(math.ceil(least * room), least))
            trial = with_tiers(platform, {tier.name: sized(tier, size)}, platform.database)
            held[least] = (size, simulate(trial, self.scenario, "fluid"))
            return self.goal.holds(held[least][1], tier.name)

        low, high = 0, likely
        while not holds(high):
            low, high = high, high * 2
            if high > _MOST_COPIES:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
        return held[high]


def _largest() -> Size:
    return Size(_LARGEST_TASK, 0, _MOST_COPIES, _MOST_COPIES)


def sized(tier: Tier, size: Size) -> Tier:
    """Return a service of another size, without schedules."""
    scaling = tier.scaling.model_copy(update={"min": size.least, "max": size.most})
    return replace(tier, vcpus=size.cpu / 1024, scaling=scaling, bounds=((size.least, size.most),) * len(tier.bounds))


def with_tiers(platform: DayPlatform, tiers: Mapping[str, Tier], database: DatabaseQueue | None) -> DayPlatform:
    """Return a platform with some services and the database replaced."""
    return replace(platform, tiers=tuple(tiers.get(tier.name, tier) for tier in platform.tiers), database=database)


def databases(
    settings: Settings, now: DatabaseQueue | None, found: Estimate, book: Book
) -> list[tuple[DatabaseQueue | None, Decimal]]:
    """Return classes of the database and what a day of them costs, the cheapest first and of those with as many processors only that: with a
    price, and taking the connections of today's copies. Only the database as it is, at nothing, where none can be chosen."""
    if now is None or settings.data is None or settings.data.existing:
        return [(now, Decimal(0))]
    usage = f"Usage:{now.instance_class}"
    line = next((one for one in found.lines if one.listed.meter.usage_type.endswith(usage)), None)
    if line is None:
        return [(now, Decimal(0))]
    meter = line.listed.meter
    needed = sum(holder.most_deploying for holder in direct(settings, "primary"))
    cheapest: dict[int, tuple[Decimal, str]] = {}
    for name in classes("databases"):
        listed = book.find(meter.service, meter.usage_type.replace(now.instance_class, name), meter.variant)
        if listed is not None and (max_connections(name) or 0) >= needed:
            price = listed.tiers[0][1] * _HOURS * (1 + now.replicas)
            vcpus = database_processors(name)
            cheapest[vcpus] = min(cheapest.get(vcpus, (price, name)), (price, name))
    return [
        (replace(now, instance_class=name, vcpus=vcpus), price)
        for vcpus, (price, name) in sorted(cheapest.items(), key=lambda one: one[1])
    ]
