"""A release that should not have been: the image before it runs again."""

from __future__ import annotations

from groundwork.operations import deploy as deployments
from groundwork.operations import images
from groundwork.operations.errors import DeploymentFailedError, OperationError
from groundwork.operations.progress import Progress
from groundwork.operations.recovery.health import health_step
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep


def plan(incident: Incident) -> RecoveryPlan:
    """Go back to the image that ran before. OperationError where a job changed something meanwhile: only people know whether the
    image before can work with it."""
    account, service = incident.account, incident.what or ""
    images.service_of(account, service)
    plan = deployments.plan_rollback(account, service, force=False)

    def act(progress: Progress) -> str:
        try:
            deployments.deploy(plan, progress, seconds=incident.seconds)
        except DeploymentFailedError as failure:
            raise OperationError(
                f"{plan.image} does not come to run either: {failure}; look: groundwork logs {account.stack_name} {service} --since 30m"
            ) from None
        return f"{service} runs {plan.image}"

    return RecoveryPlan(
        (
            RecoveryStep(str(plan), f"groundwork rollback {account.stack_name} {service}", act, changes=True),
            health_step(incident, "services"),
        )
    )
