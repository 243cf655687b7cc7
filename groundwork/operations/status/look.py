"""Look at a stack: ask the account about what the stack builds, and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from groundwork.operations.account import StackAccount
from groundwork.operations.engine import runner_of
from groundwork.operations.errors import NobodyAnswers, NotThere, OperationError
from groundwork.operations.own import Own, find_own
from groundwork.operations.status.alarms import alarm_lines
from groundwork.operations.status.cost import PRICE, cost_line
from groundwork.operations.status.domain import Asking, ask_dns, certificate_lines, zone_lines
from groundwork.operations.status.model import Health, Status, StatusLine, StatusSection
from groundwork.operations.status.services import job_lines, service_lines
from groundwork.operations.status.stores import cache_lines, database_lines, queue_lines, search_lines

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Snapshot


def look(
    account: StackAccount,
    snapshot: Snapshot,
    now: datetime.datetime,
    *,
    cost: bool = False,
    asking: Asking = ask_dns,
) -> Status:
    """Return how a stack is. What one question is refused leaves the others; NobodyAnswers where all would be."""
    own = find_own(account, snapshot)
    settings = account.settings
    parts: list[tuple[str, Callable[[], Iterable[StatusLine]]]] = [
        ("data", lambda: database_lines(own, now)),
        ("cache", lambda: cache_lines(own)),
        ("search", lambda: search_lines(own)),
        ("queues", lambda: queue_lines(own)),
        ("alarms", lambda: alarm_lines(own, now)),
        ("certificates", lambda: certificate_lines(own, now)),
        ("domain", lambda: zone_lines(own, asking)),
    ]
    if settings.jobs and settings.compute:
        parts.insert(0, ("jobs", lambda: job_lines(account, runner_of(account).job_states(), now)))
    if settings.services and settings.compute:
        parts.insert(0, ("services", lambda: service_lines(own, runner_of(account), now)))
    sections = [_section(own, title, lines) for title, lines in parts]
    if cost:
        sections.append(_section(own, "cost", lambda: [cost_line(account, now)], note=PRICE))
    return Status(account.stack_name, account.place, now, tuple(one for one in sections if one.lines))


def _section(own: Own, title: str, lines: Callable[[], Iterable[StatusLine]], note: str | None = None) -> StatusSection:
    try:
        return StatusSection(title, tuple(lines()), note)
    except NobodyAnswers:
        raise
    except NotThere as error:
        up = f"pulumi up --stack {own.account.stack.name}"
        return StatusSection(title, (StatusLine(title, Health.MISSING, "not there", why=(str(error),), next=up),), note)
    except OperationError as error:
        what = f"groundwork status {own.account.stack_name}, when that is put right"
        return StatusSection(
            title, (StatusLine(title, Health.UNKNOWN, "cannot be asked", why=(str(error),), next=what),), note
        )
