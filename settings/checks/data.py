"""Database and cache against the classes that AWS has, and replicas against one another."""

from __future__ import annotations

from collections.abc import Iterator

from settings.addresses import zone_letters
from settings.facts import cache_memory, classes, database_memory
from settings.mistakes import Mistake, nearest, one_of
from settings.models import Settings


def classes_are_known(settings: Settings) -> Iterator[Mistake]:
    if settings.data:
        named = [(("data", "class"), settings.data.instance_class)]
        named += [
            (("data", "replicas", name, "class"), replica.instance_class)
            for name, replica in settings.data.replicas.items()
            if replica.instance_class
        ]
        for path, instance_class in named:
            if database_memory(instance_class) is None:
                yield Mistake(path, f'"{instance_class}" is not a class Groundwork knows{nearest(instance_class, classes("databases"))}')
    if settings.cache and cache_memory(settings.cache.node_class) is None:
        node_class = settings.cache.node_class
        yield Mistake(("cache", "class"), f'"{node_class}" is not a class Groundwork knows{nearest(node_class, classes("caches"))}')


def replicas_copy_something(settings: Settings) -> Iterator[Mistake]:
    replicas = settings.data.replicas if settings.data else {}
    for name, replica in replicas.items():
        path = ("data", "replicas", name, "of")
        if replica.of is None:
            continue
        if replica.of not in replicas:
            yield Mistake(path, f'there is no replica "{replica.of}"; leave it out to copy the primary{nearest(replica.of, replicas)}')
            continue
        seen = [name]
        while replica.of is not None and replica.of in replicas:
            if replica.of in seen:
                yield Mistake(path, f"copies itself in a circle: {' → '.join([*seen, replica.of])}")
                break
            seen.append(replica.of)
            replica = replicas[replica.of]  # noqa: PLW2901 - follows the chain


def replica_zones_are_used(settings: Settings) -> Iterator[Mistake]:
    if not (settings.data and settings.network):
        return


    zones = zone_letters(settings.network, settings.region)
    for name, replica in settings.data.replicas.items():
        if replica.zone and replica.zone not in zones:
            yield Mistake(("data", "replicas", name, "zone"), f'zone "{replica.zone}" is not one of the network\'s: {one_of(zones)}')


def backing_layers_need_a_network(settings: Settings) -> Iterator[Mistake]:
    for layer in ("data", "cache"):
        if getattr(settings, layer) and not settings.network:
            yield Mistake((layer,), f"{layer} needs the layer network, which this stack does not build")


CHECKS = (classes_are_known, replicas_copy_something, replica_zones_are_used, backing_layers_need_a_network)
