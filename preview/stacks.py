"""From a stack whose settings are loaded to its snapshot."""

from __future__ import annotations

from preview.engine import run_program
from preview.snapshot import Snapshot
from settings import Loaded, Stack
from settings.effective import as_json


def run_stack(stack: Stack, loaded: Loaded, *, unknowns: bool = False) -> Snapshot:
    """Run a stack's program offline; raises what :func:`preview.engine.run_program` raises."""
    return run_program(
        stack.program_folder,
        project=stack.project,
        stack=stack.name,
        config=loaded.config,
        settings=as_json(loaded),
        unknowns=unknowns,
        project_folder=stack.project_folder,
    )
