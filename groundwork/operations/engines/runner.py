"""What every engine can do with a service that runs; the commands know no engine beyond this."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from groundwork.components.compute.settings import Engine
from groundwork.operations.account import StackAccount
from groundwork.operations.errors import OperationError
from groundwork.operations.meanings import Reason
from groundwork.operations.progress import Progress


@dataclass(frozen=True)
class TerminalSession:
    """How a terminal is opened: a program with its arguments, and what it is told beside them."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    """To be removed afterwards."""


@dataclass(frozen=True)
class ServiceState:
    """How a service is, as its engine says. Counts are of copies; None where the engine does not tell them."""

    wanted: int | None
    running: int | None
    pending: int = 0
    image: str = ""
    deployed: datetime.datetime | None = None
    """When the deployment began that is there."""
    changing: str | None = None
    """What is under way."""
    paused: bool = False
    events: tuple[str, ...] = ()
    """What the engine said since, as far as it matters; newest first."""
    troubles: tuple[Reason, ...] = ()
    """What goes wrong, also where all copies run."""


@dataclass(frozen=True)
class JobState:
    """How a job's last run was."""

    at: datetime.datetime | None = None
    """When it ended, or began where it still runs; None where nothing is known of any run."""
    says: str = ""
    running: bool = False
    trouble: Reason | None = None


@dataclass(frozen=True)
class Scaling:
    """How many copies of a service are wanted, and what may change that."""

    now: int
    setting: str
    """What says it in the stack file."""
    least: int | None = None
    """The bounds of what scales it; None where nothing does."""
    most: int | None = None
    holds: bool = False
    """What scales it decides at once, whatever is asked for within the bounds."""
    shared: tuple[str, ...] = ()
    """The services that have as many copies, since they run on the same instances."""
    limit: int | None = None
    """There cannot be more."""
    note: str = ""
    """What else to know."""


@dataclass(frozen=True)
class ServiceCopy:
    """A copy of a service that runs, and can be lost on purpose."""

    id: str
    """In words: ``the task 1f2e``."""
    command: str
    """What loses it by hand."""
    lose: Callable[[], None]
    is_gone: Callable[[], bool]


class Runner(Protocol):
    """The engine of a stack, as an account has it."""

    starts_first_image: bool
    """A service's first image starts without ``pulumi up``: the placeholder's declaration is the service's own."""

    def states(self) -> Mapping[str, ServiceState]:
        """Return how each service of the stack file is that is there."""

    def job_states(self) -> Mapping[str, JobState]:
        """Return how the last run of each job of the stack file was that is there."""

    def scaling(self, service: str) -> Scaling:
        """Return how many copies of a service are wanted. OperationError where the engine has no such number."""

    def scale(self, service: str, count: int, least: int | None, most: int | None) -> None:
        """Ask for a number of copies, and for these bounds where something scales it."""

    def restart(self, service: str, progress: Progress, seconds: float) -> None:
        """Start every copy anew with the image that runs, and wait until all are well.

        Raises DeploymentFailedError where they do not get well, and OperationError where it is not done after ``seconds``.
        """

    def stop_all(self) -> Iterator[str]:
        """Stop every copy of every service, and yield what was asked for. OperationError where the engine cannot."""

    def start_all(self) -> Iterator[str]:
        """Start as many copies as the stack file says, and yield what was asked for."""

    def under_way(self, service: str, image: str) -> str | None:
        """Return what stands in the way of a deployment of an image, such as another one; None where nothing does."""

    def job_under_way(self, job: str) -> str | None:
        """Return which run of a job, by another deployment, is not done; None where none is, or where its engine refuses a second one."""

    def roll_out(self, service: str, image: str, progress: Progress, seconds: float) -> None:
        """Run another image in place of the one that runs, and wait until all copies do.

        Raises DeploymentFailedError where what ran before runs again, and OperationError where it is not done after ``seconds``.
        """

    def run(self, service: str, command: Sequence[str], progress: Progress, seconds: float) -> Iterator[str]:
        """Run a command with a service's image, variables, rights and network, and yield what it says.

        Raises CommandFailedError where it does not end with 0, and OperationError after ``seconds``, when it is stopped.
        """

    def run_job(
        self, job: str, image: str | None, command: Sequence[str], progress: Progress, seconds: float
    ) -> Iterator[str]:
        """Run a job once, with another image and another command where these are said, and yield what it says. With an image the job runs
        that from now on, if it ends with 0.

        Raises CommandFailedError where it does not end with 0, and OperationError after ``seconds``, when it is stopped.
        """

    def renew_job(self, job: str, image: str) -> None:
        """Have a job run another image from its next start on."""

    def session_target(self, services: Sequence[str]) -> str:
        """Return a host that Session Manager reaches and that may speak to what all of these services use. OperationError where there
        is none."""

    def a_copy(self, service: str) -> ServiceCopy:
        """Return a copy of a service that runs, which its engine replaces once it is lost. OperationError where none runs, or where nobody may stop
        one."""

    def session(self, service: str, command: str) -> TerminalSession:
        """Return what opens a terminal in a copy of a service. OperationError where that cannot be."""


def program(name: str, how: str) -> str:
    """Return the path of a program on this machine. OperationError with ``how`` to get it."""
    found = shutil.which(name)
    if found is None:
        raise OperationError(f"{name} is not installed, and opens the session; {how}")
    return found


SESSION_PLUGIN = (
    "session-manager-plugin",
    "get it from https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html",
)


def plugin_session(
    plugin: str, account: StackAccount, opened: Mapping[str, str], target: Mapping[str, object]
) -> TerminalSession:
    """Return the call of Session Manager's plugin for a session that AWS has opened, as the AWS CLI makes it since the plugin's version
    1.2.497: its token stands in the environment, not in the list of processes.

    https://github.com/aws/aws-cli/blob/v2/awscli/customizations/sessionmanager.py
    """
    # ECS writes what Systems Manager writes with a small letter first.
    said = {key[0].upper() + key[1:]: value for key, value in opened.items()}
    token = {key: said[key] for key in ("SessionId", "TokenValue", "StreamUrl")}
    endpoint = account.client("ssm").meta.endpoint_url
    words = [
        plugin,
        _TOKEN,
        account.settings.region,
        "StartSession",
        account.session.profile_name,
        json.dumps(dict(target)),
        endpoint,
    ]
    return TerminalSession(tuple(words), {_TOKEN: json.dumps(token)})


_TOKEN = "AWS_SSM_START_SESSION_RESPONSE"  # noqa: S105 - the name of a variable


def runner_of(account: StackAccount) -> Runner:
    """Return the engine of a stack. OperationError where it runs no services."""
    compute = account.settings.compute
    if compute is None or not (account.settings.services or account.settings.jobs):
        raise OperationError(f"{account.stack.label} runs no services; say services: and compute: first")
    return _RUNNERS[compute.engine](account)


def _ecs(account: StackAccount) -> Runner:
    from groundwork.operations.engines.ecs.operations import EcsOperations  # noqa: PLC0415 - only the engine that is used

    return EcsOperations(account)


def _ec2(account: StackAccount) -> Runner:
    from groundwork.operations.engines.ec2 import Ec2Operations  # noqa: PLC0415 - only the engine that is used

    return Ec2Operations(account)


def _eks(account: StackAccount) -> Runner:
    from groundwork.operations.engines.eks import connect  # noqa: PLC0415 - loads the Kubernetes client

    return connect(account)


def _app_runner(account: StackAccount) -> Runner:
    from groundwork.operations.engines.app_runner import AppRunnerOperations  # noqa: PLC0415 - only the engine that is used

    return AppRunnerOperations(account)


_RUNNERS: dict[Engine, Callable[[StackAccount], Runner]] = {
    "fargate": _ecs,
    "ecs-ec2": _ecs,
    "ec2": _ec2,
    "eks": _eks,
    "app-runner": _app_runner,
}
