"""What ``groundwork.components`` offers to a program of somebody else."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import groundwork
from groundwork import components
from groundwork.components.base import Component
from tests import api
from tests.stacks import ROOT


def test_every_public_name_is_there_and_types_are_told_of_each() -> None:
    tree = ast.parse((ROOT / "groundwork" / "components" / "__init__.py").read_text(encoding="utf-8"))
    [told] = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        f"{node.module}.{one.name}" for node in told.body if isinstance(node, ast.ImportFrom) for one in node.names
    }
    assert {
        name: f"{(found := getattr(components, name)).__module__}.{found.__name__}" for name in components.__all__
    } == {name.rpartition(".")[2]: name for name in typed}


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Plattform'"):
        _ = components.Plattform
    with pytest.raises(AttributeError, match="no attribute 'Plattform'"):
        _ = groundwork.Plattform


def test_the_package_itself_offers_the_same_names() -> None:
    assert [getattr(groundwork, name) for name in groundwork.__all__] == [
        getattr(components, name) for name in components.__all__
    ]


def test_the_page_of_names_is_up_to_date_and_has_every_name_that_a_program_may_want() -> None:
    """`make docs` writes it."""
    written = api.PAGE.read_text(encoding="utf-8")
    assert written == api.page()
    missing = [name for name in groundwork.__all__ if api.section_of(name) and f"### {name}\n" not in written]
    assert [name for name in missing if api.section_of(name) != "Settings"] == []
    assert all(f"| `{name}` |" in written for name in missing)


def test_arguments_that_not_every_component_takes_are_told_of() -> None:
    silent = [
        (name, argument)
        for name in groundwork.__all__
        if api.section_of(name) == "Components" and isinstance(one := getattr(groundwork, name), type)
        if issubclass(one, Component)
        for argument in inspect.signature(one).parameters
        if argument not in ("name", "settings", "context", "opts")
        and f"``{argument}``" not in (one.__init__.__doc__ or "")
    ]
    assert silent == []


def test_settings_and_checks_of_every_layer_import_no_pulumi() -> None:
    """``groundwork settings`` answers in the time that Pulumi takes to be imported."""
    program = "import sys; import groundwork.components.checks, groundwork.settings.loading; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
