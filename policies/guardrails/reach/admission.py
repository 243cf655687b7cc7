"""Whether one thing in the network may speak to another: what load balancers need to reach their targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from guardrails.reach.addresses import FAMILIES, Addresses, everywhere
from guardrails.reach.collecting import EGRESS, INGRESS
from guardrails.reach.endpoints import Endpoint, addresses_of_subnet
from guardrails.reach.naming import Named
from guardrails.reach.network import StackNetwork
from guardrails.reach.traffic_rules import ANSWERS, OPEN_ACL, Acl, Entry, Flow, GroupRule
from guardrails.view import Resource


class Admission(NamedTuple):
    """Whether one thing may speak to another (None: not known), and why not or why it is not known."""

    granted: bool | None
    why: str = ""


def lets_out(network: StackNetwork, source: Endpoint, target: Endpoint, flow: Flow) -> Admission:
    """Tell whether the source's security groups let it open a connection to the target."""
    if source.has_no_group:
        return Admission(True)
    if source.groups.rest or source.default_group:
        return Admission(None, source.groups.rest or f"{source.name} has the VPC's default security group")
    return _peers(network, network.group_rules_of(source, EGRESS), flow, target)


def lets_in(network: StackNetwork, source: Endpoint, target: Endpoint, flow: Flow) -> Admission:
    """Tell whether the target's security groups let the source in."""
    if target.groups.rest or target.default_group:
        return Admission(None, target.groups.rest or f"{target.name} has the VPC's default security group")
    rules_of_it = network.group_rules_of(target, INGRESS)
    if source.has_no_group and any(group_rule.admits(flow) and group_rule.addresses for group_rule in rules_of_it):
        return Admission(True)
    return _peers(network, rules_of_it, flow, source)


def _peers(network: StackNetwork, rules_of_it: Iterable[GroupRule], flow: Flow, peer: Endpoint) -> Admission:
    wanted = _addresses(peer.subnets)
    reached = Addresses(FAMILIES[0])
    perhaps = peer.groups.rest or (f"{peer.name} has the VPC's default security group" if peer.default_group else "")
    for group_rule in rules_of_it:
        if not group_rule.admits(flow):
            continue
        if group_rule.unsure:
            perhaps = perhaps or group_rule.unsure
        elif group_rule.groups & peer.groups.urns:
            return Admission(True)
        for addresses in group_rule.addresses:
            reached = reached | addresses if addresses.family == reached.family else reached
        if group_rule.others and not group_rule.unsure:
            perhaps = perhaps or f"{group_rule.others} is not of this stack"
    if reached == everywhere(FAMILIES[0]) or (wanted and reached.covers(wanted)):
        return Admission(True)
    if wanted is None and reached:
        perhaps = perhaps or peer.subnets.rest or f"the addresses of {peer.name} are not known yet"
    if wanted and wanted & reached and not perhaps:
        return Admission(False, "only some of its subnets")
    return Admission(None if perhaps else False, perhaps)


def _addresses(subnets: Named) -> Addresses | None:
    """Return the addresses of subnets together; None where they are not all known."""
    together = Addresses(FAMILIES[0])
    for subnet in subnets.found:
        own = addresses_of_subnet(subnet)
        if own is None or own.family != together.family:
            return None
        together = together | own
    return together if together and not subnets.rest else None


def acl_between(network: StackNetwork, source: Endpoint, target: Endpoint, flow: Flow) -> Admission:
    """Tell whether the network ACLs let a connection, and its answers, through between all their subnets."""
    unsure = ""
    for behind, before in _pairs(network, source, target):
        for step in _steps(network, behind, before, flow):
            admitted = step.acl.admits(step.entries, step.flow, step.peer.family)
            if not admitted.perhaps.covers(step.peer):
                return Admission(False, f"network ACL {step.acl.name} lets no {step.traffic}")
            if not admitted.sure.covers(step.peer):
                unsure = unsure or admitted.why
    return Admission(None if unsure else True, unsure)


class _Step(NamedTuple):
    """One of the four times that a network ACL looks at a connection between two subnets."""

    acl: Acl
    entries: tuple[Entry, ...]
    flow: Flow
    peer: Addresses
    traffic: str


def _steps(network: StackNetwork, behind: Resource, before: Resource, flow: Flow) -> Iterator[_Step]:
    answers = Flow(ANSWERS, flow.protocol)
    leaving, entering = network.acl_of(behind), network.acl_of(before)
    near, far = addresses_of_subnet(behind), addresses_of_subnet(before)
    port = f"{flow.protocol} {flow.port}"
    if entering is not OPEN_ACL and near is not None:
        yield _Step(entering, entering.inward, flow, near, f"{port} in from subnet {behind.name}")
        yield _Step(entering, entering.outward, answers, near, f"answers out to subnet {behind.name}")
    if leaving is not OPEN_ACL and far is not None:
        yield _Step(leaving, leaving.outward, flow, far, f"{port} out to subnet {before.name}")
        yield _Step(leaving, leaving.inward, answers, far, f"answers in from subnet {before.name}")


def _pairs(network: StackNetwork, source: Endpoint, target: Endpoint) -> Iterator[tuple[Resource, Resource]]:
    """Yield subnets of both sides where an ACL stands between them; those of the same subnet pass none."""
    for behind in source.subnets.found:
        for before in target.subnets.found:
            guarded = network.acl_of(behind) is not OPEN_ACL or network.acl_of(before) is not OPEN_ACL
            if guarded and behind is not before:
                yield behind, before
