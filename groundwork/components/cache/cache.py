"""ElastiCache: Valkey or Redis in memory, one node, a primary with replicas, or shards."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Opening, SecretReference, Statement
from groundwork.components.base import Component, fit
from groundwork.components.cache.alarms import watch_node
from groundwork.components.cache.settings import POLICIES, CacheSettings
from groundwork.components.context import Context
from groundwork.components.data_tier import DataTier
from groundwork.components.logs import log_group
from groundwork.components.secrets.secret import container, drawn_password
from groundwork.settings.base import window_in_utc
from groundwork.settings.variables import ttl_variables

PORT = 6379

_NEWEST = {"valkey": "8.0", "redis": "7.1"}
_LOGS = ("slow-log", "engine-log")
# Everything but the server's own administration: data, scripts, INFO and CLUSTER, which clients ask when they connect.
_ACCESS = "on ~* &* +@all -@admin"
_NOTHING = "off -@all"


class Cache(Component):
    """A cache in the data tier: encrypted in transit and at rest, with a login of its own.

    Builds: subnet group, security group (its rules come from grants), parameter group, user group, replication group, log
    groups, alarms for each node, and with ``authentication: password`` the secret that holds login and address. Without a
    user nobody gets in: Redis's nameless default user is turned off, Valkey's group has none.

    Login: a password that was drawn once and that every client library takes, or (``authentication: iam``) a token that the
    client signs for each connection with the workload's role; it lasts 15 minutes, a connection twelve hours
    (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html).

    Cost: node class × nodes × hours; snapshots beyond the size of the cache by gigabyte. Valkey costs a fifth less than Redis.

    Fails: a full cache throws out what was not used for longest (with ``purpose: jobs`` it refuses writes); failover breaks connections for under a
    minute; ``MOVED`` answers mean that the client does not speak cluster mode; ``NOAUTH`` and ``WRONGPASS`` name the login.

    Changes without replacement: class, replicas, shards, windows, parameters, newer versions; a restart waits for the
    maintenance window. From Redis to Valkey happens in place. Cluster mode comes in the stages that ``cluster_mode`` names
    (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html). The key cannot change: the fixed name
    makes that fail instead of emptying a cache unseen; outside prod the old one goes first.
    """

    layer = "cache"

    security_group_id: pulumi.Output[str]
    """The group that workloads reach."""
    address: pulumi.Output[str]
    """The primary; in cluster mode the configuration endpoint."""
    reader_address: pulumi.Output[str]
    """The replicas; without any, and in cluster mode, the same as :attr:`address`."""
    group_id: str
    """The replication group's name."""
    node_ids: tuple[str, ...]
    """What CloudWatch calls the nodes."""

    def __init__(
        self,
        name: str,
        settings: CacheSettings,
        context: Context,
        *,
        network: DataTier,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the cache with its secret and alarms. ``network`` has the subnets that it stands in: a :class:`Network`, or
        ``DataSubnets`` of a program's own."""
        super().__init__(name, context, opts)
        self._settings = settings
        self.group_id = fit(f"{name}-{context.platform.stage}", 40)
        self.node_ids = node_ids(self.group_id, settings)
        subnets = aws.elasticache.SubnetGroup(
            f"{name}-subnets",
            description=f"{name}: data tier",
            subnet_ids=list(network.data_subnet_ids.values()),
            opts=self.child(),
        )
        clients = aws.ec2.SecurityGroup(
            f"{name}-clients",
            description=f"{name}: what services reach",
            vpc_id=network.vpc_id,
            opts=self.child(),
        )
        self._user = self._application_user()
        group = self._replication_group(subnets, clients.id, self._user_group())
        self._group_arn = group.arn
        self.security_group_id = clients.id
        if settings.mode != "disabled":
            self.address = self.reader_address = group.configuration_endpoint_address
        else:
            self.address = group.primary_endpoint_address
            self.reader_address = group.reader_endpoint_address if settings.replicas else self.address
        self._secret_arn = self._login() if settings.authentication == "password" else None
        for node in self.node_ids:
            watch_node(self, node.removeprefix(f"{self.group_id}-"), node, settings)
        self.register_outputs({"address": self.address, "readerAddress": self.reader_address})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``connect``: to use the cache with its application user."""
        environment: dict[str, pulumi.Input[str]] = {
            "CACHE_HOST": self.address,
            "CACHE_PORT": str(PORT),
            "CACHE_TLS": "true",
            "CACHE_MODE": "single" if self._settings.mode == "disabled" else "cluster",
            "CACHE_AUTHENTICATION": self._settings.authentication,
            "CACHE_USERNAME": self._user.user_name,
            **ttl_variables(self._settings.ttl),
        }
        if self._settings.mode == "disabled":
            environment["CACHE_READER_HOST"] = self.reader_address
        openings = [Opening(self.security_group_id, PORT, f"Cache {self.name}")]
        if self._secret_arn is None:
            environment["CACHE_NAME"] = self.group_id
            connect = Statement("CacheConnect", ["elasticache:Connect"], [self._group_arn, self._user.arn])
            return Grant(statements=[connect], openings=openings, environment=environment)
        secrets = {
            variable: SecretReference(self._secret_arn, self.context.key_arn("secrets"), key)
            for variable, key in (("CACHE_PASSWORD", "password"), ("CACHE_URL", "url"))
        }
        return Grant(openings=openings, environment=environment, secrets=secrets)

    def _application_user(self) -> aws.elasticache.User:
        """Create the application's user; its name is its id, as IAM authentication requires."""
        identifier = fit(f"{self.group_id}-app", 40)
        if self._settings.authentication == "iam":
            return aws.elasticache.User(
                f"{self.name}-app",
                user_id=identifier,
                user_name=identifier,
                engine=self._settings.engine,
                access_string=_ACCESS,
                authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="iam"),
                opts=self.child(),
            )
        return aws.elasticache.User(
            f"{self.name}-app",
            user_id=identifier,
            user_name=identifier,
            engine=self._settings.engine,
            access_string=_ACCESS,
            passwords=[drawn_password(self)],
            opts=self.child(ignore_changes=["passwords"]),
        )

    def _user_group(self) -> aws.elasticache.UserGroup:
        """Create the user group. A Redis group must hold a user called default, which is turned off; a Valkey group
        may not hold one without login.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html
        """
        users = [self._user.user_id]
        if self._settings.engine == "redis":
            default = aws.elasticache.User(
                f"{self.name}-default",
                user_id=fit(f"{self.group_id}-default", 40),
                user_name="default",
                engine="redis",
                access_string=_NOTHING,
                no_password_required=True,
                opts=self.child(),
            )
            users.append(default.user_id)
        return aws.elasticache.UserGroup(
            f"{self.name}-users",
            user_group_id=self.group_id,
            engine=self._settings.engine,
            user_ids=users,
            opts=self.child(),
        )

    def _parameter_group(self) -> aws.elasticache.ParameterGroup:
        """Create a parameter group named after its family: a newer engine gets one beside the old."""
        settings = self._settings
        version = settings.version or _NEWEST[settings.engine]
        family = f"{settings.engine}{version.split('.')[0]}"
        cluster = {} if settings.mode == "disabled" else {"cluster-enabled": "yes"}
        key = f"{family}-cluster" if cluster else family
        return aws.elasticache.ParameterGroup(
            f"{self.name}-{key}",
            family=family,
            description=f"{self.name}: {key}",
            parameters=[
                aws.elasticache.ParameterGroupParameterArgs(name=name, value=value)
                for name, value in sorted(
                    {"maxmemory-policy": POLICIES[settings.purpose], **settings.parameters, **cluster}.items()
                )
            ],
            opts=self.child(),
        )

    def _replication_group(
        self,
        subnets: aws.elasticache.SubnetGroup,
        group_id: pulumi.Output[str],
        users: aws.elasticache.UserGroup,
    ) -> aws.elasticache.ReplicationGroup:
        settings, context = self._settings, self.context
        logs = {log: log_group(self, log, f"{context.prefix}/cache/{log}") for log in _LOGS}
        sharded = settings.node_groups is not None
        return aws.elasticache.ReplicationGroup(
            f"{self.name}-group",
            replication_group_id=self.group_id,
            description=f"{context.platform.name} {context.platform.stage}",
            engine=settings.engine,
            engine_version=settings.version or _NEWEST[settings.engine],
            node_type=settings.node_class,
            num_cache_clusters=None if sharded else settings.replicas + 1,
            num_node_groups=settings.node_groups,
            replicas_per_node_group=settings.replicas if sharded else None,
            cluster_mode=settings.cluster_mode,
            # A step towards cluster mode that waited for the maintenance window would still be under way in the next update.
            apply_immediately=True if settings.cluster_mode else None,
            # Cluster mode always fails over: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html
            automatic_failover_enabled=sharded or settings.replicas > 0,
            multi_az_enabled=settings.multi_az,
            parameter_group_name=self._parameter_group().name,
            subnet_group_name=subnets.name,
            security_group_ids=[group_id],
            port=PORT,
            at_rest_encryption_enabled=True,
            kms_key_id=self.context.key_arn("data"),
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[users.user_group_id],
            auto_minor_version_upgrade=True,
            maintenance_window=window_in_utc(settings.maintenance_window, context.platform.timezone),
            snapshot_retention_limit=settings.snapshot_days,
            snapshot_window=(
                window_in_utc(settings.snapshot_window, context.platform.timezone) if settings.snapshot_days else None
            ),
            final_snapshot_identifier=self._final_snapshot(subnets) if context.is_prod else None,
            log_delivery_configurations=[
                aws.elasticache.ReplicationGroupLogDeliveryConfigurationArgs(
                    destination=logs[log].name,
                    destination_type="cloudwatch-logs",
                    log_format="json",
                    log_type=log,
                )
                for log in _LOGS
            ],
            opts=self.stateful(delete_before_replace=None if context.is_prod else True),
        )

    def _final_snapshot(self, subnets: aws.elasticache.SubnetGroup) -> pulumi.Output[str]:
        """Return the final snapshot's name; its suffix is the subnet group's, which no earlier cache of this name
        had."""
        return subnets.name.apply(lambda name: f"{self.group_id}-final-{name[-7:]}")

    def _login(self) -> pulumi.Output[str]:
        secret = container(
            self,
            f"{self.name}-login",
            f"{self.context.prefix.strip('/')}/cache",
            f"{self.name}: application user",
        )
        password = self._user.passwords.apply(lambda drawn: drawn[0] if drawn else "")
        url = pulumi.Output.concat("rediss://", self._user.user_name, ":", password, "@", self.address, f":{PORT}")
        content = {
            "host": self.address,
            "port": PORT,
            "username": self._user.user_name,
            "password": password,
            "url": url,
        }
        aws.secretsmanager.SecretVersion(
            f"{self.name}-login",
            secret_id=secret.id,
            secret_string=pulumi.Output.json_dumps(content),
            opts=self.child(),
        )
        return secret.arn


def node_ids(group_id: str, settings: CacheSettings) -> tuple[str, ...]:
    """Return the ids that ElastiCache gives nodes: ``<group>-001``, in cluster mode ``<group>-0001-001``."""
    nodes = [f"{number:03d}" for number in range(1, settings.replicas + 2)]
    if settings.node_groups is None:
        return tuple(f"{group_id}-{node}" for node in nodes)
    return tuple(f"{group_id}-{shard:04d}-{node}" for shard in range(1, settings.node_groups + 1) for node in nodes)
