"""Bringing another image to a service: checked, named, rolled out, and taken back where it does not run.

``pulumi up`` owns what a service is, this what it runs: see ``docs/decisions/0035-deploy-changes-the-image-alone.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from groundwork.operations import images
from groundwork.operations.account import Account
from groundwork.operations.engine import Runner, runner_of
from groundwork.operations.errors import DeploymentFailed, OperationError
from groundwork.operations.progress import Progress
from groundwork.settings.images import NOTHING


@dataclass(frozen=True)
class Plan:
    """What a deployment would do, for the user to see before it does."""

    account: Account
    service: str
    image: str
    before: str | None
    """What runs; None before the first update of the stack, ``none`` before the first image."""
    unseen: tuple[str, ...]
    """What could not be checked."""

    @property
    def is_first(self) -> bool:
        """Tell whether the service has had no image yet."""
        return self.before in (None, NOTHING)

    def __str__(self) -> str:
        """Return it in words."""
        before = "the placeholder" if self.is_first else self.before
        return f"{self.service} in {self.account.place}: {self.image} in place of {before}"


def plan(account: Account, service: str, image: str, *, worst: str) -> Plan:
    """Return what deploying an image would do. OperationError where it may not run: see :func:`groundwork.operations.images.check`."""
    settings = images.service_of(account, service)
    if settings.image_from is not None:
        raise OperationError(
            f"{service} runs the image of {settings.image_from} (services.{service}.image); deploy that"
        )
    if settings.owner_of_image == "stack":
        said = "tag" if settings.tag else "image"
        raise OperationError(
            f"the stack file says which image {service} runs (services.{service}.{said}), and pulumi up deploys it; leave that out, or "
            "say image_owner: pipeline"
        )
    wanted = images.named(account, service, settings, image)
    now = images.delivered(account, service)
    if now is None:
        raise OperationError(
            f"{account.stack.label} does not stand in {account.place}, or {service} is new in it: run pulumi up --stack "
            f"{account.stack.name} first, or choose other credentials"
        )
    unseen = images.check(account, service, wanted, worst=worst)
    return Plan(account, service, wanted, now, tuple(unseen))


def deploy(wanted: Plan, progress: Progress, *, seconds: float = 1200) -> None:
    """Deploy. Raises DeploymentFailed where the image did not come to run, and what ran before runs again."""
    account, service = wanted.account, wanted.service
    runner = runner_of(account)
    if wanted.is_first and not runner.starts_first_image:
        images.deliver(account, service, wanted.image)
        progress.say(
            f"named; the placeholder has neither {service}'s variables nor its rights, so its first image starts with: "
            f"pulumi up --stack {account.stack.name}"
        )
        return
    busy = runner.under_way(service)
    if busy:
        raise OperationError(f"{service} is busy: {busy}; wait until that is done, and deploy again")
    # Before it runs, so that a pulumi up in between does not take it back.
    images.deliver(account, service, wanted.image)
    try:
        _roll_out(runner, wanted, progress, seconds)
    except DeploymentFailed:
        if wanted.before:
            images.deliver(account, service, wanted.before)
        raise
    progress.say(f"{service} runs {wanted.image} after {progress.taken()}")


def _roll_out(runner: Runner, wanted: Plan, progress: Progress, seconds: float) -> None:
    runner.roll_out(wanted.service, wanted.image, progress, seconds)
