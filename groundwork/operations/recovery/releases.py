"""A release that should not have been: the image before it runs again."""

from __future__ import annotations

from groundwork.operations import deploy as deployments
from groundwork.operations import images
from groundwork.operations.errors import DeploymentFailed, OperationError
from groundwork.operations.progress import Progress
from groundwork.operations.recovery.health import see_that_all_is_well
from groundwork.operations.recovery.model import Case, RecoveryStep, Walk


def walk(case: Case) -> Walk:
    """Go back to the image that ran before. OperationError where a job changed something meanwhile: only people know whether the
    image before can work with it."""
    account, service = case.account, case.what or ""
    images.service_of(account, service)
    plan = deployments.plan_rollback(account, service, force=False)

    def act(progress: Progress) -> str:
        try:
            deployments.deploy(plan, progress, seconds=case.seconds)
        except DeploymentFailed as failure:
            raise OperationError(
                f"{plan.image} does not come to run either: {failure}; look: groundwork logs {account.stack_name} {service} --since 30m"
            ) from None
        return f"{service} runs {plan.image}"

    return Walk(
        (
            RecoveryStep(str(plan), f"groundwork rollback {account.stack_name} {service}", act, changes=True),
            see_that_all_is_well(case, "services"),
        )
    )
