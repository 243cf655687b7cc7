"""The load that a stack's file declares under ``usage``, minute by minute of a day: the same day that ``groundwork simulate`` lives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from groundwork.components.compute.settings import Engine
from groundwork.components.settings import Settings
from groundwork.components.usage.settings import UsageSettings
from groundwork.simulation.scenario import MINUTES, Scenario
from groundwork.simulation.tiers import DayPlatform, Tier, peak_of, platform_of

_DAY = 86_400
"""Seconds."""
DATABASE_IOS = 1.0
"""Reads and writes of the database's volume that a request needs of a service which uses it, where nobody says."""


@dataclass(frozen=True)
class DeclaredLoad:
    """A stack's settings with the day that they are held against."""

    settings: Settings
    scenario: Scenario
    platform: DayPlatform

    @cached_property
    def usage(self) -> UsageSettings:
        return self.settings.usage or UsageSettings()

    @property
    def visitors(self) -> float:
        """Return the people of the day."""
        return (self.scenario.visitors if self.scenario.visitors is not None else self.usage.visitors) or 0.0

    @property
    def messages(self) -> float | None:
        """Return the messages of the day; None where nobody says how many there are."""
        return self.scenario.messages if self.scenario.messages is not None else self.usage.messages

    @property
    def requests(self) -> float:
        """Return the requests of a visitor that services answer."""
        return (self.scenario.requests if self.scenario.requests is not None else self.usage.requests) or 0.0

    @cached_property
    def peak(self) -> float:
        """Return the part of the day's visitors that its busiest minute has."""
        return max(self.scenario.weights(peak_of(self.usage, public=True)))

    @cached_property
    def peak_of_messages(self) -> float:
        """Return the part of the day's messages that its busiest minute has."""
        return max(self.scenario.weights(peak_of(self.usage, public=False)))

    def at_peak(self, a_day: float) -> float:
        """Return how many a second of what visitors do so often a day there are in the busiest minute."""
        return a_day * self.peak / 60

    @property
    def requests_at_peak(self) -> float:
        """Return the requests a second that services answer in the busiest minute."""
        return self.at_peak(self.visitors * self.requests)

    @cached_property
    def public(self) -> tuple[Tier, ...]:
        """Return the services that requests come to."""
        return tuple(tier for tier in self.platform.tiers if tier.public)

    @cached_property
    def workers(self) -> tuple[Tier, ...]:
        """Return the services that take messages."""
        return tuple(tier for tier in self.platform.tiers if not tier.public)

    @cached_property
    def _busiest(self) -> dict[str, int]:
        return {name: rates.index(max(rates)) for name, rates in self.platform.rates.items()}

    def busiest(self, tier: Tier) -> int:
        """Return the minute in which most comes to a service."""
        return self._busiest[tier.name]

    def copies(self, tier: Tier, times: float = 1.0) -> int:
        """Return the copies that a service's busiest minute asks for at so many times the load, whatever the most is that may run."""
        minute = self.busiest(tier)
        least = tier.bounds[minute][0]
        if self.copies_are_instances:
            # Nothing adds one.
            return least
        rate = times * self.platform.rates[tier.name][minute]
        return max(least, math.ceil(rate / self.on_a_copy(tier)))

    @staticmethod
    def on_a_copy(tier: Tier) -> float:
        """Return the requests a second of one copy at which its service's scaling wants another."""
        return min(_each(tier))

    def database_ios(self, tier: Tier) -> float:
        """Return the reads and writes of the database's volume that a service's request needs."""
        usual = DATABASE_IOS if tier.database_ms else 0.0
        return usual if tier.work.database_ios is None else tier.work.database_ios

    def on_average(self, tier: Tier) -> float:
        """Return the requests or messages a second of a service on average over the day."""
        return self._means[tier.name]

    @cached_property
    def _means(self) -> dict[str, float]:
        return {name: sum(rates) / MINUTES for name, rates in self.platform.rates.items()}

    @property
    def copies_are_instances(self) -> bool:
        return self.settings.compute is not None and self.settings.compute.copies_are_instances

    @property
    def engine(self) -> Engine:
        return self.settings.compute.engine if self.settings.compute else "fargate"


def _each(tier: Tier) -> Iterator[float]:
    """Yield requests a second beyond which a copy is more than its scaling wants, by each measure that it has."""
    target, steps = tier.scaling.target, tier.scaling.steps
    percents = [target.cpu if target else None, steps.above if steps else None]
    percent = min((one for one in percents if one), default=_USUAL)
    yield tier.servers / tier.seconds * percent / 100 if tier.seconds else math.inf
    if target and target.requests and tier.public:
        yield target.requests / 60


_USUAL = 70
"""Percent of a copy's CPU where its scaling does not go by it."""


def load_of(settings: Settings, scenario: Scenario, label: str) -> DeclaredLoad:
    """Return what a stack is held against. ``label`` is the stack file, for messages; :class:`Mistakes` where it does not say how much it is
    used, or a service of the scenario is not there."""
    return DeclaredLoad(settings, scenario, platform_of(settings, scenario, label))
