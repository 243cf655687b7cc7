"""Why tasks of ECS stopped, in ECS's words and in plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.operations.meanings import Reason, meaning_of


def on_purpose(task: Mapping[str, Any]) -> bool:
    """Tell whether a task stopped because somebody, scaling or a deployment wanted so."""
    said = str(task.get("stoppedReason") or "")
    return task.get("stopCode") == "UserInitiated" or said.startswith("Scaling activity initiated")


def stop_reason(task: Mapping[str, Any]) -> str:
    """Return why a task stopped: ECS's words, and what they mean."""
    return stop_explained(task, "STACK").text


def stop_explained(task: Mapping[str, Any], stack: str, *, layer: str = "services") -> Reason:
    """Return why a task stopped, what that means and what to do; an empty text where ECS says nothing."""
    containers = [one for one in task.get("containers", ()) if one.get("reason") or one.get("exitCode")]
    parts = [str(task.get("stoppedReason") or "")]
    for one in containers:
        ended = f"{one['name']} ended with {one['exitCode']}" if one.get("exitCode") is not None else one["name"]
        parts.append(f"{ended}: {one['reason']}" if one.get("reason") else ended)
    said = "; ".join(part for part in parts if part)
    service = next((tag["value"] for tag in task.get("tags", ()) if tag["key"] == "service"), "NAME")
    codes = " ".join(f"exit {one['exitCode']}" for one in containers if one.get("exitCode") is not None)
    meaning = meaning_of("stopped", f"{said} {codes}", stack, service, layer=layer)
    return Reason(f"{said} ({meaning.means})", meaning.next) if meaning else Reason(said)
