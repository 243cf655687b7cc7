"""The whole platform: every layer that the settings name, wired together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Grantor, granted
from groundwork.components.base import Component
from groundwork.components.budget.budget import Budget
from groundwork.components.cache.cache import Cache
from groundwork.components.compute import engines
from groundwork.components.compute.ec2.own_cache import OwnCache
from groundwork.components.compute.images import delivered_images
from groundwork.components.compute.jobs import Job
from groundwork.components.compute.run import Run
from groundwork.components.compute.stopping import Stoppable
from groundwork.components.context import Alerting, Context, Logging
from groundwork.components.data.database import Database
from groundwork.components.data.existing import ExistingDatabase
from groundwork.components.delivery.delivery import Delivered, Delivery
from groundwork.components.edge.cdn import Cdn
from groundwork.components.edge.ingress import Ingress
from groundwork.components.edge.origin import Entrance
from groundwork.components.edge.records import entries_to
from groundwork.components.extensions.own_resources import OwnResources, extensions_of
from groundwork.components.files.existing import ExistingFileSystem
from groundwork.components.files.file_system import FileSystem
from groundwork.components.foundation import alerting_of
from groundwork.components.functions import rotations
from groundwork.components.functions.function import Function
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.hours.hours import Hours, StoppedDatabase
from groundwork.components.hours.settings import HoursSettings
from groundwork.components.keys import Keys
from groundwork.components.messaging import wiring
from groundwork.components.messaging.push import Push
from groundwork.components.messaging.queue import Queue
from groundwork.components.messaging.settings import MessagingSettings
from groundwork.components.messaging.slack import SlackChannels
from groundwork.components.migration.migration import Migration
from groundwork.components.network.existing import ExistingNetwork
from groundwork.components.network.isolation import POSTGRESQL
from groundwork.components.network.network import Network
from groundwork.components.network.tiers import NetworkTiers
from groundwork.components.observability.archive import LogArchive
from groundwork.components.observability.boards import Boards
from groundwork.components.observability.dashboard import Dashboard
from groundwork.components.observability.metrics import Metrics
from groundwork.components.observability.pages import Pages
from groundwork.components.observability.seen import seen_of
from groundwork.components.observability.settings import SlackSettings, without_observability
from groundwork.components.observability.uptime import Uptime
from groundwork.components.parameters.parameters import Parameters
from groundwork.components.recovery.buckets import CopiedBucket
from groundwork.components.recovery.names import copied_buckets
from groundwork.components.recovery.recovery import CopiedDatabase, Kept, Recovery
from groundwork.components.search.search import Search
from groundwork.components.secrets.secret import Secret
from groundwork.components.services.settings import Uses
from groundwork.components.settings import Settings
from groundwork.components.storage.bucket import Bucket
from groundwork.components.storage.existing import ExistingBucket
from groundwork.components.storage.settings import BucketSettings
from groundwork.settings.images import images_path

AnyBucket = Bucket | ExistingBucket

LOGS_BUCKET = "logs"
"""The bucket for access logs; a stack file may name it to set its lifecycle."""


class Platform(Component):
    """All layers of one stack file, in the order in which they need one another.

    Builds: keys and alert topic; network; storage, secrets, data, cache and push, which services use; then the edge, compute,
    dashboard and budget. A layer that the settings do not have is not built.

    Cost: the sum of its layers.

    Fails: a mistake in the stack file stops it before anything is registered.

    Changes without replacement: see each component.
    """

    layer = "platform"

    addresses: dict[str, pulumi.Input[object]]
    """What a user wants to know after ``pulumi up``: names and addresses, no secrets."""

    parts: dict[str, pulumi.Input[object]]
    """What a program needs to build upon the platform: ids of its network, its database and its cluster, no secrets."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, Context.starting(settings.platform, settings.region), opts)
        # Asked as its resources are made: a program may pass a provider of its own, for another account.
        caller = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self))
        self.context = replace(self.context, account_id=caller.account_id)
        self._settings = settings
        self._observed = settings.observability or without_observability()
        self.addresses = {}
        self._wanted_statements: dict[str, pulumi.Input[str]] = {}
        """What owners of existing things must say in their policies, by where the stack file names them."""
        self._database: Database | None = None
        self._distribution_arn: pulumi.Output[str] | None = None
        self._built_secrets: dict[str, Secret] = {}
        self._log_group_names: dict[str, pulumi.Output[str]] = {}

        keys = Keys(
            f"{name}-keys",
            self.context,
            has_instances=settings.compute is not None and settings.compute.has_volumes,
            copied_to=settings.recovery.account if settings.recovery else None,
            opts=self.child(),
        )
        self.context = replace(self.context, key_arns=keys.arns)
        if keys.wanted_statements is not None:
            self._wanted_statements["platform.existing_key"] = keys.wanted_statements
        self.context = replace(self.context, alerting=self._alerts())
        buckets = self._buckets()
        self.addresses["buckets"] = {key: bucket.bucket_name for key, bucket in buckets.items()}
        self.context = replace(self.context, logging=Logging(self.context.key_arn("logs"), self._observed.retention))
        self.context = replace(self.context, logging=self._archived(buckets))
        network = self._network()
        messaging = settings.messaging or MessagingSettings()
        topics = wiring.topics(self, messaging)
        queues = wiring.queues(
            self,
            messaging,
            topics=topics,
            storage=settings.storage,
            buckets=buckets,
        )
        grantors: dict[str, Grantor] = {
            **{bucket: component for bucket, component in buckets.items() if bucket in settings.storage},
            **self._files(network),
            **topics,
            **queues,
            **self._push(),
            **(self._data(network, buckets) if network else {}),
            **self._secrets(),
            **self._parameters(),
            **self._extensions(network),
        }
        self._migration(network)
        functions = self._functions(network, queues, grantors)
        self._log_group_names |= {key: function.log_group_name for key, function in functions.items()}
        wiring.subscriptions(self, messaging, topics=topics, queues=queues, functions=functions)
        wiring.schedules(self, messaging, queues=queues, functions=functions)
        wiring.notifications(self, settings.storage, buckets=buckets, queues=queues)
        ingress = self._ingress(network, buckets)
        engine = self._compute(network, ingress, grantors, queues)
        address = self._cdn(ingress, engine, buckets)
        self._deliver(engine, buckets)
        self._recovery(engine, buckets, grantors)
        self._observe(ingress, engine, address, functions, grantors)
        self._budget()
        self.parts = self._parts(network, engine)
        if self._wanted_statements:
            self.addresses["policyStatements"] = self._wanted_statements
        self.register_outputs(self.addresses)

    def _parts(self, network: NetworkTiers | None, engine: engines.Running | None) -> dict[str, pulumi.Input[object]]:
        parts: dict[str, pulumi.Input[object]] = {}
        if network is not None:
            tiers = {
                "publicSubnetIds": network.public_subnet_ids,
                "privateSubnetIds": network.private_subnet_ids,
                "dataSubnetIds": network.data_subnet_ids,
            }
            parts["network"] = {"vpcId": network.vpc_id, **{key: list(ids.values()) for key, ids in tiers.items()}}
        if self._database is not None:
            parts["database"] = {
                "address": self._database.address,
                "secretArn": self._database.secret_arn,
                "securityGroupId": self._database.security_group_id,
            }
        if engine is not None and engine.cluster_name is not None:
            parts["cluster"] = engine.cluster_name
        return parts

    def _alerts(self) -> Alerting:
        alerting, self._topics = alerting_of(
            self.name,
            self._observed,
            self.context,
            # A migration's service speaks by rules alone, and to the topic for notices.
            rules=self._settings.migration is not None,
            opts=self.child(),
        )
        return alerting

    def _slack(self, uptime: Uptime | None) -> None:
        """Connect each channel to its severity's topics; who is paged hears of the look from outside too."""
        alerts = self._observed.alerts
        topics = {
            "notice": [self.context.alerting.topic_arn],
            "page": [topic for topic in (self.context.alerting.page_topic_arn, uptime and uptime.topic_arn) if topic],
        }
        heard: dict[SlackSettings, list[pulumi.Input[str]]] = {}
        for severity, audience in (("notice", alerts.notice), ("page", alerts.page or alerts.notice)):
            if audience.slack is not None:
                heard.setdefault(audience.slack, []).extend(topics[severity])
        if heard:
            SlackChannels(f"{self.name}-slack", heard, context=self.context, opts=self.child())

    def _archived(self, buckets: Mapping[str, AnyBucket]) -> Logging:
        logging = self.context.logging
        if self._observed.archive is None:
            return logging
        made = LogArchive(
            f"{self.name}-log-archive",
            self._observed.archive,
            context=self.context,
            logs_bucket=buckets[LOGS_BUCKET].bucket_name,
            opts=self.child(),
        )
        return replace(logging, delivery=made.delivery)

    def _network(self) -> NetworkTiers | None:
        settings = self._settings.network
        if settings is None:
            return None
        if settings.existing is not None:
            return ExistingNetwork(
                f"{self.name}-network", settings, settings.existing, context=self.context, opts=self.child()
            )
        return Network(
            f"{self.name}-network",
            settings,
            context=self.context,
            database_port=self._settings.data.port if self._settings.data else POSTGRESQL,
            has_public_instance=bool(self._settings.compute and self._settings.compute.has_public_instance),
            opts=self.child(),
        )

    def _buckets(self) -> dict[str, AnyBucket]:
        """Create the buckets of the stack file, and the one for access logs that the edge and the other buckets write
        to."""
        storage = self._settings.storage
        built: dict[str, AnyBucket] = {}
        if (storage or self._settings.edge or self._observed.archive) and LOGS_BUCKET not in storage:
            built[LOGS_BUCKET] = self._bucket(LOGS_BUCKET, BucketSettings(purpose="logs"), None)
        logs = built[LOGS_BUCKET].bucket_name if built else None
        for key in sorted(storage, key=lambda key: storage[key].purpose != "logs"):
            built[key] = self._bucket(key, storage[key], None if key == LOGS_BUCKET else logs)
            logs = built[key].bucket_name if key == LOGS_BUCKET else logs
        return built

    def _bucket(self, key: str, settings: BucketSettings, logs: pulumi.Output[str] | None) -> AnyBucket:
        if settings.existing is not None:
            return ExistingBucket(f"{self.name}-{key}", settings, key=key, context=self.context, opts=self.child())
        return Bucket(
            f"{self.name}-{key}",
            settings,
            key=key,
            context=self.context,
            logs_bucket=logs,
            takes_connections=any(one.tcp and one.tcp.tls for one in self._settings.services.values()),
            opts=self.child(),
        )

    def _files(self, network: NetworkTiers | None) -> Mapping[str, Grantor]:
        if network is None:
            return {}
        built: dict[str, FileSystem | ExistingFileSystem] = {}
        for key, files in self._settings.files.items():
            name, opts = f"{self.name}-{key}", self.child()
            if files.existing is not None:
                built[key] = ExistingFileSystem(name, files.existing, self.context, key=key, opts=opts)
            else:
                built[key] = FileSystem(name, files, self.context, key=key, network=network, opts=opts)
        if built:
            self.addresses["files"] = {key: system.file_system_id for key, system in built.items()}
        return built

    def _secrets(self) -> Mapping[str, Grantor]:
        self._built_secrets = {
            key: Secret(
                f"{self.name}-{key}",
                secret,
                key=key,
                context=self.context,
                opts=self.child(),
            )
            for key, secret in self._settings.secrets.items()
        }
        return self._built_secrets

    def _parameters(self) -> dict[str, Grantor]:
        return {
            key: Parameters(f"{self.name}-{key}", tree, key=key, context=self.context, opts=self.child())
            for key, tree in self._settings.parameters.items()
        }

    def _extensions(self, network: NetworkTiers | None) -> dict[str, Grantor]:
        settings = self._settings
        if not settings.extensions:
            return {}
        with extensions_of(settings.project, settings.extensions) as extensions:
            built = {
                key: OwnResources(
                    f"{self.name}-{key}",
                    loaded,
                    context=self.context,
                    network=network,
                    opts=self.child(),
                )
                for key, loaded in extensions.items()
            }
        shown = {key: one.outputs for key, one in built.items() if one.outputs}
        if shown:
            self.addresses["extensions"] = shown
        return dict(built)

    def _push(self) -> dict[str, Grantor]:
        if not (self._settings.messaging and self._settings.messaging.push):
            return {}
        push = Push(
            f"{self.name}-push",
            self._settings.messaging.push,
            context=self.context,
            opts=self.child(),
        )
        return {"push": push}

    def _data(self, network: NetworkTiers, buckets: Mapping[str, AnyBucket]) -> dict[str, Grantor]:
        built: dict[str, Grantor] = {}
        if self._settings.data and self._settings.data.existing:
            built["database"] = ExistingDatabase(
                f"{self.name}-database",
                self._settings.data,
                self._settings.data.existing,
                context=self.context,
                opts=self.child(),
            )
        elif self._settings.data:
            built["database"] = self._database = Database(
                f"{self.name}-database",
                self._settings.data,
                context=self.context,
                network=network,
                opts=self.child(),
            )
        if self._settings.cache and self._settings.cache.placement == "instance":
            copy_to = self._settings.cache.copy_to
            built["cache"] = OwnCache(self._settings.cache, buckets[copy_to] if copy_to else None)
        elif self._settings.cache:
            built["cache"] = Cache(
                f"{self.name}-cache",
                self._settings.cache,
                context=self.context,
                network=network,
                opts=self.child(),
            )
        if self._settings.search:
            built["search"] = search = Search(
                f"{self.name}-search",
                self._settings.search,
                context=self.context,
                network=network,
                opts=self.child(),
            )
            self.addresses["search"] = {"endpoint": search.endpoint, "masterRole": search.master_role_arn}
        return built

    def _migration(self, network: NetworkTiers | None) -> None:
        if self._settings.migration is None or network is None or self._database is None:
            return
        migration = Migration(
            f"{self.name}-migration",
            self._settings.migration,
            context=self.context,
            network=network,
            database=self._database.grant("connect"),
            administrator=self._database.rotated.get("administrator"),
            opts=self.child(),
        )
        self.addresses["migration"] = migration.task_arns

    def _functions(
        self, network: NetworkTiers | None, queues: Mapping[str, Queue], grantors: Mapping[str, Grantor]
    ) -> dict[str, Function]:
        """Create the functions of the stack file; Groundwork's own, which change secrets, are beside them."""

        def make(key: str, settings: FunctionSettings, grants: Mapping[str, Grant]) -> Function:
            return Function(
                f"{self.name}-{key}",
                settings,
                key=key,
                context=self.context,
                grants=grants,
                queue=queues[settings.trigger.queue] if settings.trigger else None,
                network=network,
                opts=self.child(),
            )

        rotated = rotations.rotated_by(self._settings.secrets, self._built_secrets)
        functions = {
            key: make(
                key,
                function,
                {
                    **_grants(function.uses, grantors),
                    rotations.GRANT: rotations.changing_all(rotated.get(key, {}), self.context),
                },
            )
            for key, function in self._settings.functions.items()
        }
        rotations.rotate_secrets(self, self._settings.secrets, self._built_secrets, functions=functions, make=make)
        if self._settings.data and self._database:
            rotations.rotate_database(self, self._settings.data, self._database, make=make)
        return functions

    def _ingress(self, network: NetworkTiers | None, buckets: Mapping[str, AnyBucket]) -> Ingress | None:
        if self._settings.edge is None:
            return None
        ingress = Ingress(
            f"{self.name}-ingress",
            self._settings.edge,
            self.context,
            at=engines.answering_at(self._settings),
            network=network,
            services=self._settings.services,
            storage=self._settings.storage,
            logs_bucket=buckets[LOGS_BUCKET].bucket_name,
            opts=self.child(),
        )
        if ingress.network_balancers:
            self.addresses["tcp"] = {
                name: pulumi.Output.concat(ingress.network_balancers[one.tcp.balancer].dns_name, f":{one.tcp.port}")
                for name, one in self._settings.services.items()
                if one.tcp
            }
        if ingress.zone is not None:
            self.addresses["nameServers"] = ingress.zone.name_servers
        return ingress

    def _compute(
        self,
        network: NetworkTiers | None,
        ingress: Ingress | None,
        grantors: Mapping[str, Grantor],
        queues: Mapping[str, Queue],
    ) -> engines.Running | None:
        containers = {name: container for _, name, container in self._settings.containers()}
        if network is None or self._settings.compute is None or not containers:
            return None
        services = self._settings.services
        cache = grantors.get("cache")
        run = Run(
            services=services,
            jobs={name: Job(job, self._settings.job(name)) for name, job in self._settings.jobs.items()},
            network=network,
            entrance=ingress.entrance if ingress else Entrance(),
            grants={name: _grants(container.uses, grantors) for name, container in containers.items()},
            queues=queues,
            own_cache=cache if isinstance(cache, OwnCache) else None,
        )
        engine = engines.run_on_engine(
            f"{self.name}-compute",
            self._settings.compute,
            replace(self.context, delivered=delivered_images(self)),
            run,
            self.child(),
        )
        self._log_group_names |= engine.log_group_names
        self.addresses["services"] = engine.service_names
        self.addresses["repositories"] = engine.repository_urls
        self.addresses["images"] = {
            name: f"{images_path(self.context.platform)}/{name}" for name in self._settings.pipeline_images
        }
        if engine.jobs:
            self.addresses["jobs"] = engine.jobs
        if engine.origins.by_service:
            self.addresses["hosts"] = {
                service: engine.origins.by_id[engine.origins.id_of(service)].host for service in services
            }
        return engine

    def _cdn(
        self, ingress: Ingress | None, engine: engines.Running | None, buckets: Mapping[str, AnyBucket]
    ) -> pulumi.Output[str] | None:
        """Build CloudFront over what the engine answers at, and return where the platform is found."""
        edge = self._settings.edge
        if ingress is None or edge is None:
            return None
        address, cdn = ingress.address, None
        if ingress.has_cdn:
            cdn = Cdn(
                f"{self.name}-cdn",
                edge,
                self.context,
                ingress=ingress,
                origins=engine.origins if engine else ingress.entrance.origins,
                services=self._settings.services,
                buckets={key: buckets[key] for key in self._settings.storage},
                logs_bucket=buckets[LOGS_BUCKET].bucket_name,
                opts=self.child(),
            )
            self._distribution_arn = cdn.arn
            self.addresses["distribution"] = cdn.distribution_id
            address = cdn.address
            self._wanted_statements |= {f"storage.{key}": said for key, said in cdn.wanted_statements.items()}
        if address is not None:
            self.addresses["address"] = address
        if edge.zone is not None and edge.zone.external and self._settings.platform.domain:
            target = cdn or ingress.load_balancer
            self.addresses["dnsRecords"] = [
                *ingress.dns_entries,
                *(entries_to(target, ingress.names) if target else ()),
            ]
        return address

    def _deliver(self, engine: engines.Running | None, buckets: Mapping[str, AnyBucket]) -> None:
        """Create the role of pipelines, which bring images and static files."""
        if self._settings.delivery is None:
            return
        containers = list(self._settings.containers()) if engine else []
        compute = self._settings.compute
        static = [key for key, bucket in self._settings.storage.items() if bucket.purpose == "static"]
        delivery = Delivery(
            f"{self.name}-delivery",
            self._settings.delivery,
            context=self.context,
            delivered=Delivered(
                images=self._settings.pipeline_images if engine else [],
                jobs=list(engine.jobs) if engine else [],
                logs=[f"services/{name}" for _, name, _ in containers],
                engine=engine.delivery if engine else (),
                files=[one for key in static for one in buckets[key].grant("read-write").statements],
                distribution_arn=self._distribution_arn if static else None,
                kubernetes=self._settings.platform.name if compute and compute.runs_kubernetes else None,
                cluster_name=engine.cluster_name if engine else None,
            ),
            opts=self.child(),
        )
        self.addresses["delivery"] = {"role": delivery.role_arn}

    def _recovery(
        self, engine: engines.Running | None, buckets: Mapping[str, AnyBucket], grantors: Mapping[str, Grantor]
    ) -> None:
        """Create copies of what the platform itself keeps; what exists elsewhere has its owner."""
        if self._settings.recovery is None:
            return
        data, database = self._settings.data, None
        if data is not None and self._database is not None:
            database = CopiedDatabase(self._database.arn, data.backup.retention_days, data.backup.window)
        copied = {key: buckets[key] for key in copied_buckets(self._settings)}
        recovery = Recovery(
            f"{self.name}-recovery",
            self._settings.recovery,
            self.context,
            kept=Kept(
                database=database,
                volumes=engine.volume_arns if engine else (),
                file_systems=[
                    one.arn
                    for key, one in grantors.items()
                    if isinstance(one, FileSystem) and self._settings.files[key].backups
                ],
                buckets={
                    key: CopiedBucket(bucket, self._settings.storage[key])
                    for key, bucket in copied.items()
                    if isinstance(bucket, Bucket)
                },
            ),
            opts=self.child(),
        )
        self.addresses["recovery"] = recovery.copies

    def _observe(
        self,
        ingress: Ingress | None,
        engine: engines.Running | None,
        address: pulumi.Output[str] | None,
        functions: Mapping[str, Function],
        grantors: Mapping[str, Grantor],
    ) -> None:
        """Create what observes everything else: custom metrics, pages, hours, dashboards."""
        metrics = None
        if self._observed.metrics:
            metrics = Metrics(
                f"{self.name}-metrics",
                self._observed.metrics,
                context=self.context,
                log_group_names=self._log_group_names,
                opts=self.child(),
            )
        uptime = self._uptime(address)
        self._slack(uptime)
        pages = None
        if self.context.alerting.of("page"):
            pages = Pages(f"{self.name}-page-alarms", context=self.context, opts=self.child())
        if self._settings.platform.hours:
            self._hours(self._settings.platform.hours, engine, pages)
        if self._observed.dashboard and self.context.alerting.declared:
            Dashboard(
                f"{self.name}-dashboard",
                context=self.context,
                alarms=self.context.alerting.declared,
                pages=pages.alarm_arns if pages else None,
                graphs=metrics.graphs if metrics else None,
                opts=self.child(),
            )
        balancer = ingress.load_balancer if ingress else None
        if self._observed.boards:
            Boards(
                f"{self.name}-boards",
                self._observed.boards,
                context=self.context,
                seen=seen_of(
                    self._settings,
                    self.context,
                    grantors=grantors,
                    engine=engine,
                    load_balancer=balancer.arn_suffix if balancer else None,
                    functions=functions,
                    log_groups=self._log_group_names,
                    metrics=metrics,
                    health_check=uptime.health_check_id if uptime else None,
                ),
                opts=self.child(),
            )

    def _uptime(self, address: pulumi.Output[str] | None) -> Uptime | None:
        if self._observed.uptime is None or address is None:
            return None
        alerts = self._observed.alerts
        waf = self._settings.edge.waf if self._settings.edge else None
        return Uptime(
            f"{self.name}-uptime",
            self._observed.uptime,
            context=self.context,
            host=address.apply(lambda known: known.removeprefix("https://")),
            blocked_countries=waf.blocked_countries if waf else (),
            emails=(alerts.page or alerts.notice).emails,
            opts=self.child(),
        )

    def _hours(self, hours: HoursSettings, engine: engines.Running | None, pages: Pages | None) -> None:
        database = self._database
        Hours(
            f"{self.name}-hours",
            hours,
            context=self.context,
            databases={"database": StoppedDatabase(database.identifier, database.arn)} if database else {},
            stoppable=engine.stoppable if engine else Stoppable(),
            pages=pages,
            after=[engine] if isinstance(engine, pulumi.Resource) else [],
            opts=self.child(),
        )

    def _budget(self) -> None:
        if self._settings.budget is None:
            return
        Budget(
            f"{self.name}-budget",
            self._settings.budget,
            context=self.context,
            emails=self._settings.budget.emails,
            topic_arn=self.context.alerting.topic_arn,
            after=self._topics,
            opts=self.child(),
        )


def _grants(uses: Uses, grantors: Mapping[str, Grantor]) -> dict[str, Grant]:
    return {used: granted(grantor, uses[used]) for used, grantor in grantors.items() if used in uses}
