"""Copies of buckets, which S3 fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.trust import trusted
from groundwork.components.context import Context
from groundwork.components.recovery.names import bucket_name, key_alias
from groundwork.components.recovery.settings import RecoverySettings
from groundwork.components.storage.bucket import Bucket
from groundwork.components.storage.settings import BucketSettings
from groundwork.settings.facts import via_service

COPY_ACTIONS = ("s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags")
"""What a copy lets whoever fills it do: https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html"""
OWNER_ACTION = "s3:ObjectOwnerOverrideToBucketOwner"
"""Beside them in another account, whose the copies are then."""


@dataclass(frozen=True)
class CopiedBucket:
    """A bucket to copy."""

    bucket: Bucket
    settings: BucketSettings


@dataclass(frozen=True)
class _Goal:
    """Where objects are copied to."""

    key: str
    bucket_name: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    account: str | None
    after: tuple[pulumi.Resource, ...] = ()


def copy_buckets(
    parent: Component, settings: RecoverySettings, buckets: Mapping[str, CopiedBucket], key_arn: pulumi.Output[str]
) -> dict[str, pulumi.Input[str]]:
    """Create a copy of each bucket in the other region, one bucket there for their access logs, and have S3 fill the copies, and those
    in the other account. Return the copies' names. ``key_arn``: the key of the other region."""
    context = parent.context
    logs = Bucket(
        f"{parent.name}-{settings.region}-logs",
        BucketSettings(purpose="logs"),
        context=context,
        region=settings.region,
        opts=parent.child(),
    )
    goals: dict[str, list[_Goal]] = {}
    names: dict[str, pulumi.Input[str]] = {}
    for key, copied in buckets.items():
        there = Bucket(
            f"{parent.name}-{settings.region}-{key}",
            _copy_of(copied.settings),
            context=replace(context, key_arns={"storage": key_arn}),
            key=key,
            logs_bucket=logs.bucket_name,
            region=settings.region,
            opts=parent.child(),
        )
        names[key] = there.bucket_name
        goals[key] = [_Goal("region", there.bucket_name, there.arn, key_arn, None, (there,))]
        if settings.account:
            goals[key].append(_in_account(context, key, settings.account))
    role = aws.iam.Role(
        f"{parent.name}-buckets",
        description="S3 copies objects to other regions and accounts",
        # AWS's guide gives this trust no condition. One on a key that S3 does not send would leave every object without its copy.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
        assume_role_policy=trusted("s3.amazonaws.com"),
        opts=parent.child(),
    )
    permission = aws.iam.RolePolicy(
        f"{parent.name}-buckets",
        role=role.name,
        policy=policy_document(_statements(context, settings, buckets, goals, key_arn)),
        opts=parent.child(),
    )
    for key, copied in buckets.items():
        aws.s3.BucketReplicationConfig(
            f"{parent.name}-{key}",
            bucket=copied.bucket.bucket_name,
            role=role.arn,
            rules=[_rule(goal, priority) for priority, goal in enumerate(goals[key])],
            opts=parent.child(
                depends_on=[permission, copied.bucket, *(one for goal in goals[key] for one in goal.after)]
            ),
        )
        for goal in goals[key]:
            _watch(parent, key, copied, goal)
    return names


def _watch(parent: Component, key: str, copied: CopiedBucket, goal: _Goal) -> None:
    """Create the alarm of objects that S3 could not copy, of which else only the objects would tell.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html: it is published where the bucket is, and only when one fails.
    """
    dimensions = {"SourceBucket": copied.bucket.bucket_name, "DestinationBucket": goal.bucket_name, "RuleId": goal.key}
    alarm(
        parent,
        f"{key}-{goal.key}-failed",
        Metric("AWS/S3", "OperationsFailedReplication", dimensions, "Sum"),
        threshold=1,
        comparison="GreaterThanOrEqualToThreshold",
        period=300,
        periods=1,
        description=f"S3 could not copy objects of {key} to the other {goal.key}. An object says so itself: aws s3api head-object, "
        "ReplicationStatus FAILED. Rights on bucket and key there are what fails most; then S3 Batch Replication copies what was left out.",
    )


def _copy_of(settings: BucketSettings) -> BucketSettings:
    """Return what a copy is: as the bucket ages, and nothing that anybody asks of it."""
    return BucketSettings(
        purpose=settings.purpose,
        lifecycle=settings.lifecycle,
        abort_multipart_after=settings.abort_multipart_after,
        lock_days=settings.lock_days,
    )


def _in_account(context: Context, key: str, account: str) -> _Goal:
    name = bucket_name(context.platform, context.region, key, account)
    alias = key_alias(context.platform, context.region)
    return _Goal(
        "account",
        name,
        f"{context.arn_start}:s3:::{name}",
        f"{context.arn_start}:kms:{context.region}:{account}:{alias}",
        account,
    )


def _rule(goal: _Goal, priority: int) -> aws.s3.BucketReplicationConfigRuleArgs:
    """Return the rule that fills a copy. Deletions are copied as markers: versions stay for as long as the copy keeps them."""
    destination = aws.s3.BucketReplicationConfigRuleDestinationArgs(
        bucket=goal.bucket_arn,
        account=goal.account,
        access_control_translation=(
            aws.s3.BucketReplicationConfigRuleDestinationAccessControlTranslationArgs(owner="Destination")
            if goal.account
            else None
        ),
        encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
            replica_kms_key_id=goal.key_arn
        ),
        # Without them nobody counts what fails.
        metrics=aws.s3.BucketReplicationConfigRuleDestinationMetricsArgs(status="Enabled"),
    )
    return aws.s3.BucketReplicationConfigRuleArgs(
        id=goal.key,
        priority=priority,
        status="Enabled",
        filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
        delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(status="Enabled"),
        source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
            sse_kms_encrypted_objects=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                status="Enabled"
            )
        ),
        destination=destination,
    )


def _statements(
    context: Context,
    settings: RecoverySettings,
    buckets: Mapping[str, CopiedBucket],
    goals: Mapping[str, list[_Goal]],
    key_arn: pulumi.Output[str],
) -> list[Statement]:
    """Return what S3 may do: read versions of these buckets, and write to their copies alone.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    """
    sources = [copied.bucket.arn for copied in buckets.values()]
    read = ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"]
    if any(copied.settings.lock_days for copied in buckets.values()):
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html#object-lock-managing-replication
        read += ["s3:GetObjectLegalHold", "s3:GetObjectRetention"]
    statements = [
        Statement("ReadBuckets", ("s3:GetReplicationConfiguration", "s3:ListBucket"), sources),
        Statement("ReadVersions", read, [pulumi.Output.concat(arn, "/*") for arn in sources]),
        Statement("Decrypt", ("kms:Decrypt",), [context.key_arn("storage")], _through(context.region)),
        Statement("WriteToRegion", COPY_ACTIONS, _objects(goals, "region")),
        Statement("EncryptInRegion", ("kms:Encrypt", "kms:GenerateDataKey"), [key_arn], _through(settings.region)),
    ]
    if settings.account:
        keys = f"{context.arn_start}:kms:{context.region}:{settings.account}:key/*"
        # The key has no ARN that anybody here knows, and its alias names it.
        # https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": key_alias(context.platform, context.region)}}
        statements += [
            Statement("WriteToAccount", (*COPY_ACTIONS, OWNER_ACTION), _objects(goals, "account")),
            Statement(
                "EncryptInAccount",
                ("kms:Encrypt", "kms:GenerateDataKey"),
                [keys],
                {**_through(context.region), **named},
            ),
        ]
    return statements


def _objects(goals: Mapping[str, list[_Goal]], key: str) -> list[pulumi.Input[str]]:
    return [pulumi.Output.concat(goal.bucket_arn, "/*") for ones in goals.values() for goal in ones if goal.key == key]


def _through(region: str) -> dict[str, dict[str, Any]]:
    return {"StringEquals": {"kms:ViaService": via_service("s3", region)}}
