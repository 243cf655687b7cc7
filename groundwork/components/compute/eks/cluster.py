"""The Kubernetes cluster: control plane, nodes, and what pods need before they start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from groundwork.components.base import Component
from groundwork.components.compute.eks.addons import AddOns, after_nodes, before_nodes, in_every_mode
from groundwork.components.compute.eks.alarms import watch_cluster
from groundwork.components.compute.eks.control_plane import ControlPlane, answers_in_public, control_plane
from groundwork.components.compute.eks.entries import access_entry, warn_non_administrator
from groundwork.components.compute.eks.nodes import NodeRole, node_group, node_role
from groundwork.components.compute.eks.security_groups import (
    ClusterSecurityGroups,
    cluster_security_groups,
    control_plane_group,
)
from groundwork.components.compute.eks.settings import KubernetesSettings, NodeGroupSettings
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.wiring import NetworkLike


@dataclass(frozen=True)
class EksCluster:
    """A cluster that pods can be put on.

    Nodes carry the label ``groundwork/nodes`` with the name of their group. What pods with the label
    ``app.kubernetes.io/name`` in the platform's namespace print goes to ``/<platform>/<stage>/services/<label>``.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]
    """Base64."""
    node_security_group_id: pulumi.Output[str]
    """Of nodes and of pods: security groups of pods' own need trunking, which t3 lacks."""
    node_rules: tuple[pulumi.Resource, ...]
    ready: tuple[pulumi.Resource, ...]
    """What pods wait for: nodes and the add-ons they need."""
    """Encrypts the disks of nodes that something inside the cluster starts."""


def build_cluster(
    parent: Component,
    settings: ComputeSettings,
    *,
    network: NetworkLike,
    neighbours: Sequence[str] = (),
) -> EksCluster:
    """Create a cluster with nodes and add-ons.

    ``neighbours`` are the ranges that reach a
    private endpoint where the settings name none. In this order, each step waiting for the
    one before: log group and roles, control plane, Pod Identity agent, network add-on, nodes, everything else.
    """
    wanted = settings.cluster
    auto = wanted.scaling == "auto-mode"
    inside = () if answers_in_public(parent, wanted) else wanted.endpoint_addresses or neighbours
    control_plane_id = control_plane_group(parent, network, inside)
    role = node_role(parent, "node", "Nodes", names_itself=not auto)
    plane = control_plane(
        parent,
        wanted,
        subnet_ids=network.private_subnet_ids,
        group_id=control_plane_id,
        node_role_arn=role.arn if auto else None,
    )
    name = plane.resource.name
    entries = [
        access_entry(parent, key, one.principal, level=one.level, namespaces=one.namespaces, cluster_name=name)
        for key, one in wanted.access.items()
    ]
    warn_non_administrator(parent, wanted)
    # With auto mode nodes are in the group that EKS makes, where everything may pass among them and out.
    security_groups = (
        ClusterSecurityGroups(control_plane_id, plane.own_group_id, ())
        if auto
        else cluster_security_groups(parent, network, control_plane_id)
    )
    add_ons = AddOns(parent, wanted, name)
    ready: list[pulumi.Resource] = [*role.ready, plane.resource, *network.private_ready]
    if not auto:
        ready = _nodes_and_their_add_ons(
            parent,
            wanted,
            add_ons,
            plane,
            role=role,
            network=network,
            security_groups=security_groups,
        )
    watch_cluster(parent, wanted, cluster_name=name)
    return EksCluster(
        name=name,
        arn=plane.resource.arn,
        endpoint=plane.resource.endpoint,
        certificate_authority=plane.certificate_authority,
        node_security_group_id=security_groups.nodes_id,
        node_rules=security_groups.node_rules,
        # Whoever puts the first object may be one of those who got an entry.
        ready=(*ready, *entries, *in_every_mode(add_ons, nodes=ready)),
    )


def _nodes_and_their_add_ons(
    parent: Component,
    wanted: KubernetesSettings,
    add_ons: AddOns,
    plane: ControlPlane,
    *,
    role: NodeRole,
    network: NetworkLike,
    security_groups: ClusterSecurityGroups,
) -> list[pulumi.Resource]:
    networking = before_nodes(add_ons, network)
    nodes = [
        node_group(
            parent,
            name,
            group,
            wanted,
            cluster_name=plane.resource.name,
            role=role,
            network=network,
            security_groups=security_groups,
            after=networking,
        )
        for name, group in managed_groups(wanted).items()
    ]
    return [*networking, *nodes, *after_nodes(add_ons, nodes=nodes)]


def managed_groups(settings: KubernetesSettings) -> dict[str, NodeGroupSettings]:
    """Return the groups that EKS manages. Karpenter starts all nodes but those of the first, on which it runs
    itself."""
    groups = list(settings.nodes.items())
    return dict(groups[:1] if settings.scaling == "karpenter" else groups)
