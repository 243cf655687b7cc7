"""Services: copies and their processors, sockets, instances and nodes, addresses."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping
from functools import partial

from groundwork.capacity.line import CapacityLine, UndeclaredUsage, growing, kinds, proportional
from groundwork.capacity.load import DeclaredLoad
from groundwork.components.compute.checks import TaskRoom, room_for_tasks
from groundwork.components.compute.ec2.checks import PROXY_CONNECTIONS
from groundwork.components.compute.eks.checks import Pool, is_traced, least_room, pools, requests
from groundwork.components.compute.settings import InstancesSettings
from groundwork.components.data.connections import DEPLOYING
from groundwork.components.network.addresses import plan, zone_letters
from groundwork.components.services.settings import ServiceSettings
from groundwork.settings.facts import Room, instance_class, performance, system_pods
from groundwork.simulation.scenario import MINUTES
from groundwork.simulation.theory import Stationary
from groundwork.simulation.tiers import FULL, Tier

_MBITS = 8 / 1024
"""Gbit in a MB, as AWS counts both."""


def lines(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    """Yield what holds for services and what they run on."""
    for tier in load.public:
        yield from _processors(load, tier)
    yield from _sockets(load)
    yield from _instances(load)
    yield from _nodes(load)
    yield from _credits(load)
    yield from _network(load)
    yield from _addresses(load)


def most_setting(load: DeclaredLoad, tier: Tier, most: int) -> str:
    """Return the setting that moves how many copies of a service may run."""
    if load.copies_are_instances:
        return f"compute.instances.min ({most})"
    path = "scaling.schedule" if tier.scaling.schedule else "scaling.max"
    return f"services.{tier.name}.{path} ({most})"


def _processors(load: DeclaredLoad, tier: Tier) -> Iterator[CapacityLine]:
    if not tier.seconds:
        return
    rates, each = load.platform.rates[tier.name], tier.servers / tier.seconds
    # Schedules may allow fewer at a quieter time, which is then nearer to its limit.
    tightest = max(range(MINUTES), key=lambda minute: rates[minute] / max(tier.bounds[minute][1], 1e-9))
    most = tier.bounds[tightest][1]
    copies = min(load.copies(tier), tier.bounds[load.busiest(tier)][1])
    yield proportional(
        "service-cpu",
        tier.name,
        rates[tightest],
        most * each * FULL / 100,
        most_setting(load, tier, most),
        note=_running(tier, copies, max(rates) / (copies * each) if copies else 1.0),
    )


def _running(tier: Tier, copies: int, busy: float) -> str:
    """Say how many copies the busiest minute has, and how long requests wait for their turn then."""
    count = f"{copies} {'copy' if copies == 1 else 'copies'} then"
    if busy >= 1:
        return f"{count}, all busy"
    queue = Stationary(tier.servers, tier.seconds, 1 / max(copies, 1), tier.work.variation**2)
    return f"{count}, {100 * busy:.0f} % busy; 95 % of requests wait {_time(queue.waited(busy, 0.95))}"


def _time(seconds: float) -> str:
    if seconds < 0.001:
        return "less than 1 ms"
    return f"at most {1000 * seconds:.0f} ms" if seconds < 1 else f"at most {seconds:.1f} s"


def _sockets(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    services = load.settings.services
    holders = {name: one for name, one in services.items() if one.sticky or one.tcp} or {
        name: one for name, one in services.items() if one.is_public
    }
    usage = load.usage
    peak = usage.peak_sockets if usage.peak_sockets is not None else usage.sockets
    if not holders:
        return
    if peak is None:
        if any(one.sticky or one.tcp for one in holders.values()):
            yield UndeclaredUsage("sockets", "usage.sockets")
        return
    if usage.peak_sockets is None:
        peak *= load.peak * MINUTES
    for name, service in holders.items():
        copies = _lasting_copies(load, name, service)
        each, why = _held_by_one(load, name, service)
        yield proportional(
            "service-sockets",
            name,
            peak / len(holders),
            copies * each,
            why,
            note=f"{each:,.0f} each on {copies} {'copy' if copies == 1 else 'copies'}",
        )


def _lasting_copies(load: DeclaredLoad, name: str, service: ServiceSettings) -> int:
    """Return the copies that sockets can count on: nothing but memory starts one for them."""
    compute, scaling = load.settings.compute, service.scaling
    if compute and compute.copies_are_instances:
        return compute.capacity.min
    if scaling.target and scaling.target.memory:
        return load.settings.most_copies(name)
    tier = next((one for one in load.platform.tiers if one.name == name), None)
    return tier.bounds[load.busiest(tier)][0] if tier else scaling.min


def _held_by_one(load: DeclaredLoad, name: str, service: ServiceSettings) -> tuple[float, str]:
    """Return the sockets of one copy, and the setting that moves that."""
    compute = load.settings.compute
    memory = service.memory / 2 * 1024 / load.usage.socket_kb
    known = instance_class(compute.capacity.instance_class) if compute and compute.copies_are_instances else None
    files = float(kinds()["service-sockets"].most[load.engine])
    copies = "compute.instances.min" if load.copies_are_instances else f"services.{name}.scaling.min"
    options = [(memory, f"services.{name}.memory ({service.memory})"), (files, copies)]
    if known:
        # Each is two connections of the proxy: to the client and to the service.
        options.append((PROXY_CONNECTIONS * known.vcpus / 2, "compute.instances.min"))
    return min(options)


def _instances(load: DeclaredLoad) -> Iterator[CapacityLine]:
    compute = load.settings.compute
    room = room_for_tasks(compute.capacity) if compute and compute.engine == "ecs-ec2" else None
    if not (compute and room):
        return
    if load.settings.services:
        most = max([compute.capacity.max, *(hours.max for hours in compute.capacity.schedule.values())])
        needed = partial(_instances_needed, load, room)
        yield growing("instances", "", needed, most, f"compute.instances.max ({most})")


def _instances_needed(load: DeclaredLoad, room: TaskRoom, times: float) -> float:
    """Return how many instances hold the copies at so many times the load, and one more of the largest, which a deployment starts."""
    services, copies = load.settings.services, _all_copies(load, times)
    cpu = sum(services[name].cpu * count for name, count in copies.items()) + max(one.cpu for one in services.values())
    memory = sum(services[name].memory * count for name, count in copies.items())
    memory += max(one.memory for one in services.values())
    tasks = sum(copies.values()) + 1
    return max(math.ceil(tasks / room.tasks), math.ceil(cpu / room.cpu), math.ceil(memory / max(room.memory, 1)))


def _nodes(load: DeclaredLoad) -> Iterator[CapacityLine]:
    compute = load.settings.compute
    cluster = compute.cluster if compute and compute.engine == "eks" else None
    if cluster is None or cluster.scaling == "auto-mode":
        return
    for pool in pools(load.settings, cluster):
        found = {name: least_room(group, cluster) for name, group in pool.groups.items()}
        rooms = {name: room for name, room in found.items() if room}
        if not pool.services or len(rooms) < len(found):
            continue
        first = next(iter(pool.groups))
        most = sum(group.max for group in pool.groups.values())
        alone = len(pool.groups) == 1
        yield growing(
            "nodes",
            first if alone and len(cluster.nodes) > 1 else "",
            partial(_nodes_needed, load, pool, rooms),
            most,
            f"compute.kubernetes.nodes{f'.{first}.max' if alone else ''} ({most})",
        )


def _nodes_needed(load: DeclaredLoad, pool: Pool, rooms: Mapping[str, Room], times: float) -> float:
    """Return how many of a pool's nodes are taken at so many times the load, of what there is least of."""
    services, all_copies = load.settings.services, _all_copies(load, times)
    copies = {name: math.ceil(all_copies[name] * DEPLOYING["eks"]) for name in pool.services if name in all_copies}
    each = {name: requests(services[name], tracing=is_traced(services[name], load.settings)) for name in copies}
    system = system_pods("cluster") if pool.system else Room(0, 0, 0)
    shares: list[float] = []
    for what in ("cpu", "memory", "pods"):
        has = sum(group.max * getattr(rooms[name], what) for name, group in pool.groups.items())
        asked = sum(count * getattr(each[name], what) for name, count in copies.items()) + getattr(system, what)
        shares.append(asked / max(has, 1))
    return max(shares) * sum(group.max for group in pool.groups.values())


def _all_copies(load: DeclaredLoad, times: float) -> dict[str, int]:
    """Return the copies of each service that the busiest minute asks for; of those that no request or message reaches by itself, the most
    that may run."""
    tiers = {tier.name: tier for tier in load.platform.tiers}
    return {
        name: load.copies(tiers[name], times) if name in tiers else load.settings.most_copies(name)
        for name in load.settings.services
    }


def _credits(load: DeclaredLoad) -> Iterator[CapacityLine]:
    compute = load.settings.compute
    if not (compute and compute.has_instances):
        return
    name = compute.capacity.instance_class
    known, found = instance_class(name), performance(name)
    if not (known and found and known.burstable):
        return
    yield growing(
        "instance-credits",
        "",
        partial(_mean_of_an_instance, load),
        known.vcpus * found.baseline,
        f"compute.instances.class ({name})",
        note=f"{known.vcpus} vCPUs earn {100 * found.baseline:g} % each",
    )


def _mean_of_an_instance(load: DeclaredLoad, times: float) -> float:
    """Return the vCPUs of an instance that are busy on average over the day. With ECS there are as many instances as the copies of an average
    minute need, between the fewest and the most."""
    instances = load.settings.compute.capacity if load.settings.compute else InstancesSettings()
    busy = times * sum(load.on_average(tier) * tier.work.cpu_ms / 1000 for tier in load.platform.tiers)
    room = room_for_tasks(instances) if load.engine == "ecs-ec2" else None
    if room is None:
        return busy / max(instances.min, 1)
    services = load.settings.services
    copies = {
        tier.name: max(float(tier.bounds[load.busiest(tier)][0]), times * load.on_average(tier) / load.on_a_copy(tier))
        for tier in load.platform.tiers
    }
    there = max(
        sum(copies.values()) / room.tasks,
        sum(services[name].cpu * count for name, count in copies.items()) / room.cpu,
        sum(services[name].memory * count for name, count in copies.items()) / max(room.memory, 1),
    )
    return busy / min(max(there, instances.min, 1), instances.max)


def _network(load: DeclaredLoad) -> Iterator[CapacityLine | UndeclaredUsage]:
    compute, usage = load.settings.compute, load.usage
    found = performance(compute.capacity.instance_class) if compute and compute.has_instances else None
    if not (compute and found):
        return
    if usage.download_mb is None:
        yield UndeclaredUsage("instances' network", "usage.download_mb")
        return
    uploads = (usage.uploads or 0) * (usage.upload_mb or 0)
    bytes_a_day = load.visitors * usage.download_mb * share_of_services(load) + uploads
    yield proportional(
        "instance-network",
        "",
        load.at_peak(bytes_a_day) * _MBITS,
        compute.capacity.min * found.network_gbps,
        f"compute.instances.class ({compute.capacity.instance_class})",
    )


def share_of_services(load: DeclaredLoad) -> float:
    """Return the part of visitors' bytes that services answer and buckets do not, as large as of the requests: as ``groundwork cost`` has it."""
    files = load.usage.files or 0.0
    edge = load.settings.edge
    if edge is None or edge.cdn is None:
        return 1.0
    return load.requests / (load.requests + files) if load.requests + files else 1.0


def _addresses(load: DeclaredLoad) -> Iterator[CapacityLine]:
    settings, network = load.settings, load.settings.network
    if network is None or network.existing or not settings.services or load.engine in ("ec2", "app-runner"):
        return
    zones = zone_letters(network, settings.region)
    planned = plan(network, settings.region)
    kept = kinds()["addresses"].most["kept"]
    room = min(ipaddress.IPv4Network(planned["private", zone]).num_addresses - kept for zone in zones) * len(zones)
    factor = DEPLOYING[load.engine]
    endpoints = len(network.endpoints) * len(zones)
    compute = settings.compute
    hosts = compute.capacity.max if compute and compute.has_instances else 0
    if compute and compute.engine == "eks":
        # The add-on for addresses keeps sixteen at a time for each node.
        hosts = sum(group.max for group in compute.cluster.nodes.values()) * (
            16 if compute.cluster.address_prefixes else 1
        )
    yield growing(
        "addresses",
        "",
        lambda times: sum(math.ceil(count * factor) for count in _all_copies(load, times).values()) + endpoints + hosts,
        room,
        f"network.cidr ({network.cidr})",
    )
