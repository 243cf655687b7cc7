"""A simulated day for a terminal of 80 columns, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from groundwork.preview.styled import Text
from groundwork.settings.mistakes import all_of
from groundwork.simulation.alarms import RingingAlarm
from groundwork.simulation.cost import DayCost
from groundwork.simulation.day import DayResult, ServiceDay
from groundwork.simulation.scenario import MINUTES
from groundwork.simulation.search import CheapestSizes, LatencyGoal
from groundwork.simulation.tiers import FULL

_BARS = " ▁▂▃▄▅▆▇█"
_COLUMNS = 48
"""Of half an hour each."""
_LABEL = 18


def lines(result: DayResult, label: str, cost: DayCost | None, alarms: Sequence[RingingAlarm] = ()) -> Iterator[Text]:
    """Yield a day: a table of services, curves over the hours, and what gave way first."""
    scenario = result.scenario
    shape = "its own curve" if scenario.curve else f"{scenario.day} traffic"
    how = (
        f"{result.platform.asked:,.0f} requests drawn one by one, seed {scenario.seed}"
        if result.method == "events"
        else "as a fluid"
    )
    yield Text.assemble((label, "bold"), f": {shape}, {how}")
    yield Text()
    yield Text(
        f"{'':{_LABEL}}{'a second':>10}{'copies':>8}{'CPU':>10}{'half':>8}{'95 %':>8}{'99 %':>8}{'lost':>8}", "dim"
    )
    for name, service in result.services.items():
        yield _row(name, service)
    if result.platform.database:
        mean, most = sum(result.database) / MINUTES, max(result.database)
        yield Text(
            f"{'database':{_LABEL}}{'':>18}{f'{mean:.0f}-{most:.0f} %':>10}  {result.platform.database.instance_class}"
        )
    yield Text()
    yield from _curves(result)
    yield Text()
    yield from advice(result, alarms)
    if cost:
        hours = [
            f"{name} {service.copy_hours:,.0f} hours of a copy"
            for name, service in result.services.items()
            if name in cost.copies
        ]
        words = f"This day costs ${cost.total:,.2f}: ${cost.standing:,.2f} for what stands there anyway"
        yield from map(Text, textwrap.wrap(all_of([words, *hours]) if hours else words, 80))


def _row(name: str, service: ServiceDay) -> Text:
    busiest = max(service.arrived) / 60
    copies = (
        f"{min(service.copies)}-{max(service.copies)}"
        if min(service.copies) < max(service.copies)
        else str(service.copies[0])
    )
    mean, most = sum(service.utilization) / MINUTES, max(service.utilization)
    half, many, most_of_all = service.latencies.quantiles((0.5, 0.95, 0.99))
    lost = f"{service.lost_percent:.2f} %" if service.lost_percent else "none"
    style = "red" if service.lost_percent else ""
    return Text.assemble(
        f"{name[: _LABEL - 1]:{_LABEL}}{number(busiest):>10}{copies:>8}{f'{mean:.0f}-{most:.0f} %':>10}"
        f"{duration(half):>8}{duration(many):>8}{duration(most_of_all):>8}",
        (f"{lost:>8}", style),
    )


def number(value: float) -> str:
    """Return an amount with as many digits as tell something: ``0.4``, ``1,200``."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """Return a time as somebody says it: ``42 ms``, ``1.3 s``."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _curves(result: DayResult) -> Iterator[Text]:
    for name, service in result.services.items():
        what = "requests" if service.tier.public else "messages"
        yield _curve(f"{name} {what}", service.arrived, f"{number(max(service.arrived) / 60)} a second")
        yield _curve(f"{name} copies", service.copies, f"{max(service.copies)}", extreme=min)
        yield _curve(
            f"{name} 95 %", [one[1] for one in service.slowest], duration(max(one[1] for one in service.slowest))
        )
    if result.platform.database:
        yield _curve("database CPU", result.database, f"{max(result.database):.0f} %", 100)
    hours = "".join(f"{hour:<{_COLUMNS // 8}}" for hour in range(0, 24, 3))
    yield Text(f"{'':{_LABEL}}{hours}", "dim")


def extremes(values: Sequence[float], each: int, extreme: Callable[[Sequence[float]], float]) -> list[float]:
    """Return the highest of every so many values, or the lowest: of copies, that they were gone for two minutes."""
    return [extreme(values[start : start + each]) for start in range(0, len(values), each)]


def _curve(
    label: str,
    values: Sequence[float],
    most: str,
    top: float | None = None,
    extreme: Callable[[Sequence[float]], float] = max,
) -> Text:
    points = extremes(values, MINUTES // _COLUMNS, extreme)
    highest = top or max(points) or 1
    # What is there is seen, however little.
    bars = "".join(_BARS[min(max(round(8 * point / highest), point > 0), 8)] for point in points)
    return Text.assemble(f"{label[: _LABEL - 1]:{_LABEL}}", (f"{bars:{_COLUMNS}}", "cyan"), f" {most}")


def advice(result: DayResult, alarms: Sequence[RingingAlarm]) -> Iterator[Text]:
    """Yield what ran full, when, and the setting that moves it; then which alarms told somebody."""
    rang = [("rings", "yellow", f"{one.name}: from {_clock(one.begins)} on, {_minutes(one.minutes)}") for one in alarms]
    said = [*_full(result), *_lost(result), *rang]
    for head, style, words in said or [("fine", "green", "nothing ran full, and no request was lost")]:
        first, *rest = textwrap.wrap(words, 80 - _HEAD)
        yield Text.assemble((f"{head:{_HEAD}}", style), first)
        yield from (Text(f"{'':{_HEAD}}{line}") for line in rest)


_HEAD = 7
_Said = tuple[str, str, str]
"""A word, its style, and what it is about."""


def _full(result: DayResult) -> Iterator[_Said]:
    for name, service in result.services.items():
        full = [minute for minute, percent in enumerate(service.utilization) if percent >= FULL]
        if not full:
            continue
        most = max(most for _, most in service.tier.bounds)
        if 2 * sum(service.copies[minute] >= most for minute in full) > len(full):
            why = f"with all the copies that it may have: services.{name}.scaling.max ({most})"
        else:
            least = min(least for least, _ in service.tier.bounds)
            why = f"until more copies had started: services.{name}.scaling.min ({least}), or a lower target"
        yield "full", "red", f"{name}: {len(full)} minutes from {_clock(full[0])} on, {why}"
    busy = [minute for minute, percent in enumerate(result.database) if percent >= FULL]
    if busy:
        yield (
            "full",
            "red",
            f"the database: {len(busy)} minutes from {_clock(busy[0])} on: data.class, or less work for each request",
        )


def _lost(result: DayResult) -> Iterator[_Said]:
    names = [name for name, service in result.services.items() if service.lost_percent]
    if names:
        patience = result.scenario.patience_seconds
        yield (
            "lost",
            "red",
            f"requests of {all_of(names)}: they waited longer than {patience:g} s, or had nobody to answer",
        )


def _minutes(count: int) -> str:
    return f"{count} minute{'' if count == 1 else 's'} of the day"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def found_lines(found: CheapestSizes | None, goal: LatencyGoal) -> Iterator[Text]:
    """Yield what a search found, as lines of a stack file."""
    wanted = f"{100 * goal.part:g} % of requests within {duration(goal.seconds)}"
    if found is None:
        yield Text(
            f"No size that Fargate and the database's classes have holds {wanted}: less work for each request is what helps."
        )
        return
    yield Text.assemble(
        ("Cheapest sizes", "bold"),
        f" for {wanted}: ${found.daily:,.2f} a day for copies{' and database' if found.database else ''}",
    )
    yield Text()
    if found.database:
        yield Text(f"  groundwork:data: {{class: {found.database}}}")
    yield Text("  groundwork:services:")
    for name, size in found.sizes.items():
        yield Text(
            f"    {name}: {{cpu: {size.cpu}, memory: {size.memory}, scaling: {{min: {size.least}, max: {size.most}}}}}"
        )
    yield Text()
    yield Text("groundwork preview says whether the database takes the connections of so many copies.")


def dumps(
    result: DayResult, cost: DayCost | None, found: CheapestSizes | None, alarms: Sequence[RingingAlarm] = ()
) -> str:
    """Return a day as JSON: seconds, requests, percent, US dollars; a number for each minute."""
    services = {
        name: {
            "requests": sum(service.arrived),
            "lost_percent": service.lost_percent,
            "copy_hours": service.copy_hours,
            "seconds": dict(zip(("p50", "p95", "p99"), service.latencies.quantiles((0.5, 0.95, 0.99)), strict=True)),
            "minutes": {
                "arrived": service.arrived,
                "lost": service.lost,
                "copies": service.copies,
                "utilization": service.utilization,
                "waiting": service.waiting,
                "p95": [one[1] for one in service.slowest],
            },
        }
        for name, service in result.services.items()
    }
    document = {
        "method": result.method,
        "scenario": result.scenario.model_dump(mode="json"),
        "services": services,
        "database": {"utilization": list(result.database)} if result.platform.database else None,
        "alarms": [{"name": one.name, "begins": _clock(one.begins), "minutes": one.minutes} for one in alarms],
        "cost": _cost(cost),
        "cheapest": _found(found),
    }
    return json.dumps(document, indent=2) + "\n"


def _cost(cost: DayCost | None) -> dict[str, object] | None:
    if cost is None:
        return None
    return {
        "total": _money(cost.total),
        "standing": _money(cost.standing),
        "copies": {name: _money(one) for name, one in cost.copies.items()},
    }


def _found(found: CheapestSizes | None) -> dict[str, object] | None:
    if found is None:
        return None
    sizes = {
        name: {"cpu": one.cpu, "memory": one.memory, "min": one.least, "max": one.most}
        for name, one in found.sizes.items()
    }
    return {"database": found.database, "services": sizes, "daily": _money(found.daily)}


def _money(amount: Decimal) -> float:
    return float(round(amount, 4))
