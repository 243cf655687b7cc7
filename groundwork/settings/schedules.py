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
    """Tell why the six fields inside ``cron(…)`` are no schedule, and what was meant where that is plain; None where they are one."""
    problem = _problem_with_fields(fields)
    if problem is None:
        return None
    if fields.startswith(("cron(", "rate(", "at(")):
        problem = "is a whole schedule, and only the six fields of a cron expression belong here"
    meant = eventbridge_cron(fields) or _with_question_mark(fields)
    return f'{problem}; did you mean "{meant}"?' if meant else problem


def _problem_with_fields(fields: str) -> str | None:
    given = fields.split(" ")
    if len(given) != len(_FIELDS):
        said = f"{len(given)} cron field{'' if len(given) == 1 else 's'}"
        return f"has {said}; it needs 6: {', '.join(field.name for field in _FIELDS)}"
    for field, text in zip(_FIELDS, given, strict=True):
        if not all(field.takes(item) for item in text.split(",")):
            named = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
            return (
                f'has "{text}" as {field.name}; it takes {field.least}-{field.most}{named}, *, ranges, lists and steps'
            )
    if [given[_FIELDS.index(_DAY_OF_MONTH)], given[_FIELDS.index(_DAY_OF_WEEK)]].count("?") != 1:
        return 'needs "?" as exactly one of day of month and day of week, such as "0 2 * * ? *"'
    return None


def _with_question_mark(fields: str) -> str | None:
    """Return six fields with a question mark in place of a star where one is missing; None where that does not make a schedule of them."""
    given = fields.split(" ")
    for place in (_FIELDS.index(_DAY_OF_WEEK), _FIELDS.index(_DAY_OF_MONTH)):
        if len(given) == len(_FIELDS) and given[place] == "*":
            meant = " ".join([*given[:place], "?", *given[place + 1 :]])
            return meant if _problem_with_fields(meant) is None else None
    return None


_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def eventbridge_cron(text: str) -> str | None:
    """Return a schedule as cron, Render or Copilot write it in EventBridge's six fields; None where they cannot say it.

    Cron counts weekdays from 0, EventBridge from 1, and cron runs on either day where day of month and weekday are both said, which
    EventBridge refuses. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    said = text.strip()
    if match := re.fullmatch(r"cron\((.*)\)", said):
        return match[1] if _problem_with_fields(match[1]) is None else None
    said = _every(said) or _WORDS.get(said, said)
    fields = said.upper().split()
    if len(fields) != 5:
        return None
    minute, hour, day, month, weekday = fields
    if day not in ("*", "?") and weekday not in ("*", "?"):
        return None
    if weekday in ("*", "?"):
        weekday = "?"
        day = "*" if day == "?" else day
    else:
        day, weekday = "?", re.sub(r"(?<![/#\d])[0-7](?!\d)", lambda number: str(int(number[0]) % 7 + 1), weekday)
        if _wraps(weekday):
            return None
    result = f"{minute} {hour} {day} {month} {weekday} *"
    return result if _problem_with_fields(result) is None else None


def _wraps(weekday: str) -> bool:
    """Tell whether a range of days ends before it starts, as 5-7 does once Sunday is 1."""
    return any(int(match[1]) > int(match[2]) for match in re.finditer(r"(\d)-(\d)", weekday))


def _every(text: str) -> str | None:
    """Return cron for ``rate(15 minutes)`` or ``@every 2h``, where it divides an hour or a day."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", text) or re.fullmatch(r"(?:@every )?(\d+)(m|h|d)", text)
    if not match:
        return None
    count, unit = int(match[1]), match[2][0]
    if unit == "m" and count and 60 % count == 0:
        return "0 * * * *" if count == 60 else f"*/{count} * * * *" if count > 1 else "* * * * *"
    if unit == "m" and count and count % 60 == 0:
        count, unit = count // 60, "h"
    if unit == "h" and count and 24 % count == 0:
        return "0 0 * * *" if count == 24 else f"0 */{count} * * *" if count > 1 else "0 * * * *"
    return "0 0 * * *" if unit == "d" and count == 1 else None


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
