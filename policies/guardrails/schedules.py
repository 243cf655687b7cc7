"""How long a schedule of AWS may wait between two runs."""

from __future__ import annotations

import re
from itertools import pairwise

_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)", re.IGNORECASE)
_CRON = re.compile(r"cron\(([^)]*)\)", re.IGNORECASE)
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LONGEST_MONTH = 31


def longest_wait(expression: str) -> float | None:
    """Return the most days between two runs of a ``rate`` or ``cron`` expression, counting months as 31 days; None
    where the expression is not understood, or ends in some year."""
    if rate := _RATE.fullmatch(expression.strip()):
        return int(rate[1]) * _MINUTES[rate[2].lower()] / _MINUTES["day"]
    fields = cron[1].split() if (cron := _CRON.fullmatch(expression.strip())) else []
    if len(fields) != 6 or fields[5] != "*":
        return None
    months = _months(fields[3])
    if not months:
        return None
    gap = max(after - before for before, after in pairwise((*months, months[0] + len(_MONTHS))))
    days, weekdays = fields[2], fields[4]
    if gap == 1 and (days, weekdays) in (("*", "?"), ("?", "*"), ("*", "*")):
        return 1
    if gap == 1 and days == "?" and re.fullmatch(r"\w{1,3}(?:[,-]\w{1,3})*", weekdays):
        return 7
    return gap * _LONGEST_MONTH


def _months(field: str) -> list[int]:
    """Return the months of a field in order, from 1; none where it is not understood."""
    found: set[int] = set()
    for part in field.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = 1 if first in ("*", "?") else _month(first)
        end = len(_MONTHS) if first in ("*", "?") or (step and not last) else _month(last or first)
        if start is None or end is None or (step and not step.isdecimal()) or step == "0":
            return []
        found |= set(range(start, end + 1, int(step or 1)))
    return sorted(found)


def _month(word: str) -> int | None:
    number = _MONTHS.index(word) + 1 if word in _MONTHS else int(word) if word.isdecimal() else 0
    return number if 1 <= number <= len(_MONTHS) else None
