"""Read an offer file of AWS's price list, line by line.

Its form: five lines of facts about the file, a line of column names, and a line for each price.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.settings.data_file import read_data

FORMAT = "v1.0"
_FACTS = 5
_COLUMNS = ("termtype", "startingrange", "unit", "priceperunit", "currency", "usagetype", "operation", "productfamily")
"""What each price is read from; AWS writes some as ``usageType`` and some as ``Usage Type``, and that changes by service."""
_ON_DEMAND = b'"OnDemand"'


class OfferError(Exception):
    """A file is not in the form that AWS documents: where, and what was found."""


@dataclass(frozen=True)
class Heading:
    """What a file says of itself."""

    service: str
    """AWS's code of the service, such as ``AmazonEC2``."""
    published: date
    version: str


@dataclass(frozen=True)
class Price:
    """One line of a file: what a unit costs on demand, from an amount on."""

    usage_type: str
    """Without the region before it."""
    region: str
    """As the line says; empty where it says none."""
    unit: str
    price: Decimal
    """US dollars for one unit."""
    start: Decimal
    """The amount of a month from which this price holds."""
    attributes: Mapping[str, str]
    """Every column that is not empty, by its name in small letters without spaces and signs: ``databaseengine``."""


class OfferFile:
    """An offer file that is being read: its heading at once, its prices as they come."""

    def __init__(self, lines: Iterable[bytes], name: str, service: str) -> None:
        """Read the heading. Raises :class:`OfferError` where it is not that of ``service``; ``name`` is what messages call the file."""
        self._name = name
        self._lines = enumerate(lines, start=1)
        self.heading = self._heading(service)
        self._columns = self._names()

    def _heading(self, service: str) -> Heading:
        facts = {}
        for _ in range(_FACTS):
            line, cells = self._next()
            if len(cells) != 2:
                raise OfferError(
                    f"{self._name}:{line}: a name and a value were expected, as in the price list's format {FORMAT}"
                )
            facts[_plain(cells[0])] = cells[1]
        found = facts.get("formatversion")
        if found != FORMAT:
            raise OfferError(f"{self._name}:1: its format is {found or 'not said'}; {FORMAT} is what can be read")
        if facts.get("offercode") != service:
            raise OfferError(f"{self._name}: is about {facts.get('offercode') or 'no service'}, not {service}")
        try:
            published = date.fromisoformat(facts.get("publicationdate", "")[:10])
        except ValueError:
            raise OfferError(f"{self._name}: does not say when it was published") from None
        return Heading(service, published, facts.get("version", ""))

    def _names(self) -> list[str]:
        line, cells = self._next()
        names = [_plain(cell) for cell in cells]
        missing = [name for name in _COLUMNS if name not in names]
        if missing:
            raise OfferError(
                f"{self._name}:{line}: has no column {', '.join(missing)}; AWS may have changed the format, "
                "which needs a newer Groundwork"
            )
        return names

    def _next(self) -> tuple[int, list[str]]:
        line, text = next(self._lines, (0, b""))
        if not text:
            raise OfferError(f"{self._name}: ends within its heading")
        return line, _cells(text, self._name, line)

    def prices(self, region: str) -> Iterator[Price]:
        """Yield the prices on demand, in the file's order, as ``region`` pays them.

        Raises :class:`OfferError` for a line that is cut off, and for one whose price is no number of US dollars.
        """
        ended = True
        for line, text in self._lines:
            ended = text.endswith(b"\n")
            # Most lines of a large file are reserved terms; to pass them by unparsed halves the time.
            if _ON_DEMAND in text or b",OnDemand," in text:
                cells = _cells(text, self._name, line)
                if len(cells) != len(self._columns):
                    raise OfferError(
                        f"{self._name}:{line}: has {len(cells)} values for {len(self._columns)} columns; the file is cut off or damaged"
                    )
                row = {name: cell for name, cell in zip(self._columns, cells, strict=True) if cell}
                if row.get("termtype") == "OnDemand":
                    yield self._price(row, region, line)
        if not ended:
            raise OfferError(f"{self._name}: its last line is not ended; the file is cut off")

    def _price(self, row: dict[str, str], region: str, line: int) -> Price:
        if row.get("currency") != "USD":
            raise OfferError(f"{self._name}:{line}: is in {row.get('currency') or 'no currency'}; only USD can be read")
        try:
            price, start = Decimal(row.get("priceperunit", "")), Decimal(row.get("startingrange", "0"))
        except InvalidOperation:
            raise OfferError(f"{self._name}:{line}: {row.get('priceperunit')!r} is no price") from None
        if not (price.is_finite() and price >= 0):
            raise OfferError(f"{self._name}:{line}: {row['priceperunit']!r} is no price")
        return Price(
            usage_type=without_region(row.get("usagetype", ""), region, self.heading.service),
            region=row.get("regioncode", ""),
            unit=row.get("unit", ""),
            price=price,
            start=start,
            attributes=row,
        )


def _cells(text: bytes, name: str, line: int) -> list[str]:
    try:
        return next(csv.reader([text.decode("utf-8-sig" if line == 1 else "utf-8")], strict=True))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise OfferError(f"{name}:{line}: is no line of CSV; the file is cut off or damaged") from None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def regions() -> dict[str, dict[str, str]]:
    """Map each region to what bills call it (``code``), its name, and CloudFront's name for its part of the world
    (``edge``)."""
    found: dict[str, Any] = read_data(Path(__file__).with_name("regions.yaml"))
    return found


def without_region(usage_type: str, region: str, service: str = "") -> str:
    """Return a usage type without the region before it: ``NatGateway-Hours`` for ``APS3-NatGateway-Hours`` in
    ap-south-1.

    What another region's code stands before keeps it: ``APS1-NatGateway-Hours`` there is Singapore's. CloudFront's stand for the parts of
    the world that a region is in.
    """
    names = regions()[region]
    for prefix in (names["edge"],) if service == "AmazonCloudFront" else (names["code"], region):
        if usage_type.startswith(f"{prefix}-"):
            return usage_type[len(prefix) + 1 :]
    return usage_type
