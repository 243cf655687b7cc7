"""Months in a row, under both of AWS's plans for new accounts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import pytest

from groundwork.pricing.commitments import what_if
from groundwork.pricing.free_tier import always, offered_credits, saved, twelve_months
from groundwork.pricing.projection import Bill, project


@dataclass(frozen=True)
class Line:
    service: str
    usage_type: str
    quantity: Decimal
    price: Decimal


def line(service: str, usage_type: str, quantity: str, price: str) -> Line:
    return Line(service, usage_type, Decimal(quantity), Decimal(price))


NODE = line("AmazonRDS", "InstanceUsage:db.t4g.micro", "730", "0.02")
BALANCER = line("AWSELB", "LoadBalancerUsage", "730", "0.0252")
NAT = line("AmazonEC2", "NatGateway-Hours", "730", "0.059")
ALARMS = line("AmazonCloudWatch", "CW:AlarmMonitorUsage", "14", "0.10")


def test_an_account_from_before_july_2025_has_its_hours_free_for_twelve_months() -> None:
    projection = project([Bill("mvp", [NODE, BALANCER, NAT, ALARMS])] * 13)
    dear, cheap = Decimal("43.07") + Decimal("0.40"), Decimal("14.60") + Decimal("18.396")
    assert [month.legacy for month in projection.months] == [dear] * 12 + [dear + cheap]
    assert {month.list_price for month in projection.months} == {dear + cheap + 1}


def test_a_new_account_pays_with_its_credits_until_they_are_used_up_and_a_free_plan_is_closed_then() -> None:
    projection = project([Bill("mvp", [NAT])] * 6, given=Decimal(100))
    assert [str(month.credits) for month in projection.months] == [
        "43.070",
        "43.070",
        "13.860",
        "0.000",
        "0.000",
        "0.000",
    ]
    assert projection.total("paid") == projection.total("list_price") - 100
    assert projection.closed_in == 3
    assert [month.left for month in projection.months][-1] == 0


def test_a_free_plan_ends_after_six_months_though_credits_are_left() -> None:
    bills = [Bill("mvp", [ALARMS])] * 8
    assert project(bills[:6]).closed_in is None
    assert project(bills).closed_in == 7


def test_credits_are_void_after_twelve_months() -> None:
    months = project([Bill("mvp", [ALARMS])] * 13).months
    assert [month.paid for month in months] == [0] * 12 + [Decimal("0.40")]


def test_one_allowance_is_not_given_twice() -> None:
    logs = [
        line("AmazonCloudWatch", "DataProcessing-Bytes", "4", "0.5"),
        line("AmazonCloudWatch", "TimedStorage-ByteHrs", "4", "0.03"),
    ]
    assert saved(logs, always()) == Decimal("2.03"), (
        "5 GB of logs are free, taken in or kept, and the dearer ones first"
    )
    assert saved([NODE, NODE], twelve_months()) == 750 * Decimal("0.02")
    assert saved([NAT], (*always(), *twelve_months())) == 0


@pytest.mark.parametrize("offers", [always(), twelve_months()])
def test_each_allowance_is_of_something_and_has_its_source(offers: object) -> None:
    assert isinstance(offers, tuple)
    assert all(one.free > 0 and one.source.startswith("https://") for one in offers)
    assert max(Counter((one.service, one.usage_type) for one in offers).values()) == 1


def test_a_new_account_can_have_two_hundred_dollars() -> None:
    assert offered_credits().most == 200


def test_a_commitment_is_told_with_what_it_is_about_and_what_saves_most_first() -> None:
    new = line("AmazonRDS", "InstanceUsage:db.r7g.large", "730", "0.272")
    tasks = line("AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU", "1460", "0.02383")
    found = {one.commitment.name: one for one in what_if([NODE, new, tasks, NAT])}
    assert found["Database Savings Plan"].on_demand == 730 * new.price, "of the fourth generation it is not"
    assert found["RDS reserved instances"].on_demand == 730 * (new.price + NODE.price)
    assert found["Fargate Spot"].saves_at_most == 1460 * tasks.price * Decimal("0.7")
    assert "EC2 Spot" not in found
    assert next(iter(found)) == "RDS reserved instances"


def test_every_amount_of_the_free_tier_says_how_it_was_read() -> None:
    amounts = [*always(), *twelve_months()]
    assert {one.read for one in amounts} == {"AWS's page", "AWS's price list", "second hand"}
    assert all(one.source.startswith("https://aws.amazon.com/") for one in amounts)
