"""The component: wires primary, replicas, proxy and archive, and says what a workload gets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Opening, SecretReference
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.data.alarms import watch_instance, watch_lag
from groundwork.components.data.archive import archive
from groundwork.components.data.proxy import Behind, pool, proxy
from groundwork.components.data.reader import reader_name
from groundwork.components.data.settings import DataSettings
from groundwork.components.data.shape import InstanceShape, identifier_of, monitoring_role, parameter_group
from groundwork.components.data_tier import DataTier
from groundwork.components.secrets.rotation import changing
from groundwork.components.secrets.secret import container, drawn_password, first_version
from groundwork.settings.base import window_in_utc

_PRIMARY = "primary"


class Database(Component):
    """PostgreSQL on RDS in the data tier: encrypted, TLS only, private, backed up.

    Builds: subnet group, security groups, parameter group, instance, its secret, log groups and alarms; by settings read
    replicas, a proxy before the primary, enhanced monitoring, a monthly archive by AWS Backup. Workloads reach one security
    group, which stands before whatever they may talk to: the proxy where there is one, else the primary, and the replicas.
    Its rules come from their grants.

    The password is drawn once by Secrets Manager and kept in a secret of this stack, not managed by RDS: RDS refuses to
    make a replica of an instance whose password it manages, and changes that password every week under the feet of tasks
    that were given it when they started
    (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html#rds-secrets-manager-limitations).

    Rotation (``rotation_days``): services then log in as one of two users in turn, which ``functions/rotate_database`` makes and
    which own everything through one role, so that a running copy keeps its login until the change after. The administrator
    moves to a secret of its own, which only that function reads. See :meth:`rotation`.

    Readers: one replica is its own address. Several have a private name that leads to each in turn and passes over those
    that lag. A certificate bears the instance's name, so clients of that name can check who signed it, not the name
    (``DATABASE_READER_SSLMODE`` is ``verify-ca``); ``DATABASE_READER_HOSTS`` lists the replicas for those that spread
    connections themselves and then check in full.

    Cost: class × hours, twice with Multi-AZ, again for each replica; gigabytes of storage; a proxy costs by the primary's
    vCPUs and hour; monitoring and logs by gigabyte. Performance Insights of seven days is free.

    Fails: ``storage-full`` when growth has reached ``storage.max``; connections refused above the class's limit; failover of a
    Multi-AZ instance breaks connections for one or two minutes; clients without the RDS certificate bundle report an
    unknown authority. Alarms and RDS events go to the alert topic.

    Changes without replacement: class, storage upwards, Multi-AZ, windows, backups, parameters, port, proxy, replicas, rotation, minor
    and (with ``upgrade_from``) major versions; what needs a restart waits for the maintenance window unless
    ``apply_immediately``. Key, database name, administrator and ``extended_support`` are for ever: another one means another
    instance, which the fixed identifier and protection make fail instead of losing data.
    """

    layer = "data"

    security_group_id: pulumi.Output[str]
    """The group that workloads reach."""
    address: pulumi.Output[str]
    """Where to write: the proxy, or the primary."""
    reader_address: pulumi.Output[str]
    """Where to read: the replicas, or where to write when there are none."""
    secret_arn: pulumi.Output[str]
    """JSON: engine, host, port, dbname, username, password, url, reader_url."""
    rotated: Mapping[str, pulumi.Output[str]]
    """What changes every ``rotation_days``: secrets by what they are for; empty without."""
    identifier: str
    """The primary's name in RDS."""
    arn: pulumi.Output[str]
    """The primary's."""

    def __init__(
        self,
        name: str,
        settings: DataSettings,
        context: Context,
        *,
        network: DataTier,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the database with its replicas, secret and alarms. ``network`` has the subnets that it stands in: a :class:`Network`, or
        ``DataSubnets`` of a program's own."""
        super().__init__(name, context, opts)
        self._settings = settings
        self.identifier = identifier_of(self)
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets",
            description=f"{name}: data tier",
            subnet_ids=list(network.data_subnet_ids.values()),
            opts=self.child(),
        )
        clients = self._group("clients", "what services reach", network.vpc_id)
        behind = self._group("primary", "what the proxy reaches", network.vpc_id) if settings.proxy else clients
        current = parameter_group(self, settings, settings.major_version)
        shape = InstanceShape(
            parent=self,
            settings=settings,
            identifier=self.identifier,
            parameter_group=current,
            # RDS refuses an instance a group of another family than its own version's, and replicas are upgraded after the primary.
            # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
            replicas_parameter_group=parameter_group(self, settings, settings.upgrade_from)
            if settings.upgrade_from
            else current,
            monitoring_role=monitoring_role(self, self.identifier) if settings.monitoring_interval else None,
        )
        primary = self._primary(shape, subnets, behind.id)
        self._replicas = self._read_replicas(shape, primary, clients.id)
        self.security_group_id = clients.id
        secret = container(
            self,
            f"{name}-credentials",
            f"{context.prefix.strip('/')}/database",
            f"{name}: administrator",
        )
        self.secret_arn = secret.arn
        self.arn = primary.arn
        before = None
        if settings.proxy:
            behind_it = Behind(self.identifier, behind.id, settings.port, secret.arn)
            before = proxy(self, settings.proxy, behind_it, network, clients_group_id=clients.id)
        self.address = primary.address if before is None else before.endpoint
        watch_instance(self, _PRIMARY, primary.identifier, settings.instance_class, settings=settings)
        lag = {}
        for key, replica in self._replicas.items():
            instance_class = settings.replicas[key].instance_class or settings.instance_class
            watch_instance(self, key, replica.identifier, instance_class, settings=settings)
            if raised := watch_lag(self, key, replica.identifier):
                lag[key] = raised[0]
        self.reader_address = self._reader(network.vpc_id, lag)
        version = self._credentials(secret, primary)
        self.rotated = self._rotated(primary) if settings.rotation_days else {}
        if before is not None and settings.proxy:
            pool(self, settings.proxy, before, primary, after=version)
        self._events([primary, *self._replicas.values()], shape.parameter_group)
        if settings.archive:
            archive(self, settings, settings.archive, primary.arn)
        self.register_outputs(
            {"address": self.address, "readerAddress": self.reader_address, "secretArn": self.secret_arn}
        )

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``connect`` (write and read) or ``read`` (the replicas' addresses alone; PostgreSQL's own rights decide
        what the login may do there)."""
        settings = self._settings
        write = self.address if level == "connect" else self.reader_address
        environment: dict[str, pulumi.Input[str]] = {
            "DATABASE_HOST": write,
            "DATABASE_READER_HOST": self.reader_address,
            "DATABASE_READER_HOSTS": pulumi.Output.all(*self._reader_hosts()).apply(",".join),
            "DATABASE_PORT": str(settings.port),
            "DATABASE_NAME": settings.name,
            "DATABASE_SSLMODE": _FULL if level == "connect" else self._reader_sslmode,
            "DATABASE_READER_SSLMODE": self._reader_sslmode,
        }
        keys = {"DATABASE_USERNAME": "username", "DATABASE_PASSWORD": "password", "DATABASE_READER_URL": "reader_url"}
        keys["DATABASE_URL"] = "url" if level == "connect" else "reader_url"
        return Grant(
            openings=[Opening(self.security_group_id, settings.port, f"PostgreSQL of {self.name}")],
            environment=environment,
            secrets={
                variable: SecretReference(self.secret_arn, self.context.key_arn("secrets"), key)
                for variable, key in sorted(keys.items())
            },
        )

    @property
    def _reader_sslmode(self) -> str:
        return _CA_ONLY if len(self._replicas) > 1 else _FULL

    def _reader_hosts(self) -> list[pulumi.Output[str]]:
        return [replica.address for replica in self._replicas.values()] or [self.address]

    def _group(self, key: str, purpose: str, vpc_id: pulumi.Input[str]) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self.name}-{key}", description=f"{self.name}: {purpose}", vpc_id=vpc_id, opts=self.child()
        )

    def _primary(
        self, shape: InstanceShape, subnets: aws.rds.SubnetGroup, group_id: pulumi.Output[str]
    ) -> aws.rds.Instance:
        settings, context = self._settings, self.context
        arguments, before = shape.arguments(self.identifier, _PRIMARY, shape.parameter_group)
        return aws.rds.Instance(
            f"{self.name}-{_PRIMARY}",
            **arguments,
            engine="postgres",
            engine_version=settings.version,
            engine_lifecycle_support=_SUPPORT[settings.extended_support],
            allow_major_version_upgrade=settings.upgrade_from is not None,
            instance_class=settings.instance_class,
            # What it grows by itself is no drift: the provider leaves a larger volume alone while max_allocated_storage is set.
            allocated_storage=settings.storage.size,
            kms_key_id=self.context.key_arn("data"),
            db_name=settings.name,
            username=settings.username,
            password=drawn_password(self),
            port=settings.port,
            multi_az=settings.multi_az,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group_id],
            backup_retention_period=settings.backup.retention_days,
            backup_window=window_in_utc(settings.backup.window, context.platform.timezone),
            delete_automated_backups=not context.is_prod,
            skip_final_snapshot=not context.is_prod,
            final_snapshot_identifier=self._final_snapshot(subnets) if context.is_prod else None,
            opts=self.stateful(
                depends_on=before,
                ignore_changes=["password"],
                delete_before_replace=None if context.is_prod else True,
            ),
        )

    def _final_snapshot(self, subnets: aws.rds.SubnetGroup) -> pulumi.Output[str]:
        """Return the final snapshot's name. The subnet group lives as long as the database and has a suffix that no
        earlier one had, so that a second database of this name does not collide with the snapshot of the first."""
        return subnets.name.apply(lambda name: f"{self.identifier}-final-{name[-7:]}")

    def _read_replicas(
        self, shape: InstanceShape, primary: aws.rds.Instance, group_id: pulumi.Output[str]
    ) -> dict[str, aws.rds.Instance]:
        made: dict[str, aws.rds.Instance] = {}
        wanted = self._settings.replicas

        def make(key: str) -> aws.rds.Instance:
            if key not in made:
                of = wanted[key].of
                made[key] = self._read_replica(shape, key, make(of) if of else primary, group_id)
            return made[key]

        return {key: make(key) for key in wanted}

    def _read_replica(
        self, shape: InstanceShape, key: str, source: aws.rds.Instance, group_id: pulumi.Output[str]
    ) -> aws.rds.Instance:
        """Create a replica, which inherits engine, login, network and key of what it copies, in the same region."""
        settings, replica = self._settings, self._settings.replicas[key]
        arguments, before = shape.arguments(identifier_of(self, key), key, shape.replicas_parameter_group)
        copied = any(other.of == key for other in settings.replicas.values())
        return aws.rds.Instance(
            f"{self.name}-{key}",
            **arguments,
            replicate_source_db=source.identifier,
            instance_class=replica.instance_class or settings.instance_class,
            availability_zone=f"{self.context.region}{replica.zone}" if replica.zone else None,
            multi_az=False,
            vpc_security_group_ids=[group_id],
            # Only what is itself copied needs backups: they are where a replica starts from.
            backup_retention_period=1 if copied else 0,
            skip_final_snapshot=True,
            opts=self.stateful(depends_on=before, delete_before_replace=None if self.context.is_prod else True),
        )

    def _reader(
        self, vpc_id: pulumi.Input[str], lag_alarms: dict[str, aws.cloudwatch.MetricAlarm]
    ) -> pulumi.Output[str]:
        if len(self._replicas) > 1:
            return pulumi.Output.from_input(reader_name(self, vpc_id, self._replicas, lag_alarms))
        return self._reader_hosts()[0]

    def _credentials(
        self, secret: aws.secretsmanager.Secret, primary: aws.rds.Instance
    ) -> aws.secretsmanager.SecretVersion:
        """Store the credentials in the shape that AWS's rotation functions read, and as the addresses that clients
        read. Where it rotates, this is the administrator's for the minutes until the first rotation has made the
        users."""
        settings = self._settings
        password = primary.password.apply(lambda drawn: drawn or "")

        def url(host: pulumi.Output[str], sslmode: str) -> pulumi.Output[str]:
            login = pulumi.Output.concat(settings.username, ":", password)
            return pulumi.Output.concat(
                "postgresql://", login, "@", host, f":{settings.port}/{settings.name}?sslmode={sslmode}"
            )

        content: dict[str, Any] = {
            **self._login(primary),
            "url": url(self.address, _FULL),
            "reader_url": url(self.reader_address, self._reader_sslmode),
        }
        if settings.rotation_days:
            return first_version(self, f"{self.name}-credentials", secret, content)
        return aws.secretsmanager.SecretVersion(
            f"{self.name}-credentials",
            secret_id=secret.id,
            secret_string=pulumi.Output.json_dumps(content),
            opts=self.child(),
        )

    def _login(self, primary: aws.rds.Instance) -> dict[str, Any]:
        settings = self._settings
        return {
            "engine": "postgres",
            "host": primary.address,
            "port": settings.port,
            "dbname": settings.name,
            "username": settings.username,
            "password": primary.password.apply(lambda drawn: drawn or ""),
        }

    def _rotated(self, primary: aws.rds.Instance) -> dict[str, pulumi.Output[str]]:
        """Return the secrets that rotate: the one that services read, and the administrator's, which they no longer
        use."""
        name = f"{self.name}-administrator"
        path = f"{self.context.prefix.strip('/')}/database-administrator"
        secret = container(self, name, path, f"{self.name}: administrator")
        first_version(self, name, secret, self._login(primary))
        return {"credentials": self.secret_arn, "administrator": secret.arn}

    def rotation(self) -> Grant:
        """Grant what the function that rotates the logins needs: both secrets, and every server to log in to."""
        grant = self.grant("connect")
        return replace(
            changing(self.rotated, self.context),
            openings=grant.openings,
            environment={**grant.environment, "ADMINISTRATOR_SECRET_ARN": self.rotated["administrator"]},
        )

    def _events(self, instances: list[aws.rds.Instance], group: aws.rds.ParameterGroup) -> None:
        """Subscribe the alerting topic to RDS events (FSBP RDS.20, RDS.21)."""
        sources = {
            "db-instance": ([instance.identifier for instance in instances], _INSTANCE_EVENTS),
            "db-parameter-group": ([group.name], ["configuration change"]),
        }
        for source, (identifiers, categories) in sources.items():
            aws.rds.EventSubscription(
                f"{self.name}-{source}",
                sns_topic=self.context.alerting.topic_arn,
                source_type=source,
                source_ids=identifiers,
                event_categories=categories,
                opts=self.child(),
            )


_FULL = "verify-full"
_CA_ONLY = "verify-ca"
_SUPPORT = {True: "open-source-rds-extended-support", False: "open-source-rds-extended-support-disabled"}

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
_INSTANCE_EVENTS = [
    "availability",
    "configuration change",
    "deletion",
    "failover",
    "failure",
    "low storage",
    "maintenance",
    "recovery",
]
