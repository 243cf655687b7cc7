"""Classic Load Balancers, for programs that still have some."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource
from guardrails.zones import in_one_zone

_ENCRYPTED = ("https", "ssl")


@resource_rule(
    "Classic load balancers speak TLS to clients",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("fsbp:ELB.3", "checkov:CKV_AWS_376"),
    why="Cookies, tokens and passwords sent to a plain listener can be read on the way.",
    fix="Set lbProtocol to https or ssl, or move to an Application Load Balancer.",
)
def classic_tls(balancer: Resource) -> Messages:
    for listener in balancer.items("listeners"):
        if str(listener.get("lbProtocol", "")).lower() not in _ENCRYPTED:
            yield f"{listener.path} speaks {listener.get('lbProtocol')} without TLS"


@resource_rule(
    "Classic load balancers use certificates of ACM",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("fsbp:ELB.2", "checkov:CKV_AWS_127"),
    why="ACM renews a certificate by itself; an uploaded one ends on a Sunday.",
    fix="Name an aws.acm.Certificate in sslCertificateId.",
)
def classic_certificate(balancer: Resource) -> Messages:
    for listener in balancer.items("listeners"):
        if str(listener.get("lbProtocol", "")).lower() not in _ENCRYPTED:
            continue
        if balancer.references("listeners", kinds.CERTIFICATE):
            continue
        if ":acm:" not in str(listener.get("sslCertificateId", "")):
            yield f"{listener.path} uses a certificate that is not of ACM"


@resource_rule(
    "Classic load balancers let requests end",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("fsbp:ELB.7",),
    why="Otherwise every deployment cuts off the requests that are under way.",
    fix="Set connectionDraining to true.",
)
def classic_draining(balancer: Resource) -> Messages:
    if not balancer.truth("connectionDraining"):
        yield "requests are cut off when a server leaves (connectionDraining)"


@resource_rule(
    "Classic load balancers balance across zones",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("fsbp:ELB.9", "checkov:CKV_AWS_138"),
    why="Without it the one server of a zone gets as much traffic as the five of another.",
    fix="Leave crossZoneLoadBalancing on.",
)
def classic_cross_zone(balancer: Resource) -> Messages:
    if not balancer.truth("crossZoneLoadBalancing"):
        yield "it balances within zones only (crossZoneLoadBalancing)"


@stack_rule(
    "Classic load balancers span two zones",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("fsbp:ELB.10",),
    why="When the one zone fails, nothing answers.",
    fix="List subnets of two or more zones.",
)
def classic_two_zones(balancer: Resource, stack: Stack) -> Messages:
    if balancer.has("subnets"):
        if in_one_zone(balancer, stack, "subnets"):
            yield "all its subnets are in one zone (subnets)"
    elif len(set(balancer.strings("availabilityZones"))) < 2:
        yield "it names fewer than two zones (availabilityZones)"


@resource_rule(
    "Classic load balancers refuse ambiguous requests",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("fsbp:ELB.14",),
    why="Requests that two servers read differently are how requests are smuggled.",
    fix="Set desyncMitigationMode to defensive or strictest.",
)
def classic_desync(balancer: Resource) -> Messages:
    if balancer.get("desyncMitigationMode") == "monitor":
        yield "ambiguous requests are passed on (desyncMitigationMode is monitor)"


@resource_rule(
    "Classic load balancers keep access logs",
    "medium",
    kinds.CLASSIC_BALANCER,
    ids=("checkov:CKV_AWS_92",),
    why="They are the only record of every request, with its client.",
    fix="Set accessLogs with a bucket.",
    levels=ADVISORY_IN_DEV,
)
def classic_access_logs(balancer: Resource) -> Messages:
    if not balancer.has("accessLogs") or not balancer.node("accessLogs").truth("enabled"):
        yield "it keeps no access log (accessLogs)"
