"""The commands that change how a stack runs, and not what it is: copies, restarts, hours, dead letters."""

from __future__ import annotations

import datetime
from enum import StrEnum
from typing import Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.cli.operations import DryRun, Minutes, Service, Yes, attend, confirmed, minutes_of, tell
from groundwork.cli.stack_name import StackName


class TunnelGoal(StrEnum):
    """What a tunnel leads to."""

    DATABASE = "database"
    CACHE = "cache"


class HoursAction(StrEnum):
    """What is done to a stack that nobody uses for a while."""

    STOP = "stop"
    START = "start"


def scale(
    stack: StackName,
    service: Service,
    count: Annotated[str, Argument(metavar="NUMBER", help="How many copies are to run.")],
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Run another number of copies of a service, until autoscaling or the stack file says otherwise.

    A number beyond the bounds of autoscaling moves them. On the engine ec2 it is the number of instances, of all services on them. What
    the next `pulumi up` makes of it is said before anything is done.
    """
    from groundwork.operations import scaling
    from groundwork.operations.account import open_account
    from groundwork.operations.engines.runner import runner_of

    if not count.isdecimal():
        raise console.InputError(f'"{count}" is no number of copies')
    account = open_account(stack)
    runner = runner_of(account)
    plan = scaling.plan(account, runner, service, int(count))
    if not confirmed(str(plan), yes=yes, dry_run=dry_run):
        return
    scaling.scale(plan, runner)
    print(f"Asked for. How it goes: groundwork status {account.stack_name} --watch")


def redeploy(
    stack: StackName,
    service: Service,
    *,
    minutes: Minutes = "20",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Start all copies of a service anew with the image that runs, as after a secret or a parameter has changed.

    Old copies go when new ones are well. Ends with 1 where they do not get well.
    """
    from groundwork.operations import images
    from groundwork.operations.account import open_account
    from groundwork.operations.engines.runner import runner_of
    from groundwork.operations.errors import DeploymentFailedError, OperationError
    from groundwork.operations.progress import Progress

    seconds = 60 * minutes_of(minutes)
    account = open_account(stack)
    images.service_of(account, service)
    runner = runner_of(account)
    if busy := runner.under_way(service, ""):
        raise OperationError(f"{service}: {busy}; wait for its end: groundwork status {account.stack_name} --watch")
    if not confirmed(f"{service} in {account.place}: all copies start anew", yes=yes, dry_run=dry_run):
        return
    progress = Progress(tell=tell)
    try:
        runner.restart(service, progress, seconds)
    except DeploymentFailedError as failure:
        console.print_error(f"{service} did not start anew: {failure}")
        console.print_error(f"Next: groundwork logs {account.stack_name} {service} --since 30m")
        raise SystemExit(console.FINDINGS) from None
    except KeyboardInterrupt:
        console.print_error(f"\nNobody waits any more, and it goes on: groundwork status {account.stack_name}")
        raise
    progress.say(f"{service} runs anew after {progress.taken()}")


def hours(
    stack: StackName,
    action: Annotated[HoursAction, Argument(metavar="stop|start", help="Which.")],
    *,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Stop services, instances and database of a dev or staging stack, or start them again, outside what platform.hours says.

    What a database or a queue holds stays. A prod is never stopped.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations import stopping
    from groundwork.operations.account import open_account
    from groundwork.operations.progress import Progress

    account = open_account(stack)
    plan = stopping.plan(account, run_stack(stack).snapshot, action.value)
    if not confirmed(str(plan), yes=yes, dry_run=dry_run):
        return
    stopping.carry_out(plan, Progress(tell=tell))
    print(f"Asked for. How it goes: groundwork status {account.stack_name} --watch")


def redrive(
    stack: StackName,
    queue: Annotated[str, Argument(metavar="QUEUE", help="A queue of the stack file.")],
    *,
    limit: Annotated[
        str | None,
        Option("--limit", metavar="NUMBER", help="At most so many messages a second; unset, as fast as SQS likes."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Move the dead letters of a queue back to it, for its consumer to try again.

    Ctrl-C ends it; what has gone back stays there. Ends with 1 where SQS gives up.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations import redriving
    from groundwork.operations.account import open_account
    from groundwork.operations.errors import CommandFailedError
    from groundwork.operations.progress import Progress
    from groundwork.operations.resources import find_resources

    if limit is not None and not (limit.isdecimal() and 1 <= int(limit) <= redriving.FASTEST):
        raise console.InputError(f'--limit: "{limit}" is none; say a number from 1 to {redriving.FASTEST}')
    account = open_account(stack)
    resources = find_resources(account, run_stack(stack).snapshot)
    plan = redriving.plan(resources, queue, datetime.datetime.now(datetime.UTC), int(limit) if limit else None)
    if not confirmed(str(plan), yes=yes, dry_run=dry_run):
        return
    try:
        moved = redriving.redrive(resources, plan, Progress(tell=tell))
    except CommandFailedError as failure:
        console.print_error(f"{queue}: {failure}")
        console.print_error(f"Next: groundwork status {account.stack_name}")
        raise SystemExit(console.FINDINGS) from None
    except KeyboardInterrupt:
        console.print_error("\nThe redrive is ended; what has gone back stays there.")
        raise
    have = "has" if moved == 1 else "have"
    print(f"{moved} {have} gone back. Whether that fails again: groundwork status {account.stack_name} --watch")


def tunnel(
    stack: StackName,
    goal: Annotated[TunnelGoal, Argument(metavar="database|cache", help="Where to.")],
    *,
    port: Annotated[
        str | None,
        Option(
            "--port", metavar="NUMBER", help="Of this machine [default: 15432 for the database, 16379 for the cache]."
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Open a way from a port of this machine to the database or the cache, through a host of the stack that may speak to it.

    What to type in another terminal is printed; no password is. Ctrl-C closes it. AWS keeps a record of who opened it.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations import tunnelling
    from groundwork.operations.account import open_account
    from groundwork.operations.engines.runner import runner_of

    local = port or _PORTS[goal]
    if not local.isdecimal() or not 1024 <= int(local) <= 65535:
        raise console.InputError(f'--port: "{local}" is none; say a number from 1024 to 65535')
    account = open_account(stack)
    plan = tunnelling.plan(account, run_stack(stack).snapshot, goal.value, int(local))
    print(f"{plan}\n\nIn another terminal:\n\n{plan.client()}\n", flush=True)
    if dry_run:
        print("Nothing was opened (--dry-run).")
        return
    raise SystemExit(attend(tunnelling.open_tunnel(plan, runner_of(account))))


_PORTS = {TunnelGoal.DATABASE: "15432", TunnelGoal.CACHE: "16379"}
