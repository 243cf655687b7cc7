"""The address plan: which CIDR each subnet gets.

The VPC is cut into eight equal blocks, one per zone letter of a region (``a`` to ``f``; two stay free). A block is cut into
eighths: private takes the first four, public and data one each, two stay free for tiers to come. A subnet's place depends on
nothing but its tier and its zone's letter, so adding a zone or a tier moves nothing.
"""

from __future__ import annotations

import ipaddress

from groundwork.components.network.settings import TIERS, NetworkSettings
from groundwork.settings.facts import regions

_ZONES = "abcdef"

# Bits below the zone's block, and the position there.
_PLACES = {"private": (1, 0), "public": (3, 4), "data": (3, 5)}


class AddressPlanError(ValueError):
    """The VPC is too small for the plan."""


def zone_letters(network: NetworkSettings, region: str) -> tuple[str, ...]:
    """Return the zones' letters: those named, those of subnets that exist, or the first of the region."""
    if network.existing is not None and network.existing.subnets:
        named = network.existing.subnets
        return tuple(sorted(named.get("private") or next(iter(named.values()))))
    if isinstance(network.zones, int):
        return tuple(regions().get(region, "abc")[: network.zones])
    return network.zones


def plan(network: NetworkSettings, region: str) -> dict[tuple[str, str], str]:
    """Return the CIDR of each tier and zone letter, for every tier and zone. Raises :class:`AddressPlanError` where the
    VPC is too small."""
    vpc = ipaddress.IPv4Network(network.cidr)
    if vpc.prefixlen > 22 and any(tier not in network.subnets for tier in TIERS):
        raise AddressPlanError(
            f"{vpc} is too small for the address plan, which needs a /22 or larger; or name exact CIDRs under network.subnets"
        )
    planned: dict[tuple[str, str], str] = {}
    for tier in TIERS:
        for zone in zone_letters(network, region):
            exact = network.subnets.get(tier)
            planned[tier, zone] = exact.get(zone, "") if exact else str(_place(vpc, tier, zone))
    if not any(network.subnets):
        return planned
    _refuse_overlaps(planned)
    return planned


def ipv6_subnet(block: str, tier: str, zone: str) -> str:
    """Return the /64 of a tier and zone in the VPC's /56: by the same rule, its place depends on nothing else.

    Of the 256 networks each zone letter has 32, and each tier one of them.
    """
    vpc = ipaddress.IPv6Network(block)
    position = _ZONES.index(zone) * 32 + TIERS.index(tier)
    return str(ipaddress.IPv6Network((int(vpc.network_address) + (position << 64), 64)))


def _place(vpc: ipaddress.IPv4Network, tier: str, zone: str) -> ipaddress.IPv4Network:
    block = _nth(vpc, 3, _ZONES.index(zone))
    bits, position = _PLACES[tier]
    return _nth(block, bits, position)


def _nth(network: ipaddress.IPv4Network, bits: int, position: int) -> ipaddress.IPv4Network:
    size = 1 << (32 - network.prefixlen - bits)
    return ipaddress.IPv4Network((int(network.network_address) + position * size, network.prefixlen + bits))


def _refuse_overlaps(planned: dict[tuple[str, str], str]) -> None:
    exact = [(key, ipaddress.IPv4Network(cidr)) for key, cidr in planned.items() if cidr]
    for index, (key, subnet) in enumerate(exact):
        for other_key, other in exact[:index]:
            if subnet.overlaps(other) and key[0] != other_key[0]:
                raise AddressPlanError(
                    f"{subnet} ({'.'.join(key)}) overlaps {other} ({'.'.join(other_key)}); name exact CIDRs for all three tiers"
                )
