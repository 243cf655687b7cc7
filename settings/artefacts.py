"""The packages of functions: which files go in, and where the finished one lies.

A package is named after the content of what it is made from, so that a change of code or of a pinned requirement is another
file: what is deployed is never older than what is written down, and a preview can name it before it has been made.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""What ``code`` of a function is relative to: the program."""

BUILD = "build/functions"
PYTHON = "3.13"
PLATFORM = "aarch64"
REQUIREMENTS = "requirements.txt"
DESCRIPTION = "function.yaml"
"""What a function takes, for who writes a stack file; the function itself does not read it."""

# Counts on when packages are made in another way.
_RECIPE = "1"
_LEFT_OUT = ("__pycache__", "tests")
_SHIPPED = (".py", ".json", ".yaml", ".txt", ".pem", ".sql", ".html")


def sources(code: str, root: Path = ROOT) -> list[Path]:
    """The files of a function's folder that its package holds, in order; caches, tests, notes and its description are left out."""
    folder = root / code
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file()
        and file.suffix in _SHIPPED
        and file != folder / DESCRIPTION
        and not any(part in _LEFT_OUT or part.startswith(".") for part in file.relative_to(folder).parts)
    )


def digest(code: str, root: Path = ROOT) -> str:
    """Twelve hexadecimal digits of the folder's content, of the runtime and of how packages are made."""
    total = hashlib.sha256(f"{_RECIPE} python{PYTHON} {PLATFORM}\n".encode())
    for file in sources(code, root):
        name = file.relative_to(root / code).as_posix()
        total.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


def artefact(code: str, root: Path = ROOT) -> str:
    """Where the package of a function's folder lies or will lie, relative to the program."""
    return f"{BUILD}/{Path(code).name}-{digest(code, root)}.zip"
