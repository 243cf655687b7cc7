"""The ECS service: how many tasks run, how they are replaced, and who reaches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.ecs import scaling, shifting
from groundwork.components.compute.ecs.alarms import Measured, watch_service
from groundwork.components.compute.ecs.cluster import EcsCluster
from groundwork.components.compute.ecs.task import PORT, Task, log_options, task
from groundwork.components.compute.exposure import Exposure
from groundwork.components.compute.images import Image, pull_named
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.wiring import LoadBalancerLike, NetworkLike, QueueLike
from groundwork.components.compute.workload import Workload, before_its_image
from groundwork.components.logs import log_group
from groundwork.components.services.settings import ServiceSettings

Strategy = Sequence[aws.ecs.ServiceCapacityProviderStrategyArgs]


@dataclass(frozen=True)
class Capacity:
    """What distinguishes the two kinds of ECS engine."""

    compatibility: str
    """As a task definition names it: ``FARGATE`` or ``EC2``."""
    strategy: Callable[[ServiceSettings], Strategy]
    """Where tasks of a service go."""
    placement: Sequence[aws.ecs.ServiceOrderedPlacementStrategyArgs] = ()
    """By what instances are chosen, where there are some."""


@dataclass(frozen=True)
class EcsSurroundings:
    """What all services of an engine share."""

    settings: ComputeSettings
    network: NetworkLike
    load_balancer: LoadBalancerLike | None
    queues: Mapping[str, QueueLike]

    trust: pulumi.Output[str]
    namespace_arn: pulumi.Output[str] | None
    """Of Service Connect; None where no service uses another."""


@dataclass(frozen=True)
class EcsService:
    """A service that runs."""

    resource: aws.ecs.Service
    log_group_name: pulumi.Output[str]
    task: Task
    repository_url: pulumi.Output[str] | None


def deploy(
    parent: Component,
    workload: Workload,
    around: EcsSurroundings,
    *,
    cluster: EcsCluster,
    capacity: Capacity,
    exposure: Exposure,
    image: Image,
    after: Sequence[pulumi.Resource],
) -> EcsService:
    """Create a service and all that belongs to it; it starts ``after`` those it calls, whose names only then
    resolve."""
    name = workload.name
    if image.is_placeholder and workload.settings.protocol != "http":
        # It answers HTTP/1.1, so that a load balancer which asks otherwise would not find it well.
        exposure = Exposure(ready=exposure.ready)
    if image.is_placeholder:
        workload = before_its_image(
            workload, idle=not _can_be_pulled(around.settings.placeholder_image, around.network)
        )
    group = log_group(parent, name, f"{parent.context.prefix}/services/{name}")
    started = task(
        parent,
        workload,
        image,
        settings=around.settings,
        group=group,
        trust=around.trust,
        compatibility=capacity.compatibility,
    )
    service = _service(
        parent,
        workload,
        around,
        cluster=cluster,
        capacity=capacity,
        definition_arn=started.arn,
        log_group_name=group.name,
        exposure=exposure,
        waits=(
            *cluster.ready,
            *workload.ready,
            *started.ready,
            *exposure.ready,
            *around.network.private_ready,
            *after,
        ),
    )
    measured = Measured(name, cluster.name, service.name, cluster.insights)
    watch_service(parent, workload.settings, measured)
    scaling.scale(parent, workload.settings, measured, requests=exposure.label, queues=around.queues)
    return EcsService(service, group.name, started, image.repository_url)


def _can_be_pulled(image: str, network: NetworkLike) -> bool:
    """Tell whether the image can be pulled: without a way to the internet only ECR itself answers, through
    endpoints."""
    return network.reaches_internet or bool(pull_named(image))


def _service(
    parent: Component,
    workload: Workload,
    around: EcsSurroundings,
    *,
    cluster: EcsCluster,
    capacity: Capacity,
    definition_arn: pulumi.Output[str],
    log_group_name: pulumi.Output[str],
    exposure: Exposure,
    waits: Sequence[pulumi.Resource],
) -> aws.ecs.Service:
    settings = workload.settings
    shifted = shifting.shifted(parent, workload.name, exposure)
    return aws.ecs.Service(
        f"{parent.name}-{workload.name}",
        cluster=cluster.arn,
        task_definition=definition_arn,
        desired_count=settings.scaling.min,
        capacity_provider_strategies=list(capacity.strategy(settings)),
        ordered_placement_strategies=list(capacity.placement) or None,
        # Without it a change of the strategy replaces the service.
        force_new_deployment=True,
        # A singleton's old copy goes before its new one comes.
        deployment_minimum_healthy_percent=0 if settings.singleton else 100,
        deployment_maximum_percent=100 if settings.singleton else 200,
        deployment_configuration=shifting.strategy(settings.deployment),
        # It is of rolling deployments alone:
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html
        deployment_circuit_breaker=None
        if settings.shifts
        else aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
        alarms=_rollback(exposure.alarm_names),
        # It starts a copy elsewhere before it stops one, and asks for a maximum above 100 percent.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
        availability_zone_rebalancing="DISABLED" if settings.singleton else "ENABLED",
        network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
            subnets=list(around.network.private_subnet_ids.values()),
            security_groups=[workload.security_group_id],
            assign_public_ip=False,
        ),
        load_balancers=_load_balancers(exposure, workload, shifted),
        health_check_grace_period_seconds=settings.start_period if exposure.group_arn is not None else None,
        service_connect_configuration=_connect(parent, workload, around, log_group_name),
        enable_execute_command=around.settings.exec,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        # Tasks carry it on, so that the bill can be split by service.
        tags={"service": workload.name},
        # A deployment that is rolled back is one that failed, and whoever made it is to hear of it.
        wait_for_steady_state=True,
        opts=parent.child(
            depends_on=[*waits, *(shifted.ready if shifted else ())],
            custom_timeouts=shifting.timeouts(settings.deployment),
            # Auto Scaling changes the count after the stack.
            ignore_changes=["desiredCount"] if scaling.scales(settings.scaling) else None,
        ),
    )


def _rollback(alarm_names: Sequence[pulumi.Output[str]]) -> aws.ecs.ServiceAlarmsArgs | None:
    if not alarm_names:
        return None
    return aws.ecs.ServiceAlarmsArgs(alarm_names=list(alarm_names), enable=True, rollback=True)


def _load_balancers(
    exposure: Exposure, workload: Workload, shifted: shifting.Shifted | None
) -> list[aws.ecs.ServiceLoadBalancerArgs] | None:
    port = workload.settings.port
    if exposure.group_arn is None or port is None:
        return None
    return [
        aws.ecs.ServiceLoadBalancerArgs(
            target_group_arn=exposure.group_arn,
            container_name=workload.name,
            container_port=port,
            advanced_configuration=shifted.configuration if shifted else None,
        )
    ]


def _connect(
    parent: Component, workload: Workload, around: EcsSurroundings, log_group_name: pulumi.Output[str]
) -> aws.ecs.ServiceServiceConnectConfigurationArgs | None:
    """Configure Service Connect for those who call or are called; the proxy it adds to each task is not free."""
    port = workload.settings.port
    if around.namespace_arn is None or not (workload.calls or workload.is_called):
        return None
    answers = []
    if workload.is_called and port is not None:
        alias = aws.ecs.ServiceServiceConnectConfigurationServiceClientAliasArgs(dns_name=workload.name, port=port)
        answers.append(
            aws.ecs.ServiceServiceConnectConfigurationServiceArgs(
                port_name=PORT, discovery_name=workload.name, client_alias=[alias]
            )
        )
    return aws.ecs.ServiceServiceConnectConfigurationArgs(
        enabled=True,
        namespace=around.namespace_arn,
        services=answers,
        log_configuration=aws.ecs.ServiceServiceConnectConfigurationLogConfigurationArgs(
            log_driver="awslogs", options=log_options(log_group_name, parent.context.region, "connect")
        ),
    )
