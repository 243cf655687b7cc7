"""The header by which the load balancer knows that a request came through this platform's CloudFront."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context

HEADER_NAME = "x-origin-verify"
_LENGTH = 64


class OriginHeader(Component):
    """A random value that Secrets Manager makes up, kept there, and handed on as a secret.

    Everybody's CloudFront comes from the same addresses, so addresses alone do not tell this distribution from another.

    Builds: secret and its value. Secrets Manager offers another random value at each run; only the first is taken, and kept
    until ``number`` counts on. Nobody writes the value down, and the state holds it encrypted.

    Cost: $0.40 a month.

    Fails: a wrong value shows as 404 from the load balancer's default answer.

    Changes without replacement: the key. Counting ``number`` on makes a new secret and removes the old.
    """

    layer = "edge"

    header: tuple[str, pulumi.Output[str]]
    """Name and value."""
    secret_arn: pulumi.Output[str]
    """Where the value is kept, once it is there."""

    def __init__(
        self,
        name: str,
        context: Context,
        *,
        number: int = 1,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        secret = aws.secretsmanager.Secret(
            f"{name}-{number}",
            description=f"Header {HEADER_NAME} that CloudFront sends to the load balancer",
            kms_key_id=self.context.key_arn("secrets"),
            recovery_window_in_days=7,
            opts=self.child(),
        )
        fresh = aws.secretsmanager.get_random_password_output(
            password_length=_LENGTH, exclude_punctuation=True, opts=pulumi.InvokeOptions(parent=self)
        ).random_password
        version = aws.secretsmanager.SecretVersion(
            f"{name}-{number}",
            secret_id=secret.id,
            secret_string=pulumi.Output.secret(fresh),
            opts=self.child(ignore_changes=["secretString"]),
        )
        self.header = (HEADER_NAME, pulumi.Output.secret(version.secret_string.apply(str)))
        self.secret_arn = pulumi.Output.all(secret.arn, version.id).apply(lambda both: str(both[0]))
        self.register_outputs({"secretArn": secret.arn})
