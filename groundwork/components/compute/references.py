"""Values that a copy reads when it starts: how an engine names them, and what reading them takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pulumi

from groundwork.components.access import ParameterReference, SecretReference, Statement
from groundwork.settings.facts import via_service

Reference = SecretReference | ParameterReference


def value_from(reference: Reference) -> pulumi.Input[str]:
    """Return the ARN by which ECS and App Runner find a value, with the key inside a JSON secret.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """
    if isinstance(reference, SecretReference) and reference.key:
        return pulumi.Output.concat(reference.arn, f":{reference.key}::")
    return reference.arn


def read_statements(references: Mapping[str, Reference], region: str) -> list[Statement]:
    """Return the permissions to read exactly these values."""
    secrets = [value for value in references.values() if isinstance(value, SecretReference)]
    parameters = [value for value in references.values() if isinstance(value, ParameterReference)]
    statements: list[Statement] = []
    if secrets:
        statements += [
            Statement(
                sid="ReadSecrets",
                actions=("secretsmanager:GetSecretValue",),
                resources=once(secret.arn for secret in secrets),
            ),
        ]
        keys = once(secret.kms_key_arn for secret in secrets if secret.kms_key_arn is not None)
        if keys:
            through = {"StringEquals": {"kms:ViaService": via_service("secretsmanager", region)}}
            statements.append(Statement("DecryptSecrets", ("kms:Decrypt",), keys, through))
    if parameters:
        statements.append(
            Statement(
                sid="ReadParameters",
                actions=("ssm:GetParameters",),
                resources=once(parameter.arn for parameter in parameters),
            )
        )
    return statements


def once(arns: Iterable[pulumi.Input[str]]) -> list[pulumi.Input[str]]:
    """Return each ARN once. Outputs are told apart by what they are, since they may not be known yet."""
    return list({arn if isinstance(arn, str) else id(arn): arn for arn in arns}.values())
