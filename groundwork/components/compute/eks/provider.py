"""The Kubernetes provider of one cluster."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.base import Component
from groundwork.components.compute.eks.caller import caller
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.eks.identity import cluster_name
from groundwork.components.compute.eks.settings import KubernetesSettings


def kubernetes_provider(parent: Component, cluster: EksCluster, settings: KubernetesSettings) -> kubernetes.Provider:
    """Create the provider, which calls the cluster's API or writes objects into a folder. Why it is made here:
    docs/decisions/0007."""
    if settings.objects == "render":
        return kubernetes.Provider(
            f"{parent.name}-kubernetes",
            render_yaml_to_directory=settings.render_to or f"build/kubernetes/{cluster_name(parent)}",
            suppress_deprecation_warnings=True,
            opts=parent.child(),
        )
    return kubernetes.Provider(
        f"{parent.name}-kubernetes",
        kubeconfig=kubeconfig(cluster, parent.context.region),
        # A cluster's ARN and not its address says which cluster it is: another certificate does not replace every object.
        cluster_identifier=cluster.arn,
        enable_server_side_apply=True,
        suppress_deprecation_warnings=True,
        opts=parent.child(),
    )


def kubeconfig(cluster: EksCluster, region: str) -> pulumi.Output[str]:
    """Return a kubeconfig that holds no secret: whoever uses it asks AWS for a token that lives 15 minutes, as who
    the AWS provider is.

    https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
    """
    asked_by = caller()
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "eks",
                    "cluster": {
                        "server": cluster.endpoint,
                        "certificate-authority-data": cluster.certificate_authority,
                    },
                }
            ],
            "users": [
                {
                    "name": "aws",
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": [
                                "--region",
                                region,
                                "eks",
                                "get-token",
                                "--cluster-name",
                                cluster.name,
                                "--output",
                                "json",
                                *asked_by.arguments,
                            ],
                            "env": [{"name": name, "value": value} for name, value in asked_by.environment.items()],
                            "interactiveMode": "Never",
                        }
                    },
                }
            ],
            "contexts": [{"name": "aws", "context": {"cluster": "eks", "user": "aws"}}],
            "current-context": "aws",
        }
    )
