"""Domain, zone, exposure, and what is served through CloudFront."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake


def domain_has_a_zone(settings: Settings) -> Iterator[Mistake]:
    if settings.platform.domain and settings.edge and settings.edge.zone is None:
        yield Mistake(
            ("platform", "domain"),
            "a domain needs its hosted zone; set edge.zone: {} to make one, or edge.zone: {id: Z…} to use one that exists",
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
    static = len(edge.cdn.static_paths) + len(served) if edge.cdn else 0
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


MAX_CAPACITY = 5000
"""https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html"""


CHECKS = (
    domain_has_a_zone,
    hosts_need_a_domain,
    exposure_has_its_means,
    served_buckets_need_a_cdn,
    web_acl_fits,
    a_second_web_acl_has_a_load_balancer,
    cached_paths_have_a_service,
)
