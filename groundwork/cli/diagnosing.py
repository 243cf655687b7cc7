"""``groundwork doctor``: what an account says before the first update."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Option
from groundwork.cli.stack_name import StackName
from groundwork.preview.styled import Text

if TYPE_CHECKING:
    from groundwork.operations.doctor import Diagnosis


def doctor(
    stack: StackName,
    *,
    as_json: Annotated[bool, Option("--json", help="As JSON, for scripts.")] = False,
) -> None:
    """Ask a stack's account, before the first update, what would fail and what is to be done.

    Credentials and region, service-linked roles, quotas against what the stack takes, names that are taken, what an account has once, the
    domain, images and secrets. It changes nothing. Ends with 1 where something would fail.
    """
    from groundwork.cli.running import run_stack
    from groundwork.operations.account import open_account
    from groundwork.operations.doctor import State, diagnose

    account = open_account(stack)
    with console.progress(f"Running {stack} offline"):
        snapshot = run_stack(stack).snapshot
    with console.progress(f"Asking {account.place}"):
        found = list(diagnose(account, snapshot, _is_delegated))
    if as_json:
        print(json.dumps([one.as_json() for one in found], indent=2))
    else:
        console.print_lines(_lines(found))
    raise SystemExit(console.FINDINGS if any(one.state is State.FAILS for one in found) else console.FINE)


def _is_delegated(domain: str, name_servers: Sequence[str]) -> bool:
    import dns.exception
    import dns.resolver

    from groundwork.operations.delegation import ask

    try:
        return ask(domain, name_servers, dns.resolver.Resolver()).is_delegated
    except dns.exception.DNSException as error:
        raise OSError(str(error)) from error


_STYLES = {"fine": "green", "to do": "yellow", "will fail": "bold red", "not known": "dim"}
_WIDTH = 80
_LEFT = 24
_PROGRAMS = ("aws", "docker", "groundwork")


def _lines(found: Sequence[Diagnosis]) -> Iterator[Text]:
    """Yield a line for each, and below it what to do next, at most 80 columns wide but for a command, which is pasted whole."""
    for one in found:
        first, *rest = textwrap.wrap(one.words, _WIDTH - _LEFT, break_on_hyphens=False) or [""]
        yield Text.assemble((f"{one.state.value:<10}", _STYLES[one.state.value]), f"{one.about:<14}{first}")
        yield from (Text.assemble(f"{'':{_LEFT}}{line}") for line in rest)
        whole = one.next.partition(" ")[0] in _PROGRAMS
        for line in [one.next] if whole else textwrap.wrap(one.next, _WIDTH - _LEFT, break_on_hyphens=False):
            yield Text.assemble((f"{'':{_LEFT}}{line}", "bold"))
    counts = Counter(one.state.value for one in found)
    yield Text.assemble("")
    yield Text.assemble(", ".join(f"{counts[state]} {state}" for state in _STYLES if counts[state]))
