"""``groundwork phases STACK --to PHASE --engine ENGINE``: what it means to go there from where the file says."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.cli import console
from groundwork.cli.phases import HeldLoad, holds
from groundwork.preview.styled import Text

if TYPE_CHECKING:
    from groundwork.cli.running import StackRun
    from groundwork.preview.changes.model import Changes
    from groundwork.preview.moves import Step

_WIDTH = 80


@dataclass(frozen=True)
class StackAtStep:
    """A stack before or after a step."""

    name: str
    """Its phase and engine."""
    monthly: Decimal
    """US dollars."""
    holds: HeldLoad | None


@dataclass(frozen=True)
class StepReport:
    """From where a stack is to another phase or engine."""

    stack: str
    before: StackAtStep
    after: StackAtStep
    step: Step
    changes: Changes
    next_line: str
    """What the stack file says when it has gone there."""


def show_step(
    stack: str, phase: str | None, engine: str | None, *, start: str | None, as_json: bool, out: Path | None
) -> int:
    """Show a step as text or JSON, and return the exit code: 1 where something of it would be refused. ``start`` is the phase that it
    begins in; unset, the file's."""
    from groundwork.settings.loading import refuse_unknown_phase

    for option, said in (("--from", start), ("--to", phase)):
        if said is not None:
            refuse_unknown_phase(said, option)
    with console.progress(f"Running {stack} as it is and as it would be"):
        found = step_report(stack, phase, engine, start)
    if as_json:
        console.write_output(dumps(found), out)
    elif out is not None:
        from groundwork.preview.text import plain

        console.write_output(plain(lines(found, None)), out)
    else:
        console.page_lines(lines(found, console.terminal_width()))
    return console.FINDINGS if found.step.stops else console.FINE


def step_report(stack: str, phase: str | None, engine: str | None, start: str | None = None) -> StepReport:
    """Run a stack as its file says, or in the phase ``start``, and in another phase or on another engine; :class:`Mistakes` where it
    cannot be in one of them."""
    from groundwork.cli.running import run_stack
    from groundwork.preview.changes.compare import compare
    from groundwork.preview.moves import Step, move

    base, head = run_stack(stack, phase=start), run_stack(stack, phase=phase or start, engine=engine)
    before, after = (_standing(run) for run in (base, head))
    return StepReport(
        stack,
        before,
        after,
        Step(before.name, after.name, move(base.snapshot, head.snapshot)),
        compare(base.snapshot, head.snapshot, base_name=before.name, head_name=after.name),
        ", ".join(
            [
                *([f"platform.phase: {phase}"] if phase else []),
                *([f"compute.engine: {engine}"] if engine else []),
            ]
        ),
    )


def _standing(run: StackRun) -> StackAtStep:
    from groundwork.cli.cost import estimated

    cost = estimated(run.snapshot, None, None, None)
    engine = run.settings.compute.engine if run.settings.compute else "no engine"
    return StackAtStep(
        f"{run.settings.platform.phase} on {engine}", cost.fixed + cost.usage, holds(run.settings, run.stack.label)
    )


def lines(found: StepReport, width: int | None) -> Iterator[Text]:
    """Yield what changes, what of it would be refused, and what the step costs and brings."""
    from groundwork.preview.changes import text
    from groundwork.preview.text import pulumi_up, step_report

    yield from text.lines(found.changes, width)
    yield Text()
    yield from step_report(found.step, width)
    yield Text()
    before, after = found.before, found.after
    yield Text(f"USD a month: {before.monthly:,.0f}, then {after.monthly:,.0f}")
    if before.holds and after.holds:
        words = (
            f"Requests a second that it holds: {before.holds.requests:,.0f}, then {after.holds.requests:,.0f}, where "
            f"{after.holds.gives}: {after.holds.setting}"
        )
        yield from map(Text, textwrap.wrap(words, width or 10_000))
    yield Text()
    if before.name == after.name:
        yield Text(f"Next: nothing; {found.stack} is in {after.name} already.")
    elif found.step.stops:
        yield Text("Next: clear what it would be refused for (docs/phases.md).")
    else:
        yield from map(
            Text,
            textwrap.wrap(f"Next: say {found.next_line} in its file; then {pulumi_up(found.stack)}", width or 10_000),
        )


def dumps(found: StepReport) -> str:
    """Return a step as JSON: the changes as ``groundwork preview --format changes`` has them, what is refused, dollars and requests."""
    document = {
        "before": _as_json(found.before),
        "after": _as_json(found.after),
        "refused": [
            {"urn": one.resource.urn, "reason": one.reason, "protected": one.protected}
            for one in found.step.move.refusals
        ],
        "removable": found.step.removable,
        "changes": json.loads(found.changes.dumps()),
    }
    return json.dumps(document, indent=2) + "\n"


def _as_json(one: StackAtStep) -> dict[str, object]:
    return {
        "name": one.name,
        "monthly": float(round(one.monthly, 2)),
        "holds": asdict(one.holds) if one.holds else None,
    }
