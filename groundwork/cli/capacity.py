"""``groundwork capacity``: a stack held against the load that its file declares."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.stack_name import StackName


class CapacityFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def capacity(
    stack: StackName,
    *,
    phase: Annotated[str | None, Option("--phase", metavar="PHASE", help="In this phase, without an edit.")] = None,
    scenario: Annotated[
        Path | None,
        Option(
            "--scenario",
            metavar="FILE",
            help="The day of `groundwork simulate`; unset, an evening's, with what usage says.",
        ),
    ] = None,
    form: Annotated[
        CapacityFormat, Option("--format", help="text to read; json with every formula and its source.")
    ] = CapacityFormat.TEXT,
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Write to this file.")] = None,
) -> None:
    """Hold a stack against the load that its file declares under usage: what gives first, at how many times that load, and what moves it.

    Where the file does not say how much the stack is used, it is held against one request a second. Ends with
    1 where the load is beyond a limit. How it would live through the day: groundwork simulate.
    """
    from groundwork.capacity import text
    from groundwork.capacity.capacity import capacity_of
    from groundwork.settings.loading import find_stack, load_stack
    from groundwork.simulation.scenario import read_scenario

    files = find_stack(stack, phase=phase)
    settings = load_stack(files).settings
    found = capacity_of(settings, files.label, read_scenario(scenario) if scenario else None)
    if form is CapacityFormat.JSON:
        console.write_output(text.dumps(found), out)
    else:
        shown = list(text.lines(found, f"{stack} in {settings.platform.phase}"))
        if out:
            from groundwork.preview.text import plain

            console.write_output(plain(shown), out)
        else:
            console.page_lines(shown)
    raise SystemExit(console.FINDINGS if found.broken else console.FINE)
