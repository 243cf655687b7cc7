"""A rehearsal as text, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from groundwork.operations.rehearsal.rehearsal import DeploymentRefusal, Difference, Rehearsal
from groundwork.preview.terraform.convert import LeftOut

_WIDTH = 80


def report(rehearsal: Rehearsal) -> list[str]:
    """Report what was deployed, what was not and why, what a second time would change, and what cannot be removed."""
    if rehearsal.skipped:
        return ["Not rehearsed:", *_wrapped(rehearsal.skipped, "  ")]
    lines = [f"{rehearsal.deployed} of {rehearsal.resources} AWS resources deployed to a stand-in account"]
    lines += _refusals("Refused:", rehearsal.refused)
    if rehearsal.unreached:
        lines += ["", f"Not tried, because they need what was refused: {len(rehearsal.unreached)}"]
        lines += [f"  - {urn.rpartition('::')[2]}" for urn in rehearsal.unreached]
    lines += _differences("A second deployment would change:", rehearsal.differences)
    lines += _refusals("Not removed, though nothing protects it:", rehearsal.kept)
    if rehearsal.harmed:
        lines += ["", "Existed before, and is not as it was:", *(f"  - {name}" for name in rehearsal.harmed)]
    if rehearsal.protected:
        names = ", ".join(refusal.name for refusal in rehearsal.protected)
        lines += ["", *_wrapped(f"Protected from removal, as the stack asks: {names}", "")]
    if rehearsal.left_out:
        lines += ["", "Not known to the stand-in account:", *_left_out(rehearsal.left_out)]
    if rehearsal.forgotten:
        lines += ["", "Not kept by the stand-in account, and so not compared:", *_forgotten(rehearsal.forgotten)]
    steps = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in rehearsal.seconds.items())
    return [*lines, "", steps]


def _refusals(title: str, refusals: Iterable[DeploymentRefusal]) -> Iterator[str]:
    listed = list(refusals)
    if listed:
        yield from ("", title)
    for refusal in listed:
        yield from _wrapped(f"- {refusal.name} ({refusal.type})", "  ", "    ")
        if refusal.source:
            yield f"    {refusal.source.file}:{refusal.source.line}"
        yield from _wrapped(refusal.message, "    ")


def _differences(title: str, differences: Iterable[Difference]) -> Iterator[str]:
    listed = list(differences)
    if listed:
        yield from ("", title)
    for difference in listed:
        what = f"{' and '.join(difference.actions)}: {', '.join(difference.properties)}"
        yield from _wrapped(f"- {difference.name} ({difference.type})", "  ", "    ")
        if difference.source:
            yield f"    {difference.source.file}:{difference.source.line}"
        yield from _wrapped(what, "    ")


def _left_out(entries: Iterable[LeftOut]) -> Iterator[str]:
    for (type_, reason), count in sorted(Counter((entry.type, entry.reason) for entry in entries).items()):
        yield from _wrapped(f"- {type_}{f' × {count}' if count > 1 else ''}: {reason}", "  ", "    ")


def _forgotten(differences: Iterable[Difference]) -> Iterator[str]:
    counts = Counter((entry.type, ", ".join(entry.properties), entry.reason) for entry in differences)
    for (type_, properties, reason), count in sorted(counts.items()):
        yield from _wrapped(f"- {type_}{f' × {count}' if count > 1 else ''}: {properties} ({reason})", "  ", "    ")


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_on_hyphens=False,
    )
