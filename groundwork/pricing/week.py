"""How much of a week each of several states holds that schedules bring about, such as fewer copies at night.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html (six fields, weekdays from SUN or 1) and
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html (five fields, weekdays from SUN or 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

_DAY = 24 * 60
WEEK = 7 * _DAY
"""Minutes."""
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_EVERY = ("*", "?")

State = TypeVar("State")


def passed(changes: Iterable[tuple[str, State]]) -> list[tuple[int, State]] | None:
    """Return how many minutes of a week each state holds, from cron expressions and the state that each brings about.

    None where an expression does not come again every week, or where there is none.
    """
    at: dict[int, State] = {}
    for expression, state in changes:
        minutes = firings(expression)
        if minutes is None:
            return None
        at.update(dict.fromkeys(minutes, state))
    if not at:
        return None
    # The last state of the week holds until the first change of the next one.
    times = sorted(at)
    return [(end - start, at[start]) for start, end in pairwise([*times, times[0] + WEEK])]


def firings(expression: str) -> list[int] | None:
    """Return the minutes of a week, from Sunday 0:00 on, at which a cron expression holds; None where it does not come
    again every week."""
    inside = re.fullmatch(r"cron\((.*)\)", expression)
    fields = (inside[1] if inside else expression).upper().split()
    if len(fields) != (6 if inside else 5):
        return None
    minute, hour, day, month, weekday, *year = fields
    if any(text not in _EVERY for text in (day, month, *year)):
        return None
    # EventBridge counts weekdays from 1, EC2 Auto Scaling from 0 and has Sunday as 7 too.
    first = 1 if inside else 0
    numbered = re.sub("|".join(_WEEKDAYS), lambda name: str(_WEEKDAYS.index(name[0]) + first), weekday)
    parts = [_values(minute, 0, 59), _values(hour, 0, 23), _values(numbered, first, 7)]
    minutes, hours, days = (part or [] for part in parts)
    if None in parts:
        return None
    return sorted({(one - first) % 7 * _DAY + at * 60 + past for one in days for at in hours for past in minutes})


def _values(text: str, least: int, most: int) -> list[int] | None:
    found: list[int] = []
    for item in text.split(","):
        match = re.fullmatch(r"(\*|\?|(\d+)(?:-(\d+))?)(?:/(\d+))?", item)
        if not match or match[4] == "0":
            return None
        whole, first, last, step = match.groups()
        start = least if whole in _EVERY else int(first)
        end = most if whole in _EVERY or (step and not last) else int(last or first)
        if not least <= start <= most or not least <= end <= most:
            return None
        # "FRI-MON" goes over the end of the week.
        span = range(start, end + 1) if start <= end else [*range(start, most + 1), *range(least, end + 1)]
        found += list(span)[:: int(step or 1)]
    return found
