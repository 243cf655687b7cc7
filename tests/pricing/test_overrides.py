"""``groundwork.prices.yaml``: what an account pays that differs from the list."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.pricing.book import Meter
from groundwork.pricing.overrides import Coverage, Override, read_overrides
from groundwork.settings.mistakes import Mistakes

DAY = date(2026, 11, 28)
METERS = [
    Meter("AmazonRDS", "InstanceUsage:db.r7g.large", "", "hour", "-", False),
    Meter("AmazonRDS", "InstanceUsage:db.r7g.xlarge", "", "hour", "-", False),
    Meter("AmazonRDS", "RDS:GP3-Storage", "", "GB-month", "-", False),
    Meter("AmazonEC2", "NatGateway-Hours", "", "hour", "-", False),
]
NODE = {"service": "AmazonRDS", "usage_type": "InstanceUsage:db.r7g.large", "region": "ap-south-1"}


def read(tmp_path: Path, text: str) -> tuple[Override, ...]:
    file = tmp_path / "groundwork.prices.yaml"
    file.write_text(text)
    return read_overrides(file, METERS)


def parts(overrides: tuple[Override, ...], quantity: int, price: str = "0.2", day: date = DAY) -> list[tuple[str, str]]:
    found = Coverage(overrides, day).parts(*NODE.values(), Decimal(quantity), Decimal(price))
    return [(str(part.quantity), str(part.price.normalize())) for part in found]


def test_a_discount_is_taken_from_the_list_price(tmp_path: Path) -> None:
    text = 'prices: [{service: AmazonRDS, usage_type: "InstanceUsage:db.r7g.*", discount: 25%, reason: savings plan}]'
    overrides = read(tmp_path, text)
    assert parts(overrides, 730) == [("730", "0.15")]
    storage = Coverage(overrides, DAY).parts("AmazonRDS", "RDS:GP3-Storage", "ap-south-1", Decimal(5), Decimal(1))
    assert [part.override for part in storage] == [None]


def test_reserved_capacity_covers_what_it_was_bought_for_and_the_rest_is_at_the_list(tmp_path: Path) -> None:
    overrides = read(
        tmp_path,
        'prices:\n- {service: AmazonRDS, usage_type: "InstanceUsage:db.r7g.large", price: 0.1, unit: hour, covers: 730}\n'
        '- {service: AmazonRDS, usage_type: "InstanceUsage:*", discount: 10%}\n',
    )
    assert parts(overrides, 1460) == [("730", "0.1"), ("730", "0.18")]
    month = Coverage(overrides, DAY)
    first, second = (list(month.parts(*NODE.values(), Decimal(730), Decimal("0.2"))) for _ in range(2))
    assert [part.price for part in (*first, *second)] == [Decimal("0.1"), Decimal("0.18")], (
        "it covers one node, not each"
    )


def test_an_override_ends_with_its_last_day_and_holds_in_its_region(tmp_path: Path) -> None:
    overrides = read(
        tmp_path,
        'prices: [{service: AmazonRDS, usage_type: "*", region: "ap-*", discount: 50%, until: 2026-11-28}]',
    )
    assert parts(overrides, 1) == [("1", "0.1")]
    assert parts(overrides, 1, day=date(2026, 11, 29)) == [("1", "0.2")]
    assert not overrides[0].holds_for("AmazonRDS", "x", "us-east-1", DAY)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{service: AmazonRDS, usage_type: '*'}", 'prices[0]: needs one of "discount"'),
        ("{service: AmazonRDS, usage_type: '*', discount: 5%, price: 1}", 'needs one of "discount"'),
        (
            "{service: AmazonRDS, usage_type: '*', discount: 0.3}",
            'prices[0].discount: 0.3 is no part of a price; write it as "30%"',
        ),
        ("{service: AmazonRDS, usage_type: '*', discount: 130%}", '"130%" is no part of a price'),
        ("{service: AmazonRDS, usage_type: '*', discount: -5%}", '"-5%" is no part of a price'),
        ("{service: AmazonRDS, usage_type: '*', price: -1}", "prices[0].price: -1 is no number from 0 on"),
        ("{service: AmazonRDS, usage_type: 'RDS:*', price: true}", "True is no number"),
        ("{service: AmazonRDS, usage_type: 'RDS:*', price: 0.1}", 'needs "unit"'),
        (
            "{service: AmazonRDS, usage_type: 'RDS:*', price: 0.1, unit: hour}",
            '"hour" is not what RDS:* is counted in: GB-month',
        ),
        ("{service: AmazonRDS, usage_type: 'RDS:GP2-Storage', discount: 5%}", 'did you mean "RDS:GP3-Storage"?'),
        ("{service: AmazonRSD, usage_type: '*', discount: 5%}", '"AmazonRSD" has no prices; did you mean "AmazonRDS"?'),
        ("{service: AmazonRDS, usage_type: '*', discount: 5%, region: ap-south-9}", '"ap-south-9" is no region of AWS'),
        ("{service: AmazonRDS, usage_type: '*', discont: 5%}", 'did you mean "discount"?'),
        ("{service: AmazonRDS, usage_type: '*', discount: 5%, until: soon}", '"soon" is no day'),
        ("{usage_type: '*', discount: 5%}", 'needs "service"'),
        ("{service: 5, usage_type: '*', discount: 5%}", "is text, not 5"),
        ("30%", "must be a mapping"),
    ],
)
def test_an_entry_that_is_wrong_is_told_with_file_and_line(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(Mistakes) as error:
        read(tmp_path, f"# discounts\nprices:\n- {entry}\n")
    assert words in str(error.value)
    assert str(error.value).startswith("groundwork.prices.yaml:3 prices[0]")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("price: []", 'groundwork.prices.yaml:1 price: is no key of this file; did you mean "prices"?'),
        ("prices: 5", "must be a list of entries"),
        ("- a", "expected a mapping"),
    ],
)
def test_a_file_that_is_no_list_of_prices_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Mistakes) as error:
        read(tmp_path, text)
    assert words in str(error.value)


AMOUNTS = st.decimals(min_value=0, max_value=10_000, places=2)


@given(st.lists(st.tuples(AMOUNTS, st.none() | AMOUNTS), max_size=4), st.lists(AMOUNTS, max_size=4))
def test_parts_add_up_and_never_cover_more_than_was_bought(
    bought: list[tuple[Decimal, Decimal | None]], quantities: list[Decimal]
) -> None:
    overrides = [
        Override("s", "*", "*", None, price, covers, None, "-", str(at)) for at, (price, covers) in enumerate(bought)
    ]
    month = Coverage(overrides, DAY)
    found = [list(month.parts("s", "t", "r", quantity, Decimal(1))) for quantity in quantities]
    assert [sum(part.quantity for part in parts) for parts in found] == quantities
    for override in overrides:
        covered = sum(part.quantity for parts in found for part in parts if part.override is override)
        assert override.covers is None or covered <= override.covers
