"""The list of stacks."""

from __future__ import annotations

from pathlib import Path

from settings import Mistakes, find_stack, load_stack, stacks


def stacks_text(start: Path) -> str:
    """Each stack with its stage, phase and region, or how many mistakes its file has."""
    rows = [("STACK", "STAGE", "PHASE", "REGION"), *(_row(name, start) for name in stacks(start))]
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
        settings = load_stack(find_stack(name, start)).settings
    except Mistakes as mistakes:
        count = len(mistakes.mistakes)
        return (
            name,
            f"{count} mistake{'' if count == 1 else 's'}; groundwork settings {name} shows {'it' if count == 1 else 'them'}",
        )
    return (name, settings.platform.stage, settings.platform.phase, settings.region)
