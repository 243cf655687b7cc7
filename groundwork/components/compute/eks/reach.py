"""How others reach a service: by its name inside the cluster, through the platform's load balancer, by an NLB of its own."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from groundwork.components.compute.eks.deployment import PORT
from groundwork.components.compute.eks.inside import Inside, selector
from groundwork.components.compute.exposure import Exposure
from groundwork.components.compute.security_groups import SecurityGroups, admit
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.compute.workload import Workload

BINDING_KIND = "TargetGroupBinding"

_BINDING = "elbv2.k8s.aws/v1beta1"
"""https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/targetgroupbinding/targetgroupbinding/"""

_NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""The provider would wait until a pod answers behind a Service, and pods wait for their Service.

https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/#pulumicomskipawait
"""

DEFAULT_PATH = "/*"
_NLB_CLASS = "service.k8s.aws/nlb"
_ANNOTATION = "service.beta.kubernetes.io/aws-load-balancer-"
_NLB_PORT = 80


def named(inside: Inside, workload: Workload) -> kubernetes.core.v1.Service | None:
    """Create the Service that answers at ``http://name:port``, as on every engine; None for a worker."""
    if workload.settings.port is None:
        return None
    return kubernetes.core.v1.Service(
        f"{inside.parent.name}-{workload.name}",
        metadata=inside.metadata(workload.name, service=workload.name, annotations=_NOT_AWAITED),
        spec=kubernetes.core.v1.ServiceSpecArgs(
            type="ClusterIP",
            selector=selector(workload.name),
            ports=[_port(workload.settings.port, http=not workload.settings.tcp)],
        ),
        # The controller's webhook looks at every Service.
        opts=inside.options(inside.controllers),
    )


def bind(
    inside: Inside, workload: Workload, service: kubernetes.core.v1.Service | None, exposure: Exposure
) -> tuple[pulumi.Resource, ...]:
    """Register pods in the target group that the load balancer's rules lead to. Its security-group rule is ours, not
    the controller's, so the binding says nothing of networking."""
    if exposure.group_arn is None or service is None:
        return ()
    binding = kubernetes.apiextensions.CustomResource(
        f"{inside.parent.name}-{workload.name}",
        api_version=_BINDING,
        kind=BINDING_KIND,
        metadata=inside.metadata(workload.name, service=workload.name),
        spec={
            # By name: a new port is a change of the Service alone.
            "serviceRef": {"name": workload.name, "port": PORT},
            "targetGroupARN": exposure.group_arn,
            "targetType": "ip",
        },
        opts=inside.options([*inside.controllers, service, *exposure.ready]),
    )
    return (binding, *exposure.ready)


def has_balancer(inside: Inside, workload: Workload) -> bool:
    """Tell whether the service answers at a Network Load Balancer too."""
    settings = workload.settings
    return inside.settings.cluster.way_in == "nlb" and settings.port is not None and settings.path == DEFAULT_PATH


def balancer(inside: Inside, workload: Workload, network: NetworkLike, security_groups: SecurityGroups) -> None:
    """Create an internal Network Load Balancer, for callers in the network and whatever is joined to it.

    A public one would be a way around CloudFront and the web ACL, without TLS. Its security group and the subnets are
    named, so that the controller makes no rules and looks for no tags.
    """
    port = workload.settings.port
    if port is None:
        return
    parent = inside.parent
    group = _group(inside, network)
    rules = admit(
        parent, f"{workload.name}-nlb", port, load_balancer=group.id, group_id=security_groups.group_of(workload.name)
    )
    # The annotation has no way to say a comma.
    tags = [f"{key}={value}" for key, value in sorted(parent.context.tags(parent.layer).items()) if "," not in value]
    kubernetes.core.v1.Service(
        f"{parent.name}-{workload.name}-nlb",
        metadata=inside.metadata(
            f"{workload.name}-nlb",
            service=workload.name,
            annotations={
                **_NOT_AWAITED,
                f"{_ANNOTATION}additional-resource-tags": ",".join(tags),
                f"{_ANNOTATION}healthcheck-path": workload.settings.health,
                f"{_ANNOTATION}healthcheck-protocol": "http",
                f"{_ANNOTATION}manage-backend-security-group-rules": "false",
                f"{_ANNOTATION}nlb-target-type": "ip",
                f"{_ANNOTATION}scheme": "internal",
                f"{_ANNOTATION}security-groups": group.id,
                f"{_ANNOTATION}subnets": pulumi.Output.all(*network.private_subnet_ids.values()).apply(",".join),
            },
        ),
        spec=kubernetes.core.v1.ServiceSpecArgs(
            type="LoadBalancer",
            load_balancer_class=_NLB_CLASS,
            allocate_load_balancer_node_ports=False,
            selector=selector(workload.name),
            ports=[_port(_NLB_PORT, http=True)],
        ),
        opts=inside.options([*inside.controllers, *rules]),
    )


def _group(inside: Inside, network: NetworkLike) -> aws.ec2.SecurityGroup:
    parent = inside.parent
    group = aws.ec2.SecurityGroup(
        f"{parent.name}-nlb",
        description=f"{parent.context.platform.name} {parent.context.platform.stage}: internal load balancer",
        vpc_id=network.vpc_id,
        opts=parent.child(),
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{parent.name}-nlb-network",
        security_group_id=group.id,
        cidr_ipv4=network.cidr,
        ip_protocol="tcp",
        from_port=_NLB_PORT,
        to_port=_NLB_PORT,
        description="callers in the network",
        opts=parent.child(),
    )
    return group


def _port(port: int, *, http: bool) -> kubernetes.core.v1.ServicePortArgs:
    return kubernetes.core.v1.ServicePortArgs(
        name=PORT, port=port, target_port=PORT, protocol="TCP", app_protocol="http" if http else None
    )
