"""The offline engine: runs a Pulumi program in process and returns its snapshot.

No account, no credentials, no network and no Pulumi CLI: the program talks to :class:`preview.monitor.RecordingMonitor`
instead of the engine's gRPC server.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import runpy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi.runtime import settings as runtime
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.stack import run_in_stack

from preview.computed import ComputedValues
from preview.monitor import InProcessCallbacks, RecordingMonitor
from preview.snapshot import Snapshot, in_tree_order


def run_program(
    program: Path,
    *,
    project: str,
    stack: str,
    config: Mapping[str, str],
    settings: dict[str, Any],
    unknowns: bool = False,
) -> Snapshot:
    """Run ``program`` (a folder with ``__main__.py``) and record what it declares.

    ``config`` holds strings as the engine passes them: scalars as they are, objects as JSON. With ``unknowns`` what AWS
    computes stays unknown, as in the first preview of a new stack; without, it gets plausible values.

    Raises whatever the program raises: ``pulumi.RunError`` for a mistake it reports itself.
    """
    context = contextvars.Context()
    return context.run(_run, program.resolve(), project, stack, dict(config), settings, unknowns)


def _run(
    program: Path, project: str, stack: str, config: dict[str, str], settings: dict[str, Any], unknowns: bool
) -> Snapshot:
    region = config.get("aws:region", "us-east-1")
    monitor = RecordingMonitor(ComputedValues(region), unknowns=unknowns, root=program)
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        with _program_surroundings(program):
            loop.run_until_complete(_drive(monitor, program, project, stack, config))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return Snapshot(
        project=project,
        stack=stack,
        region=region,
        unknowns=unknowns,
        settings=settings,
        resources=in_tree_order(monitor.records()),
        outputs=monitor.stack_outputs,
    )


async def _drive(monitor: RecordingMonitor, program: Path, project: str, stack: str, config: dict[str, str]) -> None:
    monitor.callbacks = InProcessCallbacks()
    runtime.configure(
        MockSettings(
            monitor=monitor,
            engine=MockEngine(None),
            project=project,
            stack=stack,
            dry_run=True,
            organization="organization",
            root_directory=str(program),
            callbacks=monitor.callbacks,
        )
    )
    set_all_config(config, [])

    def run_main() -> None:
        runpy.run_path(str(program / "__main__.py"), run_name="__main__")

    await run_in_stack(run_main)


@contextmanager
def _program_surroundings(program: Path) -> Iterator[None]:
    """The working directory and import path that the real engine gives a program."""
    before = Path.cwd()
    path = list(sys.path)
    os.chdir(program)
    sys.path.insert(0, str(program))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
