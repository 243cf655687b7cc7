"""A service's place behind the load balancer, whatever runs its copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi

from groundwork.components.base import Component
from groundwork.components.compute import routing
from groundwork.components.compute.wiring import LoadBalancerLike, NetworkLike
from groundwork.components.observability.targets import watch_targets
from groundwork.components.services.routes import Route
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True)
class Exposure:
    """A service's place behind the load balancer; empty for one that has none."""

    group_arn: pulumi.Output[str] | None = None
    label: pulumi.Output[str] | None = None
    """By which Auto Scaling finds its requests."""
    alarm_names: Sequence[pulumi.Output[str]] = ()
    """Alarms that say that a deployment went wrong."""
    ready: tuple[pulumi.Resource, ...] = ()


def expose(
    parent: Component,
    name: str,
    settings: ServiceSettings,
    wanted: Sequence[Route],
    *,
    network: NetworkLike,
    load_balancer: LoadBalancerLike | None,
    admit: Callable[[int, pulumi.Input[str]], tuple[pulumi.Resource, ...]],
    target_type: routing.TargetType = "ip",
) -> Exposure:
    """Create everything that lets the load balancer reach a service. ``admit`` opens its port to a security group."""
    own = [route for route in wanted if route.service == name]
    if load_balancer is None or settings.port is None or not own:
        return Exposure()
    group = routing.target_group(parent, name, settings, network, target_type)
    rules = [routing.listener_rule(parent, route, group.arn, load_balancer) for route in own]
    opened = admit(settings.port, load_balancer.security_group_id)
    alarms = watch_targets(parent, name, load_balancer.arn_suffix, group.arn_suffix)
    return Exposure(
        group_arn=group.arn,
        label=pulumi.Output.concat(load_balancer.arn_suffix, "/", group.arn_suffix),
        alarm_names=[alarm.name for alarm in alarms],
        # A target group that no listener leads to takes no copies.
        ready=(*rules, *opened),
    )
