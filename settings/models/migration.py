"""Moving a database into the platform: AWS DMS."""

from __future__ import annotations

from settings.models.base import Model


class MigrationSettings(Model):
    """A replication instance, its endpoints and the task that copies and then follows."""
