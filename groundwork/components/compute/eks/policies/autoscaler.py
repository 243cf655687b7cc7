"""The cluster autoscaler: how many nodes each group has."""

from __future__ import annotations

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.identity import cluster_name


def statements(parent: Component) -> tuple[Statement, ...]:
    """Return the cluster autoscaler's permissions.
    https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md#iam-policy"""
    name = cluster_name(parent)
    arn = parent.context.arn
    return (
        # None of them takes a resource.
        Statement(
            sid="DescribeScaling",
            actions=(
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeLaunchConfigurations",
                "autoscaling:DescribeScalingActivities",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ),
            resources=("*",),
        ),
        Statement(
            sid="DescribeNodeGroups",
            actions=("eks:DescribeNodegroup",),
            resources=(arn("eks", f"nodegroup/{name}/*/*"),),
        ),
        Statement(
            sid="ScaleNodeGroups",
            actions=("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"),
            resources=(arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),),
            # EKS tags the groups of managed nodes so.
            conditions={"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{name}": "owned"}},
        ),
    )
