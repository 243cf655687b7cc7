"""Karpenter: instances of its own, each with the cluster's tag and its pool's."""

from __future__ import annotations

import pulumi

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.identity import cluster_name
from groundwork.settings.facts import via_service

_POOL = "karpenter.sh/nodepool"
_CLASS = "karpenter.k8s.aws/ec2nodeclass"


def machines(parent: Component) -> tuple[Statement, ...]:
    """Return the permissions for instances, launch templates and fleets. Sources and shape:
    https://karpenter.sh/docs/reference/cloudformation/"""
    context = parent.context
    arn, region = context.arn, context.region
    owned = f"kubernetes.io/cluster/{cluster_name(parent)}"
    made = [
        arn("ec2", f"{kind}/*")
        for kind in ("fleet", "instance", "launch-template", "network-interface", "spot-instances-request", "volume")
    ]
    ours = {"StringEquals": {f"aws:ResourceTag/{owned}": "owned"}, "StringLike": {f"aws:ResourceTag/{_POOL}": "*"}}
    asked = {
        "StringEquals": {
            f"aws:RequestTag/{owned}": "owned",
            "aws:RequestTag/eks:eks-cluster-name": cluster_name(parent),
        },
        "StringLike": {f"aws:RequestTag/{_POOL}": "*"},
    }
    through_ec2 = {"kms:ViaService": via_service("ec2", region)}
    return (
        Statement(
            sid="LaunchFromResources",
            actions=("ec2:CreateFleet", "ec2:RunInstances"),
            resources=(
                f"{parent.context.arn_start}:ec2:{region}::image/*",
                f"{parent.context.arn_start}:ec2:{region}::snapshot/*",
                arn("ec2", "capacity-reservation/*"),
                arn("ec2", "security-group/*"),
                arn("ec2", "subnet/*"),
            ),
        ),
        Statement(
            sid="LaunchFromOwnTemplates",
            actions=("ec2:CreateFleet", "ec2:RunInstances"),
            resources=(arn("ec2", "launch-template/*"),),
            conditions=ours,
        ),
        Statement(
            sid="LaunchInstances",
            actions=("ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:RunInstances"),
            resources=made,
            conditions=asked,
        ),
        Statement(
            sid="TagOnLaunch",
            actions=("ec2:CreateTags",),
            resources=made,
            conditions={
                "StringEquals": {
                    **asked["StringEquals"],
                    "ec2:CreateAction": ["CreateFleet", "CreateLaunchTemplate", "RunInstances"],
                },
                "StringLike": asked["StringLike"],
            },
        ),
        Statement(
            sid="TagOwnInstances",
            actions=("ec2:CreateTags",),
            resources=(arn("ec2", "instance/*"),),
            conditions={
                **ours,
                "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster_name(parent)},
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["Name", "eks:eks-cluster-name", "karpenter.sh/nodeclaim"]
                },
            },
        ),
        Statement(
            sid="TerminateInstances",
            actions=("ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"),
            resources=(arn("ec2", "instance/*"), arn("ec2", "launch-template/*")),
            conditions=ours,
        ),
        # None of them takes a resource.
        Statement(
            sid="DescribeEc2",
            actions=(
                "ec2:DescribeCapacityReservations",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribePlacementGroups",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSpotPriceHistory",
                "ec2:DescribeSubnets",
            ),
            resources=("*",),
            conditions={"StringEquals": {"aws:RequestedRegion": region}},
        ),
        # It takes no resource either, and answers from us-east-1.
        Statement(sid="ReadPrices", actions=("pricing:GetProducts",), resources=("*",)),
        Statement(
            sid="ReadImageParameters",
            actions=("ssm:GetParameter",),
            resources=(f"{parent.context.arn_start}:ssm:{region}::parameter/aws/service/*",),
        ),
        Statement(
            sid="EncryptVolumes",
            actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
            resources=(parent.context.key_arn("storage"),),
            conditions={"StringEquals": through_ec2},
        ),
        Statement(
            sid="CreateKeyGrants",
            actions=("kms:CreateGrant",),
            resources=(parent.context.key_arn("storage"),),
            conditions={"StringEquals": through_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )


def surroundings(
    parent: Component, *, node_role_arn: pulumi.Input[str], queue_arn: pulumi.Input[str]
) -> tuple[Statement, ...]:
    """Return the permissions for the nodes' role, their instance profiles, the cluster's address and the queue of
    interruptions."""
    context = parent.context
    owned = f"kubernetes.io/cluster/{cluster_name(parent)}"
    profiles = context.arn("iam", "instance-profile/*", region="")

    def tagged(*sides: str) -> dict[str, dict[str, str]]:
        return {
            "StringEquals": {
                key: value
                for side in sides
                for key, value in (
                    (f"aws:{side}/{owned}", "owned"),
                    (f"aws:{side}/topology.kubernetes.io/region", context.region),
                )
            },
            "StringLike": {f"aws:{side}/{_CLASS}": "*" for side in sides},
        }

    return (
        Statement(
            sid="PassNodeRole",
            actions=("iam:PassRole",),
            resources=(node_role_arn,),
            conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        Statement(
            sid="CreateInstanceProfiles",
            actions=("iam:CreateInstanceProfile",),
            resources=(profiles,),
            conditions=tagged("RequestTag"),
        ),
        Statement(
            sid="TagInstanceProfiles",
            actions=("iam:TagInstanceProfile",),
            resources=(profiles,),
            conditions=tagged("ResourceTag", "RequestTag"),
        ),
        Statement(
            sid="ManageInstanceProfiles",
            actions=(
                "iam:AddRoleToInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
            ),
            resources=(profiles,),
            conditions=tagged("ResourceTag"),
        ),
        Statement(sid="ReadInstanceProfiles", actions=("iam:GetInstanceProfile",), resources=(profiles,)),
        # It takes no resource.
        Statement(sid="ListInstanceProfiles", actions=("iam:ListInstanceProfiles",), resources=("*",)),
        Statement(
            sid="DescribeCluster",
            actions=("eks:DescribeCluster",),
            resources=(context.arn("eks", f"cluster/{cluster_name(parent)}"),),
        ),
        Statement(
            sid="ReceiveInterruptions",
            actions=("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"),
            resources=(queue_arn,),
        ),
    )
