"""An EFS file system with its way in: mount targets, one access point, and a policy that admits nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Mount, Opening, Statement, policy_document
from groundwork.components.base import Component, key_of
from groundwork.components.context import Context
from groundwork.components.files.alarms import watch_file_system
from groundwork.components.files.settings import FileSystemSettings
from groundwork.settings.variables import environment_name, mount_path

PORT = 2049
_CLIENT = "elasticfilesystem:Client"
_ACTIONS = {"read": (f"{_CLIENT}Mount",), "read-write": (f"{_CLIENT}Mount", f"{_CLIENT}Write")}
_POINT = "elasticfilesystem:AccessPointArn"


class PrivateTier(Protocol):
    """A network with private subnets."""

    @property
    def vpc_id(self) -> pulumi.Output[str]: ...

    @property
    def private_subnet_ids(self) -> Mapping[str, pulumi.Output[str]]:
        """Map each zone's letter to its private subnet."""
        ...


class FileSystem(Component):
    """A folder that containers share and that outlasts them.

    Builds: the file system (elastic throughput, encrypted with the key for storage), a mount target in each private subnet, their
    security group (its rules come from grants), an access point that shows one folder and says to whom all files belong, a policy
    that refuses what is not encrypted on its way or comes by another way than the access point, automatic backups, an alarm. Who
    mounts it is decided by IAM: the role of a service that ``uses`` it names this access point.

    Cost: by gigabyte and month, less for what nobody reads; each gigabyte read or written; backups by gigabyte. Nothing while it is
    empty.

    Fails: a task that cannot mount it does not start; ``access denied by server`` names the role or the access point, a mount that
    times out the security group. Files in Infrequent Access and Archive take tens of milliseconds for their first byte. NFS locks
    hold between copies, but a database on it is slow: each ``fsync`` crosses the network.

    Changes without replacement: lifecycle, backups, zones; another ``owner`` makes another access point,
    whose files the former owner's are not. The key cannot change: https://docs.aws.amazon.com/efs/latest/ug/encryption-at-rest.html
    """

    layer = "files"

    file_system_id: pulumi.Output[str]
    arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    """The group that workloads reach."""

    def __init__(
        self,
        name: str,
        settings: FileSystemSettings,
        context: Context,
        *,
        key: str | None = None,
        network: PrivateTier,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the file system. ``key`` is its own name, unset what follows the platform's in ``name``. ``network`` has the subnets that
        it is mounted from."""
        super().__init__(name, context, opts)
        self._key = key or key_of(name, context)
        system = aws.efs.FileSystem(
            name,
            encrypted=True,
            kms_key_id=context.key_arn("storage"),
            performance_mode="generalPurpose",
            throughput_mode="elastic",
            lifecycle_policies=_lifecycle(settings),
            opts=self.stateful(),
        )
        self.arn = system.arn
        self.file_system_id = system.id
        aws.efs.BackupPolicy(
            name,
            file_system_id=system.id,
            backup_policy=aws.efs.BackupPolicyBackupPolicyArgs(status="ENABLED" if settings.backups else "DISABLED"),
            opts=self.child(),
        )
        clients = aws.ec2.SecurityGroup(
            f"{name}-clients",
            description=f"{name}: what services mount",
            vpc_id=network.vpc_id,
            opts=self.child(),
        )
        self.security_group_id = clients.id
        targets = [
            aws.efs.MountTarget(
                f"{name}-{zone}",
                file_system_id=system.id,
                subnet_id=subnet,
                security_groups=[clients.id],
                # A file system has one in each zone.
                opts=self.child(delete_before_replace=True),
            )
            for zone, subnet in network.private_subnet_ids.items()
        ]
        self._point = self._access_point(settings)
        policy = aws.efs.FileSystemPolicy(
            name,
            file_system_id=system.id,
            policy=policy_document(_refusals(system.arn, self._point.arn)),
            opts=self.child(),
        )
        self._ready = (*targets, policy)
        watch_file_system(self, system.id)
        self.register_outputs({"fileSystemId": system.id})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``read`` or ``read-write``: to mount the file system by its access point, and the port to do so."""
        way_in = WayIn(
            key=self._key,
            file_system_id=self.file_system_id,
            file_system_arn=self.arn,
            access_point_id=self._point.id,
            access_point_arn=self._point.arn,
            security_group_id=self.security_group_id,
            ready=self._ready,
        )
        return files_grant(way_in, self.name, level)

    def _access_point(self, settings: FileSystemSettings) -> aws.efs.AccessPoint:
        """Create the access point: everybody's files are in its folder, which EFS makes at the first mount, and are its owner's.

        https://docs.aws.amazon.com/efs/latest/ug/enforce-root-directory-access-point.html
        """
        user, _, group = settings.owner.partition(":")
        uid, gid = int(user), int(group or user)
        return aws.efs.AccessPoint(
            self.name,
            file_system_id=self.file_system_id,
            posix_user=aws.efs.AccessPointPosixUserArgs(uid=uid, gid=gid),
            root_directory=aws.efs.AccessPointRootDirectoryArgs(
                path=f"/{self._key}",
                creation_info=aws.efs.AccessPointRootDirectoryCreationInfoArgs(
                    owner_uid=uid, owner_gid=gid, permissions="0750"
                ),
            ),
            opts=self.child(),
        )


@dataclass(frozen=True)
class WayIn:
    """By what a file system is mounted."""

    key: str
    """Its name in the stack file."""
    file_system_id: pulumi.Input[str]
    file_system_arn: pulumi.Input[str]
    access_point_id: pulumi.Input[str]
    access_point_arn: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    ready: tuple[pulumi.Resource, ...] = ()
    """What must be there before anything can mount it."""


def files_grant(way_in: WayIn, name: str, level: str) -> Grant:
    """Grant ``read`` or ``read-write`` by an access point. ``name`` is the component's."""
    path = mount_path(way_in.key)
    label = "".join(part.capitalize() for part in way_in.key.split("-"))
    through = {"StringEquals": {_POINT: way_in.access_point_arn}}
    return Grant(
        statements=[Statement(f"{label}Files", _ACTIONS[level], [way_in.file_system_arn], through)],
        openings=[Opening(way_in.security_group_id, PORT, f"Files {name}")],
        environment={f"{environment_name(way_in.key)}_PATH": path},
        mounts=[
            Mount(
                name=way_in.key,
                path=path,
                read_only=level == "read",
                file_system_id=way_in.file_system_id,
                access_point_id=way_in.access_point_id,
                ready=way_in.ready,
            )
        ],
    )


def _lifecycle(settings: FileSystemSettings) -> list[aws.efs.FileSystemLifecyclePolicyArgs]:
    """Return the policies, of which each may say one thing."""
    policy = aws.efs.FileSystemLifecyclePolicyArgs
    ages = (("transition_to_ia", settings.infrequent_after), ("transition_to_archive", settings.archive_after))
    return [policy(**{to: f"AFTER_{days}_DAY{'S' if days > 1 else ''}"}) for to, days in ages if days]


def _refusals(arn: pulumi.Output[str], point_arn: pulumi.Output[str]) -> list[dict[str, Any]]:
    """Return the policy's statements. With a policy EFS admits nobody whom no policy allows, and here that is IAM's part.

    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """

    def deny(sid: str, action: object, conditions: Mapping[str, Mapping[str, object]]) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": action,
            "Resource": arn,
            "Condition": conditions,
        }

    clients = [f"{_CLIENT}{right}" for right in ("Mount", "RootAccess", "Write")]
    return [
        deny("TlsOnly", "*", {"Bool": {"aws:SecureTransport": "false"}}),
        deny("AccessPointOnly", clients, {"StringNotEquals": {_POINT: point_arn}}),
    ]
