"""The engines by their names: the same services, another way to run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

import pulumi

from components.access import Grant
from components.compute.app_runner import AppRunner
from components.compute.ec2.address import Address
from components.compute.ec2.engine import Backups, Ec2
from components.compute.ec2.shape import parts
from components.compute.ecs_ec2 import EcsEc2
from components.compute.eks.ranges import Ranges
from components.compute.fargate import Fargate
from components.compute.images import Delivered
from components.compute.wiring import LoadBalancer, Queue
from components.context import Context
from components.edge.origin import Door
from components.edge.shield import Shield
from components.hours import StoppedGroup, StoppedService, ecs_services
from components.network.network import Network
from settings import Settings
from settings.addresses import plan
from settings.models.compute import ComputeSettings, Engine, InstancesSettings
from settings.models.services import ServiceSettings


class Running(Protocol):
    """What every engine tells of the services that it runs."""

    service_names: dict[str, pulumi.Output[str]]
    repository_urls: dict[str, pulumi.Output[str]]
    log_group_names: dict[str, pulumi.Output[str]]


class Common(TypedDict):
    """What every engine takes."""

    context: Context
    services: Mapping[str, ServiceSettings]
    network: Network
    load_balancer: LoadBalancer | None
    grants: Mapping[str, Mapping[str, Grant]]
    queues: Mapping[str, Queue]

    delivered: Delivered
    opts: pulumi.ResourceOptions


@dataclass(frozen=True)
class Special:
    """What only some engines take."""

    backups: Backups | None = None
    address: Address | None = None
    door: Door | None = None
    shield: Shield | None = None


def is_seated(settings: Settings) -> bool:
    """Whether one instance with an address of its own answers, so that no load balancer stands before it."""
    compute = settings.compute
    if compute is None or compute.engine != "ec2" or compute.capacity.placement != "public":
        return False
    return any(part.seated for part in parts(compute, settings.services, settings.cache))


def answers_itself(settings: Settings) -> bool:
    """Whether AWS gives every service a public address of its own, so that no load balancer stands before them."""
    return settings.compute is not None and settings.compute.engine == "app-runner" and bool(settings.services)


def hosts(engine: Running | None) -> dict[str, pulumi.Output[str]]:
    """The host names of services that answer at addresses of their own."""
    return engine.addresses if isinstance(engine, AppRunner) else {}


@dataclass(frozen=True)
class Stoppable:
    """What can stand still at night."""

    services: Mapping[str, StoppedService] = field(default_factory=dict)
    groups: Mapping[str, StoppedGroup] = field(default_factory=dict)
    app_runner: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def stoppable(engine: Running, settings: Settings) -> Stoppable:
    """What an engine runs that can stand still at night."""
    capacity = settings.compute.capacity if settings.compute else InstancesSettings()
    if isinstance(engine, (Fargate, EcsEc2)):
        services = ecs_services(settings.services, engine.cluster_name, engine.service_names)
        if isinstance(engine, Fargate):
            return Stoppable(services)
        group = StoppedGroup(engine.group_name, capacity.min, capacity.max, by_capacity_provider=True)
        return Stoppable(services, {"instances": group})
    if isinstance(engine, Ec2) and settings.compute:
        kinds = {part.key: part for part in parts(settings.compute, settings.services, settings.cache)}
        return Stoppable(
            groups={
                key: StoppedGroup(name, kinds[key].least, kinds[key].most) for key, name in engine.group_names.items()
            }
        )
    return Stoppable(app_runner=engine.service_arns) if isinstance(engine, AppRunner) else Stoppable()


def run(name: str, compute: ComputeSettings, settings: Settings, special: Special, common: Common) -> Running:
    """Every service on the engine that the settings name; ``common`` is what all engines take.

    A running stack may come from another engine. Repositories, log groups, roles and firewalls of its services have the same names on
    each, so they are the same: what the engine was before is an alias of the engine, and Pulumi gives each child the alias with it
    (https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/).
    """
    before = [pulumi.Alias(type_=token) for engine, token in TOKENS.items() if engine != compute.engine]
    opts = pulumi.ResourceOptions.merge(common["opts"], pulumi.ResourceOptions(aliases=before))
    return _ENGINES[compute.engine](name, compute, settings, special, {**common, "opts": opts})


def _fargate(name: str, compute: ComputeSettings, settings: Settings, special: Special, common: Common) -> Running:
    return Fargate(name, compute, **common)


def _ecs_ec2(name: str, compute: ComputeSettings, settings: Settings, special: Special, common: Common) -> Running:
    return EcsEc2(name, compute, **common)


def _ec2(name: str, compute: ComputeSettings, settings: Settings, special: Special, common: Common) -> Running:
    return Ec2(
        name,
        compute,
        cache=settings.cache,
        backups=special.backups,
        address=special.address,
        door=special.door,
        **common,
    )


def _eks(name: str, compute: ComputeSettings, settings: Settings, special: Special, common: Common) -> Running:
    # Half a second that only stacks with a cluster pay: it loads the Kubernetes SDK. Where that is installed Pulumi loads its
    # plugin too, whatever the stack, so that only those who need it have it.
    try:
        from components.compute.eks.engine import Eks  # noqa: PLC0415 - loads the Kubernetes SDK
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "pulumi_kubernetes":
            raise
        raise pulumi.RunError(
            "compute.engine: eks needs pulumi-kubernetes, which is not installed; run `make kubernetes`, or "
            "pip install -r requirements-kubernetes.txt"
        ) from None

    return Eks(
        name,
        compute,
        ranges=_ranges(settings),
        vpc_cidr=common["network"].cidr,
        **common,
    )


def _ranges(settings: Settings) -> Ranges:
    planned = plan(settings.network, settings.region) if settings.network else {}
    tiers = {
        tier: tuple(cidr for (of, _), cidr in planned.items() if of == tier) for tier in ("public", "private", "data")
    }
    inside = settings.edge is not None and settings.edge.load_balancer.exposure == "vpc-origin"
    return Ranges(
        data=tiers["data"],
        load_balancer=tiers["private" if inside else "public"] if settings.edge else (),
        private=tiers["private"],
    )


def _app_runner(name: str, compute: ComputeSettings, settings: Settings, special: Special, common: Common) -> Running:
    shield = special.shield
    return AppRunner(
        name,
        compute,
        origin_header=shield.header if shield else None,
        firewall_arn=shield.firewall_arn if shield else None,
        **common,
    )


_ENGINES: dict[Engine, Callable[[str, ComputeSettings, Settings, Special, Common], Running]] = {
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
