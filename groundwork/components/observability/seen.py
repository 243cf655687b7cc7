"""What the boards look at, gathered from what was built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pulumi

from groundwork.components.access import Grantor
from groundwork.components.cache.cache import Cache
from groundwork.components.context import Context
from groundwork.components.data.database import Database
from groundwork.components.data.shape import identifier_of
from groundwork.components.observability.boards import ClusterDimensions, Seen
from groundwork.components.observability.metrics import Metrics
from groundwork.components.search.search import Search
from groundwork.components.settings import Settings


class Called(Protocol):
    """A function, as Lambda calls it."""

    @property
    def function_name(self) -> pulumi.Input[str]: ...


def seen_of(
    settings: Settings,
    context: Context,
    *,
    grantors: Mapping[str, Grantor],
    engine: object,
    load_balancer: pulumi.Input[str] | None,
    functions: Mapping[str, Called],
    log_groups: Mapping[str, pulumi.Input[str]],
    metrics: Metrics | None,
    health_check: pulumi.Input[str] | None = None,
) -> Seen:
    """Collect what dashboards show. ``engine``: whatever runs the services; one with a cluster has its
    ``cluster_name``."""
    database, cache, search = (grantors.get(layer) for layer in ("database", "cache", "search"))
    cluster = getattr(engine, "cluster_name", None)
    return Seen(
        load_balancer=load_balancer,
        databases=_instances(database, settings) if isinstance(database, Database) else {},
        cache_nodes=cache.node_ids if isinstance(cache, Cache) else (),
        search_domain=search.domain_name if isinstance(search, Search) else None,
        cluster=ClusterDimensions(settings.compute.engine, cluster)
        if settings.compute and cluster is not None
        else None,
        functions={name: function.function_name for name, function in functions.items()},
        log_groups=log_groups,
        alarms=context.alerting.declared,
        graphs=list(metrics.graphs.values()) if metrics else (),
        health_check=health_check,
    )


def _instances(database: Database, settings: Settings) -> dict[str, pulumi.Input[str]]:
    replicas = settings.data.replicas if settings.data else {}
    return {"primary": database.identifier, **{key: identifier_of(database, key) for key in replicas}}
