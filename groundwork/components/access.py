"""Access: what a backing component grants to whoever says that it uses it.

A service says ``uses: {database: connect}``; the database offers a :class:`Grant` for that level; the compute engine folds
all grants of a workload into its role, its security-group rules, its environment and its secrets. Nothing else hands out
permissions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pulumi

from groundwork.components.services.settings import Use
from groundwork.settings.variables import renamed


@dataclass(frozen=True)
class Statement:
    """One Allow statement: exact actions on exact resources."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]
    conditions: Mapping[str, Mapping[str, pulumi.Input[Any]]] = field(default_factory=dict)
    reason: str = ""
    """Why a resource is ``*``, in a statement of an extension: the action knows none, or there is one of it in each account."""

    def to_document(self) -> dict[str, Any]:
        """Return the statement as IAM writes it."""
        document: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            document["Condition"] = self.conditions
        return document


@dataclass(frozen=True)
class Opening:
    """A port of a backing component's security group that the workload may reach over TCP."""

    security_group_id: pulumi.Input[str]
    port: int
    description: str


@dataclass(frozen=True)
class SecretReference:
    """One value inside a Secrets Manager secret, handed to a container by reference.

    ``key`` is the JSON key; empty for the whole secret. ``kms_key_arn`` is the key it is encrypted with, None for AWS's
    own, which asks for no permission. ``by_hand``: the
    secret starts without it, and somebody fills it in.
    """

    arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str] | None
    key: str = ""
    by_hand: bool = False


@dataclass(frozen=True)
class ParameterReference:
    """One value in Parameter Store, handed to a container by reference: read when it starts, not when the stack is updated."""

    arn: pulumi.Input[str]
    name: str


@dataclass(frozen=True)
class Mount:
    """A file system that containers see as a folder."""

    name: str
    """Its name in the stack file."""
    path: str
    read_only: bool
    file_system_id: pulumi.Input[str]
    access_point_id: pulumi.Input[str]
    ready: tuple[pulumi.Resource, ...]
    """What must be there before anything can mount it."""


@dataclass(frozen=True)
class Grant:
    """All that one level of one backing component gives a workload."""

    statements: Sequence[Statement] = ()
    openings: Sequence[Opening] = ()
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, SecretReference] = field(default_factory=dict)
    parameters: Mapping[str, ParameterReference] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()

    def mounted_at(self, path: str) -> Grant:
        """Return the grant of files with their folder elsewhere: its variable says where."""
        return replace(
            self,
            environment=dict.fromkeys(self.environment, path),
            mounts=[replace(mount, path=path) for mount in self.mounts],
        )

    def named(self, variables: Mapping[str, str]) -> Grant:
        """Return the grant with these variables alone: a workload's own name for each → the name that the component
        gives it."""
        return replace(
            self,
            environment=renamed(self.environment, variables),
            secrets=renamed(self.secrets, variables),
            parameters=renamed(self.parameters, variables),
        )


class Grantor(Protocol):
    """A component that others can use."""

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Return the grant of ``level``, one of those that ``groundwork.settings.access.LEVELS`` lists for this
        kind."""


def fold(grants: Sequence[Grant]) -> Grant:
    """Merge several grants into one. Settings make sure that names do not collide."""
    return Grant(
        statements=[statement for grant in grants for statement in grant.statements],
        openings=[opening for grant in grants for opening in grant.openings],
        environment={name: value for grant in grants for name, value in grant.environment.items()},
        secrets={name: secret for grant in grants for name, secret in grant.secrets.items()},
        parameters={name: value for grant in grants for name, value in grant.parameters.items()},
        mounts=[mount for grant in grants for mount in grant.mounts],
    )


def granted(grantor: Grantor, use: Use) -> Grant:
    """Return what a use grants: all of its parts, and of the variables those that it names."""
    grant = _together([grantor.grant(level, prefix) for level, prefix in use.parts])
    grant = grant if use.path is None else grant.mounted_at(use.path)
    return grant if use.variables is None else grant.named(use.variables)


def _together(grants: Sequence[Grant]) -> Grant:
    """Merge the parts of one use. What a variable says must hold for all of them: none says the prefix where there are
    several."""
    if len(grants) == 1:
        return grants[0]
    statements: dict[str, Statement] = {}
    for statement in (statement for grant in grants for statement in grant.statements):
        sid, number = statement.sid, 1
        # Ids must differ within a policy, and one level may hold below several prefixes.
        while sid in statements and statements[sid] != replace(statement, sid=sid):
            number += 1
            sid = f"{statement.sid}{number}"
        statements[sid] = replace(statement, sid=sid)
    first = grants[0].environment
    return replace(
        fold(grants),
        statements=list(statements.values()),
        environment={
            name: value
            for name, value in first.items()
            if all(grant.environment.get(name) is value for grant in grants)
        },
    )


def policy_document(statements: Sequence[Statement | dict[str, Any]]) -> pulumi.Output[str]:
    """Return an IAM policy document as JSON."""
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [item.to_document() if isinstance(item, Statement) else item for item in statements],
        }
    )


def trust_policy(
    service: str, account_id: pulumi.Input[str], source_arn: pulumi.Input[str] | None = None
) -> pulumi.Output[str]:
    """Return a role's trust in one AWS service, acting for this account only (the confused-deputy guard).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    conditions: dict[str, dict[str, pulumi.Input[str]]] = {"StringEquals": {"aws:SourceAccount": account_id}}
    if source_arn is not None:
        conditions["ArnLike"] = {"aws:SourceArn": source_arn}
    return policy_document(
        [
            {
                "Sid": "Assume",
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
                "Condition": conditions,
            }
        ]
    )
