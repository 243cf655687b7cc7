"""Who may enter: an access entry for each of the settings' people and pipelines."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.eks.settings import AccessLevel, KubernetesSettings

_POLICIES = {
    "view": "AmazonEKSViewPolicy",
    "edit": "AmazonEKSEditPolicy",
    "admin": "AmazonEKSAdminPolicy",
    "cluster-admin": "AmazonEKSClusterAdminPolicy",
}


def administrators(settings: KubernetesSettings) -> tuple[str, ...]:
    """List the principals that the settings let do everything in the whole cluster. Where there are some, the role
    that makes the cluster gets no entry by itself: it is one of them, and AWS refuses a second entry for one
    principal.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessConfigRequest.html
    """
    return tuple(
        one.principal for one in settings.access.values() if one.level == "cluster-admin" and not one.namespaces
    )


def warn_non_administrator(parent: Component, settings: KubernetesSettings) -> None:
    """Warn a role that is not among those who may put objects into the cluster, before it has made one without."""
    allowed = administrators(settings)
    if not allowed or settings.objects == "render":
        return

    def look(arn: str) -> None:
        if is_outside(arn, allowed):
            pulumi.log.warn(
                f"{arn} is none of compute.kubernetes.access with level cluster-admin ({', '.join(allowed)}), so an update by it "
                "cannot put objects into the cluster",
                parent,
            )

    aws.get_caller_identity_output(opts=pulumi.InvokeOptions(parent=parent)).arn.apply(look)


def is_outside(caller: str, principals: Sequence[str]) -> bool:
    """Tell whether a session of a role belongs to none of ``principals``. A session's ARN has the role's name without
    its path."""
    _, _, session = caller.partition(":assumed-role/")
    return bool(session) and session.partition("/")[0] not in [name.rpartition("/")[2] for name in principals]


def access_entry(
    parent: Component,
    key: str,
    principal_arn: pulumi.Input[str],
    *,
    level: AccessLevel,
    namespaces: Sequence[str],
    cluster_name: pulumi.Input[str],
) -> pulumi.Resource:
    """Grant one principal one of AWS's access policies, everywhere or in ``namespaces``.

    https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
    """
    entry = aws.eks.AccessEntry(
        f"{parent.name}-access-{key}",
        cluster_name=cluster_name,
        principal_arn=principal_arn,
        type="STANDARD",
        opts=parent.child(),
    )
    return aws.eks.AccessPolicyAssociation(
        f"{parent.name}-access-{key}",
        cluster_name=cluster_name,
        principal_arn=entry.principal_arn,
        policy_arn=f"{parent.context.arn_start}:eks::aws:cluster-access-policy/{_POLICIES[level]}",
        access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(
            type="namespace" if namespaces else "cluster", namespaces=list(namespaces) or None
        ),
        opts=parent.child(),
    )
