"""The address plan: inside the VPC, without overlap, and where it was when a zone or an exact tier is added."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.network.addresses import AddressPlanError, ipv6_subnet, plan, zone_letters
from groundwork.components.network.settings import TIERS, NetworkSettings

REGION = "us-east-1"
ZONES = st.lists(st.sampled_from("abcdef"), min_size=2, max_size=3, unique=True).map(tuple)
VPCS = st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(16, 22)).map(
    lambda parts: str(ipaddress.IPv4Network(f"10.{parts[0]}.{parts[1]}.0/{parts[2]}", strict=False))
)


def network(**settings: Any) -> NetworkSettings:
    return NetworkSettings.model_validate(settings)


@given(cidr=VPCS, zones=ZONES)
def test_every_subnet_lies_in_the_vpc_and_touches_no_other(cidr: str, zones: tuple[str, ...]) -> None:
    subnets = [ipaddress.IPv4Network(cidr) for cidr in plan(network(cidr=cidr, zones=zones), REGION).values()]
    vpc = ipaddress.IPv4Network(cidr)
    assert len(subnets) == len(zones) * len(TIERS)
    assert all(subnet.subnet_of(vpc) and subnet.prefixlen <= 28 for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


@given(cidr=VPCS, zones=ZONES, further=st.sampled_from("abcdef"))
def test_a_further_zone_moves_no_subnet(cidr: str, zones: tuple[str, ...], further: str) -> None:
    before = plan(network(cidr=cidr, zones=zones[:2]), REGION)
    after = plan(network(cidr=cidr, zones=tuple(dict.fromkeys((*zones[:2], further)))), REGION)
    assert before.items() <= after.items()


@given(cidr=VPCS, zones=ZONES)
def test_the_order_of_zones_makes_no_difference(cidr: str, zones: tuple[str, ...]) -> None:
    assert plan(network(cidr=cidr, zones=zones), REGION) == plan(network(cidr=cidr, zones=zones[::-1]), REGION)


@given(zones=ZONES, tier=st.sampled_from(TIERS))
def test_an_exact_tier_moves_no_other(zones: tuple[str, ...], tier: str) -> None:
    exact = {zone: f"10.0.{28 + index}.0/24" for index, zone in enumerate(zones)}
    planned = plan(network(zones=zones), REGION)
    mixed = plan(network(zones=zones, subnets={tier: exact}), REGION)
    for key, cidr in mixed.items():
        assert cidr == (exact[key[1]] if key[0] == tier else planned[key])


def test_exact_public_and_private_tiers_leave_the_data_tier_to_the_plan() -> None:
    """S3-01"""
    mixed = plan(
        network(
            subnets={
                "public": {"a": "10.0.1.0/24", "b": "10.0.2.0/24"},
                "private": {"a": "10.0.3.0/24", "b": "10.0.4.0/24"},
            }
        ),
        REGION,
    )
    assert mixed["public", "a"] == "10.0.1.0/24"
    assert mixed["private", "b"] == "10.0.4.0/24"
    assert mixed["data", "a"] == "10.0.20.0/22"
    assert mixed["data", "b"] == "10.0.52.0/22"


def test_an_exact_tier_in_the_place_of_a_planned_one_is_refused_with_both_names() -> None:
    with pytest.raises(AddressPlanError, match=r"\(data\.a\) overlaps .* \(public\.b\)"):
        plan(network(subnets={"public": {"a": "10.0.30.0/24", "b": "10.0.20.0/24"}}), REGION)


def test_a_vpc_too_small_for_the_plan_is_refused() -> None:
    with pytest.raises(AddressPlanError, match="needs a /22"):
        plan(network(cidr="10.0.0.0/23"), REGION)


def test_a_number_of_zones_takes_the_first_of_the_region() -> None:
    assert zone_letters(network(zones=2), "ap-northeast-1") == ("a", "c")


@given(
    places=st.lists(st.tuples(st.sampled_from(TIERS), st.sampled_from("abcdef")), min_size=2, max_size=2, unique=True)
)
def test_ipv6_subnets_are_64s_of_the_block_and_differ(places: list[tuple[str, str]]) -> None:
    block = "2001:db8:1234:5600::/56"
    one, other = (ipaddress.IPv6Network(ipv6_subnet(block, tier, zone)) for tier, zone in places)
    assert one != other
    assert one.prefixlen == other.prefixlen == 64
    assert one.subnet_of(ipaddress.IPv6Network(block))
    assert other.subnet_of(ipaddress.IPv6Network(block))
