"""What services may say on Kubernetes and nowhere else, and what Kubernetes cannot do for them."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake, Path

_TAKEN = ("default", "kube-node-lease", "kube-public", "kube-system")
"""Namespaces that every cluster has."""


def _on_kubernetes(settings: Settings) -> bool:
    return settings.compute is not None and settings.compute.engine == "eks"


def only_kubernetes_has_limits_and_nodes(settings: Settings) -> Iterator[Mistake]:
    if settings.compute is None or _on_kubernetes(settings):
        return
    engine = settings.compute.engine
    for layer, name, service in settings.containers():
        path: Path = (layer, name)
        if service.limits is not None:
            yield Mistake(
                (*path, "limits"),
                f"goes with the engine eks; with {engine} a copy has its cpu and memory and never more. Raise those",
            )
        if service.nodes is not None:
            yield Mistake((*path, "nodes"), f"goes with the engine eks; {engine} has no node groups. Leave it out")


def the_namespace_is_free(settings: Settings) -> Iterator[Mistake]:
    if _on_kubernetes(settings) and settings.platform.name in _TAKEN:
        yield Mistake(
            ("platform", "name"),
            f'"{settings.platform.name}" is also the namespace of the services, and every cluster has one of that name for itself; use another',
        )


def compute_suits_kubernetes(settings: Settings) -> Iterator[Mistake]:
    if settings.compute is None or not _on_kubernetes(settings):
        return
    if settings.compute.exec:
        yield Mistake(
            ("compute", "exec"),
            "goes with ECS; on Kubernetes sessions are opened with kubectl exec by those whom compute.kubernetes.access lets edit, "
            "and stand in the audit log. Leave it out",
        )
    if settings.compute.spot:
        yield Mistake(
            ("compute", "spot"),
            "no percentage of pods can be on Spot; give compute.kubernetes.nodes a group with spot: true, and name it in "
            "services.NAME.nodes",
        )


def services_suit_kubernetes(settings: Settings) -> Iterator[Mistake]:
    if _on_kubernetes(settings):
        for layer, name, service in settings.containers():
            if layer == "services":
                yield from _scales((layer, name, "scaling"), service)
            if settings.compute and service.nodes and settings.compute.cluster.scaling == "auto-mode":
                yield Mistake(
                    (layer, name, "nodes"),
                    "Auto Mode makes no node groups, so there is none to run on; leave it out, or set "
                    "compute.kubernetes.scaling: cluster-autoscaler",
                )


def _scales(path: Path, service: ServiceSettings) -> Iterator[Mistake]:
    scaling = service.scaling
    if scaling.target and scaling.target.requests:
        yield Mistake(
            (*path, "target", "requests"),
            "nothing in the cluster counts the load balancer's requests; use target.cpu or target.memory",
        )
    if scaling.steps:
        yield Mistake((*path, "steps"), "Kubernetes scales by targets alone; use target: {cpu: 70}")
    if scaling.schedule:
        yield Mistake(
            (*path, "schedule"),
            "pods have no other bounds at certain hours; raise scaling.min, or let target or queue follow the load",
        )
    # Of a service with a port the check for all engines says so.
    if scaling.min == 0 and scaling.max and scaling.queue is None and scaling.target and service.port is None:
        yield Mistake(
            (*path, "min"),
            "0 copies use no CPU that could start one; only scaling.queue starts from 0. Set min to 1 or more",
        )


_HTTPS = 443


def buckets_are_reached_over_https(settings: Settings) -> Iterator[Mistake]:
    """Check that services which use buckets may reach the internet on 443: security groups know S3 by its list of
    addresses, network policies do not, and its endpoint in the network has none."""
    if not _on_kubernetes(settings):
        return
    for layer, name, service in settings.containers():
        used = sorted(service.uses.keys() & settings.storage.keys())
        if used and _HTTPS not in service.outbound_ports:
            yield Mistake(
                (layer, name, "outbound_ports"),
                f"without {_HTTPS} pods do not reach S3, and {name} uses {', '.join(used)}: network policies have no other way to "
                f"name it. Add {_HTTPS}, or run it on fargate",
            )


def hours_stop_no_cluster(settings: Settings) -> Iterator[Mistake]:
    if _on_kubernetes(settings) and settings.platform.hours:
        yield Mistake(
            ("platform", "hours"),
            "would not stop a cluster: the control plane is paid for day and night, and its autoscaler starts the nodes again. "
            "Leave it out; a small dev stack costs less on fargate, with the same services, and stops at night",
        )


CHECKS = (
    only_kubernetes_has_limits_and_nodes,
    the_namespace_is_free,
    compute_suits_kubernetes,
    services_suit_kubernetes,
    buckets_are_reached_over_https,
    hours_stop_no_cluster,
)
