"""Which ports a rule opens, and to whom: one shape for the five ways the provider has to write it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from guardrails import kinds
from guardrails.view import Node, Resource

ALL_PROTOCOLS = ("-1", "all")
_TCP_UDP = ("tcp", "udp", "6", "17", *ALL_PROTOCOLS)
_WORLD_PREFIX = {4: 8, 6: 16}
"""A public range with a shorter prefix than this is as good as the whole internet (two halves make 0.0.0.0/0)."""

RULE_TYPES = (kinds.SECURITY_GROUP, kinds.SECURITY_GROUP_RULE, kinds.INGRESS_RULE, kinds.EGRESS_RULE)


@dataclass(frozen=True)
class Opening:
    """A security-group rule that lets traffic of the whole internet in or out."""

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
    """Whether a range is the whole internet, or so much of it that it makes no difference."""
    if not isinstance(cidr, str):
        return False
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False
    return network.prefixlen < _WORLD_PREFIX[network.version] and not (network.prefixlen and network.is_private)


def covers_port(protocol: str, ports: tuple[int, int], port: int) -> bool:
    return protocol in ALL_PROTOCOLS or (protocol in _TCP_UDP and ports[0] <= port <= ports[1])


def openings(resource: Resource, direction: str) -> Iterator[Opening]:
    """The ``ingress`` or ``egress`` rules of a resource of :data:`RULE_TYPES` that are open to the world."""
    for rule, label, sources in _rules(resource, direction):
        if any(is_world(cidr) for source in sources for cidr in rule.strings(source)):
            protocol = str(rule.get("ipProtocol", rule.get("protocol", "-1"))).lower()
            yield Opening(label, protocol, (_port(rule, "fromPort", 0), _port(rule, "toPort", 65535)))


def _rules(resource: Resource, direction: str) -> Iterator[tuple[Node, str, tuple[str, ...]]]:
    if resource.type == kinds.SECURITY_GROUP:
        for rule in resource.items(direction):
            yield rule, f"its {rule.path} rule", ("cidrBlocks", "ipv6CidrBlocks")
    elif resource.type == kinds.SECURITY_GROUP_RULE:
        if resource.get("type") == direction:
            yield resource, "it", ("cidrBlocks", "ipv6CidrBlocks")
    elif resource.type == (kinds.INGRESS_RULE if direction == "ingress" else kinds.EGRESS_RULE):
        yield resource, "it", ("cidrIpv4", "cidrIpv6")


def _port(rule: Node, path: str, default: int) -> int:
    value = rule.get(path, default)
    return int(value) if str(value).lstrip("-").isdigit() else default
