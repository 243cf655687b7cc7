"""The list of stacks: for people a table, for scripts their names or the arguments that name each of their phases."""

from __future__ import annotations

from pathlib import Path

from groundwork.settings.loading import find_stack, load_stack, phases, stacks
from groundwork.settings.mistakes import Mistakes


def names(start: Path) -> str:
    """List the name of each stack on a line of its own."""
    return "".join(f"{name}\n" for name in stacks(start))


def arguments(start: Path) -> str:
    """List what ``groundwork preview`` takes to show each stack in each of its phases, a line for each; a stack whose
    file has mistakes stands by its name alone."""
    return "".join(f"{line}\n" for name in stacks(start) for line in _arguments(name, start))


def _arguments(name: str, start: Path) -> list[str]:
    try:
        found = phases(find_stack(name, start))
    except Mistakes:
        return [name]
    return [f"{name} --phase {phase}" for phase in found] if len(found) > 1 else [name]


def table(start: Path) -> str:
    """List each stack with its stage, phases and region, or how many mistakes its file has."""
    rows = [("STACK", "STAGE", "PHASE", "REGION", "FURTHER PHASES"), *(_row(name, start) for name in stacks(start))]
    if len(rows) == 1:
        return "No stacks here; run this where Pulumi.yaml is.\n"
    # A file with mistakes has a sentence in place of its columns, which need not fit them.
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [
        max(len(row[0]) for row in rows),
        *(max(len(row[column]) for row in whole) for column in range(1, len(rows[0]))),
    ]
    return "".join(
        "  ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=False)).rstrip() + "\n" for row in rows
    )


def _row(name: str, start: Path) -> tuple[str, ...]:
    try:
        stack = find_stack(name, start)
        settings = load_stack(stack).settings
        others = [phase for phase in phases(stack) if phase != settings.platform.phase]
    except Mistakes as mistakes:
        count = len(mistakes.mistakes)
        return (
            name,
            f"{count} mistake{'' if count == 1 else 's'}; groundwork settings {name} shows {'it' if count == 1 else 'them'}",
        )
    return (name, settings.platform.stage, settings.platform.phase, settings.region, ", ".join(others))
