"""Writes what commands print into docs/capacity.md anew (``make docs``)."""

from __future__ import annotations

import re

from groundwork.capacity.line import kinds
from tests.stacks import ROOT

CAPACITY = ROOT / "docs" / "capacity.md"
BEGIN, END = "<!-- lines: made by make docs from groundwork/capacity/lines.yaml -->", "<!-- lines: end -->"


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


if __name__ == "__main__":
    CAPACITY.write_text(with_lines(CAPACITY.read_text(encoding="utf-8")), encoding="utf-8")
