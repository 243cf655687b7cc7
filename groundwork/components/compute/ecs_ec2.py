"""ECS on EC2: containers on instances of one's own."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.ecs.cluster import cluster, with_capacity
from groundwork.components.compute.ecs.engine import prepare, run_prepared, stopped_services
from groundwork.components.compute.ecs.instances import instances
from groundwork.components.compute.ecs.service import Capacity
from groundwork.components.compute.jobs import JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.stopping import Stoppable, StoppedGroup
from groundwork.components.context import Context
from groundwork.components.edge.origin import Origins


class EcsEc2(Component):
    """Every service of the stack file as an ECS service on an Auto Scaling group.

    Builds: what :class:`groundwork.components.compute.fargate.Fargate` builds, but for the capacity: a launch template with Amazon Linux
    2023 for ECS (private subnets, no public address, no key pair, IMDSv2 that containers do not reach, gp3 volume with the
    given key), the role and security group of the instances, the Auto Scaling group with its Spot share, schedules and
    alarms, and a capacity provider with managed scaling, termination protection and draining. Tasks are spread over zones,
    and within a zone put where memory is scarcest. A shell is Session Manager's.

    Cost: instances by the second, running or empty (``min`` always; Spot up to 90 % less); their volumes; detailed
    monitoring at $2.10 an instance and month; then as on Fargate, but for tasks, which cost nothing here. Burstable classes
    (t3, t4g) are charged for CPU beyond their baseline.

    Fails: tasks that find no instance wait as PROVISIONING, and the ``capacity`` alarm goes off after 15 minutes; ``in-service``
    says that fewer instances run than must. A task takes one network interface, so an instance runs fewer tasks than its
    memory suggests (``RESOURCE:ENI`` in the service's events). A deployment needs room for one copy more. Without access of
    the Auto Scaling service to the key of the volumes instances stop at once with ``Client.InternalError``. A refresh of instances
    that fails, or during which an errors alarm goes off, rolls itself back.

    Changes without replacement: all that Fargate's list has; class, image, volume and Spot share replace the instances, one
    by one, each drained first and only when its successor runs. An update looks up the newest image, so that one that is
    otherwise empty may refresh instances; ``instances.image`` stays on one.
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
    group_name: pulumi.Output[str]
    """The Auto Scaling group."""
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
        prepared = prepare(
            self,
            settings,
            run,
            cluster=base,
        )
        made = instances(
            self,
            settings,
            cluster=base,
            network=run.network,
            alarm_names=prepared.alarm_names,
        )
        base = with_capacity(self, base, [made.provider])
        addresses = run_prepared(self, prepared, cluster=base, capacity=_on(made.provider))
        self.cluster_name = base.name
        self.service_names = addresses.service_names
        self.security_group_ids = addresses.security_group_ids
        self.repository_urls = addresses.repository_urls
        self.log_group_names = addresses.log_group_names
        self.jobs = addresses.jobs
        self.delivery = addresses.delivery
        self.origins = run.entrance.origins
        capacity = settings.capacity
        self.volume_arns = ()
        self.stoppable = Stoppable(
            stopped_services(run.services, base.name, addresses.service_names),
            {"instances": StoppedGroup(made.group_name, capacity.min, capacity.max, by_capacity_provider=True)},
        )
        self.group_name = made.group_name
        self.register_outputs(
            {
                "clusterName": base.name,
                "groupName": made.group_name,
                "serviceNames": addresses.service_names,
                "repositoryUrls": addresses.repository_urls,
            }
        )


def _on(provider: pulumi.Output[str]) -> Capacity:
    strategy = [aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=1)]
    return Capacity(
        "EC2",
        lambda service: strategy,
        placement=(
            aws.ecs.ServiceOrderedPlacementStrategyArgs(type="spread", field="attribute:ecs.availability-zone"),
            aws.ecs.ServiceOrderedPlacementStrategyArgs(type="binpack", field="memory"),
        ),
    )
