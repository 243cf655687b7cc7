"""The in-memory cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.services.settings import check_bounds
from groundwork.settings.base import DailyWindow, ImageReference, Model, Name, WeeklyWindow

POLICIES: Mapping[str, str] = {"cache": "allkeys-lru", "jobs": "noeviction"}
"""What a cache is for → which keys give way when it is full."""


class TimeToLiveSettings(Model):
    """How long services keep what they put into the cache; they are told, and it is they who set it on each key."""

    min: Annotated[int, Field(ge=1, le=604800)] = 300
    """Seconds that hot data is kept at least …"""
    max: Annotated[int, Field(ge=1, le=604800)] = 900
    """… and at most. Between the two each key may take its own, so that not all of them end at once."""
    local: Annotated[int, Field(ge=0, le=3600)] = 15
    """Seconds that a copy keeps the very hottest in its own memory; 0 where it keeps nothing."""

    @model_validator(mode="after")
    def _in_order(self) -> TimeToLiveSettings:
        check_bounds(self.min, self.max)
        return self


class CacheSettings(Model):
    """ElastiCache: one node, a primary with replicas, or shards (cluster mode). Or a container on the only instance."""

    placement: Literal["elasticache", "instance"] = "elasticache"
    """``instance``, only with the engine ``ec2`` and one instance: a container beside the services, with its snapshots on the
    data volume. Of the settings below it takes ``engine``, ``purpose``, ``ttl``, ``max_memory_mb``, ``image``, ``copy_to``, ``snapshot_window``
    (its start is when the daily copy is made) and ``parameters``."""
    max_memory_mb: Annotated[int, Field(ge=64, le=65536)] = 512
    """With ``placement: instance``: MiB of keys and values; the container gets half as much again for its snapshots."""
    image: ImageReference | None = None
    """With ``placement: instance``: the image; unset, a fixed version of the engine's own."""
    copy_to: Name | None = None
    """With ``placement: instance``: the bucket (of ``storage``) that gets a copy of the newest snapshot each day, below
    ``cache/``."""
    purpose: Literal["cache", "jobs"] = "cache"
    """What happens when it is full. ``cache``: the keys that were not used for longest give way (``allkeys-lru``). ``jobs``: none
    does (``noeviction``), as a queue of jobs such as BullMQ needs, and writes are refused; give it room, and data that can be
    lost a cache of its own."""
    ttl: TimeToLiveSettings = TimeToLiveSettings()
    engine: Literal["valkey", "redis"] = "valkey"
    version: Annotated[str, Field(pattern=r"^[7-9]\.\d$")] | None = None
    """From 7.0 on. Unset: Valkey 8.0, Redis 7.1."""
    node_class: Annotated[str, Field(alias="class", pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")] = "cache.t4g.micro"
    replicas: Annotated[int, Field(ge=0, le=5)] = 0
    """Replicas of each shard. From one on, the cache fails over by itself to another zone."""
    multi_az: bool = False
    shards: Annotated[int, Field(ge=1, le=500)] | None = None
    """Set, it turns cluster mode on, even with one; with ``cluster_mode: enabled`` unset means one."""
    cluster_mode: Literal["disabled", "compatible", "enabled"] | None = None
    """Unset: ``enabled`` where ``shards`` is said, else ``disabled``. A cache that runs without goes to ``compatible``, where clients
    of both kinds are served, and from there to ``enabled``, each in an update in which nothing else of it changes, and never back
    (docs/phases.md). Once said, changes to the cache happen at once instead of in the maintenance window."""
    authentication: Literal["password", "iam"] = "password"
    """How services prove who they are. A password is drawn once, kept in Secrets Manager and taken by every client library;
    ``iam`` needs one that signs a token for each connection, and then there is no password at all."""
    snapshot_days: Annotated[int, Field(ge=0, le=35)] = 1
    snapshot_window: DailyWindow = "02:00-03:00"
    """In the platform's time zone, at least an hour, apart from the maintenance window."""
    maintenance_window: WeeklyWindow = "sun:05:30-06:30"
    parameters: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")], str] = {}
    """Further parameters of the parameter group, such as ``timeout``."""

    @model_validator(mode="after")
    def _multi_az_needs_replicas(self) -> CacheSettings:
        if self.multi_az and self.replicas < 1:
            raise PydanticCustomError(
                "multi_az", "multi_az needs at least 1 replica to fail over to; replicas is 0", {"at": ("multi_az",)}
            )
        if self.cluster_mode in ("disabled", "compatible") and self.shards is not None:
            raise PydanticCustomError(
                "cluster_mode",
                "{mode} has no shards; leave shards out until the cache has cluster mode enabled",
                {"mode": self.cluster_mode, "at": ("cluster_mode",)},
            )
        if self.cluster_mode == "compatible" and self.replicas < 1:
            raise PydanticCustomError(
                "cluster_mode",
                "compatible needs at least 1 replica to fail over to; replicas is 0, and goes up in an update before",
                {"at": ("cluster_mode",)},
            )
        if self.engine == "redis" and (self.version or "7.1") not in ("7.0", "7.1"):
            raise PydanticCustomError(
                "version", "Redis on ElastiCache ends at 7.1; Valkey goes on with 8.0", {"at": ("version",)}
            )
        return self

    @property
    def mode(self) -> Literal["disabled", "compatible", "enabled"]:
        """Return the cluster mode, as set or as it follows from ``shards``."""
        return self.cluster_mode or ("disabled" if self.shards is None else "enabled")

    @property
    def node_groups(self) -> int | None:
        """Return the number of shards in cluster mode; None without."""
        return (self.shards or 1) if self.mode == "enabled" else None
