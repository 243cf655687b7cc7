"""The namespace of the services: what may run there, and that nothing reaches anything."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.base import Component
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.eks.inside import shared_labels
from groundwork.components.compute.eks.settings import KubernetesSettings

_MODES = ("enforce", "warn", "audit")
_READY_GATE = "elbv2.k8s.aws/pod-readiness-gate-inject"
"""A new pod counts as ready only when the load balancer has found it well, so that a rollout leaves nobody without an answer.

https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/
"""


def namespace(
    parent: Component,
    cluster: EksCluster,
    settings: KubernetesSettings,
    *,
    provider: kubernetes.Provider,
    after: Sequence[pulumi.Resource],
) -> kubernetes.core.v1.Namespace:
    """Create the namespace, called like the platform, with the strictest of Kubernetes' pod security standards.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    security = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in _MODES}
    # A newer cluster knows more to refuse; that comes when the version here is raised, not behind its back.
    versions = {f"{label}-version": f"v{settings.version}" for label in security}
    return kubernetes.core.v1.Namespace(
        f"{parent.name}-services",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=parent.context.platform.name,
            labels={**shared_labels(parent), **security, **versions, _READY_GATE: "enabled"},
        ),
        opts=parent.child(provider=provider, depends_on=[*cluster.ready, *after]),
    )
