"""The Kubernetes cluster: its version's support, who reaches it, and nodes that hold what is to run on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from math import ceil
from operator import itemgetter

from groundwork.components.compute.eks.settings import MOST_NODES, KubernetesSettings, NodeGroupSettings
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import (
    InstanceClass,
    Room,
    instance_class,
    instance_classes,
    kubernetes_as_of,
    kubernetes_versions,
    node_room,
    system_pods,
)
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of

_CLUSTER: Path = ("compute", "kubernetes")
_NODES: Path = (*_CLUSTER, "nodes")

COLLECTOR = Room(cpu=50, memory=256, pods=0)
"""What the tracing sidecar asks for at most, beside its service."""

_OTHERS_LABELS = ("kubernetes.io", "k8s.io", "eks.amazonaws.com", "karpenter.sh", "groundwork")
"""Label prefixes, and what ends in them, that are not the user's."""

_NOT_NITRO = ("t2",)


def kubernetes_goes_with_eks(settings: Settings) -> Iterator[Mistake]:
    compute = settings.compute
    if compute and compute.kubernetes and compute.engine != "eks":
        yield Mistake(
            _CLUSTER, f"goes with the engine eks, and this is {compute.engine}; leave it out, or change engine"
        )


def the_version_is_supported(settings: Settings) -> Iterator[Mistake]:
    """Check that EKS has standard support for the version, against the day of the table and not the calendar's, so that
    a stack file that was fine does not break overnight."""
    cluster = _cluster(settings)
    if cluster is None:
        return
    path: Path = (*_CLUSTER, "version")
    today, versions = kubernetes_as_of(), kubernetes_versions()
    fine = one_of(name for name, row in versions.items() if row.standard_ends > today)
    known = versions.get(cluster.version)
    if known is None:
        yield Mistake(path, f'"{cluster.version}" is not a version that Groundwork knows on EKS; use {fine}')
    elif not known.addons:
        yield Mistake(
            path, f"AWS's support of {cluster.version} ends for good on {known.extended_ends}, or has ended; use {fine}"
        )
    elif known.standard_ends <= today and cluster.upgrade_support != "extended":
        yield Mistake(
            path,
            f"standard support of {cluster.version} ended on {known.standard_ends}; use {fine}, or set upgrade_support: extended, "
            f"which lasts until {known.extended_ends} and makes the control plane six times as dear",
        )


def only_named_addresses_reach_the_endpoint(settings: Settings) -> Iterator[Mistake]:
    cluster = _cluster(settings)
    if cluster is None:
        return
    if cluster.endpoint == "public" and not cluster.endpoint_addresses:
        yield Mistake(
            (*_CLUSTER, "endpoint"),
            '"public" without endpoint_addresses is open to everybody; name the addresses of the office and the pipeline, or use private',
        )
    if (
        settings.network
        and settings.network.existing
        and not cluster.endpoint_addresses
        and cluster.endpoint != "public"
    ):
        yield Mistake(
            (*_CLUSTER, "endpoint_addresses"),
            "names nobody, and the API answers inside a VPC whose ranges are not known here; name those that may call it",
        )
    prod = settings.platform.stage == "prod"
    private = cluster.endpoint == "private" or (cluster.endpoint is None and prod)
    for index, text in enumerate(cluster.endpoint_addresses):
        path: Path = (*_CLUSTER, "endpoint_addresses", index)
        address = ip_network(text)
        if address.prefixlen == 0:
            yield Mistake(path, f"{text} is everybody; name the addresses of the office and the pipeline")
        elif private and address.is_global:
            yield Mistake(
                path,
                f"{text} is on the internet, and the endpoint is private{'' if cluster.endpoint else ' in prod'}: nothing arrives from "
                "there. Name addresses inside the network or joined to it, or set endpoint: public",
            )


def controllers_are_pulled(settings: Settings) -> Iterator[Mistake]:
    if _cluster(settings) and settings.network and settings.network.nat == "none":
        yield Mistake(
            ("network", "nat"),
            '"none" leaves the cluster without its controllers: their images are at public.ecr.aws and registry.k8s.io, for which AWS '
            "has no endpoint; set nat: single",
        )


def node_classes_are_known(settings: Settings) -> Iterator[Mistake]:
    compute, cluster = settings.compute, _cluster(settings)
    if compute is None or cluster is None:
        return
    for name, group in cluster.nodes.items():
        for index, text in enumerate(group.classes):
            path: Path = (*_NODES, name, "classes", index)
            known = instance_class(text)
            if known is None:
                yield Mistake(path, f'"{text}" is not a class Groundwork knows{nearest(text, instance_classes())}')
                continue
            if known.architecture != compute.built_for:
                yield Mistake(
                    path, f"{text} is {known.architecture}, and images are built for {_why(compute, cluster)}"
                )
            if cluster.address_prefixes and text.split(".")[0] in _NOT_NITRO:
                yield Mistake(
                    path,
                    f"{text} is of the generation before Nitro and takes no address prefixes; use t3, or address_prefixes: false",
                )
            elif _has_no_room(_room_of(known, cluster)):
                yield Mistake(path, f"{text} has no room for pods beside the add-ons' on each node; use a larger class")


def _why(compute: ComputeSettings, cluster: KubernetesSettings) -> str:
    if compute.architecture:
        return f"{compute.architecture} (compute.architecture)"
    name, group = next(iter(cluster.nodes.items()))
    return f"{compute.built_for} (compute.kubernetes.nodes.{name} is of {group.classes[0]})"


def something_always_has_a_node(settings: Settings) -> Iterator[Mistake]:
    """Check that a group without taints always has nodes: CoreDNS, controllers and what scales nodes tolerate no
    taints, and are what nothing runs without."""
    cluster = _cluster(settings)
    if cluster is None or cluster.scaling == "auto-mode":
        return
    if not cluster.nodes:
        yield Mistake(_NODES, "needs a group: CoreDNS and the controllers run on it too")
        return
    first = next(iter(cluster.nodes))
    candidates = {first: cluster.nodes[first]} if cluster.scaling == "karpenter" else cluster.nodes
    free = {name: group for name, group in candidates.items() if not _repels(group)}
    path: Path = (*_NODES, first)
    whose = "the first group, on which Karpenter runs," if cluster.scaling == "karpenter" else "every group"
    if not free:
        yield Mistake(
            (*path, "taints"),
            f"{whose} has taints, and CoreDNS and the controllers tolerate none: nothing would start. Take the taints off "
            f"{'it' if cluster.scaling == 'karpenter' else 'one group'}",
        )
    elif not any(group.min for group in free.values()):
        yield Mistake(
            (*_NODES, next(iter(free)), "min"),
            "0 leaves CoreDNS and what adds nodes without a node; set min to 1, or 2 to outlive one",
        )
    elif all(group.spot for group in free.values()):
        yield Mistake(
            (*_NODES, next(iter(free)), "spot"),
            "all groups without taints are on Spot, so CoreDNS and the controllers can be taken away at once, at two minutes' notice; "
            "set spot: false on one, and taints on those that are Spot",
        )


def labels_are_the_users(settings: Settings) -> Iterator[Mistake]:
    cluster = _cluster(settings)
    for name, group in cluster.nodes.items() if cluster else ():
        for kind in ("labels", "taints"):
            for key in getattr(group, kind):
                domain = key.rpartition("/")[0]
                if any(domain == taken or domain.endswith(f".{taken}") for taken in _OTHERS_LABELS):
                    yield Mistake(
                        (*_NODES, name, kind, key),
                        f'"{domain}/" is not yours to use; write a name without a domain, or with your own',
                    )


def services_run_on_groups_that_are_there(settings: Settings) -> Iterator[Mistake]:
    cluster = _cluster(settings)
    if cluster is None or cluster.scaling == "auto-mode":
        return
    for layer, name, service in settings.containers():
        path: Path = (layer, name, "nodes")
        if service.nodes is None:
            continue
        group = cluster.nodes.get(service.nodes)
        if group is None:
            yield Mistake(
                path,
                f'there is no group "{service.nodes}" in compute.kubernetes.nodes{nearest(service.nodes, cluster.nodes)}',
            )
        elif group.spot and _keeps_something(service):
            yield Mistake(
                path,
                f'"{service.nodes}" is on Spot, which AWS takes away at two minutes\' notice, and the service keeps '
                f"{_keeps_something(service)} on its node; use a group without Spot",
            )


def _keeps_something(service: ServiceSettings) -> str:
    kept = {"files (disk_paths)": service.disk_paths, "its clients (sticky)": service.sticky}
    return " and ".join(what for what, said in kept.items() if said)


def services_fit_a_node(settings: Settings) -> Iterator[Mistake]:
    cluster = _cluster(settings)
    if cluster is None or cluster.scaling == "auto-mode":
        return
    for layer, name, service in settings.containers():
        rooms = [
            (known, _room_of(known, cluster))
            for group in _groups_of(service, cluster).values()
            for known in _known(group)
        ]
        if not rooms:
            continue
        asked = requests(service, tracing=is_traced(service, settings))
        for what, unit in (("cpu", "thousandths of a vCPU"), ("memory", "MiB")):
            most, largest = max(((getattr(room, what), known.name) for known, room in rooms), key=itemgetter(0))
            if getattr(asked, what) > most:
                yield Mistake(
                    (layer, name, what),
                    f"a copy asks for {getattr(asked, what)} {unit}, and the largest node that it may run on, {largest}, has "
                    f"{most} for pods; lower it, or add a larger class to {_setting_paths(_groups_of(service, cluster))}",
                )


def requests(service: ServiceSettings, *, tracing: bool) -> Room:
    """Return what one copy asks of its node, its sidecar with it."""
    beside = COLLECTOR if tracing else Room(0, 0, 0)
    return Room(service.cpu * 1000 // 1024 + beside.cpu, service.memory + beside.memory, 1)


def groups_hold_their_services(settings: Settings) -> Iterator[Mistake]:
    """Check that nodes have room for all copies at their most, with the quarter more that a deployment starts, and the
    cluster's own pods."""
    cluster = _cluster(settings)
    if cluster is None or cluster.scaling == "auto-mode" or not settings.services:
        return
    for pool in pools(settings, cluster):
        yield from _holds(settings, cluster, pool)


@dataclass(frozen=True)
class Pool:
    """Groups, and the services and jobs that run on no others."""

    groups: Mapping[str, NodeGroupSettings]
    services: Sequence[str]
    system: bool
    """CoreDNS and the controllers run there too."""


def pools(settings: Settings, cluster: KubernetesSettings) -> Iterator[Pool]:
    """Yield every group by itself with the services that name it; then the groups without taints, with what runs on any
    of them."""
    free = {name: group for name, group in cluster.nodes.items() if not _repels(group)}
    services = {name: container for _, name, container in settings.containers()}
    for name, group in cluster.nodes.items():
        named = [service for service, one in services.items() if one.nodes == name]
        if named and free.keys() != {name}:
            yield Pool({name: group}, named, system=False)
    if free:
        yield Pool(
            free, [name for name, one in services.items() if one.nodes is None or one.nodes in free], system=True
        )


_UNITS = {"cpu": "thousandths of a vCPU", "memory": "MiB", "pods": "pods"}


def _holds(settings: Settings, cluster: KubernetesSettings, pool: Pool) -> Iterator[Mistake]:
    rooms = {name: least_room(group, cluster) for name, group in pool.groups.items()}
    if not pool.services or any(room is None or _has_no_room(room) for room in rooms.values()):
        return
    containers = {name: container for _, name, container in settings.containers()}
    asked = {name: requests(containers[name], tracing=is_traced(containers[name], settings)) for name in pool.services}
    if any(_too_large(one, pool.groups.values(), cluster) for one in asked.values()):
        # No number of nodes holds it, which is said already.
        return
    # Of a job one run at a time, of a singleton never a second copy.
    copies = {
        name: 1 if name in settings.jobs or containers[name].singleton else _at_most(settings.most_copies(name))
        for name in pool.services
    }
    system = system_pods("cluster") if pool.system else Room(0, 0, 0)
    short: list[tuple[float, str, int, int]] = []
    for what in _UNITS:
        has = sum(group.max * getattr(rooms[name], what) for name, group in pool.groups.items())
        needed = sum(copies[name] * getattr(asked[name], what) for name in pool.services) + getattr(system, what)
        if needed > has:
            short.append((needed / has, what, has, needed))
    if short:
        # One message: as many nodes more as hold what is shortest hold the rest too.
        _, what, has, needed = max(short)
        each = ", ".join(
            f"{name} {copies[name]}{'' if what == 'pods' else f' × {getattr(asked[name], what)}'}"
            for name in pool.services
        )
        itself = f", and {getattr(system, what)} for the cluster itself" if pool.system else ""
        single = len(pool.groups) == 1
        yield Mistake(
            (*_NODES, next(iter(pool.groups)), "max") if single else _NODES,
            f"{_nodes_said(pool.groups)} hold {has} {_UNITS[what]} at their max, and pods may ask for {needed} ({each}, with "
            f"the quarter more of a deployment{itself}); raise max{_to(pool, needed / has) if single else ''}, use larger "
            "classes, or lower scaling.max",
        )


def _to(pool: Pool, ratio: float) -> str:
    """Return how many nodes of the only group are enough, if AWS takes so many."""
    enough = ceil(next(iter(pool.groups.values())).max * ratio)
    return f" to {enough}" if enough <= MOST_NODES else ""


def _too_large(asked: Room, groups: Iterable[NodeGroupSettings], cluster: KubernetesSettings) -> bool:
    rooms = [_room_of(known, cluster) for group in groups for known in _known(group)]
    return asked.cpu > max(room.cpu for room in rooms) or asked.memory > max(room.memory for room in rooms)


def _at_most(copies: int) -> int:
    """Return the copies during a deployment, which starts a quarter more, rounded up."""
    return copies + -(-copies // 4)


def _nodes_said(groups: Mapping[str, NodeGroupSettings]) -> str:
    return " and ".join(f"{group.max} × {' or '.join(group.classes)}" for group in groups.values())


def _setting_paths(groups: Iterable[str]) -> str:
    return one_of(f"compute.kubernetes.nodes.{name}" for name in groups)


def _cluster(settings: Settings) -> KubernetesSettings | None:
    return settings.compute.cluster if settings.compute and settings.compute.engine == "eks" else None


def _repels(group: NodeGroupSettings) -> bool:
    return any(taint.effect != "PreferNoSchedule" for taint in group.taints.values())


def _groups_of(service: ServiceSettings, cluster: KubernetesSettings) -> dict[str, NodeGroupSettings]:
    if service.nodes is not None:
        return {name: group for name, group in cluster.nodes.items() if name == service.nodes}
    return {name: group for name, group in cluster.nodes.items() if not _repels(group)}


def _known(group: NodeGroupSettings) -> list[InstanceClass]:
    return [found for name in group.classes if (found := instance_class(name)) is not None]


def _room_of(instance: InstanceClass, cluster: KubernetesSettings) -> Room:
    return node_room(instance, prefixes=cluster.address_prefixes)


def _has_no_room(room: Room | None) -> bool:
    return room is None or min(room.cpu, room.memory, room.pods) <= 0


def least_room(group: NodeGroupSettings, cluster: KubernetesSettings) -> Room | None:
    """Return what every node of a group has, whichever class AWS picks."""
    rooms = [_room_of(known, cluster) for known in _known(group)]
    if not rooms or len(rooms) < len(group.classes):
        return None
    return Room(min(room.cpu for room in rooms), min(room.memory for room in rooms), min(room.pods for room in rooms))


def is_traced(service: ServiceSettings, settings: Settings) -> bool:
    """Tell whether a sidecar for traces stands beside a service's copies."""
    if service.tracing is not None:
        return service.tracing
    return bool(settings.observability and settings.observability.tracing)


CHECKS = (
    kubernetes_goes_with_eks,
    the_version_is_supported,
    only_named_addresses_reach_the_endpoint,
    controllers_are_pulled,
    node_classes_are_known,
    something_always_has_a_node,
    labels_are_the_users,
    services_run_on_groups_that_are_there,
    services_fit_a_node,
    groups_hold_their_services,
)
