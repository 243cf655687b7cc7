"""The offline engine: runs a Pulumi program in process and returns its snapshot.

No account, no credentials, no network and no Pulumi CLI: the program talks to :class:`groundwork.preview.monitor.RecordingMonitor`
instead of the engine's gRPC server.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

import pulumi
from pulumi.runtime import settings as runtime
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.stack import Stack

from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.guest import tell_result_types
from groundwork.preview.lazy_providers import install
from groundwork.preview.monitor import InProcessCallbacks, RecordingMonitor
from groundwork.preview.outputs import Outputs, lean_outputs
from groundwork.preview.snapshot import Snapshot, in_tree_order
from groundwork.preview.sources import short_traces

install()


def run_program(
    program: Path,
    *,
    project: str,
    stack: str,
    config: Mapping[str, str],
    settings: dict[str, Any],
    secrets: Iterable[str] = (),
    unknowns: bool = False,
    parameters: Mapping[str, str] | None = None,
    project_folder: Path | None = None,
    source_root: Path | None = None,
) -> Snapshot:
    """Run ``program`` (a folder with ``__main__.py``) and record what it declares.

    ``config`` holds strings as the engine passes them: scalars as they are, objects as JSON; ``secrets`` are its secret keys. With ``unknowns`` what AWS
    computes stays unknown, as in the first preview of a new stack; without, it gets plausible values. ``parameters`` is what
    the account's Parameter Store holds, by name; unset, nothing. ``project_folder`` is where ``Pulumi.yaml`` is, and source
    positions are relative to ``source_root``; both are the program's folder if unset.

    Raises whatever the program raises: ``pulumi.RunError`` for a mistake it reports itself.
    """
    context = contextvars.Context()
    program = program.resolve()
    region = config.get("aws:region", "us-east-1")
    monitor = RecordingMonitor(
        ComputedValues(region, parameters=parameters),
        project=project,
        stack=stack,
        unknowns=unknowns,
        root=source_root or program,
    )
    context.run(
        _run, monitor, _Program(program, project_folder or program, project, stack, dict(config), list(secrets))
    )
    return Snapshot(
        project=project,
        stack=stack,
        region=region,
        unknowns=unknowns,
        settings=settings,
        resources=in_tree_order(monitor.records()),
        outputs=monitor.stack_outputs,
        looked_up=frozenset(monitor.looked_up),
    )


@dataclass(frozen=True)
class _Program:
    folder: Path
    project_folder: Path
    project: str
    stack: str
    config: dict[str, str]
    secrets: list[str]


def _run(monitor: RecordingMonitor, program: _Program) -> None:
    loop = _Loop()
    collecting = gc.isenabled()
    # Everything that is made here lives until the end; looking for garbage in it makes large stacks slower with each resource.
    gc.disable()
    try:
        asyncio.set_event_loop(loop)
        with (
            _program_surroundings(program.folder),
            short_traces(monitor.root),
            _told_result_types(),
            lean_outputs() as outputs,
        ):
            loop.run_until_complete(_drive(monitor, program, outputs))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        if collecting:
            gc.enable()


_Given = TypeVarTuple("_Given")
_Made = TypeVar("_Made")


class _Loop(asyncio.SelectorEventLoop):
    """Runs each of the SDK's calls where it stands: they reach no network, so a thread for each would only cost time."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Given], _Made], *args: *_Given
    ) -> asyncio.Future[_Made]:
        future: asyncio.Future[_Made] = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:  # the future carries it to whoever awaits
            future.set_exception(error)
        return future


async def _drive(monitor: RecordingMonitor, program: _Program, outputs: Outputs) -> None:
    monitor.callbacks = InProcessCallbacks(monitor)
    runtime.configure(
        MockSettings(  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
            monitor=monitor,
            monitor_features=monitor.features(),
            engine=MockEngine(None),
            project=program.project,
            stack=program.stack,
            dry_run=True,
            organization="organization",
            root_directory=str(program.project_folder),
            callbacks=monitor.callbacks,
            outputs=set(),
        )
    )
    set_all_config(program.config, program.secrets)

    root = Stack()
    try:
        runpy.run_path(str(program.folder / "__main__.py"), run_name="__main__")
        root._finish()
        await _settle(outputs)
    except BaseException:
        await _abandon(outputs)
        raise


async def _abandon(outputs: Outputs) -> None:
    """End what still waits for a program that failed, and what that leads to, so that its error is the only one."""
    while waiting := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    for output in outputs:
        if output.done() and not output.cancelled():
            # Asked for, it is not told of as one that nobody asked for.
            output.exception()


async def _settle(outputs: Outputs) -> None:
    """Wait until every registration and every output is done.

    The SDK's own wait looks at all outstanding outputs again each time one is done, which makes a stack of a thousand services
    cost a thousand times a thousand; awaiting them one after another comes to the same end.
    """
    manager = runtime._get_rpc_manager()
    # What was begun last is heard of when it has had its turn.
    await asyncio.sleep(0)
    while manager.rpcs or outputs:
        while manager.rpcs:
            try:
                await manager.rpcs.pop()
            except Exception as error:
                if error is manager.unhandled_exception:
                    # The SDK has waited for it before, and keeps where it was raised; who waits next is not told.
                    raise error.with_traceback(manager.exception_traceback) from None
                raise
        while outputs:
            await outputs.popleft()
        if manager.unhandled_exception is not None:
            raise manager.unhandled_exception.with_traceback(manager.exception_traceback)
        await asyncio.sleep(0)


@contextmanager
def _told_result_types() -> Iterator[None]:
    before = tell_result_types(pulumi.runtime)
    try:
        yield
    finally:
        for name, invoke in before.items():
            setattr(pulumi.runtime, name, invoke)


@contextmanager
def _program_surroundings(program: Path) -> Iterator[None]:
    """Provide the working directory and import path that the real engine gives a program."""
    before = Path.cwd()
    path = list(sys.path)
    os.chdir(program)
    sys.path.insert(0, str(program))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
