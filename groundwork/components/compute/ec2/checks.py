"""The engine ``ec2``: what fits an instance, what only one instance can keep, what several cannot."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.compute.settings import ComputeSettings, InstancesSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import instance_class
from groundwork.settings.mistakes import Mistake, Path, nearest, sum_of

SYSTEM_MEMORY = 384
"""MiB of an instance that Amazon Linux, Docker, the agents and the proxy take."""

PROXY_CONNECTIONS = 16_384
"""Of one worker of the instance's proxy, of which there is one for each vCPU; a request that it passes on is two."""

RESERVED_NAMES = ("instances", "workers")
"""What kinds of instances are called."""

_INSTANCES: Path = ("compute", "instances")


def memory_for_services(instances: InstancesSettings) -> int | None:
    """Return the MiB that services and cache have on one instance; None for a class that nobody knows."""
    found = [instance_class(name) for name in (instances.instance_class, *instances.further_classes)]
    known = [one.memory for one in found if one is not None]
    # Of what a class promises, the kernel and the firmware keep about a twentieth.
    return max(0, int(min(known) * 0.95) - SYSTEM_MEMORY) if known else None


def cache_stands_on_the_only_instance(settings: Settings) -> Iterator[Mistake]:
    cache, compute = settings.cache, settings.compute
    if cache is None:
        return
    if cache.placement != "instance":
        if cache.copy_to is not None:
            yield Mistake(
                ("cache", "copy_to"),
                "goes with placement: instance; ElastiCache keeps snapshots itself (snapshot_days)",
            )
        return
    path: Path = ("cache", "placement")
    if compute is None or compute.engine != "ec2":
        engine = compute.engine if compute else "no engine"
        yield Mistake(path, f'"instance" goes with the engine ec2, and this is {engine}; use elasticache')
        return
    if compute.capacity.max != 1:
        yield Mistake(
            path,
            f'"instance" is a cache on one instance, and there may be {compute.capacity.max} (compute.instances.max), each '
            "with keys of its own; use elasticache, or max: 1",
        )
    elif compute.capacity.data_volume is None:
        yield Mistake(path, '"instance" keeps its snapshots on the data volume; set compute.instances.data_volume: 10')
    if cache.copy_to is not None and cache.copy_to not in settings.storage:
        yield Mistake(
            ("cache", "copy_to"),
            f'there is no bucket "{cache.copy_to}" in storage{nearest(cache.copy_to, settings.storage)}',
        )
    for key, value in (
        ("replicas", cache.replicas),
        ("shards", cache.shards),
        ("cluster_mode", cache.cluster_mode),
        ("multi_az", cache.multi_az),
    ):
        if value:
            yield Mistake(("cache", key), "goes with placement: elasticache; on the instance there is one cache")


def instances_have_room(settings: Settings) -> Iterator[Mistake]:
    compute = _engine(settings)
    room = memory_for_services(compute.capacity) if compute else None
    if compute is None or room is None:
        return
    for names in _together(compute, settings.services):
        parts = {name: settings.services[name].memory for name in names}
        cache = settings.cache
        if cache and cache.placement == "instance" and compute.capacity.max == 1:
            parts["cache"] = cache.max_memory_mb * 3 // 2
        if settings.jobs:
            largest = max(settings.jobs, key=lambda name: settings.job(name).memory)
            parts[largest] = settings.job(largest).memory
        if sum(parts.values()) > room:
            listed = sum_of(f"{name} {memory}" for name, memory in parts.items())
            yield Mistake(
                (*_INSTANCES, "class"),
                f"{compute.capacity.instance_class} has {room} MiB for services ({SYSTEM_MEMORY} are the system's), and they "
                f"take {sum(parts.values())}: {listed}; use a larger class, or lower their memory",
            )


def what_stays_needs_one_instance(settings: Settings) -> Iterator[Mistake]:
    compute = _engine(settings)
    if compute is None or compute.capacity.max == 1:
        return
    most = compute.capacity.max
    if compute.capacity.data_volume is not None:
        yield Mistake(
            (*_INSTANCES, "data_volume"),
            f"a volume is held by one instance at a time, and there may be {most}; use max: 1, or keep data in a bucket or the database",
        )
    if compute.capacity.placement == "public":
        yield Mistake(
            (*_INSTANCES, "placement"),
            f'"public" is for one instance with an address of its own, and there may be {most}; use private, behind the load balancer',
        )


def public_instances_stand_behind_cloudfront(settings: Settings) -> Iterator[Mistake]:
    compute = _engine(settings)
    if compute is None or compute.capacity.placement != "public":
        return
    path: Path = (*_INSTANCES, "placement")
    answers = any(service.is_public for service in settings.services.values())
    if answers and not (settings.edge and settings.edge.cdn):
        yield Mistake(path, '"public" lets CloudFront in and nobody else, and edge.cdn is not built; set edge: {}')
    elif answers and settings.platform.domain and compute.capacity.data_volume is None:
        yield Mistake(
            (*_INSTANCES, "data_volume"),
            "is missing: the certificate of the instance is kept there. Without it each new instance asks for another, and "
            "Let's Encrypt gives five a week; set data_volume: 10",
        )


def private_instances_reach_aws(settings: Settings) -> Iterator[Mistake]:
    compute, network = _engine(settings), settings.network
    if compute is None or network is None or compute.capacity.placement == "public" or network.nat != "none":
        return
    needed = ["monitoring", "ssm", "ssmmessages", "sts", *(["ec2"] if compute.capacity.data_volume else [])]
    missing = [endpoint for endpoint in needed if endpoint not in network.endpoints]
    if missing:
        yield Mistake(
            ("network", "endpoints"),
            f"instances without NAT read their configuration through endpoints, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; add them, or set network.nat: single",
        )


def spot_keeps_nothing(settings: Settings) -> Iterator[Mistake]:
    compute = _engine(settings)
    if compute is None or not compute.spot:
        return
    kept = []
    if compute.capacity.data_volume is not None:
        kept.append("a data volume (compute.instances.data_volume)")
    if settings.cache and settings.cache.placement == "instance":
        kept.append("the cache (cache.placement)")
    if kept:
        yield Mistake(
            ("compute", "spot"), f"the instance holds {' and '.join(kept)}; Spot takes it away at two minutes' notice"
        )


def workers_reach_what_they_use(settings: Settings) -> Iterator[Mistake]:
    compute = _engine(settings)
    if compute is None or compute.capacity.max == 1:
        return
    for name, service in settings.services.items():
        for used in service.uses:
            if service.port is None and used in settings.services:
                yield Mistake(
                    ("services", name, "uses", used),
                    "with several instances workers have instances of their own, and no name leads to a service on another; "
                    "use a queue between them, or the engine ecs-ec2",
                )


def containers_share_an_instance(settings: Settings) -> Iterator[Mistake]:
    if _engine(settings) is None:
        return
    ports: dict[int, str] = {}
    for layer, name, service in settings.containers():
        if name in RESERVED_NAMES:
            yield Mistake((layer, name), f'"{name}" is what the engine ec2 calls its instances; choose another name')
        if not service.is_public or service.port is None:
            continue
        if service.port in ports:
            yield Mistake(
                ("services", name, "port"),
                f"{service.port} is also the port of services.{ports[service.port]}; public services on one instance need ports of their own",
            )
        ports.setdefault(service.port, name)


def services_ask_for_what_there_is(settings: Settings) -> Iterator[Mistake]:
    if _engine(settings) is None:
        return
    for name, service in settings.services.items():
        for key in ("steps", "queue", "schedule"):
            if getattr(service.scaling, key):
                yield Mistake(
                    ("services", name, "scaling", key),
                    "goes with other engines; on ec2 each instance runs one copy, and compute.instances says how many there are",
                )
        if service.tracing:
            yield Mistake(("services", name, "tracing"), "goes with other engines; ec2 runs no collector")
    for layer, name, container in settings.containers():
        for key, value in container.environment.items():
            if "{{" in value:
                yield Mistake(
                    (layer, name, "environment", key),
                    'has "{{" in it, which Parameter Store refuses, since it reads it as a reference',
                )


def _engine(settings: Settings) -> ComputeSettings | None:
    return settings.compute if settings.compute and settings.compute.engine == "ec2" else None


def _together(compute: ComputeSettings, services: dict[str, ServiceSettings]) -> list[list[str]]:
    """Group the services that share an instance."""
    if compute.capacity.max == 1:
        return [list(services)]
    answering = [name for name, service in services.items() if service.port is not None]
    return [answering, [name for name in services if name not in answering]]


CHECKS = (
    cache_stands_on_the_only_instance,
    instances_have_room,
    what_stays_needs_one_instance,
    public_instances_stand_behind_cloudfront,
    private_instances_reach_aws,
    spot_keeps_nothing,
    workers_reach_what_they_use,
    containers_share_an_instance,
    services_ask_for_what_there_is,
)
