"""Moving a database into the platform: AWS DMS."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.network.settings import Cidr
from groundwork.settings.arns import KeyArn, SecretArn
from groundwork.settings.base import Model, Sealed, WeeklyWindow

Tls = Literal["require", "verify-ca", "verify-full"]
"""``require`` encrypts, ``verify-ca`` also checks who signed the certificate, ``verify-full`` also whose name it bears."""


class SourceEngine(NamedTuple):
    """What DMS knows of a kind of source."""

    port: int
    tls: tuple[Tls, ...]
    """What DMS can do there, the strictest last."""


# https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Security.SSL.html
_CHECKED: tuple[Tls, ...] = ("verify-ca", "verify-full")
SOURCE_ENGINES: dict[str, SourceEngine] = {
    "postgres": SourceEngine(5432, ("require", *_CHECKED)),
    "aurora-postgresql": SourceEngine(5432, ("require", *_CHECKED)),
    "mysql": SourceEngine(3306, _CHECKED),
    "mariadb": SourceEngine(3306, _CHECKED),
    "aurora": SourceEngine(3306, _CHECKED),
    "sqlserver": SourceEngine(1433, ("require", "verify-full")),
}
"""What ``migration.source.engine`` may name; ``aurora`` is Aurora MySQL."""


def _certificate(value: str) -> str:
    if not re.fullmatch(r"(\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----)+\s*", value):
        raise PydanticCustomError(
            "certificate", 'is not a certificate in PEM form; it starts with "-----BEGIN CERTIFICATE-----"'
        )
    return value


def _replication_class(value: str) -> str:
    if not re.fullmatch(r"dms\.[a-z]\d[a-z]*\.(micro|small|medium|\d*x?large)", value):
        raise PydanticCustomError(
            "class", 'is not a class of replication instances; write it as "dms.t3.medium" or "dms.r6i.large"'
        )
    return value


def _tables(value: str) -> str:
    if not re.fullmatch(r"[^.\s]+\.[^.\s]+", value):
        raise PydanticCustomError(
            "tables", 'is not schema.table; write it as "public.users", or "public.%" for every table of a schema'
        )
    return value


Certificate = Annotated[str, AfterValidator(_certificate)]
ReplicationClass = Annotated[str, AfterValidator(_replication_class)]
Tables = Annotated[str, AfterValidator(_tables), Field(max_length=130)]
"""``schema.table``; ``%`` stands for any text in either."""
Identifier = Annotated[str, Field(pattern=r"^[^.\s]{1,63}$")]


class TargetSettings(Model):
    """How the platform's own database is spoken to."""

    tls: Tls | None = None
    """Unset: ``verify-full`` with a certificate, else ``require``."""
    certificate: Certificate | None = None
    """RDS's authorities for the region, in PEM form, as AWS publishes them."""

    @property
    def ssl_mode(self) -> Tls:
        """Return the TLS mode that is used."""
        return self.tls or ("verify-full" if self.certificate else "require")

    @model_validator(mode="after")
    def _checks_need_a_certificate(self) -> TargetSettings:
        if self.ssl_mode != "require" and self.certificate is None:
            raise PydanticCustomError("tls", "{mode} needs certificate: whom should it trust?", {"mode": self.ssl_mode})
        return self


class SourceSettings(Model):
    """The database that is moved. Its login is sealed here, or stands in a secret that exists."""

    engine: Literal["postgres", "aurora-postgresql", "mysql", "mariadb", "aurora", "sqlserver"] = "postgres"
    """``aurora`` is Aurora MySQL."""
    addresses: Annotated[tuple[Cidr, ...], Field(min_length=1)]
    """Where it stands; nothing else is reached on its port."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Unset, the engine's own."""
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_$-]{1,128}$")]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$")] | None = None
    username: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    password: Sealed | None = None
    """Sealed by ``pulumi config set --secret``; with it go ``host`` and ``username``."""
    secret: SecretArn | None = None
    """Instead of the three: ARN of a secret with host, port, username and password."""
    secret_key: KeyArn | None = None
    """The customer-managed key of ``secret``, where it has one."""
    tls: Tls | None = None
    """Unset: ``verify-full`` with a certificate, else ``require``. There is no way to go without."""
    certificate: Certificate | None = None
    """Who signed the source's certificate, in PEM form."""

    @property
    def listens_on(self) -> int:
        """Return the port, by default the engine's."""
        return self.port or SOURCE_ENGINES[self.engine].port

    @property
    def ssl_mode(self) -> Tls:
        """Return the TLS mode that is used."""
        return self.tls or ("verify-full" if self.certificate else "require")

    @model_validator(mode="after")
    def _has_one_login(self) -> SourceSettings:
        own = {"host": self.host, "username": self.username, "password": self.password}
        missing = [key for key, value in own.items() if value is None]
        if self.secret is None and missing:
            raise PydanticCustomError(
                "login",
                "lacks {missing}; give host, username and a sealed password, or the ARN of a secret that has them",
                {"missing": ", ".join(missing)},
            )
        if self.secret is not None and len(missing) < len(own):
            raise PydanticCustomError(
                "login", "has two logins; host, username and password stand in the secret, leave them out here"
            )
        if self.secret_key is not None and self.secret is None:
            raise PydanticCustomError("login", "secret_key is the key of secret, which is not given")
        return self

    @model_validator(mode="after")
    def _speaks_tls(self) -> SourceSettings:
        able = SOURCE_ENGINES[self.engine].tls
        if self.ssl_mode not in able:
            raise PydanticCustomError(
                "tls",
                "DMS has no {mode} for {engine}; use {able}{how}",
                {
                    "mode": self.ssl_mode,
                    "engine": self.engine,
                    "able": " or ".join(able),
                    "how": "" if self.certificate else " with a certificate",
                },
            )
        if self.ssl_mode != "require" and self.certificate is None:
            raise PydanticCustomError("tls", "{mode} needs certificate: whom should it trust?", {"mode": self.ssl_mode})
        return self


class TableSettings(Model):
    """What is copied, and what it is called in the platform's database."""

    include: tuple[Tables, ...] = ()
    """``public.users``, ``public.%``."""
    exclude: tuple[Tables, ...] = ()
    """Of what is included."""
    rename_schemas: dict[Identifier, Identifier] = {}
    """A MySQL database ``shop`` that is to be the schema ``public``: ``{shop: public}``."""
    rename_tables: dict[Tables, Identifier] = {}
    """By their name at the source: ``{public.users: members}``."""


class MigrationSettings(Model):
    """A replication instance, its endpoints and the task that copies and then follows. Leave the layer out when it is done."""

    source: SourceSettings
    target: TargetSettings = TargetSettings()
    tables: TableSettings = TableSettings()
    kind: Literal["full-load-and-cdc", "full-load", "cdc"] = "full-load-and-cdc"
    """Copy and then follow, copy alone, follow alone."""
    start: bool = False
    """Start the task with the update that makes it. Unset, somebody starts it when the schema is there."""
    prepare: Literal["leave", "truncate"] = "leave"
    """What is done to a table of the target before it is loaded. ``truncate`` empties it, each time the load starts anew."""
    validate_rows: bool = True
    """Compare every row after it is copied."""
    largest_lob_kb: Annotated[int, Field(ge=1, le=102_400)] | None = 1024
    """Texts and binaries above this stop a PostgreSQL source's task and are cut from others. ``null`` takes any size, slowly."""
    way_back: bool = False
    """A second task that follows the platform's database into the source, to be started at the switch."""
    instance_class: Annotated[ReplicationClass, Field(alias="class")] = "dms.t3.medium"
    storage: Annotated[int, Field(ge=5, le=6144)] = 50
    """GB for logs and for changes that wait."""
    multi_az: bool = False
    maintenance_window: WeeklyWindow = "sun:05:30-06:30"
    version: Annotated[str, Field(pattern=r"^3\.\d+\.\d+$")] = "3.6.1"
    """Of the DMS engine. AWS applies minor versions in the maintenance window; say the new one here then, or an update asks for
    the old one back. Until when each may be used:
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_ReleaseNotes.html"""
    linked_roles: bool = True
    """Make ``dms-vpc-role`` and ``dms-cloudwatch-logs-role``. An account has one of each: false where they are there already."""
