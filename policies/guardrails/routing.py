"""Where the traffic of a subnet can go: its route table, or the VPC's main one, and their default routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails import kinds
from guardrails.ports import is_world
from guardrails.stack import Stack
from guardrails.view import Node, Resource, UndeterminedError, first_opaque

INTERNET = "an internet gateway"
INTERNET_GATEWAY = kinds.aws("ec2/InternetGateway")
_DESTINATIONS = {
    "destinationCidrBlock": 4,
    "cidrBlock": 4,
    "destinationIpv6CidrBlock": 6,
    "ipv6CidrBlock": 6,
}
ROUTE_TABLES = (kinds.ROUTE_TABLE, kinds.DEFAULT_ROUTE_TABLE)
_GATEWAYS = (
    ("natGatewayId", "a NAT gateway"),
    ("egressOnlyGatewayId", "an egress-only gateway"),
    ("networkInterfaceId", "a network interface"),
    ("transitGatewayId", "a transit gateway"),
    ("vpcPeeringConnectionId", "a peered VPC"),
    ("vpcEndpointId", "a gateway endpoint"),
    ("carrierGatewayId", "a carrier gateway"),
    ("coreNetworkArn", "a core network"),
)
_PRIVATE_IDS = {"vgw-": "a virtual private gateway", "local": "the VPC itself", "vpce-": "an endpoint"}


class Exit(NamedTuple):
    """A default route of a subnet."""

    to: str
    """What it leads to, in words."""
    table: str
    """The name of its route table; of the VPC where the main table is not managed."""
    family: int
    gateway: str = ""
    """The name of its internet gateway, where this stack makes it."""


def subnets_of(resource: Resource, stack: Stack, path: str) -> Iterator[Resource]:
    """Yield the subnets that a property lists; undetermined after the last of them if others are not of this stack."""
    subnets = stack.targets(resource, path, kinds.SUBNET)
    yield from subnets
    listed = resource.node(path).value
    if not subnets or (isinstance(listed, list) and len(set(map(str, listed))) > len(subnets)):
        resource.get(path)
        raise UndeterminedError(path, "not of this stack")


def default_routes(subnet: Resource, stack: Stack) -> Iterator[str]:
    """Yield what the subnet's default routes lead to, in words; :data:`INTERNET` among them where it is public."""
    told = set()
    for way in exits(subnet, stack):
        if way.to not in told:
            told.add(way.to)
            yield way.to


def exits(subnet: Resource, stack: Stack) -> Iterator[Exit]:
    """Yield the default routes of a subnet; undetermined after the last of them if others could not be read."""
    for table in _tables(subnet, stack):
        yield from _exits(table, stack)


def _tables(subnet: Resource, stack: Stack) -> list[Resource]:
    associations = stack.referrers(subnet, "subnetId", kinds.ROUTE_TABLE_ASSOCIATION)
    if associations:
        tables = [table for own in associations for table in stack.targets(own, "routeTableId", *ROUTE_TABLES)]
        if not tables:
            raise UndeterminedError("routeTableId", "not of this stack")
        return tables
    vpcs = stack.targets(subnet, "vpcId", kinds.VPC)
    if not vpcs:
        raise UndeterminedError("vpcId", "not of this stack")
    return [table for vpc in vpcs for table in _main_tables(vpc, stack)]


def _main_tables(vpc: Resource, stack: Stack) -> list[Resource]:
    """List a VPC's main route tables. The VPC itself stands for its own where nothing in the stack manages that; routes
    may be added to it."""
    chosen = stack.referrers(vpc, "vpcId", kinds.MAIN_ROUTE_TABLE_ASSOCIATION)
    if chosen:
        return [table for own in chosen for table in stack.targets(own, "routeTableId", *ROUTE_TABLES)]
    return [*stack.referrers(vpc, "defaultRouteTableId", kinds.DEFAULT_ROUTE_TABLE), vpc]


def _exits(table: Resource, stack: Stack) -> Iterator[Exit]:
    routes: list[tuple[Node, Resource]] = [
        (route, route) for route in stack.referrers(table, "routeTableId", kinds.ROUTE)
    ]
    if table.type != kinds.VPC:
        routes += [(block, table) for block in table.items("routes")]
    for route, holder in sorted(routes, key=lambda pair: not _readable(pair[0])):
        for key, family in _DESTINATIONS.items():
            if route.has(key) and is_world(route.get(key)):
                to = _gateway(route, holder)
                yield Exit(to, table.name, family, _gateway_name(route, holder, stack) if to == INTERNET else "")


def _readable(route: Node) -> bool:
    return all(first_opaque(route.node(key).value, key) is None for key in _DESTINATIONS)


def _gateway(route: Node, holder: Resource) -> str:
    if not route.has("gatewayId"):
        return next((words for key, words in _GATEWAYS if route.has(key)), "somewhere")
    if route is holder and holder.references("gatewayId", kinds.VPN_GATEWAY):
        return "a virtual private gateway"
    known = str(route.get("gatewayId")) if route.known("gatewayId") else ""
    return next((words for start, words in _PRIVATE_IDS.items() if known.startswith(start)), INTERNET)


def _gateway_name(route: Node, holder: Resource, stack: Stack) -> str:
    """Return the gateway of a route. An inline route's is told by its value alone, or by what all routes of the table
    are made from."""
    made_from = holder.property_dependencies.get("gatewayId" if route is holder else "routes", ())
    view = Resource(
        holder.urn, {"gatewayId": route.node("gatewayId").value}, property_dependencies={"gatewayId": made_from}
    )
    gateways = stack.targets(view, "gatewayId", INTERNET_GATEWAY)
    return gateways[0].name if len(gateways) == 1 else ""
