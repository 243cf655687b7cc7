"""The security group of a service and every rule that touches it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Opening
from groundwork.components.base import Component
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.services.settings import ServiceSettings


class SecurityGroups(Protocol):
    """Security groups that keep services apart from what they do not use."""

    def group_of(self, service: str) -> pulumi.Output[str]:
        """Return the security group of the service's copies."""

    def allow_egress(
        self, service: str, openings: Mapping[str, Sequence[Opening]], calls: Mapping[str, int]
    ) -> tuple[pulumi.Resource, ...]:
        """Open what the service uses, by name, and the ports of the services that it calls."""

    def allow_ingress(self, service: str, port: int, load_balancer: pulumi.Input[str]) -> tuple[pulumi.Resource, ...]:
        """Open the service's port to the load balancer with that security group."""


class OwnGroups:
    """A :class:`SecurityGroups` with a security group for each service."""

    def __init__(self, parent: Component, services: Mapping[str, ServiceSettings], network: NetworkLike) -> None:
        self._parent = parent
        self._groups = {name: security_group(parent, name, service, network) for name, service in services.items()}

    def group_of(self, service: str) -> pulumi.Output[str]:
        return self._groups[service].id

    def allow_egress(
        self, service: str, openings: Mapping[str, Sequence[Opening]], calls: Mapping[str, int]
    ) -> tuple[pulumi.Resource, ...]:
        group = self._groups[service]
        return (
            *group.rules,
            *(
                rule
                for used, opened in openings.items()
                for rule in open_for(self._parent, service, used, opened, group.id)
            ),
            *(
                rule
                for used, port in calls.items()
                for rule in call(self._parent, service, used, port, caller=group.id, called=self.group_of(used))
            ),
        )

    def allow_ingress(self, service: str, port: int, load_balancer: pulumi.Input[str]) -> tuple[pulumi.Resource, ...]:
        return admit(self._parent, service, port, load_balancer=load_balancer, group_id=self.group_of(service))


class SharedGroup:
    """A :class:`SecurityGroups` with one security group for all, in which something else keeps services apart.

    Each thing and each port is opened once, however many services use it: a security group refuses one rule twice.
    """

    def __init__(
        self,
        parent: Component,
        key: str,
        group_id: pulumi.Output[str],
        *,
        rules: Sequence[pulumi.Resource] = (),
    ) -> None:
        self._parent = parent
        self._key = key
        self._group_id = group_id
        self._rules = rules
        self._opened: dict[str, tuple[pulumi.Resource, ...]] = {}
        self._admitted: dict[int, tuple[pulumi.Resource, ...]] = {}

    def group_of(self, service: str) -> pulumi.Output[str]:
        return self._group_id

    def allow_egress(
        self, service: str, openings: Mapping[str, Sequence[Opening]], calls: Mapping[str, int]
    ) -> tuple[pulumi.Resource, ...]:
        for used, opened in openings.items():
            if used not in self._opened:
                self._opened[used] = tuple(open_for(self._parent, self._key, used, opened, self._group_id))
        return (*self._rules, *(rule for used in openings for rule in self._opened[used]))

    def allow_ingress(self, service: str, port: int, load_balancer: pulumi.Input[str]) -> tuple[pulumi.Resource, ...]:
        if port not in self._admitted:
            self._admitted[port] = admit(
                self._parent, self._key, port, load_balancer=load_balancer, group_id=self._group_id
            )
        return self._admitted[port]


@dataclass(frozen=True)
class ServiceSecurityGroup:
    """A service's security group and the rules it starts with."""

    id: pulumi.Output[str]
    rules: tuple[pulumi.Resource, ...]


def security_group(
    parent: Component, service: str, settings: ServiceSettings, network: NetworkLike
) -> ServiceSecurityGroup:
    """Create a group that nothing may enter, and that may call what ``outbound_ports`` says.

    HTTPS to anywhere covers the AWS interfaces, whether a NAT gateway or an endpoint leads to them; security groups know no
    names. DNS needs no rule: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
    """
    return outbound_group(parent, service, f"copies of {service}", settings.outbound_ports, network)


def outbound_group(
    parent: Component, key: str, of: str, ports: Sequence[int], network: NetworkLike
) -> ServiceSecurityGroup:
    """Create a group that nothing may enter, for whatever else calls out on ``ports``; ``of`` says what is in it."""
    platform = parent.context.platform
    group = aws.ec2.SecurityGroup(
        f"{parent.name}-{key}",
        description=f"{platform.name} {platform.stage}: {of}",
        vpc_id=network.vpc_id,
        opts=parent.child(),
    )
    return ServiceSecurityGroup(group.id, tuple(_outbound(parent, key, group.id, ports, network)))


def allow_egress_to_internet(
    parent: Component, key: str, group_id: pulumi.Output[str], ports: Sequence[int]
) -> tuple[pulumi.Resource, ...]:
    """Allow further ports out of a group that somebody else has made, by IPv4."""
    return tuple(
        _egress(parent, f"{key}-internet-{port}", group_id, port, "to the internet and AWS", cidr_ipv4="0.0.0.0/0")
        for port in ports
    )


def _outbound(
    parent: Component, service: str, group_id: pulumi.Output[str], ports: Sequence[int], network: NetworkLike
) -> Iterator[pulumi.Resource]:
    for port in ports:
        yield _egress(
            parent, f"{service}-internet-{port}", group_id, port, "to the internet and AWS", cidr_ipv4="0.0.0.0/0"
        )
        if network.vpc_ipv6:
            yield _egress(
                parent, f"{service}-internet6-{port}", group_id, port, "to the internet and AWS", cidr_ipv6="::/0"
            )
    if 443 not in ports:
        yield _egress(
            parent,
            f"{service}-s3",
            group_id,
            443,
            "S3, image layers among it",
            prefix_list_id=network.s3_prefix_list_id,
        )
        if network.endpoint_security_group_id is not None:
            yield _egress(
                parent,
                f"{service}-endpoints",
                group_id,
                443,
                "AWS through endpoints",
                referenced_security_group_id=network.endpoint_security_group_id,
            )


def open_for(
    parent: Component, service: str, used: str, openings: Sequence[Opening], group_id: pulumi.Output[str]
) -> Iterator[pulumi.Resource]:
    """Create both sides of each opening that ``used`` grants ``service``."""
    for index, opening in enumerate(openings):
        key = f"{service}-{used}" if index == 0 else f"{service}-{used}-{opening.port}"
        yield from _pass(
            parent, key, opening.port, opening.description, source=group_id, target=opening.security_group_id
        )


def call(
    parent: Component, service: str, used: str, port: int, *, caller: pulumi.Output[str], called: pulumi.Output[str]
) -> Iterator[pulumi.Resource]:
    """Allow one service to reach another."""
    yield from _pass(parent, f"{service}-{used}", port, f"{service} calls {used}", source=caller, target=called)


def admit(
    parent: Component, service: str, port: int, *, load_balancer: pulumi.Input[str], group_id: pulumi.Output[str]
) -> tuple[pulumi.Resource, ...]:
    """Allow the load balancer to reach a service. Another port is another rule: the old one goes last, and until then
    reaches the copies that still answer there."""
    return tuple(
        _pass(
            parent,
            f"{service}-public-{port}",
            port,
            f"load balancer to {service}",
            source=load_balancer,
            target=group_id,
            once=(f"{service}-public", f"{service}-{port}-public"),
        )
    )


def _pass(
    parent: Component,
    key: str,
    port: int,
    description: str,
    *,
    source: pulumi.Input[str],
    target: pulumi.Input[str],
    once: Sequence[str] = (),
) -> Iterator[pulumi.Resource]:
    """Create both rules of a connection. ``once``: keys of earlier versions. AWS refuses a second rule that says the
    same, so that a new name needs them."""
    opts = parent.child(aliases=[pulumi.Alias(name=f"{parent.name}-{former}") for former in once])
    yield aws.vpc.SecurityGroupIngressRule(
        f"{parent.name}-{key}",
        security_group_id=target,
        referenced_security_group_id=source,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )
    yield _egress(parent, key, source, port, description, referenced_security_group_id=target, opts=opts)


def _egress(
    parent: Component,
    key: str,
    group_id: pulumi.Input[str],
    port: int,
    description: str,
    *,
    cidr_ipv4: str | None = None,
    cidr_ipv6: str | None = None,
    prefix_list_id: pulumi.Input[str] | None = None,
    referenced_security_group_id: pulumi.Input[str] | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> aws.vpc.SecurityGroupEgressRule:
    return aws.vpc.SecurityGroupEgressRule(
        f"{parent.name}-{key}",
        security_group_id=group_id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        cidr_ipv4=cidr_ipv4,
        cidr_ipv6=cidr_ipv6,
        prefix_list_id=prefix_list_id,
        referenced_security_group_id=referenced_security_group_id,
        opts=opts or parent.child(),
    )
