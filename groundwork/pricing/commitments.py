"""What savings plans, reserved capacity and Spot could save: the data, AWS's own "up to" for each, is in commitments.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.pricing.free_tier import Charge
from groundwork.settings.data_file import read_data


@dataclass(frozen=True)
class Commitment:
    """A way to pay less."""

    name: str
    term: str
    at_most: Decimal
    """The largest discount that AWS names, from 0 to 1."""
    covers: tuple[tuple[str, str], ...]
    """Services and patterns of usage types."""
    source: str

    def is_about(self, charge: Charge) -> bool:
        """Tell whether it would lower a charge."""
        return any(
            service == charge.service and fnmatchcase(charge.usage_type, usage) for service, usage in self.covers
        )


@dataclass(frozen=True)
class WhatIf:
    """What a commitment would mean for a month."""

    commitment: Commitment
    on_demand: Decimal
    """US dollars of the month that it is about."""

    @property
    def saves_at_most(self) -> Decimal:
        """Return the US dollars saved in the month, if everything is covered at the largest discount."""
        return self.on_demand * self.commitment.at_most


@cache
def commitments() -> tuple[Commitment, ...]:
    """Return all ways to commit, in the file's order."""
    rows: list[dict[str, Any]] = read_data(Path(__file__).with_name("commitments.yaml"))
    return tuple(
        Commitment(
            row["name"],
            row["term"],
            Decimal(row["at_most"]) / 100,
            tuple((service, usage) for service, usages in row["covers"].items() for usage in usages),
            row["source"],
        )
        for row in rows
    )


def what_if(charges: Iterable[Charge]) -> list[WhatIf]:
    """List every commitment that is about a part of a month, what saves most first. They exclude one another where they
    are about the same."""
    asked = list(charges)
    found = [
        WhatIf(one, sum((charge.quantity * charge.price for charge in asked if one.is_about(charge)), Decimal(0)))
        for one in commitments()
    ]
    return sorted((one for one in found if one.on_demand), key=lambda one: -one.saves_at_most)
