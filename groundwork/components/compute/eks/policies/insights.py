"""The CloudWatch agent and Fluent Bit: metrics of containers, and their logs."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from groundwork.components.access import Statement


def statements(group_arns: Sequence[pulumi.Input[str]]) -> tuple[Statement, ...]:
    """Return what CloudWatch's agents need, instead of CloudWatchAgentServerPolicy: no log group but ours, and none
    made. Metrics travel inside log events.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference-performance-logs-EKS.html
    """
    return (
        Statement(
            sid="WriteLogs",
            actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            resources=tuple(pulumi.Output.concat(arn, ":*") for arn in group_arns),
        ),
        # None of them takes a resource.
        Statement(
            sid="DescribeResources",
            actions=("ec2:DescribeTags", "ec2:DescribeVolumes", "logs:DescribeLogGroups"),
            resources=("*",),
        ),
        Statement(
            sid="PutMetrics",
            actions=("cloudwatch:PutMetricData",),
            resources=("*",),
            conditions={"StringEquals": {"cloudwatch:namespace": ["CWAgent", "ContainerInsights"]}},
        ),
    )
