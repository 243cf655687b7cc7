"""The load balancer's side of a service: where its copies register, and the rules that lead there."""

from __future__ import annotations

from typing import Literal

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component, fit
from groundwork.components.compute.wiring import LoadBalancerLike, NetworkLike
from groundwork.components.services.routes import Route
from groundwork.components.services.settings import Protocol, ServiceSettings

TargetType = Literal["ip", "instance"]

_VERSIONS: dict[Protocol, str | None] = {"http": None, "http2": "HTTP2", "grpc": "GRPC"}
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-protocol-version"""


def target_group(
    parent: Component,
    service: str,
    settings: ServiceSettings,
    network: NetworkLike,
    target_type: TargetType,
    *,
    second: bool = False,
) -> aws.lb.TargetGroup:
    """Create the target group in which copies of a service register and are health-checked. A service that shifts requests
    has a ``second`` one: it may be where all requests go, so that in prod it does not go by itself.

    By ``ip`` each copy registers with its own port, and is asked on it; the group's counts for those that name none. So the group stays
    when the port changes, which would replace it, and old copies answer until new ones do:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-routing-configuration
    """
    by_instance = target_type == "instance"
    kept = parent.stateful if second else parent.child
    return aws.lb.TargetGroup(
        # Targets of the two kinds never share a group, and an engine's group must go after the next engine's came.
        fit(f"{parent.name}-{service}{'-ec2' if by_instance else '--alt' if second else ''}", 24),
        port=settings.port,
        protocol="HTTP",
        protocol_version=_VERSIONS[settings.protocol],
        target_type=target_type,
        vpc_id=network.vpc_id,
        deregistration_delay=settings.drain,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            path=settings.health,
            interval=30,
            timeout=5,
            healthy_threshold=2,
            unhealthy_threshold=3,
            # Of gRPC the status OK.
            matcher="0" if settings.protocol == "grpc" else "200",
        ),
        stickiness=aws.lb.TargetGroupStickinessArgs(type="lb_cookie", enabled=settings.sticky, cookie_duration=86_400),
        opts=kept(ignore_changes=None if by_instance else ["port"]),
    )


def listener_rule(
    parent: Component, route: Route, group_arn: pulumi.Input[str], load_balancer: LoadBalancerLike, *, shifted: bool
) -> aws.lb.ListenerRule:
    """Create the rule of one route. Behind CloudFront it also asks for the header that only CloudFront sends.

    Where ECS shifts requests (``shifted``), it writes into the rule which of two groups they go to, at each deployment anew. The
    stack says it once, and never again: https://github.com/aws/aws-cdk/issues/36649 is what happens otherwise.
    """
    return aws.lb.ListenerRule(
        f"{parent.name}-{route.key}",
        listener_arn=load_balancer.listener_arn,
        priority=route.priority,
        conditions=[_condition(route), *_from_cloudfront(load_balancer)],
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group_arn)],
        opts=parent.child(ignore_changes=["actions"] if shifted else None),
    )


def _condition(route: Route) -> aws.lb.ListenerRuleConditionArgs:
    if route.host:
        return aws.lb.ListenerRuleConditionArgs(
            host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=[route.host])
        )
    return aws.lb.ListenerRuleConditionArgs(
        path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=[route.path or "/*"])
    )


def _from_cloudfront(load_balancer: LoadBalancerLike) -> list[aws.lb.ListenerRuleConditionArgs]:
    if load_balancer.origin_header is None:
        return []
    name, value = load_balancer.origin_header
    header = aws.lb.ListenerRuleConditionHttpHeaderArgs(http_header_name=name, values=[value])
    return [aws.lb.ListenerRuleConditionArgs(http_header=header)]
