"""A day request by request: each arrives, waits for a copy, works, and goes on to the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from groundwork.simulation.latencies import Latencies
from groundwork.simulation.model import DatabaseLoad, Load, ServedMinute
from groundwork.simulation.queues import NEVER, Numbers, answer, in_order, serve
from groundwork.simulation.scenario import Scenario
from groundwork.simulation.tiers import DayPlatform, Tier

_NONE: Numbers = np.empty(0)


@dataclass
class _Copies:
    """The processors of a service."""

    free: Numbers
    """When each server of each copy is free; a queue's consumers are one row, since they take messages when they are free."""
    turn: int = 0
    arrived: Numbers = field(default_factory=lambda: _NONE)
    work: Numbers = field(default_factory=lambda: _NONE)
    """Of messages that wait."""


@dataclass
class _Instance:
    """A database instance."""

    free: Numbers
    """When each of its processors is free."""
    waiting: Numbers = field(default_factory=lambda: np.empty((0, 4)))
    """What waits for it or will: of each when it is ready, when it was born, its work, and the place of its service."""


class EventModel:
    """Every request is drawn, and served in order."""

    def __init__(self, platform: DayPlatform, scenario: Scenario) -> None:
        self._tiers = platform.tiers
        self._scenario = scenario
        self._chance = np.random.default_rng(scenario.seed)
        self._copies = {tier.name: _Copies(np.zeros((0 if tier.public else 1, 0))) for tier in platform.tiers}
        database = platform.database
        self._instances = (
            [_Instance(np.zeros(database.vcpus)) for _ in range(1 + database.replicas)] if database else []
        )
        self.database_utilization = 0.0

    def minute(self, number: int, loads: Mapping[str, Load], database: DatabaseLoad) -> Mapping[str, ServedMinute]:
        begins, ends = number * 60.0, number * 60.0 + 60
        latencies = [Latencies() for _ in self._tiers]
        found: list[tuple[float, float, float, float]] = []
        for place, tier in enumerate(self._tiers):
            load = loads[tier.name]
            count = int(self._chance.poisson(load.rate * 60))
            arrived = self._arrivals(begins, count)
            if load.missing:
                arrived = arrived[self._chance.random(count) >= load.missing]
            born, ended, busy = self._work(tier, arrived, load.copies, begins, ends)
            gone = ended == NEVER
            lost = count - len(arrived) + int(np.count_nonzero(gone))
            if lost:
                born, ended = born[~gone], ended[~gone]
            found.append((count, lost, busy, len(self._copies[tier.name].arrived)))
            ready = ended + tier.work.wait_ms / 1000
            if tier.database_ms and self._instances:
                self._ask(place, tier, born, ready, database.slow)
            else:
                latencies[place].add(ready - born)
        given_up = self._database(begins, ends, database.down, latencies)
        return {
            tier.name: ServedMinute(count, lost + given_up[place], busy, waiting, latencies[place])
            for place, (tier, (count, lost, busy, waiting)) in enumerate(zip(self._tiers, found, strict=True))
        }

    def _arrivals(self, begins: float, count: int) -> Numbers:
        """Return when requests of a minute come, which is by chance, in order."""
        gaps = np.cumsum(self._chance.standard_exponential(count + 1))
        times: Numbers = begins + 60 * gaps[:-1] / gaps[-1]
        return times

    def _drawn(self, count: int, mean: float, variation: float) -> Numbers:
        """Draw the seconds of work of requests, as gamma distributions have them, of which the exponential is one."""
        if variation == 0:
            return np.full(count, mean)
        if variation == 1:
            return mean * self._chance.standard_exponential(count)
        return mean * variation**2 * self._chance.standard_gamma(1 / variation**2, count)

    def _work(
        self, tier: Tier, arrived: Numbers, count: int, begins: float, ends: float
    ) -> tuple[Numbers, Numbers, float]:
        """Have the copies of a service work for a minute. Returns when each request came that they were given, when it was done, and the
        percent of their CPU."""
        copies = self._copies[tier.name]
        _resize(copies, tier, count, begins)
        work = self._drawn(len(arrived), tier.seconds, tier.work.variation)
        if not tier.public:
            arrived, work = np.concatenate((copies.arrived, arrived)), np.concatenate((copies.work, work))
        if not copies.free.size:
            if tier.public:
                return arrived, np.full(len(arrived), NEVER), 0.0
            copies.arrived, copies.work = arrived, work
            return _NONE, _NONE, 0.0
        ended = np.empty(len(arrived))
        owed = _owed(copies.free, begins)
        patience, horizon = (self._scenario.patience_seconds, NEVER) if tier.public else (NEVER, ends)
        copies.turn, taken, worked = serve(arrived, work, copies.free, copies.turn, patience, horizon, ended)
        if not tier.public:
            copies.arrived, copies.work = arrived[taken:], work[taken:]
            arrived, ended = arrived[:taken], ended[:taken]
        worked += owed - _owed(copies.free, ends)
        return arrived, ended, 100 * worked / (60 * copies.free.size)

    def _ask(self, place: int, tier: Tier, born: Numbers, ready: Numbers, slow: float) -> None:
        """Put requests before the database."""
        asked = np.empty((len(born), 4))
        asked[:, 0], asked[:, 1], asked[:, 3] = ready, born, place
        asked[:, 2] = self._drawn(len(born), slow * tier.database_ms / 1000, tier.work.variation)
        primary, *replicas = self._instances
        if replicas and self._scenario.reads_percent:
            reads = self._chance.random(len(born)) < self._scenario.reads_percent / 100
            read, asked = asked[reads], asked[~reads]
            for number, replica in enumerate(replicas):
                replica.waiting = np.concatenate((replica.waiting, read[number :: len(replicas)]))
        primary.waiting = np.concatenate((primary.waiting, asked))

    def _database(self, begins: float, ends: float, down: float, latencies: list[Latencies]) -> list[int]:
        """Have the database answer for a minute; returns how many of each service gave up."""
        given_up = [0] * len(self._tiers)
        self.database_utilization = 0.0
        for number, instance in enumerate(self._instances):
            # A zone takes the primary with it; replicas stand elsewhere.
            if down and number == 0:
                np.maximum(instance.free, begins + down, out=instance.free)
            owed = _owed(instance.free, begins)
            ready = instance.waiting[:, 0]
            order = in_order(ready, min(begins, ready.min(initial=begins)), ends)
            took = np.empty(len(order))
            taken, worked = answer(instance.waiting, order, instance.free, self._scenario.patience_seconds, ends, took)
            places = instance.waiting[order[:taken], 3]
            instance.waiting = instance.waiting[order[taken:]]
            if not (down and number == 0):
                worked += owed - _owed(instance.free, ends)
                self.database_utilization = max(self.database_utilization, 100 * worked / (60 * instance.free.size))
            took = took[:taken]
            for place in range(len(self._tiers)):
                mine = took[places == place] if len(self._tiers) > 1 else took
                gone = int(np.count_nonzero(mine < 0))
                given_up[place] += gone
                latencies[place].add(mine[mine >= 0] if gone else mine)
        return given_up


def _owed(free: Numbers, at: float) -> float:
    """Return the seconds of work that are begun or promised and not done at a time."""
    return float(np.maximum(free - at, 0).sum())


def _resize(copies: _Copies, tier: Tier, count: int, begins: float) -> None:
    """Add copies, which are free at once, or take some away, whose work is done elsewhere."""
    if tier.public:
        there = copies.free.shape[0]
        if there != count:
            kept = copies.free[:count].reshape(-1, tier.servers)
            copies.free = np.concatenate((kept, np.full((max(count - there, 0), tier.servers), begins)))
            copies.turn %= max(count, 1)
        return
    wanted = count * tier.servers
    if copies.free.shape[1] != wanted:
        kept = np.sort(copies.free[0])[:wanted]
        # What is sorted is a heap.
        copies.free = np.sort(np.concatenate((kept, np.full(wanted - len(kept), begins)))).reshape(1, wanted)
