"""Which of an offer file's lines a price book takes."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping
from decimal import Decimal

import pytest

from groundwork.pricing.offers import OfferFile
from groundwork.pricing.selecting import Selection, Wanted, select
from tests.pricing.price_list import offer

NAT = Wanted("nat", "AmazonEC2", "NatGateway-Hours", "hour")
LINE = {"Unit": "Hrs", "PricePerUnit": "0.056", "operation": "NatGateway", "Region Code": "ap-south-1"}


def selected(*lines: Mapping[str, str], wanted: Wanted = NAT, region: str = "ap-south-1") -> Selection:
    body = offer(wanted.service, *({**LINE, **line} for line in lines))
    return select(OfferFile(io.BytesIO(body), "index.csv", wanted.service).prices(region), [wanted], region)


def told(selection: Selection) -> dict[Hashable, list[tuple[str, str]]]:
    return {
        key: [(f"{start:f}", f"{price.normalize():f}") for start, price in tiers]
        for key, tiers in selection.found.items()
    }


def test_only_the_region_s_own_line_of_the_usage_type_is_taken() -> None:
    selection = selected(
        {"usageType": "APS3-NatGateway-Hours"},
        {"usageType": "APS1-NatGateway-Hours", "PricePerUnit": "0.059"},
        {"usageType": "APS3-Outposts-NatGateway-Hours", "PricePerUnit": "9"},
        {"usageType": "APS3-NatGateway-Hours", "operation": "RegionalNatGateway", "PricePerUnit": "0.1"},
        {"usageType": "APS3-NatGateway-Hours", "Region Code": "ap-south-1-ccu-1", "PricePerUnit": "0.2"},
    )
    assert told(selection) == {"nat": [("0", "0.056")]}
    assert not selection.problems


def test_a_linux_machine_is_not_priced_as_another_system_or_as_capacity_that_idles() -> None:
    linux = {
        "usageType": "APS3-BoxUsage:t3.micro", "operation": "RunInstances", "Operating System": "Linux", "Tenancy": "Shared",
        "Pre Installed S/W": "NA", "CapacityStatus": "Used", "PricePerUnit": "0.0112",
    }  # fmt: skip
    selection = selected(
        {**linux, "Operating System": "Windows", "operation": "RunInstances:0002", "PricePerUnit": "0.02"},
        {**linux, "CapacityStatus": "UnusedCapacityReservation", "PricePerUnit": "0.03"},
        {**linux, "Pre Installed S/W": "SQL Web", "operation": "RunInstances:0200", "PricePerUnit": "0.04"},
        linux,
        wanted=Wanted("t3", "AmazonEC2", "BoxUsage:t3.micro", "hour"),
    )
    assert told(selection) == {"t3": [("0", "0.0112")]}


def test_what_is_free_of_a_month_is_not_the_list_price() -> None:
    requests = {"usageType": "APS3-Requests-RBP", "Unit": "Requests", "operation": ""}
    wanted = Wanted("sqs", "AWSQueueService", "Requests", "1M requests", each=Decimal(1_000_000))
    selection = selected(
        {**requests, "PricePerUnit": "0.0000000000", "EndingRange": "1000000"},
        {**requests, "PricePerUnit": "0.0000004000", "StartingRange": "1000000", "EndingRange": "100000000000"},
        {**requests, "PricePerUnit": "0.0000003000", "StartingRange": "100000000000"},
        wanted=wanted,
    )
    assert told(selection) == {"sqs": [("0", "0.4"), ("100000", "0.3")]}
    assert told(selected({**requests, "PricePerUnit": "0"}, wanted=wanted)) == {"sqs": [("0", "0")]}


def test_throughput_is_told_per_gibibyte_and_counted_per_mebibyte() -> None:
    wanted = Wanted("gp3", "AmazonEC2", "EBS:VolumeP-Throughput.gp3", "MiBps-month")
    line = {"usageType": "APS3-EBS:VolumeP-Throughput.gp3", "Unit": "GiBps-mo", "PricePerUnit": "46.6944"}
    assert told(selected(line, wanted=wanted)) == {"gp3": [("0", "0.0456")]}


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        ("Hrs", "hour", True),
        ("LCU-Hrs", "LCU-hour", True),
        ("GB-Mo", "GB-month", True),
        ("GB", "GB", True),
        ("Keys", "key-month", True),
        ("Lambda-GB-Second", "GB-second", True),
        ("GB", "GB-month", False),
        ("GB-Mo", "hour", False),
        ("Requests", "hour", False),
        ("Lambda-GB-Second", "GB-hour", False),
    ],
)
def test_a_unit_that_counts_something_else_is_not_taken(theirs: str, ours: str, same: bool) -> None:
    wanted = Wanted("x", "AWSLambda", "Some-Usage", ours)
    selection = selected({"usageType": "APS3-Some-Usage", "Unit": theirs}, wanted=wanted)
    assert ("x" in selection.found) is same
    assert same or selection.problems == {"x": f'is counted in "{theirs}" by AWS, in {ours} by the price book'}


def test_of_two_prices_that_nothing_tells_apart_neither_is_taken() -> None:
    wanted = Wanted("logs", "AmazonS3", "Bytes", "GB")
    lines = [
        {"usageType": "APS3-Bytes", "Unit": "GB", "operation": name, "PricePerUnit": price}
        for name, price in [("A", "1"), ("B", "2")]
    ]
    selection = selected(*lines, wanted=wanted)
    assert selection.problems == {"logs": "has several prices, which operations A, B tell apart"}
    assert not selection.found


@pytest.mark.parametrize(
    ("wanted", "column", "others"),
    [
        (
            Wanted("x", "AmazonRDS", "InstanceUsage:db.t4g.micro", "hour", variant="PostgreSQL"),
            "Database Engine",
            ["MySQL", "Aurora PostgreSQL"],
        ),
        (
            Wanted("x", "AmazonElastiCache", "NodeUsage:cache.t4g.micro", "hour", variant="Valkey"),
            "Cache Engine",
            ["Redis", "Memcached"],
        ),
    ],
)
def test_the_engine_tells_apart_what_has_one_usage_type(wanted: Wanted, column: str, others: list[str]) -> None:
    line = {"usageType": f"APS3-{wanted.usage_type}", "License Model": "No license required"}
    selection = selected(
        *({**line, column: other, "PricePerUnit": "9"} for other in others),
        {**line, column: wanted.variant, "PricePerUnit": "0.021"},
        wanted=wanted,
    )
    assert told(selection) == {"x": [("0", "0.021")]}


@pytest.mark.parametrize(
    ("service", "ours", "theirs", "variant"),
    [
        ("AmazonRDS", "InstanceUsage:db.r6g.xlarge", "InstanceUsage:db.r6g.xl", "PostgreSQL"),
        ("AmazonRDS", "Multi-AZUsage:db.m6g.2xlarge", "Multi-AZUsage:db.m6g.2xl", "PostgreSQL"),
        ("AmazonRDS", "InstanceUsage:db.r6g.xlarge", "InstanceUsage:db.r6g.xlarge", "PostgreSQL"),
        ("AmazonES", "ESInstance:r6g.large.search", "ESInstance:r6g.large", ""),
        ("AmazonES", "ESInstance:r6g.large.search", "ESInstance:r6g.large.search", ""),
    ],
)
def test_a_class_is_found_by_the_short_name_that_stands_on_bills(
    service: str, ours: str, theirs: str, variant: str
) -> None:
    line = {"License Model": "No license required", "Database Engine": variant}
    others = ({**line, "usageType": f"APS3-{theirs[:-2]}{end}", "PricePerUnit": "9"} for end in ("2xl", "12xl", "xx"))
    selection = selected(
        *others,
        {**line, "usageType": f"APS3-{theirs}", "PricePerUnit": "0.46"},
        wanted=Wanted("x", service, ours, "hour", variant=variant),
    )
    assert told(selection) == {"x": [("0", "0.46")]}


def test_load_balancers_of_two_kinds_and_versions_in_extended_support_are_told_apart() -> None:
    kinds = [("LoadBalancing:Application", "0.0239"), ("LoadBalancing:Network", "0.03"), ("LoadBalancing", "0.04")]
    lines = [{"usageType": "APS3-LoadBalancerUsage", "operation": name, "PricePerUnit": price} for name, price in kinds]
    for variant, price in (("application", "0.0239"), ("network", "0.03")):
        wanted = Wanted("lb", "AWSELB", "LoadBalancerUsage", "hour", variant=variant)
        assert told(
            selected(*lines, {**lines[0], "usageType": "APS3-TS-LoadBalancerUsage", "PricePerUnit": "9"}, wanted=wanted)
        ) == {"lb": [("0", price)]}
    clusters = [
        {"usageType": "APS3-AmazonEKS-Hours:perCluster", "operation": name, "PricePerUnit": price}
        for name, price in [("CreateOperation", "0.1"), ("ExtendedSupport", "0.6")]
    ]
    for variant, price in (("", "0.1"), ("extended support", "0.6")):
        wanted = Wanted("eks", "AmazonEKS", "AmazonEKS-Hours:perCluster", "hour", variant=variant)
        assert told(selected(*clusters, wanted=wanted)) == {"eks": [("0", price)]}
