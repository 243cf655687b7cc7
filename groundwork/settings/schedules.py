"""Schedule expressions as EventBridge Scheduler reads them.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NUMBER = re.compile("[0-9]{1,4}")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class _Field:
    """One of the six fields of a cron expression. ``special`` matches what only this field knows."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    special: str = ""

    def number(self, text: str) -> int | None:
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.least
        return int(text) if _NUMBER.fullmatch(text) and self.least <= int(text) <= self.most else None

    def takes(self, item: str) -> bool:
        """Tell whether one item of a comma-separated list has a meaning here."""
        if self.special and re.fullmatch(self.special, item.upper()):
            return True
        base, slash, step = item.partition("/")
        if slash and not (_NUMBER.fullmatch(step) and int(step) > 0):
            return False
        return base == "*" or all(self.number(end) is not None for end in base.split("-", 1))


_DAY_OF_MONTH = _Field("day of month", 1, 31, special=r"\?|L|LW|([1-9]|[12]\d|3[01])W")
_DAY_OF_WEEK = _Field("day of week", 1, 7, _WEEKDAYS, rf"\?|L|([1-7]|{'|'.join(_WEEKDAYS)})(L|#[1-5])")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _DAY_OF_MONTH,
    _Field("month", 1, 12, _MONTHS),
    _DAY_OF_WEEK,
    _Field("year", 1970, 2199),
)


def problem_with(expression: str) -> str | None:
    """Tell why an expression is not a schedule; None where it is one."""
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression)
    if not match:
        return 'is not a schedule; write "cron(0 2 * * ? *)", "rate(1 day)" or "at(2027-01-31T08:00:00)"'
    kind, inside = match.groups()
    return {"cron": problem_with_cron, "rate": _problem_with_rate, "at": _problem_with_time}[kind](inside)


def problem_with_cron(fields: str) -> str | None:
    """Tell why the six fields inside ``cron(…)`` are no schedule; None where they are one."""
    meant = cron_meant(fields)
    hint = f'; did you mean "{meant}"?' if meant else ""
    given = fields.split(" ")
    if fields.startswith(("cron(", "rate(", "at(")):
        return f"is a whole schedule, and only the six fields of a cron expression belong here{hint}"
    if len(given) != len(_FIELDS):
        said = f"{len(given)} cron field{'' if len(given) == 1 else 's'}"
        return f"has {said}; it needs 6: {', '.join(field.name for field in _FIELDS)}{hint}"
    for field, text in zip(_FIELDS, given, strict=True):
        if not _is_field(field, text):
            named = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
            return (
                f'has "{text}" as {field.name}; it takes {field.least}-{field.most}{named}, *, ranges, lists and steps'
            )
    if [given[_FIELDS.index(_DAY_OF_MONTH)], given[_FIELDS.index(_DAY_OF_WEEK)]].count("?") != 1:
        return f'needs "?" as exactly one of day of month and day of week, such as "0 2 * * ? *"{hint}'
    return None


_NICKNAMES = {
    "@hourly": "0 * * * ? *",
    "@daily": "0 0 * * ? *",
    "@midnight": "0 0 * * ? *",
    "@weekly": "0 0 ? * SUN *",
    "@monthly": "0 0 1 * ? *",
    "@yearly": "0 0 1 1 ? *",
    "@annually": "0 0 1 1 ? *",
    "rate(1 minute)": "* * * * ? *",
    "rate(1 hour)": "0 * * * ? *",
    "rate(1 day)": "0 0 * * ? *",
}
"""What others call a schedule → its six fields. https://man7.org/linux/man-pages/man5/crontab.5.html"""


def cron_meant(written: str) -> str | None:
    """Return the six fields that were meant by what is none; None where nothing tells.

    It may be crontab's five, one of its words, what EventBridge has around them, or a star in place of one question mark.
    """
    inside = re.fullmatch(r"cron\((.*)\)", written.strip())
    fields = (inside[1] if inside else written).split()
    every = re.fullmatch(r"rate\((\d+) (minute|hour)s\)", written.strip())
    if every:
        fields = (
            [f"*/{every[1]}", "*", "*", "*", "?", "*"]
            if every[2] == "minute"
            else ["0", f"*/{every[1]}", "*", "*", "?", "*"]
        )
    elif len(fields) == len(_FIELDS) and fields[2] == fields[4] == "*":
        fields[4] = "?"
    elif len(fields) == len(_FIELDS) and "?" not in fields and "*" in (fields[2], fields[4]):
        fields[2 if fields[2] == "*" else 4] = "?"
    meant = _NICKNAMES.get(written.strip().lower()) or (
        " ".join(fields) if len(fields) == len(_FIELDS) else _with_six_fields(fields)
    )
    return (
        meant
        if meant and meant != written and all(_is_field(*pair) for pair in zip(_FIELDS, meant.split(" "), strict=True))
        else None
    )


def _is_field(field: _Field, text: str) -> bool:
    return all(field.takes(item) for item in text.split(","))


def _with_six_fields(fields: list[str]) -> str | None:
    """Return what five fields, as crontab has them, are in six; None where they say both a day of the month and a weekday, of which
    crontab takes either."""
    if len(fields) != 5:
        return None
    *clock, day, month, weekday = fields
    if day != "*" and weekday != "*":
        return None
    if weekday == "*":
        return " ".join([*clock, day, month, "?", "*"])
    # Sunday is 0 and 7 there, and 1 here.
    numbered = re.sub(r"(?<![/\d])[0-7]", lambda number: str(int(number[0]) % 7 + 1), weekday)
    return " ".join([*clock, "?", month, numbered, "*"])


def _problem_with_rate(inside: str) -> str | None:
    match = re.fullmatch(r"([1-9][0-9]*) (minute|hour|day)(s?)", inside)
    if not match:
        return 'is not a rate; write a number and minutes, hours or days, such as "rate(12 hours)"'
    number, unit, plural = match.groups()
    if (int(number) == 1) == bool(plural):
        return f'must say "rate({number} {unit}{"" if plural else "s"})"'
    return None


def _problem_with_time(inside: str) -> str | None:
    try:
        time = dt.datetime.fromisoformat(inside)
    except ValueError:
        time = None
    if time is None or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inside):
        return 'is not a time; write "at(2027-01-31T08:00:00)", in the schedule\'s time zone'
    return None
