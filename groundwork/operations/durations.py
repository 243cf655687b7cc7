"""Spans of time in words."""

from __future__ import annotations

import datetime

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def exactly(seconds: float) -> str:
    """Return a duration in two units: ``4 min 10 s``, ``3 h 5 min``; beyond two days in one, ``12 d``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min" if whole < 172_800 else f"{whole // 86_400} d"


def lasting(then: datetime.datetime, now: datetime.datetime) -> str:
    """Return how long it has been since a time, in one unit: ``3 min``."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in _UNITS:
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def in_one_unit(span: datetime.timedelta) -> str:
    """Return a span that somebody chose: ``5 min``; ``nothing`` for none."""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return "nothing"
    for unit, size in _UNITS:
        if seconds >= size and (seconds % size == 0 or seconds >= 2 * size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def after(seconds: float) -> str:
    """Return what follows on what is not so yet: ``after 20 minutes``."""
    minutes = int(seconds / 60)
    return f"after {minutes} minute{'' if minutes == 1 else 's'}"
