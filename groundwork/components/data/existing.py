"""A database that exists, as services use it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Opening, SecretReference
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.data.settings import DataSettings, ExistingDatabaseSettings

_SSLMODE = "verify-full"


class ExistingDatabase(Component):
    """A PostgreSQL database on RDS that somebody else owns.

    Builds: nothing; its clients each get a rule in its security group. Backups, alarms, parameters and its login are its owner's.

    Cost: nothing of its own; the instance is on the owner's bill.

    Fails: ``couldn't find resource`` for an identifier that is no instance of this account and region; a timeout where the group is
    not one that the database is in, or no route leads to its subnets; an update warns where the database answers the internet or
    its volume is not encrypted.

    Changes without replacement: everything; another identifier is another database.
    """

    layer = "data"

    address: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: DataSettings,
        existing: ExistingDatabaseSettings,
        context: Context,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Look the database up."""
        super().__init__(name, context, opts)
        self._settings = settings
        self._existing = existing
        found = aws.rds.get_instance_output(
            db_instance_identifier=existing.identifier, opts=pulumi.InvokeOptions(parent=self)
        )
        self.address = found.address
        self.arn = found.db_instance_arn
        found.apply(_warn)
        self.register_outputs(
            {
                "address": self.address,
                "arn": self.arn,
                "identifier": existing.identifier,
                "securityGroupId": existing.security_group,
            }
        )

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``connect`` or ``read``, which are the same here: there are no replicas, and PostgreSQL's own rights decide what the
        login may do."""
        settings, existing = self._settings, self._existing
        keys = {"DATABASE_USERNAME": "username", "DATABASE_PASSWORD": "password"}
        if existing.url_key is not None:
            keys |= dict.fromkeys(("DATABASE_URL", "DATABASE_READER_URL"), existing.url_key)
        return Grant(
            openings=[Opening(existing.security_group, settings.port, f"PostgreSQL of {existing.identifier}")],
            environment={
                **dict.fromkeys(("DATABASE_HOST", "DATABASE_READER_HOST", "DATABASE_READER_HOSTS"), self.address),
                "DATABASE_PORT": str(settings.port),
                "DATABASE_NAME": settings.name,
                **dict.fromkeys(("DATABASE_SSLMODE", "DATABASE_READER_SSLMODE"), _SSLMODE),
            },
            secrets={
                variable: SecretReference(existing.secret, existing.secret_key, key)
                for variable, key in sorted(keys.items())
            },
        )


def _warn(found: aws.rds.GetInstanceResult) -> None:
    """Judge what is known of a database only when AWS has been asked."""
    if found.publicly_accessible:
        pulumi.log.warn(
            f"data.existing: {found.db_instance_identifier} has a public address; set publicly accessible to no"
        )
    if not found.storage_encrypted:
        pulumi.log.warn(
            f"data.existing: the volume of {found.db_instance_identifier} is not encrypted; copy a snapshot with a key and restore that"
        )
