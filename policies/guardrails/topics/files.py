"""File systems: whose key, who enters where, in which subnets."""

from __future__ import annotations

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource


@resource_rule(
    "File systems are encrypted with a customer-managed key",
    "low",
    kinds.FILE_SYSTEM,
    ids=("checkov:CKV_AWS_184",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsKeyId; the file system is replaced.",
)
def file_system_customer_key(system: Resource) -> Messages:
    if system.truth("encrypted") and not names_customer_key(system, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "Access points show one folder only",
    "medium",
    kinds.FILE_ACCESS_POINT,
    ids=("fsbp:EFS.3", "checkov:CKV_AWS_329"),
    why="Through an access point at / every user sees the files of all the others.",
    fix="Set rootDirectory.path to the folder that belongs to the user.",
)
def access_point_root(point: Resource) -> Messages:
    if point.get("rootDirectory.path") == "/":
        yield "it shows the whole file system (rootDirectory.path)"


@resource_rule(
    "Access points decide who the user is",
    "medium",
    kinds.FILE_ACCESS_POINT,
    ids=("fsbp:EFS.4", "checkov:CKV_AWS_330"),
    why="Otherwise a client says itself which user it is, root for instance.",
    fix="Set posixUser with a uid and gid other than 0.",
)
def access_point_user(point: Resource) -> Messages:
    if not point.has("posixUser"):
        yield "its clients choose their user id (posixUser)"
    elif point.number("posixUser.uid", 0) == 0:
        yield "its clients are root (posixUser.uid is 0)"


@stack_rule(
    "File systems are not mounted in public subnets",
    "medium",
    kinds.MOUNT_TARGET,
    ids=("fsbp:EFS.6",),
    why="What starts in such a subnet has a public address and stands next to the files.",
    fix="Put mount targets into private subnets.",
    levels=ADVISORY_IN_DEV,
)
def mount_target_private(target: Resource, stack: Stack) -> Messages:
    for subnet in stack.targets(target, "subnetId", kinds.SUBNET):
        if subnet.truth("mapPublicIpOnLaunch"):
            yield f"its subnet {subnet.name!r} gives out public addresses (mapPublicIpOnLaunch)"


_TAGS = {
    kinds.LUSTRE: ("copyTagsToBackups",),
    kinds.OPENZFS: ("copyTagsToBackups", "copyTagsToVolumes"),
    kinds.WINDOWS_FILES: ("copyTagsToBackups",),
}


@resource_rule(
    "Backups of FSx carry the tags of their file system",
    "low",
    *_TAGS,
    ids=("fsbp:FSx.1", "fsbp:FSx.2"),
    why="Who owns a backup, and what it costs whom, is otherwise not known once the file system is gone.",
    fix="Set copyTagsToBackups (OpenZFS: copyTagsToVolumes too) to true.",
)
def fsx_tags_on_backups(system: Resource) -> Messages:
    # Lustre's scratch systems are never backed up.
    if str(system.get("deploymentType", "")).startswith("SCRATCH") or (
        system.type == kinds.LUSTRE and not system.has("deploymentType")
    ):
        return
    for path in _TAGS[system.type]:
        if not system.truth(path):
            yield f"its tags stay with it ({path})"


@resource_rule(
    "Production file systems of FSx span two zones",
    "medium",
    kinds.OPENZFS,
    kinds.ONTAP,
    kinds.WINDOWS_FILES,
    ids=("fsbp:FSx.3", "fsbp:FSx.4", "fsbp:FSx.5"),
    why="With its one zone every server that mounts it stops.",
    fix="Set deploymentType to MULTI_AZ_1; the file system is replaced.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def fsx_two_zones(system: Resource) -> Messages:
    if not str(system.get("deploymentType")).startswith("MULTI_AZ"):
        yield "it stands in one zone (deploymentType)"
