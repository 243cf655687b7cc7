"""What usage says of services that there are."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake, nearest


def work_is_of_services(settings: Settings) -> Iterator[Mistake]:
    for name in settings.usage.services if settings.usage else ():
        if name not in settings.services:
            there = ", ".join(settings.services) or "none"
            yield Mistake(
                ("usage", "services", name),
                f"is no service{nearest(name, settings.services)}; there are {there}",
            )


CHECKS = (work_is_of_services,)
