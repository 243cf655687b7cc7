"""Guards of the suite itself: nothing is silently left out, and its pages are up to date."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import BEGIN, END, EXAMPLES, NOT_YET, PAGE, page, proofs, readme, rows, table, within
from tests.stacks import ROOT, STACKS, loaded, program_key

TESTS = Path(__file__).parent


def test_every_test_file_is_one_that_pytest_collects() -> None:
    """A file with tests and another name is never run."""
    strays = [
        file.relative_to(TESTS).as_posix()
        for file in TESTS.rglob("*.py")
        if not file.name.startswith("test_")
        and re.search(r"^def test_", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert strays == []


def test_every_row_that_a_test_names_exists() -> None:
    assert set(proofs()) - set(rows()) == set()


def test_the_page_of_requirements_is_up_to_date() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


Function = ast.FunctionDef | ast.AsyncFunctionDef
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "timeit"}


def test_no_test_asserts_how_long_something_takes() -> None:
    """A machine that is busy would fail it: ``tests.work`` counts work instead."""
    found = {
        f"{file.relative_to(TESTS).as_posix()}:{line}"
        for file in TESTS.rglob("*.py")
        if file != Path(__file__)
        and any(clock in (text := file.read_text(encoding="utf-8")) for clock in ("time.", "timeit", "from time"))
        for line in timed_asserts(ast.parse(text))
    }
    assert found == set()


def test_the_guard_sees_durations_that_are_asserted() -> None:
    program = """
def seconds():
    start = time.perf_counter()
    return time.perf_counter() - start
def test_one():
    took = min(seconds() for _ in range(3))
    assert took < 2
def test_two():
    patience = time.monotonic() + 10
    while time.monotonic() < patience:
        pass
    assert done
def test_three():
    assert time.monotonic() - begun < 3
def test_four():
    out = run([sys.executable, "-c", "import time; print(time.process_time())"])
"""
    assert list(timed_asserts(ast.parse(program))) == [7, 14, 16]


def test_the_guard_sees_ratios_of_durations_and_clocks_by_any_name() -> None:
    program = """
from time import perf_counter as now
def seconds(work):
    start = now()
    work()
    return now() - start
async def test_a_ratio():
    small, large = seconds(few), seconds(many)
    ratio: float = large / small
    assert ratio < 3
def test_a_sum():
    total = 0
    total += seconds(few)
    if (share := total / 2) > 1:
        assert share < 4
def test_another():
    begun = time.monotonic()
    count = len(work())
    assert count == 3
"""
    assert list(timed_asserts(ast.parse(program))) == [10, 15]


def timed_asserts(tree: ast.AST) -> list[int]:
    """The lines of asserts on what a clock said, and of programs for a process of their own that print it."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    timers = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "timeit")
        for name in node.names
        if name.name in CLOCKS
    }
    while found := {function.name for function in functions if _returns_time(function, timers)} - timers:
        timers |= found
    lines = {
        node.lineno
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Assert) and _reads(node, timers | _timed_names(function, timers))
    }
    lines |= {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "print(time." in node.value
    }
    return sorted(lines)


def _returns_time(function: Function, timers: set[str]) -> bool:
    timed = timers | _timed_names(function, timers)
    return any(isinstance(node, ast.Return) and node.value and _reads(node.value, timed) for node in ast.walk(function))


def _timed_names(function: Function, timers: set[str]) -> set[str]:
    """The names that a function gives to what a clock said, and to what it makes of them."""
    given = [
        (target, node.value)
        for node in ast.walk(function)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    named: set[str] = set()
    while (
        found := {
            part.id
            for target, value in given
            if _reads(value, timers | named)
            for part in ast.walk(target)
            if isinstance(part, ast.Name)
        }
        - named
    ):
        named |= found
    return named


def _reads(node: ast.AST, timed: set[str]) -> bool:
    """Whether an expression asks a clock, or uses a name for what one said."""
    return any(
        (isinstance(part, ast.Name) and part.id in timed)
        or (
            isinstance(part, ast.Attribute)
            and part.attr in CLOCKS
            and isinstance(part.value, ast.Name)
            and part.value.id in ("time", "timeit")
        )
        for part in ast.walk(node)
    )


NO_VERB = re.compile(
    "(A|All|An|As|Both|By|Each|Either|Every|Everything|For|From|How|If|In|It|Its|No|None|Nothing|Of|On|One|Only|Several|"
    "That|The|Their|Those|These|This|To|True|What|When|Where|Whether|Which|Who|Whose|Whom|Why|With|Without)"
)
"""Words that docstrings of functions began with; ruff's D401 finds further ones, but not these, and reads no properties."""


def test_the_docstring_of_a_function_starts_with_a_verb() -> None:
    root = TESTS.parent
    found = [
        f"{file.relative_to(root).as_posix()}:{function.lineno}: {text.splitlines()[0]}"
        for folder in ("groundwork", "policies")
        for file in (root / folder).rglob("*.py")
        for function in functions_in(ast.parse(file.read_text(encoding="utf-8")))
        if (text := ast.get_docstring(function)) is not None and not _starts_with_a_verb(text)
    ]
    assert found == []


def functions_in(tree: ast.AST) -> Iterator[Function]:
    """Every function, in whatever it is; no expression holds one with a docstring, and most of a program is expressions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node
        if not isinstance(node, ast.expr):
            yield from functions_in(node)


def test_the_guard_of_docstrings_reads_functions_wherever_they_are() -> None:
    program = """
class A:
    if True:
        def one(self): ...
for _ in ():
    try:
        with b:
            async def two():
                match c:
                    case 1:
                        def three(): ...
    except d:
        def four(): ...
"""
    assert [one.name for one in functions_in(ast.parse(program))] == ["one", "two", "three", "four"]


def test_the_guard_of_docstrings_tells_verbs_from_other_words() -> None:
    assert _starts_with_a_verb("Return the name.")
    assert not any(
        map(_starts_with_a_verb, ("The name.", "``name``.", "https://aws.amazon.com", "returns it.", "Whether."))
    )


def _starts_with_a_verb(docstring: str) -> bool:
    first = re.match(r"[A-Z][a-z]+(?=[\s,:])", docstring)
    return first is not None and NO_VERB.fullmatch(first[0]) is None


def test_a_snapshot_is_made_anew_when_anything_changes_that_it_is_made_by(tmp_path: Path) -> None:
    """A key that misses a part would show every later test the stack of before."""
    assert program_key(ROOT)
    package = tmp_path / "groundwork"
    for folder in ("settings", "preview", "functions"):
        (package / folder).mkdir(parents=True)
    files = [
        tmp_path / "__main__.py",
        *(package / name for name in ("settings/a.py", "preview/b.yaml", "functions/c.sh")),
    ]
    for file in files:
        file.write_text("before", encoding="utf-8")
    keys = [program_key(tmp_path)]
    for file in files:
        file.write_text("after", encoding="utf-8")
        keys.append(program_key(tmp_path))
    assert len(set(keys)) == len(keys)
    package.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="groundwork"):
        program_key(tmp_path)


@pytest.mark.parametrize("system", EXAMPLES)
def test_the_table_of_an_example_is_up_to_date(system: str) -> None:
    """`make docs` writes it."""
    text = readme(system).read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert within(text, system) == text


@pytest.mark.parametrize("system", EXAMPLES)
def test_the_table_of_an_example_has_every_row_and_is_honest_about_those_that_no_test_proves(system: str) -> None:
    cells = {line[0]: line[1:] for line in (_cells(line) for line in table(system).splitlines()[2:])}
    of_system = [row for row in rows() if row.partition("-")[0] == system]
    assert list(cells) == of_system
    assert all(len(line) == 3 and all(line) for line in cells.values())
    assert {row for row, (_, built, _) in cells.items() if built == NOT_YET} == set(of_system) - set(proofs())


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("system", EXAMPLES)
def test_every_setting_that_a_table_says_is_built_is_in_effect_in_its_example(system: str) -> None:
    folder = f"examples/{EXAMPLES[system]}/"
    effective = [
        loaded(stack).settings.model_dump(mode="json", by_alias=True) for stack in STACKS if stack.startswith(folder)
    ]
    named = [
        (row, path)
        for row, text in rows().items()
        if row in proofs() and row.partition("-")[0] == system
        for path in re.findall(r"`([a-z]+(?:\.[\w*-]+)+)(?::[^`]*)?`", text["built"])
    ]
    assert named
    unset = [(row, path) for row, path in named if not any(_is_set(settings, path) for settings in effective)]
    assert unset == []


def _is_set(settings: Any, path: str) -> bool:
    found = [settings]
    for part in path.split("."):
        found = [inner for item in found for inner in _below(item, part)]
    return any(item not in (None, False, {}, []) for item in found)


def _below(item: Any, part: str) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.values() if part == "*" else ([item[part]] if part in item else [])
