"""What a stack file may say and somebody should know: no mistake, and yet not what is wanted in the end."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.edge.settings import EdgeSettings
from groundwork.components.observability.settings import AudienceSettings
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import all_of, nearest


def hints(settings: Settings) -> Iterator[str]:
    """Yield hints, one sentence each, with what to do about it."""
    for rule in (_nobody_hears_alarms, _domain_waits, _existing_is_not_judged, _transforms_are_of_a_stack):
        yield from rule(settings)


def _nobody_hears_alarms(settings: Settings) -> Iterator[str]:
    """Hint at topics without a subscription, which take every message and say nothing."""
    watched = settings.observability
    if settings.platform.stage != "prod" or watched is None:
        return
    deaf = [
        severity
        for severity, audience in (("notice", watched.alerts.notice), ("page", watched.alerts.page))
        if audience is not None and not _has_recipient(audience)
    ]
    if "notice" in deaf:
        yield "prod's alarms reach nobody; name somebody: observability: {alerts: {notice: {emails: [team@example.com]}}}"
    if "page" in deaf:
        yield "prod's pages reach nobody; name somebody under observability.alerts.page, or leave page out"


def _has_recipient(audience: AudienceSettings) -> bool:
    return bool(audience.emails) or audience.slack is not None


def _domain_waits(settings: Settings) -> Iterator[str]:
    domain, edge = settings.platform.domain, settings.edge
    if domain is None or edge is None or edge.zone is None:
        return
    if edge.zone.external:
        yield from _records_are_entered(domain, edge)
        return
    if edge.zone.is_delegated:
        return
    instead = (
        "the platform answers at CloudFront's own name"
        if edge.load_balancer.exposure == "vpc-origin"
        else "nothing answers yet, since a public load balancer needs a certificate"
    )
    yield (
        f"{domain} waits to be delegated, and until then {instead}. After pulumi up enter the name servers "
        "(pulumi stack output nameServers) at the registrar; groundwork domain says when edge.zone.delegated may be set"
    )


def _records_are_entered(domain: str, edge: EdgeSettings) -> Iterator[str]:
    """Say which records somebody enters where DNS is another provider's, and when."""
    if not edge.answers_by_domain:
        yield (
            f"the DNS of {domain} is another provider's. After pulumi up enter there what pulumi stack output dnsRecords says, which "
            "validates the certificate and is known only then; say edge.zone.delegated: true, and the next pulumi up answers by the "
            "domain and adds the records that lead to it"
        )
        return
    names = ", ".join([f"{domain} (ALIAS or ANAME)", *(f"{alias}.{domain} (CNAME)" for alias in edge.aliases)])
    yield (
        f"the DNS of {domain} is another provider's; to be entered there, to the addresses in pulumi stack output dnsRecords: {names}. "
        "Records that validate certificates stay, since each renewal looks for them"
    )


def _existing_is_not_judged(settings: Settings) -> Iterator[str]:
    """Say what of things that exist stays with their owner."""
    network, data = settings.network, settings.data
    used: dict[str, str] = {}
    if network is not None and network.existing is not None:
        used[network.existing.vpc_id] = "routes, network ACLs, endpoints and flow logs"
    if data is not None and data.existing is not None:
        used[data.existing.identifier] = "backups, parameters and encryption"
    used |= {
        bucket.existing: "policy, encryption and lifecycle" for bucket in settings.storage.values() if bucket.existing
    }
    if settings.platform.existing_key is not None:
        used[settings.platform.existing_key] = "policy and rotation"
    for name, parts in used.items():
        yield f"{name} is used as it is: its {parts} are not changed, not counted in the cost, and no rule judges them"
    wanting = [f"storage.{name}" for name, bucket in settings.storage.items() if bucket.existing and bucket.cdn]
    if settings.platform.existing_key is not None:
        wanting.append("platform.existing_key")
    if wanting:
        yield (
            f"the owner of {all_of(wanting)} adds to its policy what pulumi stack output policyStatements says; until then AWS refuses "
            "what it admits"
        )


def _transforms_are_of_a_stack(settings: Settings) -> Iterator[str]:
    """Hint at files of transforms that no stack reads, since their names are no stack's."""
    stacks = sorted(file.name.split(".")[1] for file in settings.project.glob("Pulumi.*.yaml"))
    for file in sorted(settings.project.glob("Pulumi.*.transform.py")):
        name = file.name.removeprefix("Pulumi.").removesuffix(".transform.py")
        if name not in stacks:
            yield f"{file.name} changes nothing, since there is no stack {name}{nearest(name, stacks)}"
