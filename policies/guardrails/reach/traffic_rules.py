"""Security groups and network ACLs: what of the traffic to a port each lets through.

Every answer is a pair of sets: what passes for sure, and what may pass if what is not known yet turns out so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from guardrails.ports import ALL_PROTOCOLS
from guardrails.reach.addresses import Addresses, everywhere

ALL_PORTS = (0, 65535)
ANSWERS = 50_000
"""A port that clients of every kind are answered on: Linux takes 32768-60999, Windows 49152-65535, NAT gateways 1024-65535."""
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}


class Flow(NamedTuple):
    """Traffic to a port."""

    port: int
    protocol: str = "tcp"

    def matches(self, protocol: str, ports: tuple[int, int]) -> bool:
        protocol = _NUMBERS.get(protocol, protocol)
        return protocol in ALL_PROTOCOLS or (protocol == self.protocol and ports[0] <= self.port <= ports[1])


class Admitted(NamedTuple):
    """The addresses that pass, those that perhaps pass (the sure ones among them), and why that is not sure."""

    sure: Addresses
    perhaps: Addresses
    why: str = ""

    def __and__(self, other: Admitted) -> Admitted:
        return Admitted(self.sure & other.sure, self.perhaps & other.perhaps, self.why or other.why)

    @property
    def internet(self) -> bool | None:
        """Tell whether the internet passes; None where that is not known."""
        return True if self.sure.of_internet else None if self.perhaps.of_internet else False


class GroupRule(NamedTuple):
    """One rule of a security group. It may name several kinds of sources."""

    rule: str
    """The URN of the resource that holds it."""
    protocol: str
    ports: tuple[int, int]
    addresses: tuple[Addresses, ...] = ()
    groups: frozenset[str] = frozenset()
    """URNs of the groups it names."""
    others: str = ""
    """Sources that are neither addresses nor groups of this stack: in words, empty if none."""
    cidrs: tuple[str, ...] = ()
    unsure: str = ""
    """What of it could not be read; it then admits perhaps."""
    anyone: bool = False
    """Whether what could not be read is the source: it may be anybody."""

    def admits(self, flow: Flow) -> bool:
        return flow.matches(self.protocol, self.ports)

    @property
    def named_source(self) -> bool:
        return bool(self.addresses or self.groups or self.others or self.anyone)


def admitted_by_rules(group_rules: Iterable[GroupRule], flow: Flow, family: int) -> Admitted:
    """Return the addresses that security-group rules together admit to a port."""
    sure = perhaps = Addresses(family)
    why = ""
    for group_rule in group_rules:
        if not group_rule.admits(flow):
            continue
        admitted = Addresses(family)
        for addresses in group_rule.addresses:
            if addresses.family == family:
                admitted = admitted | addresses
        perhaps = perhaps | (everywhere(family) if group_rule.anyone else admitted)
        if group_rule.unsure:
            why = why or group_rule.unsure
        else:
            sure = sure | admitted
    return Admitted(sure, perhaps, why)


class Entry(NamedTuple):
    """One rule of a network ACL."""

    number: int
    allows: bool
    protocol: str
    ports: tuple[int, int]
    addresses: Addresses | None
    unsure: str = ""

    def decides(self, flow: Flow, family: int) -> bool:
        same_family = self.addresses is None or self.addresses.family == family
        return same_family and (bool(self.unsure) or flow.matches(self.protocol, self.ports))


class Acl(NamedTuple):
    """A network ACL: the first rule that matches decides; what none matches is refused. It remembers no connection."""

    name: str
    inward: tuple[Entry, ...] = ()
    outward: tuple[Entry, ...] = ()
    unsure: str = ""

    def admits(self, entries: Sequence[Entry], flow: Flow, family: int) -> Admitted:
        if self.unsure:
            return Admitted(Addresses(family), everywhere(family), self.unsure)
        left, passed = everywhere(family), Addresses(family)
        for entry in entries:
            if not entry.decides(flow, family):
                continue
            if entry.unsure or entry.addresses is None:
                # Whatever it says, it says first to all that is left: nothing below it is sure any more.
                return Admitted(passed, passed | left, entry.unsure)
            if entry.allows:
                passed = passed | (left & entry.addresses)
            left = left - entry.addresses
        return Admitted(passed, passed)

    def connections_in(self, flow: Flow, family: int) -> Admitted:
        """Return who can open a connection to a port behind it: the request comes in and the answer goes out."""
        answers = Flow(ANSWERS, flow.protocol)
        return self.admits(self.inward, flow, family) & self.admits(self.outward, answers, family)


OPEN_ACL = Acl(
    "",
    *(
        (
            Entry(100, allows=True, protocol="-1", ports=ALL_PORTS, addresses=everywhere(4)),
            Entry(101, allows=True, protocol="-1", ports=ALL_PORTS, addresses=everywhere(6)),
        ),
    )
    * 2,
)
"""What a VPC comes with and what a subnet has that no other ACL is put on."""
