"""Log lines of services, interleaved by time."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.engines.app_runner import AppRunnerOperations
from groundwork.operations.errors import OperationError, UnknownNameError
from groundwork.operations.progress import Progress

_SECONDS_BETWEEN = 2
_LATE = 10_000
"""Milliseconds by which a line may arrive after a younger one; a follower looks back as far."""
_QUOTING = {'"', "\\"}
"""What a filter pattern takes for itself: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}


@dataclass(frozen=True)
class LogLine:
    """A line that a service wrote."""

    service: str
    at: datetime.datetime
    text: str
    id: str


def since(text: str, now: datetime.datetime, *, option: str = "--since") -> datetime.datetime:
    """Return the time that ``10m``, ``2h``, ``3d`` or an ISO 8601 time means. OperationError for anything else, and for the future."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    try:
        found = (
            now - datetime.timedelta(seconds=int(match[1]) * _UNITS[match[2]])
            if match
            else datetime.datetime.fromisoformat(text)
        )
    except ValueError:
        raise UnknownNameError(
            f'{option}: "{text}" is no time; write 90s, 10m, 2h, 3d, or 2026-11-27T14:00 (UTC, unless it says otherwise)'
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
    if found > now:
        raise UnknownNameError(f"{option}: {text} is in the future")
    return found


def groups(account: StackAccount, services: Sequence[str]) -> dict[str, str]:
    """Map services and jobs to their log groups. App Runner names its own: https://docs.aws.amazon.com/apprunner/latest/dg/monitor-cwl.html"""
    compute = account.settings.compute
    if compute is not None and compute.engine == "app-runner":
        running = AppRunnerOperations(account)
        found = {name: running.service(name) for name in services}
        return {
            name: f"/aws/apprunner/{one['ServiceName']}/{one['ServiceId']}/application" for name, one in found.items()
        }
    return {name: f"{account.prefix}/services/{name}" for name in services}


def lines(
    account: StackAccount,
    services: Sequence[str],
    began: datetime.datetime,
    *,
    containing: str | None = None,
    ended: datetime.datetime | None = None,
) -> list[LogLine]:
    """Return the lines of services since a time, oldest first."""
    logs = account.client("logs")
    found: list[LogLine] = []
    for service, group in groups(account, services).items():
        wanted: dict[str, Any] = {"logGroupName": group, "startTime": _milliseconds(began)}
        if containing and not set(containing) & _QUOTING:
            # Fewer lines to fetch; which of them have the text, letter for letter, is decided below.
            wanted["filterPattern"] = f'"{containing}"'
        if ended:
            wanted["endTime"] = _milliseconds(ended)
        with plain_errors(f"reading the logs of {service}"):
            try:
                for page in logs.get_paginator("filter_log_events").paginate(**wanted):
                    found += [
                        _line(service, event) for event in page["events"] if (containing or "") in event["message"]
                    ]
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise OperationError(
                        f"there is no log group {group} in {account.place}; run pulumi up first, or choose other credentials"
                    ) from None
                raise
    return sorted(found, key=lambda line: (line.at, line.service))


def follow(
    account: StackAccount,
    services: Sequence[str],
    began: datetime.datetime,
    progress: Progress,
    *,
    containing: str | None = None,
) -> Iterator[LogLine]:
    """Yield lines as they arrive, each once, without end."""
    seen: dict[str, datetime.datetime] = {}
    while True:
        for line in lines(account, services, began, containing=containing):
            if line.id not in seen:
                seen[line.id] = line.at
                yield line
        if seen:
            began = max(began, max(seen.values()) - datetime.timedelta(milliseconds=_LATE))
            seen = {id_: at for id_, at in seen.items() if at >= began}
        progress.sleep(_SECONDS_BETWEEN)


def _line(service: str, event: Mapping[str, Any]) -> LogLine:
    at = datetime.datetime.fromtimestamp(event["timestamp"] / 1000, datetime.UTC)
    return LogLine(service, at, str(event["message"]).rstrip("\n"), str(event["eventId"]))


def _milliseconds(time: datetime.datetime) -> int:
    return int(time.timestamp() * 1000)
