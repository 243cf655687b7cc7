"""All services on one cluster, whatever its capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, trust_policy
from groundwork.components.base import Component
from groundwork.components.compute.ecs.cluster import EcsCluster
from groundwork.components.compute.ecs.delivery import delivery_statements
from groundwork.components.compute.ecs.jobs import run_jobs
from groundwork.components.compute.ecs.order import start_order
from groundwork.components.compute.ecs.scaling import scales
from groundwork.components.compute.ecs.service import Capacity, EcsService, EcsSurroundings, deploy
from groundwork.components.compute.exposure import Exposure, expose
from groundwork.components.compute.images import images_of
from groundwork.components.compute.jobs import Job, JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.security_groups import OwnGroups
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.stopping import StoppedService
from groundwork.components.compute.tcp import expose_tcp
from groundwork.components.compute.workload import Workload, workloads
from groundwork.components.services.routes import routes
from groundwork.components.services.settings import ServiceSettings

_PRINCIPAL = "ecs-tasks.amazonaws.com"


@dataclass(frozen=True)
class ServiceOutputs:
    """Where everything is, by service."""

    service_names: dict[str, pulumi.Output[str]]
    security_group_ids: dict[str, pulumi.Output[str]]
    repository_urls: dict[str, pulumi.Output[str]]
    log_group_names: dict[str, pulumi.Output[str]]
    jobs: dict[str, JobOutputs]
    delivery: tuple[Statement, ...]


@dataclass(frozen=True)
class Prepared:
    """Services and jobs that have all but the capacity to run on."""

    workloads: Mapping[str, Workload]
    """Of services."""
    job_workloads: Mapping[str, Workload]
    jobs: Mapping[str, Job]
    exposures: Mapping[str, Exposure]
    around: EcsSurroundings

    @property
    def alarm_names(self) -> list[pulumi.Output[str]]:
        """List the alarms that say that users see errors."""
        return [name for exposure in self.exposures.values() for name in exposure.alarm_names]


def prepare(
    parent: Component,
    settings: ComputeSettings,
    run: Run,
    *,
    cluster: EcsCluster,
) -> Prepared:
    """Create everything that services need before they run: identities, security groups, target groups with their
    rules."""
    services, jobs, network, load_balancer = run.services, run.jobs, run.network, run.entrance.load_balancer
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html (confused deputy)
    trust = trust_policy(_PRINCIPAL, parent.context.account_id, parent.context.arn("ecs", "*"))
    containers = {**services, **{name: job.container for name, job in jobs.items()}}
    security_groups = OwnGroups(parent, containers, network)
    built = workloads(
        parent,
        containers,
        grants=run.grants,
        network=network,
        trust=trust,
        tracing=parent.context.alerting.settings.tracing,
        statements=cluster.statements,
        security_groups=security_groups,
    )
    around = EcsSurroundings(
        settings=settings,
        network=network,
        load_balancer=load_balancer,
        queues=run.queues,
        trust=trust,
        namespace_arn=_namespace(parent) if any(workload.is_called for workload in built.values()) else None,
    )
    wanted = routes(services, parent.context.platform.domain, settings.engine)
    exposures = {
        name: expose_tcp(
            parent,
            name,
            workload.settings,
            run.entrance.network_balancers,
            network=network,
            admit=partial(security_groups.allow_ingress, name),
        )
        if workload.settings.tcp
        else expose(
            parent,
            name,
            workload.settings,
            wanted,
            network=network,
            load_balancer=load_balancer,
            admit=partial(security_groups.allow_ingress, name),
            shifts=workload.settings.deployment is not None,
        )
        for name, workload in built.items()
        if name in services
    }
    return Prepared(
        {name: built[name] for name in services}, {name: built[name] for name in jobs}, jobs, exposures, around
    )


def stopped_services(
    services: Mapping[str, ServiceSettings],
    cluster_name: pulumi.Input[str],
    service_names: Mapping[str, pulumi.Input[str]],
) -> dict[str, StoppedService]:
    """Return how each service stops: by its count, or where it scales by its bounds."""
    return {
        key: StoppedService(
            cluster_name,
            name,
            services[key].scaling.min,
            services[key].scaling.max if scales(services[key].scaling) else None,
        )
        for key, name in service_names.items()
    }


def run_prepared(parent: Component, prepared: Prepared, *, cluster: EcsCluster, capacity: Capacity) -> ServiceOutputs:
    """Run every service, those that others call before those who call them, and make every job ready to run."""
    built = prepared.workloads
    images = images_of(parent, {**built, **prepared.job_workloads}, prepared.around.settings)
    deployed: dict[str, EcsService] = {}
    for name in start_order({name: workload.calls for name, workload in built.items()}):
        deployed[name] = deploy(
            parent,
            built[name],
            prepared.around,
            cluster=cluster,
            capacity=capacity,
            exposure=prepared.exposures[name],
            image=images[name],
            after=[deployed[used].resource for used in built[name].calls if used in deployed],
        )
    ready = run_jobs(
        parent,
        prepared.jobs,
        prepared.job_workloads,
        images,
        prepared.around,
        cluster=cluster,
        capacity=capacity,
    )
    return ServiceOutputs(
        service_names={name: deployed[name].resource.name for name in built},
        security_group_ids={name: workload.security_group_id for name, workload in built.items()},
        repository_urls={
            name: image.repository_url for name, image in images.items() if image.repository_url is not None
        },
        log_group_names={
            **{name: deployed[name].log_group_name for name in built},
            **{name: job.log_group_name for name, job in ready.items()},
        },
        jobs={name: job.outputs for name, job in ready.items()},
        delivery=tuple(
            delivery_statements(
                parent.context,
                cluster,
                service_arns=[service.resource.id for service in deployed.values()],
                tasks=[service.task for service in deployed.values()],
                job_tasks=[job.task for job in ready.values()],
                shifting_arns=[
                    deployed[name].resource.id for name, workload in built.items() if workload.settings.shifts
                ],
                role_arns=[workload.role_arn for workload in (*built.values(), *prepared.job_workloads.values())],
            )
        ),
    )


def _namespace(parent: Component) -> pulumi.Output[str]:
    platform = parent.context.platform
    namespace = aws.servicediscovery.HttpNamespace(
        f"{parent.name}-services",
        description=f"Services of {platform.name} {platform.stage} by name",
        opts=parent.child(),
    )
    return namespace.arn
