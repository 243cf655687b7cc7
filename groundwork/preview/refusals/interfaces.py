"""Tasks and pods at their most, against the network interfaces and addresses of the instances that they run on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from groundwork.preview.refusals.addresses import has_prefixes, most_tasks
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import InstanceClass, instance_class, most_pods

TRUNKING = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/eni-trunking-supported-instance-types.html"
PODS = "https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html"
_LARGEST = 16
_AUTO_SCALERS = "kubernetes:autoscaling/v"
_WORKLOADS = ("kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:StatefulSet")


@dataclass(frozen=True)
class InterfaceShortage:
    """Instances that have no room for all that may run on them."""

    resource: Resource
    """A group of the instances."""
    what: str
    """``tasks with an interface of their own``."""
    needed: int
    room: int
    source: str

    def sentence(self) -> str:
        """Say what has no room where, and what to do."""
        return (
            f"{self.needed:,} {self.what} run at most on {self.resource.name}, and all its instances take {self.room:,}; take more "
            f"or larger ones, or fewer copies ({self.source})"
        )


def interface_shortages(snapshot: Snapshot) -> Iterator[InterfaceShortage]:
    """Yield groups of instances that cannot hold what may run on them. Where the class of one is not known, or something else may hold
    it, nothing is said."""
    yield from _of_tasks(snapshot)
    yield from _of_pods(snapshot)


def _of_tasks(snapshot: Snapshot) -> Iterator[InterfaceShortage]:
    """Tasks of ECS with the network mode awsvpc: each takes an interface of its instance, or a place on its trunk."""
    by_urn, most = snapshot.by_urn(), most_tasks(snapshot)
    on: dict[str, int] = {}
    for service in snapshot.of_type("aws:ecs/service:Service"):
        providers = service.property_dependencies.get("capacityProviderStrategies", ())
        groups = [_group_of(by_urn.get(urn), by_urn) for urn in providers]
        if service.inputs.get("networkConfiguration") and len(groups) == 1 and groups[0]:
            on[groups[0].urn] = on.get(groups[0].urn, 0) + most(service)
    for urn, tasks in on.items():
        group = by_urn[urn]
        classes = _classes(group, by_urn)
        size = group.inputs.get("maxSize")
        if classes and isinstance(size, (int, float)):
            # Whether an account trunks is no matter of the stack.
            room = int(size) * max(max(one.interfaces - 1, one.trunk_tasks or 0) for one in classes)
            if tasks > room:
                yield InterfaceShortage(group, "tasks with an interface of their own", tasks, room, TRUNKING)


def _group_of(provider: Resource | None, by_urn: dict[str, Resource]) -> Resource | None:
    found = provider.property_dependencies.get("autoScalingGroupProvider", ()) if provider else ()
    return by_urn.get(found[0]) if len(found) == 1 else None


def _classes(group: Resource, by_urn: dict[str, Resource]) -> list[InstanceClass]:
    """Return the classes that a group may have; empty where one of them is not known."""
    mixed = group.inputs.get("mixedInstancesPolicy")
    template = mixed.get("launchTemplate") if isinstance(mixed, dict) else None
    overrides = template.get("overrides") if isinstance(template, dict) else None
    names: list[Any] = [one.get("instanceType") for one in overrides or () if isinstance(one, dict)]
    if not names:
        dependencies = group.property_dependencies
        urns = (*dependencies.get("launchTemplate", ()), *dependencies.get("mixedInstancesPolicy", ()))
        names = [by_urn[urn].inputs.get("instanceType") for urn in urns if urn in by_urn]
    return _known(names)


def _known(names: list[Any]) -> list[InstanceClass]:
    found = [instance_class(name) if isinstance(name, str) else None for name in names]
    # Of larger ones the table has the least that any family takes, and nobody fills them.
    return [one for one in found if one] if all(one and one.vcpus <= _LARGEST for one in found) else []


def _of_pods(snapshot: Snapshot) -> Iterator[InterfaceShortage]:
    """Pods of the only cluster of a stack, if managed groups are all its nodes."""
    groups = snapshot.of_type("aws:eks/nodeGroup:NodeGroup")
    clusters = snapshot.of_type("aws:eks/cluster:Cluster")
    elsewhere = snapshot.of_type("aws:eks/fargateProfile:FargateProfile", "kubernetes:karpenter.sh/v1:NodePool")
    if len(clusters) != 1 or not groups or elsewhere or _runs_nodes(clusters[0]):
        return
    prefixes = has_prefixes(snapshot) is not False
    room = 0
    for group in groups:
        classes = _known(list(group.inputs.get("instanceTypes") or ()))
        scaling = group.inputs.get("scalingConfig")
        size = scaling.get("maxSize") if isinstance(scaling, dict) else None
        if not classes or not isinstance(size, (int, float)):
            return
        room += int(size) * max(most_pods(one, prefixes=prefixes) for one in classes)
    pods = sum(_copies(one, snapshot) for one in snapshot.of_type(*_WORKLOADS))
    if pods > room:
        yield InterfaceShortage(groups[0], "pods", pods, room, PODS)


def _runs_nodes(cluster: Resource) -> bool:
    """Tell whether a cluster makes nodes of its own accord, or may, as far as anybody knows yet."""
    said = cluster.inputs.get("computeConfig")
    return said is not None and not (isinstance(said, dict) and said.get("enabled") is False)


def _copies(workload: Resource, snapshot: Snapshot) -> int:
    """Return the pods of a workload: what its scaler allows at most, else what it says."""
    name, namespace = _named(workload)
    for scaler in snapshot.resources:
        spec = scaler.inputs.get("spec")
        if scaler.type.startswith(_AUTO_SCALERS) and isinstance(spec, dict) and _named(scaler)[1] == namespace:
            target = spec.get("scaleTargetRef")
            if name and isinstance(target, dict) and target.get("name") == name:
                return _number(spec.get("maxReplicas"))
    said = workload.inputs.get("spec")
    return _number(said.get("replicas", 1)) if isinstance(said, dict) else 0


def _named(thing: Resource) -> tuple[Any, Any]:
    metadata = thing.inputs.get("metadata")
    return (metadata.get("name"), metadata.get("namespace")) if isinstance(metadata, dict) else (None, None)


def _number(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) else 0
