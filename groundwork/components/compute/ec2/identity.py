"""Who is who on an instance: a role for each service, taken on by the instance for its containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, policy_document
from groundwork.components.base import Component
from groundwork.components.compute import workload
from groundwork.components.compute.references import Reference
from groundwork.components.compute.workload import role_of
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True)
class PlacedService:
    """A service on an instance: who it is and what it is told."""

    name: str
    settings: ServiceSettings
    role_arn: pulumi.Output[str] | None
    """None for a service that may do nothing in AWS, and then gets no identity at all."""
    environment: Mapping[str, pulumi.Input[str]]
    references: Mapping[str, Reference]
    """Variables whose values are read from Secrets Manager or Parameter Store when a container starts."""
    calls: tuple[str, ...]
    grants: Mapping[str, Grant]
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
    return {name: _resident(parent, name, services, grants, trust) for name in names}


def _resident(
    parent: Component,
    name: str,
    services: Mapping[str, ServiceSettings],
    grants: Mapping[str, Mapping[str, Grant]],
    trust: pulumi.Output[str],
) -> PlacedService:
    service = services[name]
    granted = workload.granted_of(name, service, services, grants)
    calls = tuple(used for used in service.uses if used in services)
    references: dict[str, Reference] = {}
    for grant in granted.values():
        references.update({**grant.parameters, **grant.secrets})
    called = {used: services[used] for used in calls}
    told = workload.environment_of(service, granted.values(), called, references, traced=False)
    role, ready = _role(parent, name, granted, trust)
    return PlacedService(
        name=name,
        settings=service,
        role_arn=role,
        environment=told,
        references=references,
        calls=calls,
        grants=granted,
        ready=ready,
    )


def _role(
    parent: Component, name: str, granted: Mapping[str, Grant], trust: pulumi.Output[str]
) -> tuple[pulumi.Output[str] | None, tuple[pulumi.Resource, ...]]:
    statements = workload.distinct(granted)
    if not statements:
        return None, ()
    role = role_of(parent, f"{name}-task", trust, f"What {name} of {parent.context.platform.name} may do.")
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{name}-task", role=role.name, policy=policy_document(statements), opts=parent.child()
    )
    return role.arn, (policy,)
