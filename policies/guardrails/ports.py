"""Which ports a rule opens, and to whom: one shape for every way the provider has to write it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from guardrails import kinds
from guardrails.reach.addresses import Addresses, addresses_of
from guardrails.reach.naming import named_by, unsure
from guardrails.reach.prefixes import ranges_of
from guardrails.stack import Stack
from guardrails.view import Node, Resource, UndeterminedError

ALL_PROTOCOLS = ("-1", "all")
_TCP_UDP = ("tcp", "udp", "6", "17", *ALL_PROTOCOLS)
_WORLD_PREFIX = {4: 8, 6: 16}
"""A public range with a shorter prefix than this is as good as the whole internet (two halves make 0.0.0.0/0)."""
INGRESS, EGRESS = "ingress", "egress"


class RuleSyntax(NamedTuple):
    """How a type of resource writes rules that let traffic in or out."""

    blocks: str = ""
    """The property that lists them; empty where the resource is one rule."""
    direction: str = ""
    """The property that says which direction the rule is for; empty where the form has one only."""
    protocol: str = "protocol"
    ranges: tuple[str, ...] = ("cidrBlocks", "ipv6CidrBlocks")
    lists: str = ""
    """The property that names prefix lists."""
    absent: str = ""
    """The range that AWS takes where a rule names none."""


def _inline(direction: str) -> RuleSyntax:
    return RuleSyntax(blocks=direction, lists="prefixListIds")


_RULE = RuleSyntax(direction="type", lists="prefixListIds")
_ONE_SOURCE = RuleSyntax(protocol="ipProtocol", ranges=("cidrIpv4", "cidrIpv6"), lists="prefixListId")
# Lightsail user guide, "Instance firewalls": a rule admits any address unless it is restricted to some.
_LIGHTSAIL = RuleSyntax(blocks="portInfos", ranges=("cidrs", "ipv6Cidrs"), absent="0.0.0.0/0")

RULE_SYNTAX: Mapping[str, Mapping[str, RuleSyntax]] = {
    INGRESS: {
        kinds.SECURITY_GROUP: _inline(INGRESS),
        kinds.DEFAULT_SECURITY_GROUP: _inline(INGRESS),
        kinds.SECURITY_GROUP_RULE: _RULE,
        kinds.INGRESS_RULE: _ONE_SOURCE,
        kinds.LIGHTSAIL_PORTS: _LIGHTSAIL,
    },
    EGRESS: {
        kinds.SECURITY_GROUP: _inline(EGRESS),
        kinds.DEFAULT_SECURITY_GROUP: _inline(EGRESS),
        kinds.SECURITY_GROUP_RULE: _RULE,
        kinds.EGRESS_RULE: _ONE_SOURCE,
    },
}
"""Every form in which a port can be opened, by direction and type. A rule on openings reads all of a direction."""
INGRESS_TYPES, EGRESS_TYPES = (tuple(RULE_SYNTAX[direction]) for direction in (INGRESS, EGRESS))
RULE_TYPES = (kinds.SECURITY_GROUP, kinds.SECURITY_GROUP_RULE, kinds.INGRESS_RULE, kinds.EGRESS_RULE)
"""Security groups that a program makes, and their rules."""


class OpenPorts(NamedTuple):
    """A rule that lets traffic of the whole internet in or out."""

    label: str
    protocol: str
    ports: tuple[int, int]

    @property
    def all_ports(self) -> bool:
        return self.protocol in ALL_PROTOCOLS or (
            self.protocol in _TCP_UDP and self.ports[0] <= 1 and self.ports[1] >= 65535
        )

    def covers(self, port: int) -> bool:
        return covers_port(self.protocol, self.ports, port)

    def describe(self) -> str:
        first, last = self.ports
        return f"port {first}" if first == last else f"ports {first}-{last}"


def is_world(cidr: object) -> bool:
    """Tell whether a range is the whole internet, or so much of it that it makes no difference."""
    if not isinstance(cidr, str):
        return False
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return network.prefixlen < _WORLD_PREFIX[network.version] and not (network.prefixlen and network.is_private)


def are_world(cidrs: Iterable[str]) -> bool:
    """Tell whether ranges, one of them or all together, are as good as the whole internet."""
    together: dict[int, Addresses] = {}
    for cidr in cidrs:
        if is_world(cidr):
            return True
        try:
            addresses = addresses_of(cidr)
        except ValueError:
            continue
        together[addresses.family] = together.get(addresses.family, Addresses(addresses.family)) | addresses
    return any(addresses.of_internet for addresses in together.values())


def covers_port(protocol: str, ports: tuple[int, int], port: int) -> bool:
    return protocol in ALL_PROTOCOLS or (protocol in _TCP_UDP and ports[0] <= port <= ports[1])


def openings(resource: Resource, direction: str) -> Iterator[OpenPorts]:
    """Yield the ``ingress`` or ``egress`` rules of a resource of :data:`RULE_SYNTAX` that are open to the world by their own
    ranges."""
    for syntax, rule, label in _rules(resource, direction):
        if _open_by_ranges(rule, syntax):
            yield _opening(rule, syntax, label)


def openings_by_lists(resource: Resource, direction: str, stack: Stack) -> Iterator[OpenPorts]:
    """Yield the rules that are open to the world by the prefix lists of this stack that they name."""
    hidden = ""
    for syntax, rule, label in _rules(resource, direction):
        lists = named_by(stack, resource, rule.node(syntax.lists), kinds.PREFIX_LIST).found if syntax.lists else ()
        ranges, why = ranges_of(lists, stack)
        if are_world(ranges):
            names = ", ".join(repr(one.name) for one in lists)
            yield _opening(rule, syntax, f"{label}, by prefix list {names},")
        hidden = hidden or why
    if hidden:
        raise unsure(hidden)


def _open_by_ranges(rule: Node, syntax: RuleSyntax) -> bool:
    """Tell whether the readable ranges are the world; undetermined where they are not and others cannot be read."""
    ranges: list[str] = []
    hidden: UndeterminedError | None = None
    for path in syntax.ranges:
        try:
            ranges.extend(rule.strings(path))
        except UndeterminedError as unknown:
            ranges += [one for one in rule.node(path).value if isinstance(one, str)] if _is_list(rule, path) else []
            hidden = hidden or unknown
    if syntax.absent and not ranges and hidden is None and not rule.has("cidrListAliases"):
        ranges = [syntax.absent]
    if are_world(ranges):
        return True
    if hidden:
        raise hidden
    return False


def _is_list(rule: Node, path: str) -> bool:
    return isinstance(rule.node(path).value, list)


def _opening(rule: Node, syntax: RuleSyntax, label: str) -> OpenPorts:
    protocol = str(rule.get(syntax.protocol, "-1")).lower()
    return OpenPorts(label, protocol, (_port(rule, "fromPort", 0), _port(rule, "toPort", 65535)))


def _rules(resource: Resource, direction: str) -> Iterator[tuple[RuleSyntax, Node, str]]:
    syntax = RULE_SYNTAX[direction].get(resource.type)
    if syntax is None:
        return
    if syntax.blocks:
        for rule in resource.items(syntax.blocks):
            yield syntax, rule, f"its {rule.path} rule"
    elif not syntax.direction or resource.get(syntax.direction) == direction:
        yield syntax, resource, "it"


def _port(rule: Node, path: str, default: int) -> int:
    """Return a port; -1 stands for all of them, as in the API of EC2."""
    value = rule.get(path, default)
    port = int(value) if str(value).removeprefix("-").isdecimal() else default
    return default if port < 0 else port
