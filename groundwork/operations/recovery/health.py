"""Whether what was lost is well again: the end of every recovery."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping

from groundwork.operations.durations import after
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.recovery.model import Incident, RecoveryStep
from groundwork.operations.status.model import Health, StatusLine
from groundwork.operations.status.services import service_lines
from groundwork.operations.status.stores import database_lines

_SECONDS_BETWEEN = 15


def _services(incident: Incident, now: datetime.datetime) -> Iterable[StatusLine]:
    return service_lines(incident.resources, incident.runner, now) if incident.account.settings.services else ()


_LINES: Mapping[str, Callable[[Incident, datetime.datetime], Iterable[StatusLine]]] = {
    "services": _services,
    "database": lambda incident, now: database_lines(incident.resources, now),
}


def health_step(incident: Incident, *parts: str) -> RecoveryStep:
    """Return the step that waits until ``services`` or ``database`` are well, as ``groundwork status`` judges them."""
    account = incident.account

    def act(progress: Progress) -> str:
        def look() -> str | Pending:
            now = datetime.datetime.now(datetime.UTC)
            lines = [line for part in parts for line in _LINES[part](incident, now)]
            open_ones = [line for line in lines if not line.health.is_fine or line.health is Health.CHANGING]
            if not open_ones:
                return f"{len(lines)} of {len(lines)} are well"
            first = open_ones[0]
            return Pending(
                f"{first.name}: {first.says}",
                f"{first.name} is not well {after(incident.seconds)}: {'; '.join(first.why) or first.says}; look: groundwork status "
                f"{account.stack_name}",
            )

        return progress.wait_for(look, seconds=incident.seconds, every=_SECONDS_BETWEEN)

    return RecoveryStep(
        f"See that {' and '.join(f'the {one}' for one in parts)} {'are' if parts != ('database',) else 'is'} well",
        f"groundwork status {account.stack_name}",
        act,
    )
