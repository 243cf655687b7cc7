"""Which test proves which row of the reference systems: the marker, the page made from it, and the table in each example's README
(``make docs``)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from groundwork.settings.data_file import read_data

HERE = Path(__file__).parent
ROWS = HERE / "requirements.yaml"
PAGE = HERE.parent / "docs" / "requirements.md"
EXAMPLES = {"S0": "storefront", "S1": "mini-facebook", "S2": "thulobazaar", "S3": "ecs-web", "S4": "chat-app"}
"""Reference system → the example that builds it."""
BEGIN, END = "<!-- rows: made by make docs from tests/requirements.yaml -->", "<!-- rows: end -->"
NOT_YET = "not yet"


def proves(*rows: str) -> pytest.MarkDecorator:
    """Marks a test as the proof of rows of ``tests/requirements.yaml``."""
    return pytest.mark.proves(*rows)


@cache
def rows() -> dict[str, dict[str, str]]:
    """Row id → what is asked and what is built."""
    table: dict[str, dict[str, str]] = read_data(ROWS)
    return table


@cache
def proofs() -> dict[str, list[str]]:
    """Row id → the tests that name it, as ``path::test``."""
    found: dict[str, list[str]] = {}
    for file in sorted(HERE.rglob("test_*.py")):
        for test, row in _named(file):
            found.setdefault(row, []).append(f"{file.relative_to(HERE.parent).as_posix()}::{test}")
    return found


def _named(file: Path) -> Iterator[tuple[str, str]]:
    text = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if "@proves(" in text else ():
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if (
                    isinstance(decorator, ast.Call)
                    and isinstance(decorator.func, ast.Name)
                    and decorator.func.id == "proves"
                ):
                    for argument in decorator.args:
                        if isinstance(argument, ast.Constant):
                            yield node.name, str(argument.value)


def page() -> str:
    """The Markdown page: every row, what is built, which tests prove it."""
    proven = proofs()
    lines = [
        "# Requirements and their proofs",
        "",
        "Each row of the reference systems, and the tests that prove it on the snapshot of its example. Made by `make docs` from",
        "`tests/requirements.yaml` and the tests' `@proves(...)` marks; do not edit by hand.",
        "",
    ]
    system = ""
    for row, text in rows().items():
        if row.partition("-")[0] != system:
            system = row.partition("-")[0]
            lines += [f"## {system}", "", "| row | area | build | proved by |", "|---|---|---|---|"]
        tests = "<br>".join(f"`{test.rpartition('/')[2]}`" for test in proven.get(row, [])) or NOT_YET
        lines.append(f"| {row} | {text['area']} | {text['build'].replace('|', '&#124;')} | {tests} |")
        if _is_last_of(row, list(rows())):
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _is_last_of(row: str, order: list[str]) -> bool:
    index = order.index(row)
    return index + 1 == len(order) or order[index + 1].partition("-")[0] != row.partition("-")[0]


def table(system: str) -> str:
    """What a reference system asked, what stands in its place, and why that differs; a row that no test proves is not yet built."""
    proven = proofs()
    lines = ["| row | asked | built | why it differs |", "|---|---|---|---|"]
    for row, text in rows().items():
        if row.partition("-")[0] == system:
            built = text.get("built", text["build"]) if row in proven else NOT_YET
            why = text.get("why", "–") if row in proven else "–"
            lines.append(f"| {row} | {text['asked']} | {built} | {why} |")
    return "\n".join(lines)


def readme(system: str) -> Path:
    """The page of its example."""
    return HERE.parent / "examples" / EXAMPLES[system] / "README.md"


def within(text: str, system: str) -> str:
    """A README with its table made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n\n{table(system)}\n\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for known in EXAMPLES:
        readme(known).write_text(within(readme(known).read_text(encoding="utf-8"), known), encoding="utf-8")
