"""A copy of a service, or the instance that it runs on, is lost: each engine puts another in its place, and nobody need do anything."""

from __future__ import annotations

from groundwork.operations.durations import after
from groundwork.operations.engines.runner import ServiceCopy, ServiceState
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.recovery.health import health_step
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep

_SECONDS_BETWEEN = 10


def plan(incident: Incident) -> RecoveryPlan:
    """Lose a copy where all are well, as the failure of a host would, and wait for another; where one is missing, only wait."""
    account = incident.account
    service = incident.what or next(iter(account.settings.services))
    state = _state(incident, service)
    if state.running is None or state.wanted is None:
        raise OperationError(
            f"the engine replaces copies by itself, and neither tells how many run nor lets one be stopped; see: groundwork status {account.stack_name}"
        )
    if state.wanted == 0:
        raise OperationError(
            f"no copy of {service} is wanted; start it: groundwork scale {account.stack_name} {service} 1"
        )
    missing = state.running < state.wanted
    copy = None if missing else incident.runner.a_copy(service)
    steps = []
    if copy is not None:
        steps.append(
            RecoveryStep(
                f"Lose {copy.id}, as when its host fails",
                copy.command,
                lambda progress: _lose(copy, progress, incident.seconds),
                changes=True,
            )
        )
    return RecoveryPlan(
        (
            *steps,
            RecoveryStep(
                f"Wait until {state.wanted} of {service} run again; nobody does anything",
                f"groundwork status {account.stack_name} --watch",
                lambda progress: _wait(incident, service, progress),
            ),
            health_step(incident, "services"),
        ),
        note=""
        if missing
        else f"Nothing is missing: {state.running} of {state.wanted} of {service} run. This loses one, to see that another comes"
        + ("." if state.wanted > 1 else "; it is the only one, and until then nobody is answered."),
    )


def _state(incident: Incident, service: str) -> ServiceState:
    found = incident.runner.states().get(service)
    if found is None:
        raise NotFoundError(f"there is no service {service} in {incident.account.place}; run pulumi up first")
    return found


def _lose(copy: ServiceCopy, progress: Progress, seconds: float) -> str:
    copy.lose()

    def look() -> str | Pending:
        if copy.is_gone():
            return f"{copy.id} is gone"
        return Pending(f"{copy.id} ends", f"{copy.id} still runs {after(seconds)}")

    return progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)


def _wait(incident: Incident, service: str, progress: Progress) -> str:

    def look() -> str | Pending:
        state = _state(incident, service)
        said = f"{state.running} of {state.wanted} run"
        if (state.running or 0) >= (state.wanted or 0):
            return said
        why = "; ".join(one.text for one in state.troubles)
        late = f"{said} {after(incident.seconds)}{f': {why}' if why else ''}"
        return Pending(said, f"{late}; look: groundwork status {incident.account.stack_name}")

    return progress.wait_for(look, seconds=incident.seconds, every=_SECONDS_BETWEEN)
