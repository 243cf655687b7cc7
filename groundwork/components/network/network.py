"""The VPC and what every subnet of it can reach."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.network.addresses import ipv6_subnet, plan, zone_letters
from groundwork.components.network.endpoints import gateway_endpoints, interface_endpoints
from groundwork.components.network.flow_logs import flow_logs
from groundwork.components.network.isolation import POSTGRESQL, data_acl, empty_defaults
from groundwork.components.network.settings import TIERS, NetworkSettings
from groundwork.components.network.tiers import NetworkTiers

_DUAL_STACK_TIERS = ("public", "private")


class Network(Component, NetworkTiers):
    """A VPC over two or three zones: public, private and data subnets, and the ways between them.

    Builds: VPC; a subnet for each tier and zone; internet gateway; NAT gateways as ``nat`` says; route tables: one for public,
    one for each private zone, one for data, which has no default route; gateway endpoints of S3 and DynamoDB; interface
    endpoints as named; flow logs; a network ACL around the data tier; the VPC's default security group and default route
    table, both emptied. Nothing gets a public address by itself.

    Cost: each NAT gateway by the hour and by the gigabyte (with ``per-zone`` two or three of them), each interface endpoint by
    the hour in each zone, flow logs by the gigabyte. VPC, subnets and gateway endpoints are free.

    Fails: with ``single``, losing the NAT gateway's zone cuts the other zones off from the internet (not from each other, nor
    from S3 and DynamoDB): downloads and calls to other companies time out. With ``none``, whatever has no endpoint times out,
    such as the pull of an image. An S3 request that the endpoint's policy refuses shows as AccessDenied "no VPC endpoint
    policy allows". A port that the data tier's ACL does not name shows as a timeout, and as REJECT in the flow logs.

    Changes without replacement: NAT mode, endpoints, flow logs, IPv6 on; adding a zone adds its subnets and moves none.
    Replaced: everything, when the CIDR changes; a subnet, when its CIDR changes; a flow log, when its traffic kind or
    interval changes.
    """

    layer = "network"

    cidr: str

    def __init__(
        self,
        name: str,
        settings: NetworkSettings,
        context: Context,
        *,
        database_port: int = POSTGRESQL,
        has_public_instance: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the VPC with its subnets, routes, endpoints and logs. ``database_port``: the data tier's network ACL lets the private
        tier through to it, as to those of cache and search. ``has_public_instance``: the one in the public
        subnet of the first zone uses what is in the data tier too."""
        super().__init__(name, context, opts)
        self._settings = settings
        self.cidr = settings.cidr
        self.zones = zone_letters(settings, context.region)
        self.vpc_ipv6 = settings.ipv6
        self.reaches_internet = settings.nat != "none"
        self._cidrs = plan(settings, context.region)

        self._vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=settings.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            opts=self.stateful(),
        )
        self.vpc_id = self._vpc.id
        self.vpc_arn = self._vpc.arn
        subnets = self._subnets()
        self.public_subnet_ids, self.private_subnet_ids, self.data_subnet_ids = (subnets[tier] for tier in TIERS)

        tables = {
            "public": self._route_table("public", self.public_subnet_ids),
            **{
                f"private-{zone}": self._route_table(f"private-{zone}", {zone: self.private_subnet_ids[zone]})
                for zone in self.zones
            },
            "data": self._route_table("data", self.data_subnet_ids),
        }
        gateway = aws.ec2.InternetGateway(f"{name}-internet", vpc_id=self.vpc_id, opts=self.child())
        out = self._route("public", tables["public"], destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
        self.public_ready = (out,)
        self.nat_addresses, nat_routes = self._nat(tables, gateway)
        if settings.ipv6:
            self._ipv6_routes(tables, gateway)

        empty_defaults(self, self._vpc)
        data_acl(
            self,
            self.vpc_id,
            list(self.data_subnet_ids.values()),
            self._cidrs,
            database_port=database_port,
            public_zones=self.zones[:1] if has_public_instance else (),
        )
        inside = [table.id for key, table in tables.items() if key != "public"]
        self.s3_prefix_list_id = gateway_endpoints(self, self.vpc_id, inside, settings.endpoint_buckets)
        endpoints = interface_endpoints(
            self, self.vpc_id, settings.cidr, list(self.private_subnet_ids.values()), settings.endpoints
        )
        self.endpoint_security_group_id = endpoints.security_group_id
        self.private_ready = (*nat_routes, *endpoints.resources)
        if settings.flow_logs.enabled:
            flow_logs(self, self.vpc_id, settings.flow_logs)
        self.register_outputs(
            {"vpcId": self.vpc_id, "s3PrefixListId": self.s3_prefix_list_id, "natAddresses": self.nat_addresses}
        )

    def cidrs(self, tier: str) -> tuple[pulumi.Input[str], ...]:
        """Return the ranges of a tier's subnets."""
        return tuple(cidr for (of, _), cidr in self._cidrs.items() if of == tier)

    def _subnets(self) -> dict[str, dict[str, pulumi.Output[str]]]:
        block = self._ipv6_block() if self._settings.ipv6 else None
        return {tier: {zone: self._subnet(tier, zone, block).id for zone in self.zones} for tier in TIERS}

    def _subnet(self, tier: str, zone: str, block: pulumi.Output[str] | None) -> aws.ec2.Subnet:
        dual = block is not None and tier in _DUAL_STACK_TIERS
        return aws.ec2.Subnet(
            f"{self.name}-{tier}-{zone}",
            vpc_id=self.vpc_id,
            availability_zone=f"{self.context.region}{zone}",
            cidr_block=self._cidrs[tier, zone],
            map_public_ip_on_launch=False,
            ipv6_cidr_block=block.apply(lambda known: ipv6_subnet(known, tier, zone))
            if block is not None and dual
            else None,
            assign_ipv6_address_on_creation=dual,
            opts=self.child(),
        )

    def _ipv6_block(self) -> pulumi.Output[str]:
        association = aws.ec2.VpcIpv6CidrBlockAssociation(
            f"{self.name}-ipv6", vpc_id=self.vpc_id, assign_generated_ipv6_cidr_block=True, opts=self.child()
        )
        return association.ipv6_cidr_block

    def _route_table(self, key: str, subnets: dict[str, pulumi.Output[str]]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(f"{self.name}-{key}", vpc_id=self.vpc_id, opts=self.child())
        tier = key.partition("-")[0]
        for zone, subnet_id in subnets.items():
            aws.ec2.RouteTableAssociation(
                f"{self.name}-{tier}-{zone}", subnet_id=subnet_id, route_table_id=table.id, opts=self.child()
            )
        return table

    def _route(self, key: str, table: aws.ec2.RouteTable, **way: pulumi.Input[str]) -> aws.ec2.Route:
        return aws.ec2.Route(f"{self.name}-{key}", route_table_id=table.id, opts=self.child(), **way)

    def _nat(
        self, tables: dict[str, aws.ec2.RouteTable], internet: aws.ec2.InternetGateway
    ) -> tuple[dict[str, pulumi.Output[str]], list[aws.ec2.Route]]:
        single = self._settings.nat_zone or self.zones[0]
        homes = {"none": (), "single": (single,), "per-zone": self.zones}[self._settings.nat]
        addresses: dict[str, pulumi.Output[str]] = {}
        gateways: dict[str, aws.ec2.NatGateway] = {}
        for zone in homes:
            address = aws.ec2.Eip(f"{self.name}-nat-{zone}", domain="vpc", opts=self.child(depends_on=[internet]))
            addresses[zone] = address.public_ip
            gateways[zone] = aws.ec2.NatGateway(
                f"{self.name}-nat-{zone}",
                allocation_id=address.allocation_id,
                subnet_id=self.public_subnet_ids[zone],
                # AWS wants the internet gateway first; nothing in the inputs says so.
                opts=self.child(depends_on=[internet]),
            )
        routes = []
        for zone in self.zones if gateways else ():
            key = f"private-{zone}"
            gateway = gateways.get(zone) or gateways[single]
            routes.append(self._route(key, tables[key], destination_cidr_block="0.0.0.0/0", nat_gateway_id=gateway.id))
        return addresses, routes

    def _ipv6_routes(self, tables: dict[str, aws.ec2.RouteTable], internet: aws.ec2.InternetGateway) -> None:
        egress = aws.ec2.EgressOnlyInternetGateway(f"{self.name}-egress", vpc_id=self.vpc_id, opts=self.child())
        self._route("public-ipv6", tables["public"], destination_ipv6_cidr_block="::/0", gateway_id=internet.id)
        for zone in self.zones:
            self._route(
                f"private-{zone}-ipv6",
                tables[f"private-{zone}"],
                destination_ipv6_cidr_block="::/0",
                egress_only_gateway_id=egress.id,
            )
