"""Deployments of ECS that shift requests: the stages that one passes through, and going back in the middle of it."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from groundwork.operations.account import plain_errors
from groundwork.operations.engines.ecs.events import SECONDS_BETWEEN, tell_events
from groundwork.operations.errors import DeploymentFailedError, OperationError
from groundwork.operations.progress import Progress

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html
_UNDER_WAY = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"]
_GOING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


def shifts(service: Mapping[str, Any]) -> bool:
    """Tell whether the next deployment of a service, as ECS describes it, shifts requests."""
    return str(_configuration(service).get("strategy", "ROLLING")) != "ROLLING"


class ShiftingDeployments:
    """What ECS calls service deployments, of the services of a cluster."""

    def __init__(self, client: Any, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def known(self, service: str) -> set[str]:
        """Return the ARNs of all deployments that a service has had, as far as ECS remembers."""
        return {str(one["serviceDeploymentArn"]) for one in self._list(service)}

    def under_way(self, service: str) -> dict[str, Any] | None:
        """Return what ECS tells of the deployment that is under way; None where none is."""
        found = self._list(service, status=_UNDER_WAY)
        return max(found, key=lambda one: one["createdAt"], default=None)

    def go_back(self, arn: str, progress: Progress, seconds: float) -> None:
        """Have a deployment that is under way go back, and wait until requests reach the old copies again."""
        self._stop(arn)
        try:
            self.wait(arn, progress, seconds)
        except DeploymentFailedError:
            return
        raise OperationError("it was done before it could go back; `groundwork rollback` goes back now")

    def wait_for_new(self, service: str, known: set[str], progress: Progress) -> str:
        """Return the ARN of the deployment that has begun since ``known``."""
        began = progress.seconds
        while True:
            new = self.known(service) - known
            if new:
                return max(new)
            if progress.seconds - began > _LONGEST_START:
                raise OperationError(f"ECS has begun no deployment of {service}; look at the service's events")
            progress.sleep(SECONDS_BETWEEN)

    def wait(self, arn: str, progress: Progress, seconds: float) -> None:
        """Wait until a deployment is done, and tell what happens on the way.

        Copies that fail one after the other end it: the circuit breaker, which does that, is of rolling deployments alone. Raises
        DeploymentFailedError where the old copies answer again, OperationError ``seconds`` after what the strategy itself takes.
        """
        began = progress.seconds
        going_back = False
        seen: set[str] = set()
        while True:
            found = self._describe(arn)
            progress.say(_stage(found))
            status = found["status"]
            if status == "SUCCESSFUL":
                return
            if status in ("ROLLBACK_SUCCESSFUL", "STOPPED"):
                raise DeploymentFailedError(_reason(found))
            if status == "ROLLBACK_FAILED":
                raise OperationError(f"{_reason(found)}; the way back failed, look at the service's events in ECS")
            service = self._service(found["serviceArn"])
            tell_events(service, seen, progress)
            failed = _failed(service)
            if failed and not going_back and status not in _GOING_BACK:
                progress.say(f"{failed} copies failed one after the other")
                self._stop(arn)
                going_back = True
            limit = seconds + 60 * _minutes(_configuration(found))
            if progress.seconds - began > limit:
                raise OperationError(
                    f"it is not done after {int(limit / 60)} minutes; ECS goes on. `groundwork rollback` goes back now"
                )
            progress.sleep(SECONDS_BETWEEN)

    def _list(self, service: str, **options: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            with plain_errors(f"asking for the deployments of {service}"):
                page = self._client.list_service_deployments(service=service, cluster=self._cluster, **options, **token)
            found += [dict(one) for one in page["serviceDeployments"]]
            if not page.get("nextToken"):
                return found
            token = {"nextToken": page["nextToken"]}

    def _describe(self, arn: str) -> dict[str, Any]:
        with plain_errors("asking how the deployment is"):
            found = self._client.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        if not found:
            raise DeploymentFailedError("the deployment is gone")
        return dict(found[0])

    def _stop(self, arn: str) -> None:
        with plain_errors("going back"):
            self._client.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")

    def _service(self, arn: str) -> Mapping[str, Any]:
        with plain_errors(f"asking how {arn} is"):
            found = self._client.describe_services(cluster=self._cluster, services=[arn])["services"]
        return found[0] if found else {}


_LONGEST_START = 120
"""Seconds."""
_LEAST_FAILED, _MOST_FAILED = 3, 200


def _configuration(service: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = service.get("deploymentConfiguration") or {}
    return found


def _minutes(configuration: Mapping[str, Any]) -> int:
    """Return how long a strategy itself takes: its steps, and while the old copies stay."""
    bake = int(configuration.get("bakeTimeInMinutes") or 0)
    canary, linear = configuration.get("canaryConfiguration"), configuration.get("linearConfiguration")
    if canary:
        return bake + int(canary.get("canaryBakeTimeInMinutes", 10))
    if linear:
        steps = ceil(100 / float(linear.get("stepPercent", 10))) - 1
        return bake + steps * int(linear.get("stepBakeTimeInMinutes", 6))
    return bake


def _failed(service: Mapping[str, Any]) -> int:
    """Return how many copies have failed in a row, where that is as many as the circuit breaker would stand.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeploymentCircuitBreaker.html
    """
    for one in service.get("deployments", ()):
        if one["status"] == "PRIMARY":
            failed, wanted = int(one.get("failedTasks", 0)), int(one["desiredCount"])
            return failed if failed >= min(_MOST_FAILED, max(_LEAST_FAILED, ceil(wanted / 2))) else 0
    return 0


def _reason(found: Mapping[str, Any]) -> str:
    alarms = (found.get("alarms") or {}).get("triggeredAlarmNames") or ()
    said = [
        (found.get("rollback") or {}).get("reason"),
        found.get("statusReason"),
        f"went off: {', '.join(alarms)}" if alarms else None,
    ]
    return "; ".join(dict.fromkeys(one for one in said if one)) or "ECS gave no reason"


def _stage(found: Mapping[str, Any]) -> str:
    """Return where a deployment is, in words.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html
    """
    if found["status"] in _GOING_BACK:
        return f"requests go back to the old copies: {_reason(found)}"
    stage, new = found.get("lifecycleStage", ""), found.get("targetServiceRevision") or {}
    if stage == "BAKE_TIME":
        stay = _configuration(found).get("bakeTimeInMinutes")
        return f"all requests go to the new copies; the old ones stay {stay} {'minute' if stay == 1 else 'minutes'}, to go back to"
    if stage == "CLEAN_UP":
        return "the old copies stop"
    if "PRODUCTION_TRAFFIC_SHIFT" in stage:
        return f"{new.get('requestedProductionTrafficWeight', 0):g} % of requests go to the new copies"
    old = sum(int(one.get("runningTaskCount", 0)) for one in found.get("sourceServiceRevisions") or ())
    return f"{new.get('runningTaskCount', 0)} of {new.get('requestedTaskCount', 0)} new copies run, {old} old"
