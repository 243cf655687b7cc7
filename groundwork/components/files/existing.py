"""A file system that exists, as services mount it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.files.file_system import WayIn, files_grant
from groundwork.components.files.settings import ExistingFilesSettings


class ExistingFileSystem(Component):
    """A file system that somebody else owns, mounted through an access point of theirs.

    Builds: nothing. The access point is looked up by its id; mount targets, policy, encryption, backups and lifecycle are their
    owner's.

    Cost: nothing of its own; storage and throughput are on the owner's bill.

    Fails: ``AccessPointNotFound`` for an id that is none of this account and region; a mount that times out where a zone has no
    mount target, and ``access denied by server`` where the file system's policy does not admit what ``uses`` grants.

    Changes without replacement: everything; another access point is another folder.
    """

    layer = "files"

    file_system_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: ExistingFilesSettings,
        context: Context,
        *,
        key: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Look the access point up. ``key``: the files' name in the stack file."""
        super().__init__(name, context, opts)
        found = aws.efs.get_access_point_output(access_point_id=settings.access_point)
        self.file_system_id = found.file_system_id
        self._way_in = WayIn(
            key=key,
            file_system_id=found.file_system_id,
            file_system_arn=found.file_system_arn,
            access_point_id=settings.access_point,
            access_point_arn=found.arn,
            security_group_id=settings.security_group,
        )
        self.register_outputs({"fileSystemId": self.file_system_id, "arn": found.file_system_arn})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant what a file system that is made grants; see :func:`groundwork.components.files.file_system.files_grant`."""
        return files_grant(self._way_in, self.name, level)
