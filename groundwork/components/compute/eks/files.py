"""Files in the cluster: the EFS CSI driver, and a volume with its claim for each file system that something mounts.

The driver's pods on the nodes mount, as who they are: what a pod may see is decided by which claim it names, and a claim of the
platform's namespace is all that a volume is bound to. https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/master/docs/parameters.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.access import Grant, Mount, Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.addons import FILES, AddOns
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.eks.identity import pod_identity, pod_role
from groundwork.components.compute.eks.inside import Inside, shared_labels
from groundwork.components.compute.eks.settings import KubernetesSettings

DRIVER = "efs.csi.aws.com"
_MOUNTS_AS = "efs-csi-node-sa"
"""The service account of the driver's pods on nodes."""

_SIZE = "1Gi"
"""What Kubernetes asks for and EFS does not know: it grows."""

Grants = Mapping[str, Mapping[str, Grant]]


def without_rights_to_mount(grants: Grants) -> dict[str, dict[str, Grant]]:
    """Return the grants without the statements of files: pods do not mount, the driver does."""
    return {
        name: {used: replace(grant, statements=()) if grant.mounts else grant for used, grant in used_by.items()}
        for name, used_by in grants.items()
    }


def driver(
    parent: Component, cluster: EksCluster, settings: KubernetesSettings, grants: Grants
) -> tuple[pulumi.Resource, ...]:
    """Create the add-on that mounts files, where there are some, with a role for all that services and jobs may."""
    mounting = [grant for used_by in grants.values() for grant in used_by.values() if grant.mounts]
    if not mounting:
        return ()
    statements: dict[str, Statement] = {}
    for statement in (statement for grant in mounting for statement in grant.statements):
        held = statements.get(statement.sid)
        if held is None or len(statement.actions) > len(held.actions):
            statements[statement.sid] = statement
    role = pod_role(parent, f"{FILES}-pods", "Files add-on", list(statements.values()))
    # The add-on itself takes an association for its controller alone, which makes volumes and here makes none:
    # https://github.com/kubernetes-sigs/aws-efs-csi-driver/issues/1759
    identity = pod_identity(
        parent, cluster, f"{FILES}-pods", namespace="kube-system", service_account=_MOUNTS_AS, role_arn=role.arn
    )
    return (AddOns(parent, settings, cluster.name).make(FILES, after=[*cluster.ready, identity, *role.ready]),)


def claims(inside: Inside, grants: Grants) -> tuple[pulumi.Resource, ...]:
    """Create a volume for each file system that something mounts, and the one claim that it is bound to."""
    mounts = {mount.name: mount for used_by in grants.values() for grant in used_by.values() for mount in grant.mounts}
    made: list[pulumi.Resource] = []
    for name, mount in sorted(mounts.items()):
        volume = kubernetes.core.v1.PersistentVolume(
            f"{inside.parent.name}-{claim_name(name)}",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=f"{inside.namespace}-{claim_name(name)}", labels=shared_labels(inside.parent)
            ),
            spec=kubernetes.core.v1.PersistentVolumeSpecArgs(
                access_modes=["ReadWriteMany"],
                capacity={"storage": _SIZE},
                claim_ref=kubernetes.core.v1.ObjectReferenceArgs(
                    api_version="v1",
                    kind="PersistentVolumeClaim",
                    namespace=inside.namespace,
                    name=claim_name(name),
                ),
                csi=kubernetes.core.v1.CSIPersistentVolumeSourceArgs(driver=DRIVER, volume_handle=_handle(mount)),
                mount_options=["tls", "iam"],
                persistent_volume_reclaim_policy="Retain",
                # None of a class that would make one.
                storage_class_name="",
            ),
            opts=inside.options(mount.ready),
        )
        claim = kubernetes.core.v1.PersistentVolumeClaim(
            f"{inside.parent.name}-{claim_name(name)}",
            metadata=inside.metadata(claim_name(name)),
            spec=kubernetes.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteMany"],
                resources=kubernetes.core.v1.VolumeResourceRequirementsArgs(requests={"storage": _SIZE}),
                storage_class_name="",
                volume_name=volume.metadata["name"],
            ),
            opts=inside.options(),
        )
        made.append(claim)
    return tuple(made)


def claim_name(files: str) -> str:
    """Return the name of the claim that pods mount files by."""
    return f"files-{files}"


def _handle(mount: Mount) -> pulumi.Output[str]:
    return pulumi.Output.concat(mount.file_system_id, "::", mount.access_point_id)
