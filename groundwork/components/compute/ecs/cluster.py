"""The cluster: metrics, recorded sessions, capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.logs import log_group


@dataclass(frozen=True)
class EcsCluster:
    """A cluster that services can be put on."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    insights: bool
    """Container Insights measures its tasks."""
    statements: tuple[Statement, ...]
    """What the role of every task must allow, so that sessions into it open and are recorded."""
    ready: tuple[pulumi.Resource, ...] = ()
    """What must be there before a service."""


def cluster(parent: Component, settings: ComputeSettings) -> EcsCluster:
    """Create a cluster that has no capacity yet."""
    # Fixed, because the log group of Container Insights is named after it and must exist before ECS makes one without key
    # and retention.
    name = parent.context.slug
    insights = settings.container_insights != "disabled"
    before: list[pulumi.Resource] = []
    if insights:
        before.append(log_group(parent, "insights", f"/aws/ecs/containerinsights/{name}/performance"))
    sessions = log_group(parent, "sessions", f"{parent.context.prefix}/sessions") if settings.exec else None
    made = aws.ecs.Cluster(
        f"{parent.name}-cluster",
        name=name,
        settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value=settings.container_insights)],
        configuration=_sessions(parent, sessions) if sessions is not None else None,
        opts=parent.child(depends_on=before),
    )
    statements = _session_statements(parent, sessions.arn) if sessions is not None else ()
    return EcsCluster(made.name, made.arn, insights, statements)


def with_capacity(parent: Component, base: EcsCluster, providers: Sequence[pulumi.Input[str]]) -> EcsCluster:
    """Attach capacity ``providers`` to the cluster, the first of which is the default."""
    capacity = aws.ecs.ClusterCapacityProviders(
        f"{parent.name}-cluster",
        cluster_name=base.name,
        capacity_providers=list(providers),
        default_capacity_provider_strategies=[
            aws.ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                capacity_provider=providers[0], weight=1
            )
        ],
        opts=parent.child(),
    )
    return replace(base, ready=(*base.ready, capacity))


def _sessions(parent: Component, group: aws.cloudwatch.LogGroup) -> aws.ecs.ClusterConfigurationArgs:
    return aws.ecs.ClusterConfigurationArgs(
        execute_command_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
            kms_key_id=parent.context.key_arn("logs"),
            logging="OVERRIDE",
            log_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                cloud_watch_encryption_enabled=True, cloud_watch_log_group_name=group.name
            ),
        )
    )


def _session_statements(parent: Component, group_arn: pulumi.Output[str]) -> tuple[Statement, ...]:
    """Return the permissions for sessions in containers:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html; the actions on ``*`` take no resource."""
    return (
        Statement(
            sid="OpenSessions",
            actions=(
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ),
            resources=("*",),
        ),
        Statement(sid="DescribeLogGroups", actions=("logs:DescribeLogGroups",), resources=("*",)),
        Statement(
            sid="WriteSessionLogs",
            actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            resources=(pulumi.Output.concat(group_arn, ":*"),),
        ),
        Statement(sid="ReadSessionKey", actions=("kms:Decrypt",), resources=(parent.context.key_arn("logs"),)),
    )
