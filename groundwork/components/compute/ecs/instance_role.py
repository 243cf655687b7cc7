"""What a container instance may do: be part of one cluster, and let Session Manager in."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.ecs.cluster import EcsCluster
from groundwork.components.compute.trust import trusted

KEY = "instance"


@dataclass(frozen=True)
class Profile:
    """What an instance is launched with."""

    arn: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]


def instance_profile(parent: Component, cluster: EcsCluster) -> Profile:
    """Create the agent's role and its instance profile; tasks have roles of their own and do not reach this one
    (S3-08)."""
    # IAM takes 64 characters, of which the automatic suffix needs 8.
    name = fit(f"{parent.name}-{KEY}", 56)
    role = aws.iam.Role(
        name,
        assume_role_policy=trusted("ec2.amazonaws.com"),
        description=f"Container instances of {parent.context.platform.name}: the ECS agent and Session Manager.",
        opts=parent.child(),
    )
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{KEY}",
        role=role.name,
        policy=policy_document([*_agent(parent, cluster), *SESSIONS]),
        opts=parent.child(),
    )
    profile = aws.iam.InstanceProfile(name, role=role.name, opts=parent.child())
    return Profile(profile.arn, (policy,))


def _agent(parent: Component, cluster: EcsCluster) -> tuple[Statement, ...]:
    """Return what the agent calls, without what AWS's managed policy adds: any cluster, any log group, any
    repository.

    Images and logs are the business of the execution roles.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html
    """
    instances = parent.context.arn("ecs", "container-instance/")
    return (
        # It takes no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
        Statement(sid="DiscoverEndpoint", actions=("ecs:DiscoverPollEndpoint",), resources=("*",)),
        Statement(
            sid="JoinCluster",
            actions=(
                "ecs:DeregisterContainerInstance",
                "ecs:RegisterContainerInstance",
                "ecs:SubmitAttachmentStateChanges",
                "ecs:SubmitContainerStateChange",
                "ecs:SubmitTaskStateChange",
            ),
            resources=(cluster.arn,),
        ),
        Statement(
            sid="RunTasks",
            actions=("ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"),
            resources=(pulumi.Output.concat(instances, cluster.name, "/*"),),
            conditions={"ArnEquals": {"ecs:cluster": cluster.arn}},
        ),
    )


SESSIONS = (
    Statement(
        sid="SessionManager",
        actions=(
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        resources=("*",),
    ),
)
"""A shell by Session Manager and nothing else of Systems Manager: AmazonSSMManagedInstanceCore also reads every parameter.

These actions take no resource: https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
"""
