"""From what ``--base`` names to the changes since: a revision runs beside the stack itself, a file is read."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.cli.console import InputError
from groundwork.preview.changes.base import Base, BaseError, nothing
from groundwork.preview.changes.revision import RevisionRun, find_revision, uncommitted
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import find_stack

if TYPE_CHECKING:
    from groundwork.preview.changes.model import Changes


class Comparing:
    """What a stack is compared with; a revision is already running while the stack itself is."""

    def __init__(self, base: Base | RevisionRun | None, head: str, notes: tuple[str, ...] = ()) -> None:
        self._base = base
        self._head = head
        self._notes = notes

    def base(self, head: Snapshot) -> Base:
        """Return what ``head`` is compared with; InputError where it turns out to be none."""
        if isinstance(self._base, RevisionRun):
            try:
                self._base = self._base.result()
            except BaseError as error:
                raise InputError(str(error)) from None
        return self._base or Base("", nothing(head))

    def settled(self, head: Snapshot) -> Comparing:
        """Return the same with the base at hand, to compare later heads with it; InputError where it turns out to be none."""
        return Comparing(self.base(head), self._head, self._notes)

    def changes(self, head: Snapshot) -> Changes:
        """Return what changes from the base to ``head``; InputError where the base turns out to be none."""
        from groundwork.preview.changes.compare import compare

        base = self.base(head)
        return compare(
            base.snapshot, head, base_name=base.name, head_name=self._head, notes=(*self._notes, *base.notes)
        )


@contextmanager
def comparing(said: str, stack: str, *, unknowns: bool = False) -> Iterator[Comparing]:
    """Make ready what ``said`` names: a file if there is one, else a revision of the repository that the stack is in.

    Raises InputError where it is neither.
    """
    found = find_stack(stack)
    try:
        if said == "-" or Path(said).is_file():
            yield Comparing(_from_file(Path(said), found.project, found.name), "")
            return
        revision = find_revision(said, found.file.parent)
        dirty = uncommitted(revision.root)
        notes = (
            "1 file differs from the last commit, and was compared as it is"
            if dirty == 1
            else f"{dirty:,} files differ from the last commit, and were compared as they are",
        )
        if not revision.has(found.file.resolve()):
            new = f"{revision.name} has no {found.file.name}: the stack is new since"
            yield Comparing(None, "the files as they are", (new, *(notes if dirty else ())))
            return
        with _ended_in_order(), RevisionRun(revision, found.file, ["--unknowns"] if unknowns else []) as run:
            yield Comparing(run, "the files as they are", notes if dirty else ())
    except BaseError as error:
        raise InputError(str(error)) from None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a termination, as a pipeline that is cancelled sends it, end what runs as Ctrl-C does: nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _from_file(file: Path, project: str, stack: str) -> Base:
    from groundwork.preview.reading import UnreadableError, read_file

    try:
        snapshot = read_file(file, defaults=False)
    except UnreadableError as error:
        raise InputError(f"--base {error}") from None
    name = "standard input" if str(file) == "-" else str(file)
    if snapshot.resources and (snapshot.project, snapshot.stack) != (project, stack):
        raise InputError(
            f"--base {name}: it holds the stack {snapshot.stack} of the project {snapshot.project}, and this is {stack} of {project}; "
            "name a file of the same stack"
        )
    return Base(name, snapshot)
