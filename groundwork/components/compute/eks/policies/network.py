"""The VPC CNI: addresses and interfaces of pods."""

from __future__ import annotations

import pulumi

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.identity import cluster_name


def statements(parent: Component, vpc_id: pulumi.Input[str]) -> tuple[Statement, ...]:
    """Bound to interfaces that carry the cluster's tag: the add-on tags those it makes, our launch templates the first ones.

    https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/iam-policy.md#scope-down-iam-policy-per-eks-cluster
    """
    arn = parent.context.arn
    name = cluster_name(parent)
    interfaces, groups = arn("ec2", "network-interface/*"), arn("ec2", "security-group/*")
    return (
        Statement(
            # None of them takes a resource:
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
            sid="DescribeNetwork",
            actions=(
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeTags",
            ),
            resources=("*",),
        ),
        Statement(
            sid="TagInterfacesOnCreation",
            actions=("ec2:CreateTags",),
            resources=(interfaces,),
            conditions={"StringEquals": {"ec2:CreateAction": "CreateNetworkInterface"}},
        ),
        # When it starts, it puts the node's id on a node's first interface too, and gives up if it may not:
        # https://github.com/aws/amazon-vpc-cni-k8s/blob/v1.22.4/pkg/ipamd/ipamd.go#L527
        Statement(
            sid="TagOwnInterfaces",
            actions=("ec2:CreateTags",),
            resources=(interfaces,),
            conditions={"StringEquals": {"aws:ResourceTag/cluster.k8s.amazonaws.com/name": name}},
        ),
        Statement(
            sid="CreateInterfaces",
            actions=("ec2:CreateNetworkInterface",),
            resources=(interfaces,),
            conditions={"StringEquals": {"aws:RequestTag/cluster.k8s.amazonaws.com/name": name}},
        ),
        Statement(
            sid="CreateInterfacesInOwnSubnets",
            actions=("ec2:CreateNetworkInterface",),
            resources=(arn("ec2", "subnet/*"), groups),
            conditions={"ArnEquals": {"ec2:Vpc": pulumi.Output.concat(arn("ec2", "vpc/"), vpc_id)}},
        ),
        Statement(
            sid="ManageOwnInterfaces",
            actions=(
                "ec2:AssignPrivateIpAddresses",
                "ec2:AttachNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DetachNetworkInterface",
                "ec2:ModifyNetworkInterfaceAttribute",
                "ec2:UnassignPrivateIpAddresses",
            ),
            resources=(interfaces,),
            conditions={"StringEquals": {"aws:ResourceTag/cluster.k8s.amazonaws.com/name": name}},
        ),
        Statement(
            sid="AttachInterfacesToOwnNodes",
            actions=(
                "ec2:AttachNetworkInterface",
                "ec2:DetachNetworkInterface",
                "ec2:ModifyNetworkInterfaceAttribute",
            ),
            resources=(arn("ec2", "instance/*"),),
            conditions={"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{name}": "owned"}},
        ),
        Statement(
            sid="UseOwnSecurityGroups",
            actions=("ec2:ModifyNetworkInterfaceAttribute",),
            resources=(groups,),
            conditions={"ArnEquals": {"ec2:Vpc": pulumi.Output.concat(arn("ec2", "vpc/"), vpc_id)}},
        ),
    )
