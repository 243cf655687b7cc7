"""The data volume: what outlives instances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document, trust_policy
from groundwork.components.base import Component
from groundwork.settings.base import window_in_utc
from groundwork.settings.facts import via_service

_KEPT = 7
"""Daily snapshots."""
_WINDOW = "03:00-04:00"
"""In the platform's time zone; the service takes an hour to begin."""


@dataclass(frozen=True)
class DataVolume:
    """A volume that instances attach to themselves."""

    id: pulumi.Output[str]
    arn: pulumi.Output[str]


def data_volume(parent: Component, gib: int, zone: str) -> DataVolume:
    """Create an encrypted gp3 volume in one zone, with a snapshot each night."""
    volume = aws.ebs.Volume(
        f"{parent.name}-data",
        availability_zone=f"{parent.context.region}{zone}",
        size=gib,
        type="gp3",
        encrypted=True,
        kms_key_id=parent.context.key_arn("storage"),
        final_snapshot=parent.context.is_prod,
        opts=parent.stateful(),
    )
    _snapshots(parent)
    return DataVolume(volume.id, volume.arn)


def attach(parent: Component, volume: DataVolume) -> Iterator[Statement]:
    """Allow this volume to be attached to an instance of this platform.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html"""
    context = parent.context
    yield Statement("AttachDataVolume", ("ec2:AttachVolume",), [volume.arn])
    yield Statement(
        "AttachToInstance",
        ("ec2:AttachVolume",),
        [context.arn("ec2", "instance/*")],
        {
            "StringEquals": {
                "aws:ResourceTag/platform": context.platform.name,
                "aws:ResourceTag/stage": context.platform.stage,
            }
        },
    )
    # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    yield Statement(
        "UseDataKey",
        ("kms:CreateGrant",),
        [parent.context.key_arn("storage")],
        {
            "Bool": {"kms:GrantIsForAWSResource": "true"},
            "StringEquals": {"kms:ViaService": via_service("ec2", context.region)},
        },
    )


def _snapshots(parent: Component) -> None:
    context = parent.context
    role = aws.iam.Role(
        f"{parent.name}-snapshots",
        assume_role_policy=trust_policy("dlm.amazonaws.com", context.account_id),
        description="Snapshots of the data volume",
        opts=parent.child(),
    )
    volumes = context.arn("ec2", "volume/*")
    # Snapshots belong to nobody when they are named, so that their ARN has no account.
    snapshots = f"{context.arn_start}:ec2:{context.region}::snapshot/*"
    of_platform = {"StringEquals": {"aws:ResourceTag/Name": f"{parent.name}-data"}}
    aws.iam.RolePolicy(
        f"{parent.name}-snapshots",
        role=role.name,
        policy=policy_document(
            [
                # Neither takes a resource.
                Statement("DescribeVolumes", ("ec2:DescribeSnapshots", "ec2:DescribeVolumes"), ["*"]),
                Statement("SnapshotVolumes", ("ec2:CreateSnapshot",), [volumes], of_platform),
                Statement("CreateSnapshots", ("ec2:CreateSnapshot", "ec2:CreateTags"), [snapshots]),
                Statement(
                    "Remove",
                    ("ec2:DeleteSnapshot",),
                    [snapshots],
                    {"Null": {"aws:ResourceTag/aws:dlm:lifecycle-policy-id": "false"}},
                ),
            ]
        ),
        opts=parent.child(),
    )
    aws.dlm.LifecyclePolicy(
        f"{parent.name}-data",
        description=f"{context.platform.name} {context.platform.stage} data volume daily",
        execution_role_arn=role.arn,
        state="ENABLED",
        policy_details=aws.dlm.LifecyclePolicyPolicyDetailsArgs(
            policy_type="EBS_SNAPSHOT_MANAGEMENT",
            resource_types=["VOLUME"],
            target_tags={"Name": f"{parent.name}-data"},
            schedules=[
                aws.dlm.LifecyclePolicyPolicyDetailsScheduleArgs(
                    name="daily",
                    create_rule=aws.dlm.LifecyclePolicyPolicyDetailsScheduleCreateRuleArgs(
                        interval=24,
                        interval_unit="HOURS",
                        times=window_in_utc(_WINDOW, context.platform.timezone)[:5],
                    ),
                    retain_rule=aws.dlm.LifecyclePolicyPolicyDetailsScheduleRetainRuleArgs(count=_KEPT),
                    copy_tags=True,
                )
            ],
        ),
        opts=parent.child(),
    )
