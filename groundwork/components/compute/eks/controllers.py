"""What runs in the cluster for the cluster: load balancers' targets, and nodes as many as pods need."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.base import Component
from groundwork.components.compute.eks.charts import Chart, install
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.eks.identity import cluster_name, pod_identity, pod_role
from groundwork.components.compute.eks.karpenter import karpenter
from groundwork.components.compute.eks.policies import autoscaler, balancer
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.wiring import NetworkLike
from groundwork.settings.facts import kubernetes_versions

_BALANCER = Chart(
    "aws-load-balancer-controller",
    "3.5.0",
    "https://aws.github.io/eks-charts",
    images=("public.ecr.aws/eks/aws-load-balancer-controller",),
)
_AUTOSCALER = Chart(
    "cluster-autoscaler",
    "9.59.0",
    "https://kubernetes.github.io/autoscaler",
    images=("registry.k8s.io/autoscaling/cluster-autoscaler",),
)


def controllers(
    parent: Component,
    cluster: EksCluster,
    settings: ComputeSettings,
    *,
    provider: kubernetes.Provider,
    network: NetworkLike,
) -> tuple[pulumi.Resource, ...]:
    """Install the controllers, each with a role of its own. In auto mode AWS scales nodes, and still not our target
    groups."""
    made = [_load_balancer_controller(parent, cluster, settings, provider=provider, network=network)]
    scaling = settings.cluster.scaling
    if scaling == "cluster-autoscaler":
        made.append(_cluster_autoscaler(parent, cluster, settings, provider=provider))
    elif scaling == "karpenter":
        made += karpenter(parent, cluster, settings, provider=provider, network=network)
    else:
        made.append(_network_policies(parent, provider=provider, cluster=cluster))
    return tuple(made)


def _load_balancer_controller(
    parent: Component,
    cluster: EksCluster,
    settings: ComputeSettings,
    *,
    provider: kubernetes.Provider,
    network: NetworkLike,
) -> pulumi.Resource:
    """Install the controller that puts pods into target groups. Load balancers and their rules are this stack's, unless
    ``way_in`` says ``nlb``."""
    nlb = settings.cluster.way_in == "nlb"
    statements = [
        *balancer.statements(parent),
        *(balancer.network_load_balancers(parent, cluster.node_security_group_id) if nlb else ()),
    ]
    after = _identity(parent, cluster, _BALANCER, "Load balancer controller", statements)
    values: dict[str, Any] = {
        "clusterName": cluster_name(parent),
        # Nodes keep their metadata to themselves, so it is told.
        "region": parent.context.region,
        "vpcId": network.vpc_id,
        "replicaCount": 2,
        "podDisruptionBudget": {"maxUnavailable": 1},
        "serviceAccount": {"create": True, "name": _BALANCER.name},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "defaultTargetType": "ip",
        "createIngressClassResource": False,
        "ingressClassParams": {"create": False},
        # Services in the whole cluster wait for this webhook, and it waits for nodes.
        "enableServiceMutatorWebhook": False,
        # A new certificate with every upgrade would shut that webhook until the pods have it.
        "keepTLSSecret": True,
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
    }
    return install(parent, _BALANCER, values, settings.cluster, provider=provider, after=after)


def _cluster_autoscaler(
    parent: Component, cluster: EksCluster, settings: ComputeSettings, *, provider: kubernetes.Provider
) -> pulumi.Resource:
    """Install the controller that moves node groups between their min and max. Its release goes with the cluster's
    version."""
    after = _identity(parent, cluster, _AUTOSCALER, "Cluster autoscaler", autoscaler.statements(parent))
    values: dict[str, Any] = {
        "fullnameOverride": _AUTOSCALER.name,
        "awsRegion": parent.context.region,
        "autoDiscovery": {"clusterName": cluster_name(parent)},
        "image": {"tag": kubernetes_versions()[settings.cluster.version].autoscaler},
        "rbac": {"serviceAccount": {"create": True, "name": _AUTOSCALER.name}},
        "priorityClassName": "system-cluster-critical",
        "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}, "limits": {"memory": "600Mi"}},
        "extraArgs": {
            "balance-similar-node-groups": True,
            "expander": "least-waste",
            "skip-nodes-with-local-storage": False,
            "skip-nodes-with-system-pods": False,
        },
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "fsGroup": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containerSecurityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return install(parent, _AUTOSCALER, values, settings.cluster, provider=provider, after=after)


def _identity(
    parent: Component, cluster: EksCluster, chart: Chart, what: str, statements: Any
) -> list[pulumi.Resource]:
    """Create the role of a chart's service account, which is called as the chart, and return everything that its pods
    wait for."""
    role = pod_role(parent, chart.name, what, statements)
    association = pod_identity(
        parent, cluster, chart.name, namespace=chart.namespace, service_account=chart.name, role_arn=role.arn
    )
    return [*cluster.ready, *role.ready, association]


def _network_policies(parent: Component, *, provider: kubernetes.Provider, cluster: EksCluster) -> pulumi.Resource:
    """Enable network policies, which auto mode heeds only once this ConfigMap says so.

    https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html
    """
    return kubernetes.core.v1.ConfigMap(
        f"{parent.name}-network-policies",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(name="amazon-vpc-cni", namespace="kube-system"),
        data={"enable-network-policy-controller": "true"},
        opts=parent.child(provider=provider, depends_on=list(cluster.ready)),
    )
