"""Network policies: pods share the nodes' security group, so these say which pod reaches what.

The VPC's network interface plugin enforces them on each node: https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html
A kubelet's own probes always pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.compute.eks.inside import Inside, selector
from groundwork.components.compute.eks.ranges import Ranges
from groundwork.components.compute.workload import Workload
from groundwork.components.services.settings import ServiceSettings

_Block = kubernetes.networking.v1.IPBlockArgs
_In = kubernetes.networking.v1.NetworkPolicyIngressRuleArgs
_Out = kubernetes.networking.v1.NetworkPolicyEgressRuleArgs
_Peer = kubernetes.networking.v1.NetworkPolicyPeerArgs
_Port = kubernetes.networking.v1.NetworkPolicyPortArgs
_Selector = kubernetes.meta.v1.LabelSelectorArgs

_ANYWHERE = "0.0.0.0/0"
_INSTANCE_METADATA = "169.254.169.254/32"
_POD_IDENTITY_AGENT = "169.254.170.23/32"
"""https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""

_NODE_DNS = ("172.20.0.10/32", "10.100.0.10/32")
"""Where pods ask on Auto Mode, whose DNS servers are no pods; which of the two follows from the VPC's addresses.

https://github.com/aws/containers-roadmap/issues/2552
"""


def base_policies(inside: Inside) -> None:
    """Deny all traffic but to DNS and the pod identity agent; each service opens what it needs."""
    _policy(inside, "default-deny", {}, ingress=[], egress=[])
    servers = [
        _Peer(
            namespace_selector=_Selector(match_labels={"kubernetes.io/metadata.name": "kube-system"}),
            pod_selector=_Selector(match_labels={"k8s-app": "kube-dns"}),
        )
    ]
    if inside.settings.cluster.scaling == "auto-mode":
        servers += _blocks(_NODE_DNS)
    _policy(
        inside,
        "dns-and-identity",
        {},
        egress=[
            _Out(to=servers, ports=[_Port(protocol="UDP", port=53), _Port(protocol="TCP", port=53)]),
            _Out(to=_blocks([_POD_IDENTITY_AGENT]), ports=_tcp(80)),
        ],
    )


def service_policy(
    inside: Inside,
    workload: Workload,
    services: Mapping[str, ServiceSettings],
    ranges: Ranges,
    *,
    from_outside: Sequence[pulumi.Input[str]],
) -> None:
    """Allow what one service reaches and what reaches it. ``from_outside`` are the ranges of what stands in front of
    it."""
    _policy(
        inside,
        workload.name,
        selector(workload.name),
        service=workload.name,
        ingress=list(_into(workload, services, from_outside)),
        egress=list(_out_of(workload, services, ranges)),
    )


def _into(
    workload: Workload, services: Mapping[str, ServiceSettings], from_outside: Sequence[pulumi.Input[str]]
) -> Iterator[kubernetes.networking.v1.NetworkPolicyIngressRuleArgs]:
    port = workload.settings.port
    if port is None:
        return
    callers = [name for name, service in services.items() if workload.name in service.uses]
    if callers:
        yield _In(from_=[_pods(caller) for caller in callers], ports=_tcp(port))
    if from_outside:
        yield _In(from_=_blocks(from_outside), ports=_tcp(port))


def _out_of(
    workload: Workload, services: Mapping[str, ServiceSettings], ranges: Ranges
) -> Iterator[kubernetes.networking.v1.NetworkPolicyEgressRuleArgs]:
    for used in workload.calls:
        yield _Out(to=[_pods(used)], ports=_tcp(services[used].port or 0))
    # Files are mounted by the node.
    data = sorted(
        {opening.port for grant in workload.granted.values() if not grant.mounts for opening in grant.openings}
    )
    if data:
        yield _Out(to=_blocks(ranges.data), ports=_tcp(*data))
    if workload.settings.outbound_ports:
        outside = _Block(cidr=_ANYWHERE, except_=[_INSTANCE_METADATA, *ranges.data])
        yield _Out(to=[_Peer(ip_block=outside)], ports=_tcp(*workload.settings.outbound_ports))
    if 443 not in workload.settings.outbound_ports:
        # As the security groups of other engines: AWS through the network's endpoints.
        yield _Out(to=_blocks(ranges.private), ports=_tcp(443))


def _policy(
    inside: Inside,
    name: str,
    pods: Mapping[str, str],
    *,
    service: str | None = None,
    ingress: list[kubernetes.networking.v1.NetworkPolicyIngressRuleArgs] | None = None,
    egress: list[kubernetes.networking.v1.NetworkPolicyEgressRuleArgs] | None = None,
) -> None:
    """Create a network policy. None leaves a direction to other policies; an empty list shuts it."""
    directions = {"Ingress": ingress, "Egress": egress}
    kubernetes.networking.v1.NetworkPolicy(
        f"{inside.parent.name}-{name}",
        metadata=inside.metadata(name, service=service),
        spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
            pod_selector=_Selector(match_labels=pods or None),
            policy_types=[direction for direction, rules in directions.items() if rules is not None],
            ingress=ingress or None,
            egress=egress or None,
        ),
        opts=inside.options(),
    )


def _pods(service: str) -> kubernetes.networking.v1.NetworkPolicyPeerArgs:
    return _Peer(pod_selector=_Selector(match_labels=selector(service)))


def _blocks(ranges: Sequence[pulumi.Input[str]]) -> list[kubernetes.networking.v1.NetworkPolicyPeerArgs]:
    return [_Peer(ip_block=_Block(cidr=cidr)) for cidr in ranges]


def _tcp(*ports: int) -> list[kubernetes.networking.v1.NetworkPolicyPortArgs]:
    return [_Port(protocol="TCP", port=port) for port in ports]
