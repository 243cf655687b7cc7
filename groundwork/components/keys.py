"""Customer-managed keys: one for each kind of data, or one for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import policy_document
from groundwork.components.base import Component
from groundwork.components.compute import volumes
from groundwork.components.context import Context, KeyDomain

_SHARED = "shared"
_OUTLASTING = ("data", "storage", _SHARED)
"""Final snapshots and backups outlast a removed prod, and are worth nothing without their key."""
_DELETION_DAYS = 30
_ROTATION_DAYS = 365


class Keys(Component):
    """KMS keys with yearly rotation: one per domain, or a single one with ``platform.keys: shared``.

    Builds: nothing where ``platform.existing_key`` names a key that exists; else key, alias
    ``alias/<platform>/<stage>/<domain>`` and key policy for each. A policy lets the account's IAM decide (which is what makes grants
    of roles work) and admits exactly the services that write on their own account: CloudWatch Logs to "logs", publishers of alerts to
    "messaging", CloudFront reading to "storage". RDS, ElastiCache, S3, Secrets Manager and Backup act with the caller's permission or
    a grant and need no statement.

    Cost: $1 a month for each key and another $1 for each of its first two rotations; $0.03 per 10,000 requests, which
    S3 bucket keys keep low.

    Fails: a key that is disabled or scheduled for deletion makes everything encrypted with it unreadable; databases go to
    ``inaccessible-encryption-credentials``, tasks stop with ``AccessDeniedException``. The deletion waits 30 days and can
    be cancelled.

    Changes without replacement: policy, alias, rotation. Going from one key per domain to a shared one gives everything
    another key, which replaces databases, caches and log groups.
    """

    layer = "secrets"

    arns: dict[KeyDomain, pulumi.Output[str]]
    """Domain → ARN of its key."""
    wanted_statements: pulumi.Output[str] | None
    """What the policy of a key that exists must say, as JSON; None for keys of ours."""

    def __init__(
        self,
        name: str,
        context: Context,
        *,
        has_instances: bool = False,
        copied_to: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create a key for each domain, or one for all. ``has_instances``: volumes of EC2 instances are encrypted with
        the key for storage. ``copied_to``: the account whose AWS Backup copies what is encrypted."""
        super().__init__(name, context, opts)
        existing = context.platform.existing_key
        statements = {domain: admit(context) for domain, admit in _SERVICES.items()}
        if has_instances:
            statements["storage"] += volumes.key_statements(context)
        if copied_to is not None:
            # With a key for all, its policy says it once.
            for domain in ("data", "storage") if context.platform.keys != _SHARED and not existing else ("data",):
                statements[domain] += _copies(context, copied_to)
        everything = [statement for domain in statements.values() for statement in domain]
        self.wanted_statements = None
        if existing is not None:
            self.arns = dict.fromkeys(_SERVICES, pulumi.Output.from_input(existing))
            self.wanted_statements = pulumi.Output.json_dumps(everything)
        elif context.platform.keys == _SHARED:
            self.arns = dict.fromkeys(_SERVICES, self._key(_SHARED, everything).arn)
        else:
            self.arns = {domain: self._key(domain, admitted).arn for domain, admitted in statements.items()}
        self.register_outputs({"arns": self.arns})

    def _key(self, key: str, statements: list[dict[str, Any]]) -> aws.kms.Key:
        outlasts = self.context.is_prod and key in _OUTLASTING
        return customer_key(
            self,
            key,
            f"alias{self.context.prefix}/{key}",
            statements,
            opts=self.stateful(retain_on_delete=outlasts or None),
        )


def customer_key(
    parent: Component,
    key: str,
    alias: str,
    statements: list[dict[str, Any]],
    *,
    region: str | None = None,
    opts: pulumi.ResourceOptions,
) -> aws.kms.Key:
    """Create a key ``<component>-<key>`` with yearly rotation, whose policy holds ``statements`` and leaves the rest to
    the account's IAM. In ``region``; unset, the platform's."""
    context = parent.context
    made = aws.kms.Key(
        f"{parent.name}-{key}",
        description=f"{context.platform.name} {context.platform.stage}: {key}",
        enable_key_rotation=True,
        rotation_period_in_days=_ROTATION_DAYS,
        deletion_window_in_days=_DELETION_DAYS,
        policy=policy_document([_account_decides(context), *statements]),
        region=region,
        opts=opts,
    )
    aws.kms.Alias(
        f"{parent.name}-{key}",
        name=alias,
        target_key_id=made.key_id,
        region=region,
        opts=parent.child(),
    )
    return made


def publishing(context: Context, *services: str) -> dict[str, Any]:
    """Allow services to use a key for publishing to an encrypted topic: each needs a data key of its own.

    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    return {
        "Sid": "AllowPublishingServices",
        "Effect": "Allow",
        "Principal": {"Service": list(services)},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": context.account_id}},
    }


def _account_decides(context: Context) -> dict[str, Any]:
    """Return AWS's own default statement; without it no IAM policy has any effect on the key.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    return {
        "Sid": "EnableIamPolicies",
        "Effect": "Allow",
        "Principal": {"AWS": pulumi.Output.concat(f"{context.arn_start}:iam::", context.account_id, ":root")},
        "Action": "kms:*",
        "Resource": "*",
    }


def _nobody(context: Context) -> list[dict[str, Any]]:
    return []


def _storage(context: Context) -> list[dict[str, Any]]:
    """Allow CloudFront to read private buckets by origin access control.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html#oac-permissions-sse-kms
    """
    return [
        {
            "Sid": "AllowCloudFrontRead",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": context.arn("cloudfront", "distribution/*", region="")}},
        },
    ]


def _copies(context: Context, account: str) -> list[dict[str, Any]]:
    """Allow AWS Backup of another account to copy what is encrypted with the key, and nobody else of that account.

    Its role there may not exist yet, so that it stands in a condition.
    https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
    """
    role = f"{context.arn_start}:iam::{account}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
    common = {"Effect": "Allow", "Principal": {"AWS": f"{context.arn_start}:iam::{account}:root"}, "Resource": "*"}
    itself = {"ArnEquals": {"aws:PrincipalArn": role}}
    return [
        {
            **common,
            "Sid": "AllowCopies",
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Condition": itself,
        },
        {
            **common,
            "Sid": "AllowCopyGrants",
            "Action": "kms:CreateGrant",
            "Condition": {**itself, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]


_PUBLISHERS = (
    "budgets.amazonaws.com",
    "cloudwatch.amazonaws.com",
    "costalerts.amazonaws.com",
    "events.rds.amazonaws.com",
    "s3.amazonaws.com",
)


def _messaging(context: Context) -> list[dict[str, Any]]:
    return [
        publishing(context, *_PUBLISHERS),
        # EventBridge sends no source keys to KMS: "Adding aws:SourceAccount, aws:SourceArn or aws:SourceOrgID … is not
        # supported for EventBridge-to-encrypted topics" (the same page).
        {
            "Sid": "AllowEventBridge",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
        },
        {
            "Sid": "AllowSnsDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": context.arn("sns", "*")}},
        },
    ]


def _logs(context: Context) -> list[dict[str, Any]]:
    """Allow CloudWatch Logs to use the key for log groups of this account and region.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    return [
        {
            "Sid": "AllowCloudWatchLogs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{context.region}.{context.partition.suffix}"},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": context.arn("logs", "log-group:*")}},
        }
    ]


_SERVICES: dict[KeyDomain, Callable[[Context], list[dict[str, Any]]]] = {
    "data": _nobody,
    "storage": _storage,
    "secrets": _nobody,
    "messaging": _messaging,
    "logs": _logs,
}
