"""Rotation: secrets that change on a schedule, and the functions that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Statement
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.messaging.dead_letters import key_statement
from groundwork.settings.facts import via_service

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
_CHANGE = (
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)


class Rotator(Protocol):
    """The function that does the four steps."""

    @property
    def arn(self) -> pulumi.Output[str]: ...


class Rotation(Component):
    """The schedule by which one secret changes, and the leave of Secrets Manager to call the function that does it.

    Builds: schedule, and the function's permission for Secrets Manager on behalf of exactly this secret. What the function may
    do with the secret is :func:`changing`, a grant like any other.

    Cost: none of its own; a rotation is a few calls of the function and of Secrets Manager.

    Fails: a rotation that fails leaves the secret as it is, is tried again by Secrets Manager, and rings the function's alarm
    ``errors``; its log names the step. A function in the network without a way to Secrets Manager (NAT or endpoint) runs into
    its timeout. The day counts from the last change; within it Secrets Manager chooses the hour.

    Changes without replacement: days, function. Taken away, the secret stays and changes no more.
    """

    layer = "secrets"

    def __init__(
        self,
        name: str,
        days: int,
        context: Context,
        *,
        secret_arn: pulumi.Output[str],
        function: Rotator,
        at_once: bool = False,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the rotation. ``at_once``: the first change is when this is made; ``after`` is what it needs then."""
        super().__init__(name, context, opts)
        permission = aws.lambda_.Permission(
            f"{name}-call",
            action="lambda:InvokeFunction",
            function=function.arn,
            principal="secretsmanager.amazonaws.com",
            source_account=context.account_id,
            source_arn=secret_arn,
            opts=self.child(),
        )
        aws.secretsmanager.SecretRotation(
            f"{name}-schedule",
            secret_id=secret_arn,
            rotation_lambda_arn=function.arn,
            rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(automatically_after_days=days),
            rotate_immediately=at_once,
            opts=self.child(depends_on=[permission, *after]),
        )
        self.register_outputs({})


def changing(secrets: Mapping[str, pulumi.Output[str]], context: Context) -> Grant:
    """Grant rotation of exactly these secrets; they are called by their names in the stack file."""
    if not secrets:
        return Grant()
    through = via_service("secretsmanager", context.region)
    return Grant(
        statements=[
            Statement("Rotate", _CHANGE, list(secrets.values())),
            key_statement("Rotate", context.key_arn("secrets"), through, ["kms:Decrypt", "kms:GenerateDataKey"]),
        ]
    )
