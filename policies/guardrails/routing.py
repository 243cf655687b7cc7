"""Where the traffic of a subnet can go: its route table, or the VPC's main one, and their default routes."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import kinds
from guardrails.stack import Stack
from guardrails.view import Node, Resource, UndeterminedError

INTERNET = "an internet gateway"
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_TABLES = (kinds.ROUTE_TABLE, kinds.DEFAULT_ROUTE_TABLE)
_GATEWAYS = (
    ("natGatewayId", "a NAT gateway"),
    ("egressOnlyGatewayId", "an egress-only gateway"),
    ("networkInterfaceId", "a network interface"),
    ("transitGatewayId", "a transit gateway"),
    ("vpcPeeringConnectionId", "a peered VPC"),
    ("vpcEndpointId", "a gateway endpoint"),
)


def subnets_of(resource: Resource, stack: Stack, path: str) -> Iterator[Resource]:
    """The subnets that a property lists; undetermined after the last of them if others are not of this stack."""
    subnets = stack.targets(resource, path, kinds.SUBNET)
    yield from subnets
    listed = resource.node(path).value
    if not subnets or (isinstance(listed, list) and len(set(map(str, listed))) > len(subnets)):
        resource.get(path)
        raise UndeterminedError(path, "not of this stack")


def default_routes(subnet: Resource, stack: Stack) -> list[str]:
    """What the subnet's default routes lead to, in words; :data:`INTERNET` among them where it is public."""
    return list(dict.fromkeys(_gateway(route) for table in _tables(subnet, stack) for route in _defaults(table, stack)))


def _tables(subnet: Resource, stack: Stack) -> list[Resource]:
    associations = stack.referrers(subnet, "subnetId", kinds.ROUTE_TABLE_ASSOCIATION)
    if associations:
        tables = [table for own in associations for table in stack.targets(own, "routeTableId", *_TABLES)]
        if not tables:
            raise UndeterminedError("routeTableId", "not of this stack")
        return tables
    vpcs = stack.targets(subnet, "vpcId", kinds.VPC)
    if not vpcs:
        raise UndeterminedError("vpcId", "not of this stack")
    return [table for vpc in vpcs for table in _main_tables(vpc, stack)]


def _main_tables(vpc: Resource, stack: Stack) -> list[Resource]:
    """The VPC itself stands for its main route table where nothing in the stack manages that; routes may be added to it."""
    chosen = stack.referrers(vpc, "vpcId", kinds.MAIN_ROUTE_TABLE_ASSOCIATION)
    if chosen:
        return [table for own in chosen for table in stack.targets(own, "routeTableId", *_TABLES)]
    return [*stack.referrers(vpc, "defaultRouteTableId", kinds.DEFAULT_ROUTE_TABLE), vpc]


def _defaults(table: Resource, stack: Stack) -> Iterator[Node]:
    routes: list[Node] = list(stack.referrers(table, "routeTableId", kinds.ROUTE))
    inline = table.items("routes") if table.type != kinds.VPC else []
    for route in (*routes, *inline):
        destinations = ("destinationCidrBlock", "destinationIpv6CidrBlock", "cidrBlock", "ipv6CidrBlock")
        if any(route.get(key) in _EVERYWHERE for key in destinations if route.has(key)):
            yield route


def _gateway(route: Node) -> str:
    if not route.has("gatewayId"):
        return next((words for key, words in _GATEWAYS if route.has(key)), "somewhere")
    private = isinstance(route, Resource) and route.references("gatewayId", kinds.VPN_GATEWAY)
    known = str(route.get("gatewayId")) if route.known("gatewayId") else ""
    return "a virtual private gateway" if private or known.startswith("vgw-") else INTERNET
