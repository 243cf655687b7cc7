"""What the partition of the region lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groundwork.components.settings import Settings
from groundwork.settings.facts import partition_of
from groundwork.settings.mistakes import Mistake


def the_partition_has_what_is_asked_for(settings: Settings) -> Iterator[Mistake]:
    partition = partition_of(settings.region)
    for asked, why in partition.lacks.items():
        dotted, _, value = asked.partition("=")
        path = tuple(dotted.split("."))
        said = _at(settings, path)
        if said == value if value else said is not None:
            instead = "use another" if value else f"set {dotted}: null"
            yield Mistake(path, f"cannot be had in {settings.region} ({partition.name}): {why}; {instead}")


def _at(settings: Any, path: tuple[str, ...]) -> Any:
    found = settings
    for name in path:
        found = getattr(found, name, None)
    return found


CHECKS = (the_partition_has_what_is_asked_for,)
