"""Deployments that shift requests from old copies to new ones, which ECS does by the load balancer's rule."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component
from groundwork.components.compute.exposure import Exposure
from groundwork.components.compute.workload import role_of
from groundwork.components.services.settings import DeploymentSettings

# Names that the provider gives these nested arguments.
_Configuration = aws.ecs.ServiceDeploymentConfigurationArgs
_Canary = aws.ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs
_Linear = aws.ecs.ServiceDeploymentConfigurationLinearConfigurationArgs

_STRATEGIES = {"rolling": "ROLLING", "blue-green": "BLUE_GREEN", "canary": "CANARY", "linear": "LINEAR"}

_STARTING = 20
"""Minutes that the provider waits for a service to be steady, unless told otherwise: until all new copies are well."""


def strategy(settings: DeploymentSettings | None) -> _Configuration:
    """Return how ECS brings a new version: rolling, unless the service says otherwise. That is said too: AWS's provider leaves what nobody
    says as it is (the argument is computed as well), and a service that shifted requests would go on doing so, without the group for it.
    """
    if settings is None:
        return _Configuration(strategy=_STRATEGIES["rolling"])
    step = str(settings.step_minutes)
    return _Configuration(
        strategy=_STRATEGIES[settings.strategy],
        bake_time_in_minutes=str(settings.bake_minutes) if settings.shifts else None,
        canary_configuration=_Canary(canary_percent=settings.percent, canary_bake_time_in_minutes=step)
        if settings.strategy == "canary"
        else None,
        linear_configuration=_Linear(step_percent=settings.percent, step_bake_time_in_minutes=step)
        if settings.strategy == "linear"
        else None,
    )


def timeouts(settings: DeploymentSettings | None) -> pulumi.CustomTimeouts | None:
    """Return how long an update waits for a deployment that shifts requests; None where the provider's own time does."""
    if settings is None or not settings.shifts:
        return None
    minutes = f"{_STARTING + settings.minutes}m"
    return pulumi.CustomTimeouts(create=minutes, update=minutes)


@dataclass(frozen=True)
class Shifted:
    """What a service says of the requests that ECS shifts."""

    configuration: aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs
    ready: tuple[pulumi.Resource, ...]


def shifted(parent: Component, service: str, exposure: Exposure) -> Shifted | None:
    """Create the role by which ECS registers copies and writes the rule; None where nothing is shifted.

    It may do what AWS's own policy for it allows, to these two groups and this rule. That one also allows changes of listeners, which
    hold only a rule that nobody else's has matched; ours are rules of their own. ECS says no source when it takes the role on.
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
    """
    shift = exposure.shift
    if shift is None or exposure.group_arn is None:
        return None
    role = role_of(
        parent, f"{service}-shift", _trust(), f"How ECS sends requests from old copies of {service} to new ones."
    )
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{service}-shift",
        role=role.name,
        policy=policy_document(
            [
                # None of these takes a resource.
                Statement(
                    "FindTargets",
                    (
                        "elasticloadbalancing:DescribeListeners",
                        "elasticloadbalancing:DescribeRules",
                        "elasticloadbalancing:DescribeTargetGroups",
                        "elasticloadbalancing:DescribeTargetHealth",
                    ),
                    ("*",),
                ),
                Statement(
                    "RegisterCopies",
                    ("elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"),
                    (exposure.group_arn, shift.group.arn),
                ),
                Statement("ShiftRequests", ("elasticloadbalancing:ModifyRule",), (shift.rule.arn,)),
            ]
        ),
        opts=parent.child(),
    )
    return Shifted(
        aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
            alternate_target_group_arn=shift.group.arn,
            production_listener_rule=shift.rule.arn,
            role_arn=role.arn,
        ),
        (policy,),
    )


def _trust() -> pulumi.Output[str]:
    return policy_document(
        [
            {
                "Sid": "Assume",
                "Effect": "Allow",
                "Principal": {"Service": "ecs.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]
    )
