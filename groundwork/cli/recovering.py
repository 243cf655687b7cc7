"""``groundwork recover``: what is done when something is lost, step by step, each seen before the next begins."""

from __future__ import annotations

import datetime
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.cli.operations import DryRun, Yes, minutes_of, tell
from groundwork.cli.stack_name import StackName
from groundwork.preview.styled import Text

if TYPE_CHECKING:
    from groundwork.components.settings import Settings
    from groundwork.operations.progress import Progress
    from groundwork.operations.recovery.model import RecoveryPlan, RecoveryScenario, RecoveryStep

_WIDTH = 80


def recover(
    stack: StackName,
    scenario: Annotated[
        str | None,
        Argument(
            metavar="SCENARIO",
            help="instance, database, zone, deployment, bucket, region or account; unset, what the stack is able to.",
        ),
    ] = None,
    what: Annotated[
        str | None,
        Argument(metavar="WHAT", help="Of deployment and instance the service, of bucket the object: BUCKET/KEY."),
    ] = None,
    *,
    at: Annotated[
        str | None,
        Option("--at", metavar="TIME", help="Go back to this moment: 30m, 2h, or 2026-11-27T14:00 (UTC)."),
    ] = None,
    template_file: Annotated[
        Path | None,
        Option("--template", metavar="FILE", help="Write what the account of `recovery.account` needs once."),
    ] = None,
    minutes: Annotated[
        str, Option("--minutes", metavar="NUMBER", help="How long each step may take [default: 60].")
    ] = "60",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Get back what was lost, step by step: each is said, asked for where it changes something, and seen before the next begins.

    Without a scenario: which there are, how much data and how much time each may cost, and what the stack lacks for it. With --dry-run all
    steps are shown. It says how old the data is that is left and how long it took. After Ctrl-C the same command goes on where it was. Ends with 1
    where a step did not come to pass.
    """
    if template_file is not None:
        if scenario is not None:
            raise console.InputError("--template goes without a scenario")
        _write_template(stack, template_file)
        return
    seconds = 60 * minutes_of(minutes)
    if scenario is None:
        if what is not None or at is not None:
            raise console.InputError("say a scenario: groundwork recover STACK SCENARIO")
        _list(stack)
        return
    _recover(stack, scenario, what, at, seconds, yes=yes, dry_run=dry_run)


def _recover(
    stack: str, name: str, what: str | None, at: str | None, seconds: float, *, yes: bool, dry_run: bool
) -> None:
    from groundwork.cli.running import run_stack
    from groundwork.operations import logs
    from groundwork.operations.account import open_account
    from groundwork.operations.errors import OperationError
    from groundwork.operations.progress import Progress
    from groundwork.operations.recovery.model import Incident
    from groundwork.operations.recovery.scenarios import scenario
    from groundwork.operations.resources import StackResources, find_resources
    from groundwork.operations.tags import TaggedResources
    from groundwork.settings.loading import find_stack, load_stack

    found_stack = find_stack(stack)
    settings = load_stack(found_stack).settings
    wanted = scenario(name, settings, found_stack.label)
    if what is not None and not wanted.takes:
        raise console.InputError(f"{name} takes nothing more; leave {what!r} out")
    if what is None and wanted.must_say:
        raise console.InputError(f"say of what: groundwork recover {stack} {name} {wanted.takes}")
    now = datetime.datetime.now(datetime.UTC)
    moment = logs.since(at, now, option="--at") if at is not None else None
    away = settings.recovery.region if settings.recovery and wanted.elsewhere else None
    account, snapshot = open_account(stack, region=away), run_stack(stack).snapshot
    with console.progress(f"Asking {away or account.place}"):
        resources = (
            StackResources(account, snapshot, TaggedResources({})) if away else find_resources(account, snapshot)
        )
        plan = wanted.plan(Incident(resources, now, seconds, at=moment, what=what))
    command = " ".join(["groundwork recover", account.stack_name, name, *([what] if what else [])])
    _print([Text.assemble((f"{account.stack_name}: {wanted.lost}", "bold"), f"  {account.place}")])
    _print(_wrapped(f"By design: {_design(wanted)}.", ""))
    if plan.note:
        _print(_wrapped(plan.note, ""))
    if not (yes or dry_run) and any(one.changes for one in plan.steps) and not sys.stdin.isatty():
        raise console.InputError("nobody can be asked here; say --yes, or --dry-run to see the steps")
    progress = Progress(tell=tell)
    try:
        ended = _carry_out(plan, progress, yes=yes, dry_run=dry_run)
    except KeyboardInterrupt:
        console.print_error(f"\nAWS goes on with what has begun. To go on from here: {command}")
        raise
    except OperationError as error:
        console.print_error(f"That step did not come to pass: {error}")
        console.print_error(f"What was done stays. To go on from here: {command}")
        raise SystemExit(console.FINDINGS) from None
    if not ended:
        print(f"What was done stays. To go on from here: {command}")
        return
    _print(_measured(wanted, plan, now, progress.seconds, dry_run=dry_run))
    if plan.after:
        _print([Text(), *(line for text in plan.after for line in _as_it_is(text))])


def _carry_out(plan: RecoveryPlan, progress: Progress, *, yes: bool, dry_run: bool) -> bool:
    """Take the steps one after the other; False where somebody said no, or where nothing was to be done (``--dry-run``)."""
    for number, step in enumerate(plan.steps, 1):
        _print([Text(), *_heading(step, number, len(plan.steps))])
        if dry_run:
            continue
        if step.changes and not yes and input("  Go on? [y/N] ").strip().lower() not in ("y", "yes"):
            return False
        progress.say(step.act(progress))
    if dry_run:
        print("\nNothing was done (--dry-run).")
    return True


def _heading(step: RecoveryStep, number: int, all_of_them: int) -> Iterator[Text]:
    lines = _texts(step.title, f"{number} of {all_of_them}  ")
    yield Text(next(lines), "bold" if step.changes else "")
    yield from (Text(line, "bold" if step.changes else "") for line in lines)
    yield from (Text(line, "dim") for line in _texts(step.command, "        "))


def _design(wanted: RecoveryScenario) -> str:
    from groundwork.operations.durations import in_one_unit

    return f"{in_one_unit(wanted.rpo)} of data is lost at most, and it takes {in_one_unit(wanted.rto)}"


def _measured(
    wanted: RecoveryScenario, plan: RecoveryPlan, now: datetime.datetime, seconds: float, *, dry_run: bool
) -> list[Text]:
    """Return what was measured beside what the design says."""
    from groundwork.operations.durations import exactly, in_one_unit

    lines = [Text()]
    changes = any(step.changes for step in plan.steps)
    if plan.data_until is not None:
        lost = now - plan.data_until
        beyond = "" if lost <= wanted.rpo else f", more than the {in_one_unit(wanted.rpo)} of the design"
        verb = "are" if changes else "would be"
        lines += _wrapped(
            f"Data up to {plan.data_until:%Y-%m-%d %H:%M:%S} UTC is there: the last {exactly(lost.total_seconds())} {verb} lost{beyond}.",
            "",
        )
    if changes and not dry_run:
        took = datetime.timedelta(seconds=seconds)
        beyond = "" if took <= wanted.rto else f", longer than the {in_one_unit(wanted.rto)} of the design"
        lines += _wrapped(f"It took {exactly(seconds)}{beyond}.", "")
    return lines if len(lines) > 1 else []


def _list(stack: str) -> None:
    from groundwork.settings.loading import find_stack, load_stack

    found = find_stack(stack)
    _print(_table(load_stack(found).settings, found.label))
    print(f"\nThe steps of one: groundwork recover {stack} SCENARIO --dry-run")


def _table(settings: Settings, label: str) -> Iterator[Text]:
    from groundwork.operations.durations import in_one_unit
    from groundwork.operations.recovery.scenarios import with_missing_settings

    yield Text(label, "bold")
    yield Text(f"{'':<12}{'able':<6}{'data lost':<11}{'back in':<9}when this is lost", "dim")
    for one, lacks in with_missing_settings(settings):
        word, style = ("NO", "bold red") if lacks else ("yes", "green")
        design = f"{in_one_unit(one.rpo):<11}{in_one_unit(one.rto):<9}{one.lost}"
        yield Text.assemble(f"{one.name:<12}", (f"{word:<6}", style), design)
        if lacks:
            yield from (Text(line) for line in _texts(f"it would take {lacks}", " " * 18))


def _wrapped(text: str, indent: str) -> list[Text]:
    return [Text(line) for line in _texts(text, indent)]


def _texts(text: str, indent: str) -> Iterator[str]:
    """Yield a text within the terminal's width, its further lines below the first one's text."""
    yield from textwrap.wrap(
        text,
        console.terminal_width() or _WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _as_it_is(text: str) -> list[Text]:
    """Return a command as it is typed, and words within the terminal's width."""
    return [Text(text)] if text.startswith("  ") else _wrapped(text, "")


def _print(lines: Iterator[Text] | list[Text]) -> None:
    console.print_lines(lines)
    sys.stdout.flush()


def _write_template(stack: str, file: Path) -> None:
    from groundwork.operations.recovery.template import stack_name, text
    from groundwork.settings.loading import find_stack, load_stack

    found = find_stack(stack)
    settings = load_stack(found).settings
    recovery = settings.recovery
    if recovery is None or recovery.account is None:
        raise console.InputError(
            f'{found.label} names no account for copies; say which: groundwork:recovery: {{region: …, account: "123456789012"}}'
        )
    console.write_file(file, text(settings, recovery))
    print(f"{file} is written. Whoever looks after {recovery.account} deploys it there, with the stack's account:")
    print(f"  aws cloudformation deploy --region {settings.region} --stack-name {stack_name(settings)} \\")
    print(f"    --template-file {file} --parameter-overrides SourceAccount=…")
    print("Both accounts must be of one AWS Organization, whose management account says once:")
    print("  aws backup update-global-settings --global-settings isCrossAccountBackupEnabled=true")
