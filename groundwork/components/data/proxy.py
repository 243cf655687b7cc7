"""RDS Proxy: many clients, few connections."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component
from groundwork.components.compute.trust import trusted
from groundwork.components.data.settings import ProxySettings
from groundwork.components.data_tier import DataTier
from groundwork.components.logs import log_group
from groundwork.settings.facts import via_service

_ZONES = 2
"""As many as RDS asks for. Other subnets are another proxy, without which nobody reaches the database for some minutes: a network
that gets a third zone leaves it where it is."""


@dataclass(frozen=True)
class Behind:
    """What the proxy stands before, and how it logs in."""

    identifier: str
    security_group_id: pulumi.Output[str]
    """Lets the proxy in."""
    port: int
    secret_arn: pulumi.Output[str]


def proxy(
    parent: Component,
    settings: ProxySettings,
    behind: Behind,
    network: DataTier,
    *,
    clients_group_id: pulumi.Output[str],
) -> aws.rds.Proxy:
    """Create the proxy before the primary. Clients reach it through their group; its own group leads to the database
    only.

    A fixed name, so that its log group exists before it; where it must be replaced (other subnets), the old one goes first.
    """
    name = f"{parent.name}-proxy"
    group = aws.ec2.SecurityGroup(
        name, description=f"{parent.name}: from the proxy to the database", vpc_id=network.vpc_id, opts=parent.child()
    )
    aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        referenced_security_group_id=behind.security_group_id,
        ip_protocol="tcp",
        from_port=behind.port,
        to_port=behind.port,
        description="To the database",
        opts=parent.child(),
    )
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=behind.security_group_id,
        referenced_security_group_id=group.id,
        ip_protocol="tcp",
        from_port=behind.port,
        to_port=behind.port,
        description="From the proxy",
        opts=parent.child(),
    )
    role, permission = _role(parent, name, behind)
    fixed = f"{behind.identifier}-proxy"
    logs = log_group(parent, "proxy", f"/aws/rds/proxy/{fixed}")
    return aws.rds.Proxy(
        name,
        name=fixed,
        engine_family="POSTGRESQL",
        auths=[
            aws.rds.ProxyAuthArgs(
                auth_scheme="SECRETS",
                client_password_auth_type="POSTGRES_SCRAM_SHA_256",  # noqa: S106 - a kind of login
                iam_auth="DISABLED",
                secret_arn=behind.secret_arn,
            )
        ],
        role_arn=role.arn,
        require_tls=True,
        idle_client_timeout=settings.idle_timeout,
        vpc_subnet_ids=list(network.data_subnet_ids.values())[:_ZONES],
        vpc_security_group_ids=[clients_group_id, group.id],
        opts=parent.child(depends_on=[permission, logs], delete_before_replace=True),
    )


def pool(
    parent: Component,
    settings: ProxySettings,
    before: aws.rds.Proxy,
    instance: aws.rds.Instance,
    *,
    after: pulumi.Resource,
) -> None:
    """Register the instance with the proxy and configure its connection pool; ``after`` are the credentials it logs in
    with."""
    name = f"{parent.name}-proxy"
    targets = aws.rds.ProxyDefaultTargetGroup(
        name,
        db_proxy_name=before.name,
        connection_pool_config=aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(
            max_connections_percent=settings.max_connections_percent,
            max_idle_connections_percent=settings.max_connections_percent // 2,
        ),
        opts=parent.child(),
    )
    aws.rds.ProxyTarget(
        name,
        db_proxy_name=before.name,
        target_group_name=targets.name,
        db_instance_identifier=instance.identifier,
        opts=parent.child(depends_on=[after]),
    )


def _role(parent: Component, name: str, behind: Behind) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """Create the role with which RDS Proxy reads the credentials.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-iam-setup.html"""
    context = parent.context
    role = aws.iam.Role(
        name,
        description="RDS Proxy reads the database's credentials",
        # Its guide asks for no source keys, and a proxy whose role is shut lets nobody in.
        assume_role_policy=trusted("rds.amazonaws.com"),
        opts=parent.child(),
    )
    through = {"StringEquals": {"kms:ViaService": via_service("secretsmanager", context.region)}}
    permission = aws.iam.RolePolicy(
        name,
        role=role.name,
        policy=policy_document(
            [
                Statement("ReadCredentials", ["secretsmanager:GetSecretValue"], [behind.secret_arn]),
                Statement("DecryptCredentials", ["kms:Decrypt"], [parent.context.key_arn("secrets")], through),
            ]
        ),
        opts=parent.child(),
    )
    return role, permission
