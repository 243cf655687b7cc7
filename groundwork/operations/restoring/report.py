"""What a rehearsal found, as values, and as the files that are kept of it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundwork.operations.durations import exactly
from groundwork.operations.errors import OperationError
from groundwork.operations.restoring.checks import Check, Table
from groundwork.operations.restoring.cleanup import NotRemoved

FOLDER = "restores"
"""Where reports are kept, beside the stack files."""
_MOST_TABLES = 20


@dataclass
class RestoreRehearsal:
    """One backup, restored and looked at. Durations are in seconds."""

    kind: str
    of: str
    backup: str
    at: datetime.datetime
    """The moment whose data was restored."""
    began: datetime.datetime
    available: float | None = None
    """After so long it was there."""
    checked: float | None = None
    """After so long its data was read."""
    checks: list[Check] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    failure: str = ""
    """What went wrong; empty where nothing did."""
    left: list[NotRemoved] = field(default_factory=list)

    @property
    def age(self) -> float:
        """Return how old the restored data was when the rehearsal began: what would have been lost (RPO)."""
        return max(0.0, (self.began - self.at).total_seconds())

    @property
    def passed(self) -> bool:
        """Tell whether the backup is worth something, as far as can be seen."""
        return not self.failure and self.available is not None and all(one.passed is not False for one in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return it for a report."""
        return {
            "kind": self.kind,
            "of": self.of,
            "backup": self.backup,
            "at": self.at.isoformat(),
            "passed": self.passed,
            "rpoSeconds": round(self.age),
            "rtoSeconds": None if self.available is None else round(self.available),
            "checkedAfterSeconds": None if self.checked is None else round(self.checked),
            "checks": [one.to_json() for one in self.checks],
            "tables": [one.to_json() for one in self.tables],
            "failure": self.failure,
            "left": [{"what": one.what, "command": one.command, "why": one.why} for one in self.left],
        }

    def lines(self) -> Iterator[str]:
        """Yield it in words."""
        yield f"{'passed' if self.passed else 'FAILED'}  {self.kind} {self.of}, from {self.backup}"
        yield f"  RPO  {exactly(self.age)}: as old was the newest data of it"
        if self.available is not None:
            read = f", its data read after {exactly(self.checked)}" if self.checked is not None else ""
            yield f"  RTO  {exactly(self.available)}: after so long it was there{read}"
        for check in self.checks:
            yield f"  {_WORDS[check.passed]:<4} {check.name}: {check.says}"
        if self.failure:
            yield f"  no   {self.failure}"


_WORDS = {True: "yes", False: "no", None: "?"}


def write(folder: Path, stack: str, place: str, found: Sequence[RestoreRehearsal]) -> tuple[Path, Path]:
    """Write a report as Markdown and as JSON, and return both files. Neither says what is in a row. OperationError where they cannot be
    written."""
    began = found[0].began
    name = folder / f"{stack.replace('/', '-')}-{began:%Y%m%dT%H%M%SZ}"
    pages = (
        (Path(f"{name}.md"), "\n".join(_markdown(stack, place, found)) + "\n"),
        (Path(f"{name}.json"), json.dumps(_document(stack, place, found), indent=2) + "\n"),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in pages:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperationError(
            f"the report cannot be written to {folder}: {error.strerror}; say another folder: --report"
        ) from None
    return pages[0][0], pages[1][0]


def _document(stack: str, place: str, found: Sequence[RestoreRehearsal]) -> dict[str, Any]:
    return {
        "stack": stack,
        "place": place,
        "began": found[0].began.isoformat(),
        "passed": all(one.passed for one in found),
        "rehearsals": [one.to_json() for one in found],
    }


def _markdown(stack: str, place: str, found: Sequence[RestoreRehearsal]) -> Iterator[str]:
    yield f"# Restoring {stack}: a rehearsal of {found[0].began:%Y-%m-%d %H:%M} UTC"
    yield ""
    yield f"In {place}. Everything was restored beside what it is of, looked at, and removed again."
    yield ""
    yield "| what | from | RPO | RTO | |"
    yield "|---|---|---|---|---|"
    for one in found:
        rto = "–" if one.available is None else exactly(one.available)
        yield f"| {one.kind} {_cell(one.of)} | {_cell(one.backup)} | {exactly(one.age)} | {rto} | {'passed' if one.passed else '**failed**'} |"
    yield ""
    yield "RPO: as old was the newest data of the backup when the rehearsal began. RTO: as long it took until the copy was there."
    for one in found:
        yield from _details(one)


def _details(one: RestoreRehearsal) -> Iterator[str]:
    yield ""
    yield f"## {one.kind} {one.of}"
    yield ""
    if one.checked is not None:
        yield f"- Its data was read after {exactly(one.checked)}."
    for check in one.checks:
        yield f"- {_WORDS[check.passed]}: {check.name}: {_cell(check.says)}"
    if one.failure:
        yield f"- no: {_cell(one.failure)}"
    for left in one.left:
        yield f"- left behind: {_cell(left.what)} ({_cell(left.why)}); `{left.command}`"
    if one.tables:
        yield ""
        yield "| table | rows | newest |"
        yield "|---|---|---|"
        for table in one.tables[:_MOST_TABLES]:
            newest = f"{table.newest:%Y-%m-%d %H:%M:%S} ({table.column})" if table.newest else ""
            yield f"| {_cell(table.name)} | {'' if table.exact else 'about '}{table.rows:,} | {_cell(newest)} |"
        if len(one.tables) > _MOST_TABLES:
            yield ""
            yield f"And {len(one.tables) - _MOST_TABLES} smaller ones."


def _cell(text: str) -> str:
    """Return a text that stays where it is put: names of tables and keys are somebody else's."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    for letter in "\\`*_[]<>|":
        shown = shown.replace(letter, f"\\{letter}")
    return shown


def newest_passed(folder: Path, stack: str) -> datetime.datetime | None:
    """Return when the newest rehearsal of a database of a stack began that passed, by the reports in a folder; None where none says so."""
    began: list[datetime.datetime] = []
    for file in folder.glob(f"{stack.replace('/', '-')}-*.json"):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            passed = any(one["kind"] == "database" and one["passed"] for one in said["rehearsals"])
            if said["stack"] == stack and passed:
                began.append(datetime.datetime.fromisoformat(said["began"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Somebody else's file.
            continue
    return max(began, default=None)
