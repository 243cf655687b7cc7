"""The control plane: AWS's part of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.eks.entries import administrators
from groundwork.components.compute.eks.identity import cluster_name
from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.logs import log_group

_KEY = "control-plane"

_POLICIES = ("AmazonEKSClusterPolicy",)
# https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html
_AUTO_MODE_POLICIES = (
    *_POLICIES,
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)


@dataclass(frozen=True)
class ControlPlane:
    """The cluster as AWS made it, without nodes."""

    resource: aws.eks.Cluster

    @property
    def own_group_id(self) -> pulumi.Output[str]:
        """Return the security group that EKS makes."""
        return self.resource.vpc_config.cluster_security_group_id

    @property
    def certificate_authority(self) -> pulumi.Output[str]:
        return self.resource.certificate_authority.data


def answers_in_public(parent: Component, settings: KubernetesSettings) -> bool:
    """Tell whether the API also answers on the internet."""
    if settings.endpoint is not None:
        return settings.endpoint == "public"
    return bool(settings.endpoint_addresses) and not parent.context.is_prod


def control_plane(
    parent: Component,
    settings: KubernetesSettings,
    *,
    subnet_ids: Mapping[str, pulumi.Input[str]],
    group_id: pulumi.Input[str],
    node_role_arn: pulumi.Input[str] | None,
) -> ControlPlane:
    """Create the control plane. ``node_role_arn`` is the role of the nodes that AWS starts; None where it starts none
    (no auto mode)."""
    name = cluster_name(parent)
    public = answers_in_public(parent, settings)
    auto = node_role_arn is not None
    # EKS would make the group itself, without key and for ever.
    logs = log_group(parent, _KEY, f"/aws/eks/{name}/cluster")
    role, permissions = _role(parent, auto=auto)
    resource = aws.eks.Cluster(
        f"{parent.name}-cluster",
        name=name,
        version=settings.version,
        role_arn=role.arn,
        # EKS delivers the last of them when the cluster is gone, and makes the log group again, without key and retention:
        # https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2763
        enabled_cluster_log_types=[] if parent.context.platform.removable else list(settings.logs),
        access_config=aws.eks.ClusterAccessConfigArgs(
            authentication_mode="API",
            # Where nobody else may put objects into the cluster, the role that makes it gets an entry. Naming the role ourselves
            # would change the entry whenever somebody else runs an update.
            bootstrap_cluster_creator_admin_permissions=not administrators(settings),
        ),
        bootstrap_self_managed_addons=False,
        encryption_config=aws.eks.ClusterEncryptionConfigArgs(
            provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=parent.context.key_arn("logs")),
            resources=["secrets"],
        ),
        vpc_config=aws.eks.ClusterVpcConfigArgs(
            subnet_ids=list(subnet_ids.values()),
            security_group_ids=[group_id],
            endpoint_private_access=True,
            endpoint_public_access=public,
            public_access_cidrs=list(settings.endpoint_addresses) if public else None,
        ),
        kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
            ip_family="ipv4",
            elastic_load_balancing=aws.eks.ClusterKubernetesNetworkConfigElasticLoadBalancingArgs(enabled=auto),
        ),
        compute_config=_compute(node_role_arn),
        storage_config=aws.eks.ClusterStorageConfigArgs(
            block_storage=aws.eks.ClusterStorageConfigBlockStorageArgs(enabled=auto)
        ),
        upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type=settings.upgrade_support.upper()),
        zonal_shift_config=aws.eks.ClusterZonalShiftConfigArgs(enabled=True),
        deletion_protection=parent.context.guarded,
        # It counts once, when the cluster is made; another value would replace it.
        opts=parent.stateful(
            depends_on=[logs, *permissions],
            ignore_changes=["accessConfig.bootstrapClusterCreatorAdminPermissions"],
        ),
    )
    return ControlPlane(resource)


def _compute(node_role_arn: pulumi.Input[str] | None) -> aws.eks.ClusterComputeConfigArgs:
    """Configure the three parts of auto mode, which go on and off together."""
    if node_role_arn is None:
        return aws.eks.ClusterComputeConfigArgs(enabled=False)
    return aws.eks.ClusterComputeConfigArgs(
        enabled=True, node_pools=["general-purpose", "system"], node_role_arn=node_role_arn
    )


def _role(parent: Component, *, auto: bool) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Create the cluster's role. https://docs.aws.amazon.com/eks/latest/userguide/cluster-iam-role.html"""
    name = cluster_name(parent)
    role = aws.iam.Role(
        fit(f"{parent.name}-{_KEY}", 56),
        description=f"Kubernetes control plane of {name}",
        assume_role_policy=policy_document(
            [
                {
                    "Sid": "Assume",
                    "Effect": "Allow",
                    "Principal": {"Service": "eks.amazonaws.com"},
                    "Action": ["sts:AssumeRole", "sts:TagSession"] if auto else "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": parent.context.account_id},
                        "ArnLike": {"aws:SourceArn": parent.context.arn("eks", f"cluster/{name}")},
                    },
                }
            ]
        ),
        opts=parent.child(),
    )
    attached: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{parent.name}-{_KEY}-{policy}",
            role=role.name,
            policy_arn=f"{parent.context.arn_start}:iam::aws:policy/{policy}",
            opts=parent.child(),
        )
        for policy in (_AUTO_MODE_POLICIES if auto else _POLICIES)
    ]
    # https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html
    key = Statement(
        sid="EncryptSecrets",
        actions=("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ListGrants"),
        resources=(parent.context.key_arn("logs"),),
    )
    encryption = aws.iam.RolePolicy(
        f"{parent.name}-{_KEY}", role=role.name, policy=policy_document([key]), opts=parent.child()
    )
    return role, [*attached, encryption]
