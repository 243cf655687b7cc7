"""Which prices of a book somebody should look at, and what mends them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from groundwork.pricing.book import Book, Listed, Reading

MOST_DAYS = 90
"""AWS changes prices a few times a year, mostly downwards; what is older than a quarter is looked at again."""


@dataclass(frozen=True)
class Doubt:
    """Prices of one service that are in doubt."""

    service: str
    prices: int
    """Of how many prices the book has of it."""
    second_hand: int
    assumed: int
    old: int
    """How many were last known to be right more than 90 days ago, however they were read."""
    oldest: dt.date


def doubts(book: Book, today: dt.date) -> Iterator[Doubt]:
    """Yield the services whose prices are old, second hand or assumed, by name."""
    by_service: dict[str, list[Listed]] = {}
    for listed in book.prices.values():
        by_service.setdefault(listed.meter.service, []).append(listed)
    for service, prices in sorted(by_service.items(), key=lambda item: item[0].lower()):
        readings = Counter(listed.reading for listed in prices)
        old = sum((today - listed.date).days > MOST_DAYS for listed in prices)
        if old or readings[Reading.SECOND_HAND] or readings[Reading.ASSUMED]:
            yield Doubt(
                service,
                len(prices),
                readings[Reading.SECOND_HAND],
                readings[Reading.ASSUMED],
                old,
                min(listed.date for listed in prices),
            )
