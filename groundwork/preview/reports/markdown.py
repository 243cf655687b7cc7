"""A report as Markdown for a pull request's comment: totals first, the rest folded, and never longer than a comment may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from groundwork.preview.changes.model import Action, Change, DifferenceKind, PropertyChange
from groundwork.preview.diagram.mermaid import mermaid
from groundwork.preview.reports.escaping import code, for_markdown
from groundwork.preview.reports.report import (
    Report,
    changes_line,
    cost_line,
    counted,
    dollars,
    guardrails_line,
    shown,
    verdict_line,
)
from groundwork.preview.snapshot import places
from groundwork.preview.text import short_type, transformations
from groundwork.preview.verdicts import Finding, fix_of

LONGEST = 64_000
"""Bytes. GitHub takes a comment of 65,536 characters, GitLab one of a million."""
_FOR_TITLES = 3_000
"""Of them kept for the totals, the sections' titles and what is said of what was left out."""
_MOST_PROPERTIES = 8
_MOST_NAMED = 12


@dataclass(frozen=True)
class _Section:
    """A folded part. ``lines`` go in as long as there is room, ``head`` and ``foot`` around them."""

    title: str
    head: Sequence[str]
    lines: Sequence[str]
    what: str
    foot: Sequence[str] = ()
    whole: bool = False
    """Half of it would be of no use."""


def marker(stack: str) -> str:
    """Return the first line of a stack's comment: by it the one that stands is found and replaced."""
    return f"<!-- groundwork report: {''.join(letter for letter in stack if letter.isalnum() or letter in '-_./@')[:200]} -->"


def markdown(report: Report) -> str:
    """Return the report as one comment of at most :data:`LONGEST` bytes."""
    head = [
        marker(report.stack),
        f"### {code(report.stack)}: {for_markdown(verdict_line(report))}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {title} | {said} |" for title, said in _totals(report)),
        "",
        *_losses(report),
    ]
    room = LONGEST - _FOR_TITLES - _size("\n".join(head[:9]))
    parts, room = _fitted(head[9:], room)
    text = ["\n".join([*head[:9], *parts])]
    for section in _sections(report):
        written, room = _written(section, room)
        text.append(written)
    return "\n".join(text).rstrip() + "\n"


def _size(text: str) -> int:
    return len(text.encode())


def _fitted(lines: Sequence[str], room: int) -> tuple[list[str], int]:
    taken: list[str] = []
    for line in lines:
        if _size(line) + 1 > room:
            break
        room -= _size(line) + 1
        taken.append(line)
    return taken, room


def _written(section: _Section, room: int) -> tuple[str, int]:
    around = _size("\n".join([*section.head, *section.foot, section.title]))
    taken, left = _fitted(section.lines, max(room - around, 0))
    rest = len(section.lines) - len(taken)
    if section.whole and rest:
        return f"{section.title}: too large for a comment; the HTML report has it.\n", room
    more = [f"\n… and {counted(rest, section.what)} more, in the HTML report."] if rest else []
    body = "\n".join([*section.head, *taken, *section.foot, *more])
    return f"<details><summary>{section.title}</summary>\n\n{body}\n\n</details>\n", left


def _totals(report: Report) -> Iterator[tuple[str, str]]:
    yield "Changes", for_markdown(changes_line(report))
    if report.changes:
        lost = f"**{counted(len(report.losses), 'resource')} that hold data would be lost**"
        yield "Data", lost if report.losses else "nothing that holds data is replaced or deleted"
        if report.changes.interruptions:
            names = ", ".join(code(one.name) for one in report.changes.interruptions[:_MOST_NAMED])
            yield "Interrupted", f"**{names}**"
    yield "Guardrails", for_markdown(guardrails_line(report))
    yield "Cost", for_markdown(cost_line(report))


def _losses(report: Report) -> Iterator[str]:
    """Yield what stands first, unfolded: data that goes."""
    for change in report.losses:
        loss = change.loss
        if loss is None:
            continue
        yield f"> **{_verb(change)} {code(change.name)}** ({code(short_type(change.type))}), {for_markdown(loss.holds)}  "
        yield f"> Lost: {for_markdown(loss.lost)}. Kept: {for_markdown(loss.kept or 'nothing')}.  "
        forced = ", ".join(code(one.path) for one in change.forcing[:3])
        yield f"> {f'Forced by {forced}. ' if forced else ''}Instead: {for_markdown(loss.instead)}"
        yield ""


def _verb(change: Change) -> str:
    return "May replace" if change.may_replace else f"{change.action.value.capitalize()}s"


def _sections(report: Report) -> Iterator[_Section]:
    if report.blocking:
        yield _Section(
            f"<b>{counted(len(report.blocking), 'mandatory finding')}</b>", (), list(_findings(report.blocking)), "line"
        )
    if report.changes and report.changes.changes:
        changed = report.changes
        settings = [f"- setting {_property(one)}" for one in changed.settings]
        renamed = [f"- {code(one.before)} is now {code(one.after)}: built anew" for one in changed.renamed]
        refused = [f"- **refused**: {code(one.name)} {for_markdown(one.reason)}" for one in changed.refused]
        lines = [*refused, *settings, *renamed, *(line for one in changed.changes for line in _change(one))]
        notes = [f"\n{for_markdown(note)}." for note in changed.notes]
        yield _Section(f"Changes: {for_markdown(changes_line(report))}", (), lines, "line", notes)
    made = transformations(report.snapshot)
    if made:
        several = len({one.urn for each in made for one in each.resources})
        lines = [f"- {code(one.said)} on {code(one.named(_MOST_NAMED))}, by {code(one.place)}" for one in made]
        yield _Section(f"Transforms changed {counted(several, 'resource')}", (), lines, "change")
    if report.cost:
        head = ["| resource | type | a month |", "|---|---|--:|"]
        priced = sorted(report.cost["resources"], key=lambda one: -(one["monthly"] or 0))
        rows = [
            f"| {code(one['name'])} | {code(short_type(one['type']))} | {dollars(one['monthly'])} |" for one in priced
        ]
        yield _Section(
            f"Cost by resource, with {counted(len(report.cost['unpriced']), 'unpriced resource')}",
            head,
            rows,
            "resource",
        )
    yield _Section("Diagram", ["```mermaid"], [mermaid(report.graph).rstrip()], "", ["```"], whole=True)
    advised = [one for one in report.advisory if not one.is_choice]
    chosen = [one for one in report.advisory if one.is_choice]
    if advised:
        yield _Section(f"{counted(len(advised), 'advisory finding')}", (), list(_findings(advised)), "line")
    if chosen:
        title = f"{counted(len(chosen), 'advisory finding')} by choice of Groundwork's"
        yield _Section(title, (), list(_findings(chosen)), "line")


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    for rule, several in groupby(findings, key=lambda one: one.rule.name):
        first, *_ = group = list(several)
        yield f"- {code(rule)} ({first.rule.severity.value}): {for_markdown(first.rule.title)}"
        for one in group:
            at = places(one.stated, one.source)
            where = f" ({', '.join(map(code, at))})" if at else ""
            yield f"  - {code(one.resource.name)}: {for_markdown(one.message)}{where}"
        if first.is_choice and first.remedy:
            yield f"  - By choice: {for_markdown(first.remedy.choice)}"
            continue
        yield f"  - Fix: {for_markdown(fix_of(group))}"


_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.REPLACE: "±", Action.DELETE: "−"}


def _change(change: Change) -> Iterator[str]:
    what = f"{_SIGNS[change.action]} {change.action.value} {code(change.name)} ({code(short_type(change.type))})"
    said = [
        "may replace" if change.may_replace else "",
        "protected" if change.protected else "",
        "stays in the account" if change.retained else "",
        "holds data" if change.loss else "",
    ]
    marks = ", ".join(word for word in said if word)
    yield f"- {what}{f' **{marks}**' if marks else ''}"
    if change.interruption:
        yield f"  - **interrupts** {for_markdown(change.interruption)}"
    for one in change.properties[:_MOST_PROPERTIES]:
        yield f"  - {_property(one)}"
    if len(change.properties) > _MOST_PROPERTIES:
        yield f"  - and {len(change.properties) - _MOST_PROPERTIES:,} more properties"


def _property(one: PropertyChange) -> str:
    forces = {"yes": " **forces replacement**", "maybe": " **may force replacement**"}.get(one.forces.value, "")
    if one.kind is DifferenceKind.ADDED:
        return f"{code(one.path)}: {code(shown(one.after))} added{forces}"
    if one.kind is DifferenceKind.REMOVED:
        return f"{code(one.path)}: {code(shown(one.before))} removed{forces}"
    if one.kind is DifferenceKind.REORDERED:
        return f"{code(one.path)}: in another order{forces}"
    return f"{code(one.path)}: {code(shown(one.before))} → {code(shown(one.after))}{forces}"
