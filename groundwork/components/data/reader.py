"""One name for several replicas."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component


def reader_name(
    parent: Component,
    vpc_id: pulumi.Input[str],
    replicas: Mapping[str, aws.rds.Instance],
    lag_alarms: Mapping[str, aws.cloudwatch.MetricAlarm],
) -> str:
    """Create a private name that resolves to one replica after another, skipping those whose lag alarm has gone off.

    RDS Proxy cannot do this: for RDS instances it stands before the writer only, and its reader endpoints exist for Aurora.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html#rds-proxy.limitations
    If every replica is behind, Route 53 answers with all of them.
    """
    platform = parent.context.platform
    domain = f"database.{platform.slug}.internal"
    zone = aws.route53.Zone(
        f"{parent.name}-reader",
        name=domain,
        comment=f"{parent.name}: read replicas",
        vpcs=[aws.route53.ZoneVpcArgs(vpc_id=vpc_id)],
        force_destroy=not parent.context.guarded,
        opts=parent.child(),
    )
    name = f"reader.{domain}"
    for key, replica in replicas.items():
        check = _health(parent, key, lag_alarms[key]) if key in lag_alarms else None
        aws.route53.Record(
            f"{parent.name}-{key}",
            zone_id=zone.zone_id,
            name=name,
            type="CNAME",
            ttl=5,
            records=[replica.address],
            set_identifier=key,
            weighted_routing_policies=[aws.route53.RecordWeightedRoutingPolicyArgs(weight=10)],
            health_check_id=None if check is None else check.id,
            opts=parent.child(),
        )
    return name


def _health(parent: Component, key: str, lag: aws.cloudwatch.MetricAlarm) -> aws.route53.HealthCheck:
    """Route 53 cannot reach into a VPC; it can follow an alarm.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-private-hosted-zones.html
    """
    return aws.route53.HealthCheck(
        f"{parent.name}-{key}",
        type="CLOUDWATCH_METRIC",
        cloudwatch_alarm_name=lag.name,
        cloudwatch_alarm_region=parent.context.region,
        insufficient_data_health_status="Unhealthy",
        opts=parent.child(),
    )
