"""AWS DMS: copies a database into the platform's and follows it until the switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant
from groundwork.components.base import Component, fit
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.context import Context
from groundwork.components.logs import log_group
from groundwork.components.migration.alarms import publish_events, watch_instance, watch_task
from groundwork.components.migration.documents import table_mappings, task_settings
from groundwork.components.migration.roles import Login, linked_roles, login_role
from groundwork.components.migration.settings import MigrationSettings
from groundwork.components.secrets.secret import container, revealed
from groundwork.settings.base import window_in_utc

_HTTPS = 443
_MYSQL = ("aurora", "mariadb", "mysql")
_POSTGRES = ("aurora-postgresql", "postgres")


@dataclass(frozen=True)
class _Secret:
    arn: pulumi.Output[str]
    version: aws.secretsmanager.SecretVersion


class Migration(Component):
    """A replication instance between a database elsewhere and the platform's, with the task that copies all rows and then
    every change. It moves rows; tables, indexes and rights must be there before. How to go about it: docs/migration.md.

    Builds: replication instance in the private subnets without a public address, its security group (out to the source's
    addresses on its port, to the database, to HTTPS; nothing in), an endpoint for each side over TLS, the task, the role that
    reads both logins, a secret with the source's where it is sealed in the stack file, log group, alarms and notices of
    failures; by settings the task for the way back, and the account's two roles of DMS.

    Cost: class × hours, twice with Multi-AZ; gigabytes beyond the 50 to 100 that a class brings; logs and traffic from the
    source. Nothing when the layer is left out of the stack file, which removes all of it: nothing here is protected.

    Fails: ``Test connection failed`` on the endpoint: address, login or certificate of the source. A task that fails or stops
    is told to the topic for notices, its log is ``dms-tasks-…``. Without ``dms-vpc-role`` the subnet group is refused ("The IAM
    Role … is not configured properly"); where another stack made the roles, theirs "already exists": ``linked_roles: false``.
    A source that keeps its log for a task that stands still fills its disk.

    Changes without replacement: class, storage upwards, Multi-AZ, window, version, tables and settings of a task that is
    stopped. Another source engine, or another endpoint for a task, is another task, which begins with a full load.
    """

    layer = "migration"

    task_arns: dict[str, pulumi.Output[str]]
    """``forward``, and ``back`` where there is a way back."""
    instance_arn: pulumi.Output[str]
    source_secret_arn: pulumi.Input[str]
    """The source's login."""
    log_group_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: MigrationSettings,
        context: Context,
        *,
        network: NetworkLike,
        database: Grant,
        administrator: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create replication instance, endpoints and tasks. ``database``: what ``connect`` to the platform's database
        grants. ``administrator``: the secret of its administrator, where services log in as somebody else."""
        super().__init__(name, context, opts)
        self._settings = settings
        self._identifier = fit(f"{name}-{context.platform.stage}", 63)
        source, target = self._source(), self._target(database, administrator)
        self.source_secret_arn = source.secret_arn
        group = log_group(self, "tasks", f"dms-tasks-{self._identifier}")
        self.log_group_name = group.name
        roles = list(linked_roles(self)) if settings.linked_roles else []
        instance = self._instance(
            network, self._group(network, database), before=[*roles, group, *network.private_ready]
        )
        self.instance_arn = instance.replication_instance_arn
        self._role, self._reads = login_role(self, [source, target])
        self.task_arns = {"forward": self._task("forward", settings.kind, source, target)}
        if settings.way_back:
            self.task_arns["back"] = self._task("back", "cdc", target, source)
        watch_instance(self, self._identifier, settings)
        for key in self.task_arns:
            watch_task(self, key, identifier=self._identifier, task=self._task_identifier(key), settings=settings)
        publish_events(self, self.instance_arn, self.task_arns)
        self.register_outputs({"taskArns": self.task_arns, "instanceArn": self.instance_arn})

    def _source(self) -> Login:
        source = self._settings.source
        made = None if source.secret else self._secret()
        return Login(
            engine=source.engine,
            database=source.database,
            secret_arn=made.arn if made else str(source.secret),
            kms_key_arn=source.secret_key if source.secret else self.context.key_arn("secrets"),
            ssl_mode=source.ssl_mode,
            certificate_arn=self._certificate("source", source.certificate),
            ready=(made.version,) if made else (),
        )

    def _target(self, database: Grant, administrator: pulumi.Input[str] | None) -> Login:
        """Log in to the target as the administrator: nobody else may switch off triggers, or follow the log on the
        way back.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
        """
        target = self._settings.target
        reference = database.secrets["DATABASE_PASSWORD"]
        return Login(
            engine="postgres",
            database=str(database.environment["DATABASE_NAME"]),
            secret_arn=reference.arn if administrator is None else administrator,
            kms_key_arn=reference.kms_key_arn,
            ssl_mode=target.ssl_mode,
            certificate_arn=self._certificate("target", target.certificate),
        )

    def _secret(self) -> _Secret:
        """Store the source's login in the shape that DMS reads. It holds a copy of what the source's owner has, so it
        goes with the layer."""
        source, context = self._settings.source, self.context
        path = f"{context.prefix.strip('/')}/migration/source"
        secret = container(
            self,
            f"{self.name}-source",
            path,
            f"{self.name}: login at the source",
            is_copy=True,
        )
        password = revealed(source.password) if source.password else ""
        version = aws.secretsmanager.SecretVersion(
            f"{self.name}-source",
            secret_id=secret.id,
            secret_string=pulumi.Output.json_dumps(
                {"host": source.host, "port": source.listens_on, "username": source.username, "password": password}
            ),
            opts=self.child(),
        )
        return _Secret(secret.arn, version)

    def _certificate(self, key: str, pem: str | None) -> pulumi.Output[str] | None:
        if pem is None:
            return None
        return aws.dms.Certificate(
            f"{self.name}-{key}",
            certificate_id=f"{self._identifier}-{key}",
            certificate_pem=pem,
            opts=self._renewed(),
        ).certificate_arn

    def _group(self, network: NetworkLike, database: Grant) -> pulumi.Output[str]:
        """Create the instance's security group. Nothing comes in; out go the source's port, the database's, and HTTPS
        for Secrets Manager."""
        source = self._settings.source
        group = aws.ec2.SecurityGroup(
            f"{self.name}-instance",
            description=f"{self.name}: replication instance",
            vpc_id=network.vpc_id,
            opts=self.child(),
        )
        for cidr in source.addresses:
            self._out(f"source-{cidr}", group.id, source.listens_on, "to the source", cidr_ipv4=cidr)
        for opening in database.openings:
            aws.vpc.SecurityGroupIngressRule(
                f"{self.name}-database",
                security_group_id=opening.security_group_id,
                referenced_security_group_id=group.id,
                ip_protocol="tcp",
                from_port=opening.port,
                to_port=opening.port,
                description=opening.description,
                opts=self.child(),
            )
            self._out(
                "database",
                group.id,
                opening.port,
                opening.description,
                referenced_security_group_id=opening.security_group_id,
            )
        # Security groups know no names: an endpoint of Secrets Manager or NAT's way to its public address.
        self._out("https", group.id, _HTTPS, "to Secrets Manager", cidr_ipv4="0.0.0.0/0")
        return group.id

    def _out(self, key: str, group_id: pulumi.Output[str], port: int, description: str, **where: Any) -> None:
        aws.vpc.SecurityGroupEgressRule(
            f"{self.name}-{key}",
            security_group_id=group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
            opts=self.child(),
            **where,
        )

    def _instance(
        self, network: NetworkLike, group_id: pulumi.Output[str], *, before: list[pulumi.Resource]
    ) -> aws.dms.ReplicationInstance:
        settings, context = self._settings, self.context
        subnets = aws.dms.ReplicationSubnetGroup(
            f"{self.name}-subnets",
            replication_subnet_group_id=self._identifier,
            replication_subnet_group_description=f"{self.name}: private subnets",
            subnet_ids=list(network.private_subnet_ids.values()),
            opts=self._renewed(depends_on=before),
        )
        return aws.dms.ReplicationInstance(
            f"{self.name}-instance",
            replication_instance_id=self._identifier,
            replication_instance_class=settings.instance_class,
            engine_version=settings.version,
            allocated_storage=settings.storage,
            multi_az=settings.multi_az,
            publicly_accessible=False,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=True,
            apply_immediately=not context.is_prod,
            preferred_maintenance_window=window_in_utc(settings.maintenance_window, context.platform.timezone),
            kms_key_arn=self.context.key_arn("data"),
            network_type="IPV4",
            replication_subnet_group_id=subnets.replication_subnet_group_id,
            vpc_security_group_ids=[group_id],
            opts=self._renewed(depends_on=before),
        )

    def _endpoint(self, key: str, kind: str, login: Login) -> aws.dms.Endpoint:
        return aws.dms.Endpoint(
            f"{self.name}-{key}-{kind}",
            endpoint_id=f"{self._identifier}-{key}-{kind}",
            endpoint_type=kind,
            engine_name=login.engine,
            # A MySQL endpoint with a name replicates every table into that one database; its tables' rules name the database:
            # https://docs.aws.amazon.com/dms/latest/APIReference/API_MySQLSettings.html
            database_name=None if login.engine in _MYSQL else login.database,
            secrets_manager_access_role_arn=self._role.arn,
            secrets_manager_arn=login.secret_arn,
            ssl_mode=login.ssl_mode,
            certificate_arn=login.certificate_arn,
            kms_key_arn=self.context.key_arn("data"),
            postgres_settings=_postgres(kind) if login.engine in _POSTGRES else None,
            extra_connection_attributes=_UNCHECKED if login.engine in _MYSQL and kind == "target" else None,
            opts=self._renewed(depends_on=[self._reads, *login.ready]),
        )

    def _task(self, key: str, kind: str, source: Login, target: Login) -> pulumi.Output[str]:
        back = key == "back"
        return aws.dms.ReplicationTask(
            f"{self.name}-{key}",
            replication_task_id=f"{self._identifier}-{key}",
            resource_identifier=self._task_identifier(key),
            migration_type=kind,
            replication_instance_arn=self.instance_arn,
            source_endpoint_arn=self._endpoint(key, "source", source).endpoint_arn,
            target_endpoint_arn=self._endpoint(key, "target", target).endpoint_arn,
            table_mappings=table_mappings(self._settings.tables, back=back),
            replication_task_settings=task_settings(self._settings, back=back),
            start_replication_task=self._settings.start and not back,
            opts=self._renewed(),
        ).replication_task_arn

    def _task_identifier(self, key: str) -> str:
        """Return the end of the task's ARN, which CloudWatch names it by; 31 characters."""
        return fit(f"{self._identifier}-{key}", 31)

    def _renewed(self, **options: Any) -> pulumi.ResourceOptions:
        """Return options of a child with a fixed name, as DMS wants them: the old one goes before the new one comes."""
        return self.child(delete_before_replace=True, **options)


# Rows arrive table by table, a child before its parent; constraints were checked at the source.
_UNCHECKED = "initstmt=SET FOREIGN_KEY_CHECKS=0"


def _postgres(kind: str) -> aws.dms.EndpointPostgresSettingsArgs:
    """Return an endpoint's settings. A source is left as it is: DMS would put a trigger and a table there to see
    changes of the schema, which has to stand still in a migration.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.PostgreSQL.html"""
    if kind == "target":
        return aws.dms.EndpointPostgresSettingsArgs(after_connect_script="SET session_replication_role = 'replica'")
    return aws.dms.EndpointPostgresSettingsArgs(capture_ddls=False, fail_tasks_on_lob_truncation=True)
