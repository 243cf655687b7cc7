"""What a group of instances runs: data, before any resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from groundwork.components.cache.settings import POLICIES, CacheSettings
from groundwork.components.services.routes import Route

CACHE = "cache"
"""The container's name, and so its address."""
CACHE_PORT = 6379
DATA = "/data"
"""Where the data volume is mounted."""
LOGS = "/var/log/groundwork"


@dataclass(frozen=True)
class Certified:
    """TLS that the instance ends itself."""

    names: tuple[str, ...]
    """Of the certificate."""


@dataclass(frozen=True)
class Proxy:
    """The way in where there is no load balancer."""

    routes: tuple[Route, ...]
    """The first that matches counts."""
    ports: Mapping[str, int]
    """By service."""
    header: str
    """Which requests must carry."""
    certified: Certified | None

    @property
    def port(self) -> int:
        return 443 if self.certified else 80


@dataclass(frozen=True)
class CacheContainer:
    """The cache on the instance."""

    engine: str
    image: str
    max_memory_mb: int
    policy: str
    parameters: Mapping[str, str]
    copied_at: str
    """``HH:MM`` in the platform's time zone."""
    copied: bool
    """There is a bucket to copy it to."""

    @property
    def memory_mb(self) -> int:
        """Return the container's memory in MB, half as much again as the cache's: while it writes a snapshot, pages
        that change exist twice."""
        return self.max_memory_mb * 3 // 2

    @property
    def client(self) -> str:
        return f"{self.engine}-cli"

    @property
    def server(self) -> str:
        return f"{self.engine}-server"


@dataclass(frozen=True)
class Machine:
    """Everything that one kind of instance is made from, but for what only AWS knows."""

    group: str
    """Dimension of its metrics."""
    namespace: str
    """Of its metrics."""
    log_group: str
    region: str
    timezone: str
    parameters: str
    """Where in Parameter Store its services' declarations and images are."""
    programs: str
    """Where in Parameter Store its programs are."""
    services: tuple[str, ...]
    longest_stop: int = 120
    """Seconds that a service may take to stop."""
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Service → units that start before it."""
    proxy: Proxy | None = None
    cache: CacheContainer | None = None
    jobs: Mapping[str, str | None] = field(default_factory=dict)
    """Job → when it runs, as systemd has it (``OnCalendar``); None where nothing starts it by itself."""
    volume: bool = False


# The newest patch when this was written; snapshots of one version are read by the next.
_IMAGES = {"valkey": "valkey/valkey:8.0.2-alpine", "redis": "public.ecr.aws/docker/library/redis:7.2.7-alpine"}
_POLICY = "maxmemory-policy"


def cache_container(settings: CacheSettings, *, copied: bool) -> CacheContainer:
    """Return the container that these settings ask for."""
    others = {name: value for name, value in sorted(settings.parameters.items()) if name != _POLICY}
    return CacheContainer(
        engine=settings.engine,
        image=settings.image or _IMAGES[settings.engine],
        max_memory_mb=settings.max_memory_mb,
        policy=settings.parameters.get(_POLICY, POLICIES[settings.purpose]),
        parameters=others,
        copied_at=settings.snapshot_window.partition("-")[0],
        copied=copied,
    )
