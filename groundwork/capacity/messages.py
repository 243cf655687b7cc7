"""Queues, the workers that empty them, and functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from groundwork.capacity.compute import most_setting
from groundwork.capacity.line import CapacityLine, UndeclaredUsage, growing, kinds, proportional
from groundwork.capacity.load import DeclaredLoad
from groundwork.components.data.connections import most_calls
from groundwork.components.messaging.queue_settings import QueueSettings, is_fifo
from groundwork.components.messaging.settings import MessagingSettings
from groundwork.simulation.scenario import MINUTES
from groundwork.simulation.tiers import Tier

_DAY = 86_400
"""Seconds."""


def lines(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    """Yield what holds for queues and functions."""
    messaging = load.settings.messaging
    if messaging and messaging.queues:
        if load.messages is None:
            yield UndeclaredUsage("queues", "usage.messages")
        else:
            for tier in load.workers:
                yield from _worker(load, messaging, tier)
            yield from _fifo(load, messaging)
    yield from _functions(load)


def _worker(load: DeclaredLoad, messaging: MessagingSettings, tier: Tier) -> Iterator[CapacityLine]:
    if not tier.seconds:
        return
    each = tier.servers / tier.seconds
    # What all copies do that may run, minute by minute: schedules move them.
    throughput = [most * each for _, most in tier.bounds]
    setting = most_setting(load, tier, max(most for _, most in tier.bounds))
    yield proportional(
        "queue-throughput",
        tier.name,
        load.on_average(tier),
        sum(throughput) / MINUTES,
        setting,
        note=f"{max(load.platform.rates[tier.name]):,.3g} a second in the busiest minute",
    )
    consumed = [
        queue
        for name, use in load.settings.services[tier.name].uses.items()
        if "consume" in use.levels and (queue := messaging.queues.get(name))
    ]
    if consumed:
        most = min(_patience(queue) for queue in consumed)
        age = partial(_oldest, load.platform.rates[tier.name], throughput)
        yield growing("queue-age", tier.name, age, most, setting, note=_drained(load, tier, throughput))


def _patience(queue: QueueSettings) -> float:
    """Return the seconds that a queue's messages may wait: until its first alarm goes off, or until they are gone."""
    levels = [bound for _, bound in queue.alarm_age.levels()] if queue.alarm_age else []
    return min(levels, default=queue.retention_days * _DAY)


def _backlog(rates: tuple[float, ...], throughput: list[float], times: float) -> list[float]:
    """Return how many messages wait at the end of each minute of a second day like the first."""
    waiting, found = 0.0, []
    for day in (0, 1):
        for rate, done in zip(rates, throughput, strict=True):
            waiting = max(waiting + (times * rate - done) * 60, 0.0)
            if day:
                found.append(waiting)
    return found


def _oldest(rates: tuple[float, ...], throughput: list[float], times: float) -> float:
    """Return the longest that a message waits for those before it: what waits, by what is done of it in a second."""
    backlog = _backlog(rates, throughput, times)
    return max(
        waiting / done if done else (math.inf if waiting else 0.0)
        for waiting, done in zip(backlog, throughput, strict=True)
    )


def _drained(load: DeclaredLoad, tier: Tier, throughput: list[float]) -> str:
    backlog = _backlog(load.platform.rates[tier.name], throughput, 1)
    if not any(backlog):
        return "empty all day"
    if all(backlog):
        return "never empty"
    longest = max(range(MINUTES), key=lambda minute: backlog[minute])
    empty = next(after for after in range(1, MINUTES + 1) if not backlog[(longest + after) % MINUTES])
    return f"{backlog[longest]:,.0f} messages at most, drained {_hours(empty)} later"


def _hours(minutes: int) -> str:
    return f"{minutes} minute{'' if minutes == 1 else 's'}" if minutes < 120 else f"{minutes / 60:.1f} hours"


def _fifo(load: DeclaredLoad, messaging: MessagingSettings) -> Iterator[CapacityLine]:
    numbers = kinds()["fifo"].most
    # Each queue has an equal part, as groundwork cost counts them.
    rate = (load.messages or 0.0) * load.peak_of_messages / 60 / len(messaging.queues)
    for name, queue in messaging.queues.items():
        if not is_fifo(name):
            continue
        grouped = queue.fifo is not None and queue.fifo.throughput == "group"
        calls = numbers["group_of"].get(load.settings.region, numbers["group"]) if grouped else numbers["queue"]
        note = f"only in batches: one by one {calls:,} a second" if rate > calls else f"one by one {calls:,}"
        setting = "another queue" if grouped else f"messaging.queues.{name}.fifo.throughput"
        yield proportional("fifo", name, rate, calls * numbers["batch"], setting, note=note)


def _functions(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    usage, functions = load.usage, load.settings.functions
    if not functions:
        return
    if usage.calls is None or usage.call_seconds is None:
        yield UndeclaredUsage("functions", "usage.calls" if usage.calls is None else "usage.call_seconds")
        return
    account = kinds()["function-copies"].most
    reserved = sum(one.concurrency or 0 for one in functions.values())
    for name in functions:
        own = most_calls(load.settings, name)
        if own == 0:
            continue
        key = "concurrency" if functions[name].concurrency is not None or own is None else "trigger.concurrency"
        most = own if own is not None else account - reserved
        yield proportional(
            "function-copies",
            name,
            load.at_peak(usage.calls) * usage.call_seconds,
            most,
            f"functions.{name}.{key} ({own})" if own is not None else "the account's quota of Lambda",
        )
