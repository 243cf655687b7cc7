"""Security groups and network ACLs as the resources of a stack declare them, in every form the provider has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from guardrails import kinds
from guardrails.ports import ALL_PROTOCOLS
from guardrails.reach.addresses import Addresses, addresses_of
from guardrails.reach.naming import Named, blocks, flag, named, named_by
from guardrails.reach.prefixes import ranges_of
from guardrails.reach.traffic_rules import ALL_PORTS, OPEN_ACL, Acl, Entry, GroupRule
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource

GROUPS = (kinds.SECURITY_GROUP, kinds.DEFAULT_SECURITY_GROUP)
ACLS = (kinds.NETWORK_ACL, kinds.DEFAULT_NETWORK_ACL)
INGRESS, EGRESS = DIRECTIONS = ("ingress", "egress")
_CIDRS = ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks")
_SOURCE_GROUPS = ("referencedSecurityGroupId", "sourceSecurityGroupId", "securityGroups")
_PREFIX_LISTS = ("prefixListId", "prefixListIds")

GroupRules = dict[tuple[str, str], list[GroupRule]]


def group_rules(stack: Stack) -> GroupRules:
    """Return every rule of every security group, by the group's URN and the direction."""
    collected: GroupRules = defaultdict(list)
    for group in stack.of_type(*GROUPS):
        for direction in DIRECTIONS:
            rules, rest = blocks(group, direction)
            collected[group.urn, direction] += [_group_rule(rule, group, stack) for rule in rules]
            if rest:
                collected[group.urn, direction].append(GroupRule(group.urn, "-1", ALL_PORTS, unsure=rest, anyone=True))
    for rule, directions in _rules(stack):
        group_rule = _group_rule(rule, rule, stack)
        for group in named(stack, rule, "securityGroupId", *GROUPS).found:
            for direction in directions:
                collected[group.urn, direction].append(group_rule)
    return collected


def _rules(stack: Stack) -> Iterator[tuple[Resource, tuple[str, ...]]]:
    for rule in stack.of_type(kinds.INGRESS_RULE):
        yield rule, (INGRESS,)
    for rule in stack.of_type(kinds.EGRESS_RULE):
        yield rule, (EGRESS,)
    for rule in stack.of_type(kinds.SECURITY_GROUP_RULE):
        direction = rule.node("type").value
        yield rule, (direction,) if direction in DIRECTIONS else DIRECTIONS if isinstance(direction, Opaque) else ()


def source_groups(rule: Node, holder: Resource, stack: Stack) -> Named:
    """Return the groups that a security-group rule names."""
    own = Named()
    for path in _SOURCE_GROUPS:
        # A group's own property of that name is no rule's source.
        if rule.has(path):
            own += named_by(stack, holder, rule.node(path), *GROUPS)
    return own


def _group_rule(rule: Node, holder: Resource, stack: Stack) -> GroupRule:
    protocol, unsure = _word(rule, "ipProtocol" if rule.has("ipProtocol") else "protocol", "-1")
    ports, unsure_ports = _ports(rule, protocol)
    cidrs, hidden, malformed = _cidrs(rule)
    lists = Named()
    for path in _PREFIX_LISTS:
        if rule.has(path):
            lists += named_by(stack, holder, rule.node(path), kinds.PREFIX_LIST)
    ranges, unsure_list = ranges_of(lists.found, stack)
    listed = [cidr for cidr in ranges if _range(cidr)]
    groups = source_groups(rule, holder, stack)
    itself = flag(rule, "self")
    own = holder.urn if holder.type in GROUPS else _first(named(stack, holder, "securityGroupId", *GROUPS))
    return GroupRule(
        rule=holder.urn,
        protocol=protocol.lower(),
        ports=ports,
        addresses=tuple(addresses_of(cidr) for cidr in (*cidrs, *listed)),
        groups=groups.urns | (frozenset((own,)) if itself and own else frozenset()),
        others=_outside(rule, lists, groups),
        cidrs=tuple(cidrs) + tuple(listed),
        unsure=unsure or unsure_ports or hidden or malformed or unsure_list,
        anyone=bool(hidden or unsure_list),
    )


def _first(several: Named) -> str:
    return several.found[0].urn if several.found else ""


def _outside(rule: Node, lists: Named, groups: Named) -> str:
    if lists.rest:
        known = [rule.node(path).value for path in _PREFIX_LISTS if rule.has(path) and rule.known(path)]
        first = known[0] if known else ""
        return f"prefix list {first[0] if isinstance(first, list) and first else first}".strip()
    return "a security group of elsewhere" if groups.rest else ""


def _cidrs(rule: Node) -> tuple[list[str], str, str]:
    """Return the readable ranges, why there may be others, and what is written as one and is none."""
    ranges, hidden, malformed = [], "", ""
    for path in _CIDRS:
        node = rule.node(path)
        for value in node.value if isinstance(node.value, list) else [node.value]:
            if isinstance(value, Opaque):
                hidden = hidden or f"{node.path} is not known yet"
            elif value not in (None, ""):
                try:
                    addresses_of(str(value))
                    ranges.append(str(value))
                except ValueError:
                    malformed = malformed or f"{node.path} is not a range of addresses"
    return ranges, hidden, malformed


def _range(cidr: str) -> Addresses | None:
    try:
        return addresses_of(cidr)
    except ValueError:
        return None


def _word(node: Node, path: str, default: str) -> tuple[str, str]:
    value = node.node(path).value
    if isinstance(value, Opaque):
        return default, f"{node.node(path).path} is not known yet"
    return (default if value in (None, "") else str(value)), ""


def _ports(rule: Node, protocol: str) -> tuple[tuple[int, int], str]:
    if protocol in ALL_PROTOCOLS:
        return ALL_PORTS, ""
    ends = []
    for path, default in (("fromPort", ALL_PORTS[0]), ("toPort", ALL_PORTS[1])):
        word, unsure = _word(rule, path, str(default))
        if unsure:
            return ALL_PORTS, unsure
        try:
            number = int(word)
        except ValueError:
            return ALL_PORTS, f"{rule.node(path).path} is not a number"
        ends.append(default if number < 0 else number)
    return (ends[0], ends[1]), ""


def acls(stack: Stack) -> dict[str, Acl]:
    """Return the network ACL of each subnet that a resource of the stack puts one on, by the subnet's URN."""
    placed: dict[str, Acl] = {}
    for acl in stack.of_type(*ACLS):
        made = acl_of(acl, stack)
        for subnet in named(stack, acl, "subnetIds", kinds.SUBNET, kinds.DEFAULT_SUBNET).found:
            placed[subnet.urn] = made
    for association in stack.of_type(kinds.NETWORK_ACL_ASSOCIATION):
        chosen = named(stack, association, "networkAclId", *ACLS)
        made = acl_of(chosen.found[0], stack) if chosen.found else Acl("", unsure=chosen.rest)
        for subnet in named(stack, association, "subnetId", kinds.SUBNET, kinds.DEFAULT_SUBNET).found:
            placed[subnet.urn] = made
    for subnet in stack.of_type(kinds.SUBNET):
        if subnet.urn not in placed:
            placed[subnet.urn] = _default_acl(subnet, stack)
    return placed


def _default_acl(subnet: Resource, stack: Stack) -> Acl:
    managed = [
        acl
        for vpc in named(stack, subnet, "vpcId", kinds.VPC).found
        for acl in stack.referrers(vpc, "defaultNetworkAclId", kinds.DEFAULT_NETWORK_ACL)
    ]
    return acl_of(managed[0], stack) if managed else OPEN_ACL


def acl_of_rule(rule: Resource) -> Acl:
    """Return a rule resource as an ACL that has no other, for where the one that it belongs to is not of this stack."""
    leaves = flag(rule, "egress")
    unsure = f"egress of {rule.name} is not known yet" if leaves is None else ""
    entries = tuple(_entries(rule, unnumbered=0))
    return Acl(rule.name, () if leaves else entries, entries if leaves else (), unsure)


def acl_of(acl: Resource, stack: Stack) -> Acl:
    """Return a network ACL with the rules it lists and those that resources of their own add to it."""
    inward, unsure_in = blocks(acl, "ingress")
    outward, unsure_out = blocks(acl, "egress")
    entries = {
        INGRESS: [entry for one in inward for entry in _entries(one)],
        EGRESS: [entry for one in outward for entry in _entries(one)],
    }
    unsure = unsure_in or unsure_out
    for rule in stack.referrers(acl, "networkAclId", kinds.NETWORK_ACL_RULE):
        leaves = flag(rule, "egress")
        if leaves is None:
            unsure = unsure or f"egress of {rule.name} is not known yet"
        entries[EGRESS if leaves else INGRESS] += _entries(rule)
    unsure = unsure or next((e.unsure for several in entries.values() for e in several if e.number < 0), "")
    ordered = {key: tuple(sorted(several, key=lambda entry: entry.number)) for key, several in entries.items()}
    return Acl(acl.name, ordered[INGRESS], ordered[EGRESS], unsure)


def _entries(rule: Node, unnumbered: int = -1) -> list[Entry]:
    """Return an entry for each family of addresses that a rule names; an ACL's own list and rule resources name number
    and action differently."""
    number, unsure_number = _word(rule, "ruleNo" if rule.has("ruleNo") else "ruleNumber", "-1")
    action, unsure = _word(rule, "action" if rule.has("action") else "ruleAction", "deny")
    protocol, unsure_protocol = _word(rule, "protocol", "-1")
    ports, unsure_ports = _ports(rule, protocol)
    cidrs, hidden, malformed = _cidrs_of_entry(rule)
    placed = int(number) if number.isdecimal() else unnumbered
    unread = unsure_number or unsure or unsure_protocol or unsure_ports or hidden or malformed
    unread = unread or ("" if cidrs and placed >= 0 else "a rule of it names no range or number")
    ranges: list[Addresses | None] = [addresses_of(cidr) for cidr in cidrs]
    return [Entry(placed, action.lower() == "allow", protocol.lower(), ports, one, unread) for one in ranges or [None]]


def _cidrs_of_entry(rule: Node) -> tuple[list[str], str, str]:
    plain = {key: rule.node(one).value for key, one in (("cidrIpv4", "cidrBlock"), ("cidrIpv6", "ipv6CidrBlock"))}
    return _cidrs(Node(plain, rule.path))
