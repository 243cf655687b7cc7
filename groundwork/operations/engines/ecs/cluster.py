"""What every part of ECS starts from: the cluster of a stack, its services and jobs, and revisions of what they run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import DeploymentFailedError, NotFoundError, OperationError
from groundwork.settings.images import jobs_path

# What a description of a task definition says beside what one registers:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
_DESCRIBED = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
)


class RunningCluster:
    """The cluster of a stack."""

    def __init__(self, account: StackAccount) -> None:
        self.account = account
        self.cluster = account.slug
        self._client = account.client("ecs")

    def service(self, name: str) -> dict[str, Any]:
        """Return ECS's description of a service of the stack file. OperationError where the cluster or the service is not there."""
        found = self.services().get(name)
        if found is None:
            raise NotFoundError(
                f"there is no service {name} in the cluster {self.cluster} ({self.account.place}); run pulumi up first"
            )
        return found

    def services(self) -> dict[str, dict[str, Any]]:
        """Return ECS's descriptions of all services, by their names in the stack file."""
        with plain_errors(f"looking for the services of {self.cluster}"):
            try:
                pages = self._client.get_paginator("list_services").paginate(cluster=self.cluster)
                arns = [arn for page in pages for arn in page["serviceArns"]]
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ClusterNotFoundException":
                    raise NotFoundError(
                        f"there is no cluster {self.cluster} in {self.account.place}; run pulumi up --stack "
                        f"{self.account.stack.name} first, or choose other credentials"
                    ) from None
                raise
            # As many as one question takes.
            some = [arns[at : at + 10] for at in range(0, len(arns), 10)]
            described = [
                one
                for few in some
                for one in self._client.describe_services(cluster=self.cluster, services=few, include=["TAGS"])[
                    "services"
                ]
            ]
        return {
            tags["service"]: one for one in described if "service" in (tags := _tags(one)) and one["status"] == "ACTIVE"
        }

    def _describe(self, name: str) -> dict[str, Any]:
        with plain_errors(f"asking how {name} is"):
            found = self._client.describe_services(cluster=self.cluster, services=[name])["services"]
        if not found:
            raise DeploymentFailedError(f"the service {name} is gone")
        one: dict[str, Any] = found[0]
        return one

    def definition(self, arn: str) -> dict[str, Any]:
        """Return a task definition with its tags, as one registers it."""
        with plain_errors(f"reading the task definition {arn}"):
            said = self._client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        wanted = {key: value for key, value in said["taskDefinition"].items() if key not in _DESCRIBED}
        return {**wanted, **({"tags": said["tags"]} if said.get("tags") else {})}

    def register(self, arn: str, container: str, image: str) -> str:
        """Register the revision that differs from one in a container's image alone; return its ARN."""
        wanted = self.definition(arn)
        containers = {one["name"]: one for one in wanted["containerDefinitions"]}
        if container not in containers:
            raise OperationError(
                f"the task definition {arn} has no container {container}; run pulumi up, which declares it"
            )
        containers[container]["image"] = image
        with plain_errors("registering the new revision"):
            return str(self._client.register_task_definition(**wanted)["taskDefinition"]["taskDefinitionArn"])

    def image(self, service: Mapping[str, Any], container: str) -> str:
        """Return the image that a service's current revision runs."""
        containers = self.definition(service["taskDefinition"])["containerDefinitions"]
        return next((str(one["image"]) for one in containers if one["name"] == container), "")

    def _tasks(self, name: str, **which: str) -> list[dict[str, Any]]:
        """Return tasks of a service or job, the newest first: a hundred at most, as many as one description takes."""
        with plain_errors(f"asking for the tasks of {name}"):
            pages = self._client.get_paginator("list_tasks").paginate(
                cluster=self.cluster, **which, PaginationConfig={"MaxItems": 100}
            )
            arns = [arn for page in pages for arn in page["taskArns"]]
            if not arns:
                return []
            tasks = self._client.describe_tasks(cluster=self.cluster, tasks=arns, include=["TAGS"])["tasks"]
        return sorted(tasks, key=lambda task: str(task.get("stoppedAt") or task.get("createdAt") or ""), reverse=True)

    def _job(self, name: str) -> dict[str, Any]:
        """Return what a job's parameter says of how it is run."""
        parameter = f"{jobs_path(self.account.prefix)}/{name}"
        with plain_errors(f"reading how {name} is run"):
            try:
                text = self.account.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    raise NotFoundError(
                        f"there is no job {name} in {self.account.place}; run pulumi up --stack {self.account.stack.name} first"
                    ) from None
                raise
        told: dict[str, Any] = json.loads(text)
        return told


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in described.get("tags", ())}


def primary_of(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return the deployment that a service is to come to; empty where ECS says none."""
    return next((one for one in service.get("deployments", ()) if one.get("status") == "PRIMARY"), {})


def progress_of(found: Mapping[str, Any], all_of_them: Sequence[Mapping[str, Any]]) -> str:
    """Return in words how far a deployment is."""
    old = sum(int(one.get("runningCount", 0)) for one in all_of_them if one["id"] != found["id"])
    failed = f", {found['failedTasks']} failed" if found.get("failedTasks") else ""
    running, wanted = found.get("runningCount", 0), found.get("desiredCount", 0)
    return f"{running} of {wanted} new copies run, {old} old{failed}"
