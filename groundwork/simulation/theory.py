"""Queues by theory, where it is exact or near it."""

from __future__ import annotations

import math
from dataclasses import dataclass


def erlang_c(servers: int, load: float) -> float:
    """Return the part of requests that wait in M/M/c at a load below 1 of each server (A. K. Erlang, 1917)."""
    offered = servers * load
    blocked = 1.0
    for count in range(1, servers + 1):
        # Erlang B by its recursion, which does not overflow.
        blocked = offered * blocked / (count + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


@dataclass(frozen=True)
class Stationary:
    """A queue that has long had the same load: Allen and Cunneen's approximation of G/G/c, which is exact for M/M/c and M/G/1, with
    Kraemer and Langenbach-Belz's correction.

    A. O. Allen: Probability, Statistics, and Queueing Theory, 2nd edition, 1990, section 6.3.
    """

    servers: int
    mean: float
    """Seconds of work of a request."""
    arriving: float = 1.0
    """Squared coefficient of variation of the times between arrivals: 1 where they come by chance, less where a load balancer deals them out."""
    working: float = 1.0
    """The same of the work."""

    def waits(self, load: float) -> float:
        """Return the mean seconds that a request waits."""
        if load <= 0 or self.mean <= 0:
            return 0.0
        spread = self.arriving + self.working
        if not spread:
            return 0.0
        # Where arrivals are more even than by chance (W. Kraemer, M. Langenbach-Belz, 8th International Teletraffic Congress, 1976).
        even = max(1 - self.arriving, 0)
        evenly = math.exp(-2 * (1 - load) * even**2 / (3 * load * spread))
        return erlang_c(self.servers, load) * self.mean / (self.servers * (1 - load)) * spread / 2 * evenly

    def inside(self, load: float) -> float:
        """Return how many are in the queue or served, by Little's law."""
        return self.servers * load * (1 + self.waits(load) / self.mean) if self.mean > 0 else 0.0

    def waited(self, load: float, part: float) -> float:
        """Return the seconds that a part of the requests, such as 0.95, wait at most: of those that wait at all the times are
        exponential, as they are in M/M/c."""
        waiting = erlang_c(self.servers, load) if 0 < load < 1 else 0.0
        return self.waits(load) / waiting * math.log(waiting / (1 - part)) if waiting > 1 - part else 0.0
