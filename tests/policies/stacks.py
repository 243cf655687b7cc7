"""Stacks of a few resources, written as name and inputs."""

from __future__ import annotations

from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot, Source
from guardrails.kinds import token
from guardrails.view import Resource as View

REGION = "eu-west-1"


def resource(kind: str, name: str, /, source: Source | None = None, **inputs: Any) -> Resource:
    """``resource("sqs/Queue", "orders", sqsManagedSseEnabled=False)``"""
    type_ = token(kind)
    return Resource(
        urn=f"urn:pulumi:prod::test::{type_}::{name}",
        type=type_,
        name=name,
        custom=True,
        parent=None,
        inputs=inputs,
        outputs={**inputs, "id": f"{name}-id"},
        source=source,
    )


def stack(*resources: Resource, stage: str = "prod", unknowns: bool = False, exceptions: Any = None) -> Snapshot:
    settings = {"platform": {"stage": stage}, **({} if exceptions is None else {"exceptions": exceptions})}
    return Snapshot("test", "prod", REGION, unknowns, settings, resources, {})


def recorded(view: View) -> Resource:
    """What rules see of a resource, as a resource of a snapshot."""
    dependencies = dict(view.property_dependencies)
    return Resource(
        view.urn,
        view.type,
        view.name,
        True,
        None,
        dict(view.value),
        dict(view.outputs),
        property_dependencies=dependencies,
    )
