"""``groundwork loadtest``: what a stack does under the load that its file tells."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.operations import DryRun, Yes, confirmed
from groundwork.cli.stack_name import StackName
from groundwork.operations.loadtest.shapes import MINUTES, LoadShape

if TYPE_CHECKING:
    from groundwork.operations.loadtest.plan import LoadPlan
    from groundwork.operations.loadtest.report import LoadFigure, LoadReport

_WIDTH = 80
_WINDOW = 300
"""Seconds over which the web ACL counts."""


def loadtest(
    stack: StackName,
    *,
    shape: Annotated[
        LoadShape,
        Option(
            "--shape", help="ramp: up to the busiest minute; soak: that for an hour; spike: five times that at once."
        ),
    ] = LoadShape.RAMP,
    rate: Annotated[
        str | None,
        Option(
            "--rate",
            metavar="NUMBER",
            help="Requests a second over all services; unset, the busiest minute's by usage in the stack file.",
        ),
    ] = None,
    sockets: Annotated[
        str | None,
        Option("--sockets", metavar="NUMBER", help="WebSockets that stay open; unset, as usage tells."),
    ] = None,
    minutes: Annotated[
        str | None,
        Option("--minutes", metavar="NUMBER", help="How long [default: 10, of a soak 60]."),
    ] = None,
    run: Annotated[bool, Option("--run", help="Run it with k6, after asking; unset, only write the files.")] = False,
    on: Annotated[
        str | None, Option("--on", metavar="HOST", help="Of a prod: its name once more, for --run to go there.")
    ] = None,
    out: Annotated[
        Path | None, Option("--out", metavar="FOLDER", help="For the files; unset, loadtest/STACK of the project.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Write a load test for k6 from a stack's services and their use; with --run run it, and hold what is measured against a simulation.

    It goes to the stack's own names and nowhere else, and ends where an answer is somebody else's. Thresholds are those of the services'
    alarms. Ends with 1 where one is not held.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations.account import open_account
    from groundwork.operations.errors import OperationError
    from groundwork.operations.loadtest.files import folder_of, write_files
    from groundwork.operations.loadtest.plan import LoadOptions, plan_of, reached_by
    from groundwork.operations.loadtest.report import read_summary, report_of, write_report
    from groundwork.operations.loadtest.running import look_first, run_k6
    from groundwork.settings.loading import find_stack, load_stack

    asked = _number("--rate", rate, 0.01, 100_000) if rate is not None else None
    keeping = int(_number("--sockets", sockets, 0, 1_000_000)) if sockets is not None else None
    lasting = _number("--minutes", minutes, 0.1, 24 * 60) if minutes is not None else MINUTES[shape]
    files = find_stack(stack)
    settings = load_stack(files).settings
    snapshot = run_stack(stack).snapshot
    account = open_account(stack) if run else None
    plan = plan_of(
        settings,
        snapshot,
        reached_by(snapshot, account),
        LoadOptions(shape, lasting, asked, keeping),
        stack=stack,
        label=files.label,
    )
    folder = out or folder_of(files)
    if not run:
        print("\n".join(_says(plan)))
        if dry_run:
            print("Nothing was written (--dry-run).")
            return
        written = ", ".join(one.name for one in write_files(plan, folder))
        print(
            f"Written to {folder}: {written}\nNext: groundwork loadtest {stack} --run, when requests.js says what visitors do"
        )
        return
    if settings.platform.stage == "prod" and on not in plan.hosts:
        raise console.InputError(
            f"{stack} is a prod, and people are on it; say where you mean to go: --on {plan.hosts[0]}"
        )
    if not confirmed("\n".join(_says(plan)), yes=yes, dry_run=dry_run):
        return
    look_first(plan)
    write_files(plan, folder)
    held = run_k6(folder)
    report = report_of(
        plan, read_summary(folder / "summary.json"), settings, files.label, datetime.datetime.now(datetime.UTC)
    )
    file = write_report(report, folder)
    print("\n".join(lines(report)))
    print(f"Report: {file}")
    if report.elsewhere:
        raise OperationError("the test was ended: an answer did not come from the stack")
    if not (held and report.well):
        raise SystemExit(console.FINDINGS)


def _number(option: str, said: str, least: float, most: float) -> float:
    try:
        number = float(said)
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise console.InputError(f'{option}: "{said}" is none; say a number from {least:g} to {most:g}')
    return number


def _says(plan: LoadPlan) -> Iterator[str]:
    yield f"{plan.shape.value} of {plan.minutes:g} min against {plan.services[0].host}: up to {plan.rate:,.3g} requests a second"
    width = max(len(one.name) for one in plan.services)
    for one in plan.services:
        named = ", ".join((*one.waiting, *one.failed)) if one.from_alarms else "no alarm says what is too slow"
        yield f"  {one.name:<{width}}  {one.rate:,.3g}/s in the busiest minute; {named}"
    yield from (f"  {name:<{width}}  {count:,} connections that stay open" for name, count in plan.sockets.items())
    if plan.design:
        yield from _wrapped(
            f"By its design it holds {plan.design.rate:,.3g}/s, then {plan.design.gives}: groundwork capacity {plan.stack}",
            "  ",
        )
    if plan.limit is not None and plan.rate * _WINDOW > plan.limit:
        yield from _wrapped(
            f"The web ACL refuses an address beyond {plan.limit:,} requests in 5 min, and this is {plan.rate * _WINDOW:,.0f} from one: "
            "put this machine's into edge.waf.allowed_addresses for the time of the test.",
            "  ",
        )


def lines(report: LoadReport) -> Iterator[str]:
    """Yield a report for a terminal: said, measured, and how far they are apart."""
    yield f"{report.stack}: {report.shape.value} of {report.minutes:g} min against {report.host}, {report.at:%Y-%m-%d %H:%M} UTC"
    yield ""
    yield f"  {'':<24}{'said':>12}{'measured':>14}{'difference':>14}"
    for service in report.services:
        for figure in service.figures:
            name = f"{service.name} {figure.name}"
            yield f"  {name:<24}{_shown(figure.said, figure):>12}{_shown(figure.measured, figure):>14}{_apart(figure):>14}"
    yield ""
    if report.unsaid:
        yield from _wrapped(f"No simulation is beside it, which needs {report.unsaid}")
    if report.design:
        yield from _wrapped(
            f"Asked for up to {report.rate:,.3g}/s; by its design it holds {report.design.rate:,.3g}/s, then {report.design.gives}."
        )
    yield "Measured from here, so with the way there and back; simulated without."
    for one in report.crossed:
        yield from _wrapped(f"Not held: {one}")
    if report.well:
        yield "All thresholds were held."


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)


def _shown(value: float | None, figure: LoadFigure) -> str:
    return "-" if value is None else f"{value:,.3g} {figure.unit}".strip().replace(" /s", "/s")


def _apart(figure: LoadFigure) -> str:
    if figure.said is None or figure.measured is None:
        return "-"
    apart = figure.measured - figure.said
    apart = round(apart, 3)
    return f"{apart:+,.3g} {figure.unit}".strip().replace(" /s", "/s")
