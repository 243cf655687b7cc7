"""ECS on Fargate: containers without servers."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.ecs.cluster import cluster, with_capacity
from groundwork.components.compute.ecs.engine import prepare, run_prepared, stopped_services
from groundwork.components.compute.ecs.service import Capacity
from groundwork.components.compute.jobs import JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.stopping import Stoppable
from groundwork.components.context import Context
from groundwork.components.edge.origin import Origins
from groundwork.components.services.settings import ServiceSettings


class Fargate(Component):
    """Every service of the stack file as an ECS service on Fargate.

    Builds: a cluster with Container Insights and the capacity providers FARGATE and FARGATE_SPOT; where ``exec`` is on, an
    encrypted log group in which sessions are recorded; where services use one another, a Service Connect namespace. For
    each service: an ECR repository (unless ``image`` names one elsewhere), a log group, a security group with its rules, an
    execution role and a task role, a task definition, the service itself, its alarms; for public ones a target group and
    listener rules, with ``deployment`` a second group and ECS's role; scaling as ``scaling`` says. For each job a log group, a security
    group, roles and a task definition that no service runs, its schedule, and for all of them a queue and an alarm for runs that failed.

    Cost: vCPU and memory of running tasks by the second (arm64 a fifth less, Spot up to 70 % less); a public service's
    traffic through the load balancer; Container Insights by metric; logs by GB; Service Connect takes some of the task's
    own CPU and memory. Repositories cost $0.10 a GB and month.

    Fails: a deployment whose tasks do not start or do not become healthy, or during which the errors alarm goes off, is
    rolled back, and the update that made it fails; ECS says why in the service's events. The ``tasks`` alarm goes off when fewer run than must. An image
    without the tag, or built for the other architecture, shows as ``CannotPullContainerError`` or ``exec format error`` in the
    stopped task. A service that writes elsewhere than to ``writable_paths`` or ``disk_paths`` fails with ``EROFS``.

    Changes without replacement: sizes, images, environment, uses, scaling, Spot share, health path, Container Insights,
    ``exec`` (each a new deployment with no downtime); hosts and paths; the strategy, once the second target group is there. Changing a
    port replaces the target group.
    Adding or removing a service touches no other.
    """

    layer = "compute"

    cluster_name: pulumi.Output[str]
    service_names: dict[str, pulumi.Output[str]]
    """ECS's name of each service."""
    security_group_ids: dict[str, pulumi.Output[str]]
    repository_urls: dict[str, pulumi.Output[str]]
    """Of those services that have a repository of their own."""
    log_group_names: dict[str, pulumi.Output[str]]
    """Of services and jobs."""
    jobs: dict[str, JobOutputs]
    """What it takes to run each job."""
    delivery: tuple[Statement, ...]
    origins: Origins
    stoppable: Stoppable
    volume_arns: tuple[pulumi.Output[str], ...]

    def __init__(
        self,
        name: str,
        settings: ComputeSettings,
        context: Context,
        *,
        run: Run,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        base = cluster(self, settings)
        base = with_capacity(self, base, _PROVIDERS)
        prepared = prepare(
            self,
            settings,
            run,
            cluster=base,
        )
        capacity = Capacity("FARGATE", lambda service: _strategy(service, settings.spot))
        addresses = run_prepared(self, prepared, cluster=base, capacity=capacity)
        self.cluster_name = base.name
        self.service_names = addresses.service_names
        self.security_group_ids = addresses.security_group_ids
        self.repository_urls = addresses.repository_urls
        self.log_group_names = addresses.log_group_names
        self.jobs = addresses.jobs
        self.delivery = addresses.delivery
        self.origins = run.entrance.origins
        self.stoppable = Stoppable(stopped_services(run.services, base.name, addresses.service_names))
        self.volume_arns = ()
        self.register_outputs(
            {
                "clusterName": base.name,
                "serviceNames": addresses.service_names,
                "repositoryUrls": addresses.repository_urls,
            }
        )


_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


def _strategy(service: ServiceSettings, default_spot: int) -> list[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    """Return the capacity provider strategy: the minimum is never on Spot, so that losing all of Spot at once leaves
    what must run."""
    spot = default_spot if service.spot is None else service.spot
    if spot == 0:
        return [aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider="FARGATE", weight=1)]
    return [
        aws.ecs.ServiceCapacityProviderStrategyArgs(
            capacity_provider="FARGATE", base=service.scaling.min, weight=100 - spot
        ),
        aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider="FARGATE_SPOT", weight=spot),
    ]
