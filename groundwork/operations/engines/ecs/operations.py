"""Services and jobs on ECS, on Fargate and on instances: deployments, and all that is done with a cluster besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.durations import after
from groundwork.operations.engines.ecs.cluster import primary_of, progress_of
from groundwork.operations.engines.ecs.copies import EcsCopies
from groundwork.operations.engines.ecs.events import SECONDS_BETWEEN, tell_events
from groundwork.operations.engines.ecs.reasons import stop_reason
from groundwork.operations.engines.ecs.shifting import ShiftingDeployments, shifts
from groundwork.operations.engines.ecs.states import EcsStates
from groundwork.operations.engines.ecs.tasks import EcsTasks
from groundwork.operations.errors import DeploymentFailedError
from groundwork.operations.progress import Pending, Progress


@dataclass(frozen=True)
class Deployment:
    """A revision of a service that is on its way."""

    service: str
    """As ECS names it."""
    definition: str
    """The revision's ARN."""
    id: str


class EcsOperations(EcsStates, EcsTasks, EcsCopies):
    """The cluster of a stack, as the commands use an engine."""

    starts_first_image = False

    def __init__(self, account: StackAccount) -> None:
        super().__init__(account)
        self._shifting = ShiftingDeployments(self._client, self.cluster)

    def under_way(self, service: str, image: str) -> str | None:
        """Return which other deployment is under way, and since when; None where none is, or one that shifts requests away from the
        image: that goes back."""
        described = self.service(service)
        found = primary_of(described)
        if shifts(described):
            found = self._shifting.under_way(described["serviceArn"]) or {}
            if found and not found["status"].startswith("ROLLBACK") and self._leaves(described, service, image):
                return None
        elif found.get("rolloutState") != "IN_PROGRESS":
            return None
        if not found:
            return None
        image, who = self.image(described, service), self._registrar(described["taskDefinition"])
        by = f" by {who}" if who else ""
        return f"a deployment of {image}{by} has been under way since {found['createdAt']:%H:%M:%S}"

    def _registrar(self, arn: str) -> str:
        """Return the ARN of whoever registered a revision, as far as ECS says so."""
        with plain_errors(f"reading the task definition {arn}"):
            said = self._client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return str(said.get("registeredBy") or "")

    def _leaves(self, described: Mapping[str, Any], container: str, image: str) -> bool:
        """Tell whether the copies that a deployment takes requests from run an image."""
        primary = primary_of(described)
        before = [one["taskDefinition"] for one in described["deployments"] if one["id"] != primary.get("id")]
        return any(self.image({"taskDefinition": definition}, container) == image for definition in before)

    def roll_out(self, service: str, image: str, progress: Progress, seconds: float) -> None:
        """Run a revision that differs in the image alone; ECS goes back by itself where copies fail or an alarm rings."""
        described = self.service(service)
        arn = described.get("serviceArn", "")
        if shifts(described) and (going := self._shifting.under_way(arn)):
            self._shifting.go_back(going["serviceDeploymentArn"], progress, seconds)
            return
        definition = self.register(described["taskDefinition"], service, image)
        self._deploy(described, {"taskDefinition": definition}, progress, seconds)

    def restart(self, service: str, progress: Progress, seconds: float) -> None:
        """Have ECS start copies of the same revision in place of those that run."""
        self._deploy(self.service(service), {"forceNewDeployment": True}, progress, seconds)

    def _deploy(
        self, service: Mapping[str, Any], change: Mapping[str, Any], progress: Progress, seconds: float
    ) -> None:
        """Change a service by a deployment, and wait for its end. Raises as :meth:`roll_out` does."""
        arn = service.get("serviceArn", "")
        known = self._shifting.known(arn) if shifts(service) else set()
        deployment = self._start(service, change)
        try:
            if shifts(service):
                begun = self._shifting.wait_for_new(arn, known, progress)
                self._shifting.wait(begun, progress, seconds)
            else:
                self._wait(deployment, progress, seconds)
        except DeploymentFailedError as failure:
            reasons = self.why_stopped(deployment)
            raise DeploymentFailedError("\n".join([str(failure), *reasons])) from None

    def _start(self, service: Mapping[str, Any], change: Mapping[str, Any]) -> Deployment:
        with plain_errors(f"starting the deployment of {service['serviceName']}"):
            said = self._client.update_service(cluster=self.cluster, service=service["serviceName"], **change)[
                "service"
            ]
        return Deployment(service["serviceName"], said["taskDefinition"], primary_of(said)["id"])

    def _wait(self, deployment: Deployment, progress: Progress, seconds: float) -> None:
        """Wait until a deployment is done, and tell what happens on the way.

        Raises DeploymentFailedError where ECS gave it up and went back, or another one took its place; OperationError after ``seconds``.
        """
        seen: set[str] = set()

        def look() -> Pending | None:
            described = self._describe(deployment.service)
            tell_events(described, seen, progress)
            found = next((one for one in described["deployments"] if one["id"] == deployment.id), None)
            if found is None:
                raise DeploymentFailedError("another deployment has taken its place")
            state = found.get("rolloutState", "COMPLETED")
            progress.say(progress_of(found, described["deployments"]))
            if state == "COMPLETED":
                return None
            if state == "FAILED":
                raise DeploymentFailedError(found.get("rolloutStateReason") or "ECS gave no reason")
            return Pending(
                progress_of(found, described["deployments"]),
                f"{deployment.service} is not steady {after(seconds)}; ECS goes on, and goes back by itself if it gives up. "
                "`groundwork rollback` goes back now",
            )

        progress.wait_for(look, seconds=seconds, every=SECONDS_BETWEEN)

    def why_stopped(self, deployment: Deployment) -> list[str]:
        """Return why copies of a revision stopped, each reason once, in ECS's words with what they mean."""
        with plain_errors("asking why copies stopped"):
            arns = self._client.list_tasks(
                cluster=self.cluster, serviceName=deployment.service, desiredStatus="STOPPED"
            )["taskArns"]
            tasks = self._client.describe_tasks(cluster=self.cluster, tasks=arns[:100])["tasks"] if arns else []
        mine = [task for task in tasks if task.get("taskDefinitionArn") == deployment.definition]
        return list(dict.fromkeys(reason for task in mine if (reason := stop_reason(task))))
