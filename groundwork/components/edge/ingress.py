"""What stands before the engine: the zone, certificates, the origin's secret, and a load balancer or an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

import pulumi

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.edge.certificate import Certificate
from groundwork.components.edge.load_balancer import LoadBalancer
from groundwork.components.edge.logs import GLOBAL_REGION, GlobalLogs
from groundwork.components.edge.network_balancer import NetworkBalancer
from groundwork.components.edge.origin import LONGEST_WAIT, Entrance, Header, InstanceOrigin, Origin, Origins
from groundwork.components.edge.origin_header import OriginHeader
from groundwork.components.edge.paths import EVERYTHING, Counted, counted, path_targets
from groundwork.components.edge.records import DnsEntry, Records
from groundwork.components.edge.settings import CdnSettings, EdgeSettings, WafPlace
from groundwork.components.edge.web_acl import WebAcl
from groundwork.components.edge.zone import Zone
from groundwork.components.network.tiers import NetworkTiers
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.services.tcp import Balancer
from groundwork.components.storage.settings import BucketSettings

AnsweringAt = Literal["nothing", "load-balancer", "address", "services"]
"""What requests reach services by: a load balancer, the address of the only instance, or the services' own addresses; nothing
where no service answers a path."""

_BALANCER = "load-balancer"
_HOST = "origin"
"""The instance's name below the domain."""


class Ingress(Component):
    """What an engine needs of the edge before it runs services; CloudFront, which needs the engine, follows in ``Cdn``.

    Builds: with a domain its zone and certificates; a load balancer where services answer behind one, with a web ACL where
    the internet reaches it or the settings ask for one, or the address of the only instance; the secret header by which an
    origin knows this platform's CloudFront; without CloudFront the records that lead to the load balancer, or the web ACL of
    services with addresses of their own.

    Cost: the sum of its parts; see each.

    Fails: see each part; from outside in they are zone, certificate, web ACL, load balancer.

    Changes without replacement: all but the domain and whether the load balancer is public. A domain may be added later;
    from when its zone is delegated services answer by it, no longer by CloudFront's own name. Until then a public load
    balancer is not made, since it would have no certificate.
    """

    layer = "edge"

    entrance: Entrance
    """What the engine connects its services to."""
    load_balancer: LoadBalancer | None
    network_balancers: dict[Balancer, NetworkBalancer]
    """What services are reached by over TCP."""
    zone: Zone | None
    domain: str | None
    """By which services answer; None without one, and until its zone is delegated."""
    names: tuple[str, ...]
    """The domain and every alias, in full."""
    dns_entries: list[DnsEntry]
    """What validates certificates, where the domain's DNS is another provider's."""
    certificate_arn: pulumi.Output[str] | None
    """In us-east-1, for CloudFront; None without a domain or without CloudFront."""
    global_logs: GlobalLogs | None
    """What CloudFront's web ACL and Route 53 write to."""
    counted: Counted
    """The requests that a rate limit counts."""
    has_cdn: bool
    """There is something for CloudFront to stand before, and the settings want it."""

    def __init__(
        self,
        name: str,
        settings: EdgeSettings,
        context: Context,
        *,
        at: AnsweringAt,
        network: NetworkTiers | None,
        services: Mapping[str, ServiceSettings],
        storage: Mapping[str, BucketSettings],
        logs_bucket: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        self._settings = settings
        self._logs_bucket = logs_bucket
        self._zone_domain = context.platform.domain if settings.zone is not None else None
        # Until names resolve no certificate can be validated, so nothing answers by them.
        self.domain = self._zone_domain if settings.answers_by_domain else None
        self._is_external = settings.zone is not None and settings.zone.external
        self._wanted_names = _names(self._zone_domain, settings.aliases)
        self.names = self._wanted_names if self.domain is not None else ()
        self._validated: Certificate | None = None
        self._regional: pulumi.Output[str] | None = None
        # A public one needs a certificate, so it waits for the domain.
        may_stand = self.domain is not None or settings.load_balancer.exposure == "vpc-origin"
        balanced = at == "load-balancer" and may_stand and network is not None
        has_origin = balanced or at in ("address", "services")
        served = any(bucket.cdn for bucket in storage.values())
        self.has_cdn = settings.cdn is not None and (has_origin or served)
        self.counted = EVERYTHING
        if at in ("load-balancer", "address") or (served and settings.cdn):
            self.counted = self._rated(services, storage)

        self.global_logs = self._global_logs()
        self.zone = self._zone()
        given = settings.certificates.cloudfront
        self.certificate_arn = self._certificate("certificate", GLOBAL_REGION, given) if self.has_cdn else None
        if self.domain is None and self._is_external:
            self._requested()
        secret = self._origin_header(balanced=balanced) if self.has_cdn and has_origin else None
        self.load_balancer = self._balancer(network, secret) if balanced and network else None
        if self.load_balancer is not None:
            self.entrance = Entrance(
                load_balancer=self.load_balancer,
                origins=Origins({_BALANCER: _balancer_origin(self.load_balancer, secret)}),
            )
        elif at == "address" and secret is not None:
            self.entrance = Entrance(instance=self._instance_origin(secret))
        elif at == "services":
            self.entrance = Entrance(
                origin_header=secret.header if secret else None,
                web_acl_arn=None if self.has_cdn else self._web_acl("public-balancer"),
            )
        else:
            self.entrance = Entrance()
        self.network_balancers = self._network_balancers(network, services)
        self.entrance = replace(self.entrance, network_balancers=self.network_balancers)
        if not self.has_cdn:
            self._records()
        self.dns_entries = [*self._validated.entries] if self._validated is not None and self._is_external else []
        self.dns_entries += [entry for one in self.network_balancers.values() for entry in one.dns_entries]
        self.register_outputs({})

    @property
    def address(self) -> pulumi.Output[str] | None:
        """Return the address at which services are reached without CloudFront: ``https://…``; None where there is
        nothing to find."""
        if self.domain is None or self.load_balancer is None:
            return None
        return pulumi.Output.from_input(f"https://{self.domain}")

    def _rated(self, services: Mapping[str, ServiceSettings], storage: Mapping[str, BucketSettings]) -> Counted:
        """Return what a rate limit counts: without CloudFront no bucket is served."""
        cdn = self._settings.cdn
        return counted(path_targets(services, storage if cdn else {}, cdn or CdnSettings()))

    def _global_logs(self) -> GlobalLogs | None:
        zone, waf = self._settings.zone, self._settings.waf
        queries = self._zone_domain is not None and zone is not None and zone.is_made and zone.query_logs
        # Route 53 writes them into a region that only one partition has.
        queries = queries and self.context.partition.global_region is not None
        requests = self.has_cdn and waf is not None and waf.logs
        if not (queries or requests):
            return None
        return GlobalLogs(
            f"{self.name}-global",
            self.context,
            requests=requests,
            queries_of=self._zone_domain if queries else None,
            opts=self.child(),
        )

    def _zone(self) -> Zone | None:
        if self._zone_domain is None or self._settings.zone is None or self._is_external:
            return None
        return Zone(
            f"{self.name}-zone",
            self._settings.zone,
            self.context,
            domain=self._zone_domain,
            logs=self.global_logs,
            opts=self.child(),
        )

    def _certificate(self, key: str, region: str, given: str | None) -> pulumi.Output[str] | None:
        """Return the ARN of the certificate that is given, or of one that is made and valid; None while names do not resolve."""
        if self.domain is None:
            return None
        return pulumi.Output.from_input(given) if given is not None else self._make_certificate(key, region).arn

    def _requested(self) -> None:
        """Ask ACM for the certificate that waits for its records: it is what says them."""
        if self._settings.cdn is not None:
            self._make_certificate("certificate", GLOBAL_REGION, waits=False)
        else:
            self._make_certificate("regional-certificate", self.context.region, waits=False)

    def _make_certificate(self, key: str, region: str, *, waits: bool = True) -> Certificate:
        made = Certificate(
            f"{self.name}-{key}",
            self.context,
            domain=self._wanted_names[0],
            alternative_names=self._wanted_names[1:],
            zone_id=self.zone.zone_id if self.zone else None,
            region=region,
            records_of=self._validated,
            waits=waits,
            opts=self.child(),
        )
        self._validated = self._validated or made
        return made

    def _origin_header(self, *, balanced: bool) -> OriginHeader | None:
        """Create the secret header where what CloudFront asks has a public address and CloudFront must be told from the
        rest of the internet."""
        balancer = self._settings.load_balancer
        if balanced and balancer.exposure == "vpc-origin":
            return None
        return OriginHeader(
            f"{self.name}-origin-header", self.context, number=balancer.origin_secret, opts=self.child()
        )

    def _balancer(self, network: NetworkTiers, secret: OriginHeader | None) -> LoadBalancer:
        return LoadBalancer(
            f"{self.name}-alb",
            self._settings.load_balancer,
            self.context,
            network=network,
            certificate_arn=self._regional_certificate(),
            logs_bucket=self._logs_bucket,
            web_acl_arn=self._balancer_web_acl(secret),
            origin_header=secret.header if secret else None,
            opts=self.child(),
        )

    def _regional_certificate(self) -> pulumi.Output[str] | None:
        """Return the certificate of load balancers, which is made once; None while names do not resolve."""
        if self._regional is None:
            region, given = self.context.region, self._settings.certificates.load_balancer
            if self.certificate_arn is not None and region == GLOBAL_REGION and given is None:
                self._regional = self.certificate_arn
            else:
                self._regional = self._certificate("regional-certificate", region, given)
        return self._regional

    def _network_balancers(
        self, network: NetworkTiers | None, services: Mapping[str, ServiceSettings]
    ) -> dict[Balancer, NetworkBalancer]:
        """Create the load balancers of services that are reached over TCP, by where they stand."""
        if network is None:
            return {}
        built: dict[Balancer, NetworkBalancer] = {}
        for kind in get_args(Balancer):
            behind = {name: one.tcp for name, one in services.items() if one.tcp and one.tcp.balancer == kind}
            if behind:
                built[kind] = NetworkBalancer(
                    f"{self.name}-{kind}-tcp",
                    behind,
                    self.context,
                    network=network,
                    domain=self.domain,
                    zone_id=self.zone.zone_id if self.zone else None,
                    certificate_arn=self._regional_certificate() if any(one.tls for one in behind.values()) else None,
                    logs_bucket=self._logs_bucket,
                    opts=self.child(),
                )
        return built

    def _balancer_web_acl(self, secret: OriginHeader | None) -> pulumi.Output[str] | None:
        waf = self._settings.waf
        if self._settings.load_balancer.exposure == "internet":
            return self._web_acl("public-balancer", header=secret.header if secret else None, limited=self.counted)
        return self._web_acl("behind-cloudfront", limited=self.counted) if waf and waf.load_balancer else None

    def _web_acl(
        self, place: WafPlace, *, header: Header | None = None, limited: Counted = EVERYTHING
    ) -> pulumi.Output[str] | None:
        """Build the web ACL in the platform's region, where the settings want one. ``limited``: what its rate limit counts."""
        if self._settings.waf is None:
            return None
        return WebAcl(
            f"{self.name}-regional-web-acl",
            self._settings.waf,
            self.context,
            scope="REGIONAL",
            place=place,
            trusted_header=header,
            counted=limited,
            opts=self.child(),
        ).arn

    def _instance_origin(self, secret: OriginHeader) -> InstanceOrigin:
        host = f"{_HOST}.{self.domain}" if self.domain else None
        return InstanceOrigin(
            header=secret.header,
            secret_arn=secret.secret_arn,
            host=host,
            names=(*self.names, host) if host else (),
            zone_id=self.zone.zone_id if self.zone and self.domain else None,
        )

    def _records(self) -> None:
        if self.zone is None or self.domain is None or self.load_balancer is None:
            return
        Records(
            f"{self.name}-records",
            self.context,
            zone_id=self.zone.zone_id,
            domain=self.domain,
            aliases=self._settings.aliases,
            target=self.load_balancer,
            opts=self.child(),
        )


def _names(domain: str | None, aliases: Sequence[str]) -> tuple[str, ...]:
    return () if domain is None else (domain, *(f"{alias}.{domain}" for alias in aliases))


def _balancer_origin(balancer: LoadBalancer, secret: OriginHeader | None) -> Origin:
    """Return how CloudFront asks a load balancer: it gives up an idle connection before the load balancer does."""
    idle = balancer.settings.idle_timeout
    return Origin(
        balancer.dns_name,
        # A public one stands with a certificate only; an internal one without is asked from inside the VPC, as HTTP.
        is_secure=balancer.secure,
        header=secret.header if secret else None,
        read_timeout=min(LONGEST_WAIT, idle),
        keepalive_timeout=max(1, min(LONGEST_WAIT, idle - 5)),
        internal=balancer if balancer.is_internal else None,
    )
