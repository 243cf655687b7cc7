"""A service's place behind a Network Load Balancer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm, key_of
from groundwork.components.base import Component, fit
from groundwork.components.compute.exposure import Exposure
from groundwork.components.compute.wiring import NetworkBalancerLike, NetworkLike
from groundwork.components.edge.load_balancer import TLS_POLICY
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.services.tcp import Balancer


def expose_tcp(
    parent: Component,
    name: str,
    settings: ServiceSettings,
    balancers: Mapping[Balancer, NetworkBalancerLike],
    *,
    network: NetworkLike,
    admit: Callable[[int, pulumi.Input[str]], tuple[pulumi.Resource, ...]],
) -> Exposure:
    """Create target group and listener of a service that is reached over TCP. ``admit`` opens its port to a security group.

    Empty where nothing reaches it yet: a listener that ends TLS waits for the certificate.
    """
    tcp = settings.tcp
    balancer = balancers.get(tcp.balancer) if tcp else None
    if tcp is None or balancer is None or settings.port is None or (tcp.tls and balancer.certificate_arn is None):
        return Exposure()
    group = _target_group(parent, name, settings, network)
    listener = aws.lb.Listener(
        # A load balancer has each port once, whichever service answers on it.
        f"{parent.name}-{tcp.balancer}-tcp-{tcp.port}",
        load_balancer_arn=balancer.arn,
        port=tcp.port,
        protocol="TLS" if tcp.tls else "TCP",
        ssl_policy=TLS_POLICY if tcp.tls else None,
        certificate_arn=balancer.certificate_arn if tcp.tls else None,
        default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=group.arn)],
        opts=parent.child(),
    )
    opened = admit(settings.port, balancer.security_group_id)
    _watch(parent, name, balancer.arn_suffix, group.arn_suffix)
    return Exposure(
        group_arn=group.arn,
        # A target group that no listener leads to takes no copies.
        ready=(listener, *opened),
    )


def _target_group(
    parent: Component, service: str, settings: ServiceSettings, network: NetworkLike
) -> aws.lb.TargetGroup:
    """Create the target group in which copies register by their addresses, and are asked whether their port is open.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html
    """
    return aws.lb.TargetGroup(
        fit(f"{parent.name}-{service}-tcp", 24),
        port=settings.port,
        protocol="TCP",
        target_type="ip",
        vpc_id=network.vpc_id,
        deregistration_delay=settings.drain,
        preserve_client_ip="true",
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            protocol="TCP", interval=10, timeout=5, healthy_threshold=2, unhealthy_threshold=2
        ),
        stickiness=aws.lb.TargetGroupStickinessArgs(type="source_ip", enabled=settings.sticky),
        # Each copy registers with its own port; another for the group would replace it.
        opts=parent.child(ignore_changes=["port"]),
    )


def _watch(parent: Component, service: str, load_balancer: pulumi.Input[str], group: pulumi.Input[str]) -> None:
    """Create the alarm for a service of which no copy is well.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
    """
    minutes = parent.context.alerting.settings.thresholds.unhealthy_minutes
    for severity, periods in minutes.levels() if minutes is not None else ():
        alarm(
            parent,
            key_of(f"{service}-unhealthy", severity),
            # Each zone's node counts; the best informed one is believed.
            Metric(
                "AWS/NetworkELB", "HealthyHostCount", {"LoadBalancer": load_balancer, "TargetGroup": group}, "Maximum"
            ),
            threshold=1,
            comparison="LessThanThreshold",
            periods=int(periods),
            missing="breaching",
            severity=severity,
            description=f"No copy of {service} has taken connections for {periods:g} minutes. Look at its logs, at why its last copies "
            "stopped, and whether it was just deployed.",
        )
