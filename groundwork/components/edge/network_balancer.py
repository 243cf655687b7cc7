"""Network Load Balancers in front of services that are reached over TCP."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component, fit
from groundwork.components.context import Context
from groundwork.components.edge.records import DnsEntry
from groundwork.components.network.tiers import NetworkTiers
from groundwork.components.services.tcp import TcpSettings


class NetworkBalancer(Component):
    """A load balancer that passes TCP connections on, and has no listener until a service brings its own.

    Builds: load balancer over all zones, its security group with the ranges that may come in on each port, a record for each
    ``host``, access logs where a listener ends TLS (AWS writes none of others), an alarm.

    The internal one stands in the private subnets, the public one in the public ones. It speaks to nobody but services: their own
    rules allow it. Services see the address of who calls.

    Cost: about $16 a month, and by load (NLCU); a public one also $3.65 for each zone's IPv4 address. Traffic between zones is
    charged.

    Fails: a connection that times out comes from a range that ``from`` does not name; one that is refused finds no copy that is
    well; a TLS handshake that fails asked for another name than ``host``. Idle connections end after 350 seconds unless one side
    keeps them alive (TCP keepalive).

    Changes without replacement: ports, ranges, hosts, logs. A service whose ``from`` gets its first public range moves to the other
    load balancer, which has another address.
    """

    layer = "edge"

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    """The end of the ARN, which metrics have as dimension."""
    dns_name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    certificate_arn: pulumi.Output[str] | None
    """Of the domain; None until it is delegated."""
    is_internal: bool
    dns_entries: list[DnsEntry]
    """Records to enter where the domain's DNS is another provider's."""

    def __init__(
        self,
        name: str,
        services: Mapping[str, TcpSettings],
        context: Context,
        *,
        network: NetworkTiers,
        domain: str | None,
        zone_id: pulumi.Output[str] | None,
        certificate_arn: pulumi.Output[str] | None,
        logs_bucket: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the load balancer for ``services``, which all stand behind the same one. ``domain``: None until names resolve; ``zone_id``: None where its DNS is another
        provider's."""
        super().__init__(name, context, opts)
        self.is_internal = all(service.balancer == "internal" for service in services.values())
        self.certificate_arn = certificate_arn
        group = aws.ec2.SecurityGroup(
            f"{name}-balancer",
            vpc_id=network.vpc_id,
            description="Load balancer in front of services that speak TCP",
            opts=self.child(),
        )
        self.security_group_id = group.id
        for service in services.values():
            self._let_in(service, network)
        balancer = aws.lb.LoadBalancer(
            fit(name, 24),
            load_balancer_type="network",
            internal=self.is_internal,
            ip_address_type="ipv4",
            subnets=list((network.private_subnet_ids if self.is_internal else network.public_subnet_ids).values()),
            security_groups=[group.id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=context.guarded,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=logs_bucket, prefix=LOGS_PREFIX, enabled=True)
            if logs_bucket is not None and any(service.tls for service in services.values())
            else None,
            opts=self.stateful(depends_on=list(network.private_ready if self.is_internal else network.public_ready)),
        )
        self.arn = balancer.arn
        self.arn_suffix = balancer.arn_suffix
        self.dns_name = balancer.dns_name
        hosts = sorted({service.host for service in services.values() if service.host}) if domain else []
        self.dns_entries = [
            {"name": f"{host}.{domain}", "type": "CNAME", "value": balancer.dns_name}
            for host in hosts
            if zone_id is None
        ]
        for host in hosts if zone_id is not None else ():
            aws.route53.Record(
                f"{name}-{host}-a",
                zone_id=zone_id,
                name=f"{host}.{domain}",
                type="A",
                aliases=[
                    aws.route53.RecordAliasArgs(
                        name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False
                    )
                ],
                opts=self.child(),
            )
        alarm(
            self,
            "rejected",
            Metric("AWS/NetworkELB", "RejectedFlowCount", {"LoadBalancer": balancer.arn_suffix}, "Sum"),
            threshold=context.alerting.settings.thresholds.errors_per_minute,
            periods=1,
            description="The load balancer rejects connections: no copy of a service is well, or it has no room for more. Look at the "
            "health of the services' copies first.",
        )
        self.register_outputs({"arn": self.arn, "dnsName": self.dns_name})

    def _let_in(self, service: TcpSettings, network: NetworkTiers) -> None:
        ranges: dict[str, pulumi.Input[str]] = {known: known for known in service.callers} or {"network": network.cidr}
        for key, known in ranges.items():
            aws.vpc.SecurityGroupIngressRule(
                f"{self.name}-{service.port}-{key.translate(_IN_NAMES)}",
                security_group_id=self.security_group_id,
                description=f"Port {service.port} from {'the network' if key == 'network' else key}",
                ip_protocol="tcp",
                from_port=service.port,
                to_port=service.port,
                cidr_ipv4=known,
                opts=self.child(),
            )


_IN_NAMES = str.maketrans({"/": "-", ".": "-"})

LOGS_PREFIX = "network-load-balancer"
