"""Whether the registrar names the hosted zone's name servers, as a certificate's validation will see it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from groundwork.cli.console import InputError
from groundwork.settings.loading import StackFiles, find_stack, load_stack

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


def verdict(name: str, name_servers: Sequence[str]) -> tuple[StackFiles, Delegation]:
    """Ask DNS about the domain of a stack. ``name_servers``: unset, those that the stack has as output.

    Raises :class:`settings.Mistakes` for the stack file, :class:`groundwork.cli.console.InputError` where there is nothing to ask, or
    nobody answers.
    """
    stack = find_stack(name)
    settings = load_stack(stack).settings
    domain = settings.platform.domain
    if domain is None:
        raise InputError(f"{stack.label} has no platform.domain, so nothing need be delegated")
    if settings.edge and settings.edge.zone and settings.edge.zone.external:
        raise InputError(
            f"the DNS of {domain} is another provider's (edge.zone.external), so nothing need be delegated; enter there what "
            f"pulumi stack output dnsRecords --stack {stack.name} says"
        )
    wanted = name_servers or _of_stack(stack)
    try:
        return stack, ask(domain, wanted, dns.resolver.Resolver())
    except (dns.exception.DNSException, OSError) as error:
        raise InputError(f"no DNS server answers about {domain}: {error}") from error


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


def _of_stack(stack: StackFiles) -> list[str]:
    pulumi = shutil.which("pulumi")
    missing = "name the zone's name servers: --name-server ns-1.awsdns-01.org --name-server …"
    if pulumi is None:
        raise InputError(
            f"the Pulumi CLI, which knows the outputs of {stack.name}, is not installed; install it, or {missing}"
        )
    asked = subprocess.run(  # noqa: S603 - the stack's name was found among the files
        [pulumi, "stack", "output", "nameServers", "--json", "--stack", stack.name],
        cwd=stack.project_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise InputError(
            f"pulumi stack output nameServers --stack {stack.name} says: {asked.stderr.strip() or asked.stdout.strip()}\n"
            f"Run pulumi up --stack {stack.name} first, or {missing}"
        )
    found: list[str] = json.loads(asked.stdout)
    if not found:
        raise InputError(f"the zone of {stack.name} is one that exists (edge.zone.id); {missing}")
    return found


def _plain(name: str) -> str:
    return name.rstrip(".").lower() or "."


def verdict_lines(stack: StackFiles, found: Delegation) -> Iterator[str]:
    """Yield the verdict, and what to do next."""
    above = "the root zone" if found.parent == "." else found.parent
    if not found.is_delegated:
        said = f"names {_listed(found.named)}" if found.named else "names no name servers for it"
        yield f"{found.domain} is not delegated to its hosted zone: {above} {said}."
        yield f"Next: at the registrar, or in the zone {above} where it is yours, enter as name servers of {found.domain}:"
        yield from (f"    {server}" for server in sorted(found.wanted))
        return
    yield f"{found.domain} is delegated to its hosted zone: {above} names {_listed(found.named)}."
    if not found.may_have_certificates:
        yield f"Its CAA records let {_listed(found.issuers) if any(found.issuers) else 'nobody'} issue certificates, and not Amazon."
        yield 'Next: add a CAA record: 0 issue "amazon.com"'
        return
    from groundwork.preview.text import pulumi_up

    yield f"Next: say groundwork:edge: {{zone: {{delegated: true}}}} in {stack.label}, then {pulumi_up(stack.label)}"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(name for name in names if name))
