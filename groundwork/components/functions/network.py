"""What Lambda needs to put a function into the network."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component
from groundwork.components.context import Context

_MANAGE = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


def interfaces(
    context: Context, subnet_ids: Sequence[pulumi.Input[str]], group_id: pulumi.Input[str]
) -> tuple[Statement, ...]:
    """Allow the role to create network interfaces in these subnets with this security group.

    Lambda uses the function's own role for that. Its check before it creates the function asks for deletion without naming
    an interface, and ``Describe`` takes no resource:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    any_interface = context.arn("ec2", "network-interface/*")
    places = [
        any_interface,
        pulumi.Output.concat(context.arn("ec2", "security-group/"), group_id),
        *(pulumi.Output.concat(context.arn("ec2", "subnet/"), subnet) for subnet in subnet_ids),
    ]
    addresses = ["ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
    return (
        Statement("CreateInterfaces", ["ec2:CreateNetworkInterface"], places),
        Statement("DeleteInterfaces", ["ec2:DeleteNetworkInterface"], [context.arn("ec2", "*/*")]),
        Statement("AssignAddresses", addresses, [any_interface]),
        Statement("DescribeInterfaces", ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], ["*"]),
    )


def no_interfaces_for_code(parent: Component, role: aws.iam.Role, function_arn: pulumi.Output[str]) -> None:
    """Deny the code what Lambda needs: only calls from inside the function carry its ARN.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice-security
    """
    aws.iam.RolePolicy(
        f"{parent.name}-interfaces",
        role=role.name,
        policy=policy_document(
            [
                {
                    "Sid": "DenyFunctionCode",
                    "Effect": "Deny",
                    "Action": list(_MANAGE),
                    "Resource": "*",
                    "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": function_arn}},
                }
            ]
        ),
        opts=parent.child(),
    )
