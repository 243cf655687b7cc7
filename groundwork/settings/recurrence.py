"""EventBridge's cron in the older notation of EC2 Auto Scaling and Kubernetes, and as systemd's calendar.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
https://www.freedesktop.org/software/systemd/man/latest/systemd.time.html#Calendar%20Events
"""

from __future__ import annotations

import re

_LAST = (59, 23, 31, 12, 6)
"""Highest value of each field; weekdays count from 0 here and from 1 at EventBridge."""

_WEEKDAY = 4


def recurrence(cron: str) -> str | None:
    """Return the five fields for EventBridge's six; None where they cannot say it (a year, the last day, the second
    Friday …)."""
    *fields, year = cron.upper().split(" ")
    if year != "*" or len(fields) != len(_LAST):
        return None
    converted = [_field(text, place) for place, text in enumerate(fields)]
    return None if None in converted else " ".join(filter(None, converted))


def _field(text: str, place: int) -> str | None:
    if text == "?":
        return "*"
    items = [_item(item, place) for item in text.split(",")]
    return None if None in items else ",".join(filter(None, items))


def _item(item: str, place: int) -> str | None:
    base, slash, step = item.partition("/")
    if not re.fullmatch(r"\*|(\d+|[A-Z]{3})(-(\d+|[A-Z]{3}))?", base):
        return None
    if place == _WEEKDAY:
        base = re.sub(r"\d+", lambda number: str(int(number[0]) - 1), base)
    if not slash:
        return base
    # "10/15" is every 15 from 10 on; the older notation steps through a range.
    span = base if base == "*" or "-" in base else f"{base}-{_LAST[place]}"
    return f"{span}/{step}"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def calendar(cron: str, timezone: str) -> str | None:
    """Return systemd's calendar for EventBridge's six fields in a time zone; None where the older notation cannot say it."""
    known = recurrence(cron)
    if known is None:
        return None
    minute, hour, day, month, weekday = known.split(" ")
    days = "" if weekday == "*" else f"{','.join(_weekdays(weekday))} "
    date = f"*-{_in_systemd(month, 1)}-{_in_systemd(day, 1)}"
    return f"{days}{date} {_in_systemd(hour, 0)}:{_in_systemd(minute, 0)}:00 {timezone}"


def _in_systemd(field: str, least: int) -> str:
    items = []
    for item in field.split(","):
        span, slash, step = item.partition("/")
        start = str(least) if slash and span == "*" else span
        numbers = re.sub("[A-Z]{3}", lambda name: str(_MONTHS.index(name[0]) + 1), start).replace("-", "..")
        items.append(f"{numbers}{slash}{step}")
    return ",".join(items)


def _weekdays(field: str) -> list[str]:
    """List the days of a field by name: systemd's own ranges of days take no steps."""
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = ("0-6" if span == "*" else span).partition("-")
        start, end = (_DAYS.index(text) if text in _DAYS else int(text) for text in (first, last or first))
        found.update(number % 7 for number in range(start, end + (7 if end < start else 0) + 1, int(step or 1)))
    return [_DAYS[number].capitalize() for number in sorted(found)]
