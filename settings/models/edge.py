"""What the internet meets first: DNS, certificates, CDN, WAF and the load balancer."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from settings.facts import countries, country_meant
from settings.mistakes import nearest
from settings.models.base import Model, Name, network_around


def _country(value: str) -> str:
    meant = country_meant(value)
    hint = (
        f'; did you mean "{meant}"?'
        if meant
        else nearest(value, [code for code in countries() if code == value.upper()])
    )
    if value not in countries():
        raise PydanticCustomError(
            "country",
            'is not a country\'s code in two capitals (ISO 3166-1) that AWS WAF takes, such as "DE"{hint}',
            {"hint": hint},
        )
    return value


Country = Annotated[str, AfterValidator(_country), Field(json_schema_extra={"enum": countries()})]


def _address_range(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise PydanticCustomError(
            "cidr", "is not an address range: {reason}{hint}", {"reason": str(error), "hint": network_around(value)}
        ) from None


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


RequestPart = Literal["path", "query", "header", "body"]


class WafSizes(Model):
    """Largest parts of a request, in bytes. Unset, the part is left to the managed rules: ``common`` refuses a path above
    1,024, a query above 2,048 and cookies above 10,240."""

    path: Annotated[int, Field(ge=1, le=8192)] | None = None
    query: Annotated[int, Field(ge=1, le=16_384)] | None = None
    cookies: Annotated[int, Field(ge=1, le=16_384)] | None = None
    """All of them."""
    header: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Each one. Requests with more than 200 headers or 8 KB of them are refused with it."""

    @property
    def limits(self) -> dict[str, int]:
        """Part → its limit, those that have one."""
        return {part: size for part, size in self if size is not None}


class WafRule(Model):
    """Requests that have one of these texts in one of their parts are refused."""

    part: RequestPart = "path"
    header: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = None
    """Which one, with ``part: header``."""
    match: Literal["contains", "starts-with", "ends-with", "exactly"] = "contains"
    texts: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(min_length=1)]
    """As they stand in the request: letters great and small differ."""
    count: bool = False
    """Only measure."""

    @model_validator(mode="after")
    def _names_its_header(self) -> WafRule:
        if (self.part == "header") != (self.header is not None):
            raise PydanticCustomError("header", "header goes with part: header, and part: header needs its name")
        return self


# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html: each statement's page has its units.
_ADDRESS_SET = _COUNTRIES = _SIZE = 1
_RATE = _TEXT = 2
_CONTAINS = 10
_SCRIPT, _TRANSFORMATION = 40, 10
SCRIPT_TRANSFORMATIONS = ("URL_DECODE", "HTML_ENTITY_DECODE")
"""What a part goes through before it is searched for scripts, in this order."""
SCRIPT_PARTS: tuple[RequestPart, ...] = ("path", "query", "body")
"""Where scripts are searched."""

WafPlace = Literal["front", "public-balancer", "behind-cloudfront"]
"""``front``: at CloudFront, or at services without it. ``public-balancer``: at a load balancer that anybody reaches, CloudFront
among them. ``behind-cloudfront``: at one that only CloudFront reaches."""

BY_SENDER = frozenset({"ip-reputation", "anonymous-ip"})
"""Groups that judge who sends a request; behind CloudFront that is always CloudFront."""

BALANCER_BODY_KB = 8
"""All that a load balancer hands to the firewall.

https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
"""


class WafSettings(Model):
    """AWS WAF in front of CloudFront, and of the load balancer where the internet can reach it or ``load_balancer`` says so."""

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
    """Path prefixes on which larger bodies are expected, whose content is not searched for scripts."""

    sizes: WafSizes = WafSizes()

    cross_site_scripting: bool = False
    """Search path, query and body for scripts with a rule of its own. ``common`` searches them and cookies too, by AWS's choice of
    transformations; this one decodes entities as well."""

    rules: Annotated[dict[Name, WafRule], Field(max_length=80)] = {}
    """Rules of your own, by name, in this order, after the lists of addresses and before the managed rules."""

    load_balancer: bool = False
    """A second firewall at the load balancer also where only CloudFront reaches it."""

    logs: bool = True

    def managed_at(self, place: WafPlace) -> list[str]:
        """The managed groups that make sense there, in AWS's order of evaluation."""
        skipped = BY_SENDER if place == "behind-cloudfront" else frozenset()
        return [name for name in MANAGED_RULES if name in self.managed_rules and name not in skipped]

    def limits_bodies(self, place: WafPlace) -> bool:
        """Behind CloudFront, which has measured the body, only as far as a load balancer shows it."""
        return place != "behind-cloudfront" or self.max_body_kb <= BALANCER_BODY_KB

    @property
    def capacity(self) -> int:
        """That of the firewall in front; see :meth:`capacity_at`."""
        return self.capacity_at("front")

    def capacity_at(self, place: WafPlace, *, trusts: bool = False) -> int:
        """Web ACL capacity units that the rules take: up to 1,500 are in the price of a request, AWS allows 5,000.

        ``trusts``: requests with the secret header pass.
        https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html
        """
        managed = sum(MANAGED_RULES[name].capacity for name in self.managed_at(place))
        address_sets = sum(
            len({":" in address for address in addresses})
            for addresses in (self.allowed_addresses, self.blocked_addresses)
        )
        spared = _TEXT * len(self.upload_paths)
        sizes = _SIZE * len(self.sizes.limits) + (_SIZE + spared if self.limits_bodies(place) else 0)
        scripts = len(SCRIPT_PARTS) * (_SCRIPT + _TRANSFORMATION * len(SCRIPT_TRANSFORMATIONS)) + spared
        own = sum(len(rule.texts) * (_CONTAINS if rule.match == "contains" else _TEXT) for rule in self.rules.values())
        return (
            managed
            + _ADDRESS_SET * address_sets
            + (_COUNTRIES if self.blocked_countries else 0)
            # Behind CloudFront the rate looks into a header first.
            + _RATE
            + (_CONTAINS if place == "behind-cloudfront" else 0)
            + sizes
            + (scripts if self.cross_site_scripting else 0)
            + own
            + (_TEXT if trusts else 0)
        )


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
