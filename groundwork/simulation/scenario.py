"""The day that is simulated: its traffic, the work of a request, and what goes wrong. A YAML file says it; docs/simulation.md has an example."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from groundwork.components.usage.settings import Count, WorkSettings
from groundwork.settings import stack_file
from groundwork.settings.base import InOrder, Model, Name
from groundwork.settings.data_file import read_data
from groundwork.settings.mistakes import Mistake, Mistakes, nearest
from groundwork.settings.wording import message_of

Day = Literal["even", "office", "evening", "nepal"]
Weekday = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]

MINUTES = 24 * 60


class EventSettings(Model):
    """Something that happens on the day."""

    kind: Literal["crowd", "zone-lost", "slow-database"]
    """``crowd``: ``times`` as many requests. ``zone-lost``: one availability zone is gone. ``slow-database``: each statement needs
    ``times`` as much of the database."""
    at: str
    """When it begins, in the platform's time zone: ``"19:30"``."""
    minutes: Annotated[int, Field(ge=1, le=MINUTES)] = 30
    times: Annotated[float, Field(ge=0, le=10_000)] = 5

    @field_validator("at")
    @classmethod
    def _of_the_clock(cls, at: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", at):
            raise PydanticCustomError("clock", 'must be a time of the day from "00:00" to "23:59", in quotes')
        return at

    @property
    def begins(self) -> int:
        """Return the minute of the day at which it begins."""
        return int(self.at[:2]) * 60 + int(self.at[3:])

    def holds(self, minute: int) -> bool:
        """Tell whether it holds at a minute of the day."""
        return self.begins <= minute < self.begins + self.minutes


class Scenario(Model):
    """A day."""

    day: Day = "evening"
    """How its requests spread over the hours."""
    curve: Annotated[tuple[Annotated[float, Field(ge=0)], ...], InOrder] | None = None
    """24 numbers in place of ``day``: requests of each hour from midnight on, in relation to each other."""
    weekday: Weekday = "WED"
    """For schedules that are not the same every day."""
    visitors: Count | None = None
    """People on this day; unset, as ``usage.visitors``."""
    requests: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Requests of each of them; unset, as ``usage.requests``."""
    messages: Count | None = None
    """Messages on this day, over all workers that a queue scales; unset, as ``usage.messages``."""
    services: dict[Name, WorkSettings] = {}
    events: tuple[EventSettings, ...] = ()
    start_seconds: Annotated[int, Field(ge=0, le=3600)] = 90
    """Until a copy that was asked for serves: the image is pulled, the application starts, the load balancer finds it well."""
    patience_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    """How long a request waits for its turn before whoever sent it gives up."""
    reads_percent: Annotated[float, Field(ge=0, le=100)] = 0
    """Share of the database's work that the application sends to replicas, where there are some."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1
    """Where chance begins: the same seed is the same day."""

    @field_validator("curve")
    @classmethod
    def _of_a_day(cls, curve: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if curve is not None and (len(curve) != 24 or not sum(curve)):
            raise PydanticCustomError(
                "curve", "must be 24 numbers, one for each hour, not all 0; there are {count}", {"count": len(curve)}
            )
        return curve

    def weights(self, peak: float | None = None) -> list[float]:
        """Return the part of the day's requests that each of its minutes has, without events: they add up to 1. Between the hours'
        middles they go in a straight line.

        ``peak`` is the part that the busiest hour has, where the scenario itself says nothing of how a day goes: the usual day is
        made as steep, or as flat, as that.
        """
        hours = self.curve or tuple(_curves()[self.day])
        if peak is not None and not {"curve", "day"} & self.model_fields_set:
            hours = _steep(hours, peak)
        return list(_minutes(hours))


@lru_cache(maxsize=8)
def _minutes(hours: tuple[float, ...]) -> tuple[float, ...]:
    each = [_between(hours, minute) for minute in range(MINUTES)]
    total = sum(each)
    return tuple(one / total for one in each)


def _steep(hours: tuple[float, ...], peak: float) -> tuple[float, ...]:
    """Return the hours raised to that power with which the highest has a part of them all."""
    highest = max(hours)
    low, high = 0.0, 1_000.0
    for _ in range(60):
        power = (low + high) / 2
        if 1 / sum((hour / highest) ** power for hour in hours) < peak:
            low = power
        else:
            high = power
    return tuple((hour / highest) ** low for hour in hours)


def _between(hours: tuple[float, ...], minute: int) -> float:
    place = (minute + 0.5) / 60 - 0.5
    before, part = int(place // 1), place % 1
    return hours[before % 24] * (1 - part) + hours[(before + 1) % 24] * part


@cache
def _curves() -> dict[str, list[float]]:
    curves: dict[str, list[float]] = read_data(FilePath(__file__).parent / "curves.yaml")
    return curves


def read_scenario(file: FilePath) -> Scenario:
    """Read a scenario from a file. Raises :class:`Mistakes` with the line of each."""
    document = stack_file.read(file)
    try:
        return Scenario.model_validate(document.data)
    except ValidationError as error:
        by_path: dict[tuple[str | int, ...], list[Any]] = {}
        for detail in error.errors(include_url=False):
            by_path.setdefault(tuple(part for part in detail["loc"] if part != "[key]"), []).append(detail)
        raise Mistakes(
            [Mistake(path, _message(path, details), document.where(path)) for path, details in by_path.items()]
        ) from None


def _message(path: tuple[str | int, ...], details: list[Any]) -> str:
    if details[0]["type"] != "extra_forbidden":
        return message_of(path, details)
    model = {1: Scenario, 3: EventSettings if path[0] == "events" else WorkSettings}[len(path)]
    allowed = list(model.model_fields)
    return f"is no key of {'a scenario' if model is Scenario else 'it'}{nearest(path[-1], allowed)}; allowed: {', '.join(allowed)}"
