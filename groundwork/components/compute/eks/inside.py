"""What all objects inside the cluster share: provider, namespace, labels, what they wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.base import Component
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.settings import ComputeSettings

NAME_LABEL = "app.kubernetes.io/name"

_Metadata = kubernetes.meta.v1.ObjectMetaArgs


@dataclass(frozen=True)
class Inside:
    """Where the objects of services go."""

    parent: Component
    settings: ComputeSettings
    cluster: EksCluster
    provider: kubernetes.Provider
    namespace: str
    ready: tuple[pulumi.Resource, ...]
    """What every object waits for."""
    controllers: tuple[pulumi.Resource, ...]
    """What an object waits for that a controller answers."""

    def options(self, after: Sequence[pulumi.Resource] = (), **further: Any) -> pulumi.ResourceOptions:
        """Return the options of an object that also waits for ``after``."""
        return self.parent.child(provider=self.provider, depends_on=[*self.ready, *after], **further)

    def labels(self, service: str) -> dict[str, str]:
        """Return the labels of a service's objects.
        https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/"""
        return {**selector(service), **shared_labels(self.parent)}

    def metadata(
        self,
        name: str,
        *,
        service: str | None = None,
        annotations: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> kubernetes.meta.v1.ObjectMetaArgs:
        """Return an object's metadata. Names are fixed: services call one another by them, and pipelines deploy by
        them."""
        return _Metadata(
            name=name,
            namespace=self.namespace,
            labels=self.labels(service) if service else shared_labels(self.parent),
            annotations=annotations,
        )


def selector(service: str) -> dict[str, str]:
    """Return the labels that select the pods of a service. It can never change while a Deployment lives."""
    return {NAME_LABEL: service}


def shared_labels(parent: Component) -> dict[str, str]:
    """Return the labels of every object."""
    return {
        "app.kubernetes.io/part-of": parent.context.platform.name,
        "app.kubernetes.io/managed-by": "groundwork",
    }
