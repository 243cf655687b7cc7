"""The commands about backups: taking one by hand, and finding out what one is worth."""

from __future__ import annotations

import datetime
from typing import Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.cli.operations import DryRun, Yes, confirmed, minutes_of, tell
from groundwork.cli.stack_name import StackName


def snapshot(
    stack: StackName,
    name: Annotated[
        str | None,
        Argument(metavar="NAME", help="What it is for, such as before-17; unset, by-hand with the time."),
    ] = None,
    *,
    list_: Annotated[bool, Option("--list", help="Only say what there is to restore from, the newest first.")] = False,
    minutes: Annotated[str, Option("--minutes", metavar="NUMBER", help="How long to wait [default: 120].")] = "120",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Take a snapshot of what holds the stack's data now: the database, the data volume of an instance, the cache on it.

    As before a major update or a migration. It is encrypted with the key of what it is of, carries the stack's tags, and stays until somebody
    removes it. Ctrl-C leaves AWS to go on with it.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations import snapshotting
    from groundwork.operations.account import open_account
    from groundwork.operations.own import find_own
    from groundwork.operations.progress import Progress

    seconds = 60 * minutes_of(minutes)
    if list_ and name is not None:
        raise console.InputError("--list takes no snapshot; leave the name out")
    account = open_account(stack)
    own = find_own(account, run_stack(stack).snapshot)
    if list_:
        with console.progress(f"Asking {account.place}"):
            lines = list(snapshotting.listed(own, datetime.datetime.now(datetime.UTC)))
        for line in lines:
            tell(line)
        return
    plan = snapshotting.plan(own, name or f"by-hand-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}")
    if not confirmed(str(plan), yes=yes, dry_run=dry_run):
        return
    progress = Progress(tell=tell)
    try:
        taken = snapshotting.take(plan, progress, seconds)
    except KeyboardInterrupt:
        console.print_error(
            f"\nNobody waits any more, and AWS goes on with what has begun: groundwork snapshot {account.stack_name} --list"
        )
        raise
    progress.say(f"taken after {progress.taken()}: {', '.join(taken)}")
    print(f"What else there is to restore from: groundwork snapshot {account.stack_name} --list")
