"""The forms in which a report is written, and the files that a run writes them to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.console import InputError

if TYPE_CHECKING:
    from groundwork.preview.reports.report import Report
    from groundwork.preview.snapshot import Snapshot

Reports = Annotated[
    list[str] | None,
    Option(
        "--report",
        metavar="FORMAT=FILE",
        help="Also write a report to a file, such as markdown=comment.md; may be said several times.",
    ),
]


def _snapshot(report: Report, judged: str) -> str:
    return report.snapshot.dumps()


def _findings(report: Report, judged: str) -> str:
    from groundwork.preview.reports import findings

    return findings.dumps(report.verdicts)


def _sarif(report: Report, judged: str) -> str:
    from groundwork.preview.reports import sarif

    return sarif.dumps(report.verdicts, judged)


def _junit(report: Report, judged: str) -> str:
    from groundwork.preview.reports import junit

    return junit.dumps(report.verdicts)


def _changes(report: Report, judged: str) -> str:
    if report.changes is None:
        raise InputError("the format changes needs what to compare with: --base REV, or --base FILE")
    return report.changes.dumps()


def _markdown(report: Report, judged: str) -> str:
    from groundwork.preview.reports.markdown import markdown

    return markdown(report)


def _html(report: Report, judged: str) -> str:
    from groundwork.preview.reports.page import html

    return html(report)


def _report(report: Report, judged: str) -> str:
    from groundwork.preview.reports.report import dumps

    return dumps(report)


FACES: dict[str, Callable[[Report, str], str]] = {
    "markdown": _markdown,
    "html": _html,
    "report": _report,
    "sarif": _sarif,
    "junit": _junit,
    "findings": _findings,
    "changes": _changes,
    "json": _snapshot,
}
"""Each form by its name; ``json`` is the snapshot."""


PRICED = frozenset(("markdown", "html", "report"))
"""The forms that say what a month costs."""


def priced(forms: Iterable[str], snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Return the estimate's JSON form where one of the forms says it; None where there are no prices of the region."""
    if PRICED.isdisjoint(forms):
        return None
    from groundwork.cli.cost import estimated
    from groundwork.settings.mistakes import Mistakes

    try:
        return estimated(snapshot, None, None, None).to_json()
    except (InputError, Mistakes):
        return None


def asked_for(said: Iterable[str]) -> list[tuple[str, Path]]:
    """Read what ``--report`` names; InputError where it names no form or no file."""
    asked = []
    for text in said:
        form, equals, file = text.partition("=")
        if not (equals and file) or form not in FACES:
            known = ", ".join(FACES)
            raise InputError(f"--report {text}: it must be FORMAT=FILE, such as html=report.html; formats are {known}")
        asked.append((form, Path(file)))
    return asked


def rendered(form: str, report: Report, judged: str) -> str:
    """Return a report in a form; ``judged`` is the file that findings without a line of their own are shown at."""
    return FACES[form](report, judged)


def write(asked: Iterable[tuple[str, Path]], report: Report, judged: str) -> None:
    """Write each report that was asked for; OutputError where a file cannot be written."""
    for form, file in asked:
        console.write_file(file, rendered(form, report, judged))
