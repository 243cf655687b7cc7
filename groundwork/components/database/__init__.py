"""RDS for PostgreSQL: primary, replicas, proxy, archive."""

from groundwork.components.database.database import Database

__all__ = ["Database"]
