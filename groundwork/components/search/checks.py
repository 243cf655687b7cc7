"""The search domain against the classes that AWS has, its nodes against its zones, its zones against the network's."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.network.addresses import zone_letters
from groundwork.components.search.settings import SearchSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import search_classes
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of


def search_classes_are_known(settings: Settings) -> Iterator[Mistake]:
    if settings.search:
        for path, node_class in _classes(settings.search):
            if node_class not in search_classes():
                yield Mistake(
                    path, f'"{node_class}" is not a class Groundwork knows{nearest(node_class, search_classes())}'
                )


def search_volumes_fit(settings: Settings) -> Iterator[Mistake]:
    search = settings.search
    known = search_classes().get(search.node_class) if search else None
    if search and known and known.largest_volume and search.storage.size > known.largest_volume:
        yield Mistake(
            ("search", "storage", "size"),
            f"{search.storage.size} GiB, but a node of {search.node_class} takes {known.largest_volume} at most; use a larger "
            "class or more nodes",
        )


def search_nodes_fill_the_zones(settings: Settings) -> Iterator[Mistake]:
    """Check that nodes are spread evenly over zones.
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-multiaz.html"""
    search = settings.search
    if search is None or search.zones == 1:
        return
    if search.nodes == 1:
        yield Mistake(
            ("search", "zones"), f"{search.zones} zones need at least {search.zones} nodes; search.nodes is 1"
        )
    elif search.nodes % search.zones:
        yield Mistake(
            ("search", "nodes"),
            f"{search.nodes} nodes do not spread evenly over {search.zones} zones; use a multiple of {search.zones}",
        )


def search_masters_have_a_majority(settings: Settings) -> Iterator[Mistake]:
    """Check that there are three masters or five.
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-dedicatedmasternodes.html"""
    masters = settings.search.masters if settings.search else None
    if masters and masters.count not in (3, 5):
        yield Mistake(
            ("search", "masters", "count"),
            f"{masters.count} masters have no majority when one fails or the network parts; use 3 or 5, or masters: null",
        )


def search_classes_carry_the_nodes(settings: Settings) -> Iterator[Mistake]:
    if settings.search is None:
        return
    nodes = settings.search.nodes
    for path, node_class in _classes(settings.search):
        known = search_classes().get(node_class)
        if known and known.most_nodes and nodes > known.most_nodes:
            yield Mistake(
                path,
                f"{node_class} goes with at most {known.most_nodes} data nodes; search.nodes is {nodes}",
            )


def search_zones_are_there(settings: Settings) -> Iterator[Mistake]:
    if not (settings.search and settings.network):
        return
    zones = zone_letters(settings.network, settings.region)
    if settings.search.zones > len(zones):
        yield Mistake(
            ("search", "zones"),
            f"{settings.search.zones} zones, but the network has {len(zones)}: {one_of(zones)}; raise network.zones",
        )


def _classes(search: SearchSettings) -> Iterator[tuple[Path, str]]:
    yield ("search", "class"), search.node_class
    if search.masters:
        yield ("search", "masters", "class"), search.masters.node_class


CHECKS = (
    search_classes_are_known,
    search_volumes_fit,
    search_nodes_fill_the_zones,
    search_masters_have_a_majority,
    search_classes_carry_the_nodes,
    search_zones_are_there,
)
