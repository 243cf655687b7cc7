"""Nodes: managed groups of instances, which AWS replaces, drains and repairs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.eks.identity import cluster_name
from groundwork.components.compute.eks.security_groups import ClusterSecurityGroups
from groundwork.components.compute.eks.settings import KubernetesSettings, NodeGroupSettings, TaintSettings
from groundwork.components.compute.trust import trusted
from groundwork.components.compute.volumes import root_volume
from groundwork.components.compute.wiring import NetworkLike
from groundwork.settings.facts import instance_class, most_pods

GROUP_LABEL = "groundwork/nodes"
"""A label of every node: the name of its group in the settings."""

_LONGEST_GROUP = 55

_IMAGES = {"x86_64": "AL2023_x86_64_STANDARD", "arm64": "AL2023_ARM_64_STANDARD"}
_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}

NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
"""https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html; what pods need they have by roles of their own."""


@dataclass(frozen=True)
class NodeRole:
    """What nodes are."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]


def node_role(parent: Component, key: str, what: str, *, names_itself: bool) -> NodeRole:
    """Create a role that lets an instance join a cluster and pull images, and nothing else.

    ``names_itself``: an instance asks EC2 for its name before it joins, as Amazon Linux 2023 does and auto mode's do not.
    https://github.com/awslabs/amazon-eks-ami/blob/main/nodeadm/internal/api/status.go
    """
    role = aws.iam.Role(
        fit(f"{parent.name}-{key}", 56),
        description=f"{what} of {cluster_name(parent)}: joining the cluster and pulling images",
        assume_role_policy=trusted("ec2.amazonaws.com"),
        opts=parent.child(),
    )
    attached = [
        aws.iam.RolePolicyAttachment(
            f"{parent.name}-{key}-{policy}",
            role=role.name,
            policy_arn=f"{parent.context.arn_start}:iam::aws:policy/{policy}",
            opts=parent.child(),
        )
        for policy in NODE_POLICIES
    ]
    if not names_itself:
        return NodeRole(role.name, role.arn, tuple(attached))
    # It takes no resource.
    look = Statement(sid="DescribeInstances", actions=("ec2:DescribeInstances",), resources=("*",))
    name = aws.iam.RolePolicy(
        f"{parent.name}-{key}-name", role=role.name, policy=policy_document([look]), opts=parent.child()
    )
    return NodeRole(role.name, role.arn, (*attached, name))


def group_labels(name: str, settings: NodeGroupSettings) -> dict[str, str]:
    """Return every label of a group's nodes that does not come from Kubernetes itself."""
    return {GROUP_LABEL: name, **settings.labels}


def node_group(
    parent: Component,
    name: str,
    settings: NodeGroupSettings,
    cluster: KubernetesSettings,
    *,
    cluster_name: pulumi.Input[str],
    role: NodeRole,
    network: NetworkLike,
    security_groups: ClusterSecurityGroups,
    after: Sequence[pulumi.Resource],
) -> aws.eks.NodeGroup:
    """Create a managed node group. ``after`` is what must run before its nodes join: without the network add-on they
    never get ready."""
    known = instance_class(settings.classes[0])
    template = _template(parent, name, settings, cluster, security_groups=security_groups)
    group = aws.eks.NodeGroup(
        fit(f"{parent.name}-{name}", _LONGEST_GROUP),
        cluster_name=cluster_name,
        version=cluster.version,
        node_role_arn=role.arn,
        subnet_ids=list(network.private_subnet_ids.values()),
        ami_type=_IMAGES[known.architecture if known else "x86_64"],
        instance_types=list(settings.classes),
        capacity_type="SPOT" if settings.spot else "ON_DEMAND",
        launch_template=aws.eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(
            min_size=settings.min, max_size=settings.max, desired_size=settings.starts_with
        ),
        update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable_percentage=33),
        node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
        labels=group_labels(name, settings),
        taints=[
            aws.eks.NodeGroupTaintArgs(key=key, value=taint.value or None, effect=_EFFECTS[taint.effect])
            for key, taint in settings.taints.items()
        ],
        # What scales the group decides.
        opts=parent.child(
            ignore_changes=["scalingConfig.desiredSize"],
            depends_on=[*role.ready, *security_groups.node_rules, *network.private_ready, *after],
        ),
    )
    hints = scale_from_zero(name, settings) if cluster.scaling == "cluster-autoscaler" else {}
    _tag(parent, name, group, hints, at_launch=False)
    _tag(parent, name, group, parent.context.labels(), at_launch=True)
    return group


def _template(
    parent: Component,
    name: str,
    settings: NodeGroupSettings,
    cluster: KubernetesSettings,
    *,
    security_groups: ClusterSecurityGroups,
) -> aws.ec2.LaunchTemplate:
    """Create a launch template without an image: EKS picks the newest of Amazon Linux 2023 and adds what joins it to
    the cluster."""
    tags = {"Name": f"{cluster_name(parent)}-{name}", **parent.context.lasting_tags(parent.layer)}
    # By this tag the network add-on's role knows the first interface of a node for one of this cluster.
    interface_tags = {**tags, "cluster.k8s.amazonaws.com/name": cluster_name(parent)}
    return aws.ec2.LaunchTemplate(
        f"{parent.name}-{name}",
        description=f"Kubernetes nodes {name} of {cluster_name(parent)}",
        update_default_version=True,
        # One hop: a pod with a network of its own does not reach the node's credentials.
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
        vpc_security_group_ids=[security_groups.nodes_id],
        block_device_mappings=[root_volume(settings.volume, parent.context.key_arn("storage"))],
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(
                resource_type=kind, tags=interface_tags if kind == "network-interface" else tags
            )
            for kind in ("instance", "volume", "network-interface")
        ],
        user_data=base64.b64encode(node_config(settings, prefixes=cluster.address_prefixes).encode()).decode(),
        opts=parent.child(),
    )


def max_pods(settings: NodeGroupSettings, *, prefixes: bool) -> int:
    """Return how many pods every class of a group takes."""
    known = [found for name in settings.classes if (found := instance_class(name)) is not None]
    return min((most_pods(instance, prefixes=prefixes) for instance in known), default=110)


_BOUNDARY = "==GROUNDWORK=="


def node_config(settings: NodeGroupSettings, *, prefixes: bool) -> str:
    """Return what EKS merges into a node's own configuration; the image counts addresses, not prefixes, if nobody
    tells it.

    https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html#launch-template-basics
    """
    # JSON is YAML too.
    config = json.dumps(
        {
            "apiVersion": "node.eks.aws/v1alpha1",
            "kind": "NodeConfig",
            "spec": {"kubelet": {"config": {"maxPods": max_pods(settings, prefixes=prefixes)}}},
        }
    )
    return (
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n'
        f"--{_BOUNDARY}\nContent-Type: application/node.eks.aws\n\n{config}\n--{_BOUNDARY}--\n"
    )


def _tag(parent: Component, name: str, group: aws.eks.NodeGroup, tags: Mapping[str, str], *, at_launch: bool) -> None:
    """Tag the group's Auto Scaling group; ``at_launch``, of its instances too.

    In the launch template they would replace every node with each change. EKS hands no tags of a node group on:
    https://docs.aws.amazon.com/eks/latest/userguide/eks-using-tags.html
    """
    scaling_group = group.resources.apply(lambda made: (made[0].autoscaling_groups or [])[0].name or "")
    for key, value in tags.items():
        aws.autoscaling.Tag(
            f"{parent.name}-{name}-{key.rpartition('node-template/')[2].replace('/', '-')}",
            autoscaling_group_name=scaling_group,
            tag=aws.autoscaling.TagTagArgs(key=key, value=value, propagate_at_launch=at_launch),
            opts=parent.child(),
        )


def scale_from_zero(name: str, settings: NodeGroupSettings) -> Mapping[str, str]:
    """Return the tags that describe a node of an empty group to the autoscaler, where there is none to look at.

    https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md#auto-discovery-setup
    """
    prefix = "k8s.io/cluster-autoscaler/node-template"
    return {
        **{f"{prefix}/label/{key}": value for key, value in group_labels(name, settings).items()},
        **{f"{prefix}/taint/{key}": _taint(taint) for key, taint in settings.taints.items()},
    }


def _taint(taint: TaintSettings) -> str:
    return f"{taint.value}:{taint.effect}"
