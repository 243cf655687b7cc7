"""``python -m groundwork.operations.rehearsal STACK[@PHASE]…``: a rehearsal of each stack, side by side (``make rehearse``)."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from groundwork.operations.rehearsal import rehearse
from groundwork.operations.rehearsal.report import report
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.stacks import run_stack
from groundwork.preview.terraform.run import TerraformError
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistakes


def main(names: list[str]) -> int:
    """Return 0 where every stack deploys, a second deployment changes nothing and all goes that may, or where that
    could not be tried; 1 where not; 2 for a mistaken call."""
    if not names:
        print("usage: python -m groundwork.operations.rehearsal STACK[@PHASE]…", file=sys.stderr)
        return 2
    try:
        snapshots = [_snapshot(name) for name in names]
    except Mistakes as mistakes:
        print(mistakes, file=sys.stderr)
        return 2
    fine = True
    # Nearly all of the time is the provider's waiting, so several take little longer than one.
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        pending = [pool.submit(rehearse, snapshot) for snapshot in snapshots]
        for name, waiting in zip(names, pending, strict=True):
            try:
                rehearsal = waiting.result()
            except TerraformError as error:
                print(f"{name}: {error}", file=sys.stderr)
                fine = False
                continue
            print("\n".join((f"{name}:", *report(rehearsal), "")), flush=True)
            fine = fine and (rehearsal.ok or bool(rehearsal.skipped))
    return 0 if fine else 1


_SIDE_BY_SIDE = 4
"""Each takes about half a gigabyte of memory."""


def _snapshot(name: str) -> Snapshot:
    stack_name, _, phase = name.partition("@")
    stack = find_stack(stack_name, phase=phase or None)
    return run_stack(stack, load_stack(stack), unknowns=False)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
