"""The whole way in: DNS, certificates, firewalls, load balancer and CloudFront, wired together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.context import Context
from components.edge.cdn import Cdn, ServedBucket
from components.edge.certificate import Certificate
from components.edge.firewall import Firewall, Scope
from components.edge.load_balancer import LoadBalancer
from components.edge.logs import GLOBAL_REGION, GlobalLogs
from components.edge.managed_policies import ALIAS_ZONE
from components.edge.origin import HOST, Door, Hosts, Origin, Server
from components.edge.origin_header import OriginHeader
from components.edge.paths import EVERYTHING, Counted, counted, ways
from components.edge.records import Records
from components.edge.zone import Zone
from components.network.network import Network
from settings.models.edge import CdnSettings, EdgeSettings, WafPlace, WafSettings
from settings.models.services import ServiceSettings
from settings.models.storage import BucketSettings


class Edge(Component):
    """What stands between the internet and services, as far as there is something to stand before.

    Builds: with a domain its zone, certificates and records; a load balancer where a service answers a path, or where an
    ``origin`` stands in its place a record that leads to it; CloudFront over it, or over the services' own ``hosts``, and
    over the buckets that are served; a firewall at each place where the internet comes in, and by setting at the load balancer
    behind CloudFront.

    Cost: the sum of its parts; see each.

    Fails: see each part; from outside in they are zone, certificate, CloudFront, firewall, load balancer.

    Changes without replacement: all but the domain and whether the load balancer is public. A domain may be added later;
    from when its zone is delegated services answer by it, no longer by CloudFront's own name. Until then a public load
    balancer is not made, since it would have no certificate.
    """

    layer = "edge"

    load_balancer: LoadBalancer | None
    """None where no service answers a path, or an origin or hosts do."""
    door: Door | None
    """What the origin must know; None without one."""
    cdn: Cdn | None
    zone: Zone | None
    address: pulumi.Output[str] | None
    """Where the platform is found: ``https://…``; None where there is nothing to find."""

    def __init__(
        self,
        name: str,
        settings: EdgeSettings,
        context: Context,
        *,
        network: Network | None,
        services: Mapping[str, ServiceSettings],
        storage: Mapping[str, BucketSettings],
        buckets: Mapping[str, ServedBucket],
        logs_bucket: pulumi.Output[str] | None,
        origin: Origin | None = None,
        hosts: Hosts | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``storage`` and ``buckets``: all, by the same names; those that are not served are left alone. ``origin``: a server
        at which services answer, in place of a load balancer; it needs CloudFront. ``hosts``: where every service answers at
        a name of its own instead, and is protected already (``components.edge.shield``).
        """
        super().__init__(name, context, opts)
        self._settings = settings
        self._zone_domain = context.platform.domain if settings.zone is not None else None
        # Until names resolve no certificate can be validated, so nothing answers by them.
        self._domain = self._zone_domain if settings.zone is not None and settings.zone.is_delegated else None
        answers = any(service.port and service.path for service in services.values())
        origin = origin if answers else None
        # A public one needs a certificate, so it waits for the domain.
        may_stand = self._domain is not None or settings.load_balancer.exposure == "vpc-origin"
        has_balancer = network is not None and answers and origin is None and hosts is None and may_stand
        served = any(bucket.cdn for bucket in storage.values())
        has_front = has_balancer or origin is not None
        has_cdn = settings.cdn is not None and (has_front or served or (hosts is not None and bool(hosts.names)))

        self._counted = self._rated(services, storage) if answers or (served and settings.cdn) else EVERYTHING
        self._global = self._global_logs(has_cdn=has_cdn)
        self.zone = self._zone()
        cdn_certificate = self._certificate("certificate", region=GLOBAL_REGION) if has_cdn else None
        secret = self._origin_header(balanced=has_balancer) if has_cdn and has_front else None
        header = secret.header if secret else None
        self.load_balancer = (
            self._balancer(network, cdn_certificate, header, logs_bucket) if has_balancer and network else None
        )
        self.door = self._door(secret) if origin and secret else None
        self.cdn = None
        if has_cdn and settings.cdn is not None:
            firewall = self._firewall("firewall", settings.waf, "CLOUDFRONT") if settings.waf else None
            self.cdn = Cdn(
                f"{name}-cdn",
                settings.cdn,
                context=context,
                aliases=self._names() if cdn_certificate else [],
                certificate_arn=cdn_certificate.arn if cdn_certificate else None,
                firewall_arn=firewall,
                load_balancer=self.load_balancer,
                origin_header=header,
                services=services,
                storage=storage,
                buckets=buckets,
                logs_bucket=logs_bucket,
                server=self._server(origin) if origin else None,
                hosts=hosts,
                opts=self.child(),
            )
        self._records()
        self.address = self._address()
        self.register_outputs({"address": self.address})

    def _names(self) -> list[str]:
        """Every full name that leads here."""
        return [self._domain, *(f"{alias}.{self._domain}" for alias in self._settings.aliases)] if self._domain else []

    def _rated(self, services: Mapping[str, ServiceSettings], storage: Mapping[str, BucketSettings]) -> Counted:
        """What a rate limit counts: without CloudFront no bucket is served."""
        cdn = self._settings.cdn
        return counted(ways(services, storage if cdn else {}, cdn or CdnSettings()))

    def _global_logs(self, *, has_cdn: bool) -> GlobalLogs | None:
        zone, waf = self._settings.zone, self._settings.waf
        queries = self._zone_domain is not None and zone is not None and zone.id is None and zone.query_logs
        requests = has_cdn and waf is not None and waf.logs
        if not (queries or requests):
            return None
        return GlobalLogs(
            f"{self.name}-global",
            context=self.context,
            requests=requests,
            queries_of=self._zone_domain if queries else None,
            opts=self.child(),
        )

    def _zone(self) -> Zone | None:
        if self._zone_domain is None or self._settings.zone is None:
            return None
        return Zone(
            f"{self.name}-zone",
            self._settings.zone,
            context=self.context,
            domain=self._zone_domain,
            logs=self._global,
            opts=self.child(),
        )

    def _certificate(self, key: str, *, region: str, records_of: Certificate | None = None) -> Certificate | None:
        if self.zone is None or self._domain is None:
            return None
        return Certificate(
            f"{self.name}-{key}",
            context=self.context,
            domain=self._domain,
            alternative_names=self._names()[1:],
            zone_id=self.zone.zone_id,
            region=region,
            records_of=records_of,
            opts=self.child(),
        )

    def _origin_header(self, *, balanced: bool) -> OriginHeader | None:
        """Needed where what CloudFront asks has a public address and CloudFront must be told from the rest of the internet."""
        balancer = self._settings.load_balancer
        if balanced and balancer.exposure == "vpc-origin":
            return None
        return OriginHeader(
            f"{self.name}-origin-header",
            context=self.context,
            number=balancer.origin_secret,
            opts=self.child(),
        )

    def _door(self, secret: OriginHeader) -> Door:
        """Its certificate covers every name that viewers ask for, since CloudFront passes the Host header on and checks the
        certificate against it, and the name by which CloudFront finds it.
        """
        return Door(
            header=secret.header[0],
            secret_arn=secret.secret_arn,
            names=(*self._names(), f"{HOST}.{self._domain}") if self._domain else (),
            zone_id=self.zone.zone_id if self.zone and self._domain else None,
        )

    def _server(self, origin: Origin) -> Server:
        if self.zone is None or self._domain is None:
            return Server(origin.host, secure=False)
        record = aws.route53.Record(
            f"{self.name}-{HOST}",
            zone_id=self.zone.zone_id,
            name=f"{HOST}.{self._domain}",
            type="A",
            records=[origin.address],
            ttl=300,
            opts=self.child(),
        )
        return Server(record.fqdn, secure=True)

    def _balancer(
        self,
        network: Network,
        cdn_certificate: Certificate | None,
        header: tuple[str, pulumi.Output[str]] | None,
        logs_bucket: pulumi.Output[str] | None,
    ) -> LoadBalancer:
        region = self.context.region
        if cdn_certificate is not None and region == GLOBAL_REGION:
            certificate: Certificate | None = cdn_certificate
        else:
            certificate = self._certificate("regional-certificate", region=region, records_of=cdn_certificate)
        public = self._settings.load_balancer.exposure == "internet"
        waf = self._settings.waf
        firewall = None
        if waf and public:
            firewall = self._firewall("regional-firewall", waf, "REGIONAL", place="public-balancer", header=header)
        elif waf and waf.load_balancer:
            firewall = self._firewall("regional-firewall", waf, "REGIONAL", place="behind-cloudfront")
        return LoadBalancer(
            f"{self.name}-balancer",
            self._settings.load_balancer,
            context=self.context,
            network=network,
            certificate_arn=certificate.arn if certificate else None,
            logs_bucket=logs_bucket,
            firewall_arn=firewall,
            origin_header=header,
            opts=self.child(),
        )

    def _firewall(
        self,
        key: str,
        waf: WafSettings,
        scope: Scope,
        *,
        place: WafPlace = "front",
        header: tuple[str, pulumi.Output[str]] | None = None,
    ) -> pulumi.Output[str]:
        return Firewall(
            f"{self.name}-{key}",
            waf,
            context=self.context,
            scope=scope,
            global_logs=self._global if scope == "CLOUDFRONT" else None,
            place=place,
            trusted_header=header,
            counted=self._counted,
            opts=self.child(),
        ).arn

    def _records(self) -> None:
        if self.zone is None or self._domain is None:
            return
        common: dict[str, Any] = {
            "context": self.context,
            "zone_id": self.zone.zone_id,
            "domain": self._domain,
            "aliases": self._settings.aliases,
            "opts": self.child(),
        }
        if self.cdn is not None:
            Records(f"{self.name}-records", target_name=self.cdn.domain_name, target_zone_id=ALIAS_ZONE, **common)
        elif self.load_balancer is not None:
            Records(
                f"{self.name}-records",
                target_name=self.load_balancer.dns_name,
                target_zone_id=self.load_balancer.zone_id,
                check_health=True,
                ipv6=self.load_balancer.dual_stack,
                **common,
            )

    def _address(self) -> pulumi.Output[str] | None:
        if self._domain is not None and (self.cdn or self.load_balancer):
            return pulumi.Output.from_input(f"https://{self._domain}")
        if self.cdn is not None:
            return pulumi.Output.concat("https://", self.cdn.domain_name)
        return None
