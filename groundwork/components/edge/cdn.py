"""CloudFront: the one address of the platform, over the load balancer and the buckets that are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws
from pulumi_aws import cloudfront

from groundwork.components.access import policy_document
from groundwork.components.base import Component, fit
from groundwork.components.context import Context
from groundwork.components.edge import managed_policies
from groundwork.components.edge.access_logs import cdn_access_logs
from groundwork.components.edge.ingress import Ingress
from groundwork.components.edge.managed_policies import ALIAS_ZONE
from groundwork.components.edge.origin import InternalLoadBalancer, Origin, Origins
from groundwork.components.edge.paths import (
    ALL,
    KEPT_FOR_A_YEAR,
    PathTarget,
    answering,
    bucket_path,
    path_targets,
    rewrite,
)
from groundwork.components.edge.records import Records
from groundwork.components.edge.response_headers import response_headers
from groundwork.components.edge.settings import CdnSettings, EdgeSettings, WafSettings
from groundwork.components.edge.web_acl import WebAcl
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.storage.settings import BucketSettings

_READ = ("GET", "HEAD", "OPTIONS")
_EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_YEAR = 31_536_000
"""Seconds."""

_KEPT = "Lets browsers keep files whose names change with their content"

_MINIMUM_TLS = "TLSv1.2_2021"
"""CloudFront.15; https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html"""

_HeadersArgs = cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigArgs
_NO_HEADERS = _HeadersArgs(header_behavior="none")


def _headers(*names: str) -> _HeadersArgs:
    items = cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigHeadersArgs(items=list(names))
    return _HeadersArgs(header_behavior="whitelist", headers=items)


class ServedBucket(Protocol):
    """A bucket as :class:`groundwork.components.storage.bucket.Bucket` is."""

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    regional_domain_name: pulumi.Output[str]
    settings: BucketSettings

    @property
    def policy_statements(self) -> list[dict[str, Any]] | None:
        """Return what its policy must say besides; None where the policy is somebody else's."""


class Cdn(Component):
    """A distribution: services uncached but for the paths that are named, their static paths for a year, buckets under their own
    paths.

    Builds: distribution over HTTP/2 and HTTP/3, IPv6; VPC origin where the load balancer is internal; origin access control,
    bucket policy and, where path and key differ, a function for each served bucket; response headers policies; cache
    policies; delivery of access logs to the logs bucket, without cookies.

    Cost: requests and gigabytes out by region, the first terabyte and ten million requests a month free; function calls
    $0.10 per million above two million. ``price_class`` leaves out dear regions.

    Fails: 403 from a bucket's path means that there is no such object (CloudFront may read objects, not list them); 502 that
    the load balancer's certificate does not cover the name that was asked for; 504 that a service took longer than 60 s.
    An alias that another account's distribution has is refused as CNAMEAlreadyExists.

    Changes without replacement: everything; a change reaches all edge locations within minutes.
    """

    layer = "edge"

    arn: pulumi.Output[str]
    distribution_id: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    """CloudFront's own name. With a certificate services answer by the aliases only, since theirs does not cover this name."""
    zone_id: pulumi.Output[str]
    """Hosted zone of every distribution's name, for alias records."""
    dual_stack = True
    checks_health = False
    address: pulumi.Output[str]
    """Where the platform is found: ``https://…``."""
    wanted_statements: dict[str, pulumi.Output[str]]
    """What owners must add to policies of their buckets, by the name in the stack file, as JSON."""

    def __init__(
        self,
        name: str,
        settings: EdgeSettings,
        context: Context,
        *,
        ingress: Ingress,
        origins: Origins,
        services: Mapping[str, ServiceSettings],
        buckets: Mapping[str, ServedBucket],
        logs_bucket: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the distribution and what it needs. ``buckets``: those without ``cdn`` are left alone."""
        super().__init__(name, context, opts)
        cdn = settings.cdn or CdnSettings()
        served = {key: bucket for key, bucket in buckets.items() if bucket.settings.cdn}
        self._served = {key: bucket.settings for key, bucket in served.items()}
        # Services that nothing leads to yet, as while a public load balancer waits for its domain, are not asked.
        self._services = services if origins.by_id else {}
        self._origins = origins
        self._functions: dict[str, pulumi.Output[str]] = {}
        self._headers = response_headers(self, "security").id
        self._bucket_headers = {
            key: response_headers(self, key, bucket.cors).id for key, bucket in self._served.items() if bucket.cors
        }
        self._page_headers = {
            key: response_headers(self, f"{key}-pages", bucket.cors, cache_control="no-cache").id
            for key, bucket in self._served.items()
            if bucket.is_front_end
        }
        self._pages_policy = self._cached_while_unchanged() if self._page_headers else None
        found = path_targets(self._services, self._served, cdn)
        self._static_policy = self._cached_for_a_year() if PathTarget("static") in found.values() else None
        self._assets_policy = self._assets_for_a_year() if any(way.kind == "assets" for way in found.values()) else None
        kept = sorted({way.seconds for way in found.values() if way.kind == "cached"})
        self._cached = {seconds: self._cached_for(seconds) for seconds in kept}
        certificate_arn = ingress.certificate_arn

        behaviors = {path: self._behavior(path, way) for path, way in found.items()}
        distribution = cloudfront.Distribution(
            f"{name}-distribution",
            enabled=True,
            comment=f"{context.platform.name} {context.platform.stage}",
            aliases=list(ingress.names) if certificate_arn is not None else [],
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class=cdn.price_class,
            web_acl_id=self._web_acl(settings.waf, ingress) if settings.waf else None,
            default_root_object="index.html" if found[ALL].kind == "bucket" else None,
            origins=[
                *(self._origin(key, origin) for key, origin in origins.by_id.items()),
                *self._bucket_origins(served),
            ],
            default_cache_behavior=cloudfront.DistributionDefaultCacheBehaviorArgs(**behaviors.pop(ALL)),
            ordered_cache_behaviors=[
                cloudfront.DistributionOrderedCacheBehaviorArgs(path_pattern=path, **behavior)
                for path, behavior in behaviors.items()
            ],
            viewer_certificate=_viewer_certificate(certificate_arn),
            # Countries are the web ACL's business, which logs whom it refuses.
            restrictions=cloudfront.DistributionRestrictionsArgs(
                geo_restriction=cloudfront.DistributionRestrictionsGeoRestrictionArgs(
                    restriction_type="none", locations=[]
                )
            ),
            opts=self.child(),
        )
        self.arn = distribution.arn
        self.distribution_id = distribution.id
        self.dns_name = distribution.domain_name
        self.zone_id = pulumi.Output.from_input(ALIAS_ZONE)
        self.wanted_statements = {}
        for key, bucket in served.items():
            self._bucket_policy(key, bucket)
        if cdn.access_logs and logs_bucket is not None:
            cdn_access_logs(self, self.arn, logs_bucket)
        if ingress.zone is not None and ingress.domain is not None:
            Records(
                f"{name}-records",
                context,
                zone_id=ingress.zone.zone_id,
                domain=ingress.domain,
                aliases=settings.aliases,
                target=self,
                opts=self.child(),
            )
        self.address = pulumi.Output.concat("https://", ingress.domain or self.dns_name)
        self.register_outputs(
            {"address": self.address, "domainName": self.dns_name, "distributionId": self.distribution_id}
        )

    def _web_acl(self, waf: WafSettings, ingress: Ingress) -> pulumi.Output[str]:
        return WebAcl(
            f"{self.name}-web-acl",
            waf,
            self.context,
            scope="CLOUDFRONT",
            global_logs=ingress.global_logs,
            counted=ingress.counted,
            opts=self.child(),
        ).arn

    def _behavior(self, path: str, way: PathTarget) -> dict[str, Any]:
        common: dict[str, Any] = {
            "viewer_protocol_policy": "redirect-to-https",
            "cached_methods": ["GET", "HEAD"],
            "compress": True,
            "response_headers_policy_id": self._headers,
        }
        if way.kind in ("bucket", "assets"):
            return {**common, **self._from_bucket(path, way)}
        if way.kind == "static":
            return {
                **common,
                "target_origin_id": self._services_origin(ALL),
                "allowed_methods": list(_READ),
                "cache_policy_id": self._static_policy,
            }
        if way.kind == "cached":
            return {
                **common,
                "target_origin_id": self._services_origin(path),
                "allowed_methods": list(_EVERY_METHOD),
                "cache_policy_id": self._cached[way.seconds],
            }
        if any(service.path == path and service.protocol == "grpc" for service in self._services.values()):
            common["grpc_config"] = {"enabled": True}
        return {
            **common,
            "target_origin_id": self._services_origin(path),
            "allowed_methods": list(_EVERY_METHOD),
            "cache_policy_id": managed_policies.CACHING_DISABLED,
            "origin_request_policy_id": managed_policies.ALL_VIEWER_EXCEPT_HOST
            if self._origins.by_service
            else managed_policies.ALL_VIEWER,
        }

    def _services_origin(self, path: str) -> str:
        """Return the origin of a path. A load balancer, which routes by path, is one origin for all services; where
        nothing does, CloudFront tells them apart.

        The longest path that covers it counts. A path that no service has goes to the first, which does not know it either.
        """
        first = next(iter(self._origins.by_id))
        if not self._origins.by_service:
            return first
        starts = {
            self._origins.id_of(name): (service.path or ALL).removesuffix("*")
            for name, service in self._services.items()
            if self._origins.id_of(name) in self._origins.by_id
        }
        covering = [key for key, start in starts.items() if path.startswith(start)]
        return max(covering, key=lambda key: len(starts[key]), default=first)

    def _from_bucket(self, path: str, way: PathTarget) -> dict[str, Any]:
        key, bucket = way.bucket, self._served[way.bucket]
        own = bucket_path(key, bucket)
        behavior: dict[str, Any] = {
            "target_origin_id": f"bucket-{key}",
            "allowed_methods": list(_READ),
            "cache_policy_id": managed_policies.CACHING_OPTIMIZED,
        }
        if key in self._bucket_headers:
            behavior["response_headers_policy_id"] = self._bucket_headers[key]
        associations = {}
        if way.kind == "assets":
            behavior["cache_policy_id"] = self._assets_policy
            code, name = rewrite(own, "objects"), f"{self.name}-{key}-assets"
            associations["viewer-response"] = self._function(f"{self.name}-kept", KEPT_FOR_A_YEAR, _KEPT)
        else:
            if bucket.is_front_end:
                behavior["cache_policy_id"] = self._pages_policy
                behavior["response_headers_policy_id"] = self._page_headers[key]
            # Served as the default too, it keeps the keys that its own path would give it.
            code = rewrite(path if path == own else ALL, answering(bucket))
            name = f"{self.name}-{key}" if path != ALL else f"{self.name}-{key}-default"
        if code is not None:
            associations["viewer-request"] = self._function(
                name, code, f"Key of an object in {key} from its path {path}"
            )
        if associations:
            behavior["function_associations"] = [
                {"event_type": event, "function_arn": arn} for event, arn in sorted(associations.items())
            ]
        return behavior

    def _function(self, name: str, code: str, comment: str) -> pulumi.Output[str]:
        """Create a function, once for all behaviors that have it."""
        if name not in self._functions:
            self._functions[name] = cloudfront.Function(
                fit(name, 56),
                runtime="cloudfront-js-2.0",
                comment=comment,
                code=code,
                publish=True,
                opts=self.child(),
            ).arn
        return self._functions[name]

    def _cached_while_unchanged(self) -> pulumi.Output[str]:
        """Create a cache policy for pages: CloudFront asks the bucket each time whether they have changed, unless they say
        themselves how long they last."""
        return self._cache_policy("pages", "Asked for again, by path", _NO_HEADERS, least=0, most=_YEAR, unsaid=0)

    def _assets_for_a_year(self) -> pulumi.Output[str]:
        """Create a cache policy for files of a bucket whose name changes with their content."""
        return self._cache_policy("assets", "A year, by path and query", _NO_HEADERS, least=1, most=_YEAR)

    def _cached_for_a_year(self) -> pulumi.Output[str]:
        """Create a cache policy for files whose name changes with their content. What the service itself says goes
        before.

        Host is part of the key: two services may have different files under one path, each on its own host. It reaches the
        service with that, so it is left out where services know no host but their own. Cookies are not sent to the service,
        so that its answer is nobody's in particular.
        """
        return self._cache_policy(
            "static",
            "A year, by path and query" if self._origins.by_service else "A year, by host, path and query",
            _NO_HEADERS if self._origins.by_service else _headers("Host"),
            least=1,
            most=_YEAR,
        )

    def _cached_for(self, seconds: int) -> pulumi.Output[str]:
        """Create a cache policy for answers that are the same for everybody. A service may answer differently by whose
        page asks (CORS), so that ``Origin`` is part of the key."""
        names = ("Origin",) if self._origins.by_service else ("Host", "Origin")
        return self._cache_policy(
            f"cached-{seconds}",
            f"{seconds} seconds, by {', '.join(names)}, path and query",
            _headers(*names),
            least=0,
            most=seconds,
        )

    def _cache_policy(
        self, key: str, comment: str, headers: _HeadersArgs, *, least: int, most: int, unsaid: int | None = None
    ) -> pulumi.Output[str]:
        """Create a cache policy: between ``least`` and ``most`` seconds as the origin says, ``unsaid``, or else ``most``, where it
        says nothing; never by cookies."""
        parameters = cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginArgs(
            cookies_config=cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfigArgs(
                cookie_behavior="none"
            ),
            headers_config=headers,
            query_strings_config=cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfigArgs(
                query_string_behavior="all"
            ),
            enable_accept_encoding_brotli=True,
            enable_accept_encoding_gzip=True,
        )
        policy = cloudfront.CachePolicy(
            f"{self.name}-{key}",
            comment=comment,
            min_ttl=least,
            default_ttl=most if unsaid is None else unsaid,
            max_ttl=most,
            parameters_in_cache_key_and_forwarded_to_origin=parameters,
            opts=self.child(),
        )
        return policy.id

    def _origin(self, key: str, origin: Origin) -> cloudfront.DistributionOriginArgs:
        timeouts: dict[str, Any] = {"origin_read_timeout": origin.read_timeout}
        if origin.keepalive_timeout is not None:
            timeouts["origin_keepalive_timeout"] = origin.keepalive_timeout
        headers = [] if origin.header is None else [origin.header]
        common: dict[str, Any] = {
            "origin_id": key,
            "domain_name": origin.host,
            "custom_headers": [
                cloudfront.DistributionOriginCustomHeaderArgs(name=name, value=value) for name, value in headers
            ],
        }
        if origin.internal is not None:
            vpc_origin = cloudfront.DistributionOriginVpcOriginConfigArgs(
                vpc_origin_id=self._vpc_origin(origin, origin.internal), **timeouts
            )
            return cloudfront.DistributionOriginArgs(vpc_origin_config=vpc_origin, **common)
        config = cloudfront.DistributionOriginCustomOriginConfigArgs(
            http_port=80,
            https_port=443,
            # A certificate is checked against the Host header where that is forwarded, not against this name.
            # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
            # Without a domain nobody certifies an instance, and requests cross the internet as HTTP: a policy refuses that
            # unless the stack file answers for it.
            origin_protocol_policy=_protocol(origin),
            origin_ssl_protocols=["TLSv1.2"],
            **timeouts,
        )
        return cloudfront.DistributionOriginArgs(custom_origin_config=config, **common)

    def _vpc_origin(self, origin: Origin, balancer: InternalLoadBalancer) -> pulumi.Output[str]:
        return cloudfront.VpcOrigin(
            f"{self.name}-origin",
            vpc_origin_endpoint_config=cloudfront.VpcOriginVpcOriginEndpointConfigArgs(
                name=self.context.global_slug,
                arn=balancer.arn,
                http_port=80,
                https_port=443,
                # Without a domain there is no certificate; the request then travels inside AWS, from CloudFront's interface
                # in the VPC to the load balancer, as HTTP.
                origin_protocol_policy=_protocol(origin),
                origin_ssl_protocols=cloudfront.VpcOriginVpcOriginEndpointConfigOriginSslProtocolsArgs(
                    items=["TLSv1.2"], quantity=1
                ),
            ),
            # The load balancer must have its listener before CloudFront asks it anything.
            opts=self.child(depends_on=[balancer]),
        ).id

    def _bucket_origins(self, served: Mapping[str, ServedBucket]) -> list[cloudfront.DistributionOriginArgs]:
        if not served:
            return []
        control = cloudfront.OriginAccessControl(
            f"{self.name}-buckets",
            description="Signs every request to a bucket",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self.child(),
        )
        return [
            cloudfront.DistributionOriginArgs(
                origin_id=f"bucket-{key}",
                domain_name=bucket.regional_domain_name,
                origin_access_control_id=control.id,
            )
            for key, bucket in served.items()
        ]

    def _bucket_policy(self, key: str, bucket: ServedBucket) -> None:
        """Grant the distribution read access to objects: one that may list a bucket would answer its root path with the
        list.
        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html"""
        read = {
            "Sid": "AllowCloudFrontRead",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": pulumi.Output.concat(bucket.arn, "/*"),
            "Condition": {"StringEquals": {"AWS:SourceArn": self.arn}},
        }
        if bucket.policy_statements is None:
            self.wanted_statements[key] = pulumi.Output.json_dumps(read)
            return
        aws.s3.BucketPolicy(
            f"{self.name}-{key}",
            bucket=bucket.bucket_name,
            policy=policy_document([*bucket.policy_statements, read]),
            opts=self.child(),
        )


def _protocol(origin: Origin) -> str:
    return "https-only" if origin.is_secure else "http-only"


def _viewer_certificate(arn: pulumi.Output[str] | None) -> cloudfront.DistributionViewerCertificateArgs:
    if arn is None:
        return cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
    return cloudfront.DistributionViewerCertificateArgs(
        acm_certificate_arn=arn, ssl_support_method="sni-only", minimum_protocol_version=_MINIMUM_TLS
    )
