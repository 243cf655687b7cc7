"""What AWS does not charge a new account for, by month, under both of its plans: the data is in free_tier.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from groundwork.settings.data_file import read_data


class Charge(Protocol):
    """One line of a month's bill."""

    @property
    def service(self) -> str: ...
    @property
    def usage_type(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def price(self) -> Decimal: ...


@dataclass(frozen=True)
class Allowance:
    """An amount of a month that is free."""

    service: str
    usage_type: str
    unit: str
    free: Decimal
    shared: str
    """What it shares its amount with; its own where nothing."""
    source: str
    read: str
    """How it was known: from AWS's page or price list, or second hand."""

    def is_about(self, charge: Charge) -> bool:
        """Tell whether a charge is what this is free of."""
        return self.service == charge.service and fnmatchcase(charge.usage_type, self.usage_type)


@dataclass(frozen=True)
class Credits:
    """What an account gets that was opened under the plan of July 2025."""

    opened_from: str
    at_sign_up: Decimal
    for_activities: Decimal
    valid_months: int
    free_plan_months: int

    @property
    def most(self) -> Decimal:
        """Return the US dollars that an account can have, after all activities."""
        return self.at_sign_up + self.for_activities


@cache
def always() -> tuple[Allowance, ...]:
    """Return what every account has, without end."""
    return tuple(_allowances("always"))


@cache
def twelve_months() -> tuple[Allowance, ...]:
    """Return what an account from before 15 July 2025 has in its first twelve months beside what every account has."""
    return tuple(_allowances("twelve_months"))


def offered_credits() -> Credits:
    """Return what a new account gets in place of the twelve months."""
    row = _data()["credits"]
    return Credits(
        str(row["opened_from"]),
        Decimal(row["at_sign_up"]),
        Decimal(row["for_activities"]),
        int(row["valid_months"]),
        int(row["free_plan_months"]),
    )


def _allowances(kind: str) -> Iterator[Allowance]:
    for row in _data()[kind]:
        # An underscore keeps the shared names apart from usage types.
        shared = f"_{row['shared']}" if "shared" in row else row["usage_type"]
        yield Allowance(
            row["service"],
            row["usage_type"],
            row["unit"],
            Decimal(str(row["free"])),
            f"{row['service']} {shared}",
            row["source"],
            row["read"],
        )


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = read_data(Path(__file__).with_name("free_tier.yaml"))
    return found


def saved(charges: Iterable[Charge], allowances: Iterable[Allowance]) -> Decimal:
    """Return the US dollars of a month that allowances take off, at the prices of the charges; what is dear is covered
    first, as AWS's bills do not say."""
    offered = list(allowances)
    left = {one.shared: one.free for one in offered}
    total = Decimal(0)
    for charge in sorted(charges, key=lambda charge: charge.price, reverse=True):
        open_quantity = charge.quantity
        for one in offered:
            if one.is_about(charge):
                covered = min(open_quantity, left[one.shared])
                left[one.shared] -= covered
                open_quantity -= covered
                total += covered * charge.price
    return total
