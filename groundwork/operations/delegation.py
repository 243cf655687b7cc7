"""Whether a domain is delegated to its hosted zone, and who may issue certificates for it: what DNS says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.resolver

_SECONDS = 5.0
"""How long a server has to answer."""

_AMAZON = ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com")
"""Issuers that a CAA record may name for ACM: https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html"""


@dataclass(frozen=True)
class Delegation:
    """What DNS says of a domain."""

    domain: str
    wanted: frozenset[str]
    """The name servers of its hosted zone …"""
    parent: str
    """… the zone above it …"""
    named: frozenset[str]
    """… and the name servers that this one names for it."""
    issuers: frozenset[str]
    """Whom CAA records let issue certificates; empty where they let anybody."""

    @property
    def is_delegated(self) -> bool:
        return bool(self.named) and self.named == self.wanted

    @property
    def may_have_certificates(self) -> bool:
        return not self.issuers or not self.issuers.isdisjoint(_AMAZON)


def ask(domain: str, wanted: Sequence[str], resolver: dns.resolver.Resolver, port: int = 53) -> Delegation:
    """Ask the servers of the zone above, which is what counts, and not a cache that may still say what was."""
    name = dns.name.from_text(domain)
    parent = dns.resolver.zone_for_name(name.parent(), resolver=resolver)
    servers = [str(record.target) for record in resolver.resolve(parent, "NS")]
    return Delegation(
        domain,
        frozenset(_plain(server) for server in wanted),
        _plain(str(parent)),
        _named(name, servers, resolver, port),
        _issuers(name, resolver),
    )


def _named(name: dns.name.Name, servers: Sequence[str], resolver: dns.resolver.Resolver, port: int) -> frozenset[str]:
    question = dns.message.make_query(name, dns.rdatatype.NS)
    last: Exception | None = None
    for server in servers:
        try:
            address = str(resolver.resolve(server, "A")[0])
            answer, _ = dns.query.udp_with_fallback(question, address, timeout=_SECONDS, port=port)
        except (dns.exception.DNSException, OSError) as error:
            last = error
            continue
        return frozenset(
            _plain(str(record.target))
            for found in (*answer.answer, *answer.authority)
            if found.name == name and found.rdtype == dns.rdatatype.NS
            for record in found
        )
    raise OSError(f"none of {', '.join(servers)} does ({last})")


def _issuers(name: dns.name.Name, resolver: dns.resolver.Resolver) -> frozenset[str]:
    """Return the issuers of the nearest name that has CAA records: https://www.rfc-editor.org/rfc/rfc8659#section-3"""
    while name != dns.name.root:
        try:
            records = resolver.resolve(name, "CAA")
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN, dns.resolver.NoNameservers):
            name = name.parent()
            continue
        issue = [record.value.decode().partition(";")[0].strip() for record in records if record.tag == b"issue"]
        # An empty issuer forbids everybody; it stays, so that the set is not empty.
        return frozenset(issue)
    return frozenset()


def _plain(name: str) -> str:
    return name.rstrip(".").lower() or "."
