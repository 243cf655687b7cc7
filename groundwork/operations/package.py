"""Packages functions for Lambda, without Docker: pip takes the wheels that were built for it.

    python -m groundwork.operations.package                      # every function, from the program's folder
    python -m groundwork.operations.package functions/cleanup    # one

A package lies at ``build/functions/<folder>-<digest>.zip``. The digest is of what it is made from, so that one that is there
needs no second look; the same sources give the same bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from groundwork.components.functions.artefacts import (
    PLATFORM,
    PYTHON,
    REQUIREMENTS,
    artefact,
    find,
    known_codes,
    sources,
)

# Lambda's Python 3.13 runs on Amazon Linux 2023, which has glibc 2.34.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
_WHEELS = tuple(f"manylinux{version}_{PLATFORM}" for version in ("_2_34", "_2_31", "_2_28", "_2_27", "_2_17", "2014"))
_EPOCH = (1980, 1, 1, 0, 0, 0)
MAX_UNPACKED = 250 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

Install = Callable[[Path, Path], None]


class PackagingError(Exception):
    """A package that could not be made, in words for who asked for it."""


def package(code: str, program: Path, install: Install | None = None) -> Path:
    """Return the package of a function's folder, made if it is not there; older ones of the same folder are removed."""
    if not sources(code, program):
        raise PackagingError(f'"{code}" is no folder with Python files')
    target = program / artefact(code, program)
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        content = Path(temporary, "content")
        content.mkdir()
        requirements = find(code, REQUIREMENTS, program)
        if requirements and _lines(requirements):
            (install or pip)(requirements, content)
        for name, file in sources(code, program).items():
            copy = content / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        finished = Path(temporary, "finished.zip")
        _zip(content, finished)
        for old in target.parent.glob(f"{Path(code).name}-{'[0-9a-f]' * 12}.zip"):
            old.unlink()
        finished.replace(target)
    return target


def pip(requirements: Path, target: Path) -> None:
    """Install wheels for Lambda into a folder. Versions and hashes must be pinned; nothing is compiled here."""
    platforms = [part for wheel in _WHEELS for part in ("--platform", wheel)]
    command = [
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
        *("--implementation", "cp", "--python-version", PYTHON, *platforms),
        *("--target", str(target), "--requirement", str(requirements)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise PackagingError(f"pip could not install {requirements}:\n{done.stderr.strip()}")


def _lines(requirements: Path) -> list[str]:
    lines = (line.strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _zip(content: Path, target: Path) -> None:
    files = list(_shipped(content))
    unpacked = sum(file.stat().st_size for file in files)
    if unpacked > MAX_UNPACKED:
        raise PackagingError(f"{unpacked} bytes unpacked are more than the {MAX_UNPACKED} that Lambda takes")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.relative_to(content).as_posix(), _EPOCH)
            # Readable by the user that Lambda runs as, whoever packaged it on whatever system.
            entry.external_attr = (0o100755 if file.suffix == ".so" else 0o100644) << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def _shipped(content: Path) -> Iterator[Path]:
    """Yield everything but what differs from machine to machine: scripts name the interpreter that installed them."""
    for file in sorted(content.rglob("*")):
        parts = file.relative_to(content).parts
        if file.is_file() and "__pycache__" not in parts and parts[0] != "bin":
            yield file


def main(arguments: Sequence[str]) -> int:
    """Package what is named, or every function that the program here may name."""
    program = Path.cwd()
    codes = list(arguments) or known_codes(program)
    try:
        for code in codes:
            print(package(code, program).relative_to(program).as_posix())
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
