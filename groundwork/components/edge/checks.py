"""Domain, zone, exposure, and what is served through CloudFront."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.settings.arns import arn_elsewhere
from groundwork.settings.facts import most_of
from groundwork.settings.mistakes import Mistake, Path


def domain_has_a_zone(settings: Settings) -> Iterator[Mistake]:
    if settings.platform.domain and settings.edge and settings.edge.zone is None:
        yield Mistake(
            ("platform", "domain"),
            "a domain needs its hosted zone; set edge.zone: {} to make one, edge.zone: {id: Z…} to use one that exists, or "
            "edge.zone: {external: true} where its DNS is another provider's",
        )


def hosts_need_a_domain(settings: Settings) -> Iterator[Mistake]:
    for name, service in settings.services.items():
        if service.host and not settings.platform.domain:
            yield Mistake(("services", name, "host"), "a host needs platform.domain")
        elif service.host and settings.edge and service.host not in settings.edge.aliases:
            yield Mistake(
                ("services", name, "host"),
                f'"{service.host}" is not one of edge.aliases: {", ".join(settings.edge.aliases)}',
            )


def exposure_has_its_means(settings: Settings) -> Iterator[Mistake]:
    edge = settings.edge
    if not edge:
        return
    if settings.compute and settings.compute.engine == "app-runner":
        if settings.platform.domain and edge.cdn is None and settings.services:
            yield Mistake(
                ("edge", "cdn"),
                "is null, and on app-runner only CloudFront brings the domain to services; keep the cdn, or leave out platform.domain",
            )
        return
    path = ("edge", "load_balancer", "exposure")
    exposure = edge.load_balancer.exposure
    if exposure != "internet" and edge.cdn is None:
        yield Mistake(
            path, f'"{exposure}" lets only CloudFront in, and edge.cdn is null; set exposure: internet, or keep the cdn'
        )
    if exposure != "vpc-origin" and not settings.platform.domain:
        yield Mistake(
            path,
            f'"{exposure}" needs platform.domain: a public load balancer has no certificate without one; use vpc-origin',
        )


_SPEAK_HTTP_1 = {
    "eks": "its pods are probed in HTTP/1.1",
    "ec2": "instances ask their containers, and nginx in front of them speaks, HTTP/1.1",
    "app-runner": "App Runner passes requests on in HTTP/1.1",
}


def protocols_reach_services(settings: Settings) -> Iterator[Mistake]:
    """Check that whatever stands before a service speaks its protocol.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-protocol-version
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-using-grpc.html
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
    """
    for name, service in settings.services.items():
        if service.protocol == "http" or settings.compute is None:
            continue
        path = ("services", name, "protocol")
        if service.port is None:
            yield Mistake(path, "is spoken on a port, and the service has none; set port, or leave protocol out")
        elif service.tcp:
            yield Mistake(
                path, "is told to a load balancer that reads requests, and tcp passes on whatever comes; leave it out"
            )
        elif not settings.runs_on_ecs:
            engine = settings.compute.engine
            yield Mistake(
                path,
                f"{service.protocol} goes with the engines fargate and ecs-ec2; on {engine} {_SPEAK_HTTP_1[engine]}",
            )
        elif service.is_public:
            yield from _reaches(path, service, settings)


def _reaches(path: Path, service: ServiceSettings, settings: Settings) -> Iterator[Mistake]:
    edge, protocol = settings.edge, service.protocol
    if protocol == "grpc" and service.sticky:
        yield Mistake((*path[:2], "sticky"), "is by a cookie, and clients of gRPC keep none; leave it out")
    if service.shifts:
        why = (
            "the errors that would take it back are counted by HTTP's status, which gRPC leaves at 200"
            if protocol == "grpc"
            else "until its first image no load balancer leads to it, and ECS shifts only what one has led to before"
        )
        yield Mistake((*path[:2], "deployment", "strategy"), f"does not go with {protocol}: {why}; use rolling")
    if edge is None:
        return
    if not settings.platform.domain:
        yield Mistake(
            path, f"{protocol} needs a load balancer with a certificate, and so platform.domain; set that, or use http"
        )
    elif edge.load_balancer.exposure == "vpc-origin":
        exposure = "cloudfront" if protocol == "grpc" else "internet, and edge.cdn: null"
        yield Mistake(
            path,
            f"{protocol} does not go through a VPC origin of CloudFront; set edge.load_balancer.exposure: {exposure}",
        )
    elif protocol == "http2" and edge.cdn:
        yield Mistake(
            path,
            "http2 is not what CloudFront asks origins in, but HTTP/1.1; use http, or set edge.cdn: null and exposure: internet",
        )
    elif edge.cdn and service.host:
        yield Mistake(
            (*path[:2], "host"),
            "CloudFront passes gRPC on by path; use path: /package.Service/*, or set edge.cdn: null",
        )


def served_buckets_need_a_cdn(settings: Settings) -> Iterator[Mistake]:
    for name, bucket in settings.storage.items():
        if bucket.cdn and not (settings.edge and settings.edge.cdn):
            yield Mistake(("storage", name, "cdn"), "needs edge.cdn, which this stack does not build")
        if bucket.cdn and bucket.purpose not in ("media", "static"):
            yield Mistake(
                ("storage", name, "cdn"), f"a bucket for {bucket.purpose} is never served; use purpose: media or static"
            )


def web_acl_fits(settings: Settings) -> Iterator[Mistake]:
    edge = settings.edge
    waf = edge.waf if edge else None
    if not (edge and waf):
        return
    public = edge.load_balancer.exposure == "internet"
    # The most that the rate has to tell apart: services from what is not counted.
    served = [bucket for bucket in settings.storage.values() if bucket.cdn]
    front_ends = [bucket for bucket in served if bucket.is_front_end]
    static = len(edge.cdn.static_paths) * (1 + len(front_ends)) + len(served) if edge.cdn else 0
    counted = max(static, len([service for service in settings.services.values() if service.path]))
    capacities = {"": waf.capacity_at("front", counted=counted)}
    if public and edge.cdn:
        capacities[" at the load balancer"] = waf.capacity_at("public-balancer", trusts=True, counted=counted)
    elif waf.load_balancer and not public:
        capacities[" at the load balancer"] = waf.capacity_at("behind-cloudfront", counted=counted)
    for where, capacity in capacities.items():
        if capacity > MAX_CAPACITY:
            yield Mistake(
                ("edge", "waf"),
                f"its rules take {capacity} capacity units{where} and a web ACL takes {MAX_CAPACITY}; name fewer upload_paths, "
                "rules or managed_rules (a text that is contained takes 10, one at the start or the end 2)",
            )
            return


def a_second_web_acl_has_a_load_balancer(settings: Settings) -> Iterator[Mistake]:
    waf = settings.edge.waf if settings.edge else None
    if waf and waf.load_balancer and settings.compute and settings.compute.engine == "app-runner":
        yield Mistake(("edge", "waf", "load_balancer"), "app-runner has no load balancer; take it out")


def cached_paths_have_a_service(settings: Settings) -> Iterator[Mistake]:
    """Check that a service answers each path that is cached."""
    cdn = settings.edge.cdn if settings.edge else None
    answered = {service.path.removesuffix("*"): name for name, service in settings.services.items() if service.path}
    for path in cdn.cached_paths if cdn else ():
        if not any(path.startswith(start) for start in answered):
            there = ", ".join(f"{start}* ({name})" for start, name in answered.items()) or "none that answers a path"
            yield Mistake(("edge", "cdn", "cached_paths", path), f"no service answers it; there is {there}")


def certificates_are_where_they_are_looked_for(settings: Settings) -> Iterator[Mistake]:
    """Check the regions of certificates that exist, and that none is missing that could only be had by waiting.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html"""
    edge = settings.edge
    if edge is None:
        return
    given = edge.certificates
    path = ("edge", "certificates")
    for key, arn, place, who in (
        ("cloudfront", given.cloudfront, _CLOUDFRONTS, "CloudFront"),
        ("load_balancer", given.load_balancer, settings.region, "the load balancer"),
    ):
        if arn is not None and (found := arn_elsewhere(arn, place)):
            yield Mistake((*path, key), f"{found}, and {who} looks for its certificate in {place}")
        if arn is not None and not settings.platform.domain:
            yield Mistake((*path, key), "is for a domain, and platform.domain is not set")
    zone = edge.zone
    if zone is None or not zone.external or zone.is_delegated or not edge.answers_by_domain:
        return
    if edge.cdn and given.cloudfront is None:
        yield Mistake((*path, "load_balancer"), _ALONE.format(missing="cloudfront"))
    if given.load_balancer is None and _has_balancer(settings) and (settings.region != _CLOUDFRONTS or not edge.cdn):
        yield Mistake((*path, "cloudfront"), _ALONE.format(missing="load_balancer"))


_CLOUDFRONTS = "us-east-1"
"""Where CloudFront looks for certificates."""
_ALONE = (
    "is there, and the certificate for {missing} would be validated by records that nobody has entered yet; name that one too, or "
    "say edge.zone.delegated: false, enter dnsRecords, then true"
)


def _has_balancer(settings: Settings) -> bool:
    compute = settings.compute
    if compute is None or compute.engine == "app-runner" or compute.has_public_instance:
        return False
    return any(service.port and service.path for service in settings.services.values())


def an_instance_proves_its_names_in_route_53(settings: Settings) -> Iterator[Mistake]:
    zone = settings.edge.zone if settings.edge else None
    if (
        zone
        and zone.external
        and settings.platform.domain
        and settings.compute
        and settings.compute.has_public_instance
    ):
        yield Mistake(
            ("edge", "zone", "external"),
            "the only instance gets its certificate by entering records in the zone, which must be one of Route 53; use "
            "instances.placement: private, or delegate the domain",
        )


MAX_CAPACITY = most_of("web-acl-capacity")


CHECKS = (
    domain_has_a_zone,
    certificates_are_where_they_are_looked_for,
    an_instance_proves_its_names_in_route_53,
    hosts_need_a_domain,
    exposure_has_its_means,
    protocols_reach_services,
    served_buckets_need_a_cdn,
    web_acl_fits,
    a_second_web_acl_has_a_load_balancer,
    cached_paths_have_a_service,
)
