"""The Application Load Balancer in front of services."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component, fit
from groundwork.components.context import Context
from groundwork.components.edge.settings import LoadBalancerSettings
from groundwork.components.network.tiers import NetworkTiers

CLOUDFRONT_ADDRESSES = "com.amazonaws.global.cloudfront.origin-facing"
"""AWS's own list of the addresses from which CloudFront asks origins, through a VPC origin too.

It counts as 55 of a security group's 60 rules, so it goes with one port only.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html
"""

_EVERYWHERE = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy (ELB.17).

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
"""


class LoadBalancer(Component):
    """A load balancer that answers 404 until a service adds its rule.

    Builds: load balancer, security group with what may come in; one listener: HTTPS with a certificate, else HTTP inside the
    VPC; where the internet reaches it another that sends HTTP to HTTPS; the association with a web ACL; alarms.

    ``vpc-origin`` stands in the private subnets and has no public address: CloudFront reaches it through an interface of its
    own in the VPC. ``cloudfront`` is public, lets in CloudFront's addresses only, and services answer only requests with
    the secret header. ``internet`` takes 443 from anywhere. It speaks to nobody but services: their own rules allow it.

    Cost: about $16 to $22 a month by region, and by load (LCU); a public one also $3.65 for each zone's IPv4 address.

    Fails: 503 means no service is well, 502 that one closed the connection, 504 that it took longer than the idle timeout;
    404 "not found" that no service has the path, or that the secret header is missing. The alarm counts what it answers itself.

    Changes without replacement: timeouts, logs, certificate, web ACL. Replaced: all of it with ``exposure`` between
    ``vpc-origin`` and the public ones, since a load balancer cannot change between internal and public.
    """

    layer = "edge"

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    """The end of the ARN, which metrics have as dimension."""
    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """Hosted zone of the DNS name, for alias records."""
    security_group_id: pulumi.Output[str]
    vpc_id: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    """The listener on which services add rules."""
    secure: bool
    """Whether that listener speaks HTTPS."""
    is_internal: bool
    """It stands in the private subnets and has no public address."""
    dual_stack: bool
    """Whether it has IPv6 addresses too."""
    checks_health = True
    """Records leave it out while no service behind it is well."""
    origin_header: tuple[str, pulumi.Output[str]] | None
    """Name and value of the header that every request must carry; None where the way in is proof enough, or open to all."""

    settings: LoadBalancerSettings

    def __init__(
        self,
        name: str,
        settings: LoadBalancerSettings,
        context: Context,
        *,
        network: NetworkTiers,
        certificate_arn: pulumi.Output[str] | None,
        logs_bucket: pulumi.Output[str] | None,
        web_acl_arn: pulumi.Output[str] | None,
        origin_header: tuple[str, pulumi.Output[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the load balancer with its listeners. ``logs_bucket``: a name that is known only once the bucket's
        policy lets load balancers write there."""
        super().__init__(name, context, opts)
        self.settings = settings
        self.vpc_id = network.vpc_id
        self.secure = certificate_arn is not None
        self.is_internal = settings.exposure == "vpc-origin"
        self.dual_stack = network.vpc_ipv6 and not self.is_internal
        self.origin_header = origin_header if settings.exposure == "cloudfront" else None
        self.security_group_id = self._security_group()

        balancer = aws.lb.LoadBalancer(
            fit(name, 24),
            load_balancer_type="application",
            internal=self.is_internal,
            ip_address_type="dualstack" if self.dual_stack else "ipv4",
            subnets=list((network.private_subnet_ids if self.is_internal else network.public_subnet_ids).values()),
            security_groups=[self.security_group_id],
            idle_timeout=settings.idle_timeout,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_deletion_protection=context.guarded,
            access_logs=_access_logs(settings, logs_bucket),
            # Without a route to the internet gateway a public one is refused.
            opts=self.stateful(depends_on=list(network.private_ready if self.is_internal else network.public_ready)),
        )
        self.arn = balancer.arn
        self.arn_suffix = balancer.arn_suffix
        self.dns_name = balancer.dns_name
        self.zone_id = balancer.zone_id
        self.listener_arn = self._listener(certificate_arn)
        if settings.exposure == "internet":
            self._redirect()
        if web_acl_arn is not None:
            aws.wafv2.WebAclAssociation(
                f"{name}-web-acl", resource_arn=self.arn, web_acl_arn=web_acl_arn, opts=self.child()
            )
        self._alarms()
        self.register_outputs({"arn": self.arn, "dnsName": self.dns_name})

    def _security_group(self) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{self.name}-balancer",
            vpc_id=self.vpc_id,
            description="Load balancer in front of services",
            opts=self.child(),
        )
        port = 443 if self.secure else 80
        if self.settings.exposure == "internet":
            for family in ("ipv4", "ipv6") if self.dual_stack else ("ipv4",):
                source: dict[str, Any] = {f"cidr_{family}": _EVERYWHERE[family]}
                self._let_in(group.id, f"https-{family}", 443, "HTTPS from anywhere", source)
                self._let_in(group.id, f"http-{family}", 80, "HTTP from anywhere, only to be sent to HTTPS", source)
        else:
            addresses = aws.ec2.get_managed_prefix_list_output(
                name=CLOUDFRONT_ADDRESSES, opts=pulumi.InvokeOptions(parent=self)
            )
            self._let_in(group.id, "cloudfront", port, "From CloudFront", {"prefix_list_id": addresses.id})
        return group.id

    def _let_in(
        self, group_id: pulumi.Output[str], key: str, port: int, description: str, source: dict[str, Any]
    ) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-{key}",
            security_group_id=group_id,
            description=description,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=self.child(),
            **source,
        )

    def _listener(self, certificate_arn: pulumi.Output[str] | None) -> pulumi.Output[str]:
        tls: dict[str, Any] = {"port": 80, "protocol": "HTTP"}
        if certificate_arn is not None:
            tls = {"port": 443, "protocol": "HTTPS", "ssl_policy": TLS_POLICY, "certificate_arn": certificate_arn}
        listener = aws.lb.Listener(
            f"{self.name}-services",
            load_balancer_arn=self.arn,
            default_actions=[
                aws.lb.ListenerDefaultActionArgs(
                    type="fixed-response",
                    fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", message_body="not found", status_code="404"
                    ),
                )
            ],
            opts=self.child(),
            **tls,
        )
        return listener.arn

    def _redirect(self) -> None:
        aws.lb.Listener(
            f"{self.name}-redirect",
            load_balancer_arn=self.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                aws.lb.ListenerDefaultActionArgs(
                    type="redirect",
                    redirect=aws.lb.ListenerDefaultActionRedirectArgs(
                        port="443", protocol="HTTPS", status_code="HTTP_301"
                    ),
                )
            ],
            opts=self.child(),
        )

    def _alarms(self) -> None:
        threshold = self.context.alerting.settings.thresholds.errors_per_minute
        if threshold is None:
            return
        dimensions = {"LoadBalancer": self.arn_suffix}
        alarm(
            self,
            "errors",
            Metric("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", dimensions, "Sum"),
            threshold=threshold,
            periods=1,
            description="The load balancer itself answers with errors: no service is well, or none answers in time. "
            "Look at the health of the services' tasks first.",
        )
        alarm(
            self,
            "refused-connections",
            Metric("AWS/ApplicationELB", "TargetConnectionErrorCount", dimensions, "Sum"),
            threshold=threshold,
            description="The load balancer cannot connect to services: they are overloaded, stopping, or a security group "
            "is in the way.",
        )


def _access_logs(
    settings: LoadBalancerSettings, logs_bucket: pulumi.Output[str] | None
) -> aws.lb.LoadBalancerAccessLogsArgs | None:
    if logs_bucket is None or not settings.access_logs:
        return None
    return aws.lb.LoadBalancerAccessLogsArgs(bucket=logs_bucket, prefix="load-balancer", enabled=True)
