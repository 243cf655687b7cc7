"""Names and certificates: DNS zones, and the keys that prove who one is."""

from __future__ import annotations

import datetime

from guardrails import kinds
from guardrails.certificates import last_day
from guardrails.rules import Level, Messages, Setting, Values, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError


@resource_rule(
    "Certificates have keys that cannot be broken",
    "high",
    kinds.CERTIFICATE,
    ids=("fsbp:ACM.2",),
    why="RSA keys of 1024 bits have been within reach of large organisations for years.",
    fix="Set keyAlgorithm to RSA_2048 or EC_prime256v1.",
)
def certificate_key_length(certificate: Resource) -> Messages:
    if certificate.get("keyAlgorithm", "RSA_2048") == "RSA_1024":
        yield "its key has 1024 bits (keyAlgorithm)"


@resource_rule(
    "Certificates renew themselves",
    "low",
    kinds.CERTIFICATE,
    ids=(),
    why="A certificate that waits for somebody's click, or for an upload, ends on a Sunday.",
    fix="Let ACM issue it with validationMethod DNS.",
)
def certificate_renews(certificate: Resource) -> Messages:
    if certificate.has("privateKey") or certificate.has("privateKeyWo"):
        yield "it is imported, and so has to be renewed by hand"
    elif certificate.get("validationMethod") == "EMAIL":
        yield "renewing it needs a click in an e-mail (validationMethod)"


@stack_rule(
    "Public zones log their queries",
    "medium",
    kinds.ZONE,
    ids=("fsbp:Route53.2", "checkov:CKV2_AWS_39"),
    why="Malware and takeovers of forgotten names show in what is asked for.",
    fix="Declare an aws.route53.QueryLog with a log group in us-east-1.",
    levels={"dev": Level.ADVISORY, "staging": Level.ADVISORY},
)
def zone_query_log(zone: Resource, stack: Stack) -> Messages:
    if not zone.has("vpcs") and not stack.referrers(zone, "zoneId", kinds.QUERY_LOG) and not _is_elsewhere(stack):
        yield "it keeps no log of queries"


_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")
"""What names of regions begin with outside the partition that has us-east-1, where alone queries can be logged.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html
"""


def _is_elsewhere(stack: Stack) -> bool:
    """Tell whether the providers are of another partition."""
    regions = [one.node("region").value for one in stack.of_type("pulumi:providers:aws")]
    return bool(regions) and all(isinstance(one, str) and one.startswith(_OTHER_PARTITIONS) for one in regions)


@stack_rule(
    "Public zones are signed",
    "low",
    kinds.ZONE,
    ids=("checkov:CKV2_AWS_38",),
    why="Without DNSSEC whoever answers a resolver first sends your users, and their mail, where he likes.",
    fix="Declare an aws.route53.KeySigningKey and an aws.route53.HostedZoneDnsSec, and give the DS record to the registrar.",
)
def zone_signed(zone: Resource, stack: Stack) -> Messages:
    signed = stack.referrers(zone, "hostedZoneId", kinds.DNSSEC)
    if not zone.has("vpcs") and not any(one.get("signingStatus", "SIGNING") == "SIGNING" for one in signed):
        yield "its answers are not signed (no aws.route53.HostedZoneDnsSec)"


@resource_rule(
    "Signing keys of zones are in use",
    "medium",
    kinds.SIGNING_KEY,
    ids=(),
    why="With its only key inactive a signed zone cannot be resolved at all.",
    fix="Remove status: INACTIVE; roll a key by adding the next one first.",
)
def zone_signing_key_active(key: Resource) -> Messages:
    if key.get("status", "ACTIVE") != "ACTIVE":
        yield "it is not in use (status)"


@resource_rule(
    "Imported certificates last for another month",
    "medium",
    kinds.CERTIFICATE,
    kinds.SERVER_CERTIFICATE,
    ids=("fsbp:ACM.1",),
    why="Nobody renews an imported certificate but you; on the day it ends every client refuses the connection.",
    fix="Import a new one, or let ACM issue it with validationMethod DNS.",
    settings=(
        Setting(
            "days",
            "How many days a certificate has to last at least",
            30,
            {"type": "integer", "minimum": 1, "maximum": 365},
        ),
    ),
)
def certificate_lasts(certificate: Resource, values: Values) -> Messages:
    body = str(certificate.get("certificateBody", ""))
    if not body:
        return
    try:
        last = last_day(body)
    except ValueError as error:
        raise UndeterminedError("certificateBody", f"not readable: {error}") from None
    left = (last - datetime.datetime.now(datetime.UTC).date()).days
    if left < values["days"]:
        yield f"it ended on {last}" if left < 0 else f"it ends on {last}, in fewer than {values['days']} days"


@resource_rule(
    "Certificates are logged in public",
    "low",
    kinds.CERTIFICATE,
    ids=("checkov:CKV_AWS_234",),
    why="Browsers distrust what no log has seen, and only the logs show a certificate that a stranger got for your name.",
    fix="Remove options.certificateTransparencyLoggingPreference: DISABLED.",
)
def certificate_logged(certificate: Resource) -> Messages:
    if certificate.get("options.certificateTransparencyLoggingPreference", "ENABLED") != "ENABLED":
        yield "it is not logged (options.certificateTransparencyLoggingPreference)"


@resource_rule(
    "Root certificate authorities rest",
    "low",
    kinds.CERTIFICATE_AUTHORITY,
    ids=("fsbp:PCA.1",),
    why="Whoever gets a root to sign is trusted by everything that trusts it; what signs daily should stand below it.",
    fix="Set enabled to false once it has signed its subordinate authorities.",
)
def root_authority_disabled(authority: Resource) -> Messages:
    if authority.get("type", "SUBORDINATE") == "ROOT" and authority.truth("enabled", default=True):
        yield "it is a root, and signs (enabled)"
