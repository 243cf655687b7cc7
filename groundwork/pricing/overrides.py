"""What an account pays that differs from the list: discounts, savings plans, reserved capacity, amounts that are free.

The file is docs/pricing.md's ``groundwork.prices.yaml``: under ``prices`` entries that each name usage types and say what they cost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from pathlib import Path as FilePath
from typing import Any

from groundwork.pricing.book import Meter
from groundwork.pricing.offers import regions
from groundwork.settings import stack_file
from groundwork.settings.mistakes import Mistake, Mistakes, Path, nearest, one_of

FILE = "groundwork.prices.yaml"
"""Where it is looked for, beside ``Pulumi.yaml``."""
_KEYS = ("service", "usage_type", "region", "discount", "price", "unit", "covers", "until", "reason")
_LARGEST_SHARE = 100


@dataclass(frozen=True)
class Override:
    """One entry of the file."""

    service: str
    usage_type: str
    """A pattern with ``*`` and ``?``, of usage types without the region before them."""
    region: str
    """A pattern too; ``*`` for every region."""
    discount: Decimal | None
    """The part of the list price that is not paid, from 0 to 1."""
    price: Decimal | None
    """US dollars for a ``unit``, in place of the list's."""
    covers: Decimal | None
    """The units of a month that it holds for, such as 730 hours of one reserved node; None for all."""
    until: date | None
    """Its last day."""
    reason: str
    where: str
    """``file:line``."""

    def holds_for(self, service: str, usage_type: str, region: str, day: date) -> bool:
        """Tell whether it is about a usage type in a region on a day."""
        return (
            service == self.service
            and fnmatchcase(usage_type, self.usage_type)
            and fnmatchcase(region, self.region)
            and (self.until is None or day <= self.until)
        )

    def of(self, price: Decimal) -> Decimal:
        """Return what a unit costs whose list price is given."""
        return self.price if self.price is not None else price * (1 - (self.discount or 0))


def read_overrides(file: FilePath, meters: Collection[Meter]) -> tuple[Override, ...]:
    """Read the entries of a file, in its order: of several that are about the same, the first holds, and what it does
    not cover is the next one's.

    ``meters`` are those that have prices; an entry that is about none of them is a mistake. Raises :class:`Mistakes`.
    """
    document = stack_file.read(file)
    mistakes = [
        Mistake((key,), f"is no key of this file{nearest(key, ['prices'])}; prices: is", document.where((key,)))
        for key in document.data
        if key != "prices"
    ]
    entries = document.data.get("prices", [])
    if not isinstance(entries, list):
        mistakes.append(Mistake(("prices",), "must be a list of entries", document.where(("prices",))))
        entries = []
    found = []
    for index, entry in enumerate(entries):
        reader = _Reader(document, ("prices", index), entry if isinstance(entry, dict) else {})
        if not isinstance(entry, dict):
            reader.say("", f"must be a mapping with {one_of(_KEYS)}")
        else:
            found.append(reader.override(meters))
        mistakes += reader.mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return tuple(found)


class _Reader:
    """Reads one entry, and keeps what is wrong with it."""

    def __init__(self, document: stack_file.Document, path: Path, entry: Mapping[str, Any]) -> None:
        self.mistakes: list[Mistake] = []
        self._document = document
        self._path = path
        self._entry = entry

    def say(self, key: str, message: str) -> None:
        path = (*self._path, key) if key else self._path
        self.mistakes.append(Mistake(path, message, self._document.where(path)))

    def override(self, meters: Collection[Meter]) -> Override:
        for key in self._entry:
            if key not in _KEYS:
                self.say(key, f"is no key of an entry{nearest(key, _KEYS)}; allowed: {', '.join(_KEYS)}")
        found = Override(
            service=self._text("service"),
            usage_type=self._text("usage_type"),
            region=self._text("region", "*"),
            discount=self._discount(),
            price=self._amount("price"),
            covers=self._amount("covers"),
            until=self._day(),
            reason=self._text("reason", "-"),
            where=self._document.where(self._path),
        )
        if ("discount" in self._entry) == ("price" in self._entry):
            self.say("", 'needs one of "discount" (such as 30%) and "price" (US dollars for a unit)')
        if not any(fnmatchcase(region, found.region) for region in regions()):
            self.say("region", f'"{found.region}" is no region of AWS{nearest(found.region, regions())}')
        if not self.mistakes:
            self._check_meters(found, meters)
        return found

    def _check_meters(self, found: Override, meters: Collection[Meter]) -> None:
        services = sorted({meter.service for meter in meters})
        if found.service not in services:
            self.say(
                "service", f'"{found.service}" has no prices{nearest(found.service, services)}; {one_of(services)} have'
            )
            return
        about = [
            meter
            for meter in meters
            if meter.service == found.service and fnmatchcase(meter.usage_type, found.usage_type)
        ]
        if not about:
            known = [meter.usage_type for meter in meters if meter.service == found.service]
            self.say(
                "usage_type",
                f'"{found.usage_type}" is none of the {len(known)} usage types of {found.service} that have prices'
                f"{nearest(found.usage_type, known)}; all: groundwork prices show {found.service}",
            )
            return
        units = sorted({meter.unit for meter in about})
        unit = self._entry.get("unit")
        if unit is not None and [unit] != units:
            self.say("unit", f'"{unit}" is not what {found.usage_type} is counted in: {one_of(units)}')
        elif unit is None and (found.price is not None or found.covers is not None):
            self.say(
                "",
                f'needs "unit" beside a price or what is covered, so that it is plain what is counted: {one_of(units)}',
            )

    def _text(self, key: str, default: str = "") -> str:
        value = self._entry.get(key, default)
        if not isinstance(value, str) or not value:
            self.say(
                key if key in self._entry else "", f'needs "{key}", a text' if not value else f"is text, not {value}"
            )
            return default
        return value

    def _discount(self) -> Decimal | None:
        value = self._entry.get("discount")
        if value is None:
            return None
        text = value.removesuffix("%").strip() if isinstance(value, str) and value.endswith("%") else ""
        share = _decimal(text)
        if share is None or share > _LARGEST_SHARE:
            self.say(
                "discount", f'{_shown(value)} is no part of a price; write it as "30%", from 0% to {_LARGEST_SHARE}%'
            )
            return None
        return share / _LARGEST_SHARE

    def _amount(self, key: str) -> Decimal | None:
        value = self._entry.get(key)
        if value is None:
            return None
        amount = None if isinstance(value, bool) else _decimal(value)
        if amount is None:
            self.say(key, f"{_shown(value)} is no number from 0 on")
        return amount

    def _day(self) -> date | None:
        value = self._entry.get("until")
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.say("until", f"{_shown(value)} is no day such as 2027-01-31")
            return None


def _decimal(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class CoveredQuantity:
    """A part of a quantity, and the price that holds for it."""

    quantity: Decimal
    price: Decimal
    override: Override | None


class Coverage:
    """Overrides over the lines of one month: what one line is covered with is not left for the next."""

    def __init__(self, overrides: Sequence[Override], day: date) -> None:
        self._overrides = overrides
        self._day = day
        self._left: dict[int, Decimal] = {
            index: override.covers for index, override in enumerate(overrides) if override.covers is not None
        }

    def parts(
        self, service: str, usage_type: str, region: str, quantity: Decimal, price: Decimal
    ) -> Iterator[CoveredQuantity]:
        """Split a quantity at its list price into parts that each have one price. Their quantities add up to it."""
        for index, override in enumerate(self._overrides):
            if not quantity:
                return
            if not override.holds_for(service, usage_type, region, self._day):
                continue
            covered = min(quantity, self._left.get(index, quantity))
            if covered:
                if index in self._left:
                    self._left[index] -= covered
                quantity -= covered
                yield CoveredQuantity(covered, override.of(price), override)
        if quantity:
            yield CoveredQuantity(quantity, price, None)
