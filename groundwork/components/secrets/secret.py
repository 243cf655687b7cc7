"""Secrets: containers with a key and a policy; a value only where it was sealed or drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, SecretReference, policy_document
from groundwork.components.base import Component, key_of
from groundwork.components.context import Context
from groundwork.components.secrets.settings import SIGNING_PARTS, SecretSettings
from groundwork.settings.base import Sealed

_SEALED = "[sealed]"
_FIRST = "FIRST"


class Secret(Component):
    """A JSON object in Secrets Manager whose keys become environment variables of those who read it.

    Builds: secret, resource policy (nobody outside the account; nothing public), and a first version where values are
    sealed in the stack file or signing keys are drawn. A secret without either starts empty and is filled once, before the
    first deployment of a service that reads it::

        aws secretsmanager put-secret-value --secret-id shop/prod/app --secret-string file://values.json

    A service that reads it gets references, not permissions: ECS resolves them before the container starts, with the
    execution role, which derives its permission from the same references. The task's own role gets nothing.

    Cost: $0.40 a month, $0.05 per 10,000 reads.

    Fails: a task that stops with ``ResourceInitializationError`` names a JSON key that the secret does not hold, or a secret
    that is still empty. A changed value reaches a task when it is next started.

    Changes without replacement: description, key, rotation; values, unless it rotates: then the first version is written once,
    and what has been rotated since is never written over. Another path is another secret. In prod a removed one can be
    restored for 30 days; elsewhere it goes at once, so that a stack of the same name can be built again.
    """

    layer = "secrets"

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: SecretSettings,
        context: Context,
        *,
        key: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the secret. ``key`` is its own name, unset what follows the platform's in ``name``; it ends the secret's path."""
        super().__init__(name, context, opts)
        key = key or key_of(name, context)
        self._settings = settings
        path = settings.path or f"{context.prefix.strip('/')}/{key}"
        secret = container(self, name, path, settings.description or f"{', '.join(settings.keys)}")
        values = self._values()
        if values and settings.rotation:
            first_version(self, name, secret, values)
        elif values:
            aws.secretsmanager.SecretVersion(
                name, secret_id=secret.id, secret_string=pulumi.Output.json_dumps(values), opts=self.child()
            )
        self.arn = secret.arn
        self.register_outputs({"arn": secret.arn})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``read``: one environment variable for each JSON key."""
        settings = self._settings
        drawn = settings.rotation is not None and bool(settings.rotation.signing_keys)
        return Grant(
            secrets={
                key: SecretReference(
                    self.arn, self.context.key_arn("secrets"), key, by_hand=not drawn and key not in settings.values
                )
                for key in settings.variables
            }
        )

    def _values(self) -> dict[str, pulumi.Input[str]]:
        settings = self._settings
        values: dict[str, pulumi.Input[str]] = {key: revealed(value) for key, value in sorted(settings.values.items())}
        for key in settings.rotation.signing_keys if settings.rotation else ():
            for part in SIGNING_PARTS:
                drawn = drawn_password(self, 64)
                values[f"{key}{part}"] = drawn
                values[f"{key}{part}_ID"] = drawn.apply(_identifier)
        return values


def container(
    parent: Component, name: str, path: str, description: str, *, is_copy: bool = False
) -> aws.secretsmanager.Secret:
    """Create an empty secret called ``path`` that only this account can be let into. A copy of what stands elsewhere
    goes at once."""
    context = parent.context
    secret = aws.secretsmanager.Secret(
        name,
        name=path,
        description=description,
        kms_key_id=parent.context.key_arn("secrets"),
        recovery_window_in_days=30 if context.is_prod and not is_copy else 0,
        opts=parent.child() if is_copy else parent.stateful(),
    )
    aws.secretsmanager.SecretPolicy(
        name,
        secret_arn=secret.arn,
        block_public_policy=True,
        policy=policy_document(
            [
                {
                    "Sid": "DenyOtherAccounts",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "secretsmanager:*",
                    "Resource": secret.arn,
                    "Condition": {
                        "StringNotEquals": {"aws:PrincipalAccount": context.account_id},
                        "Bool": {"aws:PrincipalIsAWSService": "false"},
                    },
                }
            ]
        ),
        opts=parent.child(),
    )
    return secret


def first_version(
    parent: Component,
    name: str,
    secret: aws.secretsmanager.Secret,
    values: dict[str, pulumi.Input[str]],
    *,
    after: Sequence[pulumi.Resource] = (),
) -> aws.secretsmanager.SecretVersion:
    """Store what a secret that rotates starts with, written once: a later update must not bring an old password back.

    A label of its own keeps the version from being thrown away when others have taken its place; Secrets Manager does that
    with versions that have none, and a refresh would then find it gone and an update write it again.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version
    """
    return aws.secretsmanager.SecretVersion(
        name,
        secret_id=secret.id,
        secret_string=pulumi.Output.json_dumps(values),
        version_stages=["AWSCURRENT", _FIRST],
        opts=parent.child(depends_on=list(after), ignore_changes=["secretString", "versionStages"]),
    )


def _identifier(key: str) -> str:
    """Return a key's identifier, as ``functions/rotate_keys`` names keys."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def revealed(sealed: Sealed) -> pulumi.Output[str]:
    """Return a sealed value as a secret output. Offline nobody can open it, and a stand-in takes its place."""
    return pulumi.Output.secret(_SEALED if sealed.value is None else sealed.value)


def drawn_password(parent: Component, length: int = 40) -> pulumi.Output[str]:
    """Return a password that Secrets Manager draws: letters and digits, which any URL and any client takes as they
    are.

    Each run draws another. Whatever keeps it must do so with ``ignore_changes``, so that the first one stays.
    """
    drawn = aws.secretsmanager.get_random_password_output(
        password_length=length, exclude_punctuation=True, opts=pulumi.InvokeOptions(parent=parent)
    )
    return pulumi.Output.secret(drawn.random_password)
