"""Look at a stack: ask the account about what the stack builds, and nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from groundwork.operations.account import StackAccount
from groundwork.operations.engines.runner import runner_of
from groundwork.operations.errors import NotFoundError, OperationError, UnreachableError
from groundwork.operations.resources import StackResources, find_resources
from groundwork.operations.status.alarms import alarm_lines
from groundwork.operations.status.cost import PRICE, cost_line
from groundwork.operations.status.domain import Asking, ask_dns, certificate_lines, zone_lines
from groundwork.operations.status.model import Health, Status, StatusLine, StatusSection
from groundwork.operations.status.services import job_lines, service_lines
from groundwork.operations.status.stores import cache_lines, database_lines, queue_lines, search_lines

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Snapshot


def read_status(
    account: StackAccount,
    snapshot: Snapshot,
    now: datetime.datetime,
    *,
    cost: bool = False,
    asking: Asking = ask_dns,
) -> Status:
    """Return how a stack is. What one question is refused leaves the others; UnreachableError where all would be."""
    resources = find_resources(account, snapshot)
    settings = account.settings
    parts: list[tuple[str, Callable[[], Iterable[StatusLine]]]] = [
        ("data", lambda: database_lines(resources, now)),
        ("cache", lambda: cache_lines(resources)),
        ("search", lambda: search_lines(resources)),
        ("queues", lambda: queue_lines(resources)),
        ("alarms", lambda: alarm_lines(resources, now)),
        ("certificates", lambda: certificate_lines(resources, now)),
        ("domain", lambda: zone_lines(resources, asking)),
    ]
    if settings.jobs and settings.compute:
        parts.insert(0, ("jobs", lambda: job_lines(account, runner_of(account).job_states(), now)))
    if settings.services and settings.compute:
        parts.insert(0, ("services", lambda: service_lines(resources, runner_of(account), now)))
    sections = [_section(resources, title, lines) for title, lines in parts]
    if cost:
        sections.append(_section(resources, "cost", lambda: [cost_line(account, now)], note=PRICE))
    return Status(account.stack_name, account.place, now, tuple(one for one in sections if one.lines))


def _section(
    resources: StackResources, title: str, lines: Callable[[], Iterable[StatusLine]], note: str | None = None
) -> StatusSection:
    try:
        return StatusSection(title, tuple(lines()), note)
    except UnreachableError:
        raise
    except NotFoundError as error:
        up = f"pulumi up --stack {resources.account.stack.name}"
        return StatusSection(title, (StatusLine(title, Health.MISSING, "not there", why=(str(error),), next=up),), note)
    except OperationError as error:
        what = f"groundwork status {resources.account.stack_name}, when that is put right"
        return StatusSection(
            title, (StatusLine(title, Health.UNKNOWN, "cannot be asked", why=(str(error),), next=what),), note
        )
