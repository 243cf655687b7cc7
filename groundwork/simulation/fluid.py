"""A day as a fluid: as many requests as there are, and no longer for more of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from groundwork.simulation.latencies import Latencies
from groundwork.simulation.model import DatabaseLoad, Load, ServedMinute
from groundwork.simulation.queues import Numbers, advance, lengths
from groundwork.simulation.scenario import Scenario
from groundwork.simulation.theory import Stationary, erlang_c
from groundwork.simulation.tiers import DayPlatform, Tier

_STEPS = 6
"""Of a minute."""
_STEP = 60.0 / _STEPS
"""Seconds."""
_SAMPLES = 48
"""Requests of each step that stand for all of them."""
_SHAPE = (_STEPS, _SAMPLES)
_BUILT_UP = 0.98
"""The load beyond which what waits has built up, so that a request waits as long as those before it need, and not by chance."""


@dataclass
class _Stream:
    """A queue as a fluid."""

    inside: float = 0.0
    """Requests in it, waiting or worked on; of a service for each copy."""


@dataclass(frozen=True)
class _Flow:
    """What a queue was like over some seconds."""

    load: float
    """Of each server, 0 to 1."""
    queued: float
    """Requests that wait."""
    leaving: float
    """Requests a second."""
    given_up: float


class FluidModel:
    """Requests flow; how long one takes is drawn from what the queues it passes are like."""

    def __init__(self, platform: DayPlatform, scenario: Scenario) -> None:
        self._tiers = platform.tiers
        self._scenario = scenario
        self._chance = np.random.default_rng(scenario.seed)
        self._streams = {tier.name: _Stream() for tier in platform.tiers}
        self._copies = dict.fromkeys(self._streams, 0)
        self._database = platform.database
        replicas = platform.database.replicas if platform.database else 0
        reads = scenario.reads_percent / 100 if replicas else 0.0
        # Replicas are alike: one of them stands for all.
        self._parts = [(1 - reads, 1), *([(reads / replicas, replicas)] if reads else [])] if platform.database else []
        self._instances = [_Stream() for _ in self._parts]
        self.database_utilization = 0.0

    def minute(self, number: int, loads: Mapping[str, Load], database: DatabaseLoad) -> Mapping[str, ServedMinute]:
        steps = {tier.name: self._serve(tier, loads[tier.name]) for tier in self._tiers}
        asked = [tier for tier in self._tiers if tier.database_ms and self._parts]
        answers = [self._answer(place, asked, steps, loads, database) for place in range(len(self._parts))]
        busiest = max((step.load for answer in answers for step in answer), default=0.0)
        self.database_utilization = 100 * busiest
        answered = self._kept(answers)
        found = {}
        for tier in self._tiers:
            load, mine = loads[tier.name], steps[tier.name]
            kept = answered if tier in asked else 1.0
            latencies = self._latencies(tier, load, mine, answers if tier in asked else [], database, kept=kept)
            arrived = load.rate * 60
            lost = arrived * load.missing + sum(step.given_up for step in mine)
            through = sum(step.leaving for step in mine) * _STEP * self._lines(tier, load)
            lost += through * (1 - kept)
            utilization = 100 * sum(step.load for step in mine) / _STEPS
            waiting = mine[-1].queued * self._lines(tier, load)
            found[tier.name] = ServedMinute(arrived, lost, utilization, waiting, latencies)
        return found

    @staticmethod
    def _lines(tier: Tier, load: Load) -> int:
        """Return how many queues of the kind there are: one for each copy, or one from which all consume."""
        return max(load.copies, 1) if tier.public else 1

    def _serve(self, tier: Tier, load: Load) -> list[_Flow]:
        stream, lines = self._streams[tier.name], self._lines(tier, load)
        if tier.public and self._copies[tier.name]:
            # What was in all copies is in those that there are now.
            stream.inside *= self._copies[tier.name] / lines
        self._copies[tier.name] = lines
        servers = tier.servers if tier.public else tier.servers * load.copies
        rate = load.rate * (1 - load.missing) / lines
        if not load.copies:
            if tier.public:
                return [_Flow(0.0, 0.0, 0.0, rate * _STEP)] * _STEPS
            stream.inside += rate * 60
            return [_Flow(0.0, stream.inside, 0.0, 0.0)] * _STEPS
        dealt = 1 / lines if tier.public else 1.0
        patience = self._scenario.patience_seconds if tier.public else np.inf
        steps = [
            self._step(stream, rate, Stationary(servers, tier.seconds, dealt, tier.work.variation**2), patience)
            for _ in range(_STEPS)
        ]
        return [_Flow(one.load, one.queued, one.leaving, one.given_up * lines) for one in steps]

    @staticmethod
    def _step(stream: _Stream, rate: float, queue: Stationary, patience: float, up: float = 1.0) -> _Flow:
        """Let a queue flow for a step, in a part of which it answers."""
        if queue.mean <= 0:
            return _Flow(0.0, 0.0, rate, 0.0)
        capacity, before = queue.servers / queue.mean * up, stream.inside
        if capacity <= 0:
            # Nobody is served, so that those are in it who came lately enough.
            stream.inside = min(before + rate * _STEP, rate * patience)
            return _Flow(0.0, stream.inside, 0.0, before + rate * _STEP - stream.inside)
        loads, inside = lengths(queue.servers, round(queue.arriving, 2), round(queue.working, 2))
        stream.inside, given_up = advance(
            before, rate, capacity, patience * capacity + queue.servers, _STEP, loads, inside
        )
        load = float(np.interp(stream.inside, inside, loads))
        leaving = max((before - stream.inside - given_up) / _STEP + rate, 0.0)
        return _Flow(load, max(stream.inside - queue.servers * load, 0.0), leaving, given_up)

    def _answer(
        self,
        place: int,
        asked: list[Tier],
        steps: Mapping[str, list[_Flow]],
        loads: Mapping[str, Load],
        database: DatabaseLoad,
    ) -> list[_Flow]:
        assert self._database is not None  # noqa: S101 - there are parts of it
        part, _ = self._parts[place]
        found = []
        for number in range(_STEPS):
            rates = [steps[tier.name][number].leaving * self._lines(tier, loads[tier.name]) * part for tier in asked]
            total = sum(rates)
            means = [database.slow * tier.database_ms / 1000 for tier in asked]
            mean = sum(r * m for r, m in zip(rates, means, strict=True)) / total if total else 0.0
            squares = sum(
                rate * one**2 * (1 + tier.work.variation**2)
                for rate, one, tier in zip(rates, means, asked, strict=True)
            )
            spread = squares / total / mean**2 - 1 if mean else 1.0
            up = 1.0
            if database.down and place == 0:
                up = min(max((number + 1) * _STEP - database.down, 0.0), _STEP) / _STEP
            queue = Stationary(self._database.vcpus, mean or max(means, default=0.0), 1.0, spread)
            patience = self._scenario.patience_seconds
            found.append(self._step(self._instances[place], total, queue, patience, up))
        return found

    def _kept(self, answers: list[list[_Flow]]) -> float:
        """Return the part of what was put before the database that it did not leave unanswered."""
        given_up = sum(
            step.given_up * count for answer, (_, count) in zip(answers, self._parts, strict=True) for step in answer
        )
        answered = sum(
            step.leaving * _STEP * count
            for answer, (_, count) in zip(answers, self._parts, strict=True)
            for step in answer
        )
        return answered / (answered + given_up) if answered + given_up else 1.0

    def _latencies(
        self,
        tier: Tier,
        load: Load,
        steps: list[_Flow],
        answers: list[list[_Flow]],
        database: DatabaseLoad,
        *,
        kept: float,
    ) -> Latencies:
        servers = tier.servers if tier.public else tier.servers * load.copies
        took = self._waited(steps, servers, tier.seconds) + self._drawn(tier.seconds, tier.work.variation)
        took += tier.work.wait_ms / 1000
        if answers and self._database:
            mean = database.slow * tier.database_ms / 1000
            # Each of the samples goes to one of the instances, as the requests do.
            shares = np.cumsum([part * count for part, count in self._parts])
            to = np.searchsorted(shares, self._chance.random(_SHAPE) * shares[-1])
            for place, answer in enumerate(answers):
                took += np.where(to == place, self._waited(answer, self._database.vcpus, mean), 0.0)
            took += self._drawn(mean, tier.work.variation)
        each = np.array([step.leaving for step in steps]) * _STEP * self._lines(tier, load) * kept / _SAMPLES
        found = Latencies()
        found.add(took.ravel(), np.repeat(each, _SAMPLES))
        return found

    def _waited(self, steps: list[_Flow], servers: int, mean: float) -> Numbers:
        """Draw how long requests wait at a queue as it is."""
        waits = np.array([step.queued / step.leaving if step.leaving > 0 and mean > 0 else 0.0 for step in steps])
        chances = np.array(
            [1.0 if step.load >= _BUILT_UP else max(erlang_c(servers, step.load), 1e-9) for step in steps]
        )
        built_up = np.array([step.load >= _BUILT_UP for step in steps])
        drawn = np.where(
            self._chance.random(_SHAPE) < chances[:, None],
            (waits / chances)[:, None] * self._chance.standard_exponential(_SHAPE),
            0.0,
        )
        return np.where(built_up[:, None], waits[:, None], drawn)

    def _drawn(self, mean: float, variation: float) -> Numbers:
        if variation == 0 or mean == 0:
            return np.full(_SHAPE, mean)
        return mean * variation**2 * self._chance.standard_gamma(1 / variation**2, _SHAPE)
