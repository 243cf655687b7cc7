"""Everything of one service inside the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.compute.eks.alarms import watch_service
from groundwork.components.compute.eks.deployment import deployment
from groundwork.components.compute.eks.identity import pod_identity
from groundwork.components.compute.eks.inside import Inside
from groundwork.components.compute.eks.network_policy import service_policy
from groundwork.components.compute.eks.queue_scaling import follow
from groundwork.components.compute.eks.ranges import Ranges
from groundwork.components.compute.eks.reach import balancer, bind, has_balancer, named
from groundwork.components.compute.eks.scaling import budget, fixed, scale
from groundwork.components.compute.eks.secrets import values
from groundwork.components.compute.exposure import Exposure, expose
from groundwork.components.compute.images import Image
from groundwork.components.compute.security_groups import SecurityGroups
from groundwork.components.compute.tcp import expose_tcp
from groundwork.components.compute.wiring import LoadBalancerLike, NetworkBalancerLike, NetworkLike, QueueLike
from groundwork.components.compute.workload import Workload, before_its_image
from groundwork.components.logs import log_group
from groundwork.components.services.routes import Route
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.services.tcp import Balancer, TcpSettings


@dataclass(frozen=True)
class EksSurroundings:
    """What all services of the cluster share, outside of it."""

    containers: Mapping[str, ServiceSettings]
    """Services and jobs."""
    network: NetworkLike
    ranges: Ranges
    routes: Sequence[Route]
    load_balancer: LoadBalancerLike | None
    network_balancers: Mapping[Balancer, NetworkBalancerLike]
    queues: Mapping[str, QueueLike]
    security_groups: SecurityGroups


@dataclass(frozen=True)
class EksService:
    """A service that runs."""

    deployment: kubernetes.apps.v1.Deployment
    log_group_name: pulumi.Output[str]
    repository_url: pulumi.Output[str] | None


def deploy(inside: Inside, workload: Workload, around: EksSurroundings, image: Image) -> EksService:
    """Create a service's identity, network policy and pods."""
    parent, name = inside.parent, workload.name
    made_before = identified(inside, workload)
    exposure = _exposure(inside, workload, around)
    service = named(inside, workload)
    bound = bind(inside, workload, service, exposure)
    service_policy(inside, workload, around.containers, around.ranges, from_outside=_in_front(inside, workload, around))
    given = values(inside, workload)
    made = deployment(
        inside,
        before_its_image(workload) if image.is_placeholder else workload,
        image,
        given=None if image.is_placeholder else given,
        fixed=fixed(workload.settings.scaling),
        after=[*made_before.ready, *workload.ready, *bound, *(given.ready if given else ())],
    )
    scale(inside, workload, made)
    follow(inside, workload, made, around.queues)
    budget(inside, workload)
    if has_balancer(inside, workload):
        balancer(inside, workload, around.network, around.security_groups)
    if inside.settings.cluster.application_insights:
        watch_service(
            parent,
            name,
            workload.settings,
            cluster_name=inside.cluster.name,
            namespace=inside.namespace,
        )
    return EksService(made, made_before.log_group_name, image.repository_url)


@dataclass(frozen=True)
class Identified:
    """Who a service's or job's pods are, and where their lines go."""

    log_group_name: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]


def identified(inside: Inside, workload: Workload) -> Identified:
    """Create the log group, the service account and its role's association."""
    parent, name = inside.parent, workload.name
    # The cluster's agents write into it.
    group = log_group(parent, name, f"{parent.context.prefix}/services/{name}")
    account = kubernetes.core.v1.ServiceAccount(
        f"{parent.name}-{name}",
        metadata=inside.metadata(name, service=name),
        automount_service_account_token=False,
        opts=inside.options(),
    )
    identity = pod_identity(
        parent, inside.cluster, name, namespace=inside.namespace, service_account=name, role_arn=workload.role_arn
    )
    return Identified(group.name, (account, identity, group))


def _exposure(inside: Inside, workload: Workload, around: EksSurroundings) -> Exposure:
    def admit(port: int, load_balancer: pulumi.Input[str]) -> tuple[pulumi.Resource, ...]:
        return around.security_groups.allow_ingress(workload.name, port, load_balancer)

    if workload.settings.tcp:
        return expose_tcp(
            inside.parent,
            workload.name,
            workload.settings,
            around.network_balancers,
            network=around.network,
            admit=admit,
        )
    return expose(
        inside.parent,
        workload.name,
        workload.settings,
        around.routes,
        network=around.network,
        load_balancer=around.load_balancer,
        admit=admit,
    )


def _tcp_callers(tcp: TcpSettings, around: EksSurroundings) -> tuple[pulumi.Input[str], ...]:
    """Return who calls over TCP, whose addresses pods see, and the load balancer, which asks whether they are well."""
    balancer = around.ranges.public if tcp.balancer == "public" else around.ranges.private
    return (*(tcp.callers or (around.network.cidr,)), *balancer)


def _in_front(inside: Inside, workload: Workload, around: EksSurroundings) -> list[pulumi.Input[str]]:
    """List the CIDR ranges of the load balancers before the service: those that are known in their order."""
    behind = around.load_balancer is not None and workload.settings.is_public
    ranges = dict.fromkeys(
        (
            *(around.ranges.load_balancer if behind else ()),
            *(around.ranges.private if has_balancer(inside, workload) else ()),
            *(_tcp_callers(workload.settings.tcp, around) if workload.settings.tcp else ()),
        )
    )
    return sorted(ranges, key=lambda one: one if isinstance(one, str) else "")
