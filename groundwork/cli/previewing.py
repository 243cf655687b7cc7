"""A preview as a value: what ``groundwork preview`` shows once, and with ``--watch`` again and again."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groundwork.cli.running import StackRun, run_stack, step_ahead

if TYPE_CHECKING:
    from groundwork.cli.comparing import Comparing
    from groundwork.preview.changes.model import Changes
    from groundwork.preview.moves import Step
    from groundwork.preview.styled import Text
    from groundwork.preview.verdicts import Verdicts


@dataclass(frozen=True)
class Preview:
    """What a stack would build, what the guardrails say of it, and what it is told from and costs where that was asked."""

    stack: str
    """What the user calls it."""
    ahead: str | None
    """The phase that was asked for in place of its own."""
    run: StackRun
    verdicts: Verdicts
    changes: Changes | None
    step: Step | None
    """What it means to go to the phase ahead."""
    cost: Sequence[str] = ()

    def lines(self, width: int | None) -> list[Text]:
        """Return it as text, within ``width`` columns; None for as wide as it gets."""
        from groundwork.preview import text

        return text.report(
            self.run.snapshot,
            self.verdicts,
            width,
            self.stack,
            ahead=self.ahead,
            step=self.step,
            hints=self.run.hints,
            program=self.run.stack.program_folder,
            changes=self.changes,
            cost=self.cost,
        )

    def stops(self, *, protect_data: bool) -> bool:
        """Tell whether a deployment would be stopped; ``protect_data``: also where it would lose data."""
        changes = self.changes
        refused = changes is not None and bool(changes.refused or (protect_data and changes.losses))
        return bool(self.verdicts.blocking or (self.step and self.step.stops) or refused)


def previewed(
    stack: str,
    *,
    phase: str | None,
    unknowns: bool,
    compared: Comparing | None,
    chosen: Mapping[str, Any],
    priced: bool,
) -> Preview:
    """Run a stack offline and judge it. ``chosen`` is what the organisation says of the rules; ``priced``: also say what it costs."""
    run = run_stack(stack, phase=phase, unknowns=unknowns)
    from groundwork.cli import cost
    from groundwork.preview.statements import changes_with_statements, with_statements
    from groundwork.preview.verdicts import judge

    verdicts = judge(run.snapshot, datetime.datetime.now(datetime.UTC).date(), **chosen)
    changes = compared.changes(run.snapshot) if compared else None
    return Preview(
        stack,
        phase,
        run,
        verdicts=with_statements(verdicts, run.statements),
        changes=changes_with_statements(changes, run.statements) if changes else None,
        step=step_ahead(stack, run.snapshot) if phase and not unknowns and not compared else None,
        cost=cost.previewed(run.snapshot, stack, phase, compared.base(run.snapshot) if compared else None)
        if priced
        else (),
    )
