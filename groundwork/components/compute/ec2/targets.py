"""Instances behind the load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component, fit
from groundwork.components.compute import routing
from groundwork.components.compute.wiring import LoadBalancer, Network
from groundwork.components.observability.targets import watch_targets
from groundwork.components.services.routes import routes
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True)
class Target:
    """Where the instances that run a service register."""

    arn: pulumi.Output[str]
    alarm_names: tuple[pulumi.Output[str], ...]
    """At which a change under way is to be rolled back."""


def targets(
    parent: Component,
    services: Mapping[str, ServiceSettings],
    network: Network,
    load_balancer: LoadBalancer | None,
) -> dict[str, Target]:
    """Create a target group for each public service, with its rules and alarms."""
    if load_balancer is None:
        return {}
    found = routes(services, parent.context.platform.domain, "ec2")
    made: dict[str, Target] = {}
    for name in dict.fromkeys(route.service for route in found):
        group = _target_group(parent, name, services[name], network)
        for route in found:
            if route.service == name:
                routing.listener_rule(parent, route, group.arn, load_balancer)
        alarms = watch_targets(parent, name, load_balancer.arn_suffix, group.arn_suffix)
        made[name] = Target(group.arn, tuple(alarm.name for alarm in alarms))
    return made


def _target_group(parent: Component, name: str, service: ServiceSettings, network: Network) -> aws.lb.TargetGroup:
    """Create a target group by instance: the load balancer reaches the service's port on it."""
    return aws.lb.TargetGroup(
        # Not the name that another engine gives its own, which has targets of another kind and must go after this one came.
        fit(f"{parent.name}-{name}-ec2", 24),
        port=service.port,
        protocol="HTTP",
        target_type="instance",
        vpc_id=network.vpc_id,
        deregistration_delay=service.drain,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            path=service.health, interval=30, timeout=5, healthy_threshold=2, unhealthy_threshold=3, matcher="200"
        ),
        stickiness=aws.lb.TargetGroupStickinessArgs(type="lb_cookie", enabled=service.sticky, cookie_duration=86_400),
        opts=parent.child(),
    )
