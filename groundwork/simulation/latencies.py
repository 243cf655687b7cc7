"""How long requests took, counted in buckets each of which is 1.6 % longer than the one before, so that any number of them needs little room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from groundwork.simulation.queues import Numbers, tally

_SHIFT = 46
"""Bits of a float that do not count: what is left is its exponent and 6 bits of its fraction, 64 buckets for each doubling."""
_SHORTEST, _LONGEST = 1e-6, 1e5
"""Seconds."""


def _bucket(seconds: Numbers) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.clip(seconds, _SHORTEST, _LONGEST).view(np.int64) >> _SHIFT
    return found


_FIRST = int(_bucket(np.array([_SHORTEST]))[0])
_BUCKETS = int(_bucket(np.array([_LONGEST]))[0]) - _FIRST + 1
_MIDDLES: Numbers = (((np.arange(_BUCKETS) + _FIRST) << _SHIFT) + (1 << (_SHIFT - 1))).view(np.float64)


class Latencies:
    """Counts of requests by how long they took."""

    def __init__(self) -> None:
        self.counts: Numbers = np.zeros(_BUCKETS)
        self.seconds = 0.0
        """Of all of them together."""

    def add(self, seconds: Numbers, each: Numbers | None = None) -> None:
        """Count requests; ``each`` says how many one of them stands for."""
        if each is None:
            self.seconds += float(seconds.sum())
            tally(np.ascontiguousarray(seconds).view(np.int64), _SHIFT, _FIRST, self.counts)
        else:
            self.seconds += float(seconds @ each)
            self.counts += np.bincount(_bucket(seconds) - _FIRST, each, minlength=_BUCKETS)

    def __iadd__(self, other: Latencies) -> Latencies:
        self.counts += other.counts
        self.seconds += other.seconds
        return self

    @property
    def count(self) -> float:
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """Return the mean in seconds; 0 of none."""
        return self.seconds / self.count if self.count else 0.0

    def quantiles(self, parts: Sequence[float]) -> list[float]:
        """Return in how many seconds each part of them was done, to 0.8 %; 0 where there were none."""
        if not self.count:
            return [0.0] * len(parts)
        reached = np.cumsum(self.counts)
        places = np.searchsorted(reached, np.array(parts) * reached[-1])
        return [float(one) for one in _MIDDLES[np.minimum(places, _BUCKETS - 1)]]
