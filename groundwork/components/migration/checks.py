"""What does not go together in a migration."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake

_LOGICAL = "rds.logical_replication"


def migrations_have_a_target(settings: Settings) -> Iterator[Mistake]:
    if settings.migration and (not settings.data or settings.data.existing):
        yield Mistake(("migration",), "migrates into the layer data, which this stack does not build")


def migrations_name_tables(settings: Settings) -> Iterator[Mistake]:
    if settings.migration is None:
        return
    tables = settings.migration.tables
    if not tables.include:
        yield Mistake(
            ("migration", "tables", "include"),
            'names no table, so the task would copy nothing; name some, or a schema: ["public.%"]',
        )
    elif set(tables.include) <= set(tables.exclude):
        yield Mistake(
            ("migration", "tables", "exclude"), "takes out all that include names, so the task would copy nothing"
        )


def a_source_is_another_database(settings: Settings) -> Iterator[Mistake]:
    if not (settings.migration and settings.data):
        return
    source, platform = settings.migration.source, settings.platform
    own_host = f"{platform.name}-database-{platform.stage}."
    if source.host and source.host.lower().startswith(own_host) and source.host.endswith(".rds.amazonaws.com"):
        yield Mistake(
            ("migration", "source", "host"), "is this platform's own database; source and target must be two databases"
        )
    if source.secret and f":secret:{platform.name}/{platform.stage}/database-" in source.secret:
        yield Mistake(("migration", "source", "secret"), "is that of this platform's own database; name the source's")


def migrations_reach_the_database_itself(settings: Settings) -> Iterator[Mistake]:
    """Check that no proxy stands before the database: it hands a connection on only between transactions, and DMS holds
    replication and session settings open."""
    if settings.migration and settings.data and settings.data.proxy:
        yield Mistake(
            ("migration",),
            "DMS must reach the database itself and data.proxy stands before it; add data.proxy when the migration is done",
        )


def the_way_back_is_recorded(settings: Settings) -> Iterator[Mistake]:
    """Check that logical replication is on for the way back.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html"""
    if not (settings.migration and settings.data and settings.migration.way_back):
        return
    if settings.data.parameters.get(_LOGICAL) != "1":
        yield Mistake(
            ("migration", "way_back"),
            f'needs data.parameters: {{{_LOGICAL}: "1"}}, without which the database does not record what the way back follows '
            "(it takes effect when the database restarts)",
        )


def migrations_reach_their_secrets(settings: Settings) -> Iterator[Mistake]:
    """Check that the replication instance reaches Secrets Manager.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_VPC_Endpoints.html"""
    network = settings.network
    if settings.migration and network and network.nat == "none" and "secretsmanager" not in network.endpoints:
        yield Mistake(
            ("migration",),
            "the replication instance reads its logins from Secrets Manager and has no way there; add secretsmanager to "
            "network.endpoints, or a NAT gateway",
        )


CHECKS = (
    migrations_have_a_target,
    migrations_name_tables,
    a_source_is_another_database,
    migrations_reach_the_database_itself,
    the_way_back_is_recorded,
    migrations_reach_their_secrets,
)
