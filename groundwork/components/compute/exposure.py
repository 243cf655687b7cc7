"""A service's place behind the load balancer, whatever runs its copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute import routing
from groundwork.components.compute.wiring import LoadBalancerLike, NetworkLike
from groundwork.components.observability.targets import watch_targets
from groundwork.components.services.routes import Route
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True)
class Shift:
    """Where requests go over to, and the rule that says how many do."""

    group: aws.lb.TargetGroup
    """The second group. New copies register in it and in the first by turns."""
    rule: aws.lb.ListenerRule


@dataclass(frozen=True)
class Exposure:
    """A service's place behind the load balancer; empty for one that has none."""

    group_arn: pulumi.Output[str] | None = None
    shift: Shift | None = None
    """None where the engine does not shift requests, or not for this service."""
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
    shifts: bool = False,
) -> Exposure:
    """Create everything that lets the load balancer reach a service. ``admit`` opens its port to a security group; ``shifts``: the
    engine shifts requests between two groups, whose rule is then the engine's to write."""
    own = [route for route in wanted if route.service == name]
    if load_balancer is None or settings.port is None or not own:
        return Exposure()
    group = routing.target_group(parent, name, settings, network, target_type)
    groups = [group]
    if shifts:
        groups.append(routing.target_group(parent, name, settings, network, target_type, second=True))
    rules = [routing.listener_rule(parent, route, group.arn, load_balancer, shifted=shifts) for route in own]
    opened = admit(settings.port, load_balancer.security_group_id)
    alarms = watch_targets(parent, name, load_balancer.arn_suffix, [one.arn_suffix for one in groups])
    return Exposure(
        group_arn=group.arn,
        shift=Shift(groups[-1], rules[0]) if shifts else None,
        label=pulumi.Output.concat(load_balancer.arn_suffix, "/", group.arn_suffix),
        alarm_names=[alarm.name for alarm in alarms],
        # A target group that no listener leads to takes no copies.
        ready=(*rules, *opened),
    )
