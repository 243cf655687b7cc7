"""What a stack could have for less, at the region's own prices."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.pricing.book import meters, read_book
from groundwork.pricing.estimate import estimate
from groundwork.pricing.rules import RULES, is_free
from groundwork.pricing.savings import Saving, _data, savings

HOURS = 730


def saved(
    *resources: tuple[str, str, dict[str, object]], region: str = "us-east-1", usage: dict[str, Decimal] | None = None
) -> list[Saving]:
    made = tuple(
        Resource(f"urn::{type_}::{name}", type_, name, True, None, inputs, {}) for type_, name, inputs in resources
    )
    book = read_book(region)
    snapshot = Snapshot("p", "s", region, False, {}, made, {})
    return savings(estimate(snapshot, book, RULES, is_free, {"*": usage} if usage else None), book)


def database(class_: str) -> tuple[str, str, dict[str, object]]:
    return (
        "aws:rds/instance:Instance",
        class_,
        {"instanceClass": class_, "engine": "postgres", "allocatedStorage": 100, "storageType": "gp2"},
    )


def test_a_class_on_graviton_is_named_with_what_it_saves_and_the_setting() -> None:
    [class_] = saved(database("db.t3.medium"))
    assert class_.becomes == "PostgreSQL database, db.t4g.medium"
    assert class_.monthly == HOURS * (Decimal("0.072") - Decimal("0.065"))
    assert (class_.setting, class_.condition) == ("data.class", "the database may restart once")


def test_what_costs_no_less_in_the_region_is_not_recommended() -> None:
    for region in ("us-east-1", "ap-south-1", "ap-southeast-1"):
        book = read_book(region)
        for saving in saved(database("db.t3.medium"), database("db.t4g.medium"), region=region):
            prices = {one.meter.about: one.tiers[0][1] for one in book.prices.values()}
            assert prices[saving.becomes] < prices[saving.about]
    assert not saved(database("db.t4g.medium"))


def test_of_several_ways_the_one_that_saves_most_is_named_and_lines_of_one_kind_are_one() -> None:
    node = {"engine": "redis", "nodeType": "cache.t3.micro", "numCacheClusters": 1}
    type_ = "aws:elasticache/replicationGroup:ReplicationGroup"
    [saving] = saved((type_, "a", node), (type_, "b", node))
    assert saving.setting == "cache.engine: valkey"
    assert saving.monthly == 2 * HOURS * (Decimal("0.017") - Decimal("0.0136"))


def test_what_is_told_to_be_used_by_nobody_is_named_and_what_nobody_told_of_is_not() -> None:
    gateway = ("aws:ec2/natGateway:NatGateway", "shop-nat", {})
    [saving] = saved(gateway, usage={"NatGateway-Bytes": Decimal(0)})
    assert (saving.about, saving.monthly, saving.setting) == ("shop-nat", HOURS * Decimal("0.045"), "network.nat")
    assert not saved(gateway)
    assert not saved(gateway, usage={"NatGateway-Bytes": Decimal(1)})


@pytest.mark.parametrize("way", _data()["same_for_less"], ids=lambda way: way["from"])
def test_each_way_leads_from_something_that_has_a_price_to_something_that_has_one(way: dict[str, str]) -> None:
    known = {(meter.service, meter.usage_type) for meter in meters().values()}
    targets = [
        match.expand(way["to"])
        for service, usage_type in known
        if service == way["service"] and (match := re.fullmatch(way["from"], usage_type))
    ]
    assert any((way["service"], target) in known for target in targets)
