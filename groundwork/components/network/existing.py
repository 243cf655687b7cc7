"""A VPC that exists, as the other layers see it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.network.addresses import zone_letters
from groundwork.components.network.settings import ExistingNetworkSettings, NetworkSettings, Tier
from groundwork.components.network.tiers import NetworkTiers


class ExistingNetwork(Component, NetworkTiers):
    """A VPC that somebody else owns, with the subnets that a stack file names by id or by tags.

    Builds: nothing. VPC and subnets are looked up, and each subnet must stand in this VPC and in its zone; routes, network ACLs,
    endpoints, flow logs and the default security group are their owner's. A subnet without a data tier's own is a private one.

    Cost: nothing of its own; NAT gateways and endpoints are on their owner's bill.

    Fails: ``no matching EC2 Subnet found`` for a subnet that is not in the VPC or not in the zone; ``multiple EC2 Subnets
    matched`` where tags fit more than one in a zone. Private subnets without a way out show as images that cannot be pulled.

    Changes without replacement: none. Another VPC or other subnets replace what stands in them.
    """

    layer = "network"

    def __init__(
        self,
        name: str,
        settings: NetworkSettings,
        existing: ExistingNetworkSettings,
        context: Context,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Look up the VPC and the subnets of each tier that is named."""
        super().__init__(name, context, opts)
        self._existing = existing
        vpc = aws.ec2.get_vpc_output(id=existing.vpc_id, opts=pulumi.InvokeOptions(parent=self))
        self.vpc_id = vpc.id
        self.vpc_arn = vpc.arn
        self.cidr = vpc.cidr_block
        self.zones = zone_letters(settings, context.region)
        self.vpc_ipv6 = settings.ipv6
        self.reaches_internet = settings.nat != "none"
        self._found = {tier: {zone: self._subnet(tier, zone) for zone in self.zones} for tier in existing.tiers}
        self._cidrs: dict[str, tuple[pulumi.Input[str], ...]] = {
            tier: tuple(subnet.cidr_block for subnet in subnets.values()) for tier, subnets in self._found.items()
        }
        self.public_subnet_ids = self._ids("public")
        self.private_subnet_ids = self._ids("private")
        self.data_subnet_ids = self._ids("data") or self.private_subnet_ids
        self.public_ready = ()
        self.private_ready = ()
        self.nat_addresses = {}
        self.s3_prefix_list_id = aws.ec2.get_managed_prefix_list_output(
            name=f"com.amazonaws.{context.region}.s3", opts=pulumi.InvokeOptions(parent=self)
        ).id
        group = existing.endpoint_security_group
        self.endpoint_security_group_id = None if group is None else pulumi.Output.from_input(group)
        subnets = {tier: self._ids(tier) for tier in existing.tiers}
        self.register_outputs({"vpcId": self.vpc_id, "subnetIds": subnets})

    def cidrs(self, tier: str) -> tuple[pulumi.Input[str], ...]:
        """Return the ranges of the subnets of ``public``, ``private`` or ``data``, which are looked up."""
        return self._cidrs.get(tier) or self._cidrs["private"]

    def _ids(self, tier: Tier) -> dict[str, pulumi.Output[str]]:
        return {zone: subnet.id for zone, subnet in self._found.get(tier, {}).items()}

    def _subnet(self, tier: Tier, zone: str) -> pulumi.Output[aws.ec2.GetSubnetResult]:
        return aws.ec2.get_subnet_output(
            id=self._existing.subnets[tier][zone] if tier in self._existing.subnets else None,
            vpc_id=self._existing.vpc_id,
            availability_zone=f"{self.context.region}{zone}",
            tags=self._existing.subnet_tags.get(tier),
            opts=pulumi.InvokeOptions(parent=self),
        )
