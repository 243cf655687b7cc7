"""Certificates and the delegation of the domain."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import dns.exception
import dns.resolver

from groundwork.operations.account import plain_errors
from groundwork.operations.delegation import Delegation, ask
from groundwork.operations.meanings import meaning_of
from groundwork.operations.resources import StackResources
from groundwork.operations.status.model import Health, StatusLine

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource

_RENEWED_DAYS = 60
"""Before a certificate ends ACM renews it; one nearer to its end has a problem.
https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html"""

_LATE_DAYS = 30


def certificate_lines(resources: StackResources, now: datetime.datetime) -> Iterator[StatusLine]:
    """Yield a line for each certificate of ACM."""
    account = resources.account
    for resource in resources.of_type("aws:acm/certificate:Certificate"):
        region = resource.inputs.get("region") or account.settings.region
        name, arn = f"{resource.inputs['domainName']} ({region})", resources.arn(resource)
        if arn is None:
            yield StatusLine(name, Health.MISSING, "is not there", next=f"pulumi up --stack {account.stack.name}")
            continue
        with plain_errors(f"asking how the certificate of {resource.inputs['domainName']} is"):
            found = account.client("acm", region).describe_certificate(CertificateArn=arn)["Certificate"]
        status, ends = found["Status"], found.get("NotAfter")
        facts = {"arn": arn, "status": status, "ends": ends.isoformat() if ends else None}
        meaning = meaning_of("certificate", status, account.stack_name)
        says = f"{status.lower().replace('_', ' ')}" + (f", until {ends:%Y-%m-%d}" if ends else "")
        check = f"groundwork domain {account.stack_name}"
        if meaning:
            yield StatusLine(name, Health.UNWELL, says, why=(meaning.means,), next=meaning.next, facts=facts)
        elif status == "PENDING_VALIDATION":
            yield StatusLine(
                name, Health.UNWELL, says, why=("ACM has not seen its DNS record",), next=check, facts=facts
            )
        elif ends and ends - now < datetime.timedelta(days=_LATE_DAYS):
            why = f"ACM should have renewed it {_RENEWED_DAYS} days before its end"
            yield StatusLine(name, Health.UNWELL, says, why=(why,), next=check, facts=facts)
        else:
            yield StatusLine(name, Health.WELL, says, facts=facts)


Asking = Callable[[str, Sequence[str]], Delegation]


def ask_dns(domain: str, name_servers: Sequence[str]) -> Delegation:
    """Ask DNS itself, by whatever this machine asks."""
    return ask(domain, name_servers, dns.resolver.Resolver())


def zone_lines(resources: StackResources, asking: Asking = ask_dns) -> Iterator[StatusLine]:
    """Yield a line for the hosted zone: whether the registrar names its name servers."""
    for resource in resources.of_type("aws:route53/zone:Zone"):
        if not resource.inputs.get("vpcs"):
            yield _zone(resources, resource, asking)


def _zone(resources: StackResources, resource: Resource, asking: Asking) -> StatusLine:
    account, domain = resources.account, resource.inputs["name"]
    name = f"delegation of {domain}"
    route53 = account.client("route53")
    with plain_errors(f"asking for the hosted zone of {domain}"):
        zones = route53.list_hosted_zones_by_name(DNSName=domain)["HostedZones"]
        own_zone = next(
            (
                one
                for one in zones
                if one["Name"].rstrip(".") == domain and one["Config"].get("Comment") == resource.inputs.get("comment")
            ),
            None,
        )
        if own_zone is None:
            return StatusLine(name, Health.MISSING, "is not there", next=f"pulumi up --stack {account.stack.name}")
        servers = route53.get_hosted_zone(Id=own_zone["Id"])["DelegationSet"]["NameServers"]
    check = f"groundwork domain {account.stack_name} " + " ".join(f"--name-server {one}" for one in servers)
    facts = {"nameServers": servers}
    try:
        found = asking(domain, servers)
    except (dns.exception.DNSException, OSError) as error:
        return StatusLine(name, Health.UNKNOWN, "no DNS server answers", why=(str(error),), next=check, facts=facts)
    if found.is_delegated:
        return StatusLine(name, Health.WELL, f"the zone {found.parent} names its name servers", facts=facts)
    return StatusLine(
        name, Health.UNWELL, f"the zone {found.parent} does not name its name servers", next=check, facts=facts
    )
