"""``groundwork preview --watch``: an answer again whenever a file changes that the last one was made from.

The first answer tells all, those after it what is different. Each is made in a forked child of this process, so that none finds what
another left behind; this process has imported and read what the children need.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from groundwork.cli import console
from groundwork.cli.console import InputError
from groundwork.cli.files_read import FilesRead, Stamp, names_of, stamp, wait_for_change
from groundwork.cli.previewing import Preview
from groundwork.preview.styled import Text
from guardrails.judgement import Verdict

if TYPE_CHECKING:
    from groundwork.cli.comparing import Comparing
    from groundwork.preview.snapshot import Snapshot
    from groundwork.preview.verdicts import Finding
    from groundwork.settings.loading import StackFiles

_PACKAGE = Path(__file__).resolve().parent.parent
_OWN = (_PACKAGE, (_PACKAGE.parent / "policies").resolve())
"""Where the code lies that this process itself runs."""

Answer = Callable[["Comparing | None"], tuple[Preview, "Comparing | None"]]
"""Makes a preview. It takes what it is compared with, and gives it back as it is used again: a git revision runs only once."""


class _Failure(NamedTuple):
    """A finding, as far as it is told and compared."""

    rule: str
    urn: str
    message: str
    said: str


@dataclass(frozen=True)
class _Last:
    """What of an answer the next one is told from."""

    snapshot: Snapshot
    failures: tuple[_Failure, ...]
    cost: Sequence[str]

    @staticmethod
    def of(preview: Preview) -> _Last:
        failed = preview.verdicts.of(Verdict.FAIL)
        return _Last(preview.run.snapshot, tuple(map(_failure, failed)), preview.cost[:1])


def _failure(finding: Finding) -> _Failure:
    rule, resource = finding.rule, finding.resource
    said = f"{finding.level.value} {rule.severity.value} {rule.name}, {resource.name}: {finding.message}"
    return _Failure(rule.name, resource.urn, finding.message, said)


@dataclass(frozen=True)
class _Outcome:
    """What a child came to: its answer, None where there was a mistake, and what it was made from."""

    answer: _Last | None
    compared: Comparing | None
    stamps: dict[str, Stamp]


def watch(stack: StackFiles, answer: Answer, explain: Callable[[Exception], int], files: Iterable[Path] = ()) -> None:
    """Answer, and again whenever a file changes, until Ctrl-C. ``files`` are watched too, wherever they lie; ``explain`` says what is
    wrong where there is no answer."""
    if "fork" not in multiprocessing.get_all_start_methods():
        raise InputError("--watch needs a system that can fork a process, such as Linux, macOS or WSL")
    last, compared, warm = None, None, False
    stamps: dict[str, Stamp] = {}
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            outcome = _in_child(_Child(stack, answer, explain, tuple(files), last, compared))
            last, compared = outcome.answer or last, outcome.compared or compared
            # A child does not read again what this process has read for it.
            stamps |= outcome.stamps
            _say([Text(), Text(f"Watching {len(stamps):,} files and folders; Ctrl-C ends.", "dim")])
            if last and not warm:
                _warm_up(stack, answer, compared)
                warm = True
            found = wait_for_change(stamps)
            _say([Text(), _announced(names_of(found, stamps))])
            stamps |= found
            if any(Path(path).is_relative_to(own) for path in found for own in _OWN):
                os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very command, with the code as it is now
    print()


def _say(lines: Iterable[Text]) -> None:
    console.print_lines(lines)
    sys.stdout.flush()


def _announced(names: list[str]) -> Text:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return Text(f"{', '.join(names[:_MOST_NAMES])}{more} changed", "bold cyan")


_MOST_NAMES = 3


def _warm_up(stack: StackFiles, answer: Answer, compared: Comparing | None) -> None:
    """Make the answer once in this process, for what it imports and reads; then forget the program's own modules, which a child
    is to read as they are then."""
    before = set(sys.modules)
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        contextlib.suppress(Exception, SystemExit),
    ):
        answer(compared)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and _is_of_program(Path(file), stack):
            del sys.modules[name]


def _is_of_program(file: Path, stack: StackFiles) -> bool:
    ours = (*_OWN, Path(sys.prefix))
    return any(file.is_relative_to(folder) for folder in _folders(stack)) and not any(map(file.is_relative_to, ours))


def _folders(stack: StackFiles) -> tuple[Path, Path]:
    return stack.project_folder.resolve(), stack.program_folder.resolve()


# In the child


@dataclass(frozen=True)
class _Child:
    """What a child is told: how to answer, and the answer before its own."""

    stack: StackFiles
    answer: Answer
    explain: Callable[[Exception], int]
    files: tuple[Path, ...]
    last: _Last | None
    compared: Comparing | None


def _in_child(told: _Child) -> _Outcome:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answered, args=(told, sender))
    child.start()
    sender.close()
    try:
        outcome: _Outcome = receiver.recv()
    except EOFError:
        # It was ended from outside, or by the program itself.
        folders = {str(folder): stamp(str(folder)) for folder in _folders(told.stack)}
        outcome = _Outcome(
            None, None, {**folders, str(told.stack.file.resolve()): stamp(str(told.stack.file.resolve()))}
        )
    child.join()
    return outcome


def _answered(told: _Child, sender: Connection) -> None:
    read = FilesRead((*_folders(told.stack), *_OWN))
    for path in (told.stack.file, *_folders(told.stack), *told.files):
        read.note(str(path.resolve()))
    preview, compared = None, None
    try:
        with console.progress(f"Running {told.stack.label} offline"):
            preview, compared = told.answer(told.compared)
        width = console.terminal_width()
        _say(list(_difference_lines(told.last, preview, width)) if told.last else preview.lines(width))
    except KeyboardInterrupt:
        return
    except SystemExit as end:
        console.print_error(f"The program ended itself with {end.code!r}.")
    except Exception as error:
        told.explain(error)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(own) for own in _OWN):
            read.note(file)
    sys.stderr.flush()
    sender.send(_Outcome(_Last.of(preview) if preview else None, compared, read.stamps))


def _difference_lines(last: _Last, now: Preview, width: int | None) -> Iterator[Text]:
    """Tell how an answer differs from the one before it."""
    from groundwork.preview.changes import text as changes_text
    from groundwork.preview.changes.compare import compare
    from groundwork.preview.text import INDENT, balance, to_fix, wrapped

    changes = compare(last.snapshot, now.run.snapshot, base_name="the last answer")
    if changes.changes or changes.settings or changes.outputs:
        yield from changes_text.lines(changes, width)
    else:
        yield Text("Nothing that would be built is different.", "bold")
    before, after = ({one[:3]: one.said for one in each.failures} for each in (last, _Last.of(now)))
    came = [said for key, said in after.items() if key not in before]
    went = [said for key, said in before.items() if key not in after]
    yield Text()
    yield Text("Guardrails:", "bold")
    yield from wrapped(balance(now.verdicts), width, INDENT)
    for sign, failures, style in (("+", came, "yellow"), ("-", went, "green")):
        for said in failures:
            yield from (Text(line.plain, style) for line in wrapped(f"{sign} {said}", width, INDENT, f"{INDENT}  "))
    if now.cost[:1] != last.cost:
        yield Text()
        yield Text("Cost:", "bold")
        yield from wrapped(f"was: {last.cost[0]}", width, INDENT)
        yield from wrapped(f"now: {now.cost[0]}", width, INDENT)
    if now.changes:
        yield Text()
        yield Text(f"Altogether, from {now.changes.base or 'nothing, since the stack is new'}:", "bold")
        yield from changes_text.counts(now.changes)[1:]
        if now.changes.losses:
            names = ", ".join(one.name for one in now.changes.losses)
            yield from (Text(line.plain, "bold red") for line in wrapped(f"Data is lost: {names}", width, INDENT))
    if now.verdicts.blocking:
        yield Text()
        yield from wrapped(f"Next: {to_fix(now.verdicts)}", width)
