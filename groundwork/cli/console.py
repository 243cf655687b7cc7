"""What a terminal is told: lines on standard output, progress and mistakes on standard error."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from groundwork.preview.reports.escaping import printable

if TYPE_CHECKING:
    from groundwork.preview.styled import Text

# Exit codes, the same for every command.
FINE = 0
FINDINGS = 1
MISTAKE = 2
FAULT = 3


class OutputError(Exception):
    """A file that the user asked for cannot be written."""


class InputError(Exception):
    """Something that the user gave cannot be used: what, and why."""


def debugging() -> bool:
    """Tell whether the user wants to see tracebacks."""
    return os.environ.get("GROUNDWORK_DEBUG", "") not in ("", "0")


def terminal_width(stream: IO[str] = sys.stdout) -> int | None:
    """Return the terminal's columns; None where there is none (a pipe, a file), and nothing need be cut."""
    if not stream.isatty():
        return None
    try:
        columns = int(os.environ.get("COLUMNS", "")) or os.get_terminal_size(stream.fileno()).columns
    except (ValueError, OSError):
        columns = 0
    return columns or 80


class _IgnoringBrokenPipe(io.FileIO):
    """Standard output whose reader may go (`| head`): what is said afterwards is said to nobody."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def ignore_closed_output() -> None:
    """Let a command end as it would have ended, with its own exit code, also where nobody reads its output to the end."""
    if sys.stdout.isatty():
        return
    sys.stdout.flush()
    raw = _IgnoringBrokenPipe(sys.stdout.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding=sys.stdout.encoding, errors=sys.stdout.errors)


def print_lines(lines: Iterable[Text], file: IO[str] | None = None) -> None:
    """Print lines to ``file``, or to standard output: styled on a terminal that wants colour, plain elsewhere. What a program says of
    itself steers no terminal."""
    if not _wants_colour():
        for line in lines:
            print(printable(line.plain.rstrip()), file=file)
        return
    from rich.console import Console
    from rich.text import Text as Styled

    # What goes to a pager is for the terminal too.
    console = Console(file=file, force_terminal=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(Styled.assemble(*((printable(text), style) for text, style in line.parts)))


def page_lines(lines: Iterable[Text]) -> None:
    """Print lines; on a terminal through the user's pager."""
    with paged() as file:
        print_lines(lines, file)


@contextmanager
def paged() -> Iterator[IO[str] | None]:
    """Give what to print to: on a terminal a pager, else None for standard output.

    As git has it: ``PAGER`` names the pager (``less`` unset, ``cat`` or nothing for none), and ``less`` ends by itself where all fits on a
    screen. https://git-scm.com/docs/git-config#Documentation/git-config.txt-corepager
    """
    if not (sys.stdout.isatty() and sys.stdin.isatty()) or os.environ.get("TERM") == "dumb":
        yield None
        return
    import shlex
    import shutil
    import subprocess

    command = shlex.split(os.environ.get("PAGER", "less"))
    if command in ([], ["cat"]) or shutil.which(command[0]) is None:
        yield None
        return
    sys.stdout.flush()
    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, encoding="utf-8") as pager:  # noqa: S603 - the user's own
        # Whoever reads no further has read enough; Ctrl-C is for the pager, which may be searching.
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            yield pager.stdin
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            if pager.stdin:
                pager.stdin.close()


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_error(text: str) -> None:
    """Print a message about the input or a fault on standard error, wrapped as :func:`print_wrapped` does."""
    print_wrapped(text, sys.stderr)


def print_wrapped(text: str, stream: IO[str] | None = None) -> None:
    """Print lines; on a terminal wrapped between words, so that each message begins at the margin and what belongs to it does not."""
    text, stream = printable(text), stream or sys.stdout
    width = terminal_width(stream)
    if width is None:
        print(text, file=stream)
        return
    for line in text.splitlines():
        wrapped = textwrap.wrap(
            line,
            width,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        print("\n".join(wrapped), file=stream)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Say on the terminal what is being waited for, and take it away again. Nothing where standard error is no terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    sys.stderr.write(f"\r{text} …")
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def write_file(file: Path, text: str) -> None:
    """Write a file that the user named; OutputError says why it cannot be written."""
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}") from None


def write_output(text: str, out: Path | None) -> None:
    """Write to the file that the user named, else to standard output."""
    if out is None:
        with paged() as file:
            (file or sys.stdout).write(printable(text) if sys.stdout.isatty() else text)
    else:
        write_file(out, text)
