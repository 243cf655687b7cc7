"""Who may enter: an access entry for each of the settings' people and pipelines."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.base import Component
from settings.models.kubernetes import AdministratorSettings

_POLICIES = {
    "view": "AmazonEKSViewPolicy",
    "edit": "AmazonEKSEditPolicy",
    "admin": "AmazonEKSAdminPolicy",
    "cluster-admin": "AmazonEKSClusterAdminPolicy",
}


def access_entry(
    parent: Component, key: str, settings: AdministratorSettings, *, cluster_name: pulumi.Input[str]
) -> pulumi.Resource:
    """One principal with one of AWS's access policies, everywhere or in namespaces.

    https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
    """
    entry = aws.eks.AccessEntry(
        f"{parent.name}-access-{key}",
        cluster_name=cluster_name,
        principal_arn=settings.principal,
        type="STANDARD",
        opts=parent.child(),
    )
    return aws.eks.AccessPolicyAssociation(
        f"{parent.name}-access-{key}",
        cluster_name=cluster_name,
        principal_arn=entry.principal_arn,
        policy_arn=f"arn:aws:eks::aws:cluster-access-policy/{_POLICIES[settings.level]}",
        access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(
            type="namespace" if settings.namespaces else "cluster", namespaces=list(settings.namespaces) or None
        ),
        opts=parent.child(),
    )
