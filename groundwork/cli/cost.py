"""``groundwork cost``: what a stack costs in a month, and over months."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.cli import console
from groundwork.cli.console import InputError

if TYPE_CHECKING:
    from groundwork.preview.changes.base import Base
    from groundwork.preview.snapshot import Snapshot
    from groundwork.pricing.estimate import Estimate
    from groundwork.pricing.projection import Projection
    from groundwork.pricing.savings import Saving

MOST_MONTHS = 60


@dataclass(frozen=True)
class Money:
    """How amounts of US dollars are shown."""

    currency: str = "USD"
    rate: Decimal = Decimal(1)

    def __call__(self, amount: Decimal) -> str:
        """Format an amount as ``1,234.50``, in the currency."""
        return f"{amount * self.rate:,.2f}"


def money(currency: str | None, rate: str | None) -> Money:
    """Return what ``--currency`` and ``--rate`` say; InputError where one is missing or wrong."""
    if currency is None and rate is None:
        return Money()
    if currency is None or rate is None:
        raise InputError("--currency and --rate belong together: --currency NPR --rate 133 for 133 rupees a dollar.")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise InputError(f"{currency!r} is no code of a currency such as NPR or EUR.")
    return Money(currency.upper(), number("--rate", rate, above=Decimal(0)))


def number(option: str, text: str, *, above: Decimal | None = None, at_least: Decimal = Decimal(0)) -> Decimal:
    """Parse the number that an option says; InputError where it is none, or too small."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < at_least or (above is not None and found <= above):
        raise InputError(
            f"{option} {text!r} is no number {f'above {above}' if above is not None else f'from {at_least} on'}."
        )
    return found


def snapshot_of(stack: str, phase: str | None) -> Snapshot:
    """Return a stack of the project run offline, or a file that somebody wrote; InputError where it is neither."""
    from groundwork.preview.reading import UnreadableError, read_file

    file = Path(stack)
    if file.is_file():
        if phase:
            raise InputError("--phase is for a stack of this project, not for a file.")
        try:
            return read_file(file)
        except UnreadableError as error:
            raise InputError(str(error)) from None
    from groundwork.cli.running import run_stack

    return run_stack(stack, phase=phase).snapshot


def in_region(snapshot: Snapshot, stack: str, region: str | None) -> Snapshot:
    """Return a stack with the region whose prices are asked for; InputError where nobody says one."""
    if region is None and not snapshot.region:
        raise InputError(
            f"{stack} says no region, or several: add --region, such as --region us-east-1, whose prices are taken."
        )
    return replace(snapshot, region=region) if region else snapshot


def estimated(snapshot: Snapshot, book: Path | None, usage: Path | None, prices: Path | None) -> Estimate:
    """Estimate what a month of it costs, at the prices that hold today."""
    import datetime as dt

    from groundwork.pricing.book import FOLDER, meters, read_book
    from groundwork.pricing.demand import demand
    from groundwork.pricing.estimate import at_own_prices, estimate
    from groundwork.pricing.overrides import FILE, read_overrides
    from groundwork.pricing.rules import RULES, is_free
    from groundwork.pricing.usage import read_usage

    # What the file says stands over what follows from the stack's own words.
    told = {**(read_usage(usage) if usage else {}), **demand(snapshot)}
    found = estimate(snapshot, read_book(snapshot.region, book or FOLDER), RULES, is_free, told)
    file = prices or Path(FILE)
    if prices is None and not file.is_file():
        return found
    return at_own_prices(found, read_overrides(file, meters().values()), dt.datetime.now(dt.UTC).date())


def savings_of(found: Estimate, book: Path | None) -> list[Saving]:
    """List what of it could be had for less, at the prices of its region."""
    from groundwork.pricing.book import FOLDER, read_book
    from groundwork.pricing.savings import savings

    return savings(found, read_book(found.region, book or FOLDER))


def previewed(snapshot: Snapshot, stack: str, phase: str | None, base: Base | None = None) -> list[str]:
    """Return what a preview says of the month's cost, and of what it was in ``base``."""
    from groundwork.cli.cost_text import summary
    from groundwork.pricing.offers import regions

    if snapshot.region not in regions():
        # China's prices are in a list of their own, in yuan.
        return [f"Not known: the price book has no prices of {snapshot.region}."]
    command = f"groundwork cost {stack} --phase {phase}" if phase else f"groundwork cost {stack}"
    before = None
    if base is not None and base.name and base.snapshot.region in regions():
        before = (base.name, estimated(base.snapshot, None, None, None))
    return list(summary(estimated(snapshot, None, None, None), command, budget_of(snapshot), before))


def changes(given: Sequence[str], months: int) -> dict[int, str]:
    """Map months to phases, as ``--change 3=launch`` says; InputError where it says neither."""
    found: dict[int, str] = {}
    for text in given:
        month, _, phase = text.partition("=")
        if not (month.isascii() and month.isdigit() and phase and 1 <= int(month) <= months):
            raise InputError(f"--change {text!r} is no month=phase such as 3=launch, with a month from 1 to {months}.")
        found[int(month)] = phase
    return found


def months(text: str) -> int:
    """Return how many months ``--months`` says."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_MONTHS):
        raise InputError(f"--months {text!r} is no number of months from 1 to {MOST_MONTHS}.")
    return int(text)


def projected(by_month: Sequence[tuple[str, Estimate]], growth: Decimal, credits_given: Decimal | None) -> Projection:
    """Project the months one after another, with what is stored growing by ``growth`` per cent from each to the
    next."""
    from groundwork.pricing.estimate import charges
    from groundwork.pricing.projection import Bill, project

    factor = 1 + growth / 100
    bills = [Bill(phase, charges(found, factor**at)) for at, (phase, found) in enumerate(by_month)]
    return project(bills, credits_given)


def phases_of(stack: str, count: int, first: str | None, change: Mapping[int, str]) -> list[str | None]:
    """Return the phase of each month; None for the one that the stack file says."""
    current, found = first, []
    for month in range(1, count + 1):
        current = change.get(month, current)
        found.append(current)
    return found


def as_json(found: Estimate, shown: Money) -> str:
    """Return the estimate as JSON; with another currency its totals beside those in US dollars."""
    document = found.to_json()
    if shown.currency != "USD":
        totals = {name: round(float(Decimal(str(value)) * shown.rate), 2) for name, value in document["total"].items()}
        document["converted"] = {"currency": shown.currency, "rate": float(shown.rate), "total": totals}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def budget_of(snapshot: Snapshot) -> Decimal | None:
    """Return the smallest monthly budget of a stack, in US dollars; None where it has none."""
    limits = [
        Decimal(str(budget.inputs["limitAmount"]))
        for budget in snapshot.of_type("aws:budgets/budget:Budget")
        if budget.inputs.get("timeUnit") == "MONTHLY" and isinstance(budget.inputs.get("limitAmount"), str)
    ]
    return min(limits, default=None)


def tell(lines: Sequence[str], out: Path | None, width: int | None = None) -> None:
    """Print lines, each within ``width`` columns where one is given, or write them to a file. What a program says of itself
    steers no terminal."""
    from groundwork.preview.reports.escaping import printable

    lines = [printable(line) for line in lines]
    if width is not None and out is None:
        from groundwork.preview.text import wrap

        indents = [line[: len(line) - len(line.lstrip())] for line in lines]
        lines = [
            part
            for line, indent in zip(lines, indents, strict=True)
            for part in ([line] if len(line) <= width else wrap(line.lstrip(), width, indent, f"{indent}  "))
        ]
    console.write_output("\n".join(lines) + "\n", out)
