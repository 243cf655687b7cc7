"""Names and certificates: DNS zones, and the keys that prove who one is."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import Level, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource


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
    if not zone.has("vpcs") and not stack.referrers(zone, "zoneId", kinds.QUERY_LOG):
        yield "it keeps no log of queries"
