"""What ``groundwork cost`` prints: tables for people, in 80 columns, and the same as Markdown for a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from groundwork.preview.reports.escaping import for_markdown

if TYPE_CHECKING:
    from groundwork.cli.cost import Money
    from groundwork.pricing.commitments import WhatIf
    from groundwork.pricing.estimate import Estimate, Line
    from groundwork.pricing.projection import Projection
    from groundwork.pricing.savings import Saving


@dataclass
class _Sum:
    """The lines of one kind, over all resources."""

    about: str
    unit: str
    source: str
    quantity: Decimal = Decimal(0)
    monthly: Decimal = Decimal(0)
    resources: int = 0


def _sums(found: Estimate) -> list[_Sum]:
    sums: dict[tuple[str, str], _Sum] = {}
    for line in found.lines:
        if line.monthly:
            meter = line.listed.meter
            one = sums.setdefault(
                (meter.service, meter.name), _Sum(meter.about, meter.unit, line.note or _source(line))
            )
            one.quantity += line.quantity or Decimal(0)
            one.monthly += line.monthly
            one.resources += 1
    return sorted(sums.values(), key=lambda one: -one.monthly)


def _source(line: Line) -> str:
    return f"{line.listed.reading}, {line.listed.date}"


def summary(
    found: Estimate, command: str, budget: Decimal | None, before: tuple[str, Estimate] | None = None
) -> Iterator[str]:
    """Yield what a preview says of it, in US dollars: the month, what it was before (by name), what is not in it, and a budget that is
    below it."""
    from groundwork.pricing.book import is_known

    most = f", up to ${found.most:,.2f} with the most copies" if found.most > found.fixed + found.usage else ""
    bound = "At least " if found.unpriced else ""
    yield f"{bound}${found.fixed:,.2f} a month at list prices, and ${found.usage:,.2f} by use as far as it is told{most}"
    if before:
        name, then = before
        if {one.urn for one in found.unpriced} != {one.urn for one in then.unpriced}:
            yield f"{name} came to ${then.fixed + then.usage:,.2f}, but not of the same resources a price is known"
        else:
            yield f"{difference(found.fixed + found.usage, then.fixed + then.usage)} {name}"
    untold = sum(line.quantity is None for line in found.lines)
    missing = len({one.urn for one in found.unpriced})
    if untold or missing:
        yield f"Not in it: {untold} lines whose use nobody told, {missing} resources of which something has no price"
    if not is_known(found.region):
        yield (
            f"The price book has only what costs the same everywhere, not the prices of {found.region}: "
            f"groundwork prices refresh --region {found.region} reads them, without credentials"
        )
    yield f"Line by line: {command}"
    if budget is not None and found.fixed + found.usage > budget:
        yield f"Warning: the budget of ${budget:,.2f} a month is below the ${found.fixed + found.usage:,.2f} that this comes to"


def difference(now: Decimal, before: Decimal) -> str:
    """Return by how much a month costs more or less than before, as a sentence to be ended by what that was."""
    if round(now, 2) == round(before, 2):
        return "As much as with"
    return f"${abs(now - before):,.2f} a month {'more' if now > before else 'less'} than the ${before:,.2f} of"


def report(found: Estimate, label: str, shown: Money, budget: Decimal | None) -> Iterator[str]:
    """Report a month, with its largest lines first."""
    yield f"{label} in {found.region}: a month of 730 hours, {shown.currency}, list prices before tax"
    yield ""
    yield f"  fixed            {shown(found.fixed):>12}"
    yield f"  by stated use    {shown(found.usage):>12}{_untold(found)}"
    bound = "  at least: see what has no price" if found.unpriced else ""
    yield f"  in all           {shown(found.fixed + found.usage):>12}{bound}"
    if found.least != found.most:
        yield f"  autoscaling      {shown(found.least):>12} with the fewest copies, {shown(found.most)} with the most"
    yield ""
    width = max([len(one.about) for one in _sums(found)] or [0], default=0)
    width = min(width, _WIDEST)
    for one in _sums(found):
        yield f"  {one.about[:width]:<{width}}  {_amount(one.quantity):>9} {one.unit:<13}{shown(one.monthly):>11}"
    yield from _unpriced(found)
    if budget is not None and found.fixed + found.usage > budget:
        yield ""
        yield f"  The budget of {shown(budget)} a month is below the {shown(found.fixed + found.usage)} that this comes to."
    yield ""
    yield f"  {_readings(found)}"


_WIDEST = 40


def _untold(found: Estimate) -> str:
    count = sum(line.quantity is None for line in found.lines)
    return f"  {_counted(count, 'more line')} by use: --usage says it" if count else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _amount(quantity: Decimal) -> str:
    return f"{quantity:,.0f}" if quantity == quantity.to_integral_value() else f"{quantity:,.2f}"


def _unpriced(found: Estimate) -> Iterator[str]:
    if not found.unpriced:
        return
    whys: dict[str, set[str]] = {}
    for one in found.unpriced:
        whys.setdefault(one.why.replace(f"the price book of {found.region}", "the price book"), set()).add(one.type)
    yield ""
    yield "  Not in these figures, for want of a price:"
    for why, types in sorted(whys.items()):
        yield f"    {', '.join(sorted(type_.rpartition(':')[2] for type_ in types))}: {why}"
    if any("price book" in why for why in whys):
        yield f"  groundwork prices refresh --region {found.region} reads what the book does not have."


def _readings(found: Estimate) -> str:
    lines = [line for line in found.lines if line.monthly]
    if not lines:
        return "Nothing of it has a price."
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.listed.reading] = counts.get(line.listed.reading, 0) + 1
    oldest = min(line.listed.date for line in lines)
    told = ", ".join(f"{count} {reading}" for reading, count in sorted(counts.items()))
    return f"Of {len(lines)} priced lines: {told}; the oldest price is of {oldest}."


def months(projection: Projection, shown: Money, *, budget: Decimal | None = None) -> Iterator[str]:
    """Report months in a row, without and with the free tier under both of AWS's plans."""
    given = shown(projection.credits)
    yield f"Month by month, {shown.currency}, counted from the day on which the account was opened"
    yield ""
    yield f"  {'':<5} {'':<9} {'without':>11} {'opened before':>14} {'opened since 15 July 2025,':>26}"
    yield f"  {'month':<5} {'phase':<9} {'free tier':>11} {'15 July 2025':>14} {f'with {given} of credits':>26}"
    for month in projection.months:
        left = f"{shown(month.paid)} ({shown(month.left)} left)" if month.credits or month.left else shown(month.paid)
        yield f"  {month.number:<5} {month.phase:<9} {shown(month.list_price):>11} {shown(month.legacy):>14} {left:>26}"
    totals = [projection.total(name) for name in ("list_price", "legacy", "paid")]
    yield f"  {'in all':<15} {shown(totals[0]):>11} {shown(totals[1]):>14} {shown(totals[2]):>26}"
    yield ""
    closed = projection.closed_in
    if closed:
        yield (
            f"  On the free plan an account pays nothing and is closed in month {closed}: its credits or its six months are "
            "over. On the paid plan it goes on as above."
        )
    else:
        yield "  On the free plan an account pays nothing for these months."
    if budget is not None:
        for name, total in zip(
            ("without the free tier", "opened before 15 July 2025", "with credits"), totals, strict=True
        ):
            verdict = "within" if total <= budget else "above"
            yield f"  {name}: {shown(total)}, {verdict} the {shown(budget)} for all these months"


def savings(rows: Sequence[Saving], shown: Money) -> Iterator[str]:
    """Report what could be had for less, and what nobody uses."""
    if not rows:
        yield "Nothing of it is to be had for less without giving something up."
        return
    yield f"To be had for less, {shown.currency} a month at the region's list prices"
    yield ""
    for row in rows:
        yield f"  {shown(row.monthly):>10}  {row.about} → {row.becomes}"
        yield f"              {row.setting}, if {row.condition}"


def what_if(rows: Sequence[WhatIf], shown: Money) -> Iterator[str]:
    """Report what commitments and Spot could save of a month at most."""
    yield (
        f"What commitments could save of a month at most, {shown.currency}: AWS's largest discount for each, which the term and "
        "what is paid ahead decide; some are about the same part"
    )
    yield ""
    if not rows:
        yield "  Nothing of it can be committed to."
    for one in rows:
        part = f"{one.commitment.at_most:.0%}"
        yield f"  {shown(one.saves_at_most):>10}  {one.commitment.name}: up to {part} of {shown(one.on_demand)}"
        yield f"              {one.commitment.term}"


def markdown(found: Estimate, label: str, shown: Money) -> Iterator[str]:
    """Report a month as a comment has it: totals, then the lines in a table that is folded."""
    yield f"### Cost of {for_markdown(label)}: {shown(found.fixed + found.usage)} {shown.currency} a month"
    yield ""
    yield "| fixed | by stated use | fewest copies | most copies |"
    yield "|---:|---:|---:|---:|"
    yield f"| {shown(found.fixed)} | {shown(found.usage)} | {shown(found.least)} | {shown(found.most)} |"
    yield ""
    sums = _sums(found)
    yield f"<details><summary>{_counted(len(sums), 'kind')} of charges</summary>"
    yield ""
    yield f"| | amount | unit | {shown.currency} a month | price known |"
    yield "|---|---:|---|---:|---|"
    for one in sums:
        yield f"| {for_markdown(one.about)} | {_amount(one.quantity)} | {one.unit} | {shown(one.monthly)} | {for_markdown(one.source)} |"
    yield ""
    yield "</details>"
    if found.unpriced:
        yield ""
        yield f"<details><summary>No price: {_counted(len(found.unpriced), 'thing')}</summary>"
        yield ""
        for why in sorted({f"{one.type}: {one.why}" for one in found.unpriced}):
            yield f"- {for_markdown(why)}"
        yield ""
        yield "</details>"
