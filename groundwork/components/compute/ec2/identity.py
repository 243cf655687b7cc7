"""Who is who on an instance: a role for each service, taken on by the instance for its containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi

from groundwork.components.access import Grant, policy_document
from groundwork.components.base import Component
from groundwork.components.compute.workload import Declaration, declaration, task_role
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class PlacedService(Declaration):
    """A service on an instance."""

    role_arn: pulumi.Output[str] | None
    """None for a service that may do nothing in AWS, and then gets no identity at all."""
    ready: tuple[pulumi.Resource, ...]


def place_services(
    parent: Component,
    names: Iterable[str],
    services: Mapping[str, ServiceSettings],
    grants: Mapping[str, Mapping[str, Grant]],
    instance_role_arn: pulumi.Output[str],
) -> dict[str, PlacedService]:
    """Create the identities of the services that are named, each with what its uses grant and nothing else (S4-09)."""
    trust = policy_document(
        [{"Sid": "Assume", "Effect": "Allow", "Principal": {"AWS": instance_role_arn}, "Action": "sts:AssumeRole"}]
    )
    placed: dict[str, PlacedService] = {}
    for name in names:
        declared = declaration(name, services, grants, tracing=False)
        role, *permissions = task_role(parent, name, trust, declared.statements) if declared.statements else (None,)
        placed[name] = PlacedService(
            **vars(declared),
            role_arn=role.arn if role else None,
            ready=tuple(permissions),
        )
    return placed
