"""Routing: which request of the load balancer reaches which service.

A rule's priority follows from its own host or path alone, so that a new service renumbers no other. Hosts come first, then
paths from the most specific to the least: a longer beginning without wildcards, then an exact path before a pattern, then a
pattern that goes on after its wildcard before one that ends there. Where two rules would take one place, the later one in
that order moves behind the other, and only then may a neighbour move.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, fit
from components.compute.wiring import LoadBalancer, Network
from settings.models.services import ServiceSettings

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
LAST_PRIORITY = 50_000

_HOSTS = 1_000
_BAND = 380
_LONGEST = 128
_EXACT, _INNER, _TRAILING = range(3)
# Where in the band of its length a path may stand, by kind: first place and number of places.
_PLACES = {_EXACT: (0, 95), _INNER: (95, 95), _TRAILING: (190, 190)}


@dataclass(frozen=True)
class Route:
    """One rule: all of a host, or a path of any host."""

    service: str
    host: str | None = None
    path: str | None = None

    @property
    def key(self) -> str:
        return f"{self.service}-{'host' if self.host else 'path'}"


def routes(services: Mapping[str, ServiceSettings], domain: str | None) -> list[Route]:
    """The rules of all services that the load balancer serves."""
    found: list[Route] = []
    for name, service in services.items():
        if service.port is None:
            continue
        if service.host and domain:
            found.append(Route(name, host=f"{service.host}.{domain}"))
        if service.path:
            found.append(Route(name, path=service.path))
    return found


def priorities(found: Iterable[Route]) -> dict[str, int]:
    """Rule key → priority: distinct, and lower for what is more specific."""
    ordered = sorted((_preferred(route), route.key) for route in found)
    given: dict[str, int] = {}
    last = 0
    for (preferred, *_), key in ordered:
        last = max(preferred, last + 1)
        given[key] = last
    # Crowding at the very end moves back instead of out.
    limit = LAST_PRIORITY
    for _, key in reversed(ordered):
        if given[key] <= limit:
            break
        given[key] = limit
        limit -= 1
    return given


def _preferred(route: Route) -> tuple[int, str]:
    """The place a route takes where it is free, and what decides between two that want the same."""
    if route.host:
        return 1 + _slot(route.host, _HOSTS - 1), route.host
    path = route.path or "/*"
    beginning = re.split(r"[*?]", path, maxsplit=1)[0]
    rest = path[len(beginning) :]
    kind = _EXACT if not rest else _TRAILING if rest == "*" else _INNER
    start, width = _PLACES[kind]
    # Patterns with one beginning overlap, so their order counts: the more they say after it, the earlier.
    place = width - 1 - min(len(re.sub(r"[*?]", "", rest)), width - 1) if kind == _INNER else _slot(path, width)
    return _HOSTS + (_LONGEST - len(beginning)) * _BAND + start + place, path


def _slot(text: str, width: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % width


def target_group(parent: Component, service: str, settings: ServiceSettings, network: Network) -> aws.lb.TargetGroup:
    """Where copies of a service register, and how they are asked whether they are well."""
    return aws.lb.TargetGroup(
        fit(f"{parent.name}-{service}", 24),
        port=settings.port,
        protocol="HTTP",
        target_type="ip",
        vpc_id=network.vpc_id,
        deregistration_delay=settings.drain,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            path=settings.health, interval=30, timeout=5, healthy_threshold=2, unhealthy_threshold=3, matcher="200"
        ),
        stickiness=aws.lb.TargetGroupStickinessArgs(type="lb_cookie", enabled=settings.sticky, cookie_duration=86_400),
        opts=parent.child(),
    )


def listener_rule(
    parent: Component, route: Route, priority: int, group_arn: pulumi.Input[str], load_balancer: LoadBalancer
) -> aws.lb.ListenerRule:
    """The rule of one route. Behind CloudFront it also asks for the header that only CloudFront sends."""
    return aws.lb.ListenerRule(
        f"{parent.name}-{route.key}",
        listener_arn=load_balancer.listener_arn,
        priority=priority,
        conditions=[_condition(route), *_from_cloudfront(load_balancer)],
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group_arn)],
        opts=parent.child(),
    )


def _condition(route: Route) -> aws.lb.ListenerRuleConditionArgs:
    if route.host:
        return aws.lb.ListenerRuleConditionArgs(
            host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=[route.host])
        )
    return aws.lb.ListenerRuleConditionArgs(
        path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=[route.path or "/*"])
    )


def _from_cloudfront(load_balancer: LoadBalancer) -> list[aws.lb.ListenerRuleConditionArgs]:
    if load_balancer.origin_header is None:
        return []
    name, value = load_balancer.origin_header
    header = aws.lb.ListenerRuleConditionHttpHeaderArgs(http_header_name=name, values=[value])
    return [aws.lb.ListenerRuleConditionArgs(http_header=header)]
