"""Services on App Runner: one image, one operation at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from groundwork.components.base import fit
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.durations import after
from groundwork.operations.engines.runner import JobState, Scaling, ServiceCopy, ServiceState, TerminalSession
from groundwork.operations.errors import DeploymentFailedError, NotFoundError, OperationError
from groundwork.operations.meanings import meaning_of, reason
from groundwork.operations.progress import Pending, Progress

_SECONDS_BETWEEN = 10


class AppRunnerOperations:
    """The App Runner services of a stack."""

    starts_first_image = False

    def __init__(self, account: StackAccount) -> None:
        self.account = account
        self._client = account.client("apprunner")

    def service(self, name: str) -> dict[str, Any]:
        """Return App Runner's description of a service of the stack file. OperationError where it is not there."""
        found = self._existing(name)
        if found is None:
            raise NotFoundError(
                f"there is no App Runner service {self._full(name)} in {self.account.place}; run pulumi up first"
            )
        return found

    def _full(self, name: str) -> str:
        return fit(f"{self.account.slug}-{name}", _LONGEST_NAME)

    def _existing(self, name: str) -> dict[str, Any] | None:
        full = self._full(name)
        token: dict[str, str] = {}
        with plain_errors(f"looking for {full}"):
            while True:
                page = self._client.list_services(**token)
                found = [one for one in page["ServiceSummaryList"] if one["ServiceName"] == full]
                if found or not page.get("NextToken"):
                    break
                token = {"NextToken": page["NextToken"]}
            if not found:
                return None
            one: dict[str, Any] = self._client.describe_service(ServiceArn=found[0]["ServiceArn"])["Service"]
            return one

    def states(self) -> dict[str, ServiceState]:
        """Return how each service is; App Runner does not say how many copies run."""
        found = {name: self._existing(name) for name in self.account.settings.services}
        return {name: self._state(name, one) for name, one in found.items() if one is not None}

    def _state(self, name: str, described: dict[str, Any]) -> ServiceState:
        status, stack = described["Status"], self.account.stack_name
        is_wrong = meaning_of("app_runner", status) is not None
        return ServiceState(
            wanted=None,
            running=None,
            image=described["SourceConfiguration"].get("ImageRepository", {}).get("ImageIdentifier", ""),
            deployed=described.get("UpdatedAt"),
            changing=f"App Runner says {status}" if status == "OPERATION_IN_PROGRESS" else None,
            paused=status == "PAUSED",
            troubles=(reason("app_runner", status, stack, name),) if is_wrong else (),
        )

    def job_states(self) -> dict[str, JobState]:
        """Return nothing: a stack file with jobs on App Runner is a mistake."""
        return {}

    def under_way(self, service: str, image: str) -> str | None:
        """Return what App Runner is doing with a service; None where it runs."""
        status = self.service(service)["Status"]
        return None if status == "RUNNING" else f"App Runner says {status}"

    def job_under_way(self, job: str) -> str | None:
        """Refuse, as :meth:`run_job` does."""
        raise OperationError(_NOTHING_ELSE)

    def roll_out(self, service: str, image: str, progress: Progress, seconds: float) -> None:
        """Update the service's image; App Runner keeps what ran where the new one does not get well."""
        described = self.service(service)
        source = described["SourceConfiguration"]
        source["ImageRepository"]["ImageIdentifier"] = image
        arn = described["ServiceArn"]
        with plain_errors(f"starting the deployment of {service}"):
            operation = self._client.update_service(ServiceArn=arn, SourceConfiguration=source)["OperationId"]
        self._wait(service, arn, operation, progress, seconds)

    def restart(self, service: str, progress: Progress, seconds: float) -> None:
        """Have App Runner deploy the image again."""
        arn = self.service(service)["ServiceArn"]
        with plain_errors(f"starting {service} anew"):
            operation = self._client.start_deployment(ServiceArn=arn)["OperationId"]
        self._wait(service, arn, operation, progress, seconds)

    def _wait(self, service: str, arn: str, operation: str, progress: Progress, seconds: float) -> None:
        def look() -> Pending | None:
            with plain_errors(f"asking how the deployment of {service} is"):
                operations = self._client.list_operations(ServiceArn=arn)["OperationSummaryList"]
            status = next((one["Status"] for one in operations if one["Id"] == operation), "PENDING")
            said = f"App Runner says {status.lower().replace('_', ' ')}"
            progress.say(said)
            if status == "SUCCEEDED":
                return None
            if status in ("FAILED", "ROLLBACK_FAILED", "ROLLBACK_SUCCEEDED"):
                raise DeploymentFailedError(
                    f"App Runner says {status}; why is in its log: groundwork logs STACK {service}"
                )
            return Pending(said, f"{service} is not steady {after(seconds)}; App Runner goes on")

        progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)

    def scaling(self, service: str) -> Scaling:
        """Refuse: App Runner decides how many copies run."""
        raise OperationError(
            f"App Runner decides how many copies run; say services.{service}.scaling.min and run pulumi up"
        )

    def scale(self, service: str, count: int, least: int | None, most: int | None) -> None:
        """Refuse, as :meth:`scaling` does."""
        self.scaling(service)

    def stop_all(self) -> Iterator[str]:
        """Pause every service."""
        yield from self._each("pause_service", "paused")

    def start_all(self) -> Iterator[str]:
        """Resume every service."""
        yield from self._each("resume_service", "resumed")

    def _each(self, operation: str, done: str) -> Iterator[str]:
        for name in self.account.settings.services:
            arn = self.service(name)["ServiceArn"]
            with plain_errors(f"asking App Runner for {name}"):
                getattr(self._client, operation)(ServiceArn=arn)
            yield f"{name} is {done}"

    def run(self, service: str, command: Sequence[str], progress: Progress, seconds: float) -> Iterator[str]:
        """Refuse: App Runner runs services and nothing else."""
        raise OperationError(_NOTHING_ELSE)

    def run_job(
        self, job: str, image: str | None, command: Sequence[str], progress: Progress, seconds: float
    ) -> Iterator[str]:
        """Refuse: a stack file with jobs on App Runner is a mistake."""
        raise OperationError(_NOTHING_ELSE)

    def renew_job(self, job: str, image: str) -> None:
        """Refuse, as :meth:`run_job` does."""
        raise OperationError(_NOTHING_ELSE)

    def session_target(self, services: Sequence[str]) -> str:
        """Refuse, as :meth:`session` does."""
        raise OperationError(_NOTHING_ELSE)

    def a_copy(self, service: str) -> ServiceCopy:
        """Refuse: App Runner shows no copies."""
        raise OperationError(_NOTHING_ELSE)

    def session(self, service: str, command: str) -> TerminalSession:
        """Refuse: App Runner lets nobody in."""
        raise OperationError(_NOTHING_ELSE)


_NOTHING_ELSE = (
    "App Runner runs services and nothing else; with compute.engine: fargate there are commands and terminals"
)
_LONGEST_NAME = 40
