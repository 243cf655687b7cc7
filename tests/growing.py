"""Writes what commands print into docs/capacity.md and docs/growing.md anew, and the pictures of the latter (``make docs``)."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from groundwork.capacity.line import kinds
from groundwork.cli.main import run
from groundwork.cli.phases import every_phase
from tests.stacks import ROOT

CAPACITY = ROOT / "docs" / "capacity.md"
GROWING = ROOT / "docs" / "growing.md"
FOLDER = ROOT / "docs" / "growing"
BEGIN, END = "<!-- lines: made by make docs from groundwork/capacity/lines.yaml -->", "<!-- lines: end -->"
_BLOCK = re.compile(r"```\n(\$ .*?)```", re.DOTALL)


def with_lines(page: str) -> str:
    """The page with every kind of line: what it is of the load, what it is held against, and where that is from."""
    rows = ["| line | load | held against |", "|---|---|---|"]
    for row in kinds().values():
        label = row.label.format(of="NAME")
        source = re.sub(r"(https://\S+)", r"<\1>", row.source)
        limit = " ".join(row.limit.split())
        number = f" ({row.most:,})" if isinstance(row.most, int) else ""
        rows.append(f"| {label} | {' '.join(row.formula.split())} | {limit}{number}. {source} |")
    before, rest = page.split(BEGIN)
    return "\n".join([f"{before}{BEGIN}", "", *rows, "", f"{END}{rest.split(END)[1]}"])


def commands(page: str) -> list[str]:
    """What the page runs, line by line."""
    return [line for block in _BLOCK.findall(page) for line in block.splitlines() if line.startswith("$ ")]


def printed(command: str) -> str:
    """What a command of the page prints in its folder, with ``| head -N`` or ``| tail -N`` behind it."""
    words, _, part = command.removeprefix("$ groundwork ").partition(" | ")
    out = io.StringIO()
    with contextlib.chdir(FOLDER), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        run(shlex.split(words))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    if part:
        name, count = part.split(" -")
        lines = lines[: int(count)] if name == "head" else lines[-int(count) :]
    return "\n".join(lines).rstrip()


def with_output(page: str, chosen: Callable[[str], bool] = lambda _: True) -> str:
    """The page with what its commands print now; ``chosen`` says which of the blocks are run, by their first command."""

    def block(found: re.Match[str]) -> str:
        said = [line for line in found[1].splitlines() if line.startswith("$ ")]
        if not all(chosen(line) for line in said):
            return found[0]
        return "```\n" + "\n\n".join(f"{line}\n{printed(line)}" for line in said) + "\n```"

    return _BLOCK.sub(block, page)


def draw() -> None:
    """Draw what runs in each phase, and its Friday."""
    with contextlib.chdir(FOLDER):
        for phase in every_phase():
            picture = ["prod", "--phase", phase, "--format", "svg", "--out"]
            run(["diagram", *picture, f"{phase}.svg"])
            run(["simulate", *picture, f"{phase}-day.svg", "--scenario", "friday.yaml"])


def pictures(page: str) -> list[Path]:
    """The pictures that the page shows."""
    return [ROOT / "docs" / name for name in re.findall(r"!\[.*?\]\((.*?\.svg)\)", page)]


if __name__ == "__main__":
    CAPACITY.write_text(with_lines(CAPACITY.read_text(encoding="utf-8")), encoding="utf-8")
    GROWING.write_text(with_output(GROWING.read_text(encoding="utf-8")), encoding="utf-8")
    draw()
