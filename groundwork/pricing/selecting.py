"""Pick, out of the thousands of prices of an offer file, those that a price book has a row for."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from groundwork.pricing.offers import Price
from groundwork.settings.data_file import read_data

Tiers = tuple[tuple[Decimal, Decimal], ...]
"""From which amount of a month on a unit costs how many US dollars, in rising order."""


@dataclass(frozen=True)
class Wanted:
    """A price that is looked for."""

    key: Hashable
    """What the caller calls it."""
    service: str
    usage_type: str
    """Without the region before it."""
    unit: str
    """What the price book counts in, such as ``GB-month``."""
    each: Decimal = Decimal(1)
    """How many of AWS's units one of the book's is: 1,000,000 where a book says what a million requests cost."""
    variant: str = ""
    """What tells it from others of the usage type, such as the engine of a database; selectors.yaml says by which columns."""


@dataclass(frozen=True)
class Selection:
    """What an offer file gave."""

    found: dict[Hashable, Tiers] = field(default_factory=dict)
    problems: dict[Hashable, str] = field(default_factory=dict)
    """Why a price that is in the file could not be taken."""


def select(prices: Iterable[Price], wanted: Iterable[Wanted], region: str) -> Selection:
    """Select the prices that are wanted, of lines that are about ``region`` (empty: of all). Where two lines answer one
    question differently, neither is taken."""
    asked = list(wanted)
    by_type: dict[str, list[Wanted]] = {}
    for one in asked:
        for usage_type in _names(one):
            by_type.setdefault(usage_type, []).append(one)
    lines: dict[Hashable, list[Price]] = {}
    for price in prices:
        for one in by_type.get(price.usage_type, ()):
            if (not region or price.region in ("", region)) and _is_meant(price, one):
                lines.setdefault(one.key, []).append(price)
    found: dict[Hashable, Tiers] = {}
    problems: dict[Hashable, str] = {}
    for one in asked:
        if one.key in lines:
            try:
                found[one.key] = _tiers(lines[one.key], one)
            except _UnclearError as unclear:
                problems[one.key] = str(unclear)
    return Selection(found, problems)


def digest(wanted: Iterable[Wanted]) -> str:
    """Return a short text that changes with what is looked for, and with how it is told."""
    told = sorted(repr((one.usage_type, one.variant, one.unit, sorted(_rule(one).items(), key=repr))) for one in wanted)
    return sha256("\n".join(told).encode()).hexdigest()[:12]


class _UnclearError(Exception):
    """Lines of an offer file do not say what a thing costs."""


def _tiers(lines: list[Price], one: Wanted) -> Tiers:
    """Return what lines say together. What is free of a month stands in the price list as a first tier, or as a line of
    its own; it is the account's, not the price's, and left out (free_tier.yaml has it)."""
    tiers: dict[Decimal, Decimal] = {}
    for line in [line for line in lines if line.price] or lines:
        factor = _factor(line.unit, one)
        if factor is None:
            raise _UnclearError(f'is counted in "{line.unit}" by AWS, in {one.unit} by the price book')
        price = line.price / factor * one.each
        if tiers.setdefault(line.start * factor / one.each, price) != price:
            operations = sorted({line.attributes.get("operation", "-") for line in lines})
            raise _UnclearError(f"has several prices, which operations {', '.join(operations)} tell apart")
    rising = sorted(tiers.items())
    return ((Decimal(0), rising[0][1]), *rising[1:])


def _names(one: Wanted) -> set[str]:
    """Return the usage types under which AWS may have it."""
    rule = _rule(one)
    names = set(rule.get("as", [one.usage_type]))
    for long, short in rule.get("short", {}).items():
        names |= {name.replace(long, short) for name in names}
    return names


def _is_meant(price: Price, one: Wanted) -> bool:
    columns = _rule(one).get("where", {})
    return all(fnmatchcase(price.attributes.get(column, ""), text) for column, text in columns.items())


@cache
def _rule(one: Wanted) -> Mapping[str, Any]:
    """Return what selectors.yaml says of it."""
    rules: dict[str, dict[str, Any]] = _selectors().get(one.service, {})
    rule = next((rule for pattern, rule in rules.items() if fnmatchcase(one.usage_type, pattern)), {})
    own = rule.get("variants", {}).get(one.variant, {})
    return {**rule, **own, "where": {**rule.get("where", {}), **own.get("where", {})}}


@cache
def _selectors() -> dict[str, Any]:
    found: dict[str, Any] = read_data(Path(__file__).with_name("selectors.yaml"))
    return found


def _factor(theirs: str, one: Wanted) -> Decimal | None:
    """Return how many of the book's units one of AWS's is; None where they do not count the same."""
    if theirs == _rule(one).get("unit"):
        return Decimal(1)
    (what, of_theirs), (same, of_ours) = _measured(theirs), _measured(one.unit)
    return of_theirs / of_ours if what == same else None


_WORDS = {
    "hr": "hour", "hrs": "hour", "hour": "hour", "hours": "hour",
    "mo": "month", "month": "month", "months": "month",
    "second": "second", "seconds": "second", "sec": "second",
    "minute": "minute", "minutes": "minute", "min": "minute",
}  # fmt: skip
_SIZES = {"kb": 1, "mb": 2, "mib": 2, "gb": 3, "gib": 3, "tb": 4, "tib": 4, "mibps": 2, "gibps": 3}
"""Powers of 1,024: AWS's GB is 2^30 bytes. https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html"""


@cache
def _measured(unit: str) -> tuple[frozenset[str], Decimal]:
    """Return what a unit measures (bytes, time), and how large it is: ``GB-Mo`` is bytes over a month, ``Requests`` a
    plain number.

    Things are counted under many names (Requests, Queries, Keys), each of which is one; that a thing is paid for a month is often not said.
    """
    what, size = set(), Decimal(1)
    for word in re.split(r"[^a-z]+", unit.lower()):
        if word in _SIZES:
            what.add("bytes")
            size *= Decimal(1024) ** _SIZES[word]
        elif word in _WORDS:
            what.add(_WORDS[word])
    return frozenset(what if "bytes" in what else what - {"month"}), size
