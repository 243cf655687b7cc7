"""The commands that look at a stack in its account, and change nothing."""

from __future__ import annotations

import datetime
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.stack_name import StackName

if TYPE_CHECKING:
    from groundwork.operations.status.model import Status

_SECONDS_BETWEEN = 10
_CLEAR = "\x1b[H\x1b[2J"
"""What begins a screen anew: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html"""


def status(
    stack: StackName,
    *,
    watch: Annotated[bool, Option("--watch", help="Look again every ten seconds, until Ctrl-C.")] = False,
    cost: Annotated[
        bool, Option("--cost", help="Also say what the day costs; Cost Explorer charges $0.01 each time.")
    ] = False,
    json_: Annotated[bool, Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say how a stack is: services, jobs, data, queues, alarms and domain; what is the matter, and what to do next.

    Only what the stack builds is asked about, and nothing is changed; on the engine ec2 a script that only looks runs on the instances.
    Ends with 0 where all is well, is on its way or is stopped on purpose, and with 1 where something needs somebody.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations.account import open_account
    from groundwork.operations.status.reading import read_status

    if watch and cost:
        raise console.InputError("--watch with --cost would pay for each look; say one of them")
    account = open_account(stack)
    snapshot = run_stack(stack).snapshot
    while True:
        with console.progress(f"Asking {account.place}"):
            found = read_status(account, snapshot, datetime.datetime.now(datetime.UTC), cost=cost)
        if watch and sys.stdout.isatty():
            print(_CLEAR, end="")
        _print(found, as_json=json_)
        if not watch:
            break
        time.sleep(_SECONDS_BETWEEN)
    if found.troubles:
        raise SystemExit(console.FINDINGS)


def checklist(
    stack: StackName,
    *,
    offline: Annotated[bool, Option("--offline", help="Answer by the stack file alone, and ask no account.")] = False,
    database: Annotated[
        bool, Option("--database", help="Also ask the database that psql opens (PGHOST, PGSERVICE …) for its indexes.")
    ] = False,
    json_: Annotated[bool, Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Go through what a launch asks for, line by line: yes, no, or cannot be known here, with what turns it.

    Changes nothing. Ends with 1 where a line is answered with no.
    """
    from groundwork.cli.checklist_text import lines
    from groundwork.cli.running import run_stack
    from groundwork.operations.account import open_account
    from groundwork.operations.checklist.indexes import ask_indexes
    from groundwork.operations.checklist.model import AnswerKind, Facts
    from groundwork.operations.checklist.questions import answered
    from groundwork.operations.errors import UnreachableError
    from groundwork.operations.loadtest.files import folder_of
    from groundwork.operations.resources import find_resources
    from groundwork.settings.loading import find_stack, load_stack

    snapshot = run_stack(stack).snapshot
    try:
        account = None if offline else open_account(stack)
    except UnreachableError as error:
        raise UnreachableError(f"{error}; or answer by the stack file alone: --offline") from error
    settings = account.settings if account else load_stack(find_stack(stack)).settings
    resources = find_resources(account, snapshot) if account else None
    facts = Facts(
        settings,
        snapshot,
        datetime.datetime.now(datetime.UTC),
        resources,
        ask_indexes if database else None,
        folder_of(find_stack(stack)),
    )
    with console.progress("Asking"):
        answers = answered(facts)
    name = account.stack_name if account else stack
    if json_:
        print(json.dumps([one.to_json() for one in answers], indent=2))
    else:
        console.print_lines(lines(name, account.place if account else None, answers, console.terminal_width()))
    if any(one.answer.verdict is AnswerKind.NO for one in answers):
        raise SystemExit(console.FINDINGS)


def drift(
    stack: StackName,
    *,
    json_: Annotated[bool, Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what differs between a stack's account and its program, and who changed it.

    Changes nothing, and needs neither Pulumi nor its state. What others own is left aside: numbers of copies, images that run. Says too
    what it did not compare. Ends with 0 where nothing differs, with 1 where something does, and with 2 where the account could not be asked.
    """
    from groundwork.cli.drift_text import lines
    from groundwork.cli.running import run_stack
    from groundwork.operations.account import open_account
    from groundwork.operations.drift.detection import detect_drift
    from groundwork.operations.errors import OperationError
    from groundwork.operations.images import undelivered

    try:
        account = open_account(stack)
        run = run_stack(stack, without=undelivered(account))
        with console.progress(f"Comparing with {account.place}"):
            found = detect_drift(
                account,
                run.snapshot,
                datetime.datetime.now(datetime.UTC),
                lambda one: said.path if (said := run.statements.of(one.urn)) else one.type.split(":")[1],
            )
    except OperationError as error:
        console.print_error(str(error))
        raise SystemExit(console.MISTAKE) from None
    if json_:
        print(json.dumps(found.to_json(), indent=2, default=str))
    else:
        console.print_lines(lines(found, console.terminal_width()))
    if found.findings:
        raise SystemExit(console.FINDINGS)
    if found.not_asked:
        raise SystemExit(console.MISTAKE)


def _print(found: Status, *, as_json: bool) -> None:
    from groundwork.cli.status_text import lines

    if as_json:
        print(json.dumps(found.to_json(), indent=2, default=str), flush=True)
    else:
        console.print_lines(lines(found, console.terminal_width()))
        sys.stdout.flush()
