"""What a stack could have for less without giving a protection up, and what of it nobody uses: the data is in savings.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.pricing.book import Book, Listed
from groundwork.pricing.estimate import Estimate
from groundwork.settings.data_file import read_data


@dataclass(frozen=True)
class Saving:
    """One thing to change."""

    about: str
    becomes: str
    monthly: Decimal
    """US dollars that a month costs less."""
    setting: str
    condition: str


def savings(found: Estimate, book: Book) -> list[Saving]:
    """List what could cost less, what saves most first; of several ways for one thing the one that saves most."""
    rows = [*_same_for_less(found, book), *_idle(found)]
    return sorted((row for row in rows if row.monthly >= _SMALLEST), key=lambda row: -row.monthly)


_SMALLEST = Decimal("0.50")
"""US dollars a month below which a change is not worth a reader's time."""


def _same_for_less(found: Estimate, book: Book) -> Iterator[Saving]:
    quantities: dict[tuple[str, str], tuple[Listed, Decimal]] = {}
    for line in found.lines:
        if line.quantity and not line.note:
            meter = line.listed.meter
            _, so_far = quantities.get((meter.service, meter.name), (line.listed, Decimal(0)))
            quantities[meter.service, meter.name] = (line.listed, so_far + line.quantity)
    for listed, quantity in quantities.values():
        ways = [(other, way) for other, way in _ways(listed, book) if other.tiers[0][1] < listed.tiers[0][1]]
        if ways:
            other, way = min(ways, key=lambda one: one[0].tiers[0][1])
            less = listed.monthly(quantity) - other.monthly(quantity)
            yield Saving(listed.meter.about, other.meter.about, less, way["setting"], way["if"])


def _ways(listed: Listed, book: Book) -> Iterator[tuple[Listed, dict[str, str]]]:
    meter = listed.meter
    for way in _data()["same_for_less"]:
        match = re.fullmatch(way["from"], meter.usage_type) if way["service"] == meter.service else None
        if match:
            other = book.find(meter.service, match.expand(way["to"]), way.get("variant", meter.variant))
            if other is not None and other.meter != meter:
                yield other, way


def _idle(found: Estimate) -> Iterator[Saving]:
    """Yield what costs by the hour and has a stated use of nothing; what nobody told of may be used."""
    settings: dict[str, str] = _data()["idle"]
    for one in found.resources:
        told = [line.quantity for line in one.lines if line.usage]
        if one.type in settings and told and all(quantity == 0 for quantity in told):
            condition = "its stated use is nothing"
            yield Saving(one.name, "nothing", one.monthly, settings[one.type], condition)


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = read_data(Path(__file__).with_name("savings.yaml"))
    return found
