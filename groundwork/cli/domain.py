"""Whether the registrar names the hosted zone's name servers, as a certificate's validation will see it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence

import dns.exception
import dns.resolver

from groundwork.cli.console import InputError
from groundwork.operations.delegation import Delegation, ask
from groundwork.settings.loading import StackFiles, find_stack, load_stack


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
