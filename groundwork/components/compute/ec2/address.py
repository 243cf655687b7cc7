"""The address at which CloudFront finds the only instance, whichever it is just now."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context


class Address(Component):
    """An Elastic IP of its own, made before CloudFront, which points to it, and before the instance, which answers at it.

    Builds: an Elastic IP. :class:`groundwork.components.compute.ec2.engine.Ec2` ties it to its instance's network interface.

    Cost: $3.65 a month, as any public IPv4 address.

    Fails: the quota is five addresses for a region; beyond it the update ends with ``AddressLimitExceeded``.

    Changes without replacement: nothing has to change. In prod it is protected from deletion.
    """

    layer = "compute"

    allocation_id: pulumi.Output[str]
    public_ip: pulumi.Output[str]
    """IPv4, and the same whatever instance stands behind it."""
    public_dns: pulumi.Output[str]
    """The name that AWS gives the address."""

    def __init__(self, name: str, context: Context, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, context, opts)
        address = aws.ec2.Eip(f"{name}-address", domain="vpc", opts=self.stateful())
        self.allocation_id = address.allocation_id
        self.public_ip = address.public_ip
        self.public_dns = address.public_dns
        self.register_outputs({"address": address.public_ip})
