"""When a platform that nobody uses at night runs."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.base import WEEKDAYS, Model

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_DAY = 24 * 60
LEAST_OPEN = 120
"""Minutes. A database takes some to start, and longer after a change of its class."""


def _clock(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise PydanticCustomError("clock", 'is not a time of day; write it as "08:00", in the platform\'s time zone')
    return value


Clock = Annotated[str, AfterValidator(_clock)]
"""``HH:MM`` in the platform's time zone."""


def _spelled_out(value: Any) -> Any:
    """Replace a range such as ``mon-fri`` by the days it means; ``fri-mon`` goes over the weekend."""
    if not isinstance(value, str):
        return value
    first, dash, last = value.partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        raise PydanticCustomError("days", 'are not days of the week; write "mon-fri", or a list such as [mon, wed]')
    start = WEEKDAYS.index(first)
    count = (WEEKDAYS.index(last) - start) % 7 + 1 if dash else 1
    return [WEEKDAYS[(start + number) % 7] for number in range(count)]


def _in_order(days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    if len(set(days)) < len(days):
        raise PydanticCustomError("days", "name a day twice")
    return tuple(sorted(days, key=WEEKDAYS.index))


Days = Annotated[
    tuple[Weekday, ...],
    Field(min_length=1),
    BeforeValidator(_spelled_out, json_schema_input_type=str | list[Weekday]),
    AfterValidator(_in_order),
]


@dataclass(frozen=True)
class Spell:
    """A time that the platform stands still, after each of ``days``."""

    days: tuple[Weekday, ...]
    minutes: int


class HoursSettings(Model):
    """The hours at which services, instances and database run; they are stopped at all others, so all weekend with
    ``days: mon-fri``. For the stages dev and staging."""

    start: Clock = "08:00"
    stop: Clock = "18:00"
    """Later on the same day."""
    days: Days = ("mon", "tue", "wed", "thu", "fri")
    """``mon-fri``, one day, or a list such as ``[mon, wed, fri]``."""

    @property
    def start_minute(self) -> int:
        return _minute(self.start)

    @property
    def stop_minute(self) -> int:
        return _minute(self.stop)

    def spells(self) -> tuple[Spell, ...]:
        """Return the times between one stop and the next start, together with the days on which they begin: nights, and
        the longer one over the weekend."""
        by_length: dict[int, list[Weekday]] = {}
        for day, following in zip(self.days, (*self.days[1:], self.days[0]), strict=True):
            nights = (WEEKDAYS.index(following) - WEEKDAYS.index(day)) % 7 or 7
            by_length.setdefault(nights * _DAY + self.start_minute - self.stop_minute, []).append(day)
        return tuple(Spell(tuple(days), minutes) for minutes, days in by_length.items())

    @model_validator(mode="after")
    def _long_enough(self) -> HoursSettings:
        if self.stop_minute - self.start_minute < LEAST_OPEN:
            raise PydanticCustomError(
                "hours",
                "stop ({stop}) must be at least two hours after start ({start}), on the same day",
                {"stop": self.stop, "start": self.start},
            )
        return self


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def days_of_week(days: Sequence[str]) -> str:
    """Return days as every kind of cron takes them, by name: ``MON-FRI``, ``MON,WED``, ``*``. No range has Sunday in
    it, which is the first day to some and the last to others."""
    if len(days) == 7:
        return "*"
    places = [WEEKDAYS.index(day) for day in days]
    if len(days) > 2 and places == list(range(places[0], places[0] + len(days))) and "sun" not in days:
        return f"{days[0]}-{days[-1]}".upper()
    return ",".join(days).upper()


def duration(minutes: int) -> str:
    """Return minutes as ISO 8601 has them: 840 → ``PT14H``, 3720 → ``P2DT14H``."""
    days, rest = divmod(minutes, _DAY)
    clock = "".join(_part(number, letter) for number, letter in zip(divmod(rest, 60), "HM", strict=True))
    return "P" + _part(days, "D") + (f"T{clock}" if clock else "")


def _part(number: int, letter: str) -> str:
    return f"{number}{letter}" if number else ""


def open_at(settings: HoursSettings, minutes: range) -> bool:
    """Tell whether the platform runs during all these minutes of a day."""
    return settings.start_minute <= minutes.start and minutes.stop <= settings.stop_minute


def open_now(settings: HoursSettings, timezone: str, now: datetime.datetime) -> bool:
    """Tell whether the platform is to run at a moment."""
    local = now.astimezone(zoneinfo.ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    return WEEKDAYS[local.weekday()] in settings.days and settings.start_minute <= minute < settings.stop_minute


def clocks(settings: HoursSettings) -> Iterator[tuple[Literal["start", "stop"], int, int]]:
    """Start and stop, each with its hour and minute."""
    yield "start", *divmod(settings.start_minute, 60)
    yield "stop", *divmod(settings.stop_minute, 60)
