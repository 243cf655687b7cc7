"""What services answer at, and what CloudFront asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pulumi

from groundwork.components.compute.wiring import LoadBalancerLike, NetworkBalancerLike
from groundwork.components.services.tcp import Balancer

LONGEST_WAIT = 60
"""Seconds that CloudFront waits for an origin, at most, without a raised quota.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
"""

Header = tuple[str, pulumi.Output[str]]
"""Name and secret value of a header by which an origin knows this platform's CloudFront."""


class InternalLoadBalancer(Protocol):
    """A load balancer without a public address."""

    arn: pulumi.Output[str]


@dataclass(frozen=True)
class Origin:
    """A server that CloudFront asks."""

    host: pulumi.Input[str]
    is_secure: bool = True
    """It answers HTTPS, with a certificate for what it is asked."""
    header: Header | None = None
    read_timeout: int = LONGEST_WAIT
    """Seconds."""
    keepalive_timeout: int | None = None
    """Seconds after which CloudFront gives up an idle connection; shorter than the server's own, so that none is closed under a
    request. Unset, CloudFront's five."""
    internal: InternalLoadBalancer | None = None
    """What CloudFront reaches through a VPC origin; None for what has a public address."""


@dataclass(frozen=True)
class Origins:
    """The servers that services answer at, by the ids that the distribution has for them."""

    by_id: Mapping[str, Origin] = field(default_factory=dict)
    by_service: bool = False
    """Each service has an origin ``service-NAME`` at a host of its own, and knows no other; else all share one origin, which
    tells them apart by host and path."""

    @staticmethod
    def id_of(service: str) -> str:
        """Return the id of a service's own origin."""
        return f"service-{service}"


@dataclass(frozen=True)
class InstanceOrigin:
    """What the only instance must know to answer this platform's CloudFront and nobody else."""

    header: Header
    """The header that requests must carry, its name in lower case."""
    secret_arn: pulumi.Output[str]
    """Where its value is kept, encrypted with the key for secrets."""
    host: str | None
    """The name by which CloudFront finds the instance; None without a domain, and then CloudFront asks AWS's name for the
    address, as HTTP."""
    names: tuple[str, ...]
    """What the instance's certificate must cover: every name that viewers ask for, since CloudFront passes the Host header on
    and checks the certificate against it, and ``host``."""
    zone_id: pulumi.Output[str] | None
    """Where the instance proves that the names are its own, and where ``host`` is entered."""


@dataclass(frozen=True)
class Entrance:
    """What an engine connects its services to: a load balancer, or for what has public addresses of its own what protects
    these."""

    load_balancer: LoadBalancerLike | None = None
    instance: InstanceOrigin | None = None
    """What the only instance must know, where it answers CloudFront at an address of its own."""
    origin_header: Header | None = None
    """What services with addresses of their own must ask for; None where no CloudFront sends it."""
    web_acl_arn: pulumi.Output[str] | None = None
    """What filters requests to services with addresses of their own, where no CloudFront does."""
    network_balancers: Mapping[Balancer, NetworkBalancerLike] = field(default_factory=dict)
    """What services are reached by over TCP."""
    origins: Origins = Origins()
    """What CloudFront asks, unless the engine says otherwise."""
