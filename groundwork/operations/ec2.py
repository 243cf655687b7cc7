"""Services on EC2 instances: a unit of systemd on each, which reads its image when it starts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groundwork.components.compute.ec2.commands import BUSY, NOT_HERE, job_document, job_script, restart_document
from groundwork.operations import images
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.engine import SESSION_PLUGIN, TerminalSession, plugin_session, program
from groundwork.operations.errors import CommandFailed, DeploymentFailed, OperationError
from groundwork.operations.progress import Progress
from groundwork.settings.images import NOTHING

_SECONDS_BETWEEN = 3
_SECONDS_TO_BE_HEARD = 60


class Ec2Operations:
    """The instances of a stack."""

    starts_first_image = True

    def __init__(self, account: StackAccount) -> None:
        self.account = account
        self._ec2 = account.client("ec2")
        self._ssm = account.client("ssm")
        platform = account.settings.platform
        self._own = [
            {"Name": f"tag:{name}", "Values": [value]}
            for name, value in (("platform", platform.name), ("stage", platform.stage))
        ]
        """What finds the stack's instances and groups by their tags."""

    def instances(self) -> list[str]:
        """Return the instances that run, by their tags."""
        filters = [*self._own, {"Name": "instance-state-name", "Values": ["running"]}]
        with plain_errors("looking for the stack's instances"):
            pages = self._ec2.get_paginator("describe_instances").paginate(Filters=filters)
            found = [
                one["InstanceId"] for page in pages for batch in page["Reservations"] for one in batch["Instances"]
            ]
        if not found:
            raise OperationError(
                f"no instance of {self.account.slug} runs in {self.account.place}; run pulumi up first, or is this outside its hours?"
            )
        return sorted(found)

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
            groups = self.account.client("autoscaling")
            found = groups.get_paginator("describe_auto_scaling_groups").paginate(Filters=self._own)
            for page in found:
                for group in page["AutoScalingGroups"]:
                    name = group["AutoScalingGroupName"]
                    refreshes = groups.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)
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
            except DeploymentFailed as failure:
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
            raise DeploymentFailed(f"{service} does not get well on {instance}:\n{output}")
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
            raise CommandFailed(f"it ended with {code}")

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
                raise CommandFailed(f"it ended with {code}")
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
