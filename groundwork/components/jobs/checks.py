"""What jobs need beside what they say: an engine that runs them, a schedule that it takes, an image that somebody delivers."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.hours.settings import open_at
from groundwork.components.services.settings import image_holder
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake
from groundwork.settings.recurrence import recurrence


def names_are_nobody_elses(settings: Settings) -> Iterator[Mistake]:
    """Check that a job is called like no service: roles, groups, logs and images of both are named after them."""
    for name in settings.jobs:
        if name in settings.services:
            yield Mistake(("jobs", name), f'"{name}" is also the name of a service; call the job something else')


def the_engine_runs_them(settings: Settings) -> Iterator[Mistake]:
    if not (settings.jobs and settings.compute):
        return
    if settings.compute.engine == "ec2" and not settings.services:
        yield Mistake(("jobs",), "run on the instances of services, and there are none; use the engine fargate")
    if settings.compute.engine == "app-runner":
        yield Mistake(
            ("jobs",),
            "App Runner runs only what answers HTTP, and no jobs; use the engine fargate, or let a function do it "
            "(functions.NAME with messaging.schedules)",
        )


def commands_are_said(settings: Settings) -> Iterator[Mistake]:
    for name, job in settings.jobs.items():
        if job.image_from is not None and not job.command:
            yield Mistake(
                ("jobs", name, "command"),
                f"is missing, and without it the job would run what {job.image_from} runs; say what it is to do, such as "
                "[python, manage.py, migrate]",
            )


def folders_fit_in_memory(settings: Settings) -> Iterator[Mistake]:
    for name in settings.jobs:
        problem = settings.job(name).overfull
        if problem:
            yield Mistake(("jobs", name, "memory"), problem)


def deployments_are_delivered(settings: Settings) -> Iterator[Mistake]:
    """Check that what runs before a deployment can: a deployment by ``pulumi up`` alone would pass it by.

    ``docs/decisions/0031-what-an-update-and-a-deployment-own.md``
    """
    for name, job in settings.jobs.items():
        if job.starts != "before_deploy":
            continue
        if job.image_from is None:
            yield Mistake(
                ("jobs", name, "image"),
                "is not a service's; a job that runs before a deployment runs the image that is deployed: image: {from: SERVICE}",
            )
            continue
        holder = image_holder(settings.services, job.image_from)
        if holder is not None and settings.services[holder].owner_of_image == "stack":
            service = settings.services[holder]
            key = "tag" if service.tag else "image" if service.named_image else "image_owner"
            also = " and say image_owner: pipeline" if key == "image" else ""
            yield Mistake(
                ("services", holder, key),
                f"lets each update of the stack change the image, and jobs.{name} is to run before; "
                + (f"keep it{also}" if also else f"leave {key} out")
                + f", so that images are delivered, and {name} runs before them",
            )


def schedules_start_one_run(settings: Settings) -> Iterator[Mistake]:
    """Check that a schedule on the engine ``ec2`` starts one run: each instance has its own timer."""
    compute = settings.compute
    if compute is None or not compute.copies_are_instances or compute.has_one_instance:
        return
    for name, job in settings.jobs.items():
        if job.schedule:
            yield Mistake(
                ("jobs", name, "schedule"),
                f"each of up to {compute.capacity.max} instances (compute.instances.max) would start it; set max: 1, or use the engine "
                "ecs-ec2",
            )


def schedules_suit_the_engine(settings: Settings) -> Iterator[Mistake]:
    if not settings.compute or settings.compute.engine not in ("eks", "ec2"):
        return
    by = "Kubernetes" if settings.compute.engine == "eks" else "systemd"
    for name, job in settings.jobs.items():
        if job.schedule and recurrence(job.schedule.cron) is None:
            yield Mistake(
                ("jobs", name, "schedule", "cron"),
                f'"{job.schedule.cron}" cannot be said to {by}, which knows no years, L, W and #; write it as "30 6 ? * MON-FRI *"',
            )


def runs_end_as_the_engine_can(settings: Settings) -> Iterator[Mistake]:
    if not settings.runs_on_ecs:
        return
    for name, job in settings.jobs.items():
        if job.retries:
            yield Mistake(
                ("jobs", name, "retries"),
                "goes with the engines eks and ec2; ECS tries no task again. Leave it out, and let the command try again",
            )
        if job.timeout is not None and job.schedule:
            yield Mistake(
                ("jobs", name, "timeout"),
                "ECS ends no task that a schedule starts. Leave it out, and let the command end itself, such as "
                f"[timeout, {job.timeout}s, …]",
            )
        for used in job.uses or ():
            if used in settings.services:
                yield Mistake(
                    ("jobs", name, "uses", used),
                    "has a name for services alone (Service Connect), and a job is a task of none; let it use what the service uses, or send to a queue",
                )


def runs_are_within_the_hours(settings: Settings) -> Iterator[Mistake]:
    """Check that no job is started while what it needs is stopped: the database, on the engine ``ec2`` the instance."""
    hours, compute = settings.platform.hours, settings.compute
    if hours is None or compute is None:
        return
    for name, job in settings.jobs.items():
        needs = "the instance" if compute.engine == "ec2" else "the database"
        if compute.engine != "ec2" and "database" not in settings.job(name).uses:
            continue
        if job.schedule is None or job.schedule.timezone not in (None, settings.platform.timezone):
            continue
        minute, hour, *_ = job.schedule.cron.split(" ")
        if not (minute.isdigit() and hour.isdigit()):
            continue
        start = int(hour) * 60 + int(minute)
        if not open_at(hours, range(start, start + 1)):
            yield Mistake(
                ("jobs", name, "schedule", "cron"),
                f"starts it at {int(hour):02d}:{int(minute):02d}, when {needs} is stopped (platform.hours: {hours.start}–{hours.stop}); "
                "start it within the hours",
            )


CHECKS = (
    names_are_nobody_elses,
    the_engine_runs_them,
    commands_are_said,
    folders_fit_in_memory,
    deployments_are_delivered,
    schedules_start_one_run,
    schedules_suit_the_engine,
    runs_end_as_the_engine_can,
    runs_are_within_the_hours,
)
