"""What a stack costs month after month, while its phase changes and its data grows, with and without AWS's free tier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from groundwork.pricing.free_tier import Charge, always, offered_credits, saved, twelve_months

LEGACY_MONTHS = 12
"""How long the twelve months last: https://aws.amazon.com/free/"""


@dataclass(frozen=True)
class Month:
    """One month of a stack in a new account, in US dollars."""

    number: int
    """From 1, counted from the day on which the account was opened."""
    phase: str
    list_price: Decimal
    legacy: Decimal
    """What is paid in an account that was opened before 15 July 2025."""
    after_always_free: Decimal
    """What an account that was opened later is charged, before its credits."""
    credits: Decimal
    """The part of that which its credits pay."""
    left: Decimal
    """Its credits after the month."""

    @property
    def paid(self) -> Decimal:
        """Return what is paid in an account that was opened on 15 July 2025 or later, on the paid plan."""
        return self.after_always_free - self.credits


@dataclass(frozen=True)
class Projection:
    """Months in a row."""

    months: tuple[Month, ...]
    credits: Decimal
    """US dollars that the account began with."""

    @property
    def closed_in(self) -> int | None:
        """Return the month in which an account on the free plan is closed: when its credits are used up or its time is;
        None where neither is within the months.
        https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/free-tier-plans.html"""
        for month in self.months:
            if month.paid > 0 or month.number > offered_credits().free_plan_months:
                return month.number
        return None

    def total(self, what: str) -> Decimal:
        """Sum ``list_price``, ``legacy`` or ``paid`` over the months."""
        return sum((getattr(month, what) for month in self.months), Decimal(0))


@dataclass(frozen=True)
class Bill:
    """A month's charges, and the phase they come from."""

    phase: str
    charges: Sequence[Charge]


def project(bills: Sequence[Bill], given: Decimal | None = None) -> Projection:
    """Take the free tier off bills that follow one another from an account's first month on.

    ``given`` is the credits that a new account has, unset as much as it can have.
    """
    terms = offered_credits()
    credits_given = terms.most if given is None else given
    return Projection(tuple(_months(bills, credits_given)), credits_given)


def _months(bills: Sequence[Bill], left: Decimal) -> Iterator[Month]:
    terms = offered_credits()
    for number, bill in enumerate(bills, start=1):
        total = sum((charge.quantity * charge.price for charge in bill.charges), Decimal(0))
        charged = total - saved(bill.charges, always())
        first_year = twelve_months() if number <= LEGACY_MONTHS else ()
        legacy = total - saved(bill.charges, (*always(), *first_year))
        used = min(charged, left) if number <= terms.valid_months else Decimal(0)
        left -= used
        yield Month(number, bill.phase, total, legacy, charged, used, left)
