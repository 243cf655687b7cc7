"""Where copies of backups are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from groundwork.settings.base import Model


class RecoverySettings(Model):
    """Copies of what the platform keeps, for the day on which a region or an account is lost (``docs/recovery.md``).

    Copied are the database, data volumes, file systems, and buckets for ``media`` and ``backups``. What can be made anew from them
    or from the program is not: caches, search, images, static files, logs.
    """

    region: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]+)+-\d$")]
    """Another region of the same partition. The database can be restored there to any moment up to about five minutes ago."""

    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    """The twelve digits, in quotes, of another account of the same AWS Organization, which keeps copies in the stack's own region. It is
    prepared first, with the template of ``groundwork recover STACK --template FILE``."""

    keep_days: Annotated[int, Field(ge=7, le=3650)] = 35
    """Days for which each daily copy is kept. The database in ``region`` goes back as far as ``data.backup.retention_days``."""
