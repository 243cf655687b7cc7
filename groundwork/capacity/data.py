"""The database and the cache: connections, processors, volume, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from groundwork.capacity.line import CapacityLine, UndeclaredUsage, growing, kinds, proportional
from groundwork.capacity.load import DeclaredLoad
from groundwork.components.data.connections import direct, free, taken
from groundwork.components.data.settings import DataSettings
from groundwork.settings.facts import cache_memory, database_processors, performance
from groundwork.simulation.tiers import FULL

_PAGE = 8 / 1024
"""MiB of PostgreSQL's page, its smallest read and write: https://www.postgresql.org/docs/current/storage-page-layout.html"""
_MIB_IN_MBIT = 1_000_000 / 8 / 1024**2
_MONTHS = 12


def lines(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    """Yield what holds for the database and the cache."""
    data = load.settings.data
    if data and data.known_class:
        yield from _connections(load, data, data.known_class)
        yield from _processors(load, data.known_class)
        yield from _volume(load, data, data.known_class)
    if data and not data.existing:
        yield from _storage(load, data)
    yield from _cache(load)


def _connections(load: DeclaredLoad, data: DataSettings, instance_class: str) -> Iterator[CapacityLine]:
    room, most = free(data, instance_class), taken(data, instance_class)
    if room is None or most is None:
        return
    moved = "data.proxy: {}" if data.proxy is None else f"data.class ({instance_class})"
    held = direct(load.settings, "primary")
    if held:
        opened = sum(holder.most_deploying for holder in held)
        yield CapacityLine(
            "database-connections",
            "",
            opened,
            room,
            moved,
            note="with the most copies, in a deployment",
        )
        yield growing("peak-connections", "", partial(_opened, load), room, moved)
    elif data.proxy:
        busy = _busiest(load, _seconds(load))
        share = data.proxy.max_connections_percent / 100
        yield proportional("proxy-connections", "", busy, most * share, f"data.class ({instance_class})")
    readers = direct(load.settings, "replicas")
    if readers and data.replicas:
        classes = [replica.instance_class or data.instance_class for replica in data.replicas.values()]
        smallest = min(classes, key=lambda name: free(data, name) or 0)
        each = -(-sum(holder.most_deploying for holder in readers) // len(classes))
        yield CapacityLine("replica-connections", "", each, free(data, smallest) or 0, "data.replicas")


def _opened(load: DeclaredLoad, times: float) -> float:
    """Return the connections that the busiest minute's copies may open at so many times the load."""
    tiers = {tier.name: tier for tier in load.platform.tiers}
    return sum(
        load.copies(tiers[holder.name], times) * holder.each
        if holder.layer == "services" and holder.name in tiers
        else holder.most
        for holder in direct(load.settings, "primary")
    )


def _seconds(load: DeclaredLoad) -> dict[str, float]:
    """Return the seconds of the database that a request needs of each service that uses it."""
    return {tier.name: tier.database_ms / 1000 for tier in load.platform.tiers if tier.database_ms}


def _busiest(load: DeclaredLoad, each: Mapping[str, float]) -> float:
    """Return how much a second of something there is in the minute that has most of it; ``each`` is how much a request has, by service."""
    rates = [load.platform.rates[name] for name in each]
    return max(
        (
            sum(rate * one for rate, one in zip(minute, each.values(), strict=True))
            for minute in zip(*rates, strict=True)
        ),
        default=0.0,
    )


def _processors(load: DeclaredLoad, instance_class: str) -> Iterator[CapacityLine | UndeclaredUsage]:
    database, seconds = load.platform.database, _seconds(load)
    if database is None:
        return
    if not seconds:
        yield UndeclaredUsage("database's CPU", "usage.services.NAME.database_ms")
        return
    reads = load.scenario.reads_percent / 100 if database.replicas else 0.0
    # The busiest instance: the primary, or one of its replicas, which are alike.
    part = max(1 - reads, reads / database.replicas if reads else 0.0)
    busy = _busiest(load, seconds) * part
    vcpus = database_processors(instance_class)
    setting = f"data.class ({instance_class})"
    yield proportional("database-cpu", "", busy, vcpus * FULL / 100, setting)
    found = performance(instance_class)
    if found and found.baseline < 1:
        mean = sum(load.on_average(tier) * seconds.get(tier.name, 0.0) for tier in load.platform.tiers) * part
        yield proportional(
            "database-credits",
            "",
            mean,
            vcpus * found.baseline,
            setting,
            note=f"{vcpus} vCPUs earn {100 * found.baseline:g} % each",
        )


def _volume(load: DeclaredLoad, data: DataSettings, instance_class: str) -> Iterator[CapacityLine]:
    ios = _busiest(load, {tier.name: load.database_ios(tier) for tier in load.platform.tiers})
    if not ios or data.existing:
        return
    storage, numbers, found = data.storage, kinds()["database-iops"].most, performance(instance_class)
    striped = storage.size >= numbers["striped_gib"]
    for kind, amount, key, said, of_class in (
        ("database-iops", ios, "iops", storage.iops, found.volume_iops if found else 0),
        (
            "database-throughput",
            ios * _PAGE,
            "throughput",
            storage.throughput,
            found.volume_mbps * _MIB_IN_MBIT if found else 0,
        ),
    ):
        volume = said or numbers[key][striped]
        if 0 < of_class < volume:
            yield proportional(kind, "", amount, of_class, f"data.class ({instance_class})")
        else:
            moved = f"data.storage.{key}" if striped else f"data.storage.size ({storage.size})"
            yield proportional(kind, "", amount, volume, moved)


def _storage(load: DeclaredLoad, data: DataSettings) -> Iterator[CapacityLine | UndeclaredUsage]:
    usage, storage = load.usage, data.storage
    if usage.database_growth_gb is None:
        yield UndeclaredUsage("database storage", "usage.database_growth_gb")
        return
    most = storage.max or storage.size
    growth, begins = usage.database_growth_gb, usage.database_gb
    if growth:
        months = (most - begins) / growth
        note = f"full in {months:,.0f} months" if months >= 1 else "full within the month"
    else:
        note = "does not grow"
    setting = f"data.storage.{'max' if storage.max else 'size'} ({most})"
    size = partial(_size, begins, growth * _MONTHS)
    yield growing("database-storage", "", size, most, setting, note=note)


def _size(begins: float, growth: float, times: float) -> float:
    return begins + times * growth


def _cache(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    cache = load.settings.cache
    if cache is None:
        return
    if load.usage.cache_gb is None:
        yield UndeclaredUsage("cache memory", "usage.cache_gb")
        return
    if cache.placement == "instance":
        yield proportional(
            "cache-memory",
            "",
            load.usage.cache_gb,
            cache.max_memory_mb / 1024,
            f"cache.max_memory_mb ({cache.max_memory_mb})",
        )
        return
    memory = cache_memory(cache.node_class)
    if memory is not None:
        shards = cache.node_groups or 1
        kept = kinds()["cache-memory"].most["kept_percent"] / 100
        yield proportional(
            "cache-memory",
            "",
            load.usage.cache_gb,
            memory * (1 - kept) * shards,
            f"cache.class ({cache.node_class})",
        )
