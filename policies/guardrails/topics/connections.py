"""Connections inside the network: listeners that nobody may reach, targets that are closed, groups of another VPC."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import kinds
from guardrails.ports import RULE_TYPES
from guardrails.reach.admission import Admission, acl_between, lets_in, lets_out
from guardrails.reach.collecting import ACLS, EGRESS, GROUPS, INGRESS, acl_of, source_groups
from guardrails.reach.endpoints import Endpoint
from guardrails.reach.forms import (
    BALANCERS,
    DATA,
    SERVERS,
    STORES,
    TARGET_GROUPS,
    VPC_ORIGIN,
)
from guardrails.reach.naming import Named, blocks, mentioned, named, unsure, vpc_of
from guardrails.reach.network import StackNetwork, network_of, placed
from guardrails.reach.traffic_rules import ANSWERS, Acl, Entry, Flow
from guardrails.rules import Messages, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource

_PEERING = (
    kinds.aws("ec2/VpcPeeringConnection"),
    kinds.aws("ec2/VpcPeeringConnectionAccepter"),
    kinds.aws("ec2transitgateway/VpcAttachment"),
)
_ORIGIN_PORTS = {"http-only": ("httpPort",), "https-only": ("httpsPort",)}


@stack_rule(
    "Somebody may reach each data store",
    "low",
    *(type_ for type_, form in DATA.items() if not form.owner),
    ids=(),
    why="A store whose port no security group opens costs money and answers nobody; the rule that is missing is usually a mistake.",
    fix="Add an ingress rule for its port that names the security group of its clients, or remove the store.",
)
def data_store_has_clients(store: Resource, stack: Stack) -> Messages:
    network, endpoint = placed(store, stack)
    if endpoint.default_group:
        return
    if not endpoint.flows:
        if endpoint.unsure_flows:
            raise unsure(endpoint.unsure_flows)
        return
    group_rules = network.group_rules_of(endpoint, INGRESS)
    if any(
        group_rule.admits(flow) and group_rule.named_source for group_rule in group_rules for flow in endpoint.flows
    ):
        return
    if endpoint.groups.rest:
        raise unsure(endpoint.groups.rest)
    ports = ", ".join(str(flow.port) for flow in endpoint.flows)
    yield f"no rule of its security groups ({_names(endpoint.groups)}) admits anybody to port {ports}"


@stack_rule(
    "Load balancers reach what they forward to",
    "medium",
    *TARGET_GROUPS,
    ids=(),
    why="A target that the load balancer cannot reach is unhealthy for ever: the deployment never ends and users get 503.",
    fix="Open the target's port in both security groups (egress of the balancer, ingress of the target) and both ways in the ACLs.",
)
def load_balancer_reaches_targets(group: Resource, stack: Stack) -> Messages:
    network = network_of(stack)
    hidden = ""
    for forward in network.forwards_of_group.get(group.urn, ()):
        balancer = network.endpoint(forward.listener.balancer)
        target = network.endpoint(forward.member.resource)
        if balancer is None or target is None:
            continue
        for flow in _flows_to(forward.member.flow, group):
            found, why = _between(network, balancer, target, flow)
            yield from found
            hidden = hidden or why
        hidden = hidden or forward.member.unsure
    if hidden:
        raise unsure(hidden)


def _flows_to(flow: Flow | None, group: Resource) -> list[Flow]:
    """Return the port of the traffic and, where it is another one, that of the health check."""
    flows = [flow] if flow else []
    checked = group.node("healthCheck").node("port").value
    if str(checked).isdecimal() and (flow is None or flow.port != int(str(checked))):
        flows.append(Flow(int(str(checked))))
    return flows


def _between(network: StackNetwork, balancer: Endpoint, target: Endpoint, flow: Flow) -> tuple[list[str], str]:
    """Return what stands between a load balancer and a target, and why it is not known whether something does."""
    place = f"{target.name}:{flow.port}"
    steps: tuple[tuple[Admission, str], ...] = (
        (
            lets_out(network, balancer, target, flow),
            f"the security groups of {balancer.name} do not let it out to {place}",
        ),
        (lets_in(network, balancer, target, flow), f"the security groups of {place} do not admit {balancer.name}"),
        (acl_between(network, balancer, target, flow), f"{balancer.name} does not reach {place}"),
    )
    found = [f"{words}{f': {step.why}' if step.why else ''}" for step, words in steps if step.granted is False]
    return found, next((step.why for step, _ in steps if step.granted is None), "")


@stack_rule(
    "Load balancers let in what their listeners wait for",
    "medium",
    *kinds.LISTENERS,
    kinds.CLASSIC_BALANCER,
    ids=(),
    why="A listener on a port that no rule opens answers nobody: users see a timeout, and nothing is logged.",
    fix="Add an ingress rule for the listener's port to the load balancer's security group, or remove the listener.",
)
def load_balancer_port_admitted(listener: Resource, stack: Stack) -> Messages:
    network = network_of(stack)
    hidden = ""
    for one in _listeners_of(network, listener):
        balancer = network.endpoint(one[0])
        if balancer is None or balancer.has_no_group or balancer.default_group:
            continue
        flow, why = one[1], one[2]
        if flow and any(
            group_rule.admits(flow) and group_rule.named_source
            for group_rule in network.group_rules_of(balancer, INGRESS)
        ):
            continue
        if flow is None or balancer.groups.rest:
            hidden = hidden or why or balancer.groups.rest
            continue
        yield (
            f"it waits on port {flow.port}, which no rule of the security groups of {balancer.name} "
            f"({_names(balancer.groups)}) opens"
        )
    if hidden:
        raise unsure(hidden)


def _listeners_of(network: StackNetwork, listener: Resource) -> Iterator[tuple[Resource, Flow | None, str]]:
    for balancer in named(network.stack, listener, "loadBalancerArn", *BALANCERS).found or (listener,):
        for one in network.listeners.get(balancer.urn, ()):
            if one.resource is listener:
                yield one.balancer, one.flow, one.unsure


@stack_rule(
    "Network ACLs let the answers pass to what they let pass",
    "medium",
    *ACLS,
    ids=(),
    why="An ACL remembers no connection: where answers to ports 1024-65535 are refused, every request it allows ends in a timeout.",
    fix="Allow TCP 1024-65535 in the other direction to the same range, before any rule that denies it.",
)
def network_acl_lets_answers_pass(acl: Resource, stack: Stack) -> Messages:
    made = acl_of(acl, stack)
    if made.unsure:
        raise unsure(made.unsure)
    hidden = ""
    for entries, back, words in (
        (made.inward, made.outward, ("in", "out")),
        (made.outward, made.inward, ("out", "in")),
    ):
        for entry in entries:
            if entry.unsure:
                hidden = hidden or entry.unsure
            elif _opens_a_service(entry):
                yield from _refused_answers(made, entry, back, words)
    if hidden:
        raise unsure(hidden)


def _opens_a_service(entry: Entry) -> bool:
    """Tell whether an entry opens the port of a service. A range that holds the ports of answers may be there for
    answers alone; AWS's rules for all traffic are not looked at."""
    return entry.allows and entry.protocol in ("6", "tcp") and not entry.ports[0] <= ANSWERS <= entry.ports[1]


def _refused_answers(acl: Acl, entry: Entry, back: tuple[Entry, ...], words: tuple[str, str]) -> Messages:
    if entry.addresses is None:
        return
    answers = acl.admits(back, Flow(ANSWERS), entry.addresses.family)
    if not answers.perhaps & entry.addresses:
        first, last = entry.ports
        ports = f"port {first}" if first == last else f"ports {first}-{last}"
        yield f"its rule {entry.number} lets {ports} {words[0]}, and no rule lets the answers {words[1]} again"


@stack_rule(
    "Security-group rules name groups of their own VPC",
    "medium",
    *RULE_TYPES,
    kinds.DEFAULT_SECURITY_GROUP,
    ids=(),
    why="AWS refuses such a rule in the middle of a deployment, unless the two VPCs are peered.",
    fix="Name a security group of the same VPC, or its addresses; or peer the VPCs.",
)
def security_group_rule_within_vpc(rule: Resource, stack: Stack) -> Messages:
    if stack.of_type(*_PEERING):
        return
    holders = (rule,) if rule.type in GROUPS else named(stack, rule, "securityGroupId", *GROUPS).found
    for holder in holders:
        own = vpc_of(holder, stack)
        for node in _rules_of(rule):
            for group in source_groups(node, rule, stack).found:
                other = vpc_of(group, stack)
                if own and other and own != other:
                    yield f"{_place(node, rule)} names security group {group.name!r} of another VPC than {holder.name!r}"
                elif not (own and other):
                    raise unsure(f"the VPC of {(holder if not own else group).name} is not known yet")


def _rules_of(resource: Resource) -> list[Node]:
    if resource.type not in GROUPS:
        return [resource]
    return [rule for direction in (INGRESS, EGRESS) for rule in blocks(resource, direction)[0]]


def _place(node: Node, rule: Resource) -> str:
    return "it" if node is rule else f"its {node.path} rule"


@stack_rule(
    "Security groups belong to the VPC of what wears them",
    "medium",
    *STORES,
    *SERVERS,
    *BALANCERS,
    ids=(),
    why="AWS refuses a security group of another VPC in the middle of a deployment.",
    fix="Name security groups of the VPC that its subnets are in.",
)
def security_groups_of_own_vpc(resource: Resource, stack: Stack) -> Messages:
    _, endpoint = placed(resource, stack)
    vpcs = {vpc for subnet in endpoint.subnets.found if (vpc := vpc_of(subnet, stack))}
    for group in endpoint.groups.found if vpcs else ():
        own = vpc_of(group, stack)
        if own and own not in vpcs:
            yield f"its security group {group.name!r} is of another VPC than its subnet {endpoint.subnets.found[0].name!r}"
    if (endpoint.groups and endpoint.groups.rest) or (endpoint.subnets and endpoint.subnets.rest and endpoint.groups):
        raise unsure(endpoint.groups.rest or endpoint.subnets.rest)


@stack_rule(
    "CloudFront reaches the load balancers behind its VPC origins",
    "medium",
    VPC_ORIGIN,
    ids=(),
    why="CloudFront answers every request with 504 where its origin has no listener on the port or does not let it in.",
    fix="Give the load balancer a listener on the origin's port and admit CloudFront's managed prefix list to it.",
)
def vpc_origin_reaches_load_balancer(origin: Resource, stack: Stack) -> Messages:
    network = network_of(stack)
    endpoint = origin.node("vpcOriginEndpointConfig")
    policy = str(endpoint.get("originProtocolPolicy", "match-viewer"))
    flows = [
        Flow(endpoint.number(path))
        for path in _ORIGIN_PORTS.get(policy, ("httpPort", "httpsPort"))
        if endpoint.has(path)
    ]
    for resource in mentioned(stack, origin, "vpcOriginEndpointConfig", *kinds.LOAD_BALANCERS):
        listeners = network.listeners.get(resource.urn, [])
        balancer = network.endpoint(resource)
        if balancer is None:
            continue
        hidden = next((one.unsure for one in listeners if one.unsure), "") or balancer.groups.rest
        for flow in flows:
            if not any(one.flow == flow for one in listeners):
                if hidden:
                    raise unsure(hidden)
                yield f"{balancer.name} has no listener on port {flow.port}, which the origin asks for"
            elif not balancer.has_no_group and not balancer.default_group:
                if any(
                    group_rule.admits(flow) and group_rule.named_source
                    for group_rule in network.group_rules_of(balancer, INGRESS)
                ):
                    continue
                if hidden:
                    raise unsure(hidden)
                yield f"no rule of the security groups of {balancer.name} ({_names(balancer.groups)}) opens port {flow.port}"


@stack_rule(
    "Subnets of one VPC do not overlap",
    "medium",
    kinds.SUBNET,
    ids=(),
    why="AWS refuses the second of two overlapping subnets in the middle of a deployment.",
    fix="Give each subnet a range of its own inside the range of its VPC.",
)
def subnet_ranges_apart(subnet: Resource, stack: Stack) -> Messages:
    cidr = subnet.get("cidrBlock")
    for other in network_of(stack).overlapping.get(subnet.urn, ()):
        yield f"its range {cidr} overlaps {other.get('cidrBlock')} of subnet {other.name!r}"


def _names(several: Named) -> str:
    return ", ".join(resource.name for resource in several.found)
