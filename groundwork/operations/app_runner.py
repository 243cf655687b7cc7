"""Services on App Runner: one image, one operation at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from groundwork.components.base import fit
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.engine import TerminalSession
from groundwork.operations.errors import DeploymentFailed, OperationError
from groundwork.operations.progress import Progress

_SECONDS_BETWEEN = 10


class AppRunnerOperations:
    """The App Runner services of a stack."""

    starts_first_image = False

    def __init__(self, account: StackAccount) -> None:
        self.account = account
        self._client = account.client("apprunner")

    def service(self, name: str) -> dict[str, Any]:
        """Return App Runner's description of a service of the stack file. OperationError where it is not there."""
        full = fit(f"{self.account.slug}-{name}", _LONGEST_NAME)
        token: dict[str, str] = {}
        with plain_errors(f"looking for {full}"):
            while True:
                page = self._client.list_services(**token)
                found = [one for one in page["ServiceSummaryList"] if one["ServiceName"] == full]
                if found or not page.get("NextToken"):
                    break
                token = {"NextToken": page["NextToken"]}
            if found:
                one: dict[str, Any] = self._client.describe_service(ServiceArn=found[0]["ServiceArn"])["Service"]
                return one
        raise OperationError(f"there is no App Runner service {full} in {self.account.place}; run pulumi up first")

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
        began = progress.seconds
        while True:
            with plain_errors(f"asking how the deployment of {service} is"):
                operations = self._client.list_operations(ServiceArn=arn)["OperationSummaryList"]
            status = next((one["Status"] for one in operations if one["Id"] == operation), "PENDING")
            progress.say(f"App Runner says {status.lower().replace('_', ' ')}")
            if status == "SUCCEEDED":
                return
            if status in ("FAILED", "ROLLBACK_FAILED", "ROLLBACK_SUCCEEDED"):
                raise DeploymentFailed(f"App Runner says {status}; why is in its log: groundwork logs STACK {service}")
            if progress.seconds - began > seconds:
                raise OperationError(f"{service} is not steady after {int(seconds / 60)} minutes; App Runner goes on")
            progress.sleep(_SECONDS_BETWEEN)

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

    def session(self, service: str, command: str) -> TerminalSession:
        """Refuse: App Runner lets nobody in."""
        raise OperationError(_NOTHING_ELSE)


_NOTHING_ELSE = (
    "App Runner runs services and nothing else; with compute.engine: fargate there are commands and terminals"
)
_LONGEST_NAME = 40
