"""The way in: names, certificates, web ACLs, load balancer, CloudFront."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from groundwork.components.context import Context
from groundwork.components.edge.cdn import Cdn
from groundwork.components.edge.ingress import Ingress
from groundwork.components.edge.settings import EdgeSettings
from groundwork.components.network.network import Network
from groundwork.components.network.settings import NetworkSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.storage.settings import BucketSettings
from groundwork.preview.snapshot import Resource, Snapshot
from guardrails.view import Opaque
from tests.harness import build, shared
from tests.requirements import proves

ACCOUNT = "111122223333"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
RECORD = "aws:route53/record:Record"
ACL = "aws:wafv2/webAcl:WebAcl"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
SHOP: Mapping[str, Any] = {"web": {"port": 3333, "path": "/*"}, "api": {"port": 5000, "path": "/api/*"}}
IMAGES: Mapping[str, Any] = {"images": {"cdn": True}}


@shared
def edge(settings: Mapping[str, Any] | None = None, **options: Any) -> Snapshot:
    return _build(settings or {}, **options)


def _build(
    settings: Mapping[str, Any],
    *,
    services: Mapping[str, Any] = SHOP,
    storage: Mapping[str, Any] = IMAGES,
    network: Mapping[str, Any] | None = None,
    domain: str | None = "example.com",
    **options: Any,
) -> Snapshot:
    def bucket(name: str, settings: BucketSettings) -> Any:
        return SimpleNamespace(
            bucket_name=pulumi.Output.from_input(name),
            arn=pulumi.Output.from_input(f"arn:aws:s3:::{name}"),
            regional_domain_name=pulumi.Output.from_input(f"{name}.s3.ap-south-1.amazonaws.com"),
            policy_statements=[{"Sid": "TlsOnly", "Effect": "Deny"}],
            settings=settings,
        )

    def program(context: Context) -> None:
        wanted = EdgeSettings.model_validate({"zone": {"delegated": True}, **settings})
        declared = {name: ServiceSettings.model_validate(service) for name, service in services.items()}
        stored = {name: BucketSettings.model_validate(item) for name, item in storage.items()}
        logs_bucket = pulumi.Output.from_input("shop-logs")
        ingress = Ingress(
            "shop-ingress",
            wanted,
            context,
            at="load-balancer" if any(service.path for service in declared.values()) else "nothing",
            network=Network("shop-network", NetworkSettings.model_validate(network or {}), context=context),
            services=declared,
            storage=stored,
            logs_bucket=logs_bucket,
        )
        if ingress.has_cdn:
            Cdn(
                "shop-cdn",
                wanted,
                context,
                ingress=ingress,
                origins=ingress.entrance.origins,
                services=declared,
                buckets={name: bucket(name, declared) for name, declared in stored.items()},
                logs_bucket=logs_bucket,
            )

    return build(program, domain=domain, **options)


def one(snapshot: Snapshot, kind: str, name: str | None = None) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if name is None or resource.name == name]
    return found


def behaviors(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    inputs = one(snapshot, DISTRIBUTION).inputs
    return {
        **{behavior["pathPattern"]: behavior for behavior in inputs["orderedCacheBehaviors"]},
        "/*": inputs["defaultCacheBehavior"],
    }


def rules(snapshot: Snapshot, name: str = "shop-cdn-web-acl") -> dict[str, dict[str, Any]]:
    return {rule["name"]: rule for rule in one(snapshot, ACL, name).inputs["rules"]}


def group_rules(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {
        resource.name: resource.inputs
        for resource in snapshot.of_type(INGRESS)
        if resource.name.startswith("shop-ingress-alb")
    }


# Names and certificates


def test_apex_www_and_api_lead_to_cloudfront_by_ipv4_and_ipv6() -> None:
    """S2-16"""
    snapshot = edge()
    target = one(snapshot, DISTRIBUTION).outputs["domainName"]
    aliases = [record.inputs for record in snapshot.of_type(RECORD) if "aliases" in record.inputs]
    assert {(record["name"], record["type"]) for record in aliases} == {
        (name, kind) for name in ("example.com", "www.example.com", "api.example.com") for kind in ("A", "AAAA")
    }
    assert {record["aliases"][0]["name"] for record in aliases} == {target}
    assert set(one(snapshot, DISTRIBUTION).inputs["aliases"]) == {"example.com", "www.example.com", "api.example.com"}


def test_a_new_zone_is_kept_in_prod_and_logs_its_queries() -> None:
    """S2-16, S1-01"""
    snapshot = edge()
    zone = one(snapshot, "aws:route53/zone:Zone")
    assert zone.options["protect"] is True
    group = one(snapshot, "aws:cloudwatch/logGroup:LogGroup", "shop-ingress-zone-queries")
    assert (group.inputs["name"], group.inputs["region"]) == ("/aws/route53/example.com", "us-east-1")
    assert one(snapshot, "aws:route53/queryLog:QueryLog").inputs["zoneId"] == zone.outputs["id"]


def test_an_existing_zone_is_used_and_left_alone() -> None:
    snapshot = edge({"zone": {"id": "Z0123456789ABC"}})
    assert not snapshot.of_type("aws:route53/zone:Zone", "aws:route53/queryLog:QueryLog")
    assert {record.inputs["zoneId"] for record in snapshot.of_type(RECORD)} == {"Z0123456789ABC"}


def test_two_certificates_share_one_validation_record() -> None:
    """S1-01"""
    snapshot = edge()
    regions = {certificate.inputs["region"] for certificate in snapshot.of_type(CERTIFICATE)}
    assert regions == {"us-east-1", "ap-south-1"}
    for certificate in snapshot.of_type(CERTIFICATE):
        assert certificate.inputs["domainName"] == "example.com"
        assert certificate.inputs["subjectAlternativeNames"] == ["*.example.com"]
    validation = [record for record in snapshot.of_type(RECORD) if record.inputs["type"] == "CNAME"]
    assert len(validation) == 1
    waits = snapshot.of_type("aws:acm/certificateValidation:CertificateValidation")
    assert [wait.inputs["validationRecordFqdns"] for wait in waits] == [[validation[0].outputs["fqdn"]]] * 2


def test_in_us_east_1_one_certificate_and_one_key_serve_all() -> None:
    snapshot = edge(region="us-east-1")
    assert len(snapshot.of_type(CERTIFICATE)) == 1
    assert not snapshot.of_type("aws:kms/key:Key")


def test_a_further_alias_changes_no_certificate() -> None:
    before, after = edge(), edge({"aliases": ["www", "api", "shop"]})
    for certificate in before.of_type(CERTIFICATE):
        assert after.by_urn()[certificate.urn].inputs == certificate.inputs


def test_without_a_domain_the_platform_works_on_cloudfronts_own_name() -> None:
    snapshot = edge(domain=None)
    assert not snapshot.of_type(CERTIFICATE, RECORD, "aws:route53/zone:Zone")
    distribution = one(snapshot, DISTRIBUTION)
    assert distribution.inputs["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
    assert distribution.inputs["aliases"] == []
    assert one(snapshot, LISTENER).inputs["protocol"] == "HTTP"
    assert one(snapshot, "groundwork:edge:Cdn").outputs["address"] == f"https://{distribution.outputs['domainName']}"


def test_until_the_zone_is_delegated_nothing_waits_for_its_certificate() -> None:
    waiting, done = edge({"zone": {}}), edge()
    zone = one(waiting, "aws:route53/zone:Zone")
    assert one(waiting, "groundwork:edge:Zone").outputs["nameServers"] == zone.outputs["nameServers"]
    assert not waiting.of_type(CERTIFICATE, VALIDATION, RECORD)
    distribution = one(waiting, DISTRIBUTION)
    assert distribution.inputs["aliases"] == []
    assert one(waiting, "groundwork:edge:Cdn").outputs["address"] == f"https://{distribution.outputs['domainName']}"
    # What there is stays when the rest comes.
    assert {resource.urn for resource in waiting.resources} <= {resource.urn for resource in done.resources}


def test_a_zone_that_exists_is_taken_for_delegated_unless_it_is_said_not_to_be() -> None:
    assert edge({"zone": {"id": "Z0123456789ABC"}}).of_type(VALIDATION)
    assert not edge({"zone": {"id": "Z0123456789ABC", "delegated": False}}).of_type(VALIDATION)


@pytest.mark.parametrize("exposure", ["cloudfront", "internet"])
def test_a_public_load_balancer_is_not_made_before_it_can_have_a_certificate(exposure: str) -> None:
    waiting = edge({"zone": {}, "load_balancer": {"exposure": exposure}})
    assert not waiting.of_type("aws:lb/loadBalancer:LoadBalancer", LISTENER)
    distribution = one(waiting, DISTRIBUTION).inputs
    asked = {distribution["defaultCacheBehavior"]["targetOriginId"]}
    asked |= {behavior["targetOriginId"] for behavior in distribution["orderedCacheBehaviors"]}
    assert asked <= {origin["originId"] for origin in distribution["origins"]}


# Load balancer


def test_behind_a_vpc_origin_the_load_balancer_has_no_public_address() -> None:
    """S2-06"""
    snapshot = edge()
    balancer = one(snapshot, BALANCER)
    private = {
        subnet.outputs["id"]
        for subnet in snapshot.of_type("aws:ec2/subnet:Subnet")
        if subnet.name.startswith("shop-network-private")
    }
    assert balancer.inputs["internal"] is True
    assert set(balancer.inputs["subnets"]) == private
    [(_, rule)] = group_rules(snapshot).items()
    assert (rule["fromPort"], rule["toPort"]) == (443, 443)
    assert rule["prefixListId"].startswith("pl-")
    assert "cidrIpv4" not in rule
    origin = one(snapshot, "aws:cloudfront/vpcOrigin:VpcOrigin").inputs["vpcOriginEndpointConfig"]
    assert (origin["arn"], origin["originProtocolPolicy"]) == (balancer.outputs["arn"], "https-only")


def test_on_the_internet_the_load_balancer_takes_443_and_only_redirects_80() -> None:
    """S2-06, S1-02"""
    snapshot = edge({"load_balancer": {"exposure": "internet"}})
    assert one(snapshot, BALANCER).inputs["internal"] is False
    assert {(rule["fromPort"], rule["cidrIpv4"]) for rule in group_rules(snapshot).values()} == {
        (443, "0.0.0.0/0"),
        (80, "0.0.0.0/0"),
    }
    listeners = {listener.inputs["port"]: listener.inputs for listener in snapshot.of_type(LISTENER)}
    assert listeners.keys() == {80, 443}
    redirect = listeners[80]["defaultActions"][0]["redirect"]
    assert (redirect["protocol"], redirect["port"], redirect["statusCode"]) == ("HTTPS", "443", "HTTP_301")
    assert listeners[443]["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
    association = one(snapshot, "aws:wafv2/webAclAssociation:WebAclAssociation")
    assert association.inputs["resourceArn"] == one(snapshot, BALANCER).outputs["arn"]


def test_nothing_lets_the_load_balancer_speak_to_anybody_but_what_services_add() -> None:
    """S2-06"""
    snapshot = edge()
    assert not snapshot.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    group = one(snapshot, "aws:ec2/securityGroup:SecurityGroup", "shop-ingress-alb-balancer")
    assert "egress" not in group.inputs


def test_what_no_service_answers_is_not_found() -> None:
    [listener] = edge().of_type(LISTENER)
    [action] = listener.inputs["defaultActions"]
    assert (action["type"], action["fixedResponse"]["statusCode"]) == ("fixed-response", "404")


def test_the_load_balancer_is_hardened_logged_and_kept_in_prod() -> None:
    balancer = one(edge({"load_balancer": {"idle_timeout": 300}}), BALANCER)
    assert balancer.inputs["dropInvalidHeaderFields"] is True
    assert balancer.inputs["desyncMitigationMode"] == "defensive"
    assert balancer.inputs["enableDeletionProtection"] is True
    assert balancer.inputs["accessLogs"] == {"bucket": "shop-logs", "enabled": True, "prefix": "load-balancer"}
    assert balancer.inputs["idleTimeout"] == 300
    assert one(edge(stage="dev"), BALANCER).inputs["enableDeletionProtection"] is False


def test_the_load_balancer_waits_for_its_subnets_way_out() -> None:
    urns = one(edge(), BALANCER).dependencies
    assert any(urn.endswith("Route::shop-network-private-a") for urn in urns)


def test_a_public_load_balancer_for_cloudfront_alone_wants_a_header_that_nobody_reads() -> None:
    snapshot = edge({"load_balancer": {"exposure": "cloudfront"}})
    [rule] = group_rules(snapshot).values()
    assert "prefixListId" in rule
    version = one(snapshot, "aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == Opaque.SECRET
    assert version.options["ignoreChanges"] == ["secretString"]
    origins = {origin["originId"]: origin for origin in one(snapshot, DISTRIBUTION).inputs["origins"]}
    assert origins["load-balancer"]["customHeaders"] == [{"name": "x-origin-verify", "value": Opaque.SECRET}]
    assert origins["load-balancer"]["customOriginConfig"]["originProtocolPolicy"] == "https-only"
    assert origins["load-balancer"]["customOriginConfig"]["originSslProtocols"] == ["TLSv1.2"]


def test_counting_the_origin_secret_on_makes_a_new_one() -> None:
    def secret(number: int) -> str:
        exposure = {"exposure": "cloudfront", "origin_secret": number}
        return one(edge({"load_balancer": exposure}), "aws:secretsmanager/secret:Secret").name

    assert secret(1) != secret(2)


def test_a_long_platform_name_still_fits_a_load_balancer() -> None:
    def program(context: Context) -> None:
        Ingress(
            f"{'x' * 24}-ingress",
            EdgeSettings(),
            context,
            at="load-balancer",
            network=Network(f"{'x' * 24}-network", NetworkSettings(), context=context),
            services={"web": ServiceSettings(port=3000, path="/*")},
            storage={},
            logs_bucket=None,
        )

    assert len(one(build(program, name="x" * 24), BALANCER).name) <= 24


def test_the_load_balancers_own_errors_set_off_an_alarm() -> None:
    alarms = {alarm.name: alarm.inputs for alarm in edge().of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert alarms["shop-ingress-alb-errors"]["metricName"] == "HTTPCode_ELB_5XX_Count"
    assert alarms["shop-ingress-alb-errors"]["dimensions"]["LoadBalancer"].startswith("app/")


# Web ACL


WAF = {
    "managed_rules": ["common", "known-bad-inputs", "sql", "linux"],
    "rate_limit": 2000,
    "blocked_countries": ["KP"],
    "allowed_addresses": ["203.0.113.4/32", "2001:db8::/32"],
    "blocked_addresses": ["198.51.100.0/24"],
}


def test_the_web_acl_has_the_rules_that_were_asked_for_on_cloudfront_and_on_the_load_balancer() -> None:
    """S1-18, S0-12"""
    snapshot = edge({"waf": WAF, "load_balancer": {"exposure": "internet"}})
    expected = {
        "allowed-addresses", "blocked-addresses", "blocked-countries", "rate", "rate-of-everything", "common", "known-bad-inputs", "sql", "linux",
    }  # fmt: skip
    front = rules(snapshot)
    assert front.keys() == expected
    assert rules(snapshot, "shop-ingress-regional-web-acl").keys() == expected | {"through-cloudfront"}
    assert front["rate"]["statement"]["rateBasedStatement"]["limit"] == 2000
    assert front["rate"]["statement"]["rateBasedStatement"]["evaluationWindowSec"] == 300
    assert front["blocked-countries"]["statement"]["geoMatchStatement"]["countryCodes"] == ["KP"]
    assert {
        rule["statement"]["managedRuleGroupStatement"]["name"] for rule in front.values() if "overrideAction" in rule
    } == {
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
        "AWSManagedRulesLinuxRuleSet",
    }
    assert one(snapshot, DISTRIBUTION).inputs["webAclId"] == one(snapshot, ACL, "shop-cdn-web-acl").outputs["arn"]


def test_requests_through_cloudfront_are_judged_once_and_the_header_stays_secret() -> None:
    snapshot = edge({"load_balancer": {"exposure": "internet"}})
    rule = rules(snapshot, "shop-ingress-regional-web-acl")["through-cloudfront"]
    assert rule["priority"] == 0
    assert rule["action"] == {"allow": {}}
    assert rule["statement"]["byteMatchStatement"]["searchString"] == Opaque.SECRET


def test_every_rule_is_measured_and_has_a_place_of_its_own() -> None:
    found = list(rules(edge({"waf": WAF})).values())
    assert all(rule["visibilityConfig"]["cloudwatchMetricsEnabled"] for rule in found)
    assert len({rule["priority"] for rule in found}) == len(found)
    assert [rule["priority"] for rule in found] == sorted(rule["priority"] for rule in found)


@pytest.mark.parametrize(("mode", "own", "managed"), [("count", "count", "count"), ("block", "block", "none")])
def test_the_mode_decides_for_own_and_managed_rules(mode: str, own: str, managed: str) -> None:
    found = rules(edge({"waf": {**WAF, "mode": mode}}))
    assert found["allowed-addresses"]["action"] == {"allow": {}}
    for name in ("blocked-addresses", "blocked-countries", "rate"):
        assert found[name]["action"] == {own: {}}
    for name in ("common", "sql"):
        assert found[name]["overrideAction"] == {managed: {}}


def test_cloudfronts_web_acl_and_its_logs_stand_in_us_east_1() -> None:
    snapshot = edge({"waf": WAF})
    kinds = (ACL, "aws:wafv2/ipSet:IpSet", "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    assert {resource.inputs["region"] for resource in snapshot.of_type(*kinds)} == {"us-east-1"}
    key = one(snapshot, "aws:kms/key:Key")
    group = one(snapshot, "aws:cloudwatch/logGroup:LogGroup", "shop-cdn-web-acl-requests")
    assert group.inputs["name"] == "aws-waf-logs-shop-prod-ap-south-1-cloudfront"
    assert group.inputs["region"] == key.inputs["region"] == "us-east-1"
    assert group.inputs["kmsKeyId"] == key.outputs["arn"]


def test_web_acl_logs_leave_out_credentials() -> None:
    configuration = one(edge(), "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    redacted = {field["singleHeader"]["name"] for field in configuration.inputs["redactedFields"]}
    assert redacted == {"authorization", "cookie", "x-origin-verify"}


# CloudFront


def test_a_served_bucket_is_private_behind_this_distribution_alone() -> None:
    """S2-08, S1-15, S0-07"""
    snapshot = edge()
    distribution = one(snapshot, DISTRIBUTION)
    origins = {origin["originId"]: origin for origin in distribution.inputs["origins"]}
    control = one(snapshot, "aws:cloudfront/originAccessControl:OriginAccessControl")
    assert origins["bucket-images"]["originAccessControlId"] == control.outputs["id"]
    assert (control.inputs["signingBehavior"], control.inputs["signingProtocol"]) == ("always", "sigv4")
    own, read = json.loads(one(snapshot, POLICY).inputs["policy"])["Statement"]
    assert own["Sid"] == "TlsOnly"
    assert read["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert (read["Action"], read["Resource"]) == ("s3:GetObject", "arn:aws:s3:::images/*")
    assert read["Condition"] == {"StringEquals": {"AWS:SourceArn": distribution.outputs["arn"]}}


def test_services_are_not_cached_their_static_paths_are_and_buckets_only_read() -> None:
    """S0-07, S2-01"""
    found = behaviors(edge())
    for path in ("/*", "/api/*"):
        assert found[path]["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        assert found[path]["originRequestPolicyId"] == "216adef6-5c7f-47e4-b989-5492eafa07d3"
        assert "POST" in found[path]["allowedMethods"]
    assert found["/_next/static/*"]["targetOriginId"] == "load-balancer"
    assert found["/images/*"]["targetOriginId"] == "bucket-images"
    for path in ("/_next/static/*", "/images/*"):
        assert set(found[path]["allowedMethods"]) == {"GET", "HEAD", "OPTIONS"}
    assert {behavior["viewerProtocolPolicy"] for behavior in found.values()} == {"redirect-to-https"}


def test_static_files_are_kept_a_year_by_host_and_without_cookies() -> None:
    policy = one(edge(), "aws:cloudfront/cachePolicy:CachePolicy").inputs
    assert policy["defaultTtl"] == policy["maxTtl"] == 31_536_000
    key = policy["parametersInCacheKeyAndForwardedToOrigin"]
    assert key["headersConfig"]["headers"]["items"] == ["Host"]
    assert key["cookiesConfig"]["cookieBehavior"] == "none"
    assert "originRequestPolicyId" not in behaviors(edge())["/_next/static/*"]


@proves("S2-18")
def test_answers_of_named_paths_are_kept_for_a_set_time_and_are_nobodys_own() -> None:
    snapshot = edge({"cdn": {"cached_paths": {"/api/categories*": 300, "/api/locations*": 300, "/api/rates": 60}}})
    policies = {policy.name: policy for policy in snapshot.of_type("aws:cloudfront/cachePolicy:CachePolicy")}
    assert policies.keys() == {"shop-cdn-static", "shop-cdn-cached-300", "shop-cdn-cached-60"}
    found = behaviors(snapshot)
    for path, seconds in (("/api/categories*", 300), ("/api/locations*", 300), ("/api/rates", 60)):
        policy = policies[f"shop-cdn-cached-{seconds}"]
        assert found[path]["cachePolicyId"] == policy.outputs["id"]
        # With a request policy cookies would reach the service, and its answer to one user would be kept for all.
        assert "originRequestPolicyId" not in found[path]
        assert found[path]["cachedMethods"] == ["GET", "HEAD"]
        # A service that says no-store is heard.
        assert [policy.inputs[key] for key in ("minTtl", "defaultTtl", "maxTtl")] == [0, seconds, seconds]
        key = policy.inputs["parametersInCacheKeyAndForwardedToOrigin"]
        assert key["headersConfig"]["headers"]["items"] == ["Host", "Origin"]
        assert key["cookiesConfig"]["cookieBehavior"] == "none"
        assert key["queryStringsConfig"]["queryStringBehavior"] == "all"
    assert found["/api/*"]["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert next(iter(found)) == "/api/categories*"


@proves("S1-27")
def test_a_browser_may_send_the_headers_that_the_bucket_names() -> None:
    cors = {"origins": ["https://app.example.com"], "headers": ["Authorization", "Content-Type"]}
    snapshot = edge(storage={"images": {"cdn": True, "cors": cors}})
    policy = one(snapshot, "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy", "shop-cdn-images")
    assert policy.inputs["corsConfig"]["accessControlAllowHeaders"] == {"items": ["Authorization", "Content-Type"]}


def test_the_distribution_is_modern_and_guarded() -> None:
    """S1-01"""
    inputs = one(edge(), DISTRIBUTION).inputs
    assert inputs["httpVersion"] == "http2and3"
    assert inputs["isIpv6Enabled"] is True
    assert inputs["viewerCertificate"]["minimumProtocolVersion"] == "TLSv1.2_2021"
    assert "defaultRootObject" not in inputs
    snapshot = edge()
    policies = {
        policy.outputs["id"]
        for policy in snapshot.of_type("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")
    }
    assert {behavior["responseHeadersPolicyId"] for behavior in behaviors(snapshot).values()} <= policies


def test_a_bucket_with_cors_has_its_answer_from_cloudfront() -> None:
    snapshot = edge(storage={"images": {"cdn": True, "cors": {"origins": ["https://app.example.com"]}}})
    policy = one(snapshot, "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy", "shop-cdn-images")
    assert policy.inputs["corsConfig"]["accessControlAllowOrigins"]["items"] == ["https://app.example.com"]
    assert behaviors(snapshot)["/images/*"]["responseHeadersPolicyId"] == policy.outputs["id"]


def test_access_logs_reach_the_bucket_without_sessions() -> None:
    snapshot = edge()
    delivery = one(snapshot, "aws:cloudwatch/logDelivery:LogDelivery")
    assert "cs(Cookie)" not in delivery.inputs["recordFields"]
    assert delivery.inputs["region"] == "us-east-1"
    source = one(snapshot, "aws:cloudwatch/logDeliverySource:LogDeliverySource")
    assert source.inputs["resourceArn"] == one(snapshot, DISTRIBUTION).outputs["arn"]
    destination = one(snapshot, "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination")
    assert destination.inputs["deliveryDestinationConfiguration"] == {
        "destinationResourceArn": "arn:aws:s3:::shop-logs"
    }


def test_cloudfront_gives_up_an_idle_connection_before_the_load_balancer() -> None:
    [origin] = [item for item in one(edge(), DISTRIBUTION).inputs["origins"] if item["originId"] == "load-balancer"]
    assert origin["vpcOriginConfig"]["originKeepaliveTimeout"] < one(edge(), BALANCER).inputs["idleTimeout"]


def test_a_site_of_a_bucket_alone_needs_neither_load_balancer_nor_services() -> None:
    snapshot = edge(services={}, storage={"site": {"purpose": "static", "cdn": True, "path": "/*"}})
    assert not snapshot.of_type(BALANCER, "aws:cloudfront/vpcOrigin:VpcOrigin")
    inputs = one(snapshot, DISTRIBUTION).inputs
    assert inputs["defaultRootObject"] == "index.html"
    assert inputs["defaultCacheBehavior"]["targetOriginId"] == "bucket-site"


def test_pages_of_an_application_are_asked_for_again_and_its_files_kept_for_a_year() -> None:
    snapshot = edge(
        storage={"app": {"purpose": "static", "path": "/*", "spa": True}},
        services={"api": {"port": 8080, "path": "/api/*"}},
    )
    inputs = one(snapshot, DISTRIBUTION).inputs
    policies = {policy.outputs["id"]: policy for policy in snapshot.of_type("aws:cloudfront/cachePolicy:CachePolicy")}
    headers = {
        policy.outputs["id"]: policy
        for policy in snapshot.of_type("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")
    }
    pages = inputs["defaultCacheBehavior"]
    assert policies[pages["cachePolicyId"]].inputs["defaultTtl"] == 0
    [said] = headers[pages["responseHeadersPolicyId"]].inputs["customHeadersConfig"]["items"]
    assert said == {"header": "Cache-Control", "value": "no-cache", "override": False}
    behaviors = {behavior["pathPattern"]: behavior for behavior in inputs["orderedCacheBehaviors"]}
    assert list(behaviors) == ["/_next/static/*", "/assets/*", "/static/*", "/api/*"]
    for path in ("/_next/static/*", "/assets/*", "/static/*"):
        assert policies[behaviors[path]["cachePolicyId"]].inputs["defaultTtl"] == 31_536_000
        [association] = behaviors[path]["functionAssociations"]
        assert association["eventType"] == "viewer-response"
    assert behaviors["/api/*"]["targetOriginId"] == "load-balancer"
    assert "functionAssociations" not in behaviors["/api/*"]
    assert len(snapshot.of_type("aws:cloudfront/function:Function")) == 2


def test_without_a_cdn_the_names_lead_to_the_load_balancer() -> None:
    snapshot = edge({"cdn": None, "load_balancer": {"exposure": "internet"}}, storage={})
    assert not snapshot.of_type(DISTRIBUTION, "aws:secretsmanager/secret:Secret")
    aliases = [record.inputs["aliases"][0] for record in snapshot.of_type(RECORD) if "aliases" in record.inputs]
    balancer = one(snapshot, BALANCER).outputs
    assert {(alias["name"], alias["zoneId"]) for alias in aliases} == {(balancer["dnsName"], balancer["zoneId"])}
    assert [certificate.inputs["region"] for certificate in snapshot.of_type(CERTIFICATE)] == ["ap-south-1"]


def test_with_nothing_to_serve_only_the_zone_is_built() -> None:
    snapshot = edge(services={"worker": {}}, storage={"backups": {"purpose": "backups"}})
    assert not snapshot.of_type(BALANCER, DISTRIBUTION, ACL)
    assert snapshot.of_type("aws:route53/zone:Zone")


# Everywhere


@pytest.mark.parametrize(
    ("exposure", "domain"),
    [("vpc-origin", None), ("vpc-origin", "example.com"), ("cloudfront", "example.com"), ("internet", "example.com")],
)
def test_nothing_is_unknown_offline_and_the_first_real_preview_declares_the_same(
    exposure: str, domain: str | None
) -> None:
    settings = {"load_balancer": {"exposure": exposure}, "waf": WAF}
    known = edge(settings, domain=domain, network={"ipv6": True})
    unknown = edge(settings, domain=domain, network={"ipv6": True}, unknowns=True)
    assert '"unknown"' not in known.dumps()
    assert known.by_urn().keys() == unknown.by_urn().keys()
