"""EventBridge's cron in the older notation of EC2 Auto Scaling.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
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
