"""Database and cache against the classes that AWS has, replicas against one another, windows against each other."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.cache.settings import CacheSettings
from groundwork.components.data.settings import DataSettings
from groundwork.components.network.addresses import zone_letters
from groundwork.components.settings import Settings
from groundwork.settings.arns import arn_elsewhere
from groundwork.settings.base import WEEKDAYS
from groundwork.settings.facts import (
    Parametrised,
    cache_memory,
    classes,
    database_memory,
    has_cluster_mode,
    is_parameter,
    parameters_of,
)
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of


def classes_are_known(settings: Settings) -> Iterator[Mistake]:
    if settings.data and settings.data.known_class:
        named: list[tuple[Path, str]] = [(("data", "class"), settings.data.instance_class)]
        named += [
            (("data", "replicas", name, "class"), replica.instance_class)
            for name, replica in settings.data.replicas.items()
            if replica.instance_class
        ]
        for path, instance_class in named:
            if database_memory(instance_class) is None:
                yield Mistake(
                    path,
                    f'"{instance_class}" is not a class Groundwork knows{nearest(instance_class, classes("databases"))}',
                )
    if settings.cache and cache_memory(settings.cache.node_class) is None:
        node_class = settings.cache.node_class
        yield Mistake(
            ("cache", "class"),
            f'"{node_class}" is not a class Groundwork knows{nearest(node_class, classes("caches"))}',
        )


def cache_class_has_cluster_mode(settings: Settings) -> Iterator[Mistake]:
    cache = settings.cache
    if cache is None or cache.placement != "elasticache" or has_cluster_mode(cache.node_class):
        return
    wanted = "cluster mode (shards)" if cache.mode != "disabled" else "failover (replicas)" if cache.replicas else None
    if wanted:
        yield Mistake(
            ("cache", "class"),
            f'"{cache.node_class}" is of a previous generation and has no {wanted}; use cache.t4g.micro or larger',
        )


def parameters_exist(settings: Settings) -> Iterator[Mistake]:
    tiers: tuple[tuple[str, Parametrised, DataSettings | CacheSettings | None], ...] = (
        ("data", "database", settings.data),
        ("cache", "cache", settings.cache),
    )
    for layer, what, tier in tiers:
        for name in tier.parameters if tier else ():
            if not is_parameter(name, what):
                yield Mistake(
                    (layer, "parameters", name),
                    f"is not a parameter that a {what} has{nearest(name, parameters_of(what))}",
                )


def replicas_have_names_of_their_own(settings: Settings) -> Iterator[Mistake]:
    if settings.data and "primary" in settings.data.replicas:
        yield Mistake(("data", "replicas", "primary"), "is the name of the database that replicas copy; use another")


def replicas_copy_something(settings: Settings) -> Iterator[Mistake]:
    replicas = settings.data.replicas if settings.data else {}
    for name, replica in replicas.items():
        path = ("data", "replicas", name, "of")
        if replica.of is None:
            continue
        if replica.of not in replicas:
            yield Mistake(
                path,
                f'there is no replica "{replica.of}"; leave it out to copy the primary{nearest(replica.of, replicas)}',
            )
            continue
        seen = [name]
        while replica.of is not None and replica.of in replicas:
            if replica.of in seen:
                yield Mistake(path, f"copies itself in a circle: {' → '.join([*seen, replica.of])}")
                break
            seen.append(replica.of)
            replica = replicas[replica.of]  # noqa: PLW2901 - follows the chain


def cascades_need_postgres_14(settings: Settings) -> Iterator[Mistake]:
    """Check that a replica of a replica has PostgreSQL 14 or newer.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PostgreSQL.Replication.ReadReplicas.html"""
    if settings.data and int(settings.data.version.split(".")[0]) < 14:
        for name, replica in settings.data.replicas.items():
            if replica.of is not None:
                yield Mistake(
                    ("data", "replicas", name, "of"),
                    f"a replica of a replica needs PostgreSQL 14; data.version is {settings.data.version}",
                )


def replica_zones_are_used(settings: Settings) -> Iterator[Mistake]:
    if not (settings.data and settings.network):
        return
    zones = zone_letters(settings.network, settings.region)
    for name, replica in settings.data.replicas.items():
        if replica.zone and replica.zone not in zones:
            yield Mistake(
                ("data", "replicas", name, "zone"),
                f'zone "{replica.zone}" is not one of the network\'s: {one_of(zones)}',
            )


def windows_are_apart(settings: Settings) -> Iterator[Mistake]:
    """Check that no daily backup window overlaps the weekly maintenance window, which AWS refuses."""
    if settings.data and windows_overlap(settings.data.backup.window, settings.data.maintenance_window):
        yield Mistake(
            ("data", "maintenance_window"),
            f"{settings.data.maintenance_window} meets the backup window {settings.data.backup.window}; AWS wants them apart",
        )
    cache = settings.cache
    if cache and cache.snapshot_days and windows_overlap(cache.snapshot_window, cache.maintenance_window):
        yield Mistake(
            ("cache", "maintenance_window"),
            f"{cache.maintenance_window} meets the snapshot window {cache.snapshot_window}; AWS wants them apart",
        )


def cache_windows_last_an_hour(settings: Settings) -> Iterator[Mistake]:
    """Check that the cache's windows last at least 60 minutes.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html"""
    if not settings.cache:
        return
    for key in ("snapshot_window", "maintenance_window"):
        _, length = _minutes(getattr(settings.cache, key))
        if length < 60:
            yield Mistake(("cache", key), "is shorter than the 60 minutes that ElastiCache asks for")


def windows_overlap(daily: str, weekly: str) -> bool:
    """Tell whether a daily window and a weekly one have a minute in common."""
    start, length = _minutes(daily)
    other, other_length = _minutes(weekly)
    day = 24 * 60
    return (other - start) % day < length or (start - other) % day < other_length


def _minutes(window: str) -> tuple[int, int]:
    """Start and length of a window in minutes, whatever its day."""
    clock = window[4:] if window[:3] in WEEKDAYS else window
    start, end = (int(time[:2]) * 60 + int(time[3:]) for time in clock.split("-"))
    return start, (end - start) % (24 * 60)


def settings_are_not_said_twice(settings: Settings) -> Iterator[Mistake]:
    """Check that no parameter repeats what has a setting of its own."""
    if settings.data and "statement_timeout" in settings.data.parameters:
        yield Mistake(
            ("data", "parameters", "statement_timeout"),
            "is data.statement_timeout, in seconds; set that, and leave this out",
        )
    cache = settings.cache
    if cache and "maxmemory-policy" in cache.parameters:
        policy = cache.parameters["maxmemory-policy"]
        if (policy == "noeviction") != (cache.purpose == "jobs"):
            yield Mistake(
                ("cache", "parameters", "maxmemory-policy"),
                f'"{policy}" does not go with purpose: {cache.purpose}; '
                + (
                    "a cache of jobs loses them unless it is noeviction; leave it out"
                    if cache.purpose == "jobs"
                    else "with noeviction a full cache refuses writes, as only jobs want; leave it out, or set cache.purpose: jobs"
                ),
            )


def an_existing_database_is_within_reach(settings: Settings) -> Iterator[Mistake]:
    """Check that a database that exists, its secret and its secret's key are in the stack's region and partition."""
    existing = settings.data.existing if settings.data else None
    if existing is None:
        return
    for key, arn in (("secret", existing.secret), ("secret_key", existing.secret_key)):
        if arn is not None and (found := arn_elsewhere(arn, settings.region)):
            yield Mistake(("data", "existing", key), f"{found}, and copies of services read it in {settings.region}")
    if settings.network and not settings.network.existing:
        yield Mistake(
            ("data", "existing", "security_group"),
            "is in a VPC that exists, and this stack makes one of its own, from which no route leads there; name that VPC under "
            "network.existing",
        )


CHECKS = (
    an_existing_database_is_within_reach,
    settings_are_not_said_twice,
    cache_class_has_cluster_mode,
    classes_are_known,
    parameters_exist,
    replicas_have_names_of_their_own,
    replicas_copy_something,
    cascades_need_postgres_14,
    replica_zones_are_used,
    windows_are_apart,
    cache_windows_last_an_hour,
)
