"""``groundwork simulate``: a day of a stack before it is lived."""

from __future__ import annotations

import importlib.util
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.stack_name import StackName

if TYPE_CHECKING:
    from groundwork.simulation.search import LatencyGoal


class SimulationFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SVG = "svg"


class MethodName(StrEnum):
    EVENTS = "events"
    FLUID = "fluid"


_PARTS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def simulate(
    stack: StackName,
    *,
    scenario: Annotated[
        Path | None,
        Option(
            "--scenario",
            metavar="FILE",
            help="The day: traffic, work of a request, what goes wrong; unset, an evening's.",
        ),
    ] = None,
    phase: Annotated[str | None, Option("--phase", metavar="PHASE", help="In this phase, without an edit.")] = None,
    method: Annotated[
        MethodName | None,
        Option(
            "--method",
            help="events draws each request; fluid is for any number; unset, events up to 100 million requests.",
        ),
    ] = None,
    search: Annotated[
        str | None,
        Option(
            "--search", metavar="PART=TIME", help="Find the cheapest sizes that hold this, such as p95=300ms or p99=1s."
        ),
    ] = None,
    form: Annotated[
        SimulationFormat, Option("--format", help="text to read; json with each minute; svg, a picture.")
    ] = SimulationFormat.TEXT,
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Write to this file.")] = None,
) -> None:
    """Simulate a day of a stack: how many copies run, how long requests take, what runs full, and what the day costs.

    How much it is used is said under usage in the stack file, or in the scenario. Ends with 1 where requests were lost, or where no sizes
    hold what --search asks for.
    """
    wanted = _goal(search) if search else None
    _check_installed()
    from groundwork.cli.cost import estimated
    from groundwork.cli.running import run_stack
    from groundwork.preview.styled import Text
    from groundwork.pricing.book import read_book
    from groundwork.settings.loading import find_stack, load_stack
    from groundwork.simulation import svg, text
    from groundwork.simulation.alarms import ringing
    from groundwork.simulation.cost import day_cost, rates
    from groundwork.simulation.day import simulate as simulated
    from groundwork.simulation.scenario import Scenario, read_scenario
    from groundwork.simulation.search import SizeSearch, databases
    from groundwork.simulation.tiers import platform_of

    day = read_scenario(scenario) if scenario else Scenario()
    files = find_stack(stack, phase=phase)
    settings = load_stack(files).settings
    platform = platform_of(settings, day, files.label)
    with console.progress(f"Running {stack} offline"):
        snapshot = run_stack(stack, phase=phase).snapshot
        priced = estimated(snapshot, None, None, None)
    sizes = {name: (service.cpu / 1024, service.memory / 1024) for name, service in settings.services.items()}
    each = rates(priced, settings.platform.name, sizes)
    with console.progress(f"Simulating a day of {platform.asked:,.0f} requests"):
        result = simulated(platform, day, method.value if method else None)
        alarms = ringing(snapshot, settings.platform.name, result)
        cost = day_cost(priced, settings.platform.name, result, each, sizes)
    found = None
    if wanted:
        with console.progress("Looking for the cheapest sizes"):
            chosen = databases(settings, platform.database, priced, read_book(snapshot.region))
            found = SizeSearch(settings, platform, day, wanted, each).cheapest(chosen)
    label = f"{stack} in {settings.platform.phase}"
    if form is SimulationFormat.TEXT:
        shown = list(text.lines(result, label, cost, alarms))
        if wanted:
            shown += [Text(), *text.found_lines(found, wanted)]
        if out:
            from groundwork.preview.text import plain

            console.write_output(plain(shown), out)
        else:
            console.print_lines(shown)
    else:
        console.write_output(
            svg.svg(result, label) if form is SimulationFormat.SVG else text.dumps(result, cost, found, alarms), out
        )
    lost = any(service.lost_percent for service in result.services.values())
    raise SystemExit(console.FINDINGS if (found is None if wanted else lost) else console.FINE)


def _goal(said: str) -> LatencyGoal:
    part, _, time = said.partition("=")
    for unit, factor in (("ms", 0.001), ("s", 1.0)):
        number = time.removesuffix(unit)
        if time.endswith(unit) and part in _PARTS and number.replace(".", "", 1).isdecimal() and float(number) > 0:
            from groundwork.simulation.search import LatencyGoal

            return LatencyGoal(_PARTS[part], float(number) * factor)
    raise console.InputError(
        f'--search: "{said}" is none; say one of {", ".join(_PARTS)} and a time, such as p95=300ms or p99=1.5s'
    )


def _check_installed() -> None:
    missing = [name for name in ("numba", "numpy") if importlib.util.find_spec(name) is None]
    if missing:
        from groundwork.installation import extra_command

        raise console.InputError(
            f"simulate needs {' and '.join(missing)}, which not everybody wants to install: {extra_command('simulate')}"
        )
