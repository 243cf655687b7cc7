"""Bringing another image to services and jobs: checked, named, rolled out, and taken back where it does not run.

``pulumi up`` owns what a service is, this what it runs: see ``docs/decisions/0031-what-an-update-and-a-deployment-own.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from groundwork.operations import build, images
from groundwork.operations.account import StackAccount
from groundwork.operations.build import BuildPlan
from groundwork.operations.engines.runner import Runner, runner_of
from groundwork.operations.errors import CommandFailedError, DeploymentFailedError, OperationError
from groundwork.operations.images import ImageHolder, ImageParameter
from groundwork.operations.progress import Progress
from groundwork.settings.images import NOTHING
from groundwork.settings.mistakes import all_of

_HOUR = 3600


@dataclass(frozen=True)
class DeploymentPlan:
    """What a deployment would do, for the user to see before it does."""

    account: StackAccount
    holder: ImageHolder
    image: str
    parameter: ImageParameter
    """What was said of the image when this was planned."""
    unseen: tuple[str, ...] = ()
    """What could not be checked."""
    is_rollback: bool = False
    """It goes back to an image that ran; what runs before a deployment is not run again."""
    build: BuildPlan | None = None
    """How the image comes to be there; None where it is."""

    @property
    def before(self) -> str:
        """Return what runs; ``none`` before the first image."""
        return self.parameter.image

    @property
    def is_first(self) -> bool:
        """Tell whether there has been no image yet."""
        return self.before == NOTHING

    @property
    def jobs_before(self) -> tuple[str, ...]:
        """Return the jobs that run before any copy has the image."""
        return () if self.is_rollback else self.holder.before

    def __str__(self) -> str:
        """Return it in words."""
        first = f"{all_of(self.jobs_before)} first, then " if self.jobs_before else ""
        runs = all_of((*self.holder.services, *(job for job in self.holder.jobs if job not in self.jobs_before)))
        before = "the placeholder" if self.is_first else self.before
        built = f"{self.build};\n" if self.build else ""
        return f"{built}{first}{runs} in {self.account.place}: {self.image} in place of {before}"


def plan(account: StackAccount, service: str, image: str) -> DeploymentPlan:
    """Return what deploying an image would do. OperationError where the stack is none that images are deployed to."""
    holder = images.holder_of(account, service)
    now = _running(account, holder)
    return DeploymentPlan(account, holder, images.named(account, service, holder.settings, image), now)


def plan_build(account: StackAccount, service: str, tag: str | None) -> DeploymentPlan:
    """Return what building an image and deploying it would do; without a tag it is called after the commit.

    OperationError and ``Mistakes`` where it cannot be built: see :func:`groundwork.operations.build.plan`.
    """
    holder = images.holder_of(account, service)
    now = _running(account, holder)
    built = build.plan(account, holder, tag)
    return DeploymentPlan(account, holder, built.image, now, build=built)


def prepare(wanted: DeploymentPlan, progress: Progress, *, worst: str, seconds: float = 1200) -> DeploymentPlan:
    """Build the image where it is to be built, and check it: :func:`groundwork.operations.images.check`. Return the plan with what could not
    be looked at. OperationError where it may not run; nothing that runs has changed then."""
    if wanted.build:
        # Before anybody waits for a build.
        _refuse_where_busy(runner_of(wanted.account), wanted)
        build.build(wanted.build, progress, seconds=seconds)
    unseen = images.check(wanted.account, wanted.holder, wanted.image, worst=worst, progress=progress, seconds=seconds)
    return replace(wanted, unseen=tuple(unseen))


def plan_rollback(account: StackAccount, service: str, *, force: bool) -> DeploymentPlan:
    """Return what going back to the image before would do.

    OperationError where there is none, and, without ``force``, where a job ran before the deployment: what that changed stays changed.
    """
    holder = images.holder_of(account, service)
    now = _running(account, holder)
    wanted = images.before(account, service)
    if holder.before and not force:
        raise OperationError(
            f"{all_of(holder.before)} ran before {now.image} was deployed, and what that changed stays. If {wanted} can work with it: "
            f"groundwork rollback {account.stack_name} {service} --force; else deploy a new image that puts it right"
        )
    return DeploymentPlan(account, holder, wanted, now, is_rollback=True)


def _running(account: StackAccount, holder: ImageHolder) -> ImageParameter:
    """Return which image runs. OperationError where it is not a deployment's to change."""
    settings, name = holder.settings, holder.name
    if settings.owner_of_image == "stack":
        said = "tag" if settings.tag else "image"
        raise OperationError(
            f"the stack file says which image {name} runs ({said}), and pulumi up deploys it; leave that out, or say "
            "image_owner: pipeline"
        )
    now = images.delivered(account, name)
    if now is None:
        raise OperationError(
            f"{account.stack.label} does not stand in {account.place}, or {name} is new in it: run pulumi up --stack "
            f"{account.stack.name} first, or choose other credentials"
        )
    return now


def deploy(wanted: DeploymentPlan, progress: Progress, *, seconds: float = 1200) -> None:
    """Deploy: jobs that come first, then the image's name, services one after the other, the other jobs.

    ``seconds`` is the limit for each service. Raises DeploymentFailedError where the image did not come to run, and what ran before runs again.
    """
    account, holder = wanted.account, wanted.holder
    runner = runner_of(account)
    _refuse_where_busy(runner, wanted)
    _run_jobs(runner, wanted, progress)
    # Before it runs, so that a pulumi up in between does not take it back.
    images.deliver(account, holder.name, wanted.image, after=wanted.parameter)
    if wanted.is_first and not runner.starts_first_image:
        progress.say(
            "named; the placeholder has neither the variables of what it stands for nor its rights, so the first image starts "
            f"with: pulumi up --stack {account.stack.name}"
        )
        return
    try:
        _roll_out(runner, wanted, progress, seconds)
    except DeploymentFailedError:
        images.take_back(account, holder.name, wanted.image, to=wanted.before)
        raise
    images.check_still_delivered(account, holder.name, wanted.image)
    for job in holder.jobs:
        if job not in wanted.jobs_before:
            runner.renew_job(job, wanted.image)
    runs = (*holder.services, *holder.jobs)
    progress.say(f"{all_of(runs)} {'run' if len(runs) > 1 else 'runs'} {wanted.image} after {progress.taken()}")


def _refuse_where_busy(runner: Runner, wanted: DeploymentPlan) -> None:
    """Refuse a deployment in the middle of another: OperationError with what of that the account shows."""
    rolls_out = not wanted.is_first or runner.starts_first_image
    busy = [(name, runner.under_way(name, wanted.image)) for name in wanted.holder.services if rolls_out]
    busy += [(name, runner.job_under_way(name)) for name in wanted.jobs_before]
    for name, what in busy:
        if what:
            raise OperationError(f"{name} is busy: {what}; wait until that is done, and deploy again")


def _run_jobs(runner: Runner, wanted: DeploymentPlan, progress: Progress) -> None:
    for job in wanted.jobs_before:
        progress.say(f"{job} runs with {wanted.image}")
        seconds = wanted.account.settings.jobs[job].timeout or _HOUR
        try:
            for line in runner.run_job(job, wanted.image, (), progress, seconds):
                progress.say(f"{job}: {line}")
        except CommandFailedError as failure:
            raise DeploymentFailedError(f"{job} failed, and nothing else was done: {failure}") from None
        progress.say(f"{job} is done")


def _roll_out(runner: Runner, wanted: DeploymentPlan, progress: Progress, seconds: float) -> None:
    done: list[str] = []
    for service in wanted.holder.services:
        if len(wanted.holder.services) > 1:
            progress.say(f"{service}:")
        try:
            runner.roll_out(service, wanted.image, progress, seconds)
        except DeploymentFailedError as failure:
            _take_back(runner, wanted, done, progress, seconds)
            raise DeploymentFailedError(f"{service}: {failure}") from None
        done.append(service)


def _take_back(
    runner: Runner, wanted: DeploymentPlan, services: Sequence[str], progress: Progress, seconds: float
) -> None:
    """Run the old image again where the new one has come already: all of them speak to one another in one version."""
    for service in reversed(services):
        progress.say(f"{service} goes back to {wanted.before}:")
        runner.roll_out(service, wanted.before, progress, seconds)
