"""Logs, alarms, dashboard, tracing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.models.base import LogRetention, Model

Percent = Annotated[int, Field(ge=1, le=100)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


class ThresholdSettings(Model):
    """When an alarm goes off. ``null`` leaves that alarm out."""

    service_cpu: Percent | None = 80
    """Percent of a service's CPU, five minutes."""
    service_memory: Percent | None = 85
    """Percent of a service's memory, five minutes."""
    errors_per_minute: Annotated[int, Field(ge=1)] | None = 10
    """5xx answers of a service's targets in one minute."""
    response_seconds: Annotated[float, Field(gt=0)] | None = 2
    """Average time a service takes to answer, five minutes."""
    database_cpu: Percent | None = 80
    """Percent, five minutes."""
    database_memory: Percent | None = 85
    """Percent of the instance's memory in use."""
    database_storage: Percent | None = 80
    """Percent of the volume in use."""
    database_connections: Percent | None = 80
    """Percent of the connections that the instance class allows."""
    replica_lag_seconds: Annotated[int, Field(ge=1)] | None = 60
    cache_cpu: Percent | None = 80
    """Percent of the Redis engine's CPU."""
    cache_memory: Percent | None = 80
    """Percent of the node's memory in use."""
    cache_evictions: Annotated[int, Field(ge=1)] | None = 1000
    """Keys evicted in five minutes."""


class ObservabilitySettings(Model):
    """What is watched, how long logs are kept, who is told."""

    retention: LogRetention = 30
    alarm_emails: tuple[Email, ...] = ()
    """Each address confirms its subscription by the mail that SNS sends."""
    thresholds: ThresholdSettings = ThresholdSettings()
    dashboard: bool = True
    tracing: bool = False
    """X-Ray sidecar with every service."""
    runbook: Annotated[str, Field(pattern="^https://")] | None = None
    """Address of the team's runbook; alarms link to it with their name as anchor."""


def unwatched() -> ObservabilitySettings:
    """What a platform without the layer observability has: logs, but no alarm, dashboard or tracing."""
    silent = ThresholdSettings.model_validate(dict.fromkeys(ThresholdSettings.model_fields))
    return ObservabilitySettings(thresholds=silent, dashboard=False)
