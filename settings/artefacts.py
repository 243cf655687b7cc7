"""The packages of functions: which files go in, and where the finished one lies.

A package is named after the content of what it is made from, so that a change of code or of a pinned requirement is another
file: what is deployed is never older than what is written down, and a preview can name it before it has been made.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""What ``code`` of a function is relative to: the program."""

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


def sources(code: str, root: Path = ROOT) -> dict[str, Path]:
    """What the package of a function's folder holds, in order: name in it → file.

    Caches, tests, notes and the folder's description are left out. Modules of ``shared`` beside the folder go in where they are
    imported.
    """
    folder = root / code
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
    return dict(sorted(found.items()))


def digest(code: str, root: Path = ROOT) -> str:
    """Twelve hexadecimal digits of the folder's content, of the runtime and of how packages are made."""
    total = hashlib.sha256(f"{_RECIPE} python{PYTHON} {PLATFORM}\n".encode())
    for name, file in sources(code, root).items():
        total.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


def runs_under_pulumi() -> bool:
    """Whether Pulumi runs the program, which takes packages along; a preview offline only names them.

    Its language host hands the configuration over so:
    https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python/main.go
    """
    return "PULUMI_CONFIG" in os.environ


def artefact(code: str, root: Path = ROOT) -> str:
    """Where the package of a function's folder lies or will lie, relative to the program."""
    return f"{BUILD}/{Path(code).name}-{digest(code, root)}.zip"
