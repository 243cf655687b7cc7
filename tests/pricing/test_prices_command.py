"""``groundwork prices``: AWS's price list on loopback, read into a book, and what the book says of itself."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from groundwork.pricing.book import FOLDER, Reading, meters, read_book
from groundwork.pricing.checking import doubts
from groundwork.pricing.offers import regions
from groundwork.pricing.writing import text_of
from groundwork.settings import facts
from groundwork.settings.mistakes import Mistakes
from tests import shared
from tests.pricing.price_list import Server, offer, served

NAT = {
    "usageType": "APS3-NatGateway-Hours", "Unit": "Hrs", "PricePerUnit": "0.0580000000", "operation": "NatGateway",
    "Product Family": "NAT Gateway", "Region Code": "ap-south-1",
}  # fmt: skip
VCPU = {
    "usageType": "APS3-Fargate-ARM-vCPU-Hours:perCPU", "Unit": "hours", "PricePerUnit": "0.0238300000", "Region Code": "ap-south-1",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as one:
        yield one


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return shared.call(capsys, "prices", *arguments)


def refresh(
    capsys: pytest.CaptureFixture[str], server: Server, folder: Path, *services: str, region: str = "ap-south-1"
) -> tuple[int, str]:
    of = [word for service in services for word in ("--service", service)]
    code, out, err = call(capsys, "refresh", "--region", region, "--book", str(folder), "--from", server.base, *of)
    assert not err
    return code, out


def test_a_price_that_was_read_first_hand_stands_over_a_second_hand_one(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    server.put("AmazonECS", "ap-south-1", offer("AmazonECS", VCPU))
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2", "AmazonECS")
    assert code == 0
    assert "AmazonEC2           1 prices, published 2026-11-20" in out
    assert "AmazonEC2 NatGateway-Hours: $0.056 → $0.058 per hour (+3.6%)" in out
    book = read_book("ap-south-1", tmp_path)
    nat, machine = book.find("AmazonEC2", "NatGateway-Hours"), book.find("AmazonEC2", "BoxUsage:t3.micro")
    assert nat is not None
    assert (nat.tiers, nat.reading) == (((Decimal(0), Decimal("0.058")),), Reading.FIRST_HAND)
    assert nat.source == "AWS's price list, published 2026-11-20"
    assert machine is not None
    assert machine.reading is Reading.SECOND_HAND, "what the file does not have stays"
    assert [file.name for file in tmp_path.iterdir()] == ["ap-south-1.yaml"], "nothing half-written is left"


def test_a_file_that_did_not_change_is_asked_for_and_not_read(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT), etag='"1f-\\"7"')
    refresh(capsys, server, tmp_path, "AmazonEC2")
    before = (tmp_path / "ap-south-1.yaml").read_text()
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2")
    assert (code, (tmp_path / "ap-south-1.yaml").read_text()) == (0, before)
    assert "AmazonEC2           still as published 2026-11-20" in out
    assert server.asked[-1][1]["If-None-Match"] == '"1f-\\"7"'


def test_a_book_that_looks_for_more_than_was_read_reads_again(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    refresh(capsys, server, tmp_path, "AmazonEC2")
    file = tmp_path / "ap-south-1.yaml"
    file.write_text(re.sub(r'asked: "\w+"', 'asked: "000000000000"', file.read_text()))
    refresh(capsys, server, tmp_path, "AmazonEC2")
    assert "If-None-Match" not in server.asked[-1][1]


def test_a_connection_that_breaks_for_good_loses_nothing(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    refresh(capsys, server, tmp_path, "AmazonEC2")
    before = (tmp_path / "ap-south-1.yaml").read_text()
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", {**NAT, "PricePerUnit": "9"}), etag="", breaks=[700])
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2")
    assert code == 1
    assert re.search(
        r"not read: .*the connection broke after [\d,]+ bytes; the prices read on \d{4}-\d\d-\d\d stay", out
    )
    assert (tmp_path / "ap-south-1.yaml").read_text() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'"PricePerUnit"', b'"Rate"'), "has no column priceperunit; AWS may have changed the format"),
        ((b"v1.0", b"v3.0"), "its format is v3.0"),
        (
            (b'"Hrs"', b'"GB"'),
            'NatGateway-Hours is counted in "GB" by AWS, in hour by the price book; what the book had stays',
        ),
        ((b"OfferCode", b"OfferName"), "is about no service, not AmazonEC2"),
    ],
)
def test_a_file_in_another_form_changes_no_price(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path, change: tuple[bytes, bytes], words: str
) -> None:
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT).replace(*change))
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2")
    assert code == 1
    assert words in out
    assert read_book("ap-south-1", tmp_path).find("AmazonEC2", "NatGateway-Hours") == read_book("ap-south-1").find(
        "AmazonEC2", "NatGateway-Hours"
    )


def test_a_service_that_is_not_in_a_region_is_no_failure_and_a_region_without_prices_gets_them(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    stockholm = {**NAT, "usageType": "EUN1-NatGateway-Hours", "Region Code": "eu-north-1", "PricePerUnit": "0.046"}
    server.put("AmazonEC2", "eu-north-1", offer("AmazonEC2", stockholm))
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2", "AmazonECS", region="eu-north-1")
    assert code == 0
    assert "AmazonECS           AWS has no prices of it here" in out
    assert "AmazonEC2 NatGateway-Hours: $0.046 per hour, had no price" in out
    assert read_book("eu-north-1").find("AmazonEC2", "NatGateway-Hours") is None


def test_cloudfront_s_prices_are_those_of_the_region_s_part_of_the_world(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    line = {"Unit": "GB", "operation": "", "Location Type": "AWS Edge Location"}
    tiers = [("0", "0.1090000000"), ("10240", "0.0850000000")]
    lines = [
        {**line, "usageType": "IN-DataTransfer-Out-Bytes", "StartingRange": start, "PricePerUnit": price}
        for start, price in tiers
    ]
    server.put(
        "AmazonCloudFront",
        "",
        offer("AmazonCloudFront", *lines, {**line, "usageType": "US-DataTransfer-Out-Bytes", "PricePerUnit": "0.085"}),
    )
    refresh(capsys, server, tmp_path, "AmazonCloudFront")
    listed = read_book("ap-south-1", tmp_path).find("AmazonCloudFront", "DataTransfer-Out-Bytes")
    assert listed is not None
    assert listed.tiers == ((0, Decimal("0.109")), (10240, Decimal("0.085")))
    assert listed.monthly(Decimal(10340)) == 10240 * Decimal("0.109") + 100 * Decimal("0.085")


def test_a_price_that_the_newest_list_has_no_more_is_no_price(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    refresh(capsys, server, tmp_path, "AmazonEC2")
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", {**NAT, "usageType": "APS3-Other"}), etag='"2"')
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2")
    assert code == 0
    assert "NatGateway-Hours: no longer in AWS's price list" in out
    assert (tmp_path / "ap-south-1.yaml").read_text().count("NatGateway-Hours") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["refresh", "--region", "ap-south-9"], "'ap-south-9' is no region of AWS; did you mean"),
        (["refresh", "--service", "RDS"], "'RDS' is no service that prices are used of"),
        (["refresh", "--from", "http://prices.example.com"], "is no https address"),
        (["check", "--region", "all"], "'all' is no region of AWS"),
    ],
)
def test_a_word_that_is_wrong_is_told_with_what_is_allowed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_a_folder_that_cannot_be_written_is_told(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "book").write_text("a file")
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    code, _, err = call(
        capsys,
        "refresh",
        "--region",
        "ap-south-1",
        "--service",
        "AmazonEC2",
        "--book",
        str(tmp_path / "book"),
        "--from",
        server.base,
    )
    assert code == 2
    assert "cannot be written" in err


def test_check_names_what_is_old_second_hand_or_assumed_and_the_command_that_mends_it(
    capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path
) -> None:
    code, out, _ = call(capsys, "check", "--region", "ap-south-1")
    assert code == 1
    assert re.search(r"AmazonRDS +(\d+) +\1", out)
    assert out.endswith("All of them are read anew by: groundwork prices refresh --region ap-south-1\n")
    assert max(map(len, out.splitlines())) <= 80
    _, out, _ = call(capsys, "check", "--region", "ap-south-1", "--json")
    assert {row["service"] for row in json.loads(out)["ap-south-1"]} >= {"AmazonRDS", "AmazonEC2"}

    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    refresh(capsys, server, tmp_path, "AmazonEC2")
    book = read_book("ap-south-1", tmp_path)
    fresh = type(book)(
        "ap-south-1", {key: one for key, one in book.prices.items() if one.reading is Reading.FIRST_HAND}, book.files
    )
    today = dt.datetime.now(dt.UTC).date()
    assert not list(doubts(fresh, today + dt.timedelta(days=90)))
    assert [row.old for row in doubts(fresh, today + dt.timedelta(days=91))] == [1]


def test_show_finds_prices_by_a_part_of_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "show", "nat gateway", "--region", "ap-south-1")
    assert code == 0
    assert "NatGateway-Hours: NAT gateway\n      $0.056 per hour; second hand, 2026-09-16: " in out
    code, out, err = call(capsys, "show", "mainframe")
    assert (code, out) == (1, "")
    assert "No price has 'mainframe'" in err


def test_every_book_that_comes_with_groundwork_is_whole() -> None:
    known = meters()
    assert all(meter.each >= 1 and meter.about and meter.unit for meter in known.values())
    for file in FOLDER.glob("*-*.yaml"):
        book = read_book(file.stem)
        assert book.region in facts.regions()
        assert {key[0] for key in book.prices} >= {"AmazonEC2", "AmazonRDS", "AmazonECS", "AmazonVPC"}
        for listed in book.prices.values():
            assert listed.tiers[0][0] == 0
            assert all(0 <= price < 100 for _, price in listed.tiers), listed
            assert list(listed.tiers) == sorted(listed.tiers)
        again = text_of(book)
        assert again == text_of(book)
    assert {region for region in regions() if read_book(region).prices} == {*regions()}


def test_a_region_without_a_file_has_only_what_costs_the_same_everywhere_and_says_that_it_is_assumed() -> None:
    book = read_book("eu-north-1")
    address = book.find("AmazonVPC", "PublicIPv4:InUseAddress")
    assert address is not None
    assert (address.reading, address.tiers[0][1]) == (Reading.ASSUMED, Decimal("0.005"))
    assert book.find("AmazonEC2", "BoxUsage:t3.micro") is None


@pytest.mark.parametrize(
    "text", ["AmazonEC2: {NatGateway-Hours: {price: free}}", "AmazonEC2: {Nothing: {}}", "a: [", "- a"]
)
def test_a_damaged_book_is_a_mistake_that_says_what_mends_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "ap-south-1.yaml").write_text(text)
    with pytest.raises(Mistakes, match=r"is no price book \(.*\); groundwork prices refresh writes it anew"):
        read_book("ap-south-1", tmp_path)


def test_a_damaged_book_is_written_anew(capsys: pytest.CaptureFixture[str], server: Server, tmp_path: Path) -> None:
    (tmp_path / "ap-south-1.yaml").write_text("AmazonEC2: {Nothing")
    server.put("AmazonEC2", "ap-south-1", offer("AmazonEC2", NAT))
    code, out = refresh(capsys, server, tmp_path, "AmazonEC2")
    assert code == 0
    assert "ap-south-1.yaml is damaged and is written anew" in out
    nat = read_book("ap-south-1", tmp_path).find("AmazonEC2", "NatGateway-Hours")
    assert nat is not None
    assert nat.reading is Reading.FIRST_HAND
