"""The price book: what AWS charges in a region, each price with its source, its date and how it was read.

``meters.yaml`` says what has a price and in which unit it is counted, ``book/REGION.yaml`` what it is in a region.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from groundwork.pricing.offers import regions
from groundwork.settings.data_file import read_data
from groundwork.settings.mistakes import Mistake, Mistakes

FOLDER = Path(__file__).with_name("prices")
"""What comes with Groundwork, and what ``prices refresh`` writes unless it is told another folder."""
REFERENCE_REGION = "us-east-1"
"""Whose price is assumed for what AWS asks the same for everywhere."""


class Reading(StrEnum):
    """How a price got into the book."""

    FIRST_HAND = "first hand"
    """From AWS's price list."""
    SECOND_HAND = "second hand"
    """From somebody who published it."""
    ASSUMED = "assumed"
    """Another region's, for want of a figure."""


@dataclass(frozen=True)
class Meter:
    """One thing that has a price."""

    service: str
    """Of AWS's price list, such as ``AmazonRDS``."""
    usage_type: str
    """Without the region before it."""
    variant: str
    """What tells it from others with the same usage type, such as ``PostgreSQL``; mostly empty."""
    unit: str
    """What one price is for, such as ``hour`` or ``1M requests``."""
    about: str
    everywhere: bool
    """Whether AWS asks the same in every region."""

    @property
    def name(self) -> str:
        """Return the name in the book's files: ``InstanceUsage:db.t4g.micro (PostgreSQL)``."""
        return f"{self.usage_type} ({self.variant})" if self.variant else self.usage_type

    @property
    def each(self) -> Decimal:
        """Return how many things a unit is: 1,000,000 for ``1M requests``."""
        found = re.match(r"(\d+)([KM]?) ", self.unit)
        return Decimal(found[1]) * _MULTIPLES[found[2]] if found else Decimal(1)


_MULTIPLES = {"": 1, "K": 1000, "M": 1_000_000}


@dataclass(frozen=True)
class Listed:
    """A price."""

    meter: Meter
    region: str
    tiers: tuple[tuple[Decimal, Decimal], ...]
    """From how many units of a month on one costs how many US dollars; the first begins at 0."""
    source: str
    date: dt.date
    """When it was last known to be right."""
    reading: Reading

    def monthly(self, units: Decimal) -> Decimal:
        """Return the US dollars for so many units of a month, tier by tier."""
        total = Decimal(0)
        for (start, price), (end, _) in zip(self.tiers, (*self.tiers[1:], (None, None)), strict=True):
            if units > start:
                total += ((units if end is None else min(units, end)) - start) * price
        return total


@dataclass(frozen=True)
class File:
    """An offer file that prices were read from."""

    published: dt.date
    read: dt.date
    """When AWS last said that it is the newest."""
    etag: str
    asked: str
    """What was looked for in it, as a digest: a newer Groundwork that looks for more reads it again."""


@dataclass(frozen=True)
class Book:
    """The prices of one region."""

    region: str
    prices: Mapping[tuple[str, str], Listed]
    """By service and name of the meter."""
    files: Mapping[str, File]
    """By service: what was read first hand."""

    def find(self, service: str, usage_type: str, variant: str = "") -> Listed | None:
        """Return what something costs; None where the book does not know."""
        return self.prices.get((service, f"{usage_type} ({variant})" if variant else usage_type))


@cache
def meters() -> Mapping[tuple[str, str], Meter]:
    """Return everything that has a price somewhere, by service and name."""
    document: dict[str, dict[str, Any]] = read_data(Path(__file__).with_name("meters.yaml"))
    return {
        (service, name): Meter(service, *_named(name), row["unit"], row["about"], row.get("everywhere", False))
        for service, rows in document.items()
        for name, row in rows.items()
    }


def _named(name: str) -> tuple[str, str]:
    usage_type, _, variant = name.partition(" (")
    return usage_type, variant.removesuffix(")")


def is_known(region: str, folder: Path = FOLDER) -> bool:
    """Tell whether the book has a file of a region's own prices."""
    return (folder / f"{region}.yaml").is_file()


def read_book(region: str, folder: Path = FOLDER) -> Book:
    """Read the price book of a region: what ``folder`` has of it, else what comes with Groundwork, else what is
    assumed.

    Raises :class:`Mistakes` where AWS has no such region, or a file of the folder is damaged.
    """
    if region not in regions():
        raise Mistakes([Mistake((), f'"{region}" is no region of AWS in the price book')])
    files, own = _read(region, folder)
    if folder != FOLDER:
        own = {**_read(region, FOLDER)[1], **own}
    if region != REFERENCE_REGION:
        _, reference = _read(REFERENCE_REGION, FOLDER)
        own = {**dict(_assumed(reference, region)), **own}
    return Book(region, own, files)


def _assumed(reference: Mapping[tuple[str, str], Listed], region: str) -> Iterator[tuple[tuple[str, str], Listed]]:
    """Yield the prices of what AWS asks the same for in every region, and of Oregon, whose prices are Virginia's in all
    that is known of both."""
    for key, listed in reference.items():
        if listed.meter.everywhere or region == "us-west-2":
            source = f"as in {REFERENCE_REGION}: {listed.source}"
            yield key, Listed(listed.meter, region, listed.tiers, source, listed.date, Reading.ASSUMED)


def _read(region: str, folder: Path) -> tuple[dict[str, File], dict[tuple[str, str], Listed]]:
    path = folder / f"{region}.yaml"
    return _parsed(path, path.stat().st_mtime_ns) if path.is_file() else ({}, {})


@cache
def _parsed(path: Path, _changed: int) -> tuple[dict[str, File], dict[tuple[str, str], Listed]]:
    try:
        document: dict[str, Any] = read_data(path)
        files = {
            service: File(row["published"], row["read"], row["etag"], row["asked"])
            for service, row in document.pop("files", {}).items()
        }
        return files, dict(_listed(document, path.stem, files))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, yaml.YAMLError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        message = f"is no price book ({reason}); groundwork prices refresh writes it anew"
        raise Mistakes([Mistake((), message, str(path))]) from None


def _listed(
    document: Mapping[str, Any], region: str, files: Mapping[str, File]
) -> Iterator[tuple[tuple[str, str], Listed]]:
    for service, rows in document.items():
        for name, row in rows.items():
            meter = meters().get((service, name))
            if meter is None:
                raise ValueError(f"{service} {name} is not in meters.yaml")
            tiers = row["tiers"] if "tiers" in row else {0: row["price"]}
            prices = tuple((Decimal(str(start)), Decimal(str(price))) for start, price in tiers.items())
            if "source" in row:
                source, date, reading = sources()[row["source"]], row["date"], Reading.SECOND_HAND
            else:
                file = files[service]
                source, date, reading = f"AWS's price list, published {file.published}", file.read, Reading.FIRST_HAND
            if not isinstance(date, dt.date):
                raise TypeError(f"{service} {name} has no date")
            yield (service, name), Listed(meter, region, prices, source, date, reading)


@cache
def sources() -> dict[str, str]:
    """Return the words for where second-hand prices come from, by their key in the files."""
    found: dict[str, str] = read_data(FOLDER / "sources.yaml")
    return found
