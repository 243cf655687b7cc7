"""Queues: served request by request, compiled; and as a fluid.

A queue is first come, first served: ``copies`` that are given requests in turn, as a load balancer does, with ``servers`` each.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from groundwork.simulation.theory import Stationary

Numbers = NDArray[np.float64]

NEVER = math.inf
"""When a request ends that was given up."""


def _occupy(row: Numbers, end: float) -> None:
    """Have the server that is free first be free at ``end``: in a heap, whose first place it has."""
    servers = row.shape[0]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= servers:
            break
        if child + 1 < servers and row[child + 1] < row[child]:
            child += 1
        if row[child] >= end:
            break
        row[at] = row[child]
        at = child
    row[at] = end


def _serve(  # noqa: PLR0917 - compiled code takes no names
    arrived: Numbers,
    work: Numbers,
    free: Numbers,
    turn: int,
    patience: float,
    horizon: float,
    ended: Numbers,
) -> tuple[int, int, float]:
    """Serve requests in the order of their arrival, and write when each has ended.

    ``free`` says of each server of each copy when it is free, each row a heap, and is kept up to date; ``turn`` is the copy whose turn it is.
    A request that would wait longer than ``patience`` is given up. Stops before the first that could not begin before ``horizon``.
    Returns whose turn it is then, how many requests were looked at, and the work that was done. Times are in seconds.
    """
    copies = free.shape[0]
    worked = 0.0
    for index in range(arrived.shape[0]):
        row = free[turn]
        start = max(arrived[index], row[0])
        if start >= horizon:
            return turn, index, worked
        turn += 1
        if turn == copies:
            turn = 0
        if start - arrived[index] > patience:
            ended[index] = np.inf
            continue
        worked += work[index]
        ended[index] = start + work[index]
        occupy(row, ended[index])
    return turn, arrived.shape[0], worked


def _answer(  # noqa: PLR0917 - compiled code takes no names
    requests: Numbers, order: NDArray[np.int64], row: Numbers, patience: float, horizon: float, took: Numbers
) -> tuple[int, float]:
    """Serve requests of several services from one queue, and write how long each took since it was born; -1 where it was given up.

    ``requests`` has a row for each: when it is ready, when it was born, its work, its service. Else as :func:`_serve`.
    """
    worked = 0.0
    for number in range(order.shape[0]):
        index = order[number]
        ready = requests[index, 0]
        start = max(ready, row[0])
        if start >= horizon:
            return number, worked
        if start - ready > patience:
            took[number] = -1.0
            continue
        worked += requests[index, 2]
        end = start + requests[index, 2]
        took[number] = end - requests[index, 1]
        occupy(row, end)
    return order.shape[0], worked


def _in_order(times: Numbers, begins: float, ends: float) -> NDArray[np.int64]:
    """Return the order of those times that are before the end, and then the others as they come: into as many buckets as there are times, then
    by insertion. Times of a minute are nearly even, so that this takes a time in proportion to their number."""
    count = times.shape[0]
    heads = np.zeros(count + 2, np.int64)
    scale = count / (ends - begins)
    # The last bucket holds what is later.
    for index in range(count):
        heads[min(max(int((times[index] - begins) * scale), 0), count) + 1] += 1
    late = heads[count + 1]
    for index in range(count + 1):
        heads[index + 1] += heads[index]
    order = np.empty(count, np.int64)
    for index in range(count):
        bucket = min(max(int((times[index] - begins) * scale), 0), count)
        order[heads[bucket]] = index
        heads[bucket] += 1
    for index in range(1, count - late):
        moved = order[index]
        time = times[moved]
        at = index
        while at > 0 and times[order[at - 1]] > time:
            order[at] = order[at - 1]
            at -= 1
        order[at] = moved
    return order


def _tally(bits: NDArray[np.int64], shift: int, first: int, counts: Numbers) -> None:
    """Count each number in the bucket of its leading bits, or in the nearest that there is."""
    last = counts.shape[0] - 1
    for index in range(bits.shape[0]):
        counts[min(max((bits[index] >> shift) - first, 0), last)] += 1


def _advance(  # noqa: PLR0917 - compiled code takes no names
    inside: float, rate: float, capacity: float, most: float, seconds: float, loads: Numbers, lengths: Numbers
) -> tuple[float, float]:
    """Return how many are in a fluid queue after some seconds, and how many were given up because ``most`` were in it.

    The pointwise stationary fluid flow approximation: what leaves is what would leave if the queue had long had its length, so that the
    length grows by ``rate - capacity * load(length)`` (W. P. Wang, D. Tipper, S. Banerjee: A simple approximation for modeling nonstationary
    queues, IEEE INFOCOM 1996). A step is implicit, so that it may be longer than the queue's memory.
    """
    low, high = 0.0, inside + rate * seconds
    for _ in range(60):
        middle = (low + high) / 2
        leaving = capacity * np.interp(middle, lengths, loads)
        if middle < inside + seconds * (rate - leaving):
            low = middle
        else:
            high = middle
    after = (low + high) / 2
    return min(after, most), max(after - most, 0.0)


# ``nogil`` lets two queues run side by side; the compiled code is kept beside this file, or in the user's cache.
occupy: Any = numba.njit(cache=True, nogil=True, inline="always")(_occupy)
serve: Any = numba.njit(cache=True, nogil=True)(_serve)
answer: Any = numba.njit(cache=True, nogil=True)(_answer)
in_order: Any = numba.njit(cache=True, nogil=True)(_in_order)
tally: Any = numba.njit(cache=True, nogil=True)(_tally)
advance: Any = numba.njit(cache=True, nogil=True)(_advance)


_GRID = 400


@lru_cache(maxsize=4096)
def lengths(servers: int, arriving: float, working: float) -> tuple[Numbers, Numbers]:
    """Return loads from 0 to nearly 1 and how many are in a queue at each; the variations are those of :class:`Stationary`."""
    loads = 1 - np.geomspace(1, 1e-5, _GRID)
    queue = Stationary(servers, 1.0, arriving, working)
    return loads, np.array([queue.inside(float(load)) for load in loads])
