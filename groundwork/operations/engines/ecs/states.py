"""How services and jobs on ECS are: what ``groundwork status`` asks."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from groundwork.operations.account import code_of, plain_errors
from groundwork.operations.engines.ecs.cluster import RunningCluster, primary_of, progress_of
from groundwork.operations.engines.ecs.events import matters
from groundwork.operations.engines.ecs.reasons import on_purpose, stop_explained
from groundwork.operations.engines.runner import JobState, ServiceState
from groundwork.operations.errors import NotFoundError
from groundwork.operations.meanings import Reason
from groundwork.operations.meanings import reason as reason_of

_EVENTS = 5
_REASONS = 3


class EcsStates(RunningCluster):
    """How the services and jobs of a cluster are."""

    def states(self) -> dict[str, ServiceState]:
        """Return how each service is; of those that are not as they should be also why copies stopped in the last hour, which is as long
        as ECS knows: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html"""
        return {name: self._service_state(name, described) for name, described in self.services().items()}

    def _service_state(self, name: str, described: Mapping[str, Any]) -> ServiceState:
        primary, deployments = primary_of(described), described.get("deployments", ())
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
            changing=progress_of(primary, deployments) if changing else None,
            events=tuple(events[:_EVENTS]),
            troubles=tuple(troubles),
        )

    def _stopped(self, name: str, service: str) -> list[Reason]:
        """Return why copies of a service stopped of late and not on purpose, each reason once, the newest first."""
        tasks = self._tasks(name, serviceName=service, desiredStatus="STOPPED")
        failed = [task for task in tasks if not on_purpose(task)]
        reasons = [stop_explained(task, self.account.stack_name) for task in failed]
        return list({one.text: one for one in reasons if one.text}.values())[:_REASONS]

    def job_states(self) -> dict[str, JobState]:
        """Return how each job's last run was. What ended more than an hour ago ECS has forgotten; its log says when."""
        found: dict[str, JobState] = {}
        for name in self.account.settings.jobs:
            with contextlib.suppress(NotFoundError):
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
