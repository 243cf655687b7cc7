"""RDS for PostgreSQL: primary, replicas, proxy, archive."""

from components.database.database import Database

__all__ = ["Database"]
