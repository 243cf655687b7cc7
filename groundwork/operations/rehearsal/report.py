"""A rehearsal as text, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from groundwork.operations.rehearsal.rehearsal import (
    DeploymentRefusal,
    Difference,
    Rehearsal,
    RehearsedDeployment,
    RehearsedStep,
)
from groundwork.preview.terraform.convert import LeftOut

_WIDTH = 80


def report(rehearsal: Rehearsal, *, everything: bool = False) -> list[str]:
    """Report what was deployed, what was not and why, what a second time would change, what another phase loses, and what cannot be
    removed. ``everything``: also each resource that was deployed."""
    if rehearsal.skipped:
        return ["Not rehearsed:", *_wrapped(rehearsal.skipped, "  ")]
    lines = list(_deployment(rehearsal.deployment, everything))
    if rehearsal.step:
        lines += ["", *_step(rehearsal.step, everything)]
    lines += _refusals("Not removed, though nothing protects it:", rehearsal.kept)
    if rehearsal.harmed:
        lines += ["", "Existed before, and is not as it was:", *(f"  - {name}" for name in rehearsal.harmed)]
    if rehearsal.protected:
        names = ", ".join(refusal.name for refusal in rehearsal.protected)
        lines += ["", *_wrapped(f"Protected from removal, as the stack asks: {names}", "")]
    steps = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in rehearsal.seconds.items())
    return [*lines, "", *_wrapped(steps, "")]


def _deployment(found: RehearsedDeployment, everything: bool) -> Iterator[str]:
    yield f"{len(found.deployed)} of {found.resources} AWS resources deployed to a stand-in account"
    yield f"{len(found.refused)} refused, {len(found.unreached)} not tried, {len(found.left_out)} not known to the stand-in"
    if everything:
        yield from ("", "Deployed:")
        yield from (f"  - {_said(urn)}" for urn in found.deployed)
    yield from _refusals("Refused:", found.refused)
    if found.unreached:
        yield from ("", f"Not tried, because they need what was refused: {len(found.unreached)}")
        yield from (f"  - {_said(urn)}" for urn in found.unreached)
    yield from _differences("A second deployment would change:", found.differences)
    if found.drifted:
        yield from ("", "`groundwork drift` would say, though nobody changed it:")
    for one in found.drifted:
        yield from _wrapped(f"- {one.name} ({one.type}): {', '.join(one.properties) or 'missing'}", "  ", "    ")
    if found.left_out:
        yield from ("", "Not known to the stand-in account:", *_left_out(found.left_out))
    if found.forgotten:
        yield from ("", "Not kept by the stand-in account, and so not compared:", *_forgotten(found.forgotten))


def _step(step: RehearsedStep, everything: bool) -> Iterator[str]:
    yield f"From {step.before} to {step.after}:"
    yield f"  {step.created} created, {step.updated} updated, {step.replaced} replaced, {step.deleted} deleted"
    if step.lost:
        yield from _differences("Holds data, and does not stay:", step.lost)
    else:
        yield "  nothing that holds data is replaced or deleted"
    yield ""
    yield from _deployment(step.deployment, everything)


def _said(urn: str) -> str:
    """Return type and name of a resource."""
    path, _, name = urn.rpartition("::")
    return f"{name} ({path.rpartition('::')[2].rpartition('$')[2]})"


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
        properties = f": {', '.join(difference.properties)}" if difference.properties else ""
        what = f"{' and '.join(difference.actions)}{properties}"
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
