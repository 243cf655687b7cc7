"""How many copies of a service run, by hand: what autoscaling and the next ``pulumi up`` make of it."""

from __future__ import annotations

from dataclasses import dataclass

from groundwork.operations import images
from groundwork.operations.account import StackAccount
from groundwork.operations.engines.runner import Runner, Scaling
from groundwork.operations.errors import OperationError
from groundwork.settings.facts import most_of

_MOST = most_of("tasks-per-service")


@dataclass(frozen=True)
class ScalePlan:
    """Another number of copies, and the bounds that go with it."""

    account: StackAccount
    service: str
    before: Scaling
    count: int
    least: int | None
    most: int | None

    def __str__(self) -> str:
        before, stack = self.before, self.account.stack.name
        named = ", ".join(before.shared) or self.service
        lines = [f"{named} in {self.account.place}: {_copies(self.count)} in place of {before.now}"]
        if before.least is None:
            lines.append(
                "Nothing scales it. The next pulumi up leaves it so; with --refresh it goes back to the stack file's number."
            )
        elif (self.least, self.most) == (before.least, before.most):
            lines.append(f"Autoscaling goes on from there, between {before.least} and {before.most}.")
        else:
            lines.append(
                f"Autoscaling may run {self.least} to {self.most} then, in place of {before.least} to {before.most}. The next pulumi up "
                "leaves these bounds; with --refresh, or where the stack file changes them, they are the stack file's again."
            )
        if self.count == 0:
            lines.append("Without a copy nobody is answered.")
        lines += [before.note] if before.note else []
        lines.append(
            f"To keep it: {before.setting}: {self.count} in {self.account.stack.label}, then pulumi up --stack {stack}"
        )
        return "\n".join(lines)


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"


def plan(account: StackAccount, runner: Runner, service: str, count: int) -> ScalePlan:
    """Return what another number of copies means. OperationError where the service cannot have as many."""
    settings = images.service_of(account, service)
    if not 0 <= count <= _MOST:
        raise OperationError(f"{count} is no number of copies; say one from 0 to {_MOST}")
    if settings.singleton and count > 1:
        raise OperationError(
            f"{service} is a singleton, of which two never run; leave singleton out of services.{service} first"
        )
    now = runner.scaling(service)
    if now.limit is not None and count > now.limit:
        raise OperationError(
            f"there is one instance, with an address and a volume of its own, and {count} cannot share them; "
            "raise compute.instances.max, then pulumi up"
        )
    least = None if now.least is None else min(now.least, count)
    most = None if now.most is None else max(now.most, count)
    if now.holds and least is not None:
        # What scales here decides the number itself, so that only a bound holds it.
        least = count
    return ScalePlan(account, service, now, count, least, most)


def scale(plan: ScalePlan, runner: Runner) -> None:
    """Do it. OperationError where somebody else has changed the number meanwhile."""
    now = runner.scaling(plan.service)
    if now != plan.before:
        raise OperationError(
            f"{plan.service} has been changed meanwhile: {now.now} copies are wanted, and were {plan.before.now}; look again: "
            f"groundwork status {plan.account.stack_name}"
        )
    runner.scale(plan.service, plan.count, plan.least, plan.most)
