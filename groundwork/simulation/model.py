"""What both ways of simulating a minute have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from groundwork.simulation.latencies import Latencies


@dataclass(frozen=True)
class Load:
    """What a minute asks of a service."""

    rate: float
    """Requests or messages a second."""
    copies: int
    missing: float
    """Part of the requests that go to copies which are gone, until the load balancer notices."""


@dataclass(frozen=True)
class ServedMinute:
    """What became of a service's minute."""

    arrived: float
    lost: float
    """Given up, or sent to a copy that was gone."""
    utilization: float
    """Percent of the CPU of all copies."""
    waiting: float
    """Requests or messages that wait when the minute is over."""
    latencies: Latencies
    """Of those that were done in it."""


@dataclass(frozen=True)
class DatabaseLoad:
    """What stands between a minute and the database."""

    slow: float
    """How many times as long a statement takes."""
    down: float
    """Seconds of the minute, from its beginning, in which it does not answer."""


class DayModel(Protocol):
    """A way to simulate a stack, minute by minute."""

    def minute(self, number: int, loads: Mapping[str, Load], database: DatabaseLoad) -> Mapping[str, ServedMinute]:
        """Simulate a minute of the day."""

    @property
    def database_utilization(self) -> float:
        """Return the percent of the CPU of the busiest database in the last minute; 0 without one."""
