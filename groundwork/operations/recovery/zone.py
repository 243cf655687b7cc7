"""An availability zone is lost: copies run in another one already, and the database's standby takes over."""

from __future__ import annotations

from typing import Any

from groundwork.operations.account import plain_errors
from groundwork.operations.backups import DataStoreKind, data_stores
from groundwork.operations.databases import described_database
from groundwork.operations.durations import after
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.recovery.health import health_step
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep

_SECONDS_BETWEEN = 5


def plan(incident: Incident) -> RecoveryPlan:
    """See that each service has a second copy, then have the database go over to its standby as it would in earnest."""
    account = incident.account
    database = next((one.id for one in data_stores(incident.resources) if one.kind is DataStoreKind.DATABASE), None)
    steps = [_see_second_copies(incident)] if account.settings.services else []
    if database is not None:
        found = described_database(account, database)
        if not found.get("MultiAZ"):
            raise OperationError(
                f"{database} stands in {found.get('AvailabilityZone', 'one zone')} alone, whatever the stack file says; run pulumi up --stack "
                f"{account.stack.name}, or recover it elsewhere: groundwork recover {account.stack_name} database"
            )
        steps.append(_fail_over(incident, database, found))
    parts = [*(["database"] if database else []), *(["services"] if account.settings.services else [])]
    return RecoveryPlan(
        (*steps, health_step(incident, *parts)),
        note="Connections to the database break for one or two minutes." if database else "",
    )


def _see_second_copies(incident: Incident) -> RecoveryStep:
    account = incident.account

    def act(progress: Progress) -> str:
        states = incident.runner.states()
        # A worker that follows a queue may have nothing to do.
        alone = [
            name
            for name, one in states.items()
            if one.running is not None
            and one.running < 2
            and not account.settings.services[name].singleton
            and account.settings.services[name].scaling.min
        ]
        if alone:
            raise OperationError(
                f"one copy alone runs of {', '.join(alone)}, in one zone; run a second: services.{alone[0]}.scaling.min: 2, or "
                f"groundwork scale {account.stack_name} {alone[0]} 2"
            )
        return "each service has a second copy, which its engine places in another zone"

    return RecoveryStep("See that no service stands on one copy", f"groundwork status {account.stack_name}", act)


def _fail_over(incident: Incident, database: str, found: dict[str, Any]) -> RecoveryStep:
    """Return the step in which a standby takes over: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZSingleStandby.html"""
    account, before = incident.account, found.get("AvailabilityZone")

    def act(progress: Progress) -> str:
        with plain_errors(f"having {database} go over to its standby"):
            account.client("rds").reboot_db_instance(DBInstanceIdentifier=database, ForceFailover=True)

        def look() -> str | Pending:
            now = described_database(account, database)
            zone, status = now.get("AvailabilityZone"), now["DBInstanceStatus"]
            if status == "available" and zone != before:
                return f"{database} is in {zone}, and was in {before}"
            return Pending(
                f"{database}: {status}, {zone}",
                f"{database} is {status} in {zone} {after(incident.seconds)}; look: groundwork status {account.stack_name}",
            )

        return progress.wait_for(look, seconds=incident.seconds, every=_SECONDS_BETWEEN)

    return RecoveryStep(
        f"Have {database} go over to its standby",
        f"aws rds reboot-db-instance --db-instance-identifier {database} --force-failover",
        act,
        changes=True,
    )
