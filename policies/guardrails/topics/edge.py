"""What the internet meets first: load balancers, distributions, web ACLs."""

from __future__ import annotations

import json

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.tls_policies import CURRENT_VERSIONS, LOWEST_VERSION, forward_secret
from guardrails.view import Node, Resource, UndeterminedError
from guardrails.zones import in_one_zone

_VIEWER_POLICIES = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
_OLD_PROTOCOLS = {"SSLv3", "TLSv1", "TLSv1.1"}
_BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"
_YEAR = 31_536_000


def _is_application(balancer: Resource) -> bool:
    return str(balancer.get("loadBalancerType")) == "application"


@resource_rule(
    "Load balancers turn HTTP into HTTPS",
    "high",
    *kinds.LISTENERS,
    ids=("fsbp:ELB.1", "fsbp:ELB.18", "checkov:CKV_AWS_2", "checkov:CKV2_AWS_20", "checkov:CKV_AWS_103"),
    why="Cookies, tokens and passwords sent to a plain listener can be read on the way.",
    fix="Let the HTTP listener redirect to HTTPS (status 301) and forward only from the HTTPS one.",
)
def alb_http_redirects(listener: Resource) -> Messages:
    if _protocol(listener) != "HTTP":
        return
    actions = listener.items("defaultActions")
    if not actions:
        yield "it answers plain HTTP, and nothing turns it into HTTPS (defaultActions)"
    for action in actions:
        refuses = action.get("type") == "fixed-response"
        if not refuses and (action.get("type") != "redirect" or action.get("redirect.protocol") != "HTTPS"):
            yield f"it answers plain HTTP ({action.get('type')})"


def _protocol(listener: Resource) -> str:
    """Return the protocol of a listener. One that says none is of an Application Load Balancer and speaks HTTP, unless
    it has no port either, as only those of Gateway Load Balancers (aws.lb.Listener, ``protocol``)."""
    return str(listener.get("protocol", "HTTP" if listener.has("port") else "GENEVE"))


@stack_rule(
    "No rule of an HTTP listener forwards",
    "high",
    *kinds.LISTENERS,
    ids=("fsbp:ELB.18",),
    why="A listener that refuses by default still answers in clear what its rules forward.",
    fix="Attach the rules to the HTTPS listener. Behind CloudFront, which ends TLS, that needs a certificate for the origin.",
    levels=ADVISORY_IN_DEV,
)
def alb_rules_encrypted(listener: Resource, stack: Stack) -> Messages:
    if _protocol(listener) != "HTTP":
        return
    for rule in stack.referrers(listener, "listenerArn", *kinds.LISTENER_RULES):
        if any(action.get("type") == "forward" for action in rule.items("actions")):
            yield f"its rule {rule.name!r} answers plain HTTP"


@resource_rule(
    "Load balancers speak TLS 1.2 or later",
    "high",
    *kinds.LISTENERS,
    ids=("fsbp:ELB.17", "checkov:CKV_AWS_103", "checkov:CKV2_AWS_74"),
    why="Older versions and ciphers have known attacks.",
    fix="Set sslPolicy to ELBSecurityPolicy-TLS13-1-2-2021-06 or a later one.",
)
def alb_tls_policy(listener: Resource) -> Messages:
    if policy := _tls_policy(listener):
        if policy not in LOWEST_VERSION:
            raise UndeterminedError("sslPolicy", f"{policy}, which is not in AWS's table")
        if LOWEST_VERSION[policy] not in CURRENT_VERSIONS:
            yield f"its TLS policy {policy} speaks TLS {LOWEST_VERSION[policy]} too"


def _tls_policy(listener: Resource) -> str:
    """Return the security policy of a listener that speaks TLS; empty for the others."""
    return str(listener.get("sslPolicy")) if _protocol(listener) in ("HTTPS", "TLS") else ""


@resource_rule(
    "Load balancers use only ciphers with forward secrecy",
    "low",
    *kinds.LISTENERS,
    ids=("fsbp:ELB.17",),
    why="Without it whoever gets the certificate's key one day reads what he recorded years before.",
    fix="Set sslPolicy to ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09 or to another that AWS recommends.",
)
def alb_tls_forward_secret(listener: Resource) -> Messages:
    policy = _tls_policy(listener)
    # Older versions of TLS the rule alb-tls-policy speaks of.
    if LOWEST_VERSION.get(policy) in CURRENT_VERSIONS and not forward_secret(policy):
        yield f"its TLS policy {policy} has ciphers without forward secrecy"


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


@stack_rule(
    "Network load balancers keep access logs",
    "low",
    *kinds.LOAD_BALANCERS,
    ids=("checkov:CKV_AWS_91",),
    why="They are the only record of who opened a TLS connection, and with which version.",
    fix="Set accessLogs with a bucket and enabled true; AWS writes them for TLS listeners only.",
)
def nlb_access_logs(balancer: Resource, stack: Stack) -> Messages:
    if balancer.get("loadBalancerType") != "network" or balancer.truth("accessLogs.enabled"):
        return
    listeners = stack.referrers(balancer, "loadBalancerArn", *kinds.LISTENERS)
    if not listeners or any(listener.get("protocol") == "TLS" for listener in listeners):
        yield "it keeps no access log (accessLogs)"


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
    if not stack.referrers(balancer, "resourceArn", *kinds.WEB_ACL_ASSOCIATIONS):
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
    elif certificate.get("minimumProtocolVersion") not in _VIEWER_POLICIES:
        yield f"its lowest TLS version is {certificate.get('minimumProtocolVersion')}"


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
        if not origin.has("originAccessControlId") and _is_bucket(origin):
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
    "Web ACLs have rules that act",
    "medium",
    kinds.WEB_ACL,
    ids=("fsbp:WAF.10",),
    why="A web ACL without rules, or with rules that only count, costs money and stops nobody.",
    fix="Add at least AWS's common rule set and a rate limit; take rules out of count mode once their metrics look right.",
    levels=ADVISORY_IN_DEV,
)
def waf_has_rules(acl: Resource) -> Messages:
    if not acl.has("rules") and not acl.has("ruleJson"):
        yield "it has no rules"
    elif _refuses_by_default(acl):
        return
    elif (rules := _rules(acl)) and all(_only_counts(rule) for rule in rules):
        yield "all its rules only count"


def _refuses_by_default(acl: Resource) -> bool:
    default = acl.get("defaultAction")
    return isinstance(default, dict) and default.get("block") is not None


def _rules(acl: Resource) -> list[Node]:
    """Return the rules of a web ACL, in the names of the provider also where they come as the JSON of the API."""
    text = acl.get("ruleJson")
    if text is None:
        return acl.items("rules")
    try:
        rules = json.loads(text)
    except (TypeError, ValueError) as error:
        raise UndeterminedError("ruleJson", f"malformed: {error}") from None
    return Node({"ruleJson": _in_provider_names(rules)}).items("ruleJson")


def _in_provider_names(value: object) -> object:
    """Rename ``OverrideAction`` to ``overrideAction``, at every depth."""
    if isinstance(value, dict):
        return {str(key)[:1].lower() + str(key)[1:]: _in_provider_names(item) for key, item in value.items()}
    return [_in_provider_names(item) for item in value] if isinstance(value, list) else value


def _only_counts(rule: Node) -> bool:
    """Tell whether a rule, or a group of rules as a whole, is in count mode. Its block is there and empty."""
    return any(
        isinstance(action := rule.get(path), dict) and action.get("count") is not None
        for path in ("overrideAction", "action")
    )


@resource_rule(
    "Load balancers refuse ambiguous requests",
    "medium",
    *kinds.LOAD_BALANCERS,
    ids=("fsbp:ELB.12", "checkov:CKV_AWS_328"),
    why="Requests that two servers read differently are how requests are smuggled.",
    fix="Set desyncMitigationMode to defensive or strictest.",
)
def alb_desync(balancer: Resource) -> Messages:
    if _is_application(balancer) and balancer.get("desyncMitigationMode") == "monitor":
        yield "ambiguous requests are passed on (desyncMitigationMode is monitor)"


@stack_rule(
    "Load balancers span two zones",
    "medium",
    *kinds.LOAD_BALANCERS,
    ids=("fsbp:ELB.13",),
    why="When the one zone fails, nothing answers.",
    fix="List subnets of two or more zones.",
    levels=ADVISORY_IN_DEV,
)
def alb_two_zones(balancer: Resource, stack: Stack) -> Messages:
    if balancer.has("subnetMappings"):
        if len(balancer.items("subnetMappings")) < 2:
            yield "it stands in one subnet (subnetMappings)"
    elif balancer.has("subnets") and in_one_zone(balancer, stack, "subnets"):
        yield "all its subnets are in one zone (subnets)"


@resource_rule(
    "Network load balancers balance across zones",
    "low",
    *kinds.LOAD_BALANCERS,
    ids=("checkov:CKV_AWS_152",),
    why="Without it the one server of a zone gets as much traffic as the five of another.",
    fix="Set enableCrossZoneLoadBalancing to true; traffic between zones is paid for.",
)
def nlb_cross_zone(balancer: Resource) -> Messages:
    if not _is_application(balancer) and not balancer.truth("enableCrossZoneLoadBalancing"):
        yield "it balances within zones only (enableCrossZoneLoadBalancing)"


@resource_rule(
    "Load balancers speak TLS to their targets",
    "low",
    *kinds.TARGET_GROUPS,
    ids=("checkov:CKV_AWS_378",),
    why="Behind the load balancer requests cross the VPC in clear.",
    fix="Set protocol to HTTPS and give the targets a certificate, where the rules you follow ask for it.",
)
def target_group_tls(group: Resource) -> Messages:
    if group.get("protocol") == "HTTP":
        yield "requests reach its targets without TLS (protocol is HTTP)"


@resource_rule(
    "Targets are checked",
    "medium",
    *kinds.TARGET_GROUPS,
    ids=("checkov:CKV_AWS_261",),
    why="Without a check a dead server keeps getting its share of the requests.",
    fix="Remove healthCheck.enabled: false; only targets of type lambda may go without.",
)
def target_group_checked(group: Resource) -> Messages:
    if group.get("targetType") != "lambda" and not group.truth("healthCheck.enabled"):
        yield "its targets are not checked (healthCheck.enabled)"


@resource_rule(
    "Distributions name a root object",
    "low",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.1", "checkov:CKV_AWS_305"),
    why="Without it a request for / asks the bucket for a list of its objects.",
    fix="Set defaultRootObject, for example to index.html.",
)
def cloudfront_root_object(distribution: Resource) -> Messages:
    first = distribution.get("defaultCacheBehavior.targetOriginId")
    for origin in distribution.items("origins"):
        if origin.get("originId") == first and _is_bucket(origin) and not distribution.has("defaultRootObject"):
            yield "a request for / reaches the bucket itself (defaultRootObject)"


def _is_bucket(origin: Node) -> bool:
    """Tell whether an origin is a bucket: all others say how to speak to them (CloudFront API reference, "Origin": one
    of S3OriginConfig and CustomOriginConfig; the provider sends the former where neither is set)."""
    return not (origin.has("customOriginConfig") or origin.has("vpcOriginConfig"))


@resource_rule(
    "Distributions fail over to a second origin",
    "low",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.4", "checkov:CKV_AWS_310"),
    why="When the origin's region fails, a copy elsewhere could still answer reads.",
    fix="Add an origin group with two origins and the status codes to fail over on.",
)
def cloudfront_failover(distribution: Resource) -> Messages:
    if not distribution.has("originGroups"):
        yield "it has no second origin to fail over to (originGroups)"


@resource_rule(
    "Distributions tell sites apart by name",
    "low",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.8",),
    why="Dedicated addresses cost 600 dollars a month and serve only clients from before 2010.",
    fix="Set viewerCertificate.sslSupportMethod to sni-only.",
)
def cloudfront_sni(distribution: Resource) -> Messages:
    method = distribution.get("viewerCertificate.sslSupportMethod", "sni-only")
    if method != "sni-only":
        yield f"it has addresses of its own (sslSupportMethod is {method})"


@stack_rule(
    "Functions behind a distribution answer only to it",
    "medium",
    kinds.DISTRIBUTION,
    ids=("fsbp:CloudFront.16",),
    why="Otherwise the function's URL has to be public, and the distribution's rules can be walked around.",
    fix="Give the origin an originAccessControlId of type lambda and the URL authorizationType AWS_IAM.",
)
def cloudfront_function_origin(distribution: Resource, stack: Stack) -> Messages:
    made_here = any(True for _ in stack.targets(distribution, "origins", kinds.FUNCTION_URL))
    for origin in distribution.items("origins"):
        elsewhere = origin.has("s3OriginConfig") or origin.has("vpcOriginConfig")
        if origin.has("originAccessControlId") or elsewhere or not (made_here or origin.known("domainName")):
            continue
        if ".lambda-url." in str(origin.get("domainName", "")):
            yield f"{origin.path} has no origin access control"


@resource_rule(
    "Distributions send security headers",
    "low",
    kinds.DISTRIBUTION,
    ids=("checkov:CKV2_AWS_32",),
    why="They tell browsers to stay on HTTPS, not to be framed, and not to guess content types.",
    fix="Name an aws.cloudfront.ResponseHeadersPolicy in responseHeadersPolicyId of every behaviour.",
)
def cloudfront_security_headers(distribution: Resource) -> Messages:
    for behaviour in _behaviours(distribution):
        if not behaviour.has("responseHeadersPolicyId"):
            yield f"{behaviour.path} sends no security headers (responseHeadersPolicyId)"


@resource_rule(
    "Security headers keep browsers on HTTPS",
    "low",
    kinds.HEADERS_POLICY,
    ids=("checkov:CKV_AWS_259",),
    why="Without it the first request of every visit may still be read and changed on the way.",
    fix="Set securityHeadersConfig.strictTransportSecurity with a year, subdomains and override.",
)
def headers_policy_hsts(policy: Resource) -> Messages:
    header = policy.node("securityHeadersConfig.strictTransportSecurity")
    if header.number("accessControlMaxAgeSec", 0) < _YEAR:
        yield "browsers may come back over HTTP within a year (strictTransportSecurity)"


@resource_rule(
    "Web ACLs count what they block",
    "medium",
    kinds.WEB_ACL,
    kinds.RULE_GROUP,
    ids=("fsbp:WAF.12",),
    why="Without metrics no alarm can tell an attack from a rule that blocks customers.",
    fix="Set visibilityConfig.cloudwatchMetricsEnabled to true on the web ACL and on each rule.",
)
def waf_metrics(acl: Resource) -> Messages:
    for part in (acl, *acl.items("rules")):
        if part.has("visibilityConfig") and not part.truth("visibilityConfig.cloudwatchMetricsEnabled"):
            yield f"{part.path or 'it'} has no metrics (visibilityConfig.cloudwatchMetricsEnabled)"


@resource_rule(
    "Web ACLs stop known attacks on libraries",
    "low",
    kinds.WEB_ACL,
    ids=("checkov:CKV_AWS_192",),
    why="Log4Shell and its like are still tried on every address of the internet every day.",
    fix="Add AWS's rule set AWSManagedRulesKnownBadInputsRuleSet, with overrideAction none so that it acts.",
)
def waf_known_bad_inputs(acl: Resource) -> Messages:
    groups = [rule for rule in _rules(acl) if rule.get("statement.managedRuleGroupStatement.name", "") == _BAD_INPUTS]
    if not groups:
        yield f"it lacks {_BAD_INPUTS}"
    elif all(_only_counts(rule) for rule in groups):
        yield f"it only counts what {_BAD_INPUTS} finds (overrideAction)"
    for override in (one for rule in groups for one in _overrides(rule)):
        name = str(override.get("name", ""))
        if name.startswith("Log4J") and any(
            override.get(f"actionToUse.{one}") is not None for one in ("count", "allow")
        ):
            yield f"it lets through what {name} finds (ruleActionOverrides)"


def _overrides(rule: Node) -> list[Node]:
    return rule.node("statement.managedRuleGroupStatement").items("ruleActionOverrides")
