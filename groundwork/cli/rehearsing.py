"""``groundwork rehearse``: stacks deployed to an account that is none, side by side."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from groundwork.cli import console

if TYPE_CHECKING:
    from groundwork.operations.rehearsal import Rehearsal
    from groundwork.preview.snapshot import Snapshot
    from groundwork.preview.terraform.run import RunningCommands, TerraformError

_SIDE_BY_SIDE = 4
"""Each takes about half a gigabyte of memory."""


def rehearse_stacks(names: Sequence[str], *, then: str | None, keep: bool, everything: bool) -> int:
    """Rehearse stacks, named ``STACK`` or ``STACK@PHASE``, and print a report of each. Return the exit code.

    Raises ``Mistakes`` and what a program raises before anything is deployed. However it ends, Ctrl-C and SIGTERM included, no process,
    folder or account is left.
    """
    from groundwork.preview.terraform.run import RunningCommands, TerraformError
    from groundwork.settings.loading import refuse_unknown_phase

    if keep and len(names) > 1:
        raise console.InputError("--keep leaves one account running: name one stack")
    if then is not None:
        refuse_unknown_phase(then, "--then")
    with console.progress("Running the stacks offline"):
        planned = {name: (_snapshot(name, None), _snapshot(name, then) if then else None) for name in names}
    for name, (snapshot, after) in planned.items():
        if after and _phase(snapshot) == _phase(after):
            raise console.InputError(
                f"--then {then}: {name} is in that phase; name another, or the stack as {name}@PHASE"
            )
    commands, fine = RunningCommands(), True
    with _interruptible(), _ending(commands):
        for name, rehearsal in _rehearsed(planned, commands, keep=keep, everything=everything):
            if isinstance(rehearsal, TerraformError):
                console.print_error(f"{name}: Terraform gives no answer: {rehearsal}")
                fine = False
                continue
            if not keep or rehearsal.skipped:
                _tell(name, rehearsal, everything)
            fine = fine and (rehearsal.ok or bool(rehearsal.skipped))
    return console.FINE if fine else console.FINDINGS


def _rehearsed(
    planned: Mapping[str, tuple[Snapshot, Snapshot | None]], commands: RunningCommands, *, keep: bool, everything: bool
) -> Iterator[tuple[str, Rehearsal | TerraformError]]:
    """Yield each stack with what happened, or with what Terraform said in place of an answer. Nearly all of the time is the provider's waiting, so several take little longer than one."""
    from groundwork.operations.rehearsal import rehearse
    from groundwork.preview.terraform.run import TerraformError

    if keep:
        [(name, (snapshot, after))] = planned.items()

        def hold(rehearsal: Rehearsal, address: str) -> None:
            _tell(name, rehearsal, everything)
            print("\n".join(_invitation(address, (after or snapshot).region)), flush=True)
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                print("\nThe account is gone.")

        try:
            yield name, rehearse(snapshot, then=after, hold=hold, commands=commands)
        except TerraformError as error:
            yield name, error
        return
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool, _ending(commands):
        pending = [
            pool.submit(rehearse, snapshot, then=after, commands=commands) for snapshot, after in planned.values()
        ]
        for name, waiting in zip(planned, pending, strict=True):
            try:
                yield name, waiting.result()
            except TerraformError as error:
                yield name, error


@contextmanager
def _ending(commands: RunningCommands) -> Iterator[None]:
    """End what runs in other threads where this one is interrupted, since the threads are waited for."""
    try:
        yield
    except BaseException:
        commands.end()
        raise


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM, and the terminal's end, be as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signals = [signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else [])]
    before = {one: signal.signal(one, interrupt) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _snapshot(name: str, phase: str | None) -> Snapshot:
    """Return what a stack declares, in the phase said, else in that behind its ``@``, else in its own."""
    from groundwork.cli.running import run_stack

    stack, _, own = name.partition("@")
    return run_stack(stack, phase=phase or own or None).snapshot


def _phase(snapshot: Snapshot) -> str:
    return str((snapshot.settings.get("platform") or {}).get("phase", ""))


def _tell(name: str, rehearsal: Rehearsal, everything: bool) -> None:
    from groundwork.operations.rehearsal.report import report

    print("\n".join((f"{name}:", *report(rehearsal, everything=everything), "")), flush=True)


def _invitation(address: str, region: str) -> Iterator[str]:
    """Yield how to look around, and how to end it."""
    from groundwork.preview.computed_values import EXAMPLE_ACCOUNT

    yield f"The account {EXAMPLE_ACCOUNT} runs until Ctrl-C, on this machine alone. To look around, in another terminal:"
    yield ""
    yield "  unset AWS_PROFILE AWS_SESSION_TOKEN"
    yield f"  export AWS_ENDPOINT_URL={address}"
    yield "  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any"
    yield f"  export AWS_REGION={region} AWS_DEFAULT_REGION={region}"
    yield "  aws resourcegroupstaggingapi get-resources --query 'ResourceTagMappingList[].ResourceARN'"
    yield ""
    yield "Close that terminal afterwards: what it is told goes to this account alone."
