"""What the key of instances' volumes must allow."""

from __future__ import annotations

from typing import Any

import pulumi

from components.base import Foundation

_ROLES = ("autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling", "spot.amazonaws.com/AWSServiceRoleForEC2Spot")


def key_statements(foundation: Foundation) -> list[dict[str, Any]]:
    """For the policy of that key: the roles with which EC2 Auto Scaling and Spot launch may use it, and hand it to EC2.

    The roles stand in a condition and not as principals, because KMS refuses a principal that is not there, and AWS makes
    them at their first use. https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    """
    roles = [
        pulumi.Output.concat("arn:aws:iam::", foundation.account_id, ":role/aws-service-role/", role) for role in _ROLES
    ]
    launches = {
        "StringEquals": {"kms:CallerAccount": foundation.account_id},
        "ArnEquals": {"aws:PrincipalArn": roles},
    }
    return [
        {
            "Sid": "InstancesUseVolumes",
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
            "Sid": "InstancesKeepVolumes",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {**launches, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]
