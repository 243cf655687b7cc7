"""Buckets: private, encrypted, TLS only, each with the lifecycle of what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Statement, policy_document
from groundwork.components.base import Component, fit, key_of
from groundwork.components.context import Context
from groundwork.components.storage.settings import PURPOSES, BucketSettings, CorsSettings, LifecycleSettings
from groundwork.settings.facts import via_service
from groundwork.settings.variables import environment_name

_LOGS = "logs"
# 63 characters less the eight of an automatic name.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_LONGEST_NAME = 55


class Bucket(Component):
    """One bucket and everything that guards it.

    Builds: bucket, public access block, ownership without access lists, encryption, versioning, lifecycle, policy, and where
    they are asked for CORS, Object Lock and server access logs. The policy refuses anything but TLS 1.2 and newer, and
    objects encrypted with another key. A bucket that CloudFront serves leaves its policy to the distribution's component,
    which adds its own statement to :attr:`policy_statements`: a bucket has one policy.

    A bucket for logs is encrypted with S3's own keys, since load balancers and S3's access logs write with nothing else
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html), and its policy admits those
    deliveries of this account and no other.

    Cost: stored gigabytes by class, requests, and versions until they expire; encryption requests are few by the bucket key.

    Fails: ``AccessDenied`` for a request without TLS, with another key, or that no grant covers; uploads of a browser that
    stop at the preflight request lack a CORS origin.

    Changes without replacement: everything but the name; outside prod the bucket goes with its content when it is removed.
    """

    layer = "storage"

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    regional_domain_name: pulumi.Output[str]
    settings: BucketSettings
    policy_statements: list[dict[str, Any]]
    """What the bucket's policy must say whoever writes it."""

    def __init__(
        self,
        name: str,
        settings: BucketSettings,
        context: Context,
        *,
        key: str | None = None,
        logs_bucket: pulumi.Input[str] | None = None,
        takes_connections: bool = False,
        region: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the bucket and what guards it. ``key`` is its own name, unset what follows the platform's in ``name``; it starts the
        variables of those who use it. ``logs_bucket``: the bucket that gets its access logs.
        ``takes_connections``: network load balancers of this platform log to it. ``region``: where a copy stands; unset, the platform's."""
        super().__init__(name, context, opts)
        key = key or key_of(name, context)
        self.settings = settings
        self._key = key
        # Load balancers and S3 itself deliver access logs only to buckets with S3's own key.
        self._key_arn = None if settings.purpose == _LOGS else context.key_arn("storage")
        bucket = aws.s3.Bucket(
            fit(name, _LONGEST_NAME),
            force_destroy=not context.guarded,
            region=region,
            # A copy outlasts the wish for copies, and does not stop the update with which it ends.
            opts=self.child(retain_on_delete=context.is_prod or None) if region else self.stateful(),
        )
        self.bucket_name = bucket.bucket
        self.arn = bucket.arn
        self.regional_domain_name = bucket.bucket_regional_domain_name
        self.policy_statements = _refusals(bucket.arn, self._key_arn)
        if settings.purpose == _LOGS:
            self.policy_statements += _deliveries(bucket.arn, context)
            if takes_connections:
                self.policy_statements += _deliveries_of_connections(bucket.arn, context)

        blocked = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            region=region,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child(),
        )
        aws.s3.BucketOwnershipControls(
            name,
            bucket=bucket.bucket,
            region=region,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.child(),
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name, bucket=bucket.bucket, region=region, rules=[_encryption(self._key_arn)], opts=self.child()
        )
        versioning = aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            region=region,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
                status="Enabled" if settings.versioning else "Suspended"
            ),
            opts=self.child(),
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            region=region,
            rules=_lifecycle(settings),
            opts=self.child(depends_on=[versioning]),
        )
        if not settings.cdn:
            policy = aws.s3.BucketPolicy(
                name,
                bucket=bucket.bucket,
                region=region,
                policy=policy_document(self.policy_statements),
                opts=self.child(depends_on=[blocked]),
            )
            if settings.purpose == _LOGS:
                # AWS tries to write when it is told where to: whoever is told the name waits for the permission.
                self.bucket_name = pulumi.Output.all(bucket.bucket, policy.id).apply(lambda both: str(both[0]))
        if settings.cors:
            aws.s3.BucketCorsConfiguration(
                name, bucket=bucket.bucket, region=region, cors_rules=[_cors(settings.cors)], opts=self.child()
            )
        if settings.lock_days:
            aws.s3.BucketObjectLockConfiguration(
                name,
                bucket=bucket.bucket,
                region=region,
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                    default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                        mode="GOVERNANCE", days=settings.lock_days
                    )
                ),
                opts=self.child(depends_on=[versioning]),
            )
        if logs_bucket is not None and settings.purpose != _LOGS:
            aws.s3.BucketLogging(
                name,
                bucket=bucket.bucket,
                region=region,
                target_bucket=logs_bucket,
                target_prefix=f"s3/{key}/",
                opts=self.child(),
            )
        self.register_outputs({"bucketName": bucket.bucket, "arn": bucket.arn})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``read``, ``write``, ``read-write``, ``purge``, ``sign-download`` or ``sign``; see :func:`bucket_grant`."""
        return bucket_grant(
            Held(self._key, self.bucket_name, self.arn, self._key_arn), self.context.region, level, prefix
        )


@dataclass(frozen=True)
class Held:
    """A bucket to grant access to."""

    key: str
    """Its name in the stack file."""
    name: pulumi.Input[str]
    arn: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None
    """The customer-managed key of its objects."""


def bucket_grant(bucket: Held, region: str, level: str, prefix: str | None) -> Grant:
    """Grant ``read``, ``write``, ``read-write``, ``purge``, ``sign-download`` or ``sign``, on all keys or those
    that start with ``prefix``.

    ``purge`` finds objects and their versions and removes them for good; it does not see what is in them.

    A presigned URL carries the permission of whoever signed it, so ``sign`` is exactly what a URL may be for: put an
    object within 15 minutes and get it within an hour, neither list nor delete; ``sign-download`` is the latter alone.
    """
    objects = pulumi.Output.concat(bucket.arn, "/", prefix or "", "*")
    label = "".join(part.capitalize() for part in bucket.key.split("-"))
    statements = [
        Statement(f"{label}{sid}", actions, [objects], _signed_within(sid) if level in _SIGNING else {})
        for sid, actions in _OBJECT_ACTIONS[level].items()
    ]
    if level in _LISTING:
        conditions = {"StringLike": {"s3:prefix": [f"{prefix}*"]}} if prefix else {}
        statements.append(Statement(f"{label}List", _LISTING[level], [bucket.arn], conditions))
    if bucket.key_arn is not None and level in _KEY_ACTIONS:
        through = {"StringEquals": {"kms:ViaService": via_service("s3", region)}}
        statements.append(Statement(f"{label}Key", _KEY_ACTIONS[level], [bucket.key_arn], through))
    environment: dict[str, pulumi.Input[str]] = {f"{environment_name(bucket.key)}_BUCKET": bucket.name}
    if prefix:
        environment[f"{environment_name(bucket.key)}_PREFIX"] = prefix
    return Grant(statements=statements, environment=environment)


_READ: dict[str, tuple[str, ...]] = {"Read": ("s3:GetObject",)}
_WRITE: dict[str, tuple[str, ...]] = {
    "Write": ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject")
}
_OBJECT_ACTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "read": _READ,
    "write": _WRITE,
    "read-write": {**_READ, **_WRITE},
    "purge": {"Purge": ("s3:DeleteObject", "s3:DeleteObjectVersion")},
    "sign-download": {"Download": ("s3:GetObject",)},
    "sign": {"Download": ("s3:GetObject",), "Upload": ("s3:PutObject",)},
}
_SIGNING = ("sign-download", "sign")
_SIGNATURE_MINUTES = {"Upload": 15, "Download": 60}
"""How old the signature of a URL may be, whatever it asks for (S4-06)."""
_LISTING: dict[str, tuple[str, ...]] = {
    "read": ("s3:ListBucket",),
    "read-write": ("s3:ListBucket",),
    "purge": ("s3:ListBucket", "s3:ListBucketVersions"),
}
# A multipart upload decrypts its parts to join them.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html
_KEY_ACTIONS: dict[str, tuple[str, ...]] = {
    "read": ("kms:Decrypt",),
    "write": ("kms:Decrypt", "kms:GenerateDataKey"),
    "read-write": ("kms:Decrypt", "kms:GenerateDataKey"),
    "sign-download": ("kms:Decrypt",),
    "sign": ("kms:Decrypt", "kms:GenerateDataKey"),
}


def _signed_within(sid: str) -> dict[str, dict[str, str]]:
    """Limit the age of a presigned URL.
    https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html"""
    return {"NumericLessThanEqualsIfExists": {"s3:signatureAge": str(_SIGNATURE_MINUTES[sid] * 60_000)}}


def _encryption(key_arn: pulumi.Output[str] | None) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
    return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=(
            default(sse_algorithm="AES256")
            if key_arn is None
            else default(sse_algorithm="aws:kms", kms_master_key_id=key_arn)
        ),
        bucket_key_enabled=key_arn is not None,
        # Keys that the client brings along and that nobody else can ever read with.
        blocked_encryption_types=["SSE-C"],
    )


def _lifecycle(settings: BucketSettings) -> list[aws.s3.BucketLifecycleConfigurationRuleArgs]:
    rules = {"purpose": PURPOSES[settings.purpose], **settings.lifecycle}
    return [_cleanup(settings.abort_multipart_after), *(_rule(name, rule) for name, rule in sorted(rules.items()))]


def _cleanup(abort_after: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="cleanup",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=abort_after
        ),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
    )


def _rule(name: str, rule: LifecycleSettings) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    classes = {
        "STANDARD_IA": rule.infrequent_after,
        "INTELLIGENT_TIERING": rule.intelligent_after,
        "GLACIER": rule.archive_after,
    }
    transitions = [
        aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(days=days, storage_class=storage_class)
        for storage_class, days in classes.items()
        if days is not None
    ]
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id=name,
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=rule.prefix),
        transitions=transitions or None,
        expiration=(
            aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=rule.expire_after)
            if rule.expire_after is not None
            else None
        ),
        noncurrent_version_expiration=(
            aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=rule.versions_gone_after
            )
            if rule.versions_gone_after is not None
            else None
        ),
    )


def _cors(cors: CorsSettings) -> aws.s3.BucketCorsConfigurationCorsRuleArgs:
    return aws.s3.BucketCorsConfigurationCorsRuleArgs(
        allowed_origins=list(cors.origins),
        allowed_methods=list(cors.methods),
        allowed_headers=list(cors.headers),
        expose_headers=["ETag"],
        max_age_seconds=cors.max_age,
    )


def _refusals(arn: pulumi.Output[str], key_arn: pulumi.Output[str] | None) -> list[dict[str, Any]]:
    everything = [arn, pulumi.Output.concat(arn, "/*")]

    def deny(sid: str, action: str, conditions: Mapping[str, Mapping[str, pulumi.Input[str]]]) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": everything,
            "Condition": conditions,
        }

    refused = [
        deny("TlsOnly", "s3:*", {"Bool": {"aws:SecureTransport": "false"}}),
        deny("Tls12AndNewer", "s3:*", {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    ]
    if key_arn is not None:
        # Both conditions must hold: an upload that names no key gets the bucket's own.
        named = "s3:x-amz-server-side-encryption-aws-kms-key-id"
        refused.append(
            deny("NoOtherKey", "s3:PutObject", {"Null": {named: "false"}, "StringNotEquals": {named: key_arn}})
        )
    return refused


def _deliveries_of_connections(arn: pulumi.Output[str], context: Context) -> list[dict[str, Any]]:
    """Admit the logs of network load balancers, which another service delivers than those of application load balancers.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/enable-access-logs.html
    """
    account = context.account_id
    ours: dict[str, dict[str, Any]] = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": context.arn("logs", "*")},
    }
    common = {"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}}
    return [
        {**common, "Sid": "NetworkBalancerLogsAsk", "Action": "s3:GetBucketAcl", "Resource": arn, "Condition": ours},
        {
            **common,
            "Sid": "NetworkBalancerLogs",
            "Action": "s3:PutObject",
            "Resource": pulumi.Output.concat(arn, "/*AWSLogs/", account, "/*"),
            "Condition": {
                **ours,
                "StringEquals": {**ours["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"},
            },
        },
    ]


def _deliveries(arn: pulumi.Output[str], context: Context) -> list[dict[str, Any]]:
    account = context.account_id

    def allow(
        sid: str, service: str, path: pulumi.Input[str], conditions: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "s3:PutObject",
            "Resource": pulumi.Output.concat(arn, path),
            "Condition": conditions,
        }

    return [
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        allow(
            "LoadBalancerLogs",
            "logdelivery.elasticloadbalancing.amazonaws.com",
            pulumi.Output.concat("/*AWSLogs/", account, "/*"),
            {"ArnLike": {"aws:SourceArn": context.arn("elasticloadbalancing", "loadbalancer/*")}},
        ),
        # CloudFront's standard logging, whose sources live in us-east-1.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html
        allow(
            "CloudFrontLogs",
            "delivery.logs.amazonaws.com",
            "/*",
            {
                "StringEquals": {"aws:SourceAccount": account, "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": {"aws:SourceArn": context.arn("logs", "delivery-source:*", region="us-east-1")},
            },
        ),
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        allow(
            "BucketAccessLogs",
            "logging.s3.amazonaws.com",
            "/s3/*",
            {
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {"aws:SourceArn": f"{context.arn_start}:s3:::*"},
            },
        ),
    ]
