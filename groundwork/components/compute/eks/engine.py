"""EKS: the same containers on Kubernetes."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pulumi

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.alarms import watch_jobs
from groundwork.components.compute.eks.cluster import build_cluster
from groundwork.components.compute.eks.controllers import controllers
from groundwork.components.compute.eks.files import claims, driver, without_rights_to_mount
from groundwork.components.compute.eks.identity import trust
from groundwork.components.compute.eks.inside import Inside
from groundwork.components.compute.eks.jobs import run_job
from groundwork.components.compute.eks.namespace import namespace
from groundwork.components.compute.eks.network_policy import base_policies
from groundwork.components.compute.eks.provider import kubernetes_provider
from groundwork.components.compute.eks.queue_scaling import authenticate, queue_scaling
from groundwork.components.compute.eks.ranges import Ranges
from groundwork.components.compute.eks.workloads import EksSurroundings, deploy
from groundwork.components.compute.images import images_of
from groundwork.components.compute.jobs import JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.security_groups import SharedGroup, allow_egress_to_internet
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.stopping import Stoppable
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.compute.workload import workloads
from groundwork.components.context import Context
from groundwork.components.edge.origin import Entrance, Origins
from groundwork.components.services.routes import routes

_OPEN = 443
"""What the nodes may call anyway."""


class RangedNetwork(NetworkLike, Protocol):
    """A network that says the ranges of its subnets, since network policies know no security groups."""

    def cidrs(self, tier: str) -> tuple[pulumi.Input[str], ...]:
        """Return the ranges of the tier ``public``, ``private`` or ``data``."""


class Eks(Component):
    """Every service of the stack file as a Deployment on a Kubernetes cluster.

    Builds: the cluster with its nodes, add-ons and controllers (``docs/components/eks.md``); a namespace with the pod security
    standard ``restricted`` and network policies that shut everything. For each service what the other engines make outside
    (ECR repository, log group, role, alarms; for public ones target group and listener rules) and inside the cluster a
    ServiceAccount bound to the role by Pod Identity, a Deployment, a Service, a network policy opened by ``uses``, a
    HorizontalPodAutoscaler or, where a queue decides, KEDA's ScaledObject; a PodDisruptionBudget where more than one copy
    must run; a SecretProviderClass where it reads secrets or parameters; a TargetGroupBinding where it is public. For each job the same but for a
    CronJob in place of the Deployment, suspended where it has no schedule.

    Cost: the control plane at $73 a month (six times that in extended support); nodes by the second, running or empty, and
    their volumes; Container Insights by observation and logs by GB; then as on other engines. Pods cost nothing.

    Fails: a pod that finds no node stays Pending, and the ``tasks`` alarm goes off after 5 minutes; a rollout whose pods do not
    get ready stops with the old ones still there, and the update that began it fails after 10 minutes. A
    connection that no ``uses`` opens times out. An update that cannot reach the API of a private endpoint fails with ``i/o
    timeout``: run it inside the network, or set ``kubernetes.objects: render``.

    Changes without replacement: everything of services but their names; each change of pods is a rollout without downtime.
    Renaming a service makes another one. For the cluster see ``docs/components/eks.md``.
    """

    layer = "compute"

    cluster_name: pulumi.Output[str]
    service_names: dict[str, pulumi.Output[str]]
    """Name of each Deployment and Service."""
    security_group_ids: dict[str, pulumi.Output[str]]
    """The nodes' group, which pods share."""
    repository_urls: dict[str, pulumi.Output[str]]
    """Of those services that have a repository of their own."""
    log_group_names: dict[str, pulumi.Output[str]]
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
        services, network, entrance, queues = run.services, run.network, run.entrance, run.queues
        cluster = build_cluster(
            self,
            settings,
            network=network,
            # Nodes stand there, and pods have their security group: nobody new comes in.
            neighbours=[known for known in network.cidrs("private") if isinstance(known, str)],
        )
        provider = kubernetes_provider(self, cluster, settings.cluster)
        running = (
            *controllers(self, cluster, settings, provider=provider, network=network),
            *queue_scaling(
                self,
                cluster,
                settings.cluster,
                services,
                queues,
                provider=provider,
                after=cluster.ready,
            ),
            *driver(self, cluster, settings.cluster, run.grants),
        )
        jobs = run.jobs
        containers = {**services, **{job: declared.container for job, declared in jobs.items()}}
        ports = sorted({port for container in containers.values() for port in container.outbound_ports} - {_OPEN})
        opened = allow_egress_to_internet(self, "pods", cluster.node_security_group_id, ports)
        security_groups = SharedGroup(self, "pods", cluster.node_security_group_id, rules=opened)
        built = workloads(
            self,
            containers,
            grants=without_rights_to_mount(run.grants),
            network=network,
            trust=trust(self),
            tracing=self.context.alerting.settings.tracing,
            security_groups=security_groups,
        )
        space = namespace(self, cluster, settings.cluster, provider=provider, after=[*cluster.node_rules, *running])
        inside = Inside(
            parent=self,
            settings=settings,
            cluster=cluster,
            provider=provider,
            namespace=context.platform.name,
            ready=(space,),
            controllers=running,
        )
        inside = replace(inside, ready=(space, *claims(inside, run.grants)))
        base_policies(inside)
        authenticate(inside, services)
        around = EksSurroundings(
            containers=containers,
            network=network,
            ranges=_ranges(network, entrance),
            routes=routes(services, context.platform.domain, settings.engine),
            load_balancer=entrance.load_balancer,
            network_balancers=entrance.network_balancers,
            queues=queues,
            security_groups=security_groups,
        )
        images = images_of(self, built, settings)
        deployed = {service: deploy(inside, built[service], around, images[service]) for service in services}
        ready = {name: run_job(inside, built[name], around, job, images[name]) for name, job in jobs.items()}
        if jobs and settings.cluster.application_insights:
            watch_jobs(self, cluster.name)
        self.cluster_name = cluster.name
        self.service_names = {service: pulumi.Output.from_input(service) for service in deployed}
        self.security_group_ids = {service: workload.security_group_id for service, workload in built.items()}
        self.repository_urls = {
            name: image.repository_url for name, image in images.items() if image.repository_url is not None
        }
        self.log_group_names = {
            name: made.log_group_name for made_by_name in (deployed, ready) for name, made in made_by_name.items()
        }
        self.jobs = {name: made.outputs for name, made in ready.items()}
        # What it may do inside says its access entry.
        self.delivery = (Statement("ReachCluster", ("eks:DescribeCluster",), (cluster.arn,)),)
        self.origins = entrance.origins
        self.stoppable = Stoppable()
        self.volume_arns = ()
        self.register_outputs(
            {
                "clusterName": cluster.name,
                "serviceNames": self.service_names,
                "repositoryUrls": self.repository_urls,
            }
        )


def _ranges(network: RangedNetwork, entrance: Entrance) -> Ranges:
    balancer = entrance.load_balancer
    return Ranges(
        data=network.cidrs("data"),
        load_balancer=network.cidrs("private" if balancer.is_internal else "public") if balancer else (),
        public=network.cidrs("public") if entrance.network_balancers else (),
        private=network.cidrs("private"),
    )
