"""The network of a stack: which packets of the internet reach what, on which port, by which path.

Built once for all rules, and lazily: a route, a network ACL or a set of security groups is looked at once, whoever
asks. Nothing walks from group to group, so groups that name each other in a circle are no matter.

It does not follow packets through a VPN, a peering, a transit gateway or a firewall appliance, and not what a server that
was broken into could reach next: a path ends at the first thing that listens, or at what a load balancer forwards to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeVar

from guardrails import kinds
from guardrails.per_stack import per_stack
from guardrails.reach.addresses import FAMILIES, everywhere
from guardrails.reach.balancing import Forward, Listener, forwards, listeners
from guardrails.reach.collecting import INGRESS, GroupRules, acls, group_rules
from guardrails.reach.endpoints import Endpoint, addresses_of_subnet, endpoint_of
from guardrails.reach.forms import VPC_ORIGIN
from guardrails.reach.naming import mentioned, unsure
from guardrails.reach.traffic_rules import ALL_PORTS, OPEN_ACL, Acl, Admitted, Flow, GroupRule, admitted_by_rules
from guardrails.routing import INTERNET, Exit, exits
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError

_SEPARATOR = " → "
_WORLD = ("0.0.0.0/0", "::/0")
_One = TypeVar("_One")


class Path(NamedTuple):
    """A way from the internet to something that listens."""

    hops: tuple[str, ...]
    first: Flow
    last_port: int
    """The ports it ends at: one, or all from the first to this one."""
    unsure: str = ""
    """Why it is not sure that it is open."""

    def __str__(self) -> str:
        return _SEPARATOR.join(self.hops)

    @property
    def ports(self) -> str:
        first, last = self.first.port, self.last_port
        if (first, last) == ALL_PORTS:
            return "every port"
        return f"port {first}" if first == last else f"ports {first}-{last}"


class EgressRoute(NamedTuple):
    """A default route to an internet gateway, or why it is not known whether there is one."""

    exit: Exit | None
    unsure: str = ""


class _PortRun(NamedTuple):
    """Ports that a thing's security groups treat alike, whom they admit, and what of that is not sure."""

    family: int
    flow: Flow
    last_port: int
    admitted: Admitted
    unsure: str


class StackNetwork:
    """Answers about one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._things: dict[str, Endpoint | None] = {}
        self._routes: dict[str, tuple[list[Exit], str]] = {}
        self._admitted: dict[tuple[object, ...], Admitted] = {}
        self._direct: dict[tuple[str, tuple[Flow, ...]], list[Path]] = {}

    @cached_property
    def group_rules(self) -> GroupRules:
        return group_rules(self.stack)

    @cached_property
    def acls(self) -> dict[str, Acl]:
        return acls(self.stack)

    @cached_property
    def listeners(self) -> dict[str, list[Listener]]:
        """Return listeners by the URN of the load balancer."""
        return _grouped(listeners(self.stack), lambda one: one.balancer.urn)

    @cached_property
    def _forwards(self) -> list[Forward]:
        return forwards(self.stack, [one for several in self.listeners.values() for one in several])

    @cached_property
    def forwards_to(self) -> dict[str, list[Forward]]:
        """Return forwards by the URN of what is forwarded to."""
        return _grouped(self._forwards, lambda one: one.member.resource.urn)

    @cached_property
    def forwards_of_group(self) -> dict[str, list[Forward]]:
        """Return forwards by the URN of the target group."""
        return _grouped(self._forwards, lambda one: one.target_group.urn if one.target_group else "")

    def endpoint(self, resource: Resource) -> Endpoint | None:
        if resource.urn not in self._things:
            self._things[resource.urn] = endpoint_of(resource, self.stack)
        return self._things[resource.urn]

    def group_rules_of(self, endpoint: Endpoint, direction: str) -> list[GroupRule]:
        own = endpoint.own_rules if direction == INGRESS else ()
        return [
            *own,
            *(
                group_rule
                for group in endpoint.groups.found
                for group_rule in self.group_rules.get((group.urn, direction), ())
            ),
        ]

    def acl_of(self, subnet: Resource) -> Acl:
        return self.acls.get(subnet.urn, OPEN_ACL)

    def routes_of(self, subnet: Resource) -> tuple[list[Exit], str]:
        """Return its default routes, and why there may be others."""
        if subnet.urn not in self._routes:
            found: list[Exit] = []
            unsure = ""
            try:
                found.extend(exits(subnet, self.stack))
            except UndeterminedError as unknown:
                unsure = str(unknown)
            self._routes[subnet.urn] = (found, unsure)
        return self._routes[subnet.urn]

    def way_out(self, subnet: Resource, family: int) -> EgressRoute:
        """Return the subnet's default route to an internet gateway, by which packets of the internet come in too."""
        found, unsure = self.routes_of(subnet)
        return EgressRoute(next((one for one in found if one.to == INTERNET and one.family == family), None), unsure)

    @cached_property
    def overlapping(self) -> dict[str, list[Resource]]:
        """Return, by the URN of a subnet, those of its VPC that begin before it and reach into it."""
        overlaps: dict[str, list[Resource]] = defaultdict(list)
        for vpc in self.stack.of_type(kinds.VPC):
            placed = [
                (spans[0], subnet)
                for subnet in self.stack.referrers(vpc, "vpcId", kinds.SUBNET)
                if (own := addresses_of_subnet(subnet)) and (spans := own.spans) and own.family == FAMILIES[0]
            ]
            reach: tuple[int, Resource] | None = None
            for (first, last), subnet in sorted(placed, key=lambda pair: (pair[0], pair[1].urn)):
                if reach and first <= reach[0]:
                    overlaps[subnet.urn].append(reach[1])
                if reach is None or last > reach[0]:
                    reach = (last, subnet)
        return overlaps

    # From the internet

    def direct(self, endpoint: Endpoint) -> list[Path]:
        """List the paths with nothing in between: one for each run of ports, the sure ones first."""
        place = (endpoint.resource.urn, endpoint.flows)
        if place not in self._direct:
            best: dict[tuple[str, int, int], Path] = {}
            for path in self._direct_paths(endpoint):
                key = (path.first.protocol, path.first.port, path.last_port)
                if key not in best or (best[key].unsure and not path.unsure):
                    best[key] = path
            self._direct[place] = sorted(_joined(best.values(), endpoint), key=lambda path: bool(path.unsure))
        return self._direct[place]

    def _direct_paths(self, endpoint: Endpoint) -> Iterator[Path]:
        if _in_no_network(endpoint):
            yield _public_endpoint(endpoint)
            return
        for family, public in zip(FAMILIES, endpoint.public, strict=True):
            if public is False:
                continue
            asked = "" if public else f"whether {endpoint.name} has a public address is not known yet"
            for flow, last_port in self._runs(endpoint, family):
                admitted = self._by_groups(endpoint, flow, family)
                run = _PortRun(family, flow, last_port, admitted, asked)
                for subnet in endpoint.subnets.found:
                    yield from self._by_subnet(endpoint, subnet, run)
                if not endpoint.subnets.found and endpoint.subnets.rest and admitted.internet is not False:
                    hops = ("internet", self._group_hop(endpoint, flow, family), end_of(endpoint, flow.port, last_port))
                    yield Path(tuple(hop for hop in hops if hop), flow, last_port, asked or endpoint.subnets.rest)

    def _by_subnet(self, endpoint: Endpoint, subnet: Resource, run: _PortRun) -> Iterator[Path]:
        way = self.way_out(subnet, run.family)
        if way.exit is None and not way.unsure:
            return
        acl = self.acl_of(subnet)
        admitted = run.admitted & acl.connections_in(run.flow, run.family)
        if admitted.internet is False:
            return
        unsure = run.unsure or ("" if way.exit else way.unsure) or ("" if admitted.internet else admitted.why)
        table = way.exit.table if way.exit else "not known yet"
        hops = (
            "internet",
            f"internet gateway {way.exit.gateway}".rstrip() if way.exit else "internet gateway",
            f"subnet {subnet.name} (route table {table})",
            f"network ACL {acl.name}" if acl.name else "",
            self._group_hop(endpoint, run.flow, run.family),
            end_of(endpoint, run.flow.port, run.last_port),
        )
        yield Path(tuple(hop for hop in hops if hop), run.flow, run.last_port, unsure)

    def _group_hop(self, endpoint: Endpoint, flow: Flow, family: int) -> str:
        for group in (*endpoint.groups.found, endpoint.resource):
            mine = endpoint.own_rules if group is endpoint.resource else self.group_rules.get((group.urn, INGRESS), [])
            for group_rule in mine:
                ranges = [
                    cidr
                    for cidr, addresses in zip(group_rule.cidrs, group_rule.addresses, strict=True)
                    if addresses.family == family
                ]
                if group_rule.admits(flow) and (ranges or group_rule.anyone):
                    holder = "remote access" if group is endpoint.resource else f"security group {group.name}"
                    world = [cidr for cidr in ranges if cidr in _WORLD]
                    return f"{holder} admits {(world or ranges or ['perhaps anybody'])[0]}:{_ports(group_rule.ports)}"
        return "no security group" if endpoint.has_no_group else ""

    def _runs(self, endpoint: Endpoint, family: int) -> Iterator[tuple[Flow, int]]:
        """Yield the ports to ask about: those it listens on, or the runs of ports between which its security groups
        differ."""
        if endpoint.flows:
            yield from ((flow, flow.port) for flow in endpoint.flows)
            return
        if endpoint.resource.urn in self.listeners:
            return
        for protocol in ("tcp", "udp"):
            rules_of_it = [
                group_rule
                for group_rule in self.group_rules_of(endpoint, INGRESS)
                if (group_rule.anyone or any(one.family == family for one in group_rule.addresses))
                and group_rule.admits(Flow(group_rule.ports[0], protocol))
            ]
            limits = [group_rule.ports for group_rule in rules_of_it]
            if endpoint.groups.rest or endpoint.has_no_group:
                limits.append(ALL_PORTS)
            entries = [entry.ports for subnet in endpoint.subnets.found for entry in self.acl_of(subnet).inward]
            for first, last in _pieces(limits, entries):
                yield Flow(first, protocol), last

    def _by_groups(self, endpoint: Endpoint, flow: Flow, family: int) -> Admitted:
        key = (endpoint.groups.urns, endpoint.groups.rest, endpoint.has_no_group, endpoint.own_rules, flow, family)
        if key not in self._admitted:
            if endpoint.has_no_group:
                admitted = Admitted(everywhere(family), everywhere(family))
            else:
                admitted = admitted_by_rules(self.group_rules_of(endpoint, INGRESS), flow, family)
                if endpoint.groups.rest:
                    admitted = Admitted(admitted.sure, everywhere(family), endpoint.groups.rest)
            self._admitted[key] = admitted
        return self._admitted[key]

    # Through something

    def entries(self, balancer: Resource) -> list[tuple[Listener, Path]]:
        """List the ports of a load balancer that the internet reaches, straight or through CloudFront."""
        endpoint = self.endpoint(balancer)
        entered = []
        for listener in self.listeners.get(balancer.urn, ()):
            if endpoint is None or listener.flow is None:
                continue
            entered += [(listener, path) for path in self.direct(replace(endpoint, flows=(listener.flow,)))]
            entered += [(listener, path) for path in self._through_cloudfront(endpoint, listener.flow)]
        return entered

    @cached_property
    def _origins(self) -> dict[str, list[tuple[str, ...]]]:
        """Return the distributions that lead to a load balancer, as hops, by its URN."""
        leading: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for distribution in self.stack.of_type(kinds.DISTRIBUTION):
            hop = f"CloudFront {distribution.name}"
            for origin in mentioned(self.stack, distribution, "origins", VPC_ORIGIN):
                for balancer in mentioned(self.stack, origin, "vpcOriginEndpointConfig", *kinds.LOAD_BALANCERS):
                    leading[balancer.urn].append((hop, f"VPC origin {origin.name}"))
        return leading

    def _through_cloudfront(self, endpoint: Endpoint, flow: Flow) -> Iterator[Path]:
        letting_in = [
            group_rule
            for group_rule in self.group_rules_of(endpoint, INGRESS)
            if group_rule.admits(flow) and group_rule.named_source
        ]
        if letting_in or endpoint.has_no_group:
            for hops in self._origins.get(endpoint.resource.urn, ()):
                yield Path(("internet", *hops, end_of(endpoint, flow.port, flow.port)), flow, flow.port)

    def from_prefix_lists(self, endpoint: Endpoint) -> list[Path]:
        """List what only a prefix list that is not of this stack lets reach it: AWS's list of CloudFront's addresses,
        usually."""
        fronts = self.stack.of_type(kinds.DISTRIBUTION)
        front = f"CloudFront {fronts[0].name}" if fronts else ""
        return [
            Path(tuple(hop for hop in ("internet", front, group_rule.others, end) if hop), Flow(first), last)
            for group_rule in self.group_rules_of(endpoint, INGRESS)
            if group_rule.others.startswith("prefix list") and endpoint.public[0] is not False
            for first, last in [group_rule.ports]
            for end in [end_of(endpoint, first, last)]
        ]


def _in_no_network(endpoint: Endpoint) -> bool:
    """Tell whether it is a search domain without a place in a VPC, whose endpoint everybody reaches."""
    return endpoint.kind == "search domain" and not endpoint.resource.has("vpcOptions")


def _public_endpoint(endpoint: Endpoint) -> Path:
    port = endpoint.flows[0].port if endpoint.flows else 443
    return Path(("internet", "public endpoint", end_of(endpoint, port, port)), Flow(port), port)


def end_of(endpoint: Endpoint, first: int, last: int) -> str:
    return f"{endpoint.name}:{_ports((first, last))}"


def _ports(ports: tuple[int, int]) -> str:
    return "*" if ports == ALL_PORTS else str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _pieces(limits: Iterable[tuple[int, int]], cuts: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of ports, cut wherever one of them or of the cuts begins or ends."""
    limits = set(limits)
    starts = sorted({edge for first, last in (*limits, *cuts) for edge in (first, last + 1)})
    for first, following in pairwise(starts):
        if any(low <= first <= high for low, high in limits):
            yield first, following - 1


def _joined(paths: Iterable[Path], endpoint: Endpoint) -> list[Path]:
    """Join paths that differ only in ports that lie side by side."""
    joined: list[Path] = []
    for path in sorted(paths, key=lambda one: (one.first.protocol, one.first.port)):
        if joined and not endpoint.flows and _continues(joined[-1], path):
            before = joined[-1]
            end = end_of(endpoint, before.first.port, path.last_port)
            joined[-1] = Path((*before.hops[:-1], end), before.first, path.last_port, before.unsure)
        else:
            joined.append(path)
    return joined


def _continues(before: Path, path: Path) -> bool:
    side_by_side = (before.first.protocol, before.last_port + 1) == (path.first.protocol, path.first.port)
    return side_by_side and (before.hops[:-1], before.unsure) == (path.hops[:-1], path.unsure)


def _grouped(several: Iterable[_One], key: Callable[[_One], str]) -> dict[str, list[_One]]:
    grouped: dict[str, list[_One]] = defaultdict(list)
    for one in several:
        grouped[key(one)].append(one)
    return grouped


@per_stack
def network_of(stack: Stack) -> StackNetwork:
    """Return the model of a stack: one for all rules that ask."""
    return StackNetwork(stack)


def placed(resource: Resource, stack: Stack) -> tuple[StackNetwork, Endpoint]:
    """Return the model, and a resource's place in it."""
    network = network_of(stack)
    endpoint = network.endpoint(resource)
    if endpoint is None:
        raise unsure(f"{resource.type} is not in the model of the network")
    return network, endpoint
