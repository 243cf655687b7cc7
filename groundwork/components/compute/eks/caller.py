"""Whose credentials the AWS CLI asks the cluster with: those that the stack's configuration gives to the AWS provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

_INSTEAD = "name a profile that leads there (aws:profile), or set the credentials in the environment of the update"

_TO_THE_CLI = {"roleArn"}
"""Of a role: the rest of what the provider knows about it, ``aws eks get-token`` has no option for."""
_HARMLESS = {"sessionName", "duration"}
"""What makes no other caller of it."""

_FILES = {"sharedConfigFiles": "AWS_CONFIG_FILE", "sharedCredentialsFiles": "AWS_SHARED_CREDENTIALS_FILE"}
_SECRETS = ("accessKey", "secretKey", "token")


@dataclass(frozen=True)
class Caller:
    """What the AWS CLI is told besides the question."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def caller() -> Caller:
    """Return how the CLI is to authenticate: as ``aws:profile``, ``aws:assumeRoles``,
    ``aws:assumeRoleWithWebIdentity`` and the shared files say; nothing where they are unset, and then the environment
    counts for the CLI as for the provider. ``pulumi.RunError`` for what the CLI cannot be told.

    https://docs.aws.amazon.com/cli/latest/reference/eks/get-token.html
    https://www.pulumi.com/registry/packages/aws/installation-configuration/
    """
    config = pulumi.Config("aws")
    for name in _SECRETS:
        if config.get(name):
            raise _cannot(name, "a key", "nothing: the kubeconfig stands in the stack's state, and holds no secret")
    profile = config.get("profile")
    arguments = ["--profile", profile] if profile else []
    environment = {}
    for name, variable in _FILES.items():
        files: Sequence[str] = config.get_object(name) or ()
        if len(files) > 1:
            raise _cannot(name, f"{len(files)} files", "one")
        if files:
            environment[variable] = files[0]
    roles: Sequence[Mapping[str, Any]] = config.get_object("assumeRoles") or ()
    if len(roles) > 1:
        raise _cannot("assumeRoles", f"{len(roles)} roles", "one")
    for role in roles:
        if further := sorted(role.keys() - _TO_THE_CLI - _HARMLESS):
            raise _cannot("assumeRoles", f"a role with {', '.join(further)}", "roleArn alone")
        arguments += ["--role-arn", str(role["roleArn"])]
    token: Mapping[str, Any] = config.get_object("assumeRoleWithWebIdentity") or {}
    if token:
        if "webIdentityToken" in token:
            raise _cannot("assumeRoleWithWebIdentity", "webIdentityToken", "webIdentityTokenFile")
        environment.update(
            AWS_ROLE_ARN=str(token["roleArn"]), AWS_WEB_IDENTITY_TOKEN_FILE=str(token["webIdentityTokenFile"])
        )
    return Caller(tuple(arguments), environment)


def _cannot(name: str, found: str, allowed: str) -> pulumi.RunError:
    return pulumi.RunError(
        f"Pulumi.{pulumi.get_stack()}.yaml aws:{name}: found {found}, allowed is {allowed}, since the AWS CLI asks the cluster "
        f"of engine eks with the same credentials as the provider; {_INSTEAD}"
    )
