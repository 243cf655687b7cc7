"""What the internet meets first: DNS, certificates, CDN, WAF and the load balancer."""

from __future__ import annotations

import ipaddress
from math import ceil
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.arns import CertificateArn
from groundwork.settings.base import Model, Name, network_around
from groundwork.settings.facts import countries, country_meant, most_of, waf_costs
from groundwork.settings.mistakes import nearest


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
    """The Route 53 hosted zone of ``platform.domain``, or its zone at another DNS provider."""

    id: Annotated[str, Field(pattern="^Z[A-Z0-9]{7,31}$")] | None = None
    """An existing hosted zone. Unset, one is made, and its name servers are an output to enter at the registrar."""

    external: bool = False
    """The domain's DNS is another provider's: no zone is made, and the records to enter there are the stack's output
    ``dnsRecords``."""

    delegated: bool | None = None
    """The registrar names the zone's name servers; with ``external``, the records of ``dnsRecords`` are entered. Until then the
    platform answers at CloudFront's own name, and nothing waits for certificates; ``groundwork domain STACK`` says when it may be
    set. Unset: of a zone that is made or external, not yet; of one that exists, yes."""

    query_logs: bool = True
    """Log DNS queries (Route53.2)."""

    @property
    def is_made(self) -> bool:
        """Tell whether the zone is one of ours."""
        return self.id is None and not self.external

    @property
    def is_delegated(self) -> bool:
        """Tell whether names of the domain resolve."""
        return self.id is not None if self.delegated is None else self.delegated

    @model_validator(mode="after")
    def _is_of_one_provider(self) -> ZoneSettings:
        if self.external and self.id is not None:
            raise PydanticCustomError(
                "external",
                "is said beside id, which names a zone of Route 53; take one of the two out",
                {"at": ("external",)},
            )
        return self


class CertificateSettings(Model):
    """Certificates of ACM that exist, in place of ours. Each must cover ``platform.domain`` and every alias, and renews itself only
    while its validation record stands."""

    cloudfront: CertificateArn | None = None
    """In us-east-1, where CloudFront looks for them."""
    load_balancer: CertificateArn | None = None
    """In the stack's region; in us-east-1 unset, the one for CloudFront."""


class ManagedRules(NamedTuple):
    """A rule group that AWS maintains."""

    group: str

    @property
    def capacity(self) -> int:
        """Return its web ACL capacity units."""
        return int(waf_costs()["managed"][self.group])


# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
EVERYTHING_RATE = 10
"""How many times ``waf.rate_limit`` an address may ask for everything together, pictures and scripts among it."""

MANAGED_RULES: dict[str, ManagedRules] = {
    "common": ManagedRules("AWSManagedRulesCommonRuleSet"),
    "known-bad-inputs": ManagedRules("AWSManagedRulesKnownBadInputsRuleSet"),
    "ip-reputation": ManagedRules("AWSManagedRulesAmazonIpReputationList"),
    "anonymous-ip": ManagedRules("AWSManagedRulesAnonymousIpList"),
    "sql": ManagedRules("AWSManagedRulesSQLiRuleSet"),
    "linux": ManagedRules("AWSManagedRulesLinuxRuleSet"),
    "unix": ManagedRules("AWSManagedRulesUnixRuleSet"),
    "php": ManagedRules("AWSManagedRulesPHPRuleSet"),
    "wordpress": ManagedRules("AWSManagedRulesWordPressRuleSet"),
    "admin": ManagedRules("AWSManagedRulesAdminProtectionRuleSet"),
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
        """Map each part of a request that has a limit to it."""
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


PathPrefix = Annotated[str, Field(pattern="^/", max_length=200)]


class WafRate(Model):
    """How many requests one address may make to a part of the platform."""

    path: PathPrefix
    """What the paths start with that are counted together."""
    limit: Annotated[int, Field(ge=10, le=2_000_000_000)]
    """Requests; AWS takes 10 or more."""
    seconds: Literal[60, 120, 300, 600] = 60
    """Within how long."""


# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html: each statement's page has its units.
_ADDRESS_SET = _COUNTRIES = _SIZE = _LABEL = 1
_RATE = _TEXT = 2
_CONTAINS = 10
MOST_COUNTRIES = most_of("countries-per-statement")
_SCRIPT, _TRANSFORMATION = 40, 10
PATH_TRANSFORMATIONS = ("URL_DECODE", "NORMALIZE_PATH")
"""What a path goes through before it is held against a prefix, so that ``/uploads/../login`` is no upload."""
_PREFIX = _TEXT + _TRANSFORMATION * len(PATH_TRANSFORMATIONS)
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
"""All that a load balancer hands to the web ACL; CloudFront hands over 16 KB, or up to 64 where a limit asks for it.

https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-setting-body-inspection-limit.html
"""

BODY_LABELS: dict[str, dict[str, tuple[str, ...]]] = {
    "common": {
        "CrossSiteScripting_BODY": ("core-rule-set:CrossSiteScripting_Body",),
        "GenericLFI_BODY": ("core-rule-set:GenericLFI_Body",),
        "GenericRFI_BODY": ("core-rule-set:GenericRFI_Body",),
    },
    "sql": {
        "SQLi_BODY": ("sql-database:SQLi_Body",),
        "SQLiExtendedPatterns_BODY": ("sql-database:SQLiExtendedPatterns_Body",),
    },
    # Written in capitals in AWS's list, and like the others elsewhere.
    "unix": {
        "UNIXShellCommandsVariables_BODY": (
            "posix-os:UNIXShellCommandsVariables_Body",
            "posix-os:UNIXShellCommandsVariables_BODY",
        )
    },
    "php": {"PHPHighRiskMethodsVariables_BODY": ("php-app:PHPHighRiskMethodsVariables_Body",)},
}
"""Managed group → its rules that look for text in bodies, which a picture holds by chance → their labels, without AWS's prefix.

https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
"""


class WafSettings(Model):
    """AWS WAF in front of CloudFront, and of the load balancer where the internet can reach it or ``load_balancer`` says so."""

    mode: Literal["count", "block"] = "block"
    """``count`` only measures what would be blocked."""

    rate_limit: Annotated[int, Field(ge=10, le=200_000_000)] = 2000
    """Requests of an address in five minutes to what services answer. Served buckets and ``cdn.static_paths`` do not count: a page
    has dozens of pictures and scripts, and a carrier puts many users behind one address. Ten times as many are the limit for
    everything together."""

    rates: Annotated[dict[Name, WafRate], Field(max_length=20)] = {}
    """Further limits for parts of the platform, by name: ``{api: {path: /api/, limit: 100}}`` is 100 requests a minute and
    address."""

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

    body_limits: Annotated[dict[PathPrefix, Annotated[int, Field(ge=1, le=64)]], Field(max_length=20)] = {}
    """Largest request bodies in KB, by what the path starts with; the longest that fits counts: ``{/: 16, /api/login: 1}``. Other
    paths have no limit. A load balancer's web ACL sees 8 KB of a body and knows no limit above that; beyond 16 KB CloudFront's
    costs more."""

    upload_paths: Annotated[tuple[PathPrefix, ...], Field(max_length=20)] = ()
    """What the paths of uploads start with: no limit holds there, and rules that search bodies for text only count."""

    sizes: WafSizes = WafSizes()

    cross_site_scripting: bool = False
    """Search path, query and body for scripts with a rule of its own. ``common`` searches them and cookies too, by AWS's choice of
    transformations; this one decodes entities as well."""

    rules: Annotated[dict[Name, WafRule], Field(max_length=80)] = {}
    """Rules of your own, by name, in this order, after the lists of addresses and before the managed rules."""

    load_balancer: bool = False
    """A second web ACL at the load balancer also where only CloudFront reaches it."""

    logs: bool = True

    def managed_at(self, place: WafPlace) -> list[str]:
        """List the managed groups that make sense there, in AWS's order of evaluation."""
        skipped = BY_SENDER if place == "behind-cloudfront" else frozenset()
        return [name for name in MANAGED_RULES if name in self.managed_rules and name not in skipped]

    def body_limits_at(self, place: WafPlace) -> dict[str, int]:
        """Map path prefixes to limits in KB that can be measured there: at a load balancer only what it shows of a
        body."""
        return {path: size for path, size in self.body_limits.items() if place == "front" or size <= BALANCER_BODY_KB}

    def limited_elsewhere(self, prefix: str) -> list[str]:
        """List the longer prefixes inside ``prefix``, whose limits count instead of its own."""
        return [other for other in self.body_limits if other != prefix and other.startswith(prefix)]

    def body_labels_at(self, place: WafPlace) -> list[str]:
        """List the labels of managed rules that find text in a body, where uploads are spared them."""
        groups = self.managed_at(place) if self.upload_paths else []
        return [label for group in groups for labels in BODY_LABELS.get(group, {}).values() for label in labels]

    @property
    def capacity(self) -> int:
        """Return the capacity units of the web ACL in front; see :meth:`capacity_at`."""
        return self.capacity_at("front")

    def capacity_at(self, place: WafPlace, *, trusts: bool = False, counted: int = 0) -> int:
        """Return the web ACL capacity units that the rules take: up to 1,500 are in the price of a request, AWS
        allows 5,000.

        ``trusts``: requests with the secret header pass; ``counted``: prefixes by which the rate knows what to count.
        https://docs.aws.amazon.com/waf/latest/developerguide/aws-waf-capacity-units.html
        """
        managed = sum(MANAGED_RULES[name].capacity for name in self.managed_at(place))
        address_sets = sum(
            len({":" in address for address in addresses})
            for addresses in (self.allowed_addresses, self.blocked_addresses)
        )
        spared = _LABEL if self.upload_paths else 0
        sizes = _SIZE * len(self.sizes.limits) + sum(
            _SIZE + spared + (_PREFIX if path != "/" else 0) + _PREFIX * len(self.limited_elsewhere(path))
            for path in self.body_limits_at(place)
        )
        scripts = len(SCRIPT_PARTS) * (_SCRIPT + _TRANSFORMATION * len(SCRIPT_TRANSFORMATIONS)) + spared
        labels = len(self.body_labels_at(place))
        uploads = _PREFIX * len(self.upload_paths) + (_LABEL * labels + spared if labels else 0)
        # Behind CloudFront the rate looks into a header first.
        rate = _RATE + (_CONTAINS if place == "behind-cloudfront" else 0)
        own = sum(len(rule.texts) * (_CONTAINS if rule.match == "contains" else _TEXT) for rule in self.rules.values())
        return (
            managed
            + _ADDRESS_SET * address_sets
            + _COUNTRIES * ceil(len(self.blocked_countries) / MOST_COUNTRIES)
            + 2 * rate
            + _PREFIX * counted
            + (rate + _PREFIX) * len(self.rates)
            + sizes
            + uploads
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

    cached_paths: Annotated[
        dict[Annotated[str, Field(pattern=r"^/[^*?]", max_length=255)], Annotated[int, Field(ge=1, le=31_536_000)]],
        Field(max_length=20),
    ] = {}
    """Paths of services whose answers are the same for everybody → the seconds for which CloudFront keeps them:
    ``{/api/categories*: 300}``. An answer that says ``no-store``, ``private`` or a shorter time is kept as it says; cookies reach no
    service there, nor does ``Authorization`` on reading, so that no answer is somebody's own."""

    access_logs: bool = True


class EdgeSettings(Model):
    """CloudFront over the load balancer and the buckets that are served; DNS and certificates when there is a domain."""

    zone: ZoneSettings | None = ZoneSettings()
    certificates: CertificateSettings = CertificateSettings()
    cdn: CdnSettings | None = CdnSettings()
    waf: WafSettings | None = WafSettings()
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()

    aliases: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], ...] = ("www", "api")
    """Names below the domain that lead to CloudFront beside the apex."""

    @property
    def answers_by_domain(self) -> bool:
        """Tell whether names of the domain may be used: certificates are there, or can be validated."""
        if self.zone is None:
            return False
        given = self.certificates != CertificateSettings()
        return self.zone.is_delegated or (self.zone.external and given and self.zone.delegated is None)
