"""The fixed interface of the only instance: a network interface that stays when instances come and go."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.edge.load_balancer import CLOUDFRONT_ADDRESSES


@dataclass(frozen=True)
class FixedInterface:
    """An interface in one zone."""

    interface_id: pulumi.Output[str]
    zone: str
    """The zone's name."""


def fixed_interface(
    parent: Component,
    zone: str,
    subnet_id: pulumi.Input[str],
    group_id: pulumi.Output[str],
    allocation_id: pulumi.Input[str] | None,
) -> FixedInterface:
    """Create an interface, and where one is given attach the Elastic IP to it.

    The launch template names the interface, so each instance is born with the address: it asks for no public address, and
    needs no permission to take one over. https://docs.aws.amazon.com/autoscaling/ec2/userguide/examples-launch-templates-aws-cli.html
    """
    interface = aws.ec2.NetworkInterface(
        f"{parent.name}-interface",
        subnet_id=subnet_id,
        security_groups=[group_id],
        description=f"The only instance of {parent.context.platform.name} {parent.context.platform.stage}",
        opts=parent.child(),
    )
    if allocation_id is not None:
        aws.ec2.EipAssociation(
            f"{parent.name}-interface",
            allocation_id=allocation_id,
            network_interface_id=interface.id,
            opts=parent.child(),
        )
    return FixedInterface(interface.id, f"{parent.context.region}{zone}")


def admit_cloudfront(parent: Component, group_id: pulumi.Output[str], port: int) -> pulumi.Resource:
    """Allow CloudFront's addresses on the proxy's port; nobody else, and no other port (S4-08)."""
    addresses = aws.ec2.get_managed_prefix_list_output(
        name=CLOUDFRONT_ADDRESSES, opts=pulumi.InvokeOptions(parent=parent)
    )
    return aws.vpc.SecurityGroupIngressRule(
        f"{parent.name}-cloudfront",
        security_group_id=group_id,
        prefix_list_id=addresses.id,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description="From CloudFront",
        opts=parent.child(),
    )
