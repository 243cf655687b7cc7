"""``groundwork phases``: a stack at every size side by side, and what it means to go to one of them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.stack_name import StackName
from groundwork.preview.styled import Text
from groundwork.settings.mistakes import Mistakes, all_of, dotted
from groundwork.settings.mistakes import Path as Place

if TYPE_CHECKING:
    from groundwork.components.settings import Settings

_WIDTH = 80


class PhasesFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True)
class HeldLoad:
    """What a stack holds."""

    requests: float
    """A second, in the busiest minute."""
    gives: str
    """What happens first beyond it."""
    setting: str
    """What moves it."""


@dataclass(frozen=True)
class StackInPhase:
    """What a stack comes to in a phase."""

    settings: Mapping[str, Any]
    monthly: Decimal
    most: Decimal
    """US dollars a month: as it stands, and with the most copies."""
    connections: str
    """To the database while a deployment runs old and new copies, of how many that it takes."""
    holds: HeldLoad | None = None
    """None where no request comes to it."""


@dataclass(frozen=True)
class StackInPhases:
    """A stack in each phase, or why it cannot be in it."""

    now: str
    possible: Mapping[str, StackInPhase]
    refused: Mapping[str, Mistakes]


def every_phase() -> tuple[str, ...]:
    """Return the phases, smallest first."""
    from groundwork.settings.base import Phase

    return get_args(Phase)


def every_engine() -> tuple[str, ...]:
    """Return the engines."""
    from groundwork.settings.loading import ENGINES

    return ENGINES


def phases(
    stack: StackName,
    *,
    start: Annotated[
        str | None,
        Option(
            "--from", metavar="PHASE", help="With --to or --engine: from this phase, not the file's.", words=every_phase
        ),
    ] = None,
    to: Annotated[
        str | None,
        Option("--to", metavar="PHASE", help="Show what it means to go to this phase.", words=every_phase),
    ] = None,
    engine: Annotated[
        str | None,
        Option("--engine", metavar="ENGINE", help="Show what it means to go to this engine.", words=every_engine),
    ] = None,
    form: Annotated[
        PhasesFormat, Option("--format", help="text to read; json with every value that differs.")
    ] = PhasesFormat.TEXT,
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Write to this file.")] = None,
) -> None:
    """Show what differs between a stack's phases, what a month costs in each and how many requests it holds.

    What the stack file says itself holds in every phase and is not shown. With --to or --engine: what such a step would change, replace
    and delete, and what AWS or Pulumi would refuse of it; ends with 1 where something would be refused.
    """
    if to is not None or engine is not None:
        from groundwork.cli.stepping import show_step

        raise SystemExit(show_step(stack, to, engine, start=start, as_json=form is PhasesFormat.JSON, out=out))
    if start is not None:
        raise console.InputError(
            "--from says where a step begins; say also where it goes: --to PHASE or --engine ENGINE"
        )
    with console.progress(f"Running {stack} in every phase"):
        found = ways(stack)
    if form is PhasesFormat.JSON:
        console.write_output(dumps(found), out)
    elif out is not None:
        from groundwork.preview.text import plain

        console.write_output(plain(lines(stack, found)), out)
    else:
        console.page_lines(lines(stack, found))


def ways(stack: str) -> StackInPhases:
    """Run a stack in each phase; :class:`Mistakes` where it cannot be in its own."""
    from groundwork.cli.cost import estimated
    from groundwork.cli.running import run_stack
    from groundwork.settings.loading import find_stack, load_stack

    now = load_stack(find_stack(stack)).settings.platform.phase
    possible, refused = {}, {}
    for phase in every_phase():
        try:
            run = run_stack(stack, phase=phase)
        except Mistakes as mistakes:
            refused[phase] = mistakes
            continue
        cost = estimated(run.snapshot, None, None, None)
        monthly = cost.fixed + cost.usage
        connections, held = _connections(run.settings), holds(run.settings, run.stack.label)
        possible[phase] = StackInPhase(run.snapshot.settings, monthly, cost.most, connections, held)
    return StackInPhases(now, possible, refused)


def holds(settings: Settings, label: str) -> HeldLoad | None:
    """Return what a stack holds; None where no request comes to it, or nothing of it grows with them."""
    from groundwork.capacity.capacity import request_capacity

    if not any(service.is_public for service in settings.services.values()):
        return None
    found = request_capacity(settings, label)
    first, requests = found.first, found.requests_a_second
    return HeldLoad(requests, first.gives, first.setting) if first and requests else None


def _connections(settings: Settings) -> str:
    from groundwork.components.data.connections import direct, taken

    data = settings.data
    most = taken(data, data.known_class) if data and data.known_class else None
    if data is None or most is None:
        return "-"
    return (
        "by proxy" if data.proxy else f"{sum(holder.most_deploying for holder in direct(settings, 'primary'))}/{most}"
    )


def differences(found: StackInPhases) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each place of the settings at which phases differ, with its value in each phase that has the place. Services that differ alike
    are one row, ``*``."""
    rows = dict(_differing({phase: one.settings for phase, one in found.possible.items()}, ()))
    rows.pop(("platform", "phase"), None)
    services = {place[1] for place in rows if place[0] == "services" and len(place) > 2}
    alike = {
        place[2:]
        for place in rows
        if place[0] == "services" and all(rows.get(("services", name, *place[2:])) == rows[place] for name in services)
    }
    told = set()
    for place, values in rows.items():
        if len(services) > 1 and place[0] == "services" and place[2:] in alike:
            if place[2:] not in told:
                told.add(place[2:])
                yield ("services", "*", *place[2:]), values
        else:
            yield place, values


def _differing(values: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield where values differ: of mappings their members, of members that some lack which of them there are."""
    first, *others = values.values()
    if all(one == first for one in others):
        return
    mappings = {phase: one for phase, one in values.items() if isinstance(one, Mapping)}
    if not mappings or (place and not any(mappings.values())):
        yield place, dict(values)
        return
    keys = list(dict.fromkeys(key for one in mappings.values() for key in one))
    shared = [key for key in keys if all(key in one for one in mappings.values())]
    if len(mappings) < len(values) or len(shared) < len(keys):
        yield place, {phase: _members(one) for phase, one in values.items()}
    for key in shared:
        yield from _differing({phase: one[key] for phase, one in mappings.items()}, (*place, key))


def _members(value: Any) -> Any:
    """Return how many there are of what has a name each; of a group of settings, whether it is there."""
    if value is None:
        return False
    if not isinstance(value, Mapping):
        return value
    return len(value) if all(isinstance(one, Mapping) for one in value.values()) else True


def lines(stack: str, found: StackInPhases) -> Iterator[Text]:
    """Yield the table, and why a phase is not possible."""
    rows = [
        (dotted(place), {phase: _shown(value) for phase, value in one.items()}) for place, one in differences(found)
    ]
    head = {phase: f"{phase}{'*' if phase == found.now else ''}" for phase in every_phase()}
    sums = [
        ("USD a month", {phase: f"{one.monthly:,.0f}" for phase, one in found.possible.items()}),
        ("with the most copies", {phase: f"{one.most:,.0f}" for phase, one in found.possible.items()}),
        ("requests a second", {phase: _requests(one.holds) for phase, one in found.possible.items()}),
        ("database connections", {phase: one.connections for phase, one in found.possible.items()}),
    ]
    widths = {
        phase: 2 + max(len(values.get(phase, "-")) for _, values in [("", head), *sums, *rows])
        for phase in every_phase()
    }
    label = _WIDTH - sum(widths.values())

    def row(name: str, values: Mapping[str, str]) -> str:
        return f"{name:{label}}" + "".join(f"{values.get(phase, '-'):>{width}}" for phase, width in widths.items())

    yield Text.assemble((stack, "bold"), f" is in {found.now} now (*)")
    yield Text("What its file says for every phase is left out.")
    yield Text()
    yield Text(row("", head), "bold")
    yield from (Text(row(name, values)) for name, values in sums)
    layer = None
    for name, values in rows:
        if name.partition(".")[0] != layer:
            layer = name.partition(".")[0]
            yield Text()
        if len(name) > label:
            yield Text(name)
        yield Text(row(name if len(name) <= label else "", values))
    yield from _first_to_give(found)
    for phase, mistakes in found.refused.items():
        yield Text()
        yield Text.assemble((phase, "yellow"), " is not possible as the file stands:")
        for mistake in mistakes.mistakes:
            yield from (Text(f"  {line}") for line in textwrap.wrap(str(mistake), _WIDTH - 2, break_on_hyphens=False))
    yield Text()
    yield Text(f"What a step changes: groundwork phases {stack} --to PHASE")


def _requests(held: HeldLoad | None) -> str:
    return f"{held.requests:,.0f}" if held else "-"


def _first_to_give(found: StackInPhases) -> Iterator[Text]:
    """Yield what ends the requests that each phase holds; of those alike once."""
    told: dict[str, list[str]] = {}
    for phase, one in found.possible.items():
        if one.holds:
            words = f"at {_requests(one.holds)} requests a second {one.holds.gives}: {one.holds.setting}"
            told.setdefault(words, []).append(phase)
    if told:
        yield Text()
    for words, names in told.items():
        text = f"{all_of(names)}: {words}"
        yield from map(Text, textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    if told:
        assumed = "Each request needs what usage.services says of it, or 20 ms of CPU: groundwork capacity."
        yield from map(Text, textwrap.wrap(assumed, _WIDTH))


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "unset" if value is None else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return f"{len(value)} of them"
    text = f"{value:,.15g}" if isinstance(value, float) else str(value)
    # The kind of class is said by its setting.
    return text.removeprefix("db.").removeprefix("cache.").removesuffix(".search")


def dumps(found: StackInPhases) -> str:
    """Return the same as JSON: US dollars, and the values of each place that differs."""
    document = {
        "now": found.now,
        "phases": {
            phase: {
                "monthly": float(round(one.monthly, 2)),
                "most": float(round(one.most, 2)),
                "connections": one.connections,
                "holds": asdict(one.holds) if one.holds else None,
            }
            for phase, one in found.possible.items()
        },
        "differences": {dotted(place): values for place, values in differences(found)},
        "refused": {phase: [str(one) for one in mistakes.mistakes] for phase, mistakes in found.refused.items()},
    }
    return json.dumps(document, indent=2) + "\n"
