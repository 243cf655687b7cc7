"""``groundwork cost --compare``: stacks and phases side by side, by AWS's services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from groundwork.cli.console import InputError
from groundwork.preview.reports.escaping import for_markdown
from groundwork.pricing.book import meters

if TYPE_CHECKING:
    from groundwork.cli.cost import Money
    from groundwork.pricing.estimate import Estimate

MOST = 4
"""Columns that 80 signs have room for."""


def others(stack: str, phase: str | None, asked: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return the stacks of ``--compare`` with their phases, behind the first one: ``dev``, ``prod@growth``, ``@growth``
    for the same stack."""
    found = [(stack, phase)]
    for text in asked:
        name, at, ahead = text.partition("@")
        if (at and not ahead) or not text:
            raise InputError(
                f"--compare {text!r} names nothing; write a stack, STACK@PHASE, or @PHASE for a phase of {stack}."
            )
        found.append((name or stack, ahead or None))
    if len(found) > MOST:
        raise InputError(f"--compare takes {MOST - 1} more at most, so that they fit side by side.")
    if len(set(found)) < len(found):
        raise InputError("--compare names a stack twice.")
    return found


def labels(stacks: Sequence[tuple[str, str | None]]) -> list[str]:
    """Shorten names as far as they can be told apart: phases alone where it is one stack, else without the folders that
    all share."""
    if len({name for name, _ in stacks}) == 1:
        return [phase or "as it is" for _, phase in stacks]
    return [f"{name}@{phase}" if phase else name for name, phase in stacks]


_NONE = Decimal(0)
_NOTE = "+ and ? mark services of which something has no price here."


def _rows(found: Sequence[Estimate], shown: Money) -> list[tuple[str, list[str]]]:
    """List US dollars of a month by service, the dearest first."""
    by_service = [_services(one) for one in found]
    lost = [{word for unpriced in one.unpriced for word in unpriced.why.split()} for one in found]
    names = {name for services in by_service for name in services}
    names |= {service for service, _ in meters()} & set[str]().union(*lost)
    ordered = sorted(names, key=lambda name: (-max(services.get(name, _NONE) for services in by_service), name))
    return [
        (
            name,
            [
                _cell(services.get(name, _NONE), shown, name in words)
                for services, words in zip(by_service, lost, strict=True)
            ],
        )
        for name in ordered
    ]


def _cell(amount: Decimal, shown: Money, more: bool) -> str:
    if more:
        return f"{shown(amount)}+" if amount else "?"
    return shown(amount) if amount else "-"


def _services(found: Estimate) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in found.lines:
        if line.monthly:
            service = line.listed.meter.service
            sums[service] = sums.get(service, Decimal(0)) + line.monthly
    return sums


_TOTALS: Sequence[tuple[str, Callable[[Estimate], Decimal]]] = (
    ("fixed", lambda found: found.fixed),
    ("by stated use", lambda found: found.usage),
    ("in all", lambda found: found.fixed + found.usage),
    ("with the fewest copies", lambda found: found.least),
    ("with the most copies", lambda found: found.most),
)


def table(names: Sequence[str], found: Sequence[Estimate], shown: Money) -> Iterator[str]:
    """Yield a table of 80 columns; a name that is longer keeps its end, which tells it from the others."""
    yield f"A month of 730 hours, {shown.currency}, list prices before tax"
    yield ""
    yield _line("", [name if len(name) < _COLUMN else f"…{name[-(_COLUMN - 2) :]}" for name in names])
    for name, cells in _rows(found, shown):
        yield _line(name, cells)
    yield ""
    for label, amount in _TOTALS:
        yield _line(label, [shown(amount(one)) for one in found])
    yield _line("resources without a price", _without(found))
    yield ""
    yield f"  {_NOTE}"


_FIRST, _COLUMN = 26, 13


def _line(name: str, cells: Sequence[str]) -> str:
    return f"  {name:<{_FIRST}}{''.join(f'{cell:>{_COLUMN}}' for cell in cells)}".rstrip()


def markdown(names: Sequence[str], found: Sequence[Estimate], shown: Money) -> Iterator[str]:
    """Yield the same as a table of a comment or a README."""
    yield f"| {shown.currency} a month | {' | '.join(map(for_markdown, names))} |"
    yield f"|---|{'---:|' * len(names)}"
    for name, cells in _rows(found, shown):
        yield f"| {for_markdown(name)} | {' | '.join(cells)} |"
    for label, amount in _TOTALS:
        yield f"| **{label}** | {' | '.join(f'**{shown(amount(one))}**' for one in found)} |"
    yield f"| resources without a price | {' | '.join(_without(found))} |"
    yield ""
    yield _NOTE


def _without(found: Sequence[Estimate]) -> list[str]:
    return [f"{len({unpriced.urn for unpriced in one.unpriced}):,}" for one in found]
