"""File systems: folders that several containers share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.arns import SecurityGroupId
from groundwork.settings.base import Model, refuse_what_is_built

Age = Literal[1, 7, 14, 30, 60, 90, 180, 270, 365]
"""Days after which EFS moves a file: https://docs.aws.amazon.com/efs/latest/ug/API_LifecyclePolicy.html"""


class ExistingFilesSettings(Model):
    """A file system that exists, by the access point through which it is mounted."""

    access_point: Annotated[str, Field(pattern="^fsap-([0-9a-f]{8}|[0-9a-f]{17})$")]
    """In this account and region; it says folder and owner. The file system must have a mount target in each zone of the network."""
    security_group: SecurityGroupId
    """Of the mount targets: each service that uses the files gets a rule in it, the only thing that is added to anything."""


class FileSystemSettings(Model):
    """One EFS file system: encrypted, in every zone of the private tier, and of nobody but who ``uses`` it."""

    existing: ExistingFilesSettings | None = None
    """A file system that exists. It is used as it is, and beside it nothing else is said. Its policy must admit roles of this account
    that IAM lets mount it."""
    owner: Annotated[str, Field(pattern=r"^[1-9]\d{0,8}(:[1-9]\d{0,8})?$")] = "1000:1000"
    """User and group ids that every file belongs to, whoever writes it; never root. What a container runs as does not
    matter. Say it once: files that are there stay their former owner's, and the next may not enter."""
    infrequent_after: Age | None = 30
    """Days without access until a file moves to Infrequent Access, which costs less to keep and more to read; null for never."""
    archive_after: Age | None = 90
    """Days without access until it moves to Archive; null for never."""
    backups: bool = True
    """AWS Backup copies it every day and keeps each copy for 35 days."""

    @model_validator(mode="after")
    def _existing_is_not_built(self) -> FileSystemSettings:
        if self.existing is not None:
            refuse_what_is_built(self, "a file system that is made", {"existing"})
        return self

    @model_validator(mode="after")
    def _in_order(self) -> FileSystemSettings:
        # https://docs.aws.amazon.com/efs/latest/ug/lifecycle-management-efs.html
        if self.infrequent_after and self.archive_after and self.archive_after <= self.infrequent_after:
            raise PydanticCustomError(
                "lifecycle",
                "archive_after ({archive}) must be more than infrequent_after ({infrequent}); change one, or set it to null",
                {
                    "archive": self.archive_after,
                    "infrequent": self.infrequent_after,
                    "at": ("archive_after" if "archive_after" in self.model_fields_set else "infrequent_after",),
                },
            )
        return self
