"""Who pods are: one IAM role for each service account, by Pod Identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component, fit

if TYPE_CHECKING:
    from groundwork.components.compute.eks.cluster import EksCluster

# IAM takes 64 characters, of which the automatic suffix needs 8.
_LONGEST_ROLE = 56


def cluster_name(parent: Component) -> str:
    """Return the cluster's fixed name: the control plane's log group and tags on nodes are named after the cluster, and
    stand before it does."""
    return parent.context.slug


def trust(parent: Component) -> pulumi.Output[str]:
    """Return the trust of roles that pods of this cluster assume.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    return policy_document(
        [
            {
                "Sid": "AllowPodIdentity",
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": parent.context.account_id},
                    "ArnEquals": {"aws:SourceArn": parent.context.arn("eks", f"cluster/{cluster_name(parent)}")},
                },
            }
        ]
    )


@dataclass(frozen=True)
class Identity:
    """A role and what must be there before somebody uses it."""

    arn: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]


def pod_role(parent: Component, key: str, what: str, statements: Sequence[Statement]) -> Identity:
    """Create a role of pods that may do ``statements`` and nothing else; ``what`` says whose it is."""
    role = aws.iam.Role(
        fit(f"{parent.name}-{key}", _LONGEST_ROLE),
        description=f"{what} of {cluster_name(parent)}",
        assume_role_policy=trust(parent),
        opts=parent.child(),
    )
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{key}", role=role.name, policy=policy_document(statements), opts=parent.child()
    )
    return Identity(role.arn, (policy,))


def pod_identity(
    parent: Component,
    cluster: EksCluster,
    key: str,
    *,
    namespace: str,
    service_account: str,
    role_arn: pulumi.Input[str],
) -> aws.eks.PodIdentityAssociation:
    """Associate the role with pods of ``service_account``; the agent on the node hands them out."""
    return aws.eks.PodIdentityAssociation(
        f"{parent.name}-{key}",
        cluster_name=cluster.name,
        namespace=namespace,
        service_account=service_account,
        role_arn=role_arn,
        opts=parent.child(),
    )
