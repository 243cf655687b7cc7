"""``python -m tests.clean_environment``: what docs/getting-started.md begins with, where there is Python and nothing else (`make clean-environment`).

The wheel is built and installed by pip into a fresh environment, a project is begun, its requirements are installed, its stacks are previewed and its
tests run: with no other program on the path, an empty home and no repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.stacks import ROOT

_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


def main() -> None:
    """Raise where any step ends with another code than 0."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _run(sys.executable, *_PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
        [wheel] = folder.glob("*.whl")
        venv.create(folder / "environment", with_pip=True)
        programs = folder / "environment" / "bin"
        python, groundwork = str(programs / "python"), str(programs / "groundwork")
        (folder / "home").mkdir()
        only = {"PATH": str(programs), "HOME": str(folder / "home"), "COLUMNS": "80"}
        # Which index pip asks is this machine's own to say.
        _run(python, *_PIP, "install", str(wheel))
        _run(groundwork, "new", "shop", "--requirement", f"groundwork @ {wheel.as_uri()}", folder=folder, only=only)
        project = folder / "shop"
        _run(python, *_PIP, "install", "-r", "requirements-dev.txt", folder=project)
        for stack in ("dev", "prod"):
            print(_run(groundwork, "preview", stack, folder=project, only=only).splitlines()[-1])
        print(_run(python, "-m", "pytest", "-q", folder=project, only=only).splitlines()[-1])


def _run(*command: str, folder: Path = ROOT, only: dict[str, str] | None = None) -> str:
    environment = only or {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ends with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
