"""What stands in subnets at its most, against the addresses that they have."""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.preview.refusals.quotas import cache_nodes
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import addresses as addresses_of_interface
from groundwork.settings.facts import instance_class
from groundwork.settings.mistakes import all_of

KEPT = 5
"""Addresses of each subnet that AWS keeps: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""
SOURCE = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"
_OF_BALANCER = 8
"""In each subnet: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html"""
_OF_CLUSTER = 6
"""In each subnet: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html"""
_OF_PREFIX = 16
"""A prefix is a /28: https://docs.aws.amazon.com/eks/latest/userguide/cni-increase-ip-addresses-procedure.html"""
_USUAL_DEPLOYMENT = 200
"""Percent: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html"""
_SUBNET = "aws:ec2/subnet:Subnet"
_SERVICE = "aws:ecs/service:Service"
_MOST_NAMED = 4


@dataclass(frozen=True)
class Demand:
    """What one resource takes of its subnets at its most."""

    resource: Resource
    subnets: frozenset[str]
    """Their URNs; the addresses are spread over them."""
    addresses: int
    deploying: int = 0
    """As many more while a new version takes the place of the old one. One deployment is counted at a time."""


@dataclass(frozen=True)
class AddressShortage:
    """Subnets that have fewer addresses than stand in them at their most."""

    subnets: tuple[Resource, ...]
    room: int
    needed: int
    demands: tuple[Demand, ...]
    """The largest first."""

    def sentence(self) -> str:
        """Say what is too many for what, and what to do."""
        shown = [f"{one.resource.name} {one.addresses + one.deploying:,}" for one in self.demands[:_MOST_NAMED]]
        more = len(self.demands) - len(shown)
        parts = ", ".join([*shown, *([f"{more} more"] if more else [])])
        names = all_of(one.name for one in self.subnets)
        return (
            f"{self.needed:,} addresses are needed at most in {names} ({parts}), and {'it has' if len(self.subnets) == 1 else 'they have'} "
            f"{self.room:,} without the {KEPT} that AWS keeps of each; take larger ranges, or fewer copies ({SOURCE})"
        )


def address_shortages(snapshot: Snapshot) -> Iterator[AddressShortage]:
    """Yield the subnets that are too small. Nothing is said of subnets whose ranges or users nobody knows yet."""
    rooms = {one.urn: _room(one) for one in snapshot.of_type(_SUBNET)}
    demands = list(_demands(snapshot, rooms))
    by_urn = snapshot.by_urn()
    for subnets in dict.fromkeys(one.subnets for one in demands):
        room = [rooms[urn] for urn in subnets]
        if any(one is None for one in room):
            continue
        inside = [one for one in demands if one.subnets <= subnets]
        needed = sum(one.addresses for one in inside) + max((one.deploying for one in inside), default=0)
        total = sum(one for one in room if one is not None)
        if needed > total:
            largest = sorted(inside, key=lambda one: (-one.addresses - one.deploying, one.resource.name))
            yield AddressShortage(
                tuple(sorted((by_urn[urn] for urn in subnets), key=lambda one: one.name)), total, needed, tuple(largest)
            )


def _room(subnet: Resource) -> int | None:
    try:
        return ipaddress.IPv4Network(subnet.inputs.get("cidrBlock")).num_addresses - KEPT
    except ValueError:
        return None


class _Stack:
    """A snapshot as the counting asks for it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.by_urn = snapshot.by_urn()
        self.most_tasks = most_tasks(snapshot)
        self.prefixes = has_prefixes(snapshot)

    def subnets_of(self, resource: Resource, key: str, subnets: Mapping[str, Any]) -> frozenset[str]:
        """Return the subnets that an input leads to, also through a group of them."""
        found: set[str] = set()
        for urn in resource.property_dependencies.get(key, ()):
            group = self.by_urn.get(urn)
            if urn in subnets:
                found.add(urn)
            elif group and "subnetIds" in group.property_dependencies:
                found |= self.subnets_of(group, "subnetIds", subnets)
        return frozenset(found)


def _demands(snapshot: Snapshot, rooms: Mapping[str, Any]) -> Iterator[Demand]:
    stack = _Stack(snapshot)
    for type_, (key, count) in _SPREAD.items():
        for resource in snapshot.of_type(type_):
            subnets = stack.subnets_of(resource, key, rooms)
            if subnets:
                addresses, deploying = count(stack, resource)
                yield Demand(resource, subnets, addresses, deploying)
    for type_, (key, each) in _IN_EACH.items():
        for resource in snapshot.of_type(type_):
            for urn in sorted(stack.subnets_of(resource, key, rooms)):
                yield Demand(resource, frozenset((urn,)), each)


def _number(value: Any, otherwise: int = 0) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise


def most_tasks(snapshot: Snapshot) -> Callable[[Resource], int]:
    """Return what tells how many tasks a service of ECS has at most."""
    most: dict[str, int] = {}
    for target in snapshot.of_type("aws:appautoscaling/target:Target"):
        said = target.inputs.get("resourceId")
        if isinstance(said, str):
            most[said.rpartition("/")[2]] = _number(target.inputs.get("maxCapacity"))

    def tasks(service: Resource) -> int:
        name = service.inputs.get("name")
        known = name if isinstance(name, str) else service.outputs.get("name")
        return max(_number(service.inputs.get("desiredCount")), most.get(str(known), 0))

    return tasks


def has_prefixes(snapshot: Snapshot) -> bool | None:
    """Tell whether nodes of EKS take prefixes for pods; None where the add-on for addresses is not in the stack."""
    for addon in snapshot.of_type("aws:eks/addon:Addon"):
        if addon.inputs.get("addonName") == "vpc-cni":
            values = addon.inputs.get("configurationValues")
            try:
                said = json.loads(values) if isinstance(values, str) else {}
            except ValueError:
                return None
            env = said.get("env") if isinstance(said, dict) else None
            return isinstance(env, dict) and str(env.get("ENABLE_PREFIX_DELEGATION")).lower() == "true"
    return None


def _tasks(stack: _Stack, service: Resource) -> tuple[int, int]:
    copies = stack.most_tasks(service)
    share = _number(service.inputs.get("deploymentMaximumPercent"), _USUAL_DEPLOYMENT) / 100
    return copies, max(0, math.floor(copies * share) - copies)


def _instances(_: _Stack, group: Resource) -> tuple[int, int]:
    return _number(group.inputs.get("maxSize")), 0


def _nodes(stack: _Stack, group: Resource) -> tuple[int, int]:
    """Return what nodes keep for pods: an interface with all its addresses, or a prefix beside the node's own."""
    scaling = group.inputs.get("scalingConfig")
    most = _number(scaling.get("maxSize")) if isinstance(scaling, dict) else 0
    classes = [instance_class(one) for one in group.inputs.get("instanceTypes") or () if isinstance(one, str)]
    fewest = min((addresses_of_interface(one) for one in classes if one), default=1)
    by_prefix = 1 + _OF_PREFIX
    each = {True: by_prefix, False: fewest, None: min(fewest, by_prefix)}[stack.prefixes]
    return most * each, 0


def _cache_nodes(_: _Stack, group: Resource) -> tuple[int, int]:
    return cache_nodes(group), 0


def _search_nodes(_: _Stack, domain: Resource) -> tuple[int, int]:
    said = domain.inputs.get("clusterConfig")
    cluster = said if isinstance(said, dict) else {}
    return _number(cluster.get("instanceCount"), 1) + _number(cluster.get("dedicatedMasterCount")), 0


def _database(_: _Stack, database: Resource) -> tuple[int, int]:
    return (2 if database.inputs.get("multiAz") is True else 1), 0


def _one(_: _Stack, __: Resource) -> tuple[int, int]:
    return 1, 0


_SPREAD: Mapping[str, tuple[str, Callable[[_Stack, Resource], tuple[int, int]]]] = {
    _SERVICE: ("networkConfiguration", _tasks),
    "aws:autoscaling/group:Group": ("vpcZoneIdentifiers", _instances),
    "aws:eks/nodeGroup:NodeGroup": ("subnetIds", _nodes),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("subnetGroupName", _cache_nodes),
    "aws:opensearch/domain:Domain": ("vpcOptions", _search_nodes),
    "aws:rds/instance:Instance": ("dbSubnetGroupName", _database),
    "aws:ec2/instance:Instance": ("subnetId", _one),
    "aws:ec2/networkInterface:NetworkInterface": ("subnetId", _one),
    "aws:ec2/natGateway:NatGateway": ("subnetId", _one),
    "aws:efs/mountTarget:MountTarget": ("subnetId", _one),
}
"""Type → the input that leads to its subnets, and how many addresses it takes of them together."""
_IN_EACH: Mapping[str, tuple[str, int]] = {
    "aws:lb/loadBalancer:LoadBalancer": ("subnets", _OF_BALANCER),
    "aws:eks/cluster:Cluster": ("vpcConfig", _OF_CLUSTER),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("subnetIds", 1),
}
"""The same of what takes as many of each."""
