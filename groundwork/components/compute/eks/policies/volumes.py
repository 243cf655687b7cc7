"""The EBS CSI driver: volumes of pods."""

from __future__ import annotations

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.identity import cluster_name
from groundwork.settings.facts import via_service


def cluster_tag(parent: Component) -> str:
    """Return the tag that the driver puts on what it makes, when it is told the cluster's name."""
    return f"kubernetes.io/cluster/{cluster_name(parent)}"


def statements(parent: Component) -> tuple[Statement, ...]:
    """Return less than AmazonEBSCSIDriverPolicy: volumes and snapshots of this cluster instead of any cluster's.

    https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/example-iam-policy.json
    """
    arn = parent.context.arn
    volumes, snapshots = arn("ec2", "volume/*"), f"{parent.context.arn_start}:ec2:{parent.context.region}::snapshot/*"
    asked = {"StringEquals": {f"aws:RequestTag/{cluster_tag(parent)}": "owned"}}
    ours = {"StringEquals": {f"aws:ResourceTag/{cluster_tag(parent)}": "owned"}}
    through_ec2 = {"kms:ViaService": via_service("ec2", parent.context.region)}
    return (
        Statement(
            # None of them takes a resource.
            sid="DescribeVolumes",
            actions=(
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstances",
                "ec2:DescribeSnapshots",
                "ec2:DescribeTags",
                "ec2:DescribeVolumeStatus",
                "ec2:DescribeVolumes",
                "ec2:DescribeVolumesModifications",
            ),
            resources=("*",),
        ),
        Statement(sid="CreateVolumes", actions=("ec2:CreateVolume",), resources=(volumes,), conditions=asked),
        Statement(
            sid="CreateVolumesFromSnapshots", actions=("ec2:CreateVolume",), resources=(snapshots,), conditions=ours
        ),
        Statement(sid="CreateSnapshots", actions=("ec2:CreateSnapshot",), resources=(snapshots,), conditions=asked),
        Statement(
            sid="CreateSnapshotsOfVolumes", actions=("ec2:CreateSnapshot",), resources=(volumes,), conditions=ours
        ),
        Statement(
            sid="TagOnCreation",
            actions=("ec2:CreateTags",),
            resources=(volumes, snapshots),
            conditions={"StringEquals": {"ec2:CreateAction": ["CreateVolume", "CreateSnapshot"]}},
        ),
        Statement(
            sid="ManageVolumes",
            actions=("ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume"),
            resources=(volumes,),
            conditions=ours,
        ),
        Statement(
            sid="AttachVolumesToOwnNodes",
            actions=("ec2:AttachVolume", "ec2:DetachVolume"),
            resources=(arn("ec2", "instance/*"),),
            conditions=ours,
        ),
        Statement(sid="DeleteSnapshots", actions=("ec2:DeleteSnapshot",), resources=(snapshots,), conditions=ours),
        Statement(
            sid="EncryptVolumes",
            actions=(
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ),
            resources=(parent.context.key_arn("storage"),),
            conditions={"StringEquals": through_ec2},
        ),
        Statement(
            sid="CreateKeyGrants",
            actions=("kms:CreateGrant",),
            resources=(parent.context.key_arn("storage"),),
            conditions={"StringEquals": through_ec2, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )
