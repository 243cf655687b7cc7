"""What the resources of a snapshot cost in a month, line by line, with the price behind each line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot, holds_unknown
from groundwork.pricing.book import Book, Listed
from groundwork.pricing.overrides import Coverage, Override
from guardrails.view import Opaque

MONTH_HOURS = 730
"""As AWS's own calculator counts: https://docs.aws.amazon.com/pricing-calculator/latest/userguide/what-is-pricing-calculator.html"""

Usage = Mapping[str, Mapping[str, Decimal]]
"""Pattern of resources' names or URNs → usage type → how much of it a month has, in single things (requests, GB, hours)."""


@dataclass(frozen=True)
class MeteredUse:
    """What a resource has a bill line for."""

    service: str
    usage_type: str
    quantity: Decimal | None
    """Things of a month (hours, GB-months, requests); None where it depends on use that nobody told."""
    variant: str = ""
    usage: bool = False
    """Whether it depends on use."""
    least: Decimal | None = None
    """With as few copies as autoscaling leaves; unset, as ``quantity``."""
    most: Decimal | None = None
    note: str = ""
    """Why it is not at the list price."""


@dataclass(frozen=True)
class Line:
    """A line of the estimate."""

    listed: Listed
    quantity: Decimal | None
    """Units of the price, such as millions of requests; None where nobody told."""
    monthly: Decimal | None
    usage: bool
    least: Decimal
    most: Decimal
    note: str = ""
    """Why it is not at the list price."""

    @property
    def price(self) -> Decimal:
        """Return the US dollars for a unit: over the steps of the price, what the month comes to."""
        if not self.quantity or self.monthly is None:
            return self.listed.tiers[0][1]
        return self.monthly / self.quantity


@dataclass(frozen=True)
class Priced:
    """A resource with its lines."""

    urn: str
    type: str
    name: str
    lines: tuple[Line, ...]

    @property
    def monthly(self) -> Decimal:
        """Return the US dollars of a month, as far as it is known."""
        return sum((line.monthly for line in self.lines if line.monthly is not None), Decimal(0))


@dataclass(frozen=True)
class Unpriced:
    """A resource, or a part of one, without a price."""

    urn: str
    type: str
    why: str


@dataclass(frozen=True)
class Estimate:
    """A stack's month."""

    region: str
    resources: tuple[Priced, ...]
    free: tuple[str, ...]
    """Types of which nothing is charged."""
    unpriced: tuple[Unpriced, ...]

    @property
    def lines(self) -> list[Line]:
        return [line for resource in self.resources for line in resource.lines]

    @property
    def fixed(self) -> Decimal:
        """Return the US dollars of a month that nobody's use changes."""
        return sum((line.monthly or Decimal(0) for line in self.lines if not line.usage), Decimal(0))

    @property
    def usage(self) -> Decimal:
        """Return the US dollars of a month that the stated use comes to."""
        return sum((line.monthly or Decimal(0) for line in self.lines if line.usage), Decimal(0))

    @property
    def least(self) -> Decimal:
        """Return the US dollars with as few copies as autoscaling leaves."""
        return sum((line.least for line in self.lines), Decimal(0))

    @property
    def most(self) -> Decimal:
        return sum((line.most for line in self.lines), Decimal(0))

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as docs/pricing.md describes it; money and quantities as numbers, null where they are not
        known."""
        return {
            "currency": "USD",
            "region": self.region,
            "month_hours": MONTH_HOURS,
            "total": {name: _number(getattr(self, name)) for name in ("fixed", "usage", "least", "most")},
            "resources": [
                {
                    "urn": one.urn,
                    "type": one.type,
                    "name": one.name,
                    "monthly": _number(one.monthly),
                    "lines": [_line_json(line) for line in one.lines],
                }
                for one in self.resources
            ],
            "free": list(self.free),
            "unpriced": [{"urn": one.urn, "type": one.type, "why": one.why} for one in self.unpriced],
        }


def _line_json(line: Line) -> dict[str, Any]:
    meter = line.listed.meter
    return {
        "dimension": meter.about,
        "service": meter.service,
        "usage_type": meter.name,
        "quantity": _number(line.quantity),
        "unit": meter.unit,
        "price": _number(line.price),
        "monthly": _number(line.monthly),
        "usage": line.usage,
        "source": line.note or f"{line.listed.reading}: {line.listed.source}",
        "date": line.listed.date.isoformat(),
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(round(value, 10))


class NotKnownError(Exception):
    """A resource cannot be priced: why."""


class Surroundings:
    """A snapshot as rules read it: a resource's inputs, and what stands beside it."""

    def __init__(self, snapshot: Snapshot, usage: Usage) -> None:
        self.snapshot = snapshot
        self._usage = usage
        self._by_type: dict[str, list[Resource]] = {}
        for resource in snapshot.resources:
            self._by_type.setdefault(resource.type, []).append(resource)
        self._by_value: dict[tuple[str, str], dict[str, Resource]] = {}
        self._by_input: dict[tuple[str, str], dict[str, list[Resource]]] = {}

    def of_type(self, type_: str) -> Sequence[Resource]:
        return self._by_type.get(type_, ())

    def whose(self, type_: str, what: str, value: Any) -> Resource | None:
        """Return the first resource of a type whose output or input ``what`` has a value; ``name`` is also the program's name of it."""
        if not isinstance(value, str):
            return None
        if (type_, what) not in self._by_value:
            index = self._by_value[type_, what] = {}
            for one in self.of_type(type_):
                for said in (one.outputs.get(what), one.inputs.get(what), one.name if what == "name" else None):
                    if isinstance(said, str):
                        index.setdefault(said, one)
        return self._by_value[type_, what].get(value)

    def all_with(self, type_: str, what: str, value: Any) -> Sequence[Resource]:
        """Return the resources of a type whose input ``what`` has a value."""
        if not isinstance(value, str):
            return ()
        if (type_, what) not in self._by_input:
            index = self._by_input[type_, what] = {}
            for one in self.of_type(type_):
                if isinstance(said := one.inputs.get(what), str):
                    index.setdefault(said, []).append(one)
        return self._by_input[type_, what].get(value, ())

    def given_amount(self, resource: Resource, usage_type: str) -> Decimal | None:
        """Return how much of a usage type somebody said that a resource has."""
        for pattern, amounts in self._usage.items():
            if usage_type in amounts and (fnmatchcase(resource.name, pattern) or fnmatchcase(resource.urn, pattern)):
                return amounts[usage_type]
        return None


def known(resource: Resource, name: str, default: Any = None) -> Any:
    """Return an input, also where it says null the default; NotKnownError where it is not known yet or secret."""
    value = resource.inputs.get(name)
    if holds_unknown(value):
        raise NotKnownError(f"{name} is not known yet")
    if value is Opaque.SECRET:
        raise NotKnownError(f"{name} is secret")
    return default if value is None else value


def readable(resource: Resource, name: str) -> Any:
    """Return an input whose parts may be unknown; NotKnownError where it is unknown, or secret, as a whole."""
    value = resource.inputs.get(name)
    if isinstance(value, Opaque):
        raise NotKnownError(f"{name} is not known yet")
    return value


Rule = Callable[[Resource, Surroundings], Iterable[MeteredUse]]


@dataclass(frozen=True)
class Rules:
    """What is charged, by type of resource."""

    priced: dict[str, Rule] = field(default_factory=dict)

    def of(self, *types: str) -> Callable[[Rule], Rule]:
        """Make a function the rule of types."""

        def made(rule: Rule) -> Rule:
            self.priced.update(dict.fromkeys(types, rule))
            return rule

        return made


def estimate(
    snapshot: Snapshot, book: Book, rules: Rules, is_free: Callable[[str], bool], usage: Usage | None = None
) -> Estimate:
    """Estimate what a month of a stack costs at the book's prices.

    A type is priced, free, or named as unpriced; so is a part of a resource whose price the book does not have.
    """
    around = Surroundings(snapshot, usage or {})
    resources: list[Priced] = []
    unpriced: list[Unpriced] = []
    free: set[str] = set()
    for resource in snapshot.resources:
        if not resource.custom:
            continue
        if is_free(resource.type):
            free.add(resource.type)
        elif resource.type not in rules.priced:
            unpriced.append(Unpriced(resource.urn, resource.type, "Groundwork has no rule for what AWS charges for it"))
        else:
            lines, missing = _lines(resource, rules.priced[resource.type], around, book)
            unpriced += [Unpriced(resource.urn, resource.type, why) for why in missing]
            if lines:
                resources.append(Priced(resource.urn, resource.type, resource.name, tuple(lines)))
            elif not missing:
                free.add(resource.type)
    return Estimate(snapshot.region, tuple(resources), tuple(sorted(free)), tuple(unpriced))


def _lines(resource: Resource, rule: Rule, around: Surroundings, book: Book) -> tuple[list[Line], list[str]]:
    lines, missing = [], []
    uses: list[MeteredUse] = []
    try:
        # What was told before something turned out not to be known is charged all the same.
        for use in rule(resource, around):
            uses.append(use)
    except NotKnownError as error:
        missing.append(str(error))
    except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):
        # Another program's export may say anything.
        missing.append("what it says of itself is not what AWS takes")
    for use in uses:
        if any(amount is not None and not 0 <= amount < _MOST for amount in (use.quantity, use.least, use.most)):
            missing.append(f"its amount of {use.usage_type} is below 0 or absurd")
            continue
        listed = book.find(use.service, use.usage_type, use.variant)
        if listed is None:
            name = f"{use.usage_type} ({use.variant})" if use.variant else use.usage_type
            missing.append(f"the price book of {book.region} has no price of {use.service} {name}")
        else:
            lines.append(_line(use, listed))
    return lines, missing


_MOST = Decimal(10) ** 15
"""Of anything in a month."""


def _line(use: MeteredUse, listed: Listed) -> Line:
    each = listed.meter.each
    if use.quantity is None:
        return Line(listed, None, None, use.usage, Decimal(0), Decimal(0), use.note)
    quantity = use.quantity / each
    monthly = listed.monthly(quantity)
    least, most = (monthly if amount is None else listed.monthly(amount / each) for amount in (use.least, use.most))
    return Line(listed, quantity, monthly, use.usage, least, most, use.note)


@dataclass(frozen=True)
class Charged:
    """A line in single things (hours, GB, requests), as allowances of AWS's free tier count them."""

    service: str
    usage_type: str
    quantity: Decimal
    price: Decimal


def charges(found: Estimate, growth: Decimal = Decimal(1)) -> list[Charged]:
    """List the lines whose quantity is known; what is stored by use is ``growth`` times as much."""
    rows = []
    for line in found.lines:
        if line.quantity:
            meter = line.listed.meter
            quantity = line.quantity * (growth if line.usage and meter.unit == "GB-month" else 1)
            rows.append(Charged(meter.service, meter.usage_type, quantity * meter.each, line.price / meter.each))
    return rows


def at_own_prices(found: Estimate, overrides: Sequence[Override], day: date) -> Estimate:
    """Return the estimate with what an account pays that differs from the list, resource by resource in their order."""
    coverage = Coverage(overrides, day)
    resources = tuple(
        replace(one, lines=tuple(_at_own_price(line, coverage, found.region) for line in one.lines))
        for one in found.resources
    )
    return replace(found, resources=resources)


def _at_own_price(line: Line, coverage: Coverage, region: str) -> Line:
    if not line.quantity or not line.monthly:
        return line
    meter = line.listed.meter
    parts = list(coverage.parts(meter.service, meter.usage_type, region, line.quantity, line.price))
    monthly = sum((part.quantity * part.price for part in parts), Decimal(0))
    reasons = {f"{part.override.where}: {part.override.reason}" for part in parts if part.override}
    if not reasons:
        return line
    ratio = monthly / line.monthly
    return replace(
        line, monthly=monthly, least=line.least * ratio, most=line.most * ratio, note="; ".join(sorted(reasons))
    )
