"""Modules import in one direction, and by one name."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from tests.stacks import ROOT

PACKAGE = ROOT / "groundwork"
PACK = ROOT / "policies"
# Handlers and programs that others run; nothing of ours imports them.
_OTHERS = (
    PACKAGE / "functions",
    PACKAGE / "projects" / "template",
    PACKAGE / "components" / "compute" / "ec2" / "programs",
)
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in PACKAGE.rglob("*.py")
    if not any(file.is_relative_to(other) for other in _OTHERS)
}


@cache
def _imports(file: Path) -> frozenset[str]:
    """Return what a module needs to be imported; what it imports later, or for types alone, is not among it."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        # No statement stands below an expression.
        waiting.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))
    return frozenset(found)


def test_no_import_goes_in_a_circle() -> None:
    pack = {
        ".".join(file.relative_to(PACK).with_suffix("").parts).removesuffix(".__init__"): file
        for file in (PACK / "guardrails").rglob("*.py")
    }
    for modules in (MODULES, pack):
        graph = {
            name: {other for other in _imports(file) if other in modules} - {name} for name, file in modules.items()
        }
        assert list(TopologicalSorter(graph).static_order())


def test_nothing_is_imported_through_the_link_at_the_top() -> None:
    """It would be there twice, with classes that differ."""
    files = [*MODULES.values(), *ROOT.glob("tests/**/*.py"), ROOT / "__main__.py"]
    through = {file.name for file in files if any(name.split(".")[0] == "components" for name in _imports(file))}
    assert through == set()
