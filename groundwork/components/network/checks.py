"""Zones, address plan."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import combinations

from groundwork.components.network.addresses import AddressPlanError, plan, zone_letters
from groundwork.components.settings import Settings
from groundwork.settings.facts import regions
from groundwork.settings.mistakes import Mistake, all_of, nearest, one_of


def region_is_known(settings: Settings) -> Iterator[Mistake]:
    if settings.region not in regions():
        yield Mistake(
            ("aws:region",),
            f'"{settings.region}" is not a region Groundwork knows{nearest(settings.region, regions())}',
        )


def what_stands_in_the_network_has_one(settings: Settings) -> Iterator[Mistake]:
    if settings.network:
        return
    inside = [layer for layer in ("services", "data", "cache", "search") if getattr(settings, layer)]
    if settings.compute and settings.compute.engine == "eks":
        inside.append("compute (eks)")
    if inside:
        need = "need" if len(inside) > 1 or inside == ["services"] else "needs"
        yield Mistake(("network",), f"is not built, and {all_of(inside)} {need} it; set network: {{}}")


def region_has_the_zones(settings: Settings) -> Iterator[Mistake]:
    letters = regions().get(settings.region)
    if not settings.network or letters is None:
        return
    zones = settings.network.zones
    if isinstance(zones, int):
        if zones > len(letters):
            yield Mistake(
                ("network", "zones"), f"{zones} zones, but {settings.region} has {len(letters)}: {one_of(letters)}"
            )
        return
    for index, zone in enumerate(zones):
        if zone not in letters:
            yield Mistake(
                ("network", "zones", index), f'zone "{zone}" is not one of {settings.region}; it has {one_of(letters)}'
            )
        if zone in zones[:index]:
            yield Mistake(("network", "zones", index), f'zone "{zone}" is named twice')


def subnets_fit(settings: Settings) -> Iterator[Mistake]:
    network = settings.network
    if not network:
        return
    vpc = ipaddress.IPv4Network(network.cidr)
    zones = zone_letters(network, settings.region)
    given: list[tuple[str, str, ipaddress.IPv4Network]] = []
    for tier, by_zone in network.subnets.items():
        for zone in zones:
            if zone not in by_zone:
                yield Mistake(
                    ("network", "subnets", tier),
                    f'names exact CIDRs but none for zone "{zone}"; name one for each of {one_of(zones)}',
                )
        for zone, cidr in by_zone.items():
            path = ("network", "subnets", tier, zone)
            subnet = ipaddress.IPv4Network(cidr)
            if zone not in zones:
                yield Mistake(path, f'zone "{zone}" is not one of the network\'s: {one_of(zones)}')
            if not subnet.subnet_of(vpc):
                yield Mistake(path, f"{cidr} is not inside the VPC's {vpc}")
            elif subnet.prefixlen > 28:
                yield Mistake(path, f"{cidr} is too small: AWS allows subnets down to /28")
            given.append((tier, zone, subnet))
    for (one_tier, one_zone, one), (other_tier, other_zone, other) in combinations(given, 2):
        if one.overlaps(other):
            yield Mistake(
                ("network", "subnets", other_tier, other_zone), f"{other} overlaps {one} of {one_tier}.{one_zone}"
            )


def plan_has_room(settings: Settings) -> Iterator[Mistake]:
    if settings.network:
        try:
            plan(settings.network, settings.region)
        except AddressPlanError as error:
            yield Mistake(("network", "cidr"), str(error))


def nat_zone_is_used(settings: Settings) -> Iterator[Mistake]:
    if settings.network and settings.network.nat_zone:
        zones = zone_letters(settings.network, settings.region)
        if settings.network.nat_zone not in zones:
            yield Mistake(
                ("network", "nat_zone"),
                f'zone "{settings.network.nat_zone}" is not one of the network\'s: {one_of(zones)}',
            )


CHECKS = (
    region_is_known,
    what_stands_in_the_network_has_one,
    region_has_the_zones,
    subnets_fit,
    plan_has_room,
    nat_zone_is_used,
)
