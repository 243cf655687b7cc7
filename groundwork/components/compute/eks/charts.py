"""Software that comes as a Helm chart: installed by a release, or named in an Argo CD application where objects are rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.base import Component
from groundwork.components.compute.eks.settings import KubernetesSettings

_TIMEOUT = 600
_GITOPS_NAMESPACE = "argocd"


@dataclass(frozen=True)
class Chart:
    """A chart at a pinned version."""

    name: str
    version: str
    repository: str
    """``https://…``, or the path of an OCI registry without its scheme."""
    images: tuple[str, ...]
    """What its pods run, without tags: nodes must reach where that comes from."""
    namespace: str = "kube-system"


def install(
    parent: Component,
    chart: Chart,
    values: Mapping[str, Any],
    settings: KubernetesSettings,
    *,
    provider: kubernetes.Provider,
    after: Sequence[pulumi.Resource],
) -> pulumi.Resource:
    """Install the chart in the cluster. A release cannot be written to a folder, and Argo CD reads charts itself."""
    options = parent.child(provider=provider, depends_on=list(after))
    if settings.objects == "render":
        return _application(parent, chart, values, options)
    web = chart.repository.startswith("https://")
    return kubernetes.helm.v3.Release(
        f"{parent.name}-{chart.name}",
        name=chart.name,
        namespace=chart.namespace,
        chart=chart.name if web else f"oci://{chart.repository}/{chart.name}",
        version=chart.version,
        repository_opts=kubernetes.helm.v3.RepositoryOptsArgs(repo=chart.repository) if web else None,
        values=values,
        timeout=_TIMEOUT,
        opts=options,
    )


def _application(
    parent: Component, chart: Chart, values: Mapping[str, Any], options: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Declare the chart as an Argo CD application. https://argo-cd.readthedocs.io/en/stable/user-guide/helm/"""
    return kubernetes.apiextensions.CustomResource(
        f"{parent.name}-{chart.name}",
        api_version="argoproj.io/v1alpha1",
        kind="Application",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(name=chart.name, namespace=_GITOPS_NAMESPACE),
        spec={
            "project": "default",
            "source": {
                "repoURL": chart.repository,
                "chart": chart.name,
                "targetRevision": chart.version,
                "helm": {"releaseName": chart.name, "valuesObject": dict(values)},
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": chart.namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"],
            },
        },
        opts=options,
    )
