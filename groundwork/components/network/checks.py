"""Zones, address plan."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import combinations

from groundwork.components.network.addresses import AddressPlanError, plan, zone_letters
from groundwork.components.network.settings import Tier
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
    inside = [layer for layer in ("services", "data", "cache", "search", "files") if getattr(settings, layer)]
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
    if not network or network.existing:
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
    if settings.network and not settings.network.existing:
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


def existing_subnets_are_there(settings: Settings) -> Iterator[Mistake]:
    """Check that each tier of a VPC that exists is named in every zone, and that the tiers which are needed are named."""
    existing = settings.network.existing if settings.network else None
    if settings.network is None or existing is None:
        return
    zones = zone_letters(settings.network, settings.region)
    letters = regions().get(settings.region, zones)
    for tier, by_zone in existing.subnets.items():
        path = ("network", "existing", "subnets", tier)
        for zone in by_zone:
            if zone not in letters:
                yield Mistake((*path, zone), f"{settings.region} has no such zone; it has {one_of(letters)}")
        if len(by_zone) < _FEWEST_ZONES:
            yield Mistake(
                path, "is one subnet, and load balancers and databases want two zones; name one in another zone"
            )
        elif set(by_zone) != set(zones):
            yield Mistake(
                path,
                f"has subnets in {all_of(by_zone)}, and the private ones are in {all_of(zones)}; name one in each of these",
            )
    said = settings.network.zones
    if existing.subnets and "zones" in settings.network.model_fields_set:
        count = said if isinstance(said, int) else len(said)
        if count != len(zones) or (not isinstance(said, int) and set(said) != set(zones)):
            yield Mistake(
                ("network", "zones"),
                f"says {said if isinstance(said, int) else one_of(said)}, and existing.subnets are in {all_of(zones)}; "
                "leave zones out, or name a subnet in each",
            )
    needed: dict[Tier, str] = {"private": "where services run"}
    if _has_public_address(settings):
        needed["public"] = "where the load balancer or the instance has its public address"
    for wanted, why in needed.items():
        if wanted not in existing.tiers:
            yield Mistake(
                ("network", "existing"),
                f"has no {wanted} subnets, {why}; name them: subnets: {{{wanted}: {{{zones[0]}: subnet-…, {zones[-1]}: subnet-…}}}}, "
                f"or subnet_tags: {{{wanted}: {{KEY: VALUE}}}}",
            )


def _has_public_address(settings: Settings) -> bool:
    edge, compute = settings.edge, settings.compute
    public_instance = compute is not None and compute.has_public_instance
    balanced = edge is not None and edge.load_balancer.exposure != "vpc-origin" and not public_instance
    answers = any(service.port and service.path for service in settings.services.values())
    return public_instance or (balanced and answers and compute is not None and compute.engine != "app-runner")


_FEWEST_ZONES = 2
"""What load balancers and RDS want: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html"""


CHECKS = (
    existing_subnets_are_there,
    region_is_known,
    what_stands_in_the_network_has_one,
    region_has_the_zones,
    subnets_fit,
    plan_has_room,
    nat_zone_is_used,
)
