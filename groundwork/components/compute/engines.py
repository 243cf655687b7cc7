"""The engines by their names: the same services, another way to run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypedDict

import pulumi

from groundwork.components.access import Grant
from groundwork.components.compute.app_runner import AppRunner
from groundwork.components.compute.ec2.engine import Ec2
from groundwork.components.compute.ec2.own_cache import OwnCache
from groundwork.components.compute.ecs_ec2 import EcsEc2
from groundwork.components.compute.fargate import Fargate
from groundwork.components.compute.jobs import Job, JobOutputs
from groundwork.components.compute.settings import ComputeSettings, Engine
from groundwork.components.compute.stopping import Stoppable
from groundwork.components.compute.wiring import QueueLike
from groundwork.components.context import Context
from groundwork.components.edge.ingress import AnsweringAt
from groundwork.components.edge.origin import Entrance, Origins
from groundwork.components.network.tiers import NetworkTiers
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings


class Running(Protocol):
    """What every engine tells of the services that it runs."""

    @property
    def cluster_name(self) -> pulumi.Output[str] | None: ...

    service_names: dict[str, pulumi.Output[str]]
    repository_urls: dict[str, pulumi.Output[str]]
    log_group_names: dict[str, pulumi.Output[str]]
    jobs: dict[str, JobOutputs]
    """What it takes to run each job."""
    origins: Origins
    """What CloudFront asks for its services."""
    stoppable: Stoppable
    """What of it can stand still at night."""


class EngineArguments(TypedDict):
    """What every engine's constructor takes."""

    name: str
    settings: ComputeSettings
    context: Context
    services: Mapping[str, ServiceSettings]
    network: NetworkTiers
    entrance: Entrance
    grants: Mapping[str, Mapping[str, Grant]]
    opts: pulumi.ResourceOptions


@dataclass(frozen=True)
class Run:
    """What there is to run, and what with."""

    name: str
    settings: ComputeSettings
    context: Context
    services: Mapping[str, ServiceSettings]
    jobs: Mapping[str, Job]
    network: NetworkTiers
    entrance: Entrance
    grants: Mapping[str, Mapping[str, Grant]]
    queues: Mapping[str, QueueLike]
    own_cache: OwnCache | None
    """A cache beside the services, on their instance."""

    def arguments(self, opts: pulumi.ResourceOptions) -> EngineArguments:
        """Return what all engines take of it."""
        return {
            "name": self.name,
            "settings": self.settings,
            "context": self.context,
            "services": self.services,
            "network": self.network,
            "entrance": self.entrance,
            "grants": self.grants,
            "opts": opts,
        }


def answering_at(settings: Settings) -> AnsweringAt:
    """Return what requests reach the services of a stack by: the engine decides."""
    if not any(service.port and service.path for service in settings.services.values()):
        return "nothing"
    if settings.compute is not None and settings.compute.engine == "app-runner":
        return "services"
    return "address" if has_public_instance(settings) else "load-balancer"


def has_public_instance(settings: Settings) -> bool:
    """Return whether the services of a stack run on one instance with a public address."""
    compute = settings.compute
    return compute is not None and compute.engine == "ec2" and compute.capacity.placement == "public"


def run(wanted: Run, opts: pulumi.ResourceOptions) -> Running:
    """Run every service on the engine that the settings name.

    A running stack may come from another engine. Repositories, log groups, roles and security groups of its services have the same
    names on each, so they are the same: what the engine was before is an alias of the engine, and Pulumi gives each child the alias
    with it (https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/).
    """
    chosen = wanted.settings.engine
    before = [pulumi.Alias(type_=token) for engine, token in TOKENS.items() if engine != chosen]
    return _ENGINES[chosen](wanted, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=before)))


def _fargate(wanted: Run, opts: pulumi.ResourceOptions) -> Running:
    return Fargate(jobs=wanted.jobs, queues=wanted.queues, **wanted.arguments(opts))


def _ecs_ec2(wanted: Run, opts: pulumi.ResourceOptions) -> Running:
    return EcsEc2(jobs=wanted.jobs, queues=wanted.queues, **wanted.arguments(opts))


def _ec2(wanted: Run, opts: pulumi.ResourceOptions) -> Running:
    return Ec2(jobs=wanted.jobs, own_cache=wanted.own_cache, **wanted.arguments(opts))


def _eks(wanted: Run, opts: pulumi.ResourceOptions) -> Running:
    # Half a second that only stacks with a cluster pay: it loads the Kubernetes SDK. Where that is installed Pulumi loads its
    # plugin too, whatever the stack, so that only those who need it have it.
    try:
        from groundwork.components.compute.eks.engine import Eks  # noqa: PLC0415 - loads the Kubernetes SDK
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "pulumi_kubernetes":
            raise
        raise pulumi.RunError(
            "compute.engine: eks needs pulumi-kubernetes, which is not installed; run `make kubernetes`, or "
            "pip install -r requirements-kubernetes.txt"
        ) from None

    return Eks(jobs=wanted.jobs, queues=wanted.queues, **wanted.arguments(opts))


def _app_runner(wanted: Run, opts: pulumi.ResourceOptions) -> Running:
    return AppRunner(**wanted.arguments(opts))


_ENGINES: dict[Engine, Callable[[Run, pulumi.ResourceOptions], Running]] = {
    "fargate": _fargate,
    "ecs-ec2": _ecs_ec2,
    "eks": _eks,
    "ec2": _ec2,
    "app-runner": _app_runner,
}

TOKENS: dict[Engine, str] = {
    "fargate": "groundwork:compute:Fargate",
    "ecs-ec2": "groundwork:compute:EcsEc2",
    "eks": "groundwork:compute:Eks",
    "ec2": "groundwork:compute:Ec2",
    "app-runner": "groundwork:compute:AppRunner",
}
"""The types of the engines' components."""
