"""Services and jobs on ECS, on Fargate and on instances: what runs, a new image, a task of its own."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.ecs_events import SECONDS_BETWEEN, matters, tell_events
from groundwork.operations.engine import (
    SESSION_PLUGIN,
    JobState,
    Scaling,
    ServiceState,
    TerminalSession,
    plugin_session,
    program,
)
from groundwork.operations.errors import CommandFailed, DeploymentFailed, NotThere, OperationError
from groundwork.operations.groups import groups_of, resize
from groundwork.operations.meanings import Reason, meaning_of
from groundwork.operations.meanings import reason as reason_of
from groundwork.operations.progress import Progress
from groundwork.operations.shifting import ShiftingDeployments, shifts
from groundwork.settings.images import jobs_path

_DIMENSION = "ecs:service:DesiredCount"
_EVENTS = 5
_IDLE_SECONDS = "10800"
_REASONS = 3

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


@dataclass(frozen=True)
class Deployment:
    """A revision of a service that is on its way."""

    service: str
    """As ECS names it."""
    definition: str
    """The revision's ARN."""
    id: str


class EcsOperations:
    """The cluster of a stack."""

    starts_first_image = False

    def __init__(self, account: StackAccount) -> None:
        self.account = account
        self.cluster = account.slug
        self._client = account.client("ecs")
        self._shifting = ShiftingDeployments(self._client, self.cluster)

    def service(self, name: str) -> dict[str, Any]:
        """Return ECS's description of a service of the stack file. OperationError where the cluster or the service is not there."""
        found = self.services().get(name)
        if found is None:
            raise NotThere(
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
                    raise NotThere(
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

    def states(self) -> dict[str, ServiceState]:
        """Return how each service is; of those that are not as they should be also why copies stopped in the last hour, which is as long
        as ECS knows: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html"""
        return {name: self._service_state(name, described) for name, described in self.services().items()}

    def _service_state(self, name: str, described: Mapping[str, Any]) -> ServiceState:
        primary, deployments = _primary(described), described.get("deployments", ())
        changing = primary.get("rolloutState") == "IN_PROGRESS"
        events = [one for one in described.get("events", ()) if matters(one["message"])]
        since = max(
            (one["createdAt"] for one in described.get("events", ()) if "steady state" in one["message"]), default=None
        )
        events = [one["message"] for one in events if since is None or one["createdAt"] > since]
        short = described["runningCount"] < described["desiredCount"]
        troubles: list[Reason] = []
        if short or primary.get("failedTasks"):
            troubles = self._stopped(name, described["serviceName"])
        if primary.get("rolloutState") == "FAILED":
            said = primary.get("rolloutStateReason") or "the deployment failed"
            troubles.append(Reason(said, f"groundwork rollback {self.account.stack_name} {name}"))
        if short:
            troubles += [reason_of("stopped", event, self.account.stack_name, name) for event in events[:1]]
        return ServiceState(
            wanted=described["desiredCount"],
            running=described["runningCount"],
            pending=described["pendingCount"],
            image=self.image(described, name),
            deployed=primary.get("createdAt"),
            changing=_state(primary, deployments) if changing else None,
            events=tuple(events[:_EVENTS]),
            troubles=tuple(troubles),
        )

    def _stopped(self, name: str, service: str) -> list[Reason]:
        """Return why copies of a service stopped of late and not on purpose, each reason once, the newest first."""
        tasks = self._tasks(name, serviceName=service, desiredStatus="STOPPED")
        failed = [task for task in tasks if not _on_purpose(task)]
        reasons = [stop_explained(task, self.account.stack_name) for task in failed]
        return list({one.text: one for one in reasons if one.text}.values())[:_REASONS]

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

    def job_states(self) -> dict[str, JobState]:
        """Return how each job's last run was. What ended more than an hour ago ECS has forgotten; its log says when."""
        found: dict[str, JobState] = {}
        for name in self.account.settings.jobs:
            with contextlib.suppress(NotThere):
                found[name] = self._job_state(name)
        return found

    def _job_state(self, name: str) -> JobState:
        family = self._job(name)["taskDefinition"].rpartition("/")[2].partition(":")[0]
        if running := self._tasks(name, family=family, desiredStatus="RUNNING"):
            return JobState(running[0].get("startedAt") or running[0].get("createdAt"), "runs", running=True)
        stopped = self._tasks(name, family=family, desiredStatus="STOPPED")
        if not stopped:
            said = self._last_words(name)
            return JobState(said, "ran; how it ended is known for an hour") if said else JobState()
        newest = stopped[0]
        codes = [one.get("exitCode") for one in newest.get("containers", ()) if one["name"] == name]
        if codes == [0]:
            return JobState(newest.get("stoppedAt"), "ended with 0")
        why = stop_explained(newest, self.account.stack_name, layer="jobs")
        return JobState(newest.get("stoppedAt"), "failed", trouble=why)

    def _last_words(self, name: str) -> datetime.datetime | None:
        """Return when something was written to a service's or job's log last; None where never."""
        with plain_errors(f"reading when {name} ran last"):
            try:
                streams = self.account.client("logs").describe_log_streams(
                    logGroupName=f"{self.account.prefix}/services/{name}",
                    orderBy="LastEventTime",
                    descending=True,
                    limit=1,
                )["logStreams"]
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    return None
                raise
        at = streams[0].get("lastEventTimestamp") if streams else None
        return datetime.datetime.fromtimestamp(at / 1000, datetime.UTC) if at else None

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

    def under_way(self, service: str, image: str) -> str | None:
        """Return which other deployment is under way, and since when; None where none is, or one that shifts requests away from the
        image: that goes back."""
        described = self.service(service)
        found = _primary(described)
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
        primary = _primary(described)
        before = [one["taskDefinition"] for one in described["deployments"] if one["id"] != primary.get("id")]
        return any(self.image({"taskDefinition": definition}, container) == image for definition in before)

    def job_under_way(self, job: str) -> str | None:
        """Return which task of a job runs, and since when; None where none does."""
        with plain_errors(f"looking for tasks of {job}"):
            arns = self._client.list_tasks(cluster=self.cluster, family=self._job(job)["taskDefinition"])["taskArns"]
            tasks = self._client.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []
        running = next((task for task in tasks if task["lastStatus"] != "STOPPED"), None)
        if running is None:
            return None
        since = f" since {running['createdAt']:%H:%M:%S}" if "createdAt" in running else ""
        return f"the task {running['taskArn'].rpartition('/')[2]} of it has been running{since}"

    def roll_out(self, service: str, image: str, progress: Progress, seconds: float) -> None:
        """Run a revision that differs in the image alone; ECS goes back by itself where copies fail or an alarm rings."""
        described = self.service(service)
        arn = described.get("serviceArn", "")
        if shifts(described) and (going := self._shifting.under_way(arn)):
            self._shifting.go_back(going["serviceDeploymentArn"], progress, seconds)
            return
        definition = self.register(described["taskDefinition"], service, image)
        self._deploy(described, {"taskDefinition": definition}, progress, seconds)

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
        except DeploymentFailed as failure:
            reasons = self.why_stopped(deployment)
            raise DeploymentFailed("\n".join([str(failure), *reasons])) from None

    def restart(self, service: str, progress: Progress, seconds: float) -> None:
        """Have ECS start copies of the same revision in place of those that run."""
        self._deploy(self.service(service), {"forceNewDeployment": True}, progress, seconds)

    def scaling(self, service: str) -> Scaling:
        """Return the desired count, and the bounds of Application Auto Scaling."""
        described = self.service(service)
        target = self._scalable(described["serviceName"]) or {}
        return Scaling(
            now=described["desiredCount"],
            setting=f"services.{service}.scaling.min",
            least=target.get("MinCapacity"),
            most=target.get("MaxCapacity"),
        )

    def _scalable(self, name: str) -> dict[str, Any] | None:
        with plain_errors(f"asking what scales {name}"):
            pages = self._scaler.get_paginator("describe_scalable_targets").paginate(
                ServiceNamespace="ecs", ResourceIds=[self._resource(name)], ScalableDimension=_DIMENSION
            )
            return next((one for page in pages for one in page["ScalableTargets"]), None)

    @property
    def _scaler(self) -> Any:
        return self.account.client("application-autoscaling")

    def _resource(self, name: str) -> str:
        return f"service/{self.cluster}/{name}"

    def scale(self, service: str, count: int, least: int | None, most: int | None) -> None:
        """Move the bounds first, so that nothing takes the number back."""
        name = self.service(service)["serviceName"]
        if least is not None and most is not None:
            self._bound(name, least, most)
        self._count(name, count)

    def _bound(self, name: str, least: int, most: int) -> None:
        with plain_errors(f"moving the bounds of {name}"):
            self._scaler.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=self._resource(name),
                ScalableDimension=_DIMENSION,
                MinCapacity=least,
                MaxCapacity=most,
            )

    def _count(self, name: str, count: int) -> None:
        with plain_errors(f"asking for {count} copies of {name}"):
            self._client.update_service(cluster=self.cluster, service=name, desiredCount=count)

    def stand_still(self) -> Iterator[str]:
        """Want no copy of any service, as ``platform.hours`` does; instances go when their tasks have gone."""
        for name, described in self.services().items():
            if self._scalable(described["serviceName"]):
                self._bound(described["serviceName"], 0, 0)
            self._count(described["serviceName"], 0)
            yield f"{name}: no copy is wanted"
        for group in self._instance_groups():
            resize(self.account, group, 0)
            yield f"{group}: no instance is wanted"

    def start_again(self) -> Iterator[str]:
        """Want as many copies as the stack file says at least."""
        for group in self._instance_groups():
            least = self.account.settings.compute.capacity.min if self.account.settings.compute else 0
            resize(self.account, group, least)
            yield f"{group}: instances wanted at least: {least}"
        for name, described in self.services().items():
            wanted = self.account.settings.services[name].scaling
            if self._scalable(described["serviceName"]):
                self._bound(described["serviceName"], wanted.min, wanted.max)
            self._count(described["serviceName"], wanted.min)
            yield f"{name}: copies wanted: {wanted.min}"

    def _instance_groups(self) -> list[str]:
        compute = self.account.settings.compute
        if compute is None or not compute.has_instances:
            return []
        return [group["AutoScalingGroupName"] for group in groups_of(self.account)]

    def _start(self, service: Mapping[str, Any], change: Mapping[str, Any]) -> Deployment:
        with plain_errors(f"starting the deployment of {service['serviceName']}"):
            said = self._client.update_service(cluster=self.cluster, service=service["serviceName"], **change)[
                "service"
            ]
        return Deployment(service["serviceName"], said["taskDefinition"], _primary(said)["id"])

    def _wait(self, deployment: Deployment, progress: Progress, seconds: float) -> None:
        """Wait until a deployment is done, and tell what happens on the way.

        Raises DeploymentFailed where ECS gave it up and went back, or another one took its place; OperationError after ``seconds``.
        """
        seen: set[str] = set()
        began = progress.seconds
        while True:
            described = self._describe(deployment.service)
            tell_events(described, seen, progress)
            found = next((one for one in described["deployments"] if one["id"] == deployment.id), None)
            if found is None:
                raise DeploymentFailed("another deployment has taken its place")
            state = found.get("rolloutState", "COMPLETED")
            progress.say(_state(found, described["deployments"]))
            if state == "COMPLETED":
                return
            if state == "FAILED":
                raise DeploymentFailed(found.get("rolloutStateReason") or "ECS gave no reason")
            if progress.seconds - began > seconds:
                raise OperationError(
                    f"{deployment.service} is not steady after {int(seconds / 60)} minutes; ECS goes on, and goes back by itself if "
                    "it gives up. `groundwork rollback` goes back now"
                )
            progress.sleep(SECONDS_BETWEEN)

    def _describe(self, name: str) -> dict[str, Any]:
        with plain_errors(f"asking how {name} is"):
            found = self._client.describe_services(cluster=self.cluster, services=[name])["services"]
        if not found:
            raise DeploymentFailed(f"the service {name} is gone")
        one: dict[str, Any] = found[0]
        return one

    def why_stopped(self, deployment: Deployment) -> list[str]:
        """Return why copies of a revision stopped, each reason once, in ECS's words with what they mean."""
        with plain_errors("asking why copies stopped"):
            arns = self._client.list_tasks(
                cluster=self.cluster, serviceName=deployment.service, desiredStatus="STOPPED"
            )["taskArns"]
            tasks = self._client.describe_tasks(cluster=self.cluster, tasks=arns[:100])["tasks"] if arns else []
        mine = [task for task in tasks if task.get("taskDefinitionArn") == deployment.definition]
        return list(dict.fromkeys(reason for task in mine if (reason := stop_reason(task))))

    def run(self, service: str, command: Sequence[str], progress: Progress, seconds: float) -> Iterator[str]:
        """Run a command in a task of its own, which differs from the service's in the command alone."""
        described = self.service(service)
        overrides = {"containerOverrides": [{"name": service, "command": list(command)}]}
        arn = self._start_task(
            service,
            described["taskDefinition"],
            network=described["networkConfiguration"],
            capacity=[{**one, "base": 0} for one in described.get("capacityProviderStrategy", ())],
            overrides=overrides,
        )
        yield from self._watched(arn, service, progress, seconds)

    def run_job(
        self, job: str, image: str | None, command: Sequence[str], progress: Progress, seconds: float
    ) -> Iterator[str]:
        """Run a job as its parameter says. A revision that was made for it goes again where the job fails."""
        told = self._job(job)
        family, container = told["taskDefinition"], told["container"]
        definition = self.register(family, container, image) if image else family
        overrides = {"containerOverrides": [{"name": container, "command": list(command)}]} if command else {}
        network = {"subnets": told["subnets"], "securityGroups": told["securityGroups"], "assignPublicIp": "DISABLED"}
        try:
            arn = self._start_task(
                job,
                definition,
                network={"awsvpcConfiguration": network},
                capacity=[{"capacityProvider": told["capacityProvider"], "weight": 1}],
                overrides=overrides,
            )
            yield from self._watched(arn, container, progress, seconds)
        except BaseException:
            if image:
                with plain_errors(f"removing the revision that {job} failed with"):
                    self._client.deregister_task_definition(taskDefinition=definition)
            raise

    def renew_job(self, job: str, image: str) -> None:
        """Register the job's next revision; whatever starts the job starts its newest."""
        told = self._job(job)
        self.register(told["taskDefinition"], told["container"], image)

    def _job(self, name: str) -> dict[str, Any]:
        """Return what a job's parameter says of how it is run."""
        parameter = f"{jobs_path(self.account.prefix)}/{name}"
        with plain_errors(f"reading how {name} is run"):
            try:
                text = self.account.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    raise NotThere(
                        f"there is no job {name} in {self.account.place}; run pulumi up --stack {self.account.stack.name} first"
                    ) from None
                raise
        told: dict[str, Any] = json.loads(text)
        return told

    def _start_task(
        self,
        name: str,
        definition: str,
        *,
        network: Mapping[str, Any],
        capacity: Sequence[Mapping[str, Any]],
        overrides: Mapping[str, Any],
        started_by: str = "groundwork",
        takes_sessions: bool = False,
    ) -> str:
        """Start one task of a service or job, and return its ARN."""
        with plain_errors(f"starting a task of {name}"):
            said = self._client.run_task(
                cluster=self.cluster,
                taskDefinition=definition,
                count=1,
                networkConfiguration=network,
                overrides=overrides,
                startedBy=started_by,
                enableExecuteCommand=takes_sessions,
                propagateTags="TASK_DEFINITION",
                tags=[{"key": "service", "value": name}],
                **({"capacityProviderStrategy": list(capacity)} if capacity else {}),
            )
        if not said["tasks"]:
            reasons = "; ".join(
                f"{one.get('reason')} {one.get('detail', '')}".strip() for one in said.get("failures", ())
            )
            raise OperationError(f"ECS starts no task of {name}: {reasons or 'it gave no reason'}")
        return str(said["tasks"][0]["taskArn"])

    def _watched(self, arn: str, container: str, progress: Progress, seconds: float) -> Iterator[str]:
        """Yield what a task says; stop it where nobody listens any more."""
        try:
            yield from self.wait_for_task(arn, container, progress, seconds)
        except (KeyboardInterrupt, GeneratorExit):
            self.stop(arn, "whoever started it left")
            raise

    def wait_for_task(self, arn: str, container: str, progress: Progress, seconds: float) -> Iterator[str]:
        """Yield what a task's container says until it has stopped. Raises CommandFailed where it did not end with 0, and OperationError
        after ``seconds``, when it is stopped."""
        began = progress.seconds
        said = 0
        stream: dict[str, str] = {}
        while True:
            with plain_errors("asking how the task is"):
                task = self._client.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0]
            stream = stream or self._stream(task, container)
            lines = self._log_lines(**stream)
            yield from lines[said:]
            said = len(lines)
            if task["lastStatus"] == "STOPPED":
                found: dict[str, Any] = next(
                    (one for one in task.get("containers", ()) if one["name"] == container), {}
                )
                if found.get("exitCode") != 0:
                    raise CommandFailed(stop_reason(task) or f"it ended with {found.get('exitCode')}")
                return
            if progress.seconds - began > seconds:
                self.stop(arn, "it took too long")
                raise OperationError(f"it was stopped, since it was not done after {seconds / 60:g} minutes")
            progress.sleep(SECONDS_BETWEEN)

    def _stream(self, task: Mapping[str, Any], container: str) -> dict[str, str]:
        """Return a task's log group and stream, which is named after prefix, container and task:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html"""
        containers = self.definition(task["taskDefinitionArn"])["containerDefinitions"]
        options = next(one for one in containers if one["name"] == container)["logConfiguration"]["options"]
        id_ = task["taskArn"].rpartition("/")[2]
        return {"group": options["awslogs-group"], "stream": f"{options['awslogs-stream-prefix']}/{container}/{id_}"}

    def _log_lines(self, group: str, stream: str) -> list[str]:
        pages = self.account.client("logs").get_paginator("filter_log_events")
        with plain_errors("reading what the task says"):
            try:
                return [
                    str(event["message"]).rstrip("\n")
                    for page in pages.paginate(logGroupName=group, logStreamNames=[stream])
                    for event in page["events"]
                ]
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    # It has said nothing yet.
                    return []
                raise

    def stop(self, arn: str, reason: str) -> None:
        """Stop a task."""
        with plain_errors("stopping the task"):
            self._client.stop_task(cluster=self.cluster, task=arn, reason=reason)

    def start_idle(self, service: str, group: str, *, started_by: str, progress: Progress, seconds: float) -> str:
        """Start a task that differs from a service's in that it does nothing and stands in one more security group, and return it as Session
        Manager names it, once it can be reached.

        It ends by itself after three hours. OperationError where it does not start, as where its image has no ``sleep``.
        """
        described = self.service(service)
        network = described["networkConfiguration"]["awsvpcConfiguration"]
        arn = self._start_task(
            service,
            described["taskDefinition"],
            network={"awsvpcConfiguration": {**network, "securityGroups": [*network["securityGroups"], group]}},
            capacity=[{**one, "base": 0} for one in described.get("capacityProviderStrategy", ())],
            overrides={"containerOverrides": [{"name": service, "command": ["sleep", _IDLE_SECONDS]}]},
            started_by=started_by,
            takes_sessions=True,
        )
        began = progress.seconds
        while True:
            with plain_errors("asking how the task is"):
                task = self._client.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0]
            if task["lastStatus"] == "STOPPED":
                raise OperationError(
                    f"the idle task stopped: {task.get('stoppedReason') or 'ECS gave no reason'}; the image of {service} needs sleep, "
                    "and an entry point that runs what it is told"
                )
            agents = [
                agent["lastStatus"]
                for one in task.get("containers", ())
                if one["name"] == service
                for agent in one.get("managedAgents", ())
            ]
            if task["lastStatus"] == "RUNNING" and agents == ["RUNNING"]:
                return self._target(task, service)
            if progress.seconds - began > seconds:
                raise OperationError(
                    f"the idle task cannot be reached after {int(seconds / 60)} minutes (it is {task['lastStatus']}); "
                    f"groundwork status {self.account.stack_name} may say why"
                )
            progress.say(f"the idle task: {task['lastStatus']}")
            progress.sleep(SECONDS_BETWEEN)

    def stop_started_by(self, who: str) -> None:
        """Stop all tasks that somebody started."""
        with plain_errors(f"looking for tasks of {who}"):
            pages = self._client.get_paginator("list_tasks").paginate(cluster=self.cluster, startedBy=who)
            arns = [arn for page in pages for arn in page["taskArns"]]
        for arn in arns:
            self.stop(arn, "it is done")

    def check_sessions(self, service: str) -> None:
        """Raise OperationError where no session may be opened in tasks of a service."""
        if not self.service(service).get("enableExecuteCommand"):
            raise OperationError(f"no session may be opened in {service}; say compute.exec: true, and run pulumi up")

    def session_target(self, services: Sequence[str]) -> str:
        """Return a running task of the first service that has one, as Session Manager names it."""
        for name in services:
            described = self.service(name)
            if not described.get("enableExecuteCommand"):
                raise OperationError(f"no session may be opened in {name}; say compute.exec: true, and run pulumi up")
            if task := self._running_task(name, described):
                return self._target(task, name)
        raise OperationError(
            f"no copy of {' or '.join(services)} runs, through which the way would go; groundwork status "
            f"{self.account.stack_name} says why"
        )

    def _running_task(self, name: str, described: Mapping[str, Any]) -> dict[str, Any] | None:
        tasks = self._tasks(name, serviceName=described["serviceName"], desiredStatus="RUNNING")
        return next((one for one in tasks if one["lastStatus"] == "RUNNING"), None)

    def _target(self, task: Mapping[str, Any], container: str) -> str:
        runtime = next(one["runtimeId"] for one in task["containers"] if one["name"] == container)
        return f"ecs:{self.cluster}_{task['taskArn'].rpartition('/')[2]}_{runtime}"

    def session(self, service: str, command: str) -> TerminalSession:
        """Return the call of Session Manager's plugin that opens a terminal in a copy, as the AWS CLI makes it:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html"""
        described = self.service(service)
        if not described.get("enableExecuteCommand"):
            raise OperationError(f"nobody may open a terminal in {service}; say compute.exec: true, and run pulumi up")
        plugin = program(*SESSION_PLUGIN)
        with plain_errors(f"opening a terminal in {service}"):
            arns = self._client.list_tasks(
                cluster=self.cluster, serviceName=described["serviceName"], desiredStatus="RUNNING"
            )["taskArns"]
            if not arns:
                raise OperationError(
                    f"no copy of {service} runs; groundwork logs {self.account.stack_name} {service} may say why"
                )
            tasks = self._client.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]
            task = next((one for one in tasks if one["lastStatus"] == "RUNNING"), tasks[0])
            runtime = next(one["runtimeId"] for one in task["containers"] if one["name"] == service)
            opened = self._client.execute_command(
                cluster=self.cluster, task=task["taskArn"], container=service, command=command, interactive=True
            )["session"]
        target = f"ecs:{self.cluster}_{task['taskArn'].rpartition('/')[2]}_{runtime}"
        return plugin_session(plugin, self.account, opened, {"Target": target})


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in described.get("tags", ())}


def _primary(service: Mapping[str, Any]) -> dict[str, Any]:
    return next((one for one in service.get("deployments", ()) if one.get("status") == "PRIMARY"), {})


def _state(found: Mapping[str, Any], all_of_them: Sequence[Mapping[str, Any]]) -> str:
    old = sum(int(one.get("runningCount", 0)) for one in all_of_them if one["id"] != found["id"])
    failed = f", {found['failedTasks']} failed" if found.get("failedTasks") else ""
    running, wanted = found.get("runningCount", 0), found.get("desiredCount", 0)
    return f"{running} of {wanted} new copies run, {old} old{failed}"


def _on_purpose(task: Mapping[str, Any]) -> bool:
    """Tell whether a task stopped because somebody, scaling or a deployment wanted so."""
    said = str(task.get("stoppedReason") or "")
    return task.get("stopCode") == "UserInitiated" or said.startswith("Scaling activity initiated")


def stop_reason(task: Mapping[str, Any]) -> str:
    """Return why a task stopped: ECS's words, and what they mean."""
    return stop_explained(task, "STACK").text


def stop_explained(task: Mapping[str, Any], stack: str, *, layer: str = "services") -> Reason:
    """Return why a task stopped, what that means and what to do; an empty text where ECS says nothing."""
    containers = [one for one in task.get("containers", ()) if one.get("reason") or one.get("exitCode")]
    parts = [str(task.get("stoppedReason") or "")]
    for one in containers:
        ended = f"{one['name']} ended with {one['exitCode']}" if one.get("exitCode") is not None else one["name"]
        parts.append(f"{ended}: {one['reason']}" if one.get("reason") else ended)
    said = "; ".join(part for part in parts if part)
    service = next((tag["value"] for tag in task.get("tags", ()) if tag["key"] == "service"), "NAME")
    codes = " ".join(f"exit {one['exitCode']}" for one in containers if one.get("exitCode") is not None)
    meaning = meaning_of("stopped", f"{said} {codes}", stack, service, layer=layer)
    return Reason(f"{said} ({meaning.means})", meaning.next) if meaning else Reason(said)
