"""What the internet meets first: load balancers, distributions, web ACLs."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource

_TLS_POLICIES = (
    "ELBSecurityPolicy-TLS13-1-2-",
    "ELBSecurityPolicy-TLS13-1-3-",
    "ELBSecurityPolicy-FS-1-2-",
    "ELBSecurityPolicy-TLS-1-2-",
)
"""Policies whose lowest version is TLS 1.2 (ELB user guide, "Security policies for your Application Load Balancer")."""
_VIEWER_POLICIES = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
_OLD_PROTOCOLS = {"SSLv3", "TLSv1", "TLSv1.1"}
_S3_ORIGIN = ".s3."


def _is_application(balancer: Resource) -> bool:
    return str(balancer.get("loadBalancerType", "application")) == "application"


@resource_rule(
    "Load balancers turn HTTP into HTTPS",
    "high",
    *kinds.LISTENERS,
    ids=("fsbp:ELB.1", "fsbp:ELB.18", "checkov:CKV_AWS_2", "checkov:CKV2_AWS_20"),
    why="Cookies, tokens and passwords sent to a plain listener can be read on the way.",
    fix="Let the HTTP listener redirect to HTTPS (status 301) and forward only from the HTTPS one.",
)
def alb_http_redirects(listener: Resource) -> Messages:
    if listener.get("protocol", "HTTPS") != "HTTP":
        return
    for action in listener.items("defaultActions"):
        refuses = action.get("type") == "fixed-response"
        if not refuses and (action.get("type") != "redirect" or action.get("redirect.protocol") != "HTTPS"):
            yield f"it answers plain HTTP ({action.get('type')})"


@resource_rule(
    "Load balancers speak TLS 1.2 or later",
    "high",
    *kinds.LISTENERS,
    ids=("fsbp:ELB.17", "checkov:CKV_AWS_103", "checkov:CKV2_AWS_74"),
    why="Older versions and ciphers have known attacks.",
    fix="Set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06 or a later one.",
)
def alb_tls_policy(listener: Resource) -> Messages:
    if listener.get("protocol", "HTTP") not in ("HTTPS", "TLS"):
        return
    policy = str(listener.get("sslPolicy", "ELBSecurityPolicy-2016-08"))
    if not policy.startswith(_TLS_POLICIES) or "-Ext" in policy:
        yield f"its TLS policy is {policy}"


@resource_rule(
    "Load balancers drop malformed headers",
    "medium",
    *kinds.LOAD_BALANCERS,
    ids=("fsbp:ELB.4", "checkov:CKV_AWS_131"),
    why="Headers that two servers read differently are how requests are smuggled.",
    fix="Set dropInvalidHeaderFields to true.",
)
def alb_drops_invalid_headers(balancer: Resource) -> Messages:
    if _is_application(balancer) and not balancer.truth("dropInvalidHeaderFields"):
        yield "malformed headers are passed on"


@resource_rule(
    "Load balancers keep access logs",
    "medium",
    *kinds.LOAD_BALANCERS,
    ids=("fsbp:ELB.5", "checkov:CKV_AWS_91"),
    why="They are the only record of every request, with its client, before anything has filtered it.",
    fix="Set accessLogs with a bucket and enabled true.",
    levels=ADVISORY_IN_DEV,
)
def alb_access_logs(balancer: Resource) -> Messages:
    if _is_application(balancer) and not (balancer.has("accessLogs") and balancer.node("accessLogs").truth("enabled")):
        yield "it keeps no access log"


@resource_rule(
    "Production load balancers are protected from deletion",
    "medium",
    *kinds.LOAD_BALANCERS,
    ids=("fsbp:ELB.6", "checkov:CKV_AWS_150"),
    why="Its address changes when it is made again, and with it everything that points there.",
    fix="Set enableDeletionProtection to true.",
    stages=ONLY_PRODUCTION,
)
def alb_deletion_protection(balancer: Resource) -> Messages:
    if not balancer.truth("enableDeletionProtection"):
        yield "deletion protection is off"


@stack_rule(
    "Public load balancers stand behind a web ACL",
    "low",
    *kinds.LOAD_BALANCERS,
    ids=("securityhub:ELB.16", "checkov:CKV2_AWS_28"),
    why="Scanners and bots reach it directly when nothing filters before it.",
    fix="Declare an aws.wafv2.WebAclAssociation, or let only CloudFront reach the load balancer.",
)
def alb_web_acl(balancer: Resource, stack: Stack) -> Messages:
    if not _is_application(balancer) or balancer.truth("internal"):
        return
    if not stack.referrers(balancer, "resourceArn", kinds.WEB_ACL_ASSOCIATION):
        yield "it faces the internet without a web ACL"


def _behaviours(distribution: Resource) -> list[Node]:
    return [*distribution.items("defaultCacheBehavior"), *distribution.items("orderedCacheBehaviors")]


@resource_rule(
    "Distributions turn HTTP into HTTPS",
    "high",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.3", "checkov:CKV_AWS_34"),
    why="Cookies and tokens sent in clear can be read on the way.",
    fix="Set viewerProtocolPolicy to redirect-to-https (or https-only) on every behaviour.",
)
def cloudfront_https(distribution: Resource) -> Messages:
    for behaviour in _behaviours(distribution):
        if behaviour.get("viewerProtocolPolicy") not in ("redirect-to-https", "https-only"):
            yield f"{behaviour.path} answers plain HTTP"


@resource_rule(
    "Distributions speak TLS 1.2 with current ciphers",
    "medium",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.15", "fsbp:CloudFront.7", "checkov:CKV_AWS_174", "checkov:CKV2_AWS_42"),
    why="Older versions and ciphers have known attacks. The default certificate cannot refuse them.",
    fix="Use a certificate of your own with minimumProtocolVersion TLSv1.2_2021 or later.",
    levels=ADVISORY_IN_DEV,
)
def cloudfront_tls(distribution: Resource) -> Messages:
    certificate = distribution.node("viewerCertificate")
    if certificate.truth("cloudfrontDefaultCertificate"):
        yield "the default certificate allows TLS 1.0"
    elif certificate.get("minimumProtocolVersion", "TLSv1") not in _VIEWER_POLICIES:
        yield f"its lowest TLS version is {certificate.get('minimumProtocolVersion', 'TLSv1')}"


@resource_rule(
    "Distributions have a web ACL",
    "medium",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.6", "checkov:CKV_AWS_68"),
    why="It stops known attacks and floods where they are cheapest to stop.",
    fix="Name a web ACL of scope CLOUDFRONT in webAclId.",
    levels=ADVISORY_IN_DEV,
)
def cloudfront_web_acl(distribution: Resource) -> Messages:
    if not distribution.has("webAclId"):
        yield "it has no web ACL"


@stack_rule(
    "Distributions keep access logs",
    "medium",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.5", "checkov:CKV_AWS_86"),
    why="What the cache answers, the servers behind it never see.",
    fix="Set loggingConfig, or declare an aws.cloudwatch.LogDeliverySource with the distribution's ARN.",
    levels=ADVISORY_IN_DEV,
)
def cloudfront_logging(distribution: Resource, stack: Stack) -> Messages:
    if not distribution.has("loggingConfig") and not stack.referrers(distribution, "resourceArn", kinds.LOG_SOURCE):
        yield "it keeps no access log"


@resource_rule(
    "Buckets behind a distribution answer only to it",
    "medium",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.13", "checkov:CKV2_AWS_46"),
    why="Otherwise the bucket has to be public, and the distribution's rules can be walked around.",
    fix="Give the origin an originAccessControlId and let the bucket policy allow only the distribution.",
)
def cloudfront_origin_access(distribution: Resource) -> Messages:
    for origin in distribution.items("origins"):
        if origin.has("originAccessControlId") or origin.has("customOriginConfig") or origin.has("vpcOriginConfig"):
            continue
        if origin.has("s3OriginConfig") or _S3_ORIGIN in str(origin.get("domainName", "")):
            yield f"{origin.path} has no origin access control"


@resource_rule(
    "Distributions speak TLS 1.2 to their origins",
    "high",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.9", "fsbp:CloudFront.10", "checkov:CKV2_AWS_72", "checkov:CKV2_AWS_54"),
    why="What was encrypted to the edge would cross the internet in clear from there.",
    fix="Set originProtocolPolicy to https-only and originSslProtocols to TLSv1.2.",
)
def cloudfront_origin_https(distribution: Resource) -> Messages:
    for origin in distribution.items("origins"):
        custom = origin.node("customOriginConfig")
        if not origin.has("customOriginConfig"):
            continue
        if custom.get("originProtocolPolicy") != "https-only":
            yield f"{origin.path} may be reached without TLS"
        elif old := _OLD_PROTOCOLS & set(custom.strings("originSslProtocols")):
            yield f"{origin.path} is reached with {', '.join(sorted(old))}"


@stack_rule(
    "Web ACLs log what they see",
    "medium",
    kinds.WEB_ACL,
    ids=("securityhub:WAF.11", "checkov:CKV2_AWS_31"),
    why="Without the log nobody can tell an attack from a rule that blocks customers.",
    fix="Declare an aws.wafv2.WebAclLoggingConfiguration for the web ACL.",
    levels=ADVISORY_IN_DEV,
)
def waf_logging(acl: Resource, stack: Stack) -> Messages:
    if not stack.referrers(acl, "resourceArn", kinds.WEB_ACL_LOGGING):
        yield "it logs nothing"


@resource_rule(
    "Web ACLs have rules",
    "medium",
    kinds.WEB_ACL,
    ids=("fsbp:WAF.10",),
    why="A web ACL without rules only costs money.",
    fix="Add at least AWS's common rule set and a rate limit.",
)
def waf_has_rules(acl: Resource) -> Messages:
    if not acl.has("rules") and not acl.has("ruleJson"):
        yield "it has no rules"
