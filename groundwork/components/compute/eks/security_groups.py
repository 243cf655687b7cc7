"""The security groups of control plane and nodes, and every rule between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.security_groups import outbound_group
from groundwork.components.compute.wiring import NetworkLike

API = 443

# https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
# https://docs.aws.amazon.com/eks/latest/userguide/metrics-server.html (the add-on answers on 10251)
_CALLED_BY_CONTROL_PLANE = {
    "kubelet": (10250, "logs, exec and probes: API server to kubelets"),
    "metrics": (10251, "API server to the metrics server"),
    "webhooks": (9443, "API server to webhooks of the load balancer controller and the CloudWatch operator"),
}

_AMONG_NODES = {
    # A port below 1024 is nothing that a pod without root can open; CoreDNS is the exception.
    "pods": ("tcp", 1024, 65535, "pods to pods, which network policies narrow down, and kubelets"),
    "dns-tcp": ("tcp", 53, 53, "pods to CoreDNS"),
    "dns-udp": ("udp", 53, 53, "pods to CoreDNS"),
}


@dataclass(frozen=True)
class ClusterSecurityGroups:
    """Two groups beside the one that EKS makes, which is left to the control plane alone."""

    control_plane_id: pulumi.Output[str]
    nodes_id: pulumi.Output[str]
    node_rules: tuple[pulumi.Resource, ...]


def control_plane_group(parent: Component, network: NetworkLike, callers: Sequence[str]) -> pulumi.Output[str]:
    """Create the group beside the control plane's own, for its interfaces in the VPC; ``callers`` are CIDRs that reach
    the API from inside."""
    platform = parent.context.platform
    group = aws.ec2.SecurityGroup(
        f"{parent.name}-control-plane",
        description=f"{platform.name} {platform.stage}: Kubernetes control plane",
        vpc_id=network.vpc_id,
        opts=parent.child(),
    )
    for caller in callers:
        six = ip_network(caller).version == 6
        aws.vpc.SecurityGroupIngressRule(
            f"{parent.name}-api-{caller.translate(_IN_NAMES)}",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=API,
            to_port=API,
            description="Kubernetes API, from inside",
            cidr_ipv4=None if six else caller,
            cidr_ipv6=caller if six else None,
            opts=parent.child(),
        )
    return group.id


def cluster_security_groups(
    parent: Component, network: NetworkLike, control_plane_id: pulumi.Output[str]
) -> ClusterSecurityGroups:
    """Create the nodes' group with all its rules: out to AWS and images, to one another, to and from the control
    plane."""
    nodes = outbound_group(parent, "nodes", "Kubernetes nodes and pods", (API,), network)
    rules = [
        *nodes.rules,
        *_pass(parent, "nodes-api", ("tcp", API, API, "nodes to the API server"), nodes.id, control_plane_id),
    ]
    for key, (port, what) in _CALLED_BY_CONTROL_PLANE.items():
        rules += _pass(parent, f"control-plane-{key}", ("tcp", port, port, what), control_plane_id, nodes.id)
    for key, ports in _AMONG_NODES.items():
        rules += _pass(parent, f"nodes-{key}", ports, nodes.id, nodes.id)
    return ClusterSecurityGroups(control_plane_id, nodes.id, tuple(rules))


_IN_NAMES = str.maketrans({"/": "-", ".": "-", ":": "-"})


def _pass(
    parent: Component,
    key: str,
    ports: tuple[str, int, int, str],
    source: pulumi.Output[str],
    target: pulumi.Output[str],
) -> Iterator[pulumi.Resource]:
    protocol, first, last, what = ports
    yield aws.vpc.SecurityGroupIngressRule(
        f"{parent.name}-{key}",
        security_group_id=target,
        referenced_security_group_id=source,
        ip_protocol=protocol,
        from_port=first,
        to_port=last,
        description=what,
        opts=parent.child(),
    )
    yield aws.vpc.SecurityGroupEgressRule(
        f"{parent.name}-{key}",
        security_group_id=source,
        referenced_security_group_id=target,
        ip_protocol=protocol,
        from_port=first,
        to_port=last,
        description=what,
        opts=parent.child(),
    )
