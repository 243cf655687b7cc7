"""The AWS Load Balancer Controller: pods as targets; load balancers of its own only for ``way_in: nlb``."""

from __future__ import annotations

import pulumi

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.identity import cluster_name

_TAG = "elbv2.k8s.aws/cluster"
_SERVICE = "elasticloadbalancing.amazonaws.com"


def statements(parent: Component) -> tuple[Statement, ...]:
    """Return the permissions to move pods into and out of target groups that this stack made, which carry its tags.

    https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/installation/#configure-iam
    """
    platform = parent.context.platform
    return (
        # None of them takes a resource.
        Statement(
            sid="DescribeTargets",
            actions=(
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ),
            resources=("*",),
        ),
        Statement(
            sid="RegisterTargets",
            actions=("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"),
            resources=(parent.context.arn("elasticloadbalancing", "targetgroup/*/*"),),
            conditions={
                "StringEquals": {
                    "aws:ResourceTag/platform": platform.name,
                    "aws:ResourceTag/stage": platform.stage,
                }
            },
        ),
    )


def network_load_balancers(parent: Component, node_group_id: pulumi.Input[str]) -> tuple[Statement, ...]:
    """Return the further permissions that a Service of type LoadBalancer takes: its balancer, listeners, target groups
    and security groups."""
    arn = parent.context.arn
    name = cluster_name(parent)
    asked = {"StringEquals": {f"aws:RequestTag/{_TAG}": name}}
    ours = {"StringEquals": {f"aws:ResourceTag/{_TAG}": name}}
    balancers, targets = (
        arn("elasticloadbalancing", "loadbalancer/net/*/*"),
        arn("elasticloadbalancing", "targetgroup/*/*"),
    )
    listeners = arn("elasticloadbalancing", "listener/net/*/*/*")
    groups = arn("ec2", "security-group/*")
    return (
        # None of them takes a resource.
        Statement(
            sid="DescribeLoadBalancers",
            actions=(
                "ec2:DescribeAccountAttributes",
                "ec2:DescribeAddresses",
                "ec2:DescribeInternetGateways",
                "ec2:DescribeTags",
                "elasticloadbalancing:DescribeListenerAttributes",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeRules",
            ),
            resources=("*",),
        ),
        # The first load balancer of an account makes the role that AWS works with.
        Statement(
            sid="CreateServiceLinkedRole",
            actions=("iam:CreateServiceLinkedRole",),
            resources=(
                arn("iam", f"role/aws-service-role/{_SERVICE}/AWSServiceRoleForElasticLoadBalancing", region=""),
            ),
            conditions={"StringEquals": {"iam:AWSServiceName": _SERVICE}},
        ),
        Statement(
            sid="CreateLoadBalancers",
            actions=("elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"),
            resources=(balancers, targets),
            conditions=asked,
        ),
        Statement(
            sid="TagOnCreation",
            actions=("elasticloadbalancing:AddTags",),
            resources=(balancers, targets, listeners),
            conditions={
                "StringEquals": {
                    "elasticloadbalancing:CreateAction": ["CreateLoadBalancer", "CreateTargetGroup", "CreateListener"]
                }
            },
        ),
        Statement(
            sid="ManageLoadBalancers",
            actions=(
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:DeleteListener",
                "elasticloadbalancing:DeleteLoadBalancer",
                "elasticloadbalancing:DeleteTargetGroup",
                "elasticloadbalancing:DeregisterTargets",
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:ModifyListenerAttributes",
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:RegisterTargets",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:SetIpAddressType",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:SetSubnets",
            ),
            resources=(balancers, targets, listeners),
            conditions=ours,
        ),
        Statement(
            sid="CreateSecurityGroups", actions=("ec2:CreateSecurityGroup",), resources=(groups,), conditions=asked
        ),
        Statement(
            sid="CreateSecurityGroupsInVpc",
            actions=("ec2:CreateSecurityGroup", "ec2:GetSecurityGroupsForVpc"),
            resources=(arn("ec2", "vpc/*"),),
        ),
        Statement(
            sid="TagSecurityGroups",
            actions=("ec2:CreateTags",),
            resources=(groups,),
            conditions={"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup", f"aws:RequestTag/{_TAG}": name}},
        ),
        Statement(
            sid="ManageSecurityGroups",
            actions=(
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:DeleteSecurityGroup",
                "ec2:RevokeSecurityGroupIngress",
            ),
            resources=(groups,),
            conditions=ours,
        ),
        Statement(
            sid="AuthorizeNodeIngress",
            actions=("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"),
            resources=(pulumi.Output.concat(arn("ec2", "security-group/"), node_group_id),),
        ),
    )
