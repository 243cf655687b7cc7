"""The relational database."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.secrets.settings import RotationDays
from groundwork.settings.arns import KeyArn, SecretArn, SecurityGroupId
from groundwork.settings.base import DailyWindow, Model, Name, WeeklyWindow, refuse_what_is_built
from groundwork.settings.facts import is_reserved

InstanceClass = Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")]


def _user_name(value: str) -> str:
    if is_reserved(value, "users"):
        raise PydanticCustomError("reserved", 'is reserved by RDS or PostgreSQL; use another name, such as "app_admin"')
    return value


def _database_name(value: str) -> str:
    if is_reserved(value, "databases"):
        raise PydanticCustomError("reserved", 'is reserved by RDS or PostgreSQL; use another name, such as "app"')
    return value


class StorageSettings(Model):
    """The volume of the database."""

    size: Annotated[int, Field(ge=20, le=65536)] = 20
    """GiB at the start."""

    max: Annotated[int, Field(ge=20, le=65536)] | None = 100
    """GiB up to which it grows by itself; null turns that off."""

    iops: Annotated[int, Field(ge=12000, le=64000)] | None = None
    """From 400 GiB on, where gp3 brings 12,000 of its own; below, 3,000 that cannot be changed."""

    throughput: Annotated[int, Field(ge=500, le=4000)] | None = None
    """MiB/s; from 400 GiB on, where gp3 brings 500 of its own."""

    @model_validator(mode="after")
    def _room_to_grow(self) -> StorageSettings:
        # RDS asks for at least 10 % above the allocated size:
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
        if self.max is not None and self.max < self.size * 1.1:
            raise PydanticCustomError(
                "storage",
                "max ({max}) must be at least 10 % above size ({size})",
                {"max": self.max, "size": self.size, "at": ("max",)},
            )
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage
        if (self.iops or self.throughput) and self.size < 400:
            raise PydanticCustomError(
                "storage", "iops and throughput can be set from 400 GiB on; size is {size}", {"size": self.size}
            )
        return self


class BackupSettings(Model):
    """Automated backups."""

    retention_days: Annotated[int, Field(ge=1, le=35)] = 7
    window: DailyWindow = "03:00-04:00"
    """In the platform's time zone."""


class ReplicaSettings(Model):
    """A read replica."""

    instance_class: Annotated[InstanceClass | None, Field(alias="class")] = None
    """Unset, as the primary."""
    of: Name | None = None
    """Another replica to copy from (cascading); unset, the primary."""
    zone: Annotated[str, Field(pattern="^[a-f]$")] | None = None


class ProxySettings(Model):
    """RDS Proxy."""

    max_connections_percent: Annotated[int, Field(ge=1, le=100)] = 90
    """Percent of the database's connections that the proxy may open."""
    idle_timeout: Annotated[int, Field(ge=1, le=28800)] = 1800
    """Seconds after which an idle client is dropped."""


class ArchiveSettings(Model):
    """A snapshot on the first of each month, two hours after the backup window, kept beyond the automated ones."""

    months: Annotated[int, Field(ge=1, le=120)] = 12
    """How long each is kept. RDS snapshots have no cold tier."""


class ExistingDatabaseSettings(Model):
    """A PostgreSQL database on RDS that exists. It is used as it is; a rule for each client is added to its security group."""

    identifier: Annotated[str, Field(pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=63)]
    """Its name in RDS."""

    secret: SecretArn
    """A secret with ``username`` and ``password``, such as the one that RDS manages."""

    secret_key: KeyArn | None = None
    """The customer-managed key of ``secret``; unset, it is AWS's own."""

    url_key: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """The key in ``secret`` that holds the whole address, for ``DATABASE_URL``. Unset, services are given host, port, name, user
    name and password alone."""

    security_group: SecurityGroupId
    """A group that the database is in, in the VPC of ``network``. Services get a rule in it each, and nothing else of it is
    changed."""


_DESCRIBING = frozenset({"existing", "name", "port", "instance_class"})
"""What may stand beside ``existing``: there it says what the database has."""


class DataSettings(Model):
    """RDS for PostgreSQL in the data tier."""

    existing: ExistingDatabaseSettings | None = None
    """Use a database that exists in place of one of our own. Phase and stage then say nothing of ``data``. Beside it ``name`` and
    ``port`` say how to reach it, and ``class`` how large it is, so that connections can be counted."""

    version: Annotated[str, Field(pattern=r"^1[3-8](\.\d+)?$")] = "17"
    """Major version (minor ones are applied by AWS), or an exact one."""

    instance_class: Annotated[InstanceClass, Field(alias="class")] = "db.t4g.micro"
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$"), AfterValidator(_database_name)] = "app"
    """Name of the database inside the instance."""
    username: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,56}$"), AfterValidator(_user_name)] = "groundwork"
    """The administrator, whose name leaves room in PostgreSQL's 63 characters for those of ``rotation_days``. Its password is drawn and kept
    in Secrets Manager."""
    rotation_days: RotationDays | None = None
    """Days after which services get another login: two users take turns, so that running copies keep theirs until the change
    after. Unset, services log in as the administrator, whose password stays."""
    port: Annotated[int, Field(ge=1150, le=65535)] = 5432
    storage: StorageSettings = StorageSettings()
    multi_az: bool = False
    backup: BackupSettings = BackupSettings()
    maintenance_window: WeeklyWindow = "sun:04:30-05:30"
    replicas: dict[Name, ReplicaSettings] = {}
    proxy: ProxySettings | None = None
    archive: ArchiveSettings | None = None
    insights: bool = True
    """Performance Insights, seven days kept, which is free."""
    monitoring_interval: Literal[0, 1, 5, 10, 15, 30, 60] = 60
    """Seconds between enhanced-monitoring samples; 0 turns it off."""
    statement_timeout: Annotated[int, Field(ge=1, le=86400)] | None = 30
    """Seconds after which a statement is ended; null lets it run for ever. A migration that takes longer says so for its own
    session: ``SET statement_timeout = 0``."""
    parameters: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_.]*$")], str] = {}
    """Further parameters of the parameter group. TLS is forced whatever stands here."""
    iam_authentication: bool = True
    ca_certificate: Literal["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"] = "rds-ca-rsa2048-g1"
    """The authority that signs the instances' certificates. All three are in the bundle of RDS's authorities, which clients of a
    database trust: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html"""
    deletion_protection: bool = False
    """The stage ``prod`` has it on."""
    apply_immediately: bool = False
    """Changes that restart the database happen at once instead of in the maintenance window."""
    upgrade_from: Annotated[str, Field(pattern=r"^1[3-8]$")] | None = None
    """The major version that the database still has, while ``version`` names the next: lets RDS upgrade it, and leaves replicas at
    the parameter group of this one until they are upgraded too. Taken out in a second step (``docs/components/data.md``)."""
    extended_support: bool = False
    """Pay to stay on a version after its end of standard support; without, AWS upgrades it then. For the database's whole life."""

    @property
    def major_version(self) -> str:
        """Return the major version: ``17`` of ``17.4``."""
        return self.version.partition(".")[0]

    @model_validator(mode="after")
    def _existing_is_not_built(self) -> DataSettings:
        if self.existing is not None:
            refuse_what_is_built(self, "a database that is made", _DESCRIBING)
        return self

    @property
    def known_class(self) -> str | None:
        """Return the class of the primary; None for a database that exists and whose class nobody says."""
        unsaid = self.existing is not None and "instance_class" not in self.model_fields_set
        return None if unsaid else self.instance_class

    @model_validator(mode="after")
    def _upgrades_upwards(self) -> DataSettings:
        if self.upgrade_from is not None and int(self.upgrade_from) >= int(self.major_version):
            raise PydanticCustomError(
                "upgrade",
                "upgrade_from ({old}) is not before version ({new}); once the upgrade is done, leave upgrade_from out",
                {"old": self.upgrade_from, "new": self.version, "at": ("upgrade_from",)},
            )
        return self
