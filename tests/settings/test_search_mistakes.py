"""Search settings that AWS would refuse, or that lose the cluster: one message each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.network import checks as network_checks
from groundwork.components.search import checks as search
from groundwork.components.search.settings import SearchSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import search_classes
from groundwork.settings.mistakes import dotted


def mistakes(wanted: dict[str, Any], **layers: Any) -> list[str]:
    settings = Settings.model_validate(
        {"region": "ap-south-1", "platform": {"name": "shop"}, "network": {"zones": 3}, **layers, "search": wanted}
    )
    found = [
        mistake
        for check in (*search.CHECKS, network_checks.what_stands_in_the_network_has_one)
        for mistake in check(settings)
    ]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


FINE: list[dict[str, Any]] = [
    {},
    {"class": "r6g.large.search", "nodes": 3, "zones": 3, "storage": {"size": 100}},
    {"class": "t3.small.search", "nodes": 10, "storage": {"size": 100}, "masters": {"class": "t3.small.search"}},
    {"class": "r7g.medium.search", "nodes": 4, "zones": 2, "masters": {"count": 5}, "storage": {"size": 768}},
]


@pytest.mark.parametrize("wanted", FINE)
def test_what_aws_takes_is_no_mistake(wanted: dict[str, Any]) -> None:
    assert mistakes(wanted) == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"class": "r6g.larg.search"},
            'search.class: "r6g.larg.search" is not a class Groundwork knows; did you mean "r6g.large.search"?',
        ),
        (
            {"masters": {"class": "m6g.lrage.search"}},
            'search.masters.class: "m6g.lrage.search" is not a class Groundwork knows; did you mean "m6g.large.search"?',
        ),
        (
            {"storage": {"size": 101}},
            "search.storage.size: 101 GiB, but a node of t3.small.search takes 100 at most; use a larger class or more nodes",
        ),
        ({"zones": 3}, "search.zones: 3 zones need at least 3 nodes; search.nodes is 1"),
        (
            {"nodes": 4, "zones": 3},
            "search.nodes: 4 nodes do not spread evenly over 3 zones; use a multiple of 3",
        ),
        (
            {"masters": {"count": 4}},
            "search.masters.count: 4 masters have no majority when one fails or the network parts; use 3 or 5, or masters: null",
        ),
        (
            {"masters": {"count": 1}},
            "search.masters.count: 1 masters have no majority when one fails or the network parts; use 3 or 5, or masters: null",
        ),
        ({"nodes": 11}, "search.class: t3.small.search goes with at most 10 data nodes; search.nodes is 11"),
        (
            {"class": "r6g.large.search", "nodes": 12, "masters": {"class": "t3.medium.search"}},
            "search.masters.class: t3.medium.search goes with at most 10 data nodes; search.nodes is 12",
        ),
    ],
)
def test_what_aws_refuses_is_one_message(wanted: dict[str, Any], message: str) -> None:
    assert mistakes(wanted) == [message]


def test_zones_that_the_network_lacks_are_named() -> None:
    wanted = {"nodes": 3, "zones": 3}
    assert mistakes(wanted, network={"zones": 2}) == [
        "search.zones: 3 zones, but the network has 2: a or b; raise network.zones"
    ]


def test_search_needs_a_network() -> None:
    assert mistakes({}, network=None) == ["network: is not built, and search needs it; set network: {}"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"version": "7.10"},
        {"class": "db.t4g.micro"},
        {"zones": 4},
        {"nodes": 0},
        {"off_peak_hour": 24},
        {"storage": {"size": 9}},
        {"storage": {"iops": 100}},
        {"storage": {"throughput": 751}},
        {"storage": {"size": 256, "throughput": 125}},
        {"storage": {"size": 2000, "iops": 3000}},
        {"logs": ["slow"]},
        {"password": "x"},
    ],
)
def test_what_no_domain_can_be_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SearchSettings.model_validate(wanted)


def test_more_operations_allow_more_throughput() -> None:
    storage = SearchSettings.model_validate({"storage": {"iops": 4000, "throughput": 1000}}).storage
    assert (storage.iops, storage.throughput) == (4000, 1000)


@pytest.mark.parametrize(
    ("size", "iops", "throughput"),
    [
        (20, 3000, 125),
        (170, 3000, 125),
        (171, 3000, 250),
        (1024, 3072, 250),
        (3072, 9216, 250),
        (3073, 9219, 500),
        (24_576, 16_000, 1000),
    ],
)
def test_a_volume_that_grows_is_asked_for_with_what_its_new_size_brings(size: int, iops: int, throughput: int) -> None:
    storage = SearchSettings.model_validate({"storage": {"size": size}}).storage
    assert (storage.all_iops, storage.all_throughput) == (iops, throughput)


@given(nodes=st.integers(1, 80), zones=st.sampled_from([1, 2, 3]))
def test_nodes_are_a_multiple_of_the_zones_or_a_mistake(nodes: int, zones: int) -> None:
    assert (mistakes({"class": "r6g.large.search", "nodes": nodes, "zones": zones}) == []) is (nodes % zones == 0)


@given(name=st.sampled_from(sorted(search_classes())), size=st.integers(10, 30_000))
def test_a_volume_is_refused_exactly_where_the_class_is_too_small(name: str, size: int) -> None:
    most = search_classes()[name].largest_volume
    refused = mistakes({"class": name, "storage": {"size": size}}) != []
    assert refused is (most is not None and size > most)
