"""The one security group of an instance, and every rule that touches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from groundwork.components.access import Opening
from groundwork.components.base import Component
from groundwork.components.compute.ec2.fixed_interface import admit_cloudfront
from groundwork.components.compute.ec2.identity import PlacedService
from groundwork.components.compute.ec2.machine import Proxy
from groundwork.components.compute.ec2.shape import InstanceKind
from groundwork.components.compute.security_groups import admit, open_for, outbound_group
from groundwork.components.compute.wiring import LoadBalancerLike, NetworkLike

_AWS = 443
"""Whatever services may call, the instance itself calls AWS."""


@dataclass(frozen=True)
class InstanceGroup:
    """Containers of one instance share an address, so that what one may reach the others may too."""

    id: pulumi.Output[str]
    rules: tuple[pulumi.Resource, ...]


def instance_group(
    parent: Component,
    part: InstanceKind,
    placed: Mapping[str, PlacedService],
    *,
    network: NetworkLike,
    load_balancer: LoadBalancerLike | None,
    proxy: Proxy | None,
) -> InstanceGroup:
    """Create the security group of a part's instances and its rules. In: the load balancer on each public service's
    port, or CloudFront on the proxy's. Out: what services use."""
    ports = sorted(
        {_AWS, *(port for placed_service in placed.values() for port in placed_service.settings.outbound_ports)}
    )
    group = outbound_group(parent, part.key, f"{part.key} and all they run", ports, network)
    rules: list[pulumi.Resource] = [*group.rules]
    for used, openings in _openings(placed).items():
        rules.extend(open_for(parent, part.key, used, openings, group.id))
    if proxy is not None:
        rules.append(admit_cloudfront(parent, group.id, proxy.port))
    if load_balancer is not None:
        for placed_service in placed.values():
            port = placed_service.settings.port
            if placed_service.settings.is_public and port is not None:
                # By port: another service on it must not ask for a rule that the group still has.
                key = f"{part.key}-{port}"
                rules.extend(admit(parent, key, port, load_balancer=load_balancer.security_group_id, group_id=group.id))
    return InstanceGroup(group.id, tuple(rules))


def _openings(placed: Mapping[str, PlacedService]) -> dict[str, list[Opening]]:
    """Collect openings by what is used, each once: two services that use one database need one rule."""
    return {
        used: list(openings) for placed_service in placed.values() for used, openings in placed_service.openings.items()
    }
