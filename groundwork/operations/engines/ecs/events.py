"""What ECS says of a service while a deployment is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.operations.progress import Progress

SECONDS_BETWEEN = 5
"""Between two looks."""


def tell_events(service: Mapping[str, Any], seen: set[str], progress: Progress) -> None:
    """Tell those events of a service, as ECS describes it, that are new and matter; add all to ``seen``."""
    for event in reversed(service.get("events", [])):
        if event["id"] not in seen and matters(event["message"]):
            progress.say(event["message"])
        seen.add(event["id"])


def matters(message: str) -> bool:
    """Tell whether an event says more than that something goes its way."""
    # ECS tells of every target that it registers; of these the counts speak.
    return any(word in message for word in ("unable", "unhealthy", "failed", "rolling back", "alarm", "throttl"))
