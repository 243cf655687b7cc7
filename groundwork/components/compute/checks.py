"""What each engine cannot do, and what fits its instances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from groundwork.components.compute.settings import ComputeSettings, InstancesSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import (
    InstanceClass,
    app_runner_regions,
    app_runner_sizes,
    instance_class,
    instance_classes,
    task_memory,
)
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of, sum_of
from groundwork.settings.recurrence import recurrence

_SPOT_OF_ALL = {
    "eks": "with eks give compute.kubernetes.nodes a group with spot: true, and name it in services.NAME.nodes",
    "ecs-ec2": "with ecs-ec2 compute.spot says how much runs on Spot",
    "ec2": "with ec2 compute.spot says how much runs on Spot",
}
_NO_SPOT = "App Runner has no Spot. Leave it out"


def settings_go_with_the_engine(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    if not compute:
        return
    engine = compute.engine
    if compute.instances and not compute.has_instances:
        yield Mistake(
            ("compute", "instances"),
            f"goes with the engines ecs-ec2 and ec2; {engine} has no instances of yours. Leave it out, or change engine",
        )
    if compute.instances and engine == "ecs-ec2":
        yield from _suits_ecs(compute.instances)
    for layer, name, service in settings.containers():
        path: Path = (layer, name)
        if service.spot is not None and layer == "services" and engine != "fargate":
            yield Mistake((*path, "spot"), f"goes with the engine fargate; {_SPOT_OF_ALL.get(engine, _NO_SPOT)}")
        if service.disk_gib is not None and engine != "fargate":
            yield Mistake(
                (*path, "disk_gib"),
                "goes with the engine fargate; elsewhere a copy uses the disk of its instance"
                + (" (compute.instances.volume)" if compute.has_instances else ""),
            )
        if service.scaling.concurrency is not None and engine != "app-runner":
            yield Mistake(
                (*path, "scaling", "concurrency"),
                f"goes with the engine app-runner; on {engine} nothing counts requests under way. "
                "Use scaling.target.requests, the requests per copy and minute",
            )


# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-optimized_AMI.html
_LEAST_VOLUME = 30


def _suits_ecs(instances: InstancesSettings) -> Iterator[Mistake]:
    path: Path = ("compute", "instances")
    if instances.data_volume is not None:
        yield Mistake(
            (*path, "data_volume"),
            "goes with the engine ec2; a task of ecs-ec2 may start on any instance, without its data",
        )
    if instances.volume < _LEAST_VOLUME:
        yield Mistake((*path, "volume"), f"{instances.volume} GiB are less than the {_LEAST_VOLUME} of the ECS image")
    if instances.placement == "public":
        yield Mistake(
            (*path, "placement"), '"public" goes with the engine ec2; container instances stand in private subnets'
        )


def classes_are_known(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    if not (compute and compute.has_instances):
        return
    for path, name in _named(compute.capacity):
        known = instance_class(name)
        if known is None:
            yield Mistake(path, f'"{name}" is not a class Groundwork knows{nearest(name, instance_classes())}')
        elif known.architecture != compute.built_for:
            yield Mistake(path, f"{name} is {known.architecture}, and images are built for {_why(compute)}")


def _named(instances: InstancesSettings) -> list[tuple[Path, str]]:
    path: Path = ("compute", "instances")
    return [
        ((*path, "class"), instances.instance_class),
        *(((*path, "further_classes", place), name) for place, name in enumerate(instances.further_classes)),
    ]


def _why(compute: ComputeSettings) -> str:
    if compute.architecture:
        return f"{compute.architecture} (compute.architecture)"
    return f"{compute.built_for} (compute.instances.class is {compute.capacity.instance_class})"


def trunking_is_possible(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    if not (compute and compute.engine == "ecs-ec2" and compute.capacity.trunking):
        return
    without = [known.name for known in _known(compute.capacity) if known.trunk_tasks is None]
    if without:
        yield Mistake(
            ("compute", "instances", "trunking"),
            f"{', '.join(without)} cannot trunk network interfaces; use a class such as m7g.large or c6i.large, or leave it out",
        )


def _known(instances: InstancesSettings) -> list[InstanceClass]:
    return [known for _, name in _named(instances) if (known := instance_class(name))]


# A task on EC2 takes 1/8 of a vCPU at least:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size
_LEAST_CPU = 128


@dataclass(frozen=True)
class TaskRoom:
    """What the smallest of the classes has for tasks."""

    name: str
    cpu: int
    memory: int
    tasks: int
    interfaces: int
    trunking: bool

    @property
    def described(self) -> str:
        if self.trunking:
            return f"{self.tasks} each with trunking"
        return f"{self.tasks} each: {self.interfaces} network interfaces less its own"


def room_for_tasks(instances: InstancesSettings) -> TaskRoom | None:
    """Return what each of the instances has for tasks, whichever class it is; None where no class is known."""
    known = _known(instances)
    if not known:
        return None
    tasks = {
        one.name: one.trunk_tasks or one.interfaces - 1 if instances.trunking else one.interfaces - 1 for one in known
    }
    least = min(known, key=lambda one: tasks[one.name])
    return TaskRoom(
        name=least.name,
        cpu=min(one.vcpus for one in known) * 1024,
        memory=min(task_memory(one) for one in known),
        tasks=tasks[least.name],
        interfaces=least.interfaces,
        trunking=instances.trunking and least.trunk_tasks is not None,
    )


def services_fit_an_instance(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    if not (compute and compute.engine == "ecs-ec2"):
        return
    room = room_for_tasks(compute.capacity)
    for name, service in settings.services.items():
        path: Path = ("services", name)
        if service.cpu < _LEAST_CPU:
            yield Mistake((*path, "cpu"), f"{service.cpu} is less than the {_LEAST_CPU} CPU units that ECS asks for")
        if room and service.cpu > room.cpu:
            yield Mistake(
                (*path, "cpu"),
                f"{service.cpu} CPU units do not fit {_classes(compute.capacity)}, which has {room.cpu}; lower it or use a larger class",
            )
        if room and service.memory > room.memory:
            yield Mistake(
                (*path, "memory"),
                f"{service.memory} MiB do not fit {_classes(compute.capacity)}, which has about {room.memory} for tasks "
                "beside the system; lower it or use a larger class",
            )


def _classes(instances: InstancesSettings) -> str:
    return " or ".join((instances.instance_class, *instances.further_classes))


def services_fit_the_instances(settings: Settings) -> Iterator[Mistake]:
    """Check that instances have room for all copies at once, and what a deployment adds: one more, since it starts a new copy before it
    stops an old one, or as many as there are where requests are shifted to all new ones. Of several at once the others wait."""
    compute = settings.compute
    if not (compute and compute.engine == "ecs-ec2" and settings.services):
        return
    room = room_for_tasks(compute.capacity)
    if room is None:
        return
    copies = {name: settings.most_copies(name) for name in settings.services}
    instances = max([compute.capacity.max, *(hours.max for hours in compute.capacity.schedule.values())])
    path: Path = ("compute", "instances", "max")
    parts = sum_of(f"{name} {count}" for name, count in copies.items())
    added = {name: count if settings.services[name].shifts else min(count, 1) for name, count in copies.items()}
    largest = max(added, key=lambda name: added[name])
    more = "one more" if added[largest] <= 1 else f"{added[largest]} more of {largest}"
    total = sum(copies.values()) + max(1, added[largest])
    if total > instances * room.tasks:
        yield Mistake(
            path,
            f"{instances} × {room.name} hold {instances * room.tasks} tasks ({room.described}), and services may run "
            f"{sum(copies.values())} ({parts}) with {more} during a deployment; raise max to {-(-total // room.tasks)}, "
            "use a class with more interfaces, or lower scaling.max",
        )
    for what, unit, has in (("cpu", "CPU units", room.cpu), ("memory", "MiB", room.memory)):
        sizes = {name: int(getattr(service, what)) for name, service in settings.services.items()}
        # A service that runs no copy now may start one.
        extra = {name: size * max(1, added[name]) for name, size in sizes.items()}
        needed = sum(sizes[name] * count for name, count in copies.items()) + max(extra.values())
        heaviest = max(extra, key=lambda name: extra[name])
        more = "one more copy" if added[heaviest] <= 1 else f"{added[heaviest]} more of {heaviest}"
        if max(sizes.values()) <= has and needed > instances * has:
            yield Mistake(
                path,
                f"{instances} × {_classes(compute.capacity)} have {instances * has} {unit} for tasks, and services may ask for "
                f"{needed} ({_products(copies, sizes)}, and {more} during a deployment); raise max to {-(-needed // has)} "
                "or more, use a larger class, or lower scaling.max",
            )


def _products(copies: Mapping[str, int], sizes: Mapping[str, int]) -> str:
    return sum_of(f"{name} {count} × {sizes[name]}" for name, count in copies.items())


def the_minimum_is_not_on_spot(settings: Settings) -> Iterator[Mistake]:
    """Check that services which must always run have an instance that is not on Spot: instances up to ``min`` never
    are; with none of them, what must always run may be taken away all at once."""
    compute = settings.compute
    if not (compute and compute.engine == "ecs-ec2" and compute.spot and compute.capacity.min == 0):
        return
    always = [name for name, service in settings.services.items() if service.scaling.min]
    if always:
        yield Mistake(
            ("compute", "instances", "min"),
            f"0 with spot: {compute.spot} puts what must always run ({', '.join(always)}) on Spot; set min to 1 or more, or spot: 0",
        )


def hours_can_be_scheduled(settings: Settings) -> Iterator[Mistake]:
    if not (settings.compute and settings.compute.has_instances):
        return
    for name, hours in settings.compute.capacity.schedule.items():
        if recurrence(hours.cron) is None:
            yield Mistake(
                ("compute", "instances", "schedule", name, "cron"),
                f'"{hours.cron}" cannot be said to EC2 Auto Scaling, which knows no years, L, W and #; write it as "30 6 ? * MON-FRI *"',
            )


def instances_reach_ecs(settings: Settings) -> Iterator[Mistake]:
    """Check that instances without NAT have the endpoints of ECS.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html"""
    network, compute = settings.network, settings.compute
    if not (network and compute and compute.engine == "ecs-ec2" and network.nat == "none" and settings.services):
        return
    missing = [name for name in ("ecs", "ecs-agent", "ecs-telemetry") if name not in network.endpoints]
    if missing:
        yield Mistake(
            ("network", "endpoints"),
            f"without NAT container instances reach ECS through endpoints alone; add {', '.join(missing)}, or set nat: single",
        )


def app_runner_is_there(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    if not (compute and compute.engine == "app-runner"):
        return
    if settings.region not in app_runner_regions():
        yield Mistake(
            ("compute", "engine"),
            f"App Runner is not in {settings.region}; use fargate, or one of {', '.join(app_runner_regions())}",
        )
    if compute.architecture == "arm64":
        yield Mistake(("compute", "architecture"), "App Runner runs x86_64 only; leave it out, or use fargate")
    for key, what in (("spot", "Spot"), ("exec", "sessions into copies")):
        if getattr(compute, key):
            yield Mistake(("compute", key), f"App Runner has no {what}; leave it out, or use fargate")


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (stopTimeout)
_LONGEST_STOP = 120


def services_stop_in_time(settings: Settings) -> Iterator[Mistake]:
    if not settings.runs_on_ecs:
        return
    for layer, name, container in settings.containers():
        if container.stop_timeout > _LONGEST_STOP:
            yield Mistake(
                (layer, name, "stop_timeout"),
                f"{container.stop_timeout} seconds are more than the {_LONGEST_STOP} that ECS waits; let what takes longer be taken up "
                "again, or use the engine eks",
            )


def singletons_are_possible(settings: Settings) -> Iterator[Mistake]:
    """Check that an engine can run one copy and no second one while it changes."""
    compute = settings.compute
    for name, service in settings.services.items():
        if not (compute and service.singleton):
            continue
        path: Path = ("services", name, "singleton")
        if compute.engine == "app-runner":
            yield Mistake(
                path,
                "App Runner starts the next version before it stops the last, so two run for a while; leave it out, or use fargate",
            )
        elif compute.copies_are_instances and not compute.has_one_instance:
            yield Mistake(
                path,
                f"each of up to {compute.capacity.max} instances (compute.instances.max) runs a copy of every service; set max: 1, "
                "or use the engine ecs-ec2",
            )


_ROLLS_ITS_OWN_WAY = {
    "eks": "Kubernetes alone replaces pods a quarter at a time, each when another is ready; a share of the requests for new pods takes "
    "a controller of your own, such as Argo Rollouts",
    "ec2": "instances are replaced one after the other, and copies restarted so",
    "app-runner": "App Runner sends all requests to the new version once that is well, and says nothing of how",
}


def deployments_can_shift(settings: Settings) -> Iterator[Mistake]:
    """Check that an engine can bring a new version in the way that is asked, and that something tells when to go back.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-implementation.html
    """
    for name, service in settings.services.items():
        if service.deployment is None or settings.compute is None:
            continue
        path: Path = ("services", name, "deployment")
        if not settings.runs_on_ecs:
            if service.shifts:
                engine = settings.compute.engine
                yield Mistake(
                    (*path, "strategy"),
                    f"{service.deployment.strategy} goes with the engines fargate and ecs-ec2; on {engine} "
                    f"{_ROLLS_ITS_OWN_WAY[engine]}. Leave it out, or use fargate",
                )
            continue
        yield from _shifts_on_ecs(path, service, settings)


def _shifts_on_ecs(path: Path, service: ServiceSettings, settings: Settings) -> Iterator[Mistake]:
    strategy = service.deployment.strategy if service.deployment else "rolling"
    named: Path = (*path, "strategy")
    if service.singleton:
        if service.shifts:
            yield Mistake(
                named, f"{strategy} runs old and new copies at once, and a singleton is never two; leave one out"
            )
        return
    if service.shifts and not service.is_public:
        why = (
            "a Network Load Balancer counts no errors that could take a deployment back"
            if service.tcp
            else "only other services reach it, and what they are answered is counted by no alarm that could take a deployment back"
            if service.port
            else "no requests reach it that could be shifted, and old and new copies would share its work from the start"
        )
        yield Mistake(named, f"{strategy} needs a path or a host at the load balancer: {why}; leave it out")
        return
    if service.path and service.host:
        yield Mistake(
            path,
            "needs either path or host: each is a rule of its own at the load balancer, and ECS shifts the requests of one",
        )
    if service.sticky and strategy in ("canary", "linear"):
        yield Mistake(
            named,
            f"{strategy} sends requests by their share, so that a client would change between old and new copies, and sticky keeps it "
            "on one; use blue-green, which sends all of them over at once, or leave sticky out",
        )
    if service.scaling.target and service.scaling.target.requests:
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html
        yield Mistake(
            ("services", path[1], "scaling", "target", "requests"),
            "are counted for one target group, and deployment has two that take turns; use target.cpu, or leave deployment out",
        )
    observed = settings.observability
    if service.shifts and observed is not None and observed.thresholds.errors_per_minute is None:
        yield Mistake(
            named,
            f"{strategy} watches for errors before it goes on, and observability.thresholds.errors_per_minute is null; set that, or use "
            "rolling",
        )


def services_suit_app_runner(settings: Settings) -> Iterator[Mistake]:
    if not (settings.compute and settings.compute.engine == "app-runner"):
        return
    for name, service in settings.services.items():
        yield from _suits_app_runner(("services", name), service, settings)
        yield from _scales_on_app_runner((*("services", name), "scaling"), service, settings.compute.app_runner_quota)


def _suits_app_runner(path: Path, service: ServiceSettings, settings: Settings) -> Iterator[Mistake]:
    if service.port is None:
        yield Mistake(
            (*path, "port"),
            "is missing, and App Runner runs only what answers HTTP; a worker needs the engine fargate or ecs-ec2",
        )
    elif service.host:
        yield Mistake(
            (*path, "host"), "App Runner services are told apart by their paths at CloudFront; use path, or fargate"
        )
    elif not service.is_public:
        yield Mistake(
            (*path, "path"),
            "is missing, and every App Runner service has a public address; give it a path, or use fargate",
        )
    sizes = app_runner_sizes()
    if service.cpu not in sizes:
        yield Mistake((*path, "cpu"), f"{service.cpu} is not a CPU size of App Runner; use {one_of(sizes)}")
    elif service.memory not in sizes[service.cpu]:
        yield Mistake(
            (*path, "memory"),
            f"{service.memory} MiB does not go with {service.cpu} CPU units on App Runner; use {one_of(sizes[service.cpu])}",
        )
    if service.named_image and not _IN_ECR.match(service.named_image):
        yield Mistake(
            (*path, "image"),
            f'"{service.named_image}" is not in ECR or ECR Public, the only places App Runner pulls from',
        )
    if "PORT" in service.environment:
        yield Mistake((*path, "environment", "PORT"), "App Runner sets PORT itself, to port")
    for used in service.uses:
        if used in settings.services:
            yield Mistake(
                (*path, "uses", used),
                "App Runner services have no way to one another but the public address; call that, or use fargate",
            )
    for key, what in (("disk_paths", "disk"), ("health_command", "health commands"), ("sticky", "sticky sessions")):
        if getattr(service, key):
            yield Mistake((*path, key), f"App Runner has no {what}; leave it out, or use fargate")


_IN_ECR = re.compile(r"(\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com|public\.ecr\.aws)/")


def _scales_on_app_runner(path: Path, service: ServiceSettings, quota: int) -> Iterator[Mistake]:
    scaling = service.scaling
    for key in ("steps", "queue", "schedule"):
        if getattr(scaling, key):
            yield Mistake((*path, key), "App Runner scales by requests under way alone; use concurrency, or fargate")
    if scaling.max > quota:
        yield Mistake(
            (*path, "max"),
            f"{scaling.max} copies are more than the {quota} that App Runner allows (compute.app_runner_quota); AWS Support "
            "raises that on request",
        )


CHECKS = (
    settings_go_with_the_engine,
    classes_are_known,
    trunking_is_possible,
    services_fit_an_instance,
    services_fit_the_instances,
    the_minimum_is_not_on_spot,
    hours_can_be_scheduled,
    instances_reach_ecs,
    services_stop_in_time,
    singletons_are_possible,
    deployments_can_shift,
    app_runner_is_there,
    services_suit_app_runner,
)
