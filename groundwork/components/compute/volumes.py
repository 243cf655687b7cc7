"""The volumes of instances, and what their key must allow."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.context import Context

_ROLES = ("autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", "spot.amazonaws.com/AWSServiceRoleForEC2Spot")


_ROOT = "/dev/xvda"
"""The root device of every image of Amazon Linux 2023."""


def root_volume(gib: int, key_arn: pulumi.Input[str]) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    """Return the volume that an instance starts from, deleted with it."""
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name=_ROOT,
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_type="gp3", volume_size=gib, encrypted="true", kms_key_id=key_arn, delete_on_termination="true"
        ),
    )


def key_statements(context: Context) -> list[dict[str, Any]]:
    """Return the statements for that key's policy: the roles with which EC2 Auto Scaling and Spot launch may use it,
    and hand it to EC2.

    The roles stand in a condition and not as principals, because KMS refuses a principal that is not there, and AWS makes
    them at their first use. https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    """
    roles = [
        pulumi.Output.concat(f"{context.arn_start}:iam::", context.account_id, ":role/aws-service-role/", role)
        for role in _ROLES
    ]
    launches = {
        "StringEquals": {"kms:CallerAccount": context.account_id},
        "ArnEquals": {"aws:PrincipalArn": roles},
    }
    return [
        {
            "Sid": "AllowAutoScalingUse",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
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
            "Condition": launches,
        },
        {
            "Sid": "AllowAutoScalingGrants",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {**launches, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]
