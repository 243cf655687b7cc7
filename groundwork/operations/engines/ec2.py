"""Services on EC2 instances: a unit of systemd on each, which reads its image when it starts."""

from __future__ import annotations

import datetime
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from groundwork.components.compute.ec2.commands import BUSY, NOT_HERE, job_document, job_script, restart_document
from groundwork.components.compute.ec2.shape import InstanceKind, parts
from groundwork.operations import images
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.engines.runner import (
    SESSION_PLUGIN,
    JobState,
    Scaling,
    ServiceCopy,
    ServiceState,
    TerminalSession,
    plugin_session,
    program,
)
from groundwork.operations.errors import (
    CommandFailedError,
    DeploymentFailedError,
    NotFoundError,
    OperationError,
    UnreachableError,
)
from groundwork.operations.groups import groups_of, resize
from groundwork.operations.meanings import Reason, reason
from groundwork.operations.progress import Progress
from groundwork.operations.tags import tag_filters
from groundwork.settings.images import NOTHING

_SECONDS_BETWEEN = 3
_SECONDS_TO_BE_HEARD = 60
_SECONDS_TO_TELL = 30

_STATE = Path(__file__).with_name("state_on_instance.py")
"""What tells how services and jobs are, in the words of systemd and Docker, on an instance itself."""


class Ec2Operations:
    """The instances of a stack."""

    starts_first_image = True

    def __init__(self, account: StackAccount) -> None:
        self.account = account
        self._ec2 = account.client("ec2")
        self._ssm = account.client("ssm")

    def _running(self) -> list[str]:
        filters = [*tag_filters(self.account), {"Name": "instance-state-name", "Values": ["running"]}]
        with plain_errors("looking for the stack's instances"):
            pages = self._ec2.get_paginator("describe_instances").paginate(Filters=filters)
            found = [
                one["InstanceId"] for page in pages for batch in page["Reservations"] for one in batch["Instances"]
            ]
        return sorted(found)

    def _kinds(self) -> list[tuple[InstanceKind, dict[str, Any]]]:
        """Return each kind of instances whose group is there, with the group."""
        compute, platform = self.account.settings.compute, self.account.settings.platform
        if compute is None:
            return []
        kinds = parts(compute, self.account.settings.services, has_cache=False)
        groups = groups_of(self.account)
        found = [
            (
                kind,
                next(
                    (
                        one
                        for one in groups
                        if one["AutoScalingGroupName"].startswith(f"{platform.name}-compute-{kind.key}-")
                    ),
                    None,
                ),
            )
            for kind in kinds
        ]
        return [(kind, group) for kind, group in found if group is not None]

    def _kind_of(self, service: str) -> tuple[InstanceKind, dict[str, Any]]:
        found = next(((kind, group) for kind, group in self._kinds() if service in kind.services), None)
        if found is None:
            raise NotFoundError(
                f"there is no Auto Scaling group for {service} in {self.account.place}; run pulumi up first"
            )
        return found

    def scaling(self, service: str) -> Scaling:
        """Return the number of instances, of which each runs a copy of several services."""
        kind, group = self._kind_of(service)
        return Scaling(
            now=group["DesiredCapacity"],
            setting="compute.instances.min",
            least=group["MinSize"],
            most=group["MaxSize"],
            shared=kind.services,
            limit=1 if kind.most == 1 else None,
        )

    def scale(self, service: str, count: int, least: int | None, most: int | None) -> None:
        """Ask for a number of instances."""
        _, group = self._kind_of(service)
        resize(self.account, group["AutoScalingGroupName"], least or 0, most, count)

    def restart(self, service: str, progress: Progress, seconds: float) -> None:
        """Restart the service's unit on one instance after the other."""
        done = 0
        for instance in self.instances():
            progress.say(f"{service} starts on {instance}")
            done += self._restart(instance, service, progress, seconds)
        if not done:
            raise OperationError(f"no instance runs {service}; run pulumi up first")

    def stop_all(self) -> Iterator[str]:
        """Want no instance."""
        for _, group in self._kinds():
            resize(self.account, group["AutoScalingGroupName"], 0, 0, 0)
            yield f"{group['AutoScalingGroupName']}: no instance is wanted"

    def start_all(self) -> Iterator[str]:
        """Want as many instances as the stack file says at least."""
        for kind, group in self._kinds():
            resize(self.account, group["AutoScalingGroupName"], kind.least, kind.most, kind.least)
            yield f"{group['AutoScalingGroupName']}: instances wanted: {kind.least}"

    def states(self) -> dict[str, ServiceState]:
        """Return how each service is on all instances that there should be: one copy on each."""
        kinds = self._kinds()
        if not kinds:
            return {}
        told, silent = self._told()
        return {
            name: self._service_state(name, group["DesiredCapacity"], told, silent)
            for kind, group in kinds
            for name in kind.services
        }

    def _service_state(
        self,
        name: str,
        wanted: int,
        told: Mapping[str, Mapping[str, Any]],
        silent: Sequence[Reason],
    ) -> ServiceState:
        copies = {instance: one["services"][name] for instance, one in told.items() if name in one["services"]}
        unwell = [(instance, one) for instance, one in copies.items() if not one["well"]]
        began = [datetime.datetime.fromisoformat(one["started"]) for one in copies.values() if one["started"]]
        return ServiceState(
            wanted=wanted,
            running=len(copies) - len(unwell),
            pending=max(0, wanted - len(copies)),
            image=next((one["image"] for one in copies.values()), ""),
            deployed=max(began, default=None),
            changing=self.under_way(name, ""),
            troubles=(*(self._why(name, instance, one) for instance, one in unwell), *silent),
        )

    def _why(self, name: str, instance: str, copy: Mapping[str, Any]) -> Reason:
        ended = f"ended with {copy['exit']}, exit {copy['exit']}" if copy["exit"] else "its check fails"
        said = "OutOfMemory" if copy["out_of_memory"] else ended
        return reason("stopped", f"on {instance}: {said}", self.account.stack_name, name)

    def _told(self) -> tuple[dict[str, dict[str, Any]], list[Reason]]:
        """Return what each instance says of itself, and which do not answer."""
        names = " ".join(map(shlex.quote, self.account.settings.services))
        jobs = " ".join(map(shlex.quote, self.account.settings.jobs))
        script = f"python3 - {names} -- {jobs} <<'END'\n{_STATE.read_text(encoding='utf-8')}END\n"
        told: dict[str, dict[str, Any]] = {}
        silent: list[Reason] = []
        look = f"aws ssm describe-instance-information --region {self.account.settings.region}"
        for instance in self._running():
            try:
                code, output = self.command(instance, script, Progress(tell=lambda _: None), _SECONDS_TO_TELL)
            except UnreachableError:
                raise
            except OperationError as error:
                silent.append(Reason(str(error), look))
                continue
            if code == 0:
                told[instance] = json.loads(output.splitlines()[-1])
            else:
                silent.append(Reason(f"{instance} cannot tell how it is: {output[-300:]}", look))
        return told, silent

    def job_states(self) -> dict[str, JobState]:
        """Return how each job's newest run was, on whichever instance."""
        told, _ = self._told()
        found: dict[str, JobState] = {}
        for one in told.values():
            for name, run in one["jobs"].items():
                state = self._job_state(name, run)
                before = found.get(name)
                if before is None or (state.at and (before.at is None or state.at > before.at)):
                    found[name] = state
        return found

    def _job_state(self, name: str, run: Mapping[str, Any]) -> JobState:
        at = datetime.datetime.fromtimestamp(run["at"], datetime.UTC) if run["at"] else None
        if run["running"]:
            return JobState(at, "runs", running=True)
        if at is None:
            return JobState(None, "has not run since the instance started")
        if run["exit"] == 0 and run["result"] == "success":
            return JobState(at, "ended with 0")
        said = f"ended with {run['exit']} ({run['result']}), exit {run['exit']}"
        return JobState(at, "failed", trouble=reason("stopped", said, self.account.stack_name, name, layer="jobs"))

    def instances(self) -> list[str]:
        """Return the instances that run, by their tags."""
        found = self._running()
        if not found:
            raise OperationError(
                f"no instance of {self.account.slug} runs in {self.account.place}; run pulumi up first, or is this outside its hours?"
            )
        return found

    def under_way(self, service: str, image: str) -> str | None:
        """Return what stands in the way: a restart by another deployment, or an instance refresh, which starts everything anew by itself."""
        document = restart_document(self.account.slug)
        with plain_errors("looking for another deployment"):
            pages = self._ssm.get_paginator("list_commands").paginate(
                Filters=[{"key": "DocumentName", "value": document}, {"key": "Status", "value": "InProgress"}]
            )
            for sent in (one for page in pages for one in page["Commands"]):
                if (sent["DocumentName"], sent["Status"]) == (document, "InProgress") and service in sent["Parameters"][
                    "service"
                ]:
                    return f"it has been starting on {', '.join(sent['InstanceIds'])} since {sent['RequestedDateTime']:%H:%M:%S}"
        with plain_errors("looking for an instance refresh"):
            for group in groups_of(self.account):
                name = group["AutoScalingGroupName"]
                refreshes = self.account.client("autoscaling").describe_instance_refreshes(
                    AutoScalingGroupName=name, MaxRecords=1
                )
                for one in refreshes["InstanceRefreshes"]:
                    if one["Status"] in ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"):
                        return f"an instance refresh of {name} is under way"
        return None

    def job_under_way(self, job: str) -> None:
        """Return None: the instance itself refuses a second run, and says so."""

    def roll_out(self, service: str, image: str, progress: Progress, seconds: float) -> None:
        """Restart the service's unit on one instance after the other; where it stays unwell, on those that have it already again."""
        holder = images.image_of(self.account, service)
        before = images.replaced(self.account, holder)
        done: list[str] = []
        for instance in self.instances():
            progress.say(f"{service} starts on {instance}")
            try:
                if self._restart(instance, service, progress, seconds):
                    done.append(instance)
            except DeploymentFailedError as failure:
                images.take_back(self.account, holder, image, to=before)
                for other in (*done, instance):
                    progress.say(
                        f"{service} goes back to {'the placeholder' if before == NOTHING else before} on {other}"
                    )
                    self._restart(other, service, progress, seconds)
                raise failure from None
        if not done:
            raise OperationError(f"no instance runs {service}; run pulumi up first")

    def _restart(self, instance: str, service: str, progress: Progress, seconds: float) -> bool:
        """Start a service anew by the stack's own document; False where the instance does not run it."""
        name = restart_document(self.account.slug)
        code, output = self._command(instance, name, {"service": [service]}, progress, seconds)
        if code != 0:
            raise DeploymentFailedError(f"{service} does not get well on {instance}:\n{output}")
        return output != NOT_HERE

    def _first_with(self, service: str) -> str:
        """Return the first instance that has the service's unit. OperationError where none has."""
        command = f"systemctl is-enabled --quiet groundwork@{shlex.quote(service)}"
        found = next((one for one in self.instances() if self.command(one, command, Progress())[0] == 0), None)
        if found is None:
            raise OperationError(f"no instance has {service}; run pulumi up first")
        return found

    def run(self, service: str, command: Sequence[str], progress: Progress, seconds: float) -> Iterator[str]:
        """Run a command in the service's container on one of its instances."""
        found = self._first_with(service)
        code, output = self.command(found, shlex.join(["docker", "exec", service, *command]), progress, seconds)
        yield from output.splitlines()
        if code != 0:
            raise CommandFailedError(f"it ended with {code}")

    def run_job(
        self, job: str, image: str | None, command: Sequence[str], progress: Progress, seconds: float
    ) -> Iterator[str]:
        """Run the job on the first instance that has jobs; what it says comes when it has ended."""
        for instance in self.instances():
            code, output = self._job(instance, (job, image or "", *command), progress, seconds)
            if output == NOT_HERE:
                continue
            if code == BUSY and output.endswith(f"{job} runs already"):
                raise OperationError(f"{job} runs on {instance} already; wait until that is done, and try again")
            yield from output.splitlines()
            if code != 0:
                raise CommandFailedError(f"it ended with {code}")
            return
        raise OperationError(f"no instance has {job}; run pulumi up --stack {self.account.stack.name} first")

    def _job(self, instance: str, words: Sequence[str], progress: Progress, seconds: float) -> tuple[int, str]:
        """Run a job by the stack's own document; a command of one's own needs AWS's, which pipelines may not run."""
        # The program on the instance ends the job in time, and says so.
        limit = seconds + _SECONDS_TO_BE_HEARD
        job, image, *command = words
        if command:
            return self.command(instance, job_script(shlex.join(words)), progress, limit)
        told = {"job": [job], **({"image": [image]} if image else {})}
        return self._command(instance, job_document(self.account.slug), told, progress, limit)

    def renew_job(self, job: str, image: str) -> None:
        """Do nothing: a job reads which image it runs whenever it starts."""

    def session_target(self, services: Sequence[str]) -> str:
        """Return the first instance that has one of the services."""
        return self._first_with(services[0])

    def a_copy(self, service: str) -> ServiceCopy:
        """Return an instance; all services on it are lost for a moment."""

        def there() -> list[dict[str, Any]]:
            return list(self._kind_of(service)[1].get("Instances", ()))

        found = [one["InstanceId"] for one in there() if one.get("LifecycleState") == "InService"]
        if not found:
            raise OperationError(
                f"no instance that runs {service} is in service; look: groundwork status {self.account.stack_name}"
            )
        instance = found[0]

        def lose() -> None:
            with plain_errors(f"ending {instance}"):
                self.account.client("autoscaling").terminate_instance_in_auto_scaling_group(
                    InstanceId=instance, ShouldDecrementDesiredCapacity=False
                )

        return ServiceCopy(
            f"the instance {instance}",
            f"aws autoscaling terminate-instance-in-auto-scaling-group --instance-id {instance} --no-should-decrement-desired-capacity",
            lose,
            lambda: instance not in [one["InstanceId"] for one in there()],
        )

    def session(self, service: str, command: str) -> TerminalSession:
        """Return the call of Session Manager's plugin that opens a terminal in the container on one instance."""
        found = self._first_with(service)
        plugin = program(*SESSION_PLUGIN)
        wanted = {
            "Target": found,
            "DocumentName": "AWS-StartInteractiveCommand",
            "Parameters": {"command": [f"sudo docker exec --interactive --tty {shlex.quote(service)} {command}"]},
        }
        with plain_errors(f"opening a terminal in {service}"):
            opened = self._ssm.start_session(**wanted)
        return plugin_session(plugin, self.account, opened, wanted)

    def command(self, instance: str, script: str, progress: Progress, seconds: float = 600) -> tuple[int, str]:
        """Run a script on an instance as root, and return its exit code and what it said."""
        arguments = {"commands": [script], "executionTimeout": [str(int(seconds))]}
        return self._command(instance, "AWS-RunShellScript", arguments, progress, seconds)

    def _command(
        self, instance: str, document: str, arguments: Mapping[str, list[str]], progress: Progress, seconds: float
    ) -> tuple[int, str]:
        """Run a document on an instance, and return its exit code and what it said: 24,000 characters at most.

        https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html
        """
        with plain_errors(f"running {document} on {instance}"):
            sent = self._ssm.send_command(InstanceIds=[instance], DocumentName=document, Parameters=arguments)
            began = progress.seconds
            while True:
                said = self._invocation(sent["Command"]["CommandId"], instance)
                if said["Status"] not in ("Pending", "InProgress", "Delayed"):
                    break
                if progress.seconds - began > seconds + _SECONDS_TO_BE_HEARD:
                    raise OperationError(f"{instance} has not answered; is its Systems Manager agent online?")
                progress.sleep(_SECONDS_BETWEEN)
        if said["Status"] in ("Cancelled", "TimedOut") or said["ResponseCode"] < 0:
            raise OperationError(
                f"{instance} did not do it ({said['StatusDetails']}); is its Systems Manager agent online?"
            )
        return int(said["ResponseCode"]), f"{said['StandardOutputContent']}{said['StandardErrorContent']}".strip()

    def _invocation(self, command: str, instance: str) -> dict[str, Any]:
        try:
            said: dict[str, Any] = self._ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except self._ssm.exceptions.InvocationDoesNotExist:
            # It takes a moment until the instance has heard of it.
            return {"Status": "Pending"}
        return said
