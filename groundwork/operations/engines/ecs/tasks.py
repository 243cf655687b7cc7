"""Tasks of their own on ECS: jobs, commands, and sessions in copies that run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import botocore.exceptions

from groundwork.operations.account import code_of, plain_errors
from groundwork.operations.durations import after
from groundwork.operations.engines.ecs.cluster import RunningCluster
from groundwork.operations.engines.ecs.events import SECONDS_BETWEEN
from groundwork.operations.engines.ecs.reasons import stop_reason
from groundwork.operations.engines.runner import SESSION_PLUGIN, ServiceCopy, TerminalSession, plugin_session, program
from groundwork.operations.errors import CommandFailedError, OperationError
from groundwork.operations.progress import Pending, Progress

_IDLE_SECONDS = "10800"


class EcsTasks(RunningCluster):
    """What runs once in a cluster, and ways into what runs."""

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
        """Yield what a task's container says until it has stopped. Raises CommandFailedError where it did not end with 0, and OperationError
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
                    raise CommandFailedError(stop_reason(task) or f"it ended with {found.get('exitCode')}")
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

        def look() -> str | Pending:
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
            return Pending(
                f"the idle task: {task['lastStatus']}",
                f"the idle task cannot be reached {after(seconds)} (it is {task['lastStatus']}); groundwork status "
                f"{self.account.stack_name} may say why",
            )

        return progress.wait_for(look, seconds=seconds, every=SECONDS_BETWEEN)

    def stop(self, arn: str, reason: str) -> None:
        """Stop a task."""
        with plain_errors("stopping the task"):
            self._client.stop_task(cluster=self.cluster, task=arn, reason=reason)

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

    def a_copy(self, service: str) -> ServiceCopy:
        """Return a task of a service."""
        with plain_errors(f"looking for a task of {service}"):
            arns = self._client.list_tasks(
                cluster=self.cluster, serviceName=self.service(service)["serviceName"], desiredStatus="RUNNING"
            )["taskArns"]
        if not arns:
            raise OperationError(f"ECS shows no task of {service}; look: groundwork status {self.account.stack_name}")
        arn, short = arns[0], arns[0].rpartition("/")[2]

        def is_gone() -> bool:
            with plain_errors(f"asking how the task {short} is"):
                found = self._client.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"]
            return not found or found[0]["lastStatus"] == "STOPPED"

        return ServiceCopy(
            f"the task {short}",
            f"aws ecs stop-task --cluster {self.cluster} --task {short}",
            lambda: self.stop(arn, "groundwork recover: to see that another comes"),
            is_gone,
        )

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
