"""Hours against what cannot be stopped, and against other clocks."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.hours.settings import open_at
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake, Path

PATH: Path = ("platform", "hours")


def only_what_is_no_production_is_stopped(settings: Settings) -> Iterator[Mistake]:
    if settings.platform.hours and settings.platform.stage == "prod":
        yield Mistake(PATH, "customers come at night too; hours are for the stages dev and staging")


def replicas_cannot_be_stopped(settings: Settings) -> Iterator[Mistake]:
    """Check that a database with hours has no replicas.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html#USER_StopInstance.Limitations"""
    if settings.platform.hours and settings.data and settings.data.replicas:
        names = ", ".join(settings.data.replicas)
        yield Mistake(
            PATH,
            f"RDS stops no database that has read replicas, and it has {names}; set data.replicas: {{{_nulls(settings)}}}, or "
            "leave hours out",
        )


def _nulls(settings: Settings) -> str:
    return ", ".join(f"{name}: null" for name in (settings.data.replicas if settings.data else ()))


def backups_are_made_while_it_runs(settings: Settings) -> Iterator[Mistake]:
    """Check that the backup window is within the hours: no automated backup is made of a stopped instance."""
    hours = settings.platform.hours
    if not hours or not settings.data or settings.data.existing:
        return
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in settings.data.backup.window.split("-"))
    if end <= start or not open_at(hours, range(start, end)):
        yield Mistake(
            ("data", "backup", "window"),
            f"{settings.data.backup.window} is outside the hours {hours.start}–{hours.stop}, and a stopped database is never "
            f"backed up; set a window within them, such as {_clock(hours.stop_minute - 90)}-{_clock(hours.stop_minute - 60)}",
        )


def one_clock_sets_the_bounds(settings: Settings) -> Iterator[Mistake]:
    if not settings.platform.hours:
        return
    for name, service in settings.services.items():
        if service.scaling.schedule:
            yield Mistake(
                ("services", name, "scaling", "schedule"),
                "would start what platform.hours stops; both set the bounds of the service, so leave one out",
            )
    instances = settings.compute.instances if settings.compute else None
    if instances and instances.schedule:
        yield Mistake(
            ("compute", "instances", "schedule"),
            "would start what platform.hours stops; both set the bounds of the group, so leave one out",
        )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


CHECKS = (
    only_what_is_no_production_is_stopped,
    replicas_cannot_be_stopped,
    backups_are_made_while_it_runs,
    one_clock_sets_the_bounds,
)
