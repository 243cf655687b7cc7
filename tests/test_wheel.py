"""The wheel, installed beside a product's own modules of the names that ours have inside the package."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.stacks import ROOT

PROGRAM = """
import components
import settings

from groundwork.components import Platform, load

assert (components.MINE, settings.MINE) == (True, True)
stack = load()
Platform(stack.platform.name, stack)
"""
STACK = """
config:
  aws:region: ap-south-1
  groundwork:platform: {name: shop, owner: team@example.com}
  groundwork:storage: {uploads: {}}
  groundwork:functions:
    index: {code: functions/index}
    tidy:
      code: functions/cleanup
      uses: {uploads: purge}
      environment: {BUCKET: uploads, RULES: "temp/=24h"}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed, and nothing else of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True, capture_output=True, text=True)
    [wheel] = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def _groundwork(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The path of what is installed comes first: the repository's own, which the environment names, comes after it.
    environment = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"}
    command = [sys.executable, "-P", "-m", "groundwork.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_everything_is_one_package(installed: Path) -> None:
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"groundwork"}
    held = {path.name for path in (installed / "groundwork").iterdir()}
    assert held >= {"cli", "components", "functions", "operations", "policies", "preview", "py.typed", "settings"}
    assert (installed / "groundwork" / "policies" / "PulumiPolicy.yaml").is_file()


def test_a_project_may_call_its_modules_as_ours_are_called_inside(installed: Path, tmp_path: Path) -> None:
    """Functions are found beside the program, then among the shipped ones."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n", encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(STACK, encoding="utf-8")
    (tmp_path / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "settings.py").write_text("MINE = True\n", encoding="utf-8")
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "__init__.py").write_text("MINE = True\n", encoding="utf-8")
    missing = _groundwork(installed, tmp_path, "settings", "dev")
    assert 'there is no folder "functions/index" beside the program or among Groundwork\'s functions' in missing.stderr
    own = tmp_path / "functions" / "index"
    own.mkdir(parents=True)
    (own / "handler.py").write_text("def handle(event, context): ...\n", encoding="utf-8")
    shown = _groundwork(installed, tmp_path, "preview", "dev")
    assert shown.returncode == 0, shown.stderr
    assert "shop-tidy" in shown.stdout
    assert "shop-index" in shown.stdout
    assert "Guardrails" in shown.stdout


def test_a_new_project_previews_and_passes_its_own_tests_where_there_is_only_python(
    installed: Path, tmp_path: Path
) -> None:
    """A fresh environment with the wheel and what it requires: no repository, no git, no home, no other program.

    What it requires is lent by the environment of the tests; `make clean-environment` gets that by pip.
    """
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    # Of a folder that another names only what lies in it counts, and not what an editable installation hooks in.
    (site / "lent.pth").write_text(f"{installed}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    only = {"PATH": str(environment / "bin"), "HOME": str(tmp_path / "home"), "COLUMNS": "80"}

    def python(*words: str, folder: Path = tmp_path) -> str:
        command = [str(environment / "bin" / "python"), *words]
        done = subprocess.run(command, cwd=folder, env=only, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    parts = ["--with", "database", "--with", "cache", "--with", "bucket"]
    begun = python("-m", "groundwork.cli.main", "new", "shop", *parts)
    assert begun.splitlines()[-1] == "Next: cd shop && groundwork preview dev"
    project = tmp_path / "shop"
    assert (project / "requirements.txt").read_text(encoding="utf-8") == f"groundwork=={version('groundwork')}\n"
    assert (project / "policies" / "PulumiPolicy.yaml").is_file()
    assert "2 passed" in python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", folder=project)
    where = python("-c", "from groundwork.pack import FOLDER; print(FOLDER)", folder=project)
    assert Path(where.strip()).is_relative_to(installed)
