"""What a service declaration means on any engine: an identity, a security group, an environment.

Engines differ in how they run containers; who a service is, what it may do and what it is told comes from here for all of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from groundwork.components.access import (
    Grant,
    Mount,
    Opening,
    ParameterReference,
    SecretReference,
    Statement,
    policy_document,
)
from groundwork.components.base import Component, fit
from groundwork.components.compute.placeholder import standing_in
from groundwork.components.compute.references import Reference
from groundwork.components.compute.security_groups import OwnGroups, SecurityGroups
from groundwork.components.compute.tracing import ENVIRONMENT as TRACING_ENVIRONMENT
from groundwork.components.compute.tracing import STATEMENT as TRACING_STATEMENT
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.services.settings import ServiceSettings
from groundwork.settings.variables import environment_name, own_variables, renamed


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A service of the stack file with what its uses give it."""

    name: str
    settings: ServiceSettings
    tracing: bool
    granted: Mapping[str, Grant]
    """By what it uses, in the order in which they were made: a later one wins where two say one variable."""
    environment: Mapping[str, pulumi.Input[str]]
    references: Mapping[str, Reference]
    """Variables whose values are read from Secrets Manager or Parameter Store when a copy starts."""
    calls: tuple[str, ...]
    """Services that it uses."""
    mounts: tuple[Mount, ...]

    @property
    def openings(self) -> dict[str, Sequence[Opening]]:
        """Return the ports that are open to it, by what it uses."""
        return {used: grant.openings for used, grant in self.granted.items() if grant.openings}

    @property
    def statements(self) -> list[Statement]:
        """Return what its role allows. Ids must differ within a policy; two buckets may both grant ``Read``."""
        seen: set[str] = set()
        statements: list[Statement] = []
        for used, grant in self.granted.items():
            for statement in grant.statements:
                sid = statement.sid
                if sid in seen:
                    sid = "".join(part.capitalize() for part in used.split("-")) + sid
                seen.add(sid)
                statements.append(replace(statement, sid=sid))
        return [*statements, *([TRACING_STATEMENT] if self.tracing else [])]

    @property
    def secrets(self) -> dict[str, SecretReference]:
        """Return the references that are secrets."""
        return {name: value for name, value in self.references.items() if isinstance(value, SecretReference)}

    @property
    def parameters(self) -> dict[str, ParameterReference]:
        """Return the references that are parameters."""
        return {name: value for name, value in self.references.items() if isinstance(value, ParameterReference)}


@dataclass(frozen=True, kw_only=True)
class Workload(Declaration):
    """A service before an engine runs it: with an identity and a security group of its own."""

    security_group_id: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    role_name: pulumi.Output[str]
    is_called: bool
    """Other services use it."""
    ready: tuple[pulumi.Resource, ...]
    """What a copy needs before it starts: permissions and rules of security groups."""


def before_its_image(workload: Workload, *, idle: bool = False) -> Workload:
    """Return the placeholder in a service's place, which is told nothing and given no secret; identity and security group
    are the service's.

    ``idle``: no copy of it runs.
    """
    return replace(
        workload,
        settings=standing_in(workload.settings, idle=idle),
        environment={},
        references={},
        tracing=False,
        mounts=(),
    )


def workloads(
    parent: Component,
    services: Mapping[str, ServiceSettings],
    *,
    grants: Mapping[str, Mapping[str, Grant]],
    network: NetworkLike,
    trust: pulumi.Output[str],
    tracing: bool,
    statements: Sequence[Statement] = (),
    security_groups: SecurityGroups | None = None,
) -> dict[str, Workload]:
    """Create a workload for each service.

    ``trust`` says who takes on their roles, ``statements`` what the engine needs every role to allow, ``tracing`` whether
    those are traced that do not say. Unless the engine has ``security_groups``, each service gets a security group.
    """
    security_groups = security_groups or OwnGroups(parent, services, network)
    called = {used for service in services.values() for used in service.uses if used in services}
    built: dict[str, Workload] = {}
    for name in services:
        declared = declaration(name, services, grants, tracing=tracing)
        role, *permissions = task_role(parent, name, trust, [*declared.statements, *statements])
        rules = security_groups.allow_egress(
            name, declared.openings, {used: _port(services[used]) for used in declared.calls}
        )
        built[name] = Workload(
            **vars(declared),
            security_group_id=security_groups.group_of(name),
            role_arn=role.arn,
            role_name=role.name,
            is_called=name in called,
            ready=(*rules, *permissions, *(one for mount in declared.mounts for one in mount.ready)),
        )
    return built


def declaration(
    name: str,
    services: Mapping[str, ServiceSettings],
    grants: Mapping[str, Mapping[str, Grant]],
    *,
    tracing: bool,
) -> Declaration:
    """Return a service with what its uses give it; ``tracing`` is for one that does not say whether it is traced."""
    service = services[name]
    granted = _granted(name, services, grants)
    calls = tuple(used for used in service.uses if used in services)
    traced = tracing if service.tracing is None else service.tracing
    references: dict[str, Reference] = {}
    for grant in granted.values():
        references.update({**grant.parameters, **grant.secrets})
    return Declaration(
        name=name,
        settings=service,
        tracing=traced,
        granted=granted,
        environment=_environment(
            service, granted.values(), {used: services[used] for used in calls}, references, traced=traced
        ),
        references=references,
        calls=calls,
        mounts=tuple(mount for grant in granted.values() for mount in grant.mounts),
    )


def _granted(
    name: str, services: Mapping[str, ServiceSettings], grants: Mapping[str, Mapping[str, Grant]]
) -> dict[str, Grant]:
    service = services[name]
    granted = {used: grant for used, grant in grants.get(name, {}).items() if used in service.uses}
    for used in service.uses:
        if used not in services and used not in granted:
            raise pulumi.RunError(f"services.{name}.uses.{used}: nothing in this stack grants it")
    return granted


def _port(service: ServiceSettings) -> int:
    if service.port is None:
        raise pulumi.RunError("a service without a port cannot be used by another")
    return service.port


def _environment(
    service: ServiceSettings,
    grants: Iterable[Grant],
    called: Mapping[str, ServiceSettings],
    references: Mapping[str, Reference],
    *,
    traced: bool,
) -> dict[str, pulumi.Input[str]]:
    """Return the environment. What is said last wins, and the stack file says it last; a name that is a reference is
    only that."""
    environment: dict[str, pulumi.Input[str]] = {**own_variables(service)}
    if traced:
        environment.update(TRACING_ENVIRONMENT)
    for name, other in called.items():
        address = {f"{environment_name(name)}_URL": f"{'tcp' if other.tcp else 'http'}://{name}:{other.port}"}
        environment.update(renamed(address, service.uses[name].variables))
    for grant in grants:
        environment.update(grant.environment)
    environment.update(service.environment)
    return {key: environment[key] for key in sorted(environment) if key not in references}


def task_role(
    parent: Component, service: str, trust: pulumi.Output[str], statements: Sequence[Statement]
) -> tuple[aws.iam.Role, *tuple[pulumi.Resource, ...]]:
    """Build the role that a service's copies take on, and the policy of its statements if it has any."""
    role = role_of(parent, f"{service}-task", trust, f"What {service} of {parent.context.platform.name} may do.")
    if not statements:
        return (role,)
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{service}-task", role=role.name, policy=policy_document(statements), opts=parent.child()
    )
    return (role, policy)


def role_of(parent: Component, key: str, trust: pulumi.Output[str], description: str) -> aws.iam.Role:
    """Create a role of one service."""
    # IAM takes 64 characters, of which the automatic suffix needs 8.
    return aws.iam.Role(
        fit(f"{parent.name}-{key}", 56), assume_role_policy=trust, description=description, opts=parent.child()
    )
