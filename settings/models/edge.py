"""What the internet meets first: DNS, certificates, CDN, WAF and the load balancer."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from settings.models.base import Model

Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


def _address_range(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise PydanticCustomError("cidr", "is not an address range: {reason}", {"reason": str(error)}) from None


AddressRange = Annotated[str, AfterValidator(_address_range)]


class ZoneSettings(Model):
    """The Route 53 hosted zone of ``platform.domain``."""

    id: Annotated[str, Field(pattern="^Z[A-Z0-9]{7,31}$")] | None = None
    """An existing hosted zone. Unset, one is made, and its name servers are an output to enter at the registrar."""

    query_logs: bool = True
    """Log DNS queries (Route53.2)."""


class ManagedRules(NamedTuple):
    """A rule group that AWS maintains."""

    group: str
    capacity: int
    """Web ACL capacity units."""


# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
MANAGED_RULES: dict[str, ManagedRules] = {
    "common": ManagedRules("AWSManagedRulesCommonRuleSet", 700),
    "known-bad-inputs": ManagedRules("AWSManagedRulesKnownBadInputsRuleSet", 200),
    "ip-reputation": ManagedRules("AWSManagedRulesAmazonIpReputationList", 25),
    "anonymous-ip": ManagedRules("AWSManagedRulesAnonymousIpList", 50),
    "sql": ManagedRules("AWSManagedRulesSQLiRuleSet", 200),
    "linux": ManagedRules("AWSManagedRulesLinuxRuleSet", 200),
    "unix": ManagedRules("AWSManagedRulesUnixRuleSet", 100),
    "php": ManagedRules("AWSManagedRulesPHPRuleSet", 100),
    "wordpress": ManagedRules("AWSManagedRulesWordPressRuleSet", 100),
    "admin": ManagedRules("AWSManagedRulesAdminProtectionRuleSet", 100),
}
"""What ``waf.managed_rules`` may name."""


class WafSettings(Model):
    """AWS WAF in front of CloudFront, and of the load balancer where the internet can reach it."""

    mode: Literal["count", "block"] = "block"
    """``count`` only measures what would be blocked."""

    rate_limit: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    """Requests per address in five minutes."""

    managed_rules: tuple[
        Literal[
            "common",
            "known-bad-inputs",
            "ip-reputation",
            "anonymous-ip",
            "sql",
            "linux",
            "unix",
            "php",
            "wordpress",
            "admin",
        ],
        ...,
    ] = ("common", "known-bad-inputs", "ip-reputation")

    blocked_countries: tuple[Country, ...] = ()
    """ISO 3166-1 alpha-2 codes."""

    allowed_addresses: tuple[AddressRange, ...] = ()
    """Never blocked and never counted."""

    blocked_addresses: tuple[AddressRange, ...] = ()

    max_body_kb: Annotated[int, Field(ge=8, le=64)] = 16
    """Largest request body that the WAF lets through on paths without uploads, in KB (CloudFront inspects 16 to 64)."""

    upload_paths: tuple[Annotated[str, Field(pattern="^/", max_length=200)], ...] = ()
    """Path prefixes on which larger bodies are expected."""

    logs: bool = True

    @property
    def capacity(self) -> int:
        """Web ACL capacity units that the rules take: up to 1,500 are in the price of a request, AWS allows 5,000.

        https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html
        """
        managed = sum(MANAGED_RULES[rules].capacity for rules in set(self.managed_rules))
        address_sets = sum(
            len({":" in address for address in addresses})
            for addresses in (self.allowed_addresses, self.blocked_addresses)
        )
        rate, size, path = 2, 1, 2
        return managed + rate + size + path * len(self.upload_paths) + address_sets + bool(self.blocked_countries)


class LoadBalancerSettings(Model):
    """The Application Load Balancer behind CloudFront."""

    exposure: Literal["vpc-origin", "cloudfront", "internet"] = "vpc-origin"
    """``vpc-origin``: internal, reached by CloudFront alone through a VPC origin. ``cloudfront``: public address, open to
    CloudFront's prefix list, requests must carry a secret header. ``internet``: 443 from anywhere, 80 redirects, WAF of its own."""

    idle_timeout: Annotated[int, Field(ge=1, le=4000)] = 60
    """Seconds. Raise it for WebSockets."""

    access_logs: bool = True

    origin_secret: Annotated[int, Field(ge=1)] = 1
    """Count it up for a new value of the secret header by which CloudFront is known. Until every edge location sends the new
    value, a few minutes, requests are answered 404."""


class CdnSettings(Model):
    """CloudFront."""

    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = "PriceClass_200"
    """Which edge locations serve: North America and Europe; with Asia, Middle East and Africa; all."""

    static_paths: tuple[Annotated[str, Field(pattern="^/")], ...] = ("/_next/static/*", "/static/*", "/assets/*")
    """Paths of the default service whose answers never change and are cached for a year."""

    access_logs: bool = True


class EdgeSettings(Model):
    """CloudFront over the load balancer and the buckets that are served; DNS and certificates when there is a domain."""

    zone: ZoneSettings | None = ZoneSettings()
    cdn: CdnSettings | None = CdnSettings()
    waf: WafSettings | None = WafSettings()
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()

    aliases: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], ...] = ("www", "api")
    """Names below the domain that lead to CloudFront beside the apex."""
