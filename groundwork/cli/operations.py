"""The commands that speak to a stack's account: each says what it will do, asks on a terminal, and then does it."""

from __future__ import annotations

import datetime
import itertools
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.cli.stack_name import StackName
from groundwork.preview.styled import Text
from groundwork.settings.mistakes import nearest, one_of

if TYPE_CHECKING:
    from groundwork.operations.deploy import DeploymentPlan
    from groundwork.operations.engines.runner import TerminalSession
    from groundwork.operations.logs import LogLine
    from groundwork.operations.progress import Progress

Service = Annotated[str, Argument(metavar="SERVICE", help="A service of the stack file.")]
Yes = Annotated[bool, Option("--yes", help="Do not ask; where nobody can answer, nothing is done without it.")]
DryRun = Annotated[bool, Option("--dry-run", help="Say what would be done, and do nothing.")]
Minutes = Annotated[str, Option("--minutes", metavar="NUMBER", help="How long to wait [default: 20].")]


class LeastSeverity(StrEnum):
    """The least that stops a deployment."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


def deploy(
    stack: StackName,
    service: Annotated[
        str,
        Argument(
            metavar="SERVICE[=IMAGE]",
            help="A service, and the tag, digest or whole reference of what it is to run; without one, what `build` of the stack file builds.",
        ),
    ],
    *,
    build: Annotated[
        bool, Option("--build", help="Build and push the image also where a tag is said, which is then its name.")
    ] = False,
    severity: Annotated[
        LeastSeverity, Option("--severity", help="Refuse an image whose scan found something this bad.")
    ] = LeastSeverity.CRITICAL,
    minutes: Minutes = "20",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Run another image of a service: build it where none is named, check it, roll it out, wait until all copies run it, and go back where
    they do not.

    What is built is what `build` of the stack file says, and called after the commit. The image must be for the architecture that the
    stack runs, and its scan, which is waited for, may not have found anything as bad as --severity. Nothing but the image changes; the
    rest is `pulumi up`'s. Ends with 1 where what ran before runs again.
    """
    from groundwork.operations import deploy as deployments
    from groundwork.operations.account import open_account

    name, equals, image = service.partition("=")
    if equals and not image:
        raise console.InputError(
            f"say which image {name} is to run: {name}=TAG, {name}=sha256:…, or its whole reference; or {name} alone to build it"
        )
    limit = minutes_of(minutes)
    account = open_account(stack)
    if build or not image:
        plan = deployments.plan_build(account, name, image or None)
    else:
        plan = deployments.plan(account, name, image)
    _roll_out(plan, worst=severity.value, minutes=limit, yes=yes, dry_run=dry_run)


def rollback(
    stack: StackName,
    service: Service,
    *,
    force: Annotated[
        bool, Option("--force", help="Also where a job, such as a migration, ran before the deployment.")
    ] = False,
    minutes: Minutes = "20",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Run the image again that a service ran before the one it runs now.

    Its scan is not looked at again: it ran. Ends with 1 where that one does not come to run either.
    """
    from groundwork.operations import deploy as deployments
    from groundwork.operations.account import open_account

    limit = minutes_of(minutes)
    plan = deployments.plan_rollback(open_account(stack), service, force=force)
    _roll_out(plan, worst=LeastSeverity.NONE.value, minutes=limit, yes=yes, dry_run=dry_run)


def _roll_out(plan: DeploymentPlan, *, worst: str, minutes: int, yes: bool, dry_run: bool) -> None:
    from groundwork.operations import deploy as deployments
    from groundwork.operations.errors import DeploymentFailedError
    from groundwork.operations.progress import Progress

    progress, seconds = Progress(tell=tell), 60 * minutes
    if plan.build is None:
        # What is there is judged before anybody is asked.
        plan = _checked(plan, progress, worst, seconds)
    if not confirmed(str(plan), yes=yes, dry_run=dry_run):
        return
    if plan.build is not None:
        plan = _checked(plan, progress, worst, seconds)
    try:
        deployments.deploy(plan, progress, seconds=seconds)
    except DeploymentFailedError as failure:
        runs = "the placeholder" if plan.is_first else plan.before
        console.print_error(f"{plan.image} was not deployed, and {runs} runs: {failure}")
        console.print_error(f"Next: groundwork logs {plan.account.stack_name} {plan.holder.name} --since 30m")
        raise SystemExit(console.FINDINGS) from None
    except KeyboardInterrupt:
        console.print_error(
            f"\nNobody waits any more. A job is stopped; what has begun to run {plan.image} goes on: groundwork status "
            f"{plan.account.stack_name}. To go back: groundwork rollback {plan.account.stack_name} {plan.holder.name}"
        )
        raise


def _checked(plan: DeploymentPlan, progress: Progress, worst: str, seconds: float) -> DeploymentPlan:
    """Have an image built and checked, and say what could not be looked at."""
    from groundwork.operations import deploy as deployments

    plan = deployments.prepare(plan, progress, worst=worst, seconds=seconds)
    for text in plan.unseen:
        console.print_error(f"Note: {text}")
    return plan


def publish(
    stack: StackName,
    bucket: Annotated[str, Argument(metavar="BUCKET", help="A bucket of the stack file with `purpose: static`.")],
    folder: Annotated[str, Argument(metavar="DIR", help="What was built, such as dist.")],
    *,
    maps: Annotated[
        bool, Option("--maps", help="Publish source maps too: everybody can read the sources then.")
    ] = False,
    minutes: Minutes = "20",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Make a bucket of static files what a folder is: files whose names change with their content first, pages last, then remove what is gone.

    The former (`edge.cdn.static_paths`) are kept by browsers for a year; of all others it is asked each time whether they have changed. What is as
    it was is not uploaded. CloudFront forgets what was changed or removed. Hidden files and source maps are left out. Files that were built before
    stay for a week: pages that are open still name them.
    """
    from pathlib import Path

    from groundwork.operations import publish as publishing
    from groundwork.operations.account import open_account
    from groundwork.operations.progress import Progress

    limit = minutes_of(minutes)
    plan = publishing.plan(open_account(stack), bucket, Path(folder), maps=maps)
    if plan.does_nothing:
        print(plan)
        print("Nothing is to be done.")
    elif confirmed(str(plan), yes=yes, dry_run=dry_run):
        publishing.publish(plan, Progress(tell=tell), seconds=60 * limit)


def logs(
    stack: StackName,
    service: Annotated[
        str | None, Argument(metavar="SERVICE", help="A service or job of the stack file; unset, all of them.")
    ] = None,
    *,
    since: Annotated[
        str,
        Option("--since", metavar="TIME", help="90s, 10m, 2h, 3d, or a time such as 2026-11-27T14:00 [default: 10m]."),
    ] = "10m",
    grep: Annotated[
        str | None, Option("--grep", metavar="TEXT", help="Only lines with this text, letter for letter.")
    ] = None,
    follow: Annotated[bool, Option("--follow", help="Go on with what arrives, until Ctrl-C.")] = False,
) -> None:
    """Print what services wrote, interleaved by time, oldest first. Times are in UTC."""
    from groundwork.operations import logs as found
    from groundwork.operations.account import open_account
    from groundwork.operations.progress import Progress

    began = found.since(since, datetime.datetime.now(datetime.UTC))
    account = open_account(stack)
    there = [name for _, name, _ in account.settings.containers()]
    if service is not None and service not in there:
        raise console.InputError(
            f'"{service}" is none; {account.stack.label} has {one_of(there)}{nearest(service, there)}'
        )
    services = [service] if service is not None else there
    if not services:
        raise console.InputError(f"{account.stack.label} has no services")
    show = _shown(services)
    if follow:
        for line in found.follow(account, services, began, Progress(), containing=grep):
            show(line)
        return
    lines = found.lines(account, services, began, containing=grep)
    for line in lines:
        show(line)
    if not lines:
        console.print_error(f"Nothing since {began:%Y-%m-%d %H:%M:%S} UTC{f' with {grep!r}' if grep else ''}")


def _shown(services: Sequence[str]) -> Callable[[LogLine], None]:
    """Return what prints a line: on a terminal each service in a colour of its own, and without what would move the cursor."""
    width = max(map(len, services))
    if not sys.stdout.isatty():
        return lambda line: print(
            f"{line.at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {line.service:<{width}} {line.text}", flush=True
        )
    colours = dict(zip(services, itertools.cycle(("cyan", "green", "yellow", "magenta", "blue")), strict=False))

    def show(line: LogLine) -> None:
        head = (f"{line.at:%H:%M:%S} ", "dim"), (f"{line.service:<{width}} ", colours[line.service])
        console.print_lines([Text.assemble(*head, _harmless(line.text))])

    return show


def tell(line: str) -> None:
    """Print a line that comes from elsewhere, at once."""
    print(_harmless(line) if sys.stdout.isatty() else line, flush=True)


def _harmless(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def run(
    stack: StackName,
    name: Annotated[str, Argument(metavar="NAME", help="A job of the stack file, or a service.")],
    command: Annotated[
        str | None,
        Argument(metavar="COMMAND", help='In quotes: "python manage.py migrate"; for a job unset, its own.'),
    ] = None,
    *,
    minutes: Annotated[
        str | None,
        Option("--minutes", metavar="NUMBER", help="How long it may take; unset, as the job says, else an hour."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Run a job, or a command with a service's image, variables, rights and network, once, and show what it says.

    Ends with 1 where it does not end with 0.
    """
    from groundwork.operations import images
    from groundwork.operations.account import open_account
    from groundwork.operations.engines.runner import runner_of
    from groundwork.operations.errors import CommandFailedError
    from groundwork.operations.progress import Progress

    words = _words(command) if command is not None else []
    account = open_account(stack)
    job = account.settings.jobs.get(name)
    if job is None:
        images.service_of(account, name)
        if not words:
            raise console.InputError(f'say what to run as {name}: groundwork run {stack} {name} "COMMAND"')
    seconds = 60 * minutes_of(minutes) if minutes else (job.timeout if job and job.timeout else 3600)
    what = f"run {shlex.join(words)} as {name}" if words else f"run {name}"
    if not confirmed(f"{what} in {account.place}", yes=yes, dry_run=dry_run):
        return
    runner, progress = runner_of(account), Progress()
    lines = runner.run_job(name, None, words, progress, seconds) if job else runner.run(name, words, progress, seconds)
    try:
        for line in lines:
            tell(line)
    except CommandFailedError as failure:
        console.print_error(f"{shlex.join(words) or name}: {failure}")
        raise SystemExit(console.FINDINGS) from None


def exec_(
    stack: StackName,
    service: Service,
    command: Annotated[str | None, Argument(metavar="COMMAND", help="In quotes; unset, a shell.")] = None,
) -> None:
    """Open a terminal in a running copy of a service. AWS keeps a record of it."""
    from groundwork.operations import images
    from groundwork.operations.account import open_account
    from groundwork.operations.engines.runner import runner_of

    wanted = shlex.join(_words(command)) if command else "/bin/sh"
    account = open_account(stack)
    images.service_of(account, service)
    session = runner_of(account).session(service, wanted)
    raise SystemExit(attend(session))


def attend(session: TerminalSession) -> int:
    """Run what a session is opened with until it ends, and return its exit code. Ctrl-C is for what runs in there."""
    import subprocess

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = subprocess.run(session.words, env={**os.environ, **session.environment}, check=False)  # noqa: S603 - our own words
    finally:
        signal.signal(signal.SIGINT, before)
        for file in session.files:
            file.unlink(missing_ok=True)
    return ended.returncode


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise console.InputError(f"the command {command!r} is no line of a shell: {error}") from None
    if not words:
        raise console.InputError("the command is empty")
    return words


def minutes_of(text: str) -> int:
    """Return what ``--minutes`` says. InputError for anything else than a number of them."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_MINUTES:
        raise console.InputError(f'--minutes: "{text}" is none; say a number from 1 to {_MOST_MINUTES}')
    return int(text)


_MOST_MINUTES = 1440


def confirmed(what: str, *, yes: bool, dry_run: bool) -> bool:
    """Say what would be done, and ask whether to. InputError where nobody can answer and ``--yes`` was not said."""
    print(what)
    if dry_run:
        print("Nothing was done (--dry-run).")
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        raise console.InputError("nobody can be asked here; say --yes")
    if input("Go on? [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print("Nothing was done.")
    return False
