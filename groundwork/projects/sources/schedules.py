"""Schedules as cron, Render and Copilot write them, as EventBridge takes them."""

from __future__ import annotations

import re

from groundwork.settings.schedules import problem_with_cron

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
    """Return six fields as EventBridge has them; None where they cannot say it.

    Cron counts weekdays from 0, EventBridge from 1, and cron runs on either day where day of month and weekday are both said, which
    EventBridge refuses. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    said = text.strip()
    if match := re.fullmatch(r"cron\((.*)\)", said):
        return match[1] if problem_with_cron(match[1]) is None else None
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
    return result if problem_with_cron(result) is None else None


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
