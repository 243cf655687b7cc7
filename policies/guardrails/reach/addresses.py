"""Sets of addresses: what is left of the internet once security groups and network ACLs have let through what they do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

FAMILIES = (4, 6)
_LAST = {4: 2**32 - 1, 6: 2**128 - 1}
_MUCH = {4: 2**25, 6: 2**113}
"""So many addresses are as good as the whole internet: a range with a prefix of 7 or 15 (as ``ports.is_world`` has it)."""
# https://www.iana.org/assignments/iana-ipv4-special-registry: what no packet of the internet comes from.
_NOT_INTERNET = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
)
_INTERNET_6 = "2000::/3"

Span = tuple[int, int]


@dataclass(frozen=True)
class Addresses:
    """Addresses of one family as sorted spans that do not touch."""

    family: int
    spans: tuple[Span, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __or__(self, other: Addresses) -> Addresses:
        return Addresses(self.family, _merged((*self.spans, *other.spans)))

    def __and__(self, other: Addresses) -> Addresses:
        both = ((max(a, c), min(b, d)) for a, b in self.spans for c, d in other.spans)
        return Addresses(self.family, _merged(span for span in both if span[0] <= span[1]))

    def __sub__(self, other: Addresses) -> Addresses:
        starts = (0, *(last + 1 for _, last in other.spans))
        ends = (*(first - 1 for first, _ in other.spans), _LAST[self.family])
        return self & Addresses(self.family, tuple((a, b) for a, b in zip(starts, ends, strict=True) if a <= b))

    def __contains__(self, address: int) -> bool:
        return any(first <= address <= last for first, last in self.spans)

    def covers(self, other: Addresses) -> bool:
        return self.family == other.family and not other - self

    @property
    def of_internet(self) -> bool:
        """Tell whether enough of the internet is among them to make no difference."""
        return sum(last - first + 1 for first, last in (self & internet(self.family)).spans) >= _MUCH[self.family]


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


@cache
def addresses_of(cidr: str) -> Addresses:
    """Return the addresses of a range; ``ValueError`` if it is none."""
    network = ipaddress.ip_network(cidr, strict=False)
    return Addresses(network.version, ((int(network.network_address), int(network.broadcast_address)),))


@cache
def everywhere(family: int) -> Addresses:
    return Addresses(family, ((0, _LAST[family]),))


@cache
def internet(family: int) -> Addresses:
    """Return the addresses that a packet of the internet may come from."""
    if family != FAMILIES[0]:
        return addresses_of(_INTERNET_6)
    left = everywhere(family)
    for cidr in _NOT_INTERNET:
        left = left - addresses_of(cidr)
    return left
