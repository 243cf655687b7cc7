"""The security group of a service and every rule that touches it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.access import Opening
from components.base import Component
from components.compute.wiring import Network
from settings.models.services import ServiceSettings


@dataclass(frozen=True)
class Group:
    """A service's security group and the rules it starts with."""

    id: pulumi.Output[str]
    rules: tuple[pulumi.Resource, ...]


def security_group(parent: Component, service: str, settings: ServiceSettings, network: Network) -> Group:
    """A group that nothing may enter, and that may call what ``outbound_ports`` says.

    HTTPS to anywhere covers the AWS interfaces, whether a NAT gateway or an endpoint leads to them; security groups know no
    names. DNS needs no rule: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
    """
    return outbound_group(parent, service, f"copies of {service}", settings.outbound_ports, network)


def outbound_group(parent: Component, key: str, of: str, ports: Sequence[int], network: Network) -> Group:
    """A group that nothing may enter, for whatever else calls out on ``ports``; ``of`` says what is in it."""
    platform = parent.foundation.platform
    group = aws.ec2.SecurityGroup(
        f"{parent.name}-{key}",
        description=f"{platform.name} {platform.stage}: {of}",
        vpc_id=network.vpc_id,
        opts=parent.child(),
    )
    return Group(group.id, tuple(_outbound(parent, key, group.id, ports, network)))


def _outbound(
    parent: Component, service: str, group_id: pulumi.Output[str], ports: Sequence[int], network: Network
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
    """Both sides of each opening that ``used`` grants ``service``."""
    for index, opening in enumerate(openings):
        key = f"{service}-{used}" if index == 0 else f"{service}-{used}-{opening.port}"
        yield from _pass(
            parent, key, opening.port, opening.description, source=group_id, target=opening.security_group_id
        )


def call(
    parent: Component, service: str, used: str, port: int, *, caller: pulumi.Output[str], called: pulumi.Output[str]
) -> Iterator[pulumi.Resource]:
    """One service reaches another."""
    yield from _pass(parent, f"{service}-{used}", port, f"{service} calls {used}", source=caller, target=called)


def admit(
    parent: Component, service: str, port: int, *, load_balancer: pulumi.Input[str], group_id: pulumi.Output[str]
) -> tuple[pulumi.Resource, ...]:
    """The load balancer reaches a service."""
    return tuple(
        _pass(parent, f"{service}-public", port, f"load balancer to {service}", source=load_balancer, target=group_id)
    )


def _pass(
    parent: Component, key: str, port: int, description: str, *, source: pulumi.Input[str], target: pulumi.Input[str]
) -> Iterator[pulumi.Resource]:
    yield aws.vpc.SecurityGroupIngressRule(
        f"{parent.name}-{key}",
        security_group_id=target,
        referenced_security_group_id=source,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=parent.child(),
    )
    yield _egress(parent, key, source, port, description, referenced_security_group_id=target)


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
        opts=parent.child(),
    )
