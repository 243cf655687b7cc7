"""Offer files: their stream over a network that fails, and their form."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal

import pytest

from groundwork.pricing.download import DownloadError, NotThereError, PriceList
from groundwork.pricing.offers import OfferError, OfferFile, Price, regions, without_region
from groundwork.settings import facts
from tests.pricing.price_list import COLUMNS, Server, offer, served

PATH = "/offers/v1.0/aws/AmazonEC2/current/ap-south-1/index.csv"
NAT = {
    "usageType": "APS3-NatGateway-Hours",
    "Unit": "Hrs",
    "PricePerUnit": "0.0560000000",
    "Product Family": "NAT Gateway",
}


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as one:
        yield one


def read(server: Server, etag: str = "") -> bytes | None:
    with PriceList(server.base, wait=0).open(PATH, etag=etag) as opened:
        return opened.body.read() if opened else None


def test_a_file_that_did_not_change_is_not_read_again(server: Server) -> None:
    server.put("AmazonEC2", "ap-south-1", b"text", etag='"7"')
    assert read(server, '"7"') is None
    assert read(server, '"6"') == b"text"


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server: Server) -> None:
    body = bytes(range(256)) * 4000
    server.put("AmazonEC2", "ap-south-1", body, breaks=[300_000, 200_000])
    assert read(server) == body
    ranges = [int(headers["Range"][6:-1]) for _, headers in server.asked if "Range" in headers]
    assert len(ranges) == 2
    assert 0 < ranges[0] <= 300_000 < ranges[1] <= 500_000


def test_a_file_that_changed_meanwhile_is_not_sewn_together(server: Server) -> None:
    server.put("AmazonEC2", "ap-south-1", b"a" * 500_000, breaks=[300_000], changes=True)
    with pytest.raises(DownloadError, match=r"broke after [0-9,]+ bytes, and the server does not go on from there"):
        read(server)


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_a_file_without_a_strong_etag_is_not_taken_up_again(server: Server, etag: str) -> None:
    server.put("AmazonEC2", "ap-south-1", b"a" * 500_000, breaks=[300_000], etag=etag)
    with pytest.raises(DownloadError, match=r"broke after [0-9,]+ bytes$"):
        read(server)


def test_a_connection_that_breaks_on_and_on_is_given_up(server: Server) -> None:
    server.put("AmazonEC2", "ap-south-1", b"a" * 500_000, breaks=[10] * 9)
    with pytest.raises(DownloadError, match=r"broke after"):
        read(server)


def test_a_busy_server_is_asked_again_and_one_that_stays_busy_is_not_waited_for(server: Server) -> None:
    server.put("AmazonEC2", "ap-south-1", b"text", busy=3)
    assert read(server) == b"text"
    server.put("AmazonEC2", "ap-south-1", b"text", busy=9)
    with pytest.raises(DownloadError, match="HTTP 503"):
        read(server)


def test_what_is_not_there_is_told_apart_from_what_fails(server: Server) -> None:
    with pytest.raises(NotThereError, match="AmazonEC2/current/ap-south-1"):
        read(server)
    server.put("AmazonEC2", "ap-south-1", b"", status=400)
    with pytest.raises(DownloadError, match="HTTP 400") as error:
        read(server)
    assert not isinstance(error.value, NotThereError)
    with pytest.raises(DownloadError, match="refused"):
        read(Server("http://127.0.0.1:9"))


def test_the_price_list_is_read_over_https_unless_it_is_on_this_machine() -> None:
    for base in ("http://prices.example.com", "ftp://127.0.0.2", "prices.example.com"):
        with pytest.raises(DownloadError, match="no https address"):
            PriceList(base)


def prices(body: bytes, service: str = "AmazonEC2", region: str = "ap-south-1") -> list[Price]:
    return list(OfferFile(io.BytesIO(body), "index.csv", service).prices(region))


def test_a_price_is_read_with_its_unit_its_tier_and_what_it_is_about() -> None:
    tier = {"StartingRange": "10240", "Unit": "GB", "PricePerUnit": "0.0850000000", "Region Code": "ap-south-1"}
    file = OfferFile(io.BytesIO(offer("AmazonEC2", NAT, {**NAT, **tier})), "index.csv", "AmazonEC2")
    assert (file.heading.service, str(file.heading.published)) == ("AmazonEC2", "2026-11-20")
    first, second = file.prices("ap-south-1")
    assert (first.usage_type, first.unit, first.price, first.start) == ("NatGateway-Hours", "Hrs", Decimal("0.056"), 0)
    assert (second.unit, second.price, second.start, second.region) == ("GB", Decimal("0.085"), 10240, "ap-south-1")
    assert first.attributes["productfamily"] == "NAT Gateway"


def test_reserved_terms_are_passed_by() -> None:
    reserved = {**NAT, "TermType": "Reserved", "LeaseContractLength": "1yr", "PriceDescription": "no OnDemand"}
    assert [price.price for price in prices(offer("AmazonEC2", reserved, NAT))] == [Decimal("0.056")]


def test_columns_are_found_by_name_however_aws_spells_them() -> None:
    spelled = COLUMNS.replace('"usageType"', '"Usage Type"').replace('"operation"', '"Operation"')
    assert prices(offer("AmazonEC2", NAT, columns=spelled)) == prices(offer("AmazonEC2", NAT))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends within its heading"),
        (b"<html>maintenance</html>\n" * 9, "index.csv:1: a name and a value were expected"),
        (offer("AmazonEC2", NAT).replace(b"v1.0", b"v2.0"), "its format is v2.0; v1.0 is what can be read"),
        (offer("AmazonRDS", NAT), "is about AmazonRDS, not AmazonEC2"),
        (offer("AmazonEC2", NAT, published="soon"), "does not say when it was published"),
        (offer("AmazonEC2", NAT).replace(b'"PricePerUnit"', b'"Rate"'), "index.csv:6: has no column priceperunit"),
        (offer("AmazonEC2", {**NAT, "Currency": "CNY"}), "index.csv:7: is in CNY; only USD can be read"),
        (offer("AmazonEC2", {**NAT, "PricePerUnit": "free"}), "index.csv:7: 'free' is no price"),
        (offer("AmazonEC2", {**NAT, "PricePerUnit": "-1"}), "index.csv:7: '-1' is no price"),
        (offer("AmazonEC2", NAT)[:-40], "index.csv:7:"),
        (offer("AmazonEC2", NAT)[:-1], "the file is cut off"),
        (offer("AmazonEC2", NAT).replace(b"NAT Gateway", b"\xff\xfe"), "index.csv:7: is no line of CSV"),
    ],
)
def test_a_file_that_is_not_in_aws_s_form_is_refused_with_its_line(body: bytes, words: str) -> None:
    with pytest.raises(OfferError, match=words):
        prices(body)


def test_every_region_has_its_code_and_no_two_share_one() -> None:
    known = regions()
    # The price list of China is one of its own: https://www.amazonaws.cn/en/pricing/
    assert {one for one in facts.regions() if facts.partition_of(one).name != "aws-cn"} <= {*known}
    assert len({row["code"] for row in known.values()}) == len(known)


def test_a_usage_type_is_bared_of_its_own_region_alone() -> None:
    assert without_region("APS3-NatGateway-Hours", "ap-south-1") == "NatGateway-Hours"
    assert without_region("APS1-NatGateway-Hours", "ap-south-1") == "APS1-NatGateway-Hours"
    assert without_region("ap-south-1-KMS-Keys", "ap-south-1") == "KMS-Keys"
    assert without_region("EU-BoxUsage:t3.micro", "eu-west-1") == "BoxUsage:t3.micro"
    assert without_region("EUC1-BoxUsage:t3.micro", "eu-west-1") == "EUC1-BoxUsage:t3.micro"
    assert without_region("NatGateway-Hours", "us-east-1") == "NatGateway-Hours"
    assert without_region("USE1-Fargate-GB-Hours", "us-east-1") == "Fargate-GB-Hours"
    assert without_region("IN-DataTransfer-Out-Bytes", "ap-south-1", "AmazonCloudFront") == "DataTransfer-Out-Bytes"
    assert without_region("AP-DataTransfer-Out-Bytes", "ap-south-1", "AmazonCloudFront") == "AP-DataTransfer-Out-Bytes"
