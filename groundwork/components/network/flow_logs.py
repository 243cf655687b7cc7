"""Who spoke to whom: flow logs of the VPC."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document, trust_policy
from groundwork.components.base import Component
from groundwork.components.logs import log_group
from groundwork.components.network.settings import FlowLogSettings


def flow_logs(parent: Component, vpc_id: pulumi.Output[str], settings: FlowLogSettings) -> None:
    """Send flow logs of the whole VPC to a log group of their own, by a role that can write there and nowhere else.

    https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    """
    context = parent.context
    group = log_group(parent, "flow", f"{context.prefix}/network/flow", retention=settings.retention)
    role = aws.iam.Role(
        f"{parent.name}-flow",
        description="Lets VPC flow logs write to their log group",
        assume_role_policy=trust_policy(
            "vpc-flow-logs.amazonaws.com", context.account_id, context.arn("ec2", "vpc-flow-log/*")
        ),
        opts=parent.child(),
    )
    actions = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    policy = aws.iam.RolePolicy(
        f"{parent.name}-flow",
        role=role.name,
        policy=policy_document(
            [
                Statement("WriteLogs", actions, [group.arn, pulumi.Output.concat(group.arn, ":*")]),
                Statement("DescribeLogGroups", ("logs:DescribeLogGroups",), ["*"]),  # It takes no resource.
            ]
        ),
        opts=parent.child(),
    )
    aws.ec2.FlowLog(
        f"{parent.name}-flow",
        vpc_id=vpc_id,
        traffic_type=settings.traffic,
        max_aggregation_interval=settings.interval,
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        # Without its permission the role is refused, and the flow log with it.
        opts=parent.child(depends_on=[policy]),
    )
