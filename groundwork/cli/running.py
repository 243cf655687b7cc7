"""From the name of a stack to its snapshot: what every command that looks at resources starts with."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.cli.console import debugging
from groundwork.settings.hints import hints
from groundwork.settings.loading import Loaded, StackFiles, find_stack, load_stack
from groundwork.settings.mistakes import Mistake, Mistakes, nearest

if TYPE_CHECKING:
    from groundwork.components.settings import Settings
    from groundwork.preview.moves import Step
    from groundwork.preview.snapshot import Snapshot
    from groundwork.preview.statements import StackStatements


@dataclass(frozen=True)
class StackRun:
    """A stack and what its program declares."""

    stack: StackFiles
    settings: Settings
    snapshot: Snapshot
    hints: tuple[str, ...]
    """What its settings leave open, and what nobody here knows of its values."""
    statements: StackStatements
    """What the stack file says of the resources."""


def run_stack(
    name: str,
    *,
    phase: str | None = None,
    engine: str | None = None,
    unknowns: bool = False,
    start: Path | None = None,
    without: Collection[str] = (),
) -> StackRun:
    """Load a stack's settings, in its own phase or in ``phase``, on its own engine or on ``engine``, and run its program offline.
    ``without`` names services and jobs that have no image yet.

    Raises :class:`settings.Mistakes` for the input and for what AWS would refuse of it, :class:`ProgramError` for what goes wrong in the program.
    """
    stack = find_stack(name, start, phase, engine)
    loaded = load_stack(stack)
    _refuse_unknown_rules(loaded)
    # It costs a third of a second or more, which a mistake in the stack file should not wait for.
    from groundwork.preview import stacks

    if not debugging():
        # Of one error in the program asyncio logs a traceback for every output that waited for it.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    try:
        # What the program prints is not part of what the command prints.
        with contextlib.redirect_stdout(sys.stderr):
            # A first preview comes before the first image.
            snapshot = stacks.run_stack(stack, loaded, unknowns=unknowns, delivered=not unknowns, without=without)
    except Exception as error:
        raise _named_twice(stack, loaded, error) or ProgramError.of(stack, error) from error
    from groundwork.preview.refusals.placing import mistakes, notes

    refused = mistakes(snapshot, loaded, stack.label)
    if refused:
        raise Mistakes(refused)
    from groundwork.preview.statements import StackStatements

    statements = StackStatements(snapshot, loaded, stack.label)
    left_open = (*hints(loaded.settings), *notes(snapshot, loaded))
    return StackRun(stack, loaded.settings, snapshot, left_open, statements)


def _named_twice(stack: StackFiles, loaded: Loaded, error: Exception) -> Mistakes | None:
    """Return the entry of the stack file whose name leads to a second resource of the same name, if that is the
    error."""
    from groundwork.preview.monitor import DuplicateUrnError
    from groundwork.preview.refusals.placing import named_alike

    path = named_alike(error.name, loaded, stack.label) if isinstance(error, DuplicateUrnError) else ()
    return Mistakes([Mistake(path, f"choose another name: {error}", loaded.merged.where(path))]) if path else None


def _refuse_unknown_rules(loaded: Loaded) -> None:
    """Refuse exceptions for unknown rules. The settings may not look into the policy pack, whose rules they name; here
    both are at hand."""
    if not loaded.settings.exceptions:
        return
    from guardrails.catalogue import rules

    names = {rule.name for rule in rules()}
    unknown = [
        Mistake(
            path,
            f'"{entry.rule}" is no rule{nearest(entry.rule, names)}; all: groundwork policies list',
            loaded.merged.where(path),
        )
        for index, entry in enumerate(loaded.settings.exceptions)
        if entry.rule not in names and (path := ("exceptions", index, "rule"))
    ]
    if unknown:
        raise Mistakes(unknown)


def step_ahead(name: str, ahead: Snapshot) -> Step | None:
    """Return what it means for a stack that stands as its file says to go on to a phase ahead; None where it is in that
    phase, or where the file has mistakes as it stands."""
    try:
        stands = run_stack(name).snapshot
    except (Mistakes, ProgramError):
        return None
    from groundwork.preview.moves import Step, move

    before, after = (snapshot.settings["platform"]["phase"] for snapshot in (stands, ahead))
    return None if before == after else Step(before, after, move(stands, ahead))


class ProgramError(Exception):
    """The program ended with an error: which, and where in it."""

    def __init__(self, message: str, *, expected: bool = False) -> None:
        super().__init__(message)
        self.expected = expected
        """Whether the program itself reports a mistake."""

    @staticmethod
    def of(stack: StackFiles, error: BaseException) -> ProgramError:
        """Create it from an error that came out of a stack's program."""
        where = _place(error, stack.project_folder) or _place(error, stack.program_folder)
        expected = type(error).__name__ in ("RunError", "DuplicateUrnError")
        reason = str(error) if expected else f"{type(error).__name__}: {error}"
        return ProgramError(f"{where}: {reason}" if where and not expected else reason, expected=expected)


def _place(error: BaseException, folder: Path) -> str:
    """Return ``file:line`` of the innermost line of the program itself that the error passed through."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(Path(error.filename), folder) or error.filename}:{error.lineno}"
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = _relative(Path(trace.tb_frame.f_code.co_filename), folder)
        if file and not file.startswith((".venv/", "groundwork/preview/", "groundwork/cli/")):
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else ""
