"""The packages of functions: which files go in, and where the finished one lies.

A package is named after the content of what it is made from, so that a change of code or of a pinned requirement is another
file: what is deployed is never older than what is written down, and a preview can name it before it has been made.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2]
"""What ``code`` of a function that comes with Groundwork is relative to."""

FUNCTIONS = "functions"
BUILD = "build/functions"
PYTHON = "3.13"
PLATFORM = "aarch64"
REQUIREMENTS = "requirements.txt"
SHARED = "shared"
"""The folder beside functions whose modules several of them import."""
DESCRIPTION = "function.yaml"
"""What a function takes, for who writes a stack file; the function itself does not read it."""

# Counts on when packages are made in another way.
_RECIPE = "1"
_LEFT_OUT = ("__pycache__", "tests")
_IMPORTED = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)
_SHIPPED = (".py", ".json", ".yaml", ".txt", ".pem", ".sql", ".html")


def folders(code: str, program: Path) -> list[Path]:
    """Return the folders of a function's code, the later before the earlier: the one beside the program, else the shipped one.

    One beside the program that holds no Python adds its files, such as a bundle of certificates, to the shipped one.
    """
    own, shipped = program / code, SHIPPED / code
    if Path(code).parts[:1] != (FUNCTIONS,) or not shipped.is_dir() or next(own.glob("**/*.py"), None):
        return [own]
    return [shipped, own]


def find(code: str, name: str, program: Path) -> Path | None:
    """Return a file of a function's code, None where no folder of it has one of that name."""
    return next((folder / name for folder in reversed(folders(code, program)) if (folder / name).is_file()), None)


def known_codes(program: Path) -> list[str]:
    """List the folders of functions that a stack file may name, those beside the program and the shipped ones."""
    handlers = (handler for root in (program, SHIPPED) for handler in root.glob(f"{FUNCTIONS}/*/handler.py"))
    return sorted({f"{FUNCTIONS}/{handler.parent.name}" for handler in handlers})


def sources(code: str, program: Path) -> dict[str, Path]:
    """Map the names in the package of a function to the files that it is made of, in order.

    Caches, tests, notes and the folder's description are left out. Modules of ``shared`` beside the folder go in where they are
    imported.
    """
    found: dict[str, Path] = {}
    for folder in folders(code, program):
        found |= _files(folder)
    return dict(sorted(found.items()))


def _files(folder: Path) -> dict[str, Path]:
    found = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*")
        if file.is_file()
        and file.suffix in _SHIPPED
        and file != folder / DESCRIPTION
        and not any(part in _LEFT_OUT or part.startswith(".") for part in file.relative_to(folder).parts)
    }
    for file in [file for file in found.values() if file.suffix == ".py"]:
        for module in _IMPORTED.findall(file.read_text(encoding="utf-8")):
            shared = folder.parent / SHARED / f"{module}.py"
            if shared.is_file():
                found.setdefault(shared.name, shared)
    return found


def digest(code: str, program: Path) -> str:
    """Return twelve hexadecimal digits of the folder's content, of the runtime and of how packages are made."""
    total = hashlib.sha256(f"{_RECIPE} python{PYTHON} {PLATFORM}\n".encode())
    for name, file in sources(code, program).items():
        total.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


def runs_under_pulumi() -> bool:
    """Tell whether Pulumi runs the program, which takes packages along; a preview offline only names them.

    Its language host hands the configuration over so:
    https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python/main.go
    """
    return "PULUMI_CONFIG" in os.environ


def artefact(code: str, program: Path) -> str:
    """Return where the package of a function's folder lies or will lie, relative to the program."""
    return f"{BUILD}/{Path(code).name}-{digest(code, program)}.zip"


def packaging(program: Path) -> str:
    """Return the command that makes the packages of a program's functions."""
    return "make functions" if (program / "Makefile").is_file() else "python -m groundwork.operations.package"
