"""Who reaches what: paths from the internet, and paths that are needed and closed."""

from __future__ import annotations

from collections.abc import Iterable

from guardrails import kinds
from guardrails.reach.endpoints import SUBNETS
from guardrails.reach.forms import (
    BALANCERS,
    LISTENER_RULES,
    NAT_GATEWAY,
    SERVERS,
    STORES,
)
from guardrails.reach.naming import Named, blocks, mentioned, named, unsure, vpc_of
from guardrails.reach.network import Path, StackNetwork, network_of, placed
from guardrails.reach.paths import paths
from guardrails.routing import INTERNET, INTERNET_GATEWAY
from guardrails.rules import ADVISORY_IN_DEV, Messages, stack_rule
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource

_JUDGED_ELSEWHERE = (kinds.DB_INSTANCE, kinds.DB_CLUSTER, kinds.CACHE_GROUP, kinds.CACHE_CLUSTER)
"""What the rules database-subnets-private and cache-subnets-private look at."""
_GATEWAY_ATTACHMENT = kinds.aws("ec2/InternetGatewayAttachment")
_MANY = 3
"""So many paths to one thing are shown; they rarely differ in what has to be done."""


def _paths(found: Iterable[Path]) -> Messages:
    """Yield the paths that are open for sure; undetermined if some are open only perhaps."""
    known = list(found)
    for path in [path for path in known if not path.unsure][:_MANY]:
        yield f"the internet reaches {path.ports}: {path}"
    for path in known:
        if path.unsure:
            raise unsure(f"{path.unsure}, so this path may be open: {path}")


@stack_rule(
    "No path leads from the internet to the data tier",
    "critical",
    *STORES,
    ids=("fsbp:RDS.2", "fsbp:RDS.46", "checkov:CKV_AWS_17"),
    why="What strangers can knock on is protected by a password alone, and by every flaw of the server that is not patched yet.",
    fix="Break the path at any of its hops, best at the first: no public address, no route to an internet gateway, no open rule.",
)
def data_tier_unreachable(store: Resource, stack: Stack) -> Messages:
    network, endpoint = placed(store, stack)
    yield from _paths(paths(network, endpoint))


@stack_rule(
    "Servers are reached only through a load balancer or CloudFront",
    "high",
    *SERVERS,
    ids=("fsbp:EC2.18", "fsbp:EC2.19"),
    why="Behind an entry, requests are filtered, logged and spread, and a server can be replaced without anybody noticing.",
    fix="Put it into a private subnet and admit the load balancer's security group, or only CloudFront's managed prefix list.",
)
def app_tier_behind_entry(server: Resource, stack: Stack) -> Messages:
    network, endpoint = placed(server, stack)
    yield from _paths(network.direct(endpoint))


@stack_rule(
    "Data stores stand in subnets without a route to an internet gateway",
    "high",
    *(type_ for type_ in STORES if type_ not in _JUDGED_ELSEWHERE),
    ids=("fsbp:RDS.46",),
    why="In a public subnet one wrong flag or security-group rule puts what keeps the data on the internet.",
    fix="Place it in private subnets: their route table has no route to an internet gateway.",
)
def data_store_subnets_private(store: Resource, stack: Stack) -> Messages:
    network, endpoint = placed(store, stack)
    hidden = endpoint.subnets.rest
    for subnet in endpoint.subnets.found:
        way = network.way_out(subnet, 4)
        way = way if way.exit else network.way_out(subnet, 6)
        if way.exit:
            yield f"its subnet {subnet.name!r} has a route to an internet gateway (route table {way.exit.table!r})"
        hidden = hidden or way.unsure
    if hidden and not (endpoint.kind == "search domain" and not store.has("vpcOptions")):
        raise unsure(hidden)


@stack_rule(
    "Public load balancers stand in subnets with a route to the internet",
    "medium",
    *BALANCERS,
    ids=(),
    why="Its answers find no way out: the balancer is healthy, and users get a timeout in that zone.",
    fix="Choose subnets whose route table sends 0.0.0.0/0 to an internet gateway, or set internal to true.",
)
def public_load_balancer_has_internet(balancer: Resource, stack: Stack) -> Messages:
    if balancer.truth("internal"):
        return
    network, endpoint = placed(balancer, stack)
    yield from _without_way_out(network, endpoint.subnets, "it is internet-facing")


@stack_rule(
    "NAT gateways stand in subnets with a route to the internet",
    "medium",
    NAT_GATEWAY,
    ids=(),
    why="A NAT gateway in a private subnet costs as much as any and carries nothing: what routes to it has no internet.",
    fix="Put it into a public subnet, whose route table sends 0.0.0.0/0 to an internet gateway.",
)
def nat_gateway_has_internet(gateway: Resource, stack: Stack) -> Messages:
    if gateway.get("connectivityType") == "private":
        return
    yield from _without_way_out(
        network_of(stack), named(stack, gateway, "subnetId", *SUBNETS), "it is a public NAT gateway"
    )


def _without_way_out(network: StackNetwork, subnets: Named, what: str) -> Messages:
    hidden = subnets.rest
    for subnet in subnets.found:
        way = network.way_out(subnet, 4)
        if way.exit is None and not way.unsure:
            yield f"{what}, and its subnet {subnet.name!r} has no route to an internet gateway"
        hidden = hidden or ("" if way.exit else way.unsure)
    if hidden:
        raise unsure(hidden)


@stack_rule(
    "Routes lead to internet gateways of their own VPC",
    "medium",
    kinds.ROUTE,
    kinds.ROUTE_TABLE,
    ids=(),
    why="A route to a gateway that is not attached to the VPC is refused, or is a black hole.",
    fix="Name the internet gateway that is attached to the route table's VPC.",
)
def route_gateway_of_own_vpc(route: Resource, stack: Stack) -> Messages:
    tables = (
        (route,) if route.type == kinds.ROUTE_TABLE else named(stack, route, "routeTableId", kinds.ROUTE_TABLE).found
    )
    path = "routes" if route.type == kinds.ROUTE_TABLE else "gatewayId"
    for table in tables:
        own = vpc_of(table, stack)
        for gateway in mentioned(stack, route, path, INTERNET_GATEWAY):
            attached = [
                vpc_of(one, stack) for one in stack.referrers(gateway, "internetGatewayId", _GATEWAY_ATTACHMENT)
            ]
            attached = [vpc for vpc in (vpc_of(gateway, stack), *attached) if vpc]
            if own and attached and own not in attached:
                yield f"internet gateway {gateway.name!r} is attached to another VPC than route table {table.name!r} is of"
            elif not own:
                raise unsure(f"the VPC of route table {table.name} is not known yet")


@stack_rule(
    "Nobody goes past CloudFront to the load balancer behind it",
    "low",
    kinds.DISTRIBUTION,
    ids=(),
    why="Who speaks to the load balancer directly meets neither the cache nor the web ACL of CloudFront.",
    fix="Make it internal behind a VPC origin, admit only CloudFront's prefix list, or give it a web ACL of its own.",
)
def cloudfront_not_bypassed(distribution: Resource, stack: Stack) -> Messages:
    network = network_of(stack)
    found: list[Path] = []
    for resource in mentioned(stack, distribution, "origins", *kinds.LOAD_BALANCERS):
        found += [
            path
            for listener, path in network.entries(resource)
            if not path.hops[1].startswith("CloudFront") and _serves_anybody(listener.resource, stack)
            if not stack.referrers(resource, "resourceArn", *kinds.WEB_ACL_ASSOCIATIONS)
        ]
    yield from _paths(found)


def _serves_anybody(listener: Resource, stack: Stack) -> bool:
    """Tell whether a listener forwards requests without asking for a header, as only CloudFront may send it."""
    rules = [
        (listener, "defaultActions"),
        *((rule, "actions") for rule in stack.referrers(listener, "listenerArn", *LISTENER_RULES)),
    ]
    return any(
        block.node("type").value in ("forward", None, Opaque.UNKNOWN) and not _asks_for_header(rule)
        for rule, path in rules
        for block in blocks(rule, path)[0]
    )


def _asks_for_header(rule: Resource) -> bool:
    return any(block.has("httpHeader") for block in blocks(rule, "conditions")[0])


@stack_rule(
    "Tasks have a way to their images",
    "medium",
    kinds.ECS_SERVICE,
    ids=(),
    why="A task that cannot reach the registry never starts; the deployment goes on trying until it times out.",
    fix="Give its subnets a route to a NAT gateway, or the VPC endpoints ecr.api, ecr.dkr and s3.",
    levels=ADVISORY_IN_DEV,
)
def ecs_tasks_reach_registry(service: Resource, stack: Stack) -> Messages:
    network, endpoint = placed(service, stack)
    hidden = endpoint.subnets.rest
    for subnet in endpoint.subnets.found:
        routes, why = network.routes_of(subnet)
        public = [one for one in routes if one.to != INTERNET or endpoint.public[0] is not False]
        if public or _registry_endpoints(subnet, stack):
            continue
        if why:
            hidden = hidden or why
            continue
        only = " but to an internet gateway, for which it has no public address" if routes else ""
        yield f"its subnet {subnet.name!r} has no default route{only}, and its VPC has no endpoint for ecr.dkr"
    if hidden:
        raise unsure(hidden)


def _registry_endpoints(subnet: Resource, stack: Stack) -> bool:
    own = vpc_of(subnet, stack)
    return any(
        not endpoint.known("serviceName") or str(endpoint.get("serviceName", "")).endswith(".ecr.dkr")
        for endpoint in stack.of_type(kinds.VPC_ENDPOINT)
        if vpc_of(endpoint, stack) in (own, "")
    )


@stack_rule(
    "Functions in a VPC stand in private subnets",
    "low",
    kinds.FUNCTION,
    ids=(),
    why="A function's network interface never has a public address: in a public subnet it has no internet at all.",
    fix="Place it in subnets that route to a NAT gateway, or in ones without a default route where it needs none.",
)
def function_subnets_private(function: Resource, stack: Stack) -> Messages:
    network = network_of(stack)
    subnets = named(stack, function, "vpcConfig.subnetIds", *SUBNETS)
    hidden = subnets.rest
    for subnet in subnets.found:
        way = network.way_out(subnet, 4)
        if way.exit:
            yield f"its subnet {subnet.name!r} has a route to an internet gateway (route table {way.exit.table!r})"
        hidden = hidden or way.unsure
    if hidden:
        raise unsure(hidden)
