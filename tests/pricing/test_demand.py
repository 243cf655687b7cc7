"""What a stack file says of its use, as what AWS counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.cost import estimated
from groundwork.preview.snapshot import Snapshot
from groundwork.pricing.demand import demand
from tests.stacks import STACK_NAMES, snapshot_of
from tests.writing import mistakes_in

DAYS = Decimal(730) / 24
BUSY = {
    "visitors": 10_000, "requests": 20, "files": 60, "download_mb": 3, "cached_percent": 90, "uploads": 1_000, "upload_mb": 4,
    "stored_gb": 500, "messages": 50_000, "calls": 2_000, "call_seconds": 0.5, "sockets": 300, "log_kb": 1, "outbound_gb": 100,
}  # fmt: skip


def used(stack: str, **said: Any) -> Snapshot:
    snapshot = snapshot_of(stack)
    return replace(snapshot, settings={**snapshot.settings, "usage": said})


def amounts(snapshot: Snapshot) -> dict[tuple[str, str], Decimal]:
    """By name of the resource and usage type."""
    names = {urn: resource.name for urn, resource in snapshot.by_urn().items()}
    return {(names[urn], what): amount for urn, row in demand(snapshot).items() for what, amount in row.items()}


def test_visitors_become_requests_gigabytes_and_capacity_units() -> None:
    found = amounts(used("examples/mini-facebook/prod", **BUSY))
    requests, files = 10_000 * 20 * DAYS, 10_000 * 60 * DAYS
    gigabytes = 10_000 * 3 * DAYS / 1024
    assert found["minifacebook-cdn-distribution", "Requests-Tier2-HTTPS"] == requests + files
    assert found["minifacebook-cdn-distribution", "DataTransfer-Out-Bytes"] == pytest.approx(gigabytes)
    assert found["minifacebook-cdn-web-acl", "RequestV2-Tier1"] == requests + files
    assert found["minifacebook-ingress-regional-web-acl", "RequestV2-Tier1"] == requests
    # A quarter of the gigabytes are services' answers; they outweigh 2.3 new connections a second and 300 open ones.
    assert found["minifacebook-ingress-alb", "LCUUsage"] == pytest.approx(gigabytes / 4)
    # A tenth of the files comes out of the two buckets that people load from, and the third of our own.
    read = [name for name, what in found if what == "Requests-Tier2"]
    assert sum(found[name, "Requests-Tier2"] for name in read) == pytest.approx(files / 10)
    assert found["minifacebook-media-files", "Requests-Tier1"] == pytest.approx(1_000 * DAYS / 2)
    assert found["minifacebook-media-files", "TimedStorage-ByteHrs"] == pytest.approx(
        (500 + 4_000 * DAYS / 1024 / 2) / 2
    )


def test_messages_calls_logs_and_traffic_become_what_aws_counts() -> None:
    found = amounts(used("examples/mini-facebook/prod", **BUSY))
    sent = {name: amount for (name, what), amount in found.items() if what in ("Requests", "Requests-FIFO")}
    assert sum(sent.values()) == pytest.approx(3 * 50_000 * DAYS), "sent, received and deleted"
    assert not [name for name in sent if name.endswith(("-dead-letters", "-failures"))]
    assert found["minifacebook-notification-processor-function", "Request"] == 2_000 * DAYS
    assert found["minifacebook-notification-processor-function", "Lambda-GB-Second-ARM"] == 2_000 * DAYS / 2
    assert ("minifacebook-database-rotation-function", "Request") not in found
    taken_in = 10_000 * 20 * DAYS / 1024 / 1024
    assert found["minifacebook-compute-api-gateway", "DataProcessing-Bytes"] == pytest.approx(taken_in)
    kept = taken_in / DAYS * 90 * Decimal("0.15")
    assert found["minifacebook-compute-api-gateway", "TimedStorage-ByteHrs"] == pytest.approx(kept)
    assert found["minifacebook-network-nat-a", "NatGateway-Bytes"] == pytest.approx(Decimal(100) / 3)


def test_open_sockets_outweigh_few_requests() -> None:
    found = amounts(
        used("examples/chat-app/prod@growth", visitors=100, requests=1, files=0, download_mb=0, sockets=6000)
    )
    assert found["chat-app-ingress-alb", "LCUUsage"] == 2 * 730


def test_what_nobody_said_is_left_out_and_not_taken_for_nothing() -> None:
    assert not demand(snapshot_of("prod"))
    found = amounts(used("prod", visitors=100))
    assert set(found) == {("shop-ingress-zone-zone", "DNS-Queries")}
    costs = estimated(used("prod", visitors=100), None, None, None)
    assert any(line.usage and line.monthly is None for line in costs.lines)


@pytest.mark.parametrize("stack", ["dev", "prod", "examples/mini-facebook/prod", "examples/chat-app/prod@growth"])
def test_every_amount_meets_a_line_of_the_estimate(stack: str) -> None:
    """Else it would be said and not be charged."""
    snapshot = used(stack, **BUSY)
    costs = estimated(snapshot, None, None, None)
    told = {(one.urn, line.listed.meter.usage_type) for one in costs.resources for line in one.lines if line.quantity}
    unpriced = {(one.urn, word) for one in costs.unpriced for word in one.why.split()}
    assert {(urn, what) for urn, row in demand(snapshot).items() for what in row} <= told | unpriced


def test_use_costs_more_the_more_there_is() -> None:
    assert STACK_NAMES
    little, much = (
        estimated(used("prod", **{**BUSY, "visitors": count}), None, None, None) for count in (100, 100_000)
    )
    assert little.fixed == much.fixed
    assert 0 < little.usage < much.usage


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{visitors: -1}", "usage.visitors: -1 is too small"),
        ("{visitors: 1e11}", "usage.visitors: 100000000000.0 is too large"),
        ("{cached_percent: 101}", "usage.cached_percent: 101 is too large"),
        ("{visitor: 5}", 'usage.visitor: unknown key; did you mean "visitors"?'),
        ("{messages: many}", "usage.messages: "),
    ],
)
def test_use_that_is_negative_absurd_or_misspelt_is_a_mistake_with_its_line(
    tmp_path: Path, said: str, message: str
) -> None:
    [mistake] = mistakes_in(tmp_path, f"groundwork:usage: {said}")
    assert mistake.startswith(f"Pulumi.dev.yaml:4 {message}"), mistake
