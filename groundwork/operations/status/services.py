"""Services and jobs: how many copies run, which deployment that is, and why one does not."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from groundwork.components.hours.settings import open_now
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.durations import lasting
from groundwork.operations.engines.runner import JobState, Runner, ServiceState
from groundwork.operations.meanings import Reason, reason
from groundwork.operations.resources import StackResources
from groundwork.operations.status.model import Health, StatusLine
from groundwork.settings.images import parts_of

_TARGETS = 3


def is_open(account: StackAccount, now: datetime.datetime) -> bool:
    """Tell whether the platform is to run now, by its hours."""
    platform = account.settings.platform
    return platform.hours is None or open_now(platform.hours, platform.timezone, now)


def service_lines(resources: StackResources, runner: Runner, now: datetime.datetime) -> list[StatusLine]:
    """Return a line for each service of the stack file."""
    states, targets = runner.states(), _targets(resources)
    return [
        _service(resources.account, name, states.get(name), targets.get(name, ()), now)
        for name in resources.account.settings.services
    ]


def _service(
    account: StackAccount, name: str, state: ServiceState | None, targets: tuple[Reason, ...], now: datetime.datetime
) -> StatusLine:
    up = f"pulumi up --stack {account.stack.name}"
    if state is None:
        return StatusLine(name, Health.MISSING, "is not there", next=up)
    health, why = _judged(account, name, state, now)
    # A new copy that is not in service yet is what a deployment looks like.
    if targets and not (state.changing and not state.troubles):
        health, why = Health.UNWELL, [*why, *targets]
    hints = [one.next for one in why if one.next]
    logs = f"groundwork logs {account.stack_name} {name} --since 30m"
    return StatusLine(
        name,
        health,
        _counted(state, now),
        why=(*([state.changing] if state.changing else []), *(one.text for one in why)),
        next=None if health.is_fine else (hints[0] if hints else logs),
        facts={
            "wanted": state.wanted,
            "running": state.running,
            "pending": state.pending,
            "image": state.image,
            "deployed": state.deployed.isoformat() if state.deployed else None,
            "events": list(state.events),
        },
    )


def _judged(
    account: StackAccount, name: str, state: ServiceState, now: datetime.datetime
) -> tuple[Health, list[Reason]]:
    if state.troubles:
        return Health.UNWELL, list(state.troubles)
    if state.changing:
        return Health.CHANGING, []
    if state.paused or state.wanted == 0:
        return _standing_still(account, name, now)
    if state.running is None or state.wanted is None or state.running >= state.wanted:
        return Health.WELL, []
    if state.pending:
        return Health.CHANGING, []
    return Health.UNWELL, [Reason(event) for event in state.events[:1]] or [Reason("fewer run than are wanted")]


def _standing_still(account: StackAccount, name: str, now: datetime.datetime) -> tuple[Health, list[Reason]]:
    # A worker that follows a queue may have nothing to do.
    if account.settings.services[name].scaling.min == 0:
        return Health.WELL, []
    if not is_open(account, now):
        return Health.STOPPED, []
    return Health.UNWELL, [Reason("it is stopped", f"groundwork hours {account.stack_name} start")]


def _counted(state: ServiceState, now: datetime.datetime) -> str:
    counts = "" if state.running is None else f"{state.running} of {state.wanted} run"
    pending = f"{state.pending} pending" if state.pending else ""
    version = short_image(state.image)
    deployed = f"deployed {lasting(state.deployed, now)} ago" if state.deployed else ""
    return ", ".join(part for part in (counts, pending, version, deployed) if part)


def short_image(image: str) -> str:
    """Return what tells an image of one repository from another: ``1.4.0``, or a digest's beginning."""
    parts = parts_of(image)
    return parts.digest[: len("sha256:") + 12] or parts.tag or parts.name.rpartition("/")[2]


def _targets(resources: StackResources) -> dict[str, tuple[Reason, ...]]:
    """Return why load balancers send nothing to copies, by service; of targets on their way in or out nothing is said."""
    found: dict[str, tuple[Reason, ...]] = {}
    compute = next((one for one in resources.snapshot.resources if one.type.startswith("groundwork:compute:")), None)
    for group in resources.of_type("aws:lb/targetGroup:TargetGroup"):
        arn = resources.arn(group)
        service = group.name.removeprefix(f"{compute.name}-") if compute else ""
        if arn is None or service not in resources.account.settings.services:
            continue
        with plain_errors(f"asking the load balancer for {service}"):
            health = resources.account.client("elbv2").describe_target_health(TargetGroupArn=arn)
        troubles: dict[str, int] = {}
        for one in health["TargetHealthDescriptions"]:
            if one["TargetHealth"]["State"] == "unhealthy":
                said = f"{one['TargetHealth'].get('Reason', '')}: {one['TargetHealth'].get('Description', '')}".strip(
                    ": "
                )
                troubles[said] = troubles.get(said, 0) + 1
        named = resources.account.stack_name
        found[service] = tuple(
            reason("targets", f"{count} get no requests: {said}", named, service)
            for said, count in list(troubles.items())[:_TARGETS]
        )
    return found


def job_lines(account: StackAccount, states: Mapping[str, JobState], now: datetime.datetime) -> list[StatusLine]:
    """Return a line for each job of the stack file."""
    return [_job(account, name, states.get(name), now) for name in account.settings.jobs]


def _job(account: StackAccount, name: str, state: JobState | None, now: datetime.datetime) -> StatusLine:
    if state is None:
        return StatusLine(name, Health.MISSING, "is not there", next=f"pulumi up --stack {account.stack.name}")
    facts = {"at": state.at.isoformat() if state.at else None}
    if state.at is None:
        return StatusLine(name, Health.WELL, state.says or "has not run", facts=facts)
    says = f"{state.says}, {lasting(state.at, now)} ago"
    if state.trouble is not None:
        logs = f"groundwork logs {account.stack_name} {name} --since 2h"
        return StatusLine(
            name, Health.UNWELL, says, why=(state.trouble.text,), next=state.trouble.next or logs, facts=facts
        )
    return StatusLine(name, Health.CHANGING if state.running else Health.WELL, says, facts=facts)
