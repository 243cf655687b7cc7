"""What ``groundwork.components`` offers to a program of somebody else."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from groundwork import components
from tests.stacks import ROOT


def test_every_public_name_is_there_and_types_are_told_of_each() -> None:
    tree = ast.parse((ROOT / "groundwork" / "components" / "__init__.py").read_text(encoding="utf-8"))
    [told] = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {f"{node.module}.{node.names[0].name}" for node in told.body if isinstance(node, ast.ImportFrom)}
    assert {
        name: f"{(found := getattr(components, name)).__module__}.{found.__name__}" for name in components.__all__
    } == {name.rpartition(".")[2]: name for name in typed}


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Plattform'"):
        _ = components.Plattform


def test_settings_and_checks_of_every_layer_import_no_pulumi() -> None:
    """``groundwork settings`` answers in the time that Pulumi takes to be imported."""
    program = "import sys; import groundwork.components.checks, groundwork.settings.loading; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
