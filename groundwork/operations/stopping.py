"""Stop what costs by the hour, and start it again: by hand what the layer ``hours`` does by the clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.databases import NO_DATABASE
from groundwork.operations.engines.runner import Runner, runner_of
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Progress

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Snapshot

Action = Literal["stop", "start"]

_DATABASE = "aws:rds/instance:Instance"


@dataclass(frozen=True)
class HoursPlan:
    """What is stopped or started."""

    account: StackAccount
    action: Action
    services: tuple[str, ...]
    databases: tuple[str, ...]

    def __str__(self) -> str:
        account = self.account
        names = ", ".join((*self.services, *self.databases)) or "nothing"
        lines = [f"{account.stack_name} in {account.place}: {self.action} {names}"]
        if self.action == "stop":
            hours = account.settings.platform.hours
            again = (
                f"Its hours start it again ({', '.join(hours.days)} at {hours.start})."
                if hours
                else f"Nothing starts it again but groundwork hours {account.stack_name} start; a database starts by itself after seven days."
            )
            lines += ["Nobody is answered meanwhile, and alarms ring where the hours do not mute them.", again]
            lines.append("Cache, load balancer, NAT and storage go on, and go on costing.")
        else:
            lines.append(
                "A database needs some minutes; services that start before it are started again until it answers."
            )
        return "\n".join(lines)


def plan(account: StackAccount, snapshot: Snapshot, action: Action) -> HoursPlan:
    """Return what would be done. OperationError where nothing of the stack may stand still."""
    settings = account.settings
    if action == "stop" and settings.platform.stage == "prod":
        raise OperationError(
            f"{account.stack.label} is a prod, and customers come at night too; stage dev or staging may stand still"
        )
    found = [one.inputs["identifier"] for one in snapshot.of_type(_DATABASE)]
    if len(found) > 1:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html#USER_StopInstance.Limitations
        found = []
    services = tuple(settings.services) if settings.compute and settings.compute.engine != "eks" else ()
    if not services and not found:
        raise OperationError(
            f"nothing of {account.stack.label} can stand still: neither EKS nor a database with replicas does"
        )
    return HoursPlan(account, action, services, tuple(found))


def carry_out(plan: HoursPlan, progress: Progress) -> None:
    """Stop services before their database, and start them after it."""
    steps = [_services(plan), _databases(plan)]
    for step in steps if plan.action == "stop" else reversed(steps):
        for said in step:
            progress.say(said)


def _services(plan: HoursPlan) -> Iterator[str]:
    if plan.services:
        runner: Runner = runner_of(plan.account)
        yield from runner.stop_all() if plan.action == "stop" else runner.start_all()


def _databases(plan: HoursPlan) -> Iterator[str]:
    rds = plan.account.client("rds")
    change = rds.stop_db_instance if plan.action == "stop" else rds.start_db_instance
    for identifier in plan.databases:
        with plain_errors(f"asking RDS to {plan.action} {identifier}"):
            try:
                change(DBInstanceIdentifier=identifier)
            except botocore.exceptions.ClientError as error:
                if code_of(error) in NO_DATABASE:
                    yield f"{identifier} is not there: pulumi up --stack {plan.account.stack.name}"
                    continue
                if "InvalidDBInstanceState" not in code_of(error):
                    raise
                yield f"{identifier} is not in a state to {plan.action}; it may be so already: groundwork status {plan.account.stack_name}"
                continue
        yield f"{identifier}: RDS {'stops' if plan.action == 'stop' else 'starts'} it, which takes some minutes"
