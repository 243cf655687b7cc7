"""Every stack of the repository in each of its phases, and its snapshot: made once, shared by all tests and by parallel test
processes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from groundwork.preview.snapshot import Snapshot, to_marker
from groundwork.settings.loading import Loaded, StackFiles, find_stack, load_stack, phases, stacks

ROOT = Path(__file__).parent.parent

STACK_NAMES: list[str] = stacks(ROOT)
"""The names that the command line takes: ``dev``, ``examples/thulobazaar/prod``, …"""


def in_each_phase(name: str) -> list[str]:
    """A stack once for each phase that its file names, as ``examples/thulobazaar/prod@growth``; by its name where it names one."""
    found = phases(find_stack(name, ROOT))
    return [f"{name}@{phase}" for phase in found] if len(found) > 1 else [name]


STACKS: list[str] = [stack for name in STACK_NAMES for stack in in_each_phase(name)]
"""Every stack in every phase."""


@cache
def covering() -> list[str]:
    """Some stacks of :data:`STACKS` that between them have every type that any of them has, as ``tests/golden`` lists them."""
    types = {stack: _golden_types(stack) for stack in STACKS}
    left, chosen = set().union(*types.values()), []
    while left:
        chosen.append(max(STACKS, key=lambda stack: len(types[stack] & left)))
        left -= types[chosen[-1]]
    return chosen


def golden(stack: str) -> Path:
    """The list under review of a stack's URNs."""
    return ROOT / "tests" / "golden" / f"{stack.replace('/', '_')}.txt"


def _golden_types(stack: str) -> set[str]:
    urns = golden(stack).read_text(encoding="utf-8").splitlines() if golden(stack).is_file() else []
    return {urn.rpartition("::")[0].rpartition("$")[2] for urn in urns}


def found(stack: str) -> StackFiles:
    """The stack of a name in :data:`STACKS`."""
    name, _, phase = stack.partition("@")
    return find_stack(name, ROOT, phase or None)


def loaded(stack: str) -> Loaded:
    """Its settings."""
    return load_stack(found(stack))


_PROGRAM = ("__main__.py", "groundwork")
"""What a snapshot is made by: whatever lies in the package, since programs and functions of other languages are put into it too."""


@cache
def snapshot_of(stack: str, unknowns: bool = False) -> Snapshot:
    """What a stack declares; with ``unknowns`` as in the first preview of a new stack."""
    return run_found(found(stack), unknowns)


def run_found(stack: StackFiles, unknowns: bool = False, *, delivered: bool = True) -> Snapshot:
    """The same of a stack that may be anywhere; ``delivered``: its services have images, as they have not in the first update."""
    file = _cache_folder() / f"{_key(stack, unknowns, delivered)}.json"
    # Another test process may want the same one: the first makes it, and the others wait, which costs less than making it twice.
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.is_file():
            # Put in place whole: whoever is stopped while writing leaves nothing half-written to be read.
            draft = file.with_suffix(".draft")
            # In one line, which the encoder in C writes; indented, the one in Python does, in ten times as long.
            made = json.dumps(_run(stack, unknowns, delivered).as_dict(), default=to_marker)
            draft.write_text(made, encoding="utf-8")
            draft.replace(file)
    return Snapshot.from_json(json.loads(file.read_text(encoding="utf-8")))


def run(stack: str, unknowns: bool = False) -> Snapshot:
    """Run the program of a stack without any cache."""
    return _run(found(stack), unknowns)


def _run(stack: StackFiles, unknowns: bool, delivered: bool = True) -> Snapshot:
    from groundwork.preview.stacks import run_stack

    return run_stack(stack, load_stack(stack), unknowns=unknowns, delivered=delivered)


def _key(stack: StackFiles, unknowns: bool, delivered: bool) -> str:
    digest = hashlib.sha256(f"{stack.name} {stack.phase} {unknowns} {delivered} {_program_key()}".encode())
    # What else is in the folder of this project is a part of the program.
    pattern = "Pulumi.*" if stack.project_folder.resolve() == ROOT else "**/*"
    for file in (stack.file, *sorted(file for file in stack.project_folder.glob(pattern) if file.is_file())):
        where = file.relative_to(stack.project_folder) if file != stack.file else ""
        digest.update(f"\0{where}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:24]


@cache
def _program_key() -> str:
    return program_key(ROOT)


def program_key(root: Path) -> str:
    """Return what changes with everything a snapshot depends on but the stack file.

    Raises FileNotFoundError where a part of the program is not at its place: a key that says nothing of it would never change.
    """
    digest = hashlib.sha256()
    for package in ("pulumi", "pulumi-aws", "pulumi-kubernetes", "pydantic"):
        digest.update(version(package).encode())
    for part in _PROGRAM:
        path = root / part
        files = [path] if path.suffix else [file for file in path.rglob("*") if file.is_file()]
        if not files:
            raise FileNotFoundError(f"nothing is in {path}")
        for file in sorted(file for file in files if "__pycache__" not in file.parts):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _cache_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"groundwork-snapshots-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
