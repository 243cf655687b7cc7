"""The whole platform: every layer that the settings name, wired together."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.access import Grant, Grantor
from components.alarms import Watch
from components.base import Component, Foundation
from components.budget import Budget
from components.cache import Cache
from components.compute.fargate import Fargate
from components.database.database import Database
from components.edge.edge import Edge
from components.keys import Keys
from components.logs import Logging
from components.messaging.alerts import Alerts
from components.messaging.push import Push
from components.network.network import Network
from components.observability.dashboard import Dashboard
from components.secrets import Secret
from components.storage import Bucket
from settings import Settings
from settings.models.observability import unwatched
from settings.models.storage import BucketSettings

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

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        account_id = aws.get_caller_identity_output().account_id
        super().__init__(name, Foundation(settings.platform, settings.region, account_id), opts)
        self._settings = settings
        self._observed = settings.observability or unwatched()
        self.addresses = {}

        self._keys = Keys(f"{name}-keys", settings.platform, foundation=self.foundation, opts=self.child())
        self._logging = Logging(self._keys.arn("logs"), self._observed.retention)
        alerts = Alerts(
            f"{name}-alerts",
            self._observed.alarm_emails,
            foundation=self.foundation,
            key_arn=self._keys.arn("messaging"),
            opts=self.child(),
        )
        self._watch = Watch(alerts.topic_arn, self._observed)
        network = self._network()
        buckets = self._buckets()
        grantors: dict[str, Grantor] = {
            **{bucket: component for bucket, component in buckets.items() if bucket in settings.storage},
            **self._push(),
            **(self._data(network) if network else {}),
            **self._secrets(),
        }
        edge = self._edge(network, buckets)
        if network:
            self._compute(network, edge, grantors)
        if settings.observability and settings.observability.dashboard and self._watch.raised:
            Dashboard(f"{name}-dashboard", foundation=self.foundation, alarms=self._watch.raised, opts=self.child())
        self._budget(alerts.topic_arn)
        self.register_outputs(self.addresses)

    def _network(self) -> Network | None:
        if self._settings.network is None:
            return None
        return Network(
            f"{self.name}-network",
            self._settings.network,
            foundation=self.foundation,
            logging=self._logging,
            opts=self.child(),
        )

    def _buckets(self) -> dict[str, Bucket]:
        """The buckets of the stack file, and the one for access logs that the edge and the other buckets write to."""
        storage = self._settings.storage
        built: dict[str, Bucket] = {}
        if (storage or self._settings.edge) and LOGS_BUCKET not in storage:
            built[LOGS_BUCKET] = self._bucket(LOGS_BUCKET, BucketSettings(purpose="logs"), None)
        logs = built[LOGS_BUCKET].bucket_name if built else None
        for key in sorted(storage, key=lambda key: storage[key].purpose != "logs"):
            built[key] = self._bucket(key, storage[key], None if key == LOGS_BUCKET else logs)
            logs = built[key].bucket_name if key == LOGS_BUCKET else logs
        return built

    def _bucket(self, key: str, settings: BucketSettings, logs: pulumi.Output[str] | None) -> Bucket:
        return Bucket(
            f"{self.name}-{key}",
            settings,
            key=key,
            foundation=self.foundation,
            key_arn=self._keys.arn("storage"),
            logs_bucket=logs,
            opts=self.child(),
        )

    def _secrets(self) -> dict[str, Grantor]:
        return {
            key: Secret(
                f"{self.name}-{key}",
                secret,
                key=key,
                foundation=self.foundation,
                key_arn=self._keys.arn("secrets"),
                opts=self.child(),
            )
            for key, secret in self._settings.secrets.items()
        }

    def _push(self) -> dict[str, Grantor]:
        if not (self._settings.messaging and self._settings.messaging.push):
            return {}
        push = Push(
            f"{self.name}-push",
            self._settings.messaging.push,
            foundation=self.foundation,
            logging=self._logging,
            opts=self.child(),
        )
        return {"push": push}

    def _data(self, network: Network) -> dict[str, Grantor]:
        built: dict[str, Grantor] = {}
        if self._settings.data:
            built["database"] = Database(
                f"{self.name}-database",
                self._settings.data,
                foundation=self.foundation,
                network=network,
                key_arn=self._keys.arn("data"),
                logging=self._logging,
                watch=self._watch,
                secrets_key_arn=self._keys.arn("secrets"),
                opts=self.child(),
            )
        if self._settings.cache:
            built["cache"] = Cache(
                f"{self.name}-cache",
                self._settings.cache,
                foundation=self.foundation,
                network=network,
                key_arn=self._keys.arn("data"),
                logging=self._logging,
                watch=self._watch,
                secrets_key_arn=self._keys.arn("secrets"),
                opts=self.child(),
            )
        return built

    def _edge(self, network: Network | None, buckets: Mapping[str, Bucket]) -> Edge | None:
        if self._settings.edge is None:
            return None
        edge = Edge(
            f"{self.name}-edge",
            self._settings.edge,
            foundation=self.foundation,
            network=network,
            services=self._settings.services,
            storage=self._settings.storage,
            buckets={key: buckets[key] for key in self._settings.storage},
            logging=self._logging,
            logs_bucket=buckets[LOGS_BUCKET].bucket_name,
            secrets_key_arn=self._keys.arn("secrets"),
            watch=self._watch,
            opts=self.child(),
        )
        if edge.address is not None:
            self.addresses["address"] = edge.address
        if edge.zone is not None:
            self.addresses["nameServers"] = edge.zone.name_servers
        return edge

    def _compute(self, network: Network, edge: Edge | None, grantors: Mapping[str, Grantor]) -> None:
        if self._settings.compute is None or not self._settings.services:
            return
        engine = Fargate(
            f"{self.name}-compute",
            self._settings.compute,
            foundation=self.foundation,
            services=self._settings.services,
            network=network,
            load_balancer=edge.load_balancer if edge else None,
            grants=self._grants(grantors),
            logging=self._logging,
            watch=self._watch,
            key_arn=self._keys.arn("logs"),
            images_key_arn=self._keys.arn("storage"),
            opts=self.child(),
        )
        self.addresses["cluster"] = engine.cluster_name
        self.addresses["repositories"] = engine.repository_urls

    def _grants(self, grantors: Mapping[str, Grantor]) -> dict[str, dict[str, Grant]]:
        """In the order of the grantors: a secret comes last, so that a variable it names is the stack file's own choice."""
        return {
            name: {
                used: grantor.grant(service.uses[used].level, service.uses[used].prefix)
                for used, grantor in grantors.items()
                if used in service.uses
            }
            for name, service in self._settings.services.items()
        }

    def _budget(self, topic_arn: pulumi.Output[str]) -> None:
        if self._settings.budget is None:
            return
        Budget(
            f"{self.name}-budget",
            self._settings.budget,
            foundation=self.foundation,
            emails=self._settings.budget.emails or self._observed.alarm_emails,
            topic_arn=topic_arn,
            opts=self.child(),
        )
