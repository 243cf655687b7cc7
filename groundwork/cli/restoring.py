"""The commands about backups: taking one by hand, and finding out what one is worth."""

from __future__ import annotations

import datetime
import ipaddress
import signal
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.cli.operations import DryRun, Yes, confirmed, minutes_of, tell
from groundwork.cli.stack_name import StackName

if TYPE_CHECKING:
    from groundwork.operations.account import StackAccount
    from groundwork.operations.restoring.cleanup import NotRemoved
    from groundwork.operations.restoring.report import RestoreRehearsal


class RestoreGoal(StrEnum):
    """What is restored."""

    DATABASE = "database"
    VOLUME = "volume"
    CACHE = "cache"
    BUCKET = "bucket"


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
    from groundwork.operations.progress import Progress
    from groundwork.operations.resources import find_resources

    seconds = 60 * minutes_of(minutes)
    if list_ and name is not None:
        raise console.InputError("--list takes no snapshot; leave the name out")
    account = open_account(stack)
    resources = find_resources(account, run_stack(stack).snapshot)
    if list_:
        with console.progress(f"Asking {account.place}"):
            lines = list(snapshotting.listed(resources, datetime.datetime.now(datetime.UTC)))
        for line in lines:
            tell(line)
        return
    plan = snapshotting.plan(resources, name or f"by-hand-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}")
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


def restore(
    stack: StackName,
    what: Annotated[
        RestoreGoal | None,
        Argument(metavar="database|volume|cache|bucket", help="Which; unset, all that the stack has."),
    ] = None,
    *,
    rehearse: Annotated[
        bool, Option("--rehearse", help="Restore beside what is there, look, measure, and remove it again.")
    ] = False,
    from_snapshot: Annotated[
        str | None,
        Option("--snapshot", metavar="NAME", help="A snapshot of the database in place of its newest backup."),
    ] = None,
    at: Annotated[
        str | None,
        Option(
            "--at",
            metavar="TIME",
            help="A moment of the database, such as 2026-11-27T14:00 (UTC), or 2h for so long ago.",
        ),
    ] = None,
    query: Annotated[
        str | None,
        Option(
            "--query", metavar="SQL", help="Ask the copy; passes where its first value is neither nothing, f nor 0."
        ),
    ] = None,
    source: Annotated[
        str | None,
        Option(
            "--from",
            metavar="CIDR",
            help="Where this machine is in the network, as by a VPN; unset, through a task or instance.",
        ),
    ] = None,
    unread: Annotated[
        bool, Option("--unread", help="Only see whether the database becomes available; nobody looks into it.")
    ] = False,
    report: Annotated[
        str | None,
        Option("--report", metavar="DIR", help="Where to write the report [default: restores, beside the stack file]."),
    ] = None,
    cleanup: Annotated[bool, Option("--cleanup", help="Only remove what an earlier rehearsal has left.")] = False,
    minutes: Annotated[
        str, Option("--minutes", metavar="NUMBER", help="How long to wait for each copy [default: 180].")
    ] = "180",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Find out what backups are worth: restore the newest beside what they are of, look into it, and say how old (RPO) and how long (RTO).

    A database becomes a copy in a security group that only its checker is in, and its rows are counted; a data volume a volume that
    nothing attaches; of a cache's copy and a bucket's version what is read is held against their checksums. Everything is removed
    again, and nothing of the originals changed. Ends with 1 where a backup is worth nothing, or something is left behind.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations.account import open_account
    from groundwork.operations.backups import DataStoreKind
    from groundwork.operations.progress import Progress
    from groundwork.operations.resources import find_resources
    from groundwork.operations.restoring import rehearse as rehearsing
    from groundwork.operations.restoring.cleanup import Interrupted

    if not rehearse:
        raise console.InputError(_IN_PLACE.format(stack=stack))
    seconds, now = 60 * minutes_of(minutes), datetime.datetime.now(datetime.UTC)
    if at is not None and from_snapshot is not None:
        raise console.InputError("--at and --snapshot are two backups; say one of them")
    if query is not None and unread:
        raise console.InputError("--query with --unread would ask nobody; say one of them")
    if query is not None and what not in (None, RestoreGoal.DATABASE):
        raise console.InputError(f"--query asks a database, and no {what}")
    wanted = rehearsing.RehearsalOptions(
        DataStoreKind(what.value) if what else None,
        snapshot=from_snapshot,
        at=_moment(at, now) if at else None,
        query=query,
        source=_private_range(source) if source else None,
        unread=unread,
    )
    account = open_account(stack)
    resources = find_resources(account, run_stack(stack).snapshot)
    progress = Progress(tell=tell)
    if cleanup:
        found = rehearsing.leftovers(resources)
        if not found:
            print(f"No rehearsal has left anything of {account.stack_name} in {account.place}.")
            return
        lines = [f"  {one.what}, of {one.rehearsal}" for one in found]
        asked = "\n".join(
            [f"{account.stack_name} in {account.place}: removed, unless somebody still rehearses:", *lines]
        )
        if confirmed(asked, yes=yes, dry_run=dry_run):
            _say_left(rehearsing.clean_up(resources, found, progress))
        return
    plan = rehearsing.plan(resources, wanted)
    if not confirmed(str(plan), yes=yes, dry_run=dry_run):
        return
    with _terminated_as_interrupted():
        try:
            done = rehearsing.carry_out(plan, progress, seconds)
        except Interrupted as interrupted:
            _say_left(interrupted.left)
            raise
    _tell_all(account, done, Path(report) if report else None)


def _tell_all(account: StackAccount, done: Sequence[RestoreRehearsal], folder: Path | None) -> None:
    from groundwork.operations.restoring import report as reports

    width = console.terminal_width()
    for line in (line for one in done for line in one.lines()):
        for part in textwrap.wrap(line, width, subsequent_indent=" " * 7) if width else [line]:
            tell(part)
    folder = folder or account.settings.program / reports.FOLDER
    page, document = reports.write(folder, account.stack_name, account.place, done)
    print(f"The report: {page}, {document.name}")
    _say_left([left for one in done for left in one.left])
    if not all(one.passed for one in done):
        raise SystemExit(console.FINDINGS)


def _say_left(left: Sequence[NotRemoved]) -> None:
    """Say what could not be removed, and how it is; ends with 1 where there is something."""
    for one in left:
        console.print_error(f"Left behind: {one.what} ({one.why}). It costs until it is removed:\n  {one.command}")
    if left:
        raise SystemExit(console.FINDINGS)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Have a pipeline that is cancelled end as Ctrl-C does, so that nothing is left."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _moment(text: str, now: datetime.datetime) -> datetime.datetime:
    from groundwork.operations.logs import since

    return since(text, now, option="--at")


def _private_range(text: str) -> str:
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise console.InputError(f"--from: {error}; say a range of the network, such as 10.8.0.0/24") from None
    if found.version != 4 or not found.is_private or found.prefixlen < _WIDEST:
        raise console.InputError(f"--from: {found} is no private range of IPv4 of at most 65,536 addresses")
    return str(found)


_WIDEST = 16

_IN_PLACE = """\
restore needs --rehearse: it restores beside what stands, and removes that again.
To see what there is:       groundwork snapshot {stack} --list
To see whether it is good:  groundwork restore {stack} --rehearse
To put it in place:         groundwork recover {stack} database (docs/operations.md, "The database is lost, or what is in it is wrong")\
"""
