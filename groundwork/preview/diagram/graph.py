"""What a picture of a stack shows: its nodes, where they stand, and the edges between them.

Traffic is read from what load balancers, distributions and subscriptions name, from security groups that name each other and from
Kubernetes' network policies; access to data from what the policies of a thing's role allow. Everything else is plumbing and is
folded: it has no node of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork.preview.diagram import pods
from groundwork.preview.diagram.existing import existing_resources, is_existing
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import view_of
from groundwork.settings.data_file import read_data
from guardrails import kinds
from guardrails.iam import services
from guardrails.iam.identities import rights_of
from guardrails.iam.patterns import has_wildcard
from guardrails.reach.addresses import Addresses
from guardrails.reach.collecting import GROUPS, INGRESS
from guardrails.reach.endpoints import SUBNETS, addresses_of_subnet
from guardrails.reach.naming import mentioned, named
from guardrails.reach.network import StackNetwork, network_of
from guardrails.stack import Stack
from guardrails.view import Resource

if TYPE_CHECKING:
    from groundwork.preview.changes.model import Changes

INTERNET = "internet"


class Mark(StrEnum):
    """What an update does to a node."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


class EdgeKind(StrEnum):
    """What an edge is for."""

    TRAFFIC = "traffic"
    ACCESS = "access"


@dataclass(frozen=True)
class Place:
    """Where a node stands: at the edge, in the region, or in a VPC's subnets of one tier and some zones."""

    band: str
    vpc: str = ""
    tier: str = ""
    zones: tuple[str, ...] = ()


@dataclass(frozen=True)
class DiagramNode:
    """Something that runs or keeps data."""

    id: str
    name: str
    word: str
    detail: str
    role: str
    place: Place
    mark: Mark | None = None
    number: int = 1
    """How many resources it stands for."""
    exists: bool = False
    """It was there before the stack, which only uses it."""


@dataclass(frozen=True)
class Edge:
    """Who speaks to whom, or may read and write whose data; ``label`` says how."""

    source: str
    target: str
    kind: EdgeKind
    label: str


@dataclass(frozen=True)
class Graph:
    """A whole picture; nodes stand in the order of the program."""

    title: str
    region: str
    nodes: tuple[DiagramNode, ...]
    edges: tuple[Edge, ...]
    folded: int
    """Resources that have no node of their own."""


@dataclass(frozen=True)
class _NodeType:
    word: str
    role: str
    band: str = "region"
    detail: tuple[str, ...] = ()
    subnets: str = ""
    groups: str = ""
    by_component: bool = False


def full_type(short: str) -> str:
    """Return ``ecs/Service`` as the engine has it; what has its provider's name already stays."""
    return short if ":" in short else kinds.aws(short)


@cache
def _data() -> dict[str, Any]:
    loaded: dict[str, Any] = read_data(Path(__file__).with_name("kinds.yaml"))
    return loaded


@cache
def _node_types() -> dict[str, _NodeType]:
    return {
        full_type(type_): _NodeType(**{**row, "detail": tuple(row.get("detail", ()))})
        for type_, row in _data()["nodes"].items()
    }


_MANY, _TOO_MANY = 60, 120
"""Nodes from which on those alike are drawn as one, and from which on all of a kind at a place are."""


def gathered(graph: Graph) -> Graph:
    """Draw what is alike as one node where there would be too many: first what also speaks to the same others, then all of a kind."""
    if len(graph.nodes) > _MANY:
        neighbours: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for edge in graph.edges:
            neighbours[edge.source].add(("to", edge.target))
            neighbours[edge.target].add(("from", edge.source))
        graph = _merged(graph, lambda node: (node.word, node.place, node.mark, frozenset(neighbours[node.id])))
    if len(graph.nodes) > _TOO_MANY:
        graph = _merged(graph, lambda node: (node.word, node.place, node.mark))
    if len(graph.nodes) > _TOO_MANY:
        graph = _merged(graph, lambda node: (node.word, node.place.band, node.mark))
    return graph


def _merged(graph: Graph, key: Callable[[DiagramNode], Hashable]) -> Graph:
    together: dict[Hashable, list[DiagramNode]] = defaultdict(list)
    for node in graph.nodes:
        together[key(node)].append(node)
    one_of = {node.id: several[0].id for several in together.values() for node in several}
    nodes = [
        several[0]
        if len(several) == 1
        else replace(
            several[0],
            name=f"{_count(several):,} × {several[0].word}",
            detail=f"{several[0].name}, …",
            number=_count(several),
        )
        for several in together.values()
    ]
    edges: dict[tuple[str, str], Edge] = {}
    for edge in graph.edges:
        source, target = one_of.get(edge.source, edge.source), one_of.get(edge.target, edge.target)
        if source != target:
            edges.setdefault((source, target), replace(edge, source=source, target=target))
    return replace(graph, nodes=tuple(nodes), edges=tuple(edges.values()))


def _count(nodes: Iterable[DiagramNode]) -> int:
    return sum(node.number for node in nodes)


def graph_of(snapshot: Snapshot, marks: Mapping[str, Mark] | None = None, *, everything: bool = False) -> Graph:
    """Build the picture of a snapshot. ``marks`` says what an update does to resources, by URN; a node has the gravest of its own and
    of what is folded into it. With ``everything`` also what nothing is connected to."""
    return gathered(_GraphBuilder(snapshot, marks or {}, everything).graph())


def graph_of_changes(snapshot: Snapshot, changes: Changes, *, everything: bool = False) -> Graph:
    """Build the picture of a snapshot with what an update does to it, and with what it deletes."""
    marks = {one.urn: Mark(one.action.value) for one in changes.changes}
    there = snapshot.by_urn()
    gone = [one for one in changes.gone if one.urn not in there]
    return graph_of(replace(snapshot, resources=(*snapshot.resources, *gone)), marks, everything=everything)


class _GraphBuilder:
    def __init__(self, snapshot: Snapshot, marks: Mapping[str, Mark], everything: bool) -> None:
        self.everything = everything
        self.snapshot = snapshot
        self.marks = marks
        self.stack = Stack(view_of(resource) for resource in (*snapshot.resources, *existing_resources(snapshot)))
        self.network: StackNetwork = network_of(self.stack)
        types = _node_types()
        aside = set() if everything else self._plumbing()
        self.shown = {one.urn: one for one in self.stack.resources if one.type in types and one.urn not in aside}
        """What may have a node, by URN."""
        self._member_of = dict(self._members())
        self._members_of: dict[str, list[str]] = defaultdict(list)
        for member, whole in self._member_of.items():
            self._members_of[whole].append(member)
        self._edges: dict[tuple[str, str], Edge] = {}

    def graph(self) -> Graph:
        for edge in (*self._flows(), *self._balanced(), *self._between_groups(), *self._pods(), *self._access()):
            self._keep(edge)
        edges = tuple(self._edges.values())
        connected = {end for edge in edges for end in (edge.source, edge.target)}
        quiet = {full_type(type_) for type_ in _data()["only_connected"]}
        nodes = [
            one
            for urn, one in self.shown.items()
            if urn not in self._member_of and (self.everything or urn in connected or one.type not in quiet)
        ]
        self._names = self._labels(nodes)
        drawn = {one.urn for one in nodes} | {INTERNET}
        return Graph(
            title=self.snapshot.stack,
            region=self.snapshot.region,
            nodes=tuple(self._node(one) for one in nodes),
            edges=tuple(edge for edge in edges if {edge.source, edge.target} <= drawn),
            folded=sum(resource.custom for resource in self.snapshot.resources)
            - sum(not is_existing(one.urn) for one in nodes),
        )

    def _keep(self, edge: Edge) -> None:
        """Keep an edge; of several between the same two only the first, and traffic comes first; that what is handed
        messages may take them needs no edge of its own."""
        source, target = self._member_of.get(edge.source, edge.source), self._member_of.get(edge.target, edge.target)
        answers = edge.kind is EdgeKind.ACCESS and (target, source) in self._edges
        if source != target and not answers:
            self._edges.setdefault((source, target), Edge(source, target, edge.kind, edge.label))

    def _plumbing(self) -> set[str]:
        """Return the URNs of what may be a node by its type and is none by what it is for."""
        named_by_plumbing = {
            target.urn
            for row in _data()["plumbing"]
            for one in self.stack.of_type(full_type(row["type"]))
            for target in mentioned(self.stack, one, row["via"], *_node_types())
        }
        carrying = {
            one.urn
            for carrier, carried in _data()["carriers"].items()
            if self.stack.of_type(full_type(carried))
            for one in self.stack.of_type(full_type(carrier))
        }
        return named_by_plumbing | carrying

    # Nodes

    def _members(self) -> Iterator[tuple[str, str]]:
        for type_, row in _data()["members"].items():
            for one in self.stack.of_type(full_type(type_)):
                for whole in mentioned(self.stack, one, row["of"], *_node_types()):
                    if whole.urn != one.urn:
                        yield one.urn, whole.urn

    def _node(self, resource: Resource) -> DiagramNode:
        type_ = _node_types()[resource.type]
        values = [_first_text(resource.node(path).value) for path in type_.detail]
        counted = self._members_of.get(resource.urn, [])
        if counted:
            row = next(
                row for short, row in _data()["members"].items() if full_type(short) == _type(self.stack, counted[0])
            )
            values.append(f"{len(counted)} {row['word']}{'' if len(counted) == 1 else 's'}")
        if is_existing(resource.urn):
            values.append("existing")
        detail = " · ".join(value for value in values if value)
        return DiagramNode(
            resource.urn,
            self._names[resource.urn],
            type_.word,
            detail,
            type_.role,
            self._place(resource),
            self._mark(resource.urn, counted),
            exists=is_existing(resource.urn),
        )

    def _short_name(self, name: str) -> str:
        """Return a name without what those of all nodes begin with."""
        return name.removeprefix(self._prefix) or name

    def _labels(self, nodes: Sequence[Resource]) -> dict[str, str]:
        """Return the label of each node: by its component where it is the only one there, what runs without its
        component's name."""
        parts: dict[str, list[Resource]] = defaultdict(list)
        for one in nodes:
            parts[one.parent or ""].append(one)
        labels = {one.urn: self._short_name(one.name) for one in nodes}
        for parent, inside in parts.items():
            owner = self.stack.by_urn.get(parent)
            if owner is None or owner.type.startswith("pulumi:") or owner.parent is None:
                continue
            for one in inside:
                type_ = _node_types()[one.type]
                if type_.role == "compute" and not type_.by_component:
                    labels[one.urn] = one.name.removeprefix(f"{owner.name}-")
                elif len(inside) == 1:
                    labels[one.urn] = self._short_name(owner.name)
        return labels

    @cached_property
    def _prefix(self) -> str:
        names = sorted(one.name for one in self.shown.values())
        if len(names) < 2:
            return ""
        # What the first and the last in order share, all share.
        pairs = takewhile(lambda pair: pair[0] == pair[1], zip(names[0], names[-1], strict=False))
        shared = "".join(letter for letter, _ in pairs)
        return shared[: shared.rfind("-") + 1]

    def _mark(self, urn: str, members: Iterable[str]) -> Mark | None:
        order = list(Mark)
        own = self.marks.get(urn)
        within = [self.marks[one] for one in members if one in self.marks]
        # What loses a member stays.
        found = [Mark.UPDATE if one is Mark.DELETE and own is not Mark.DELETE else one for one in within]
        found += [own] if own else []
        if not found and self.marks and any(part.urn in self.marks for part in self._parts(self.stack.by_urn[urn])):
            return Mark.UPDATE
        return max(found, key=order.index) if found else None

    def _parts(self, resource: Resource) -> Iterator[Resource]:
        """Yield what is folded into a node: what says how it runs, and what it is allowed."""
        yield from self._definitions(resource)
        for role in self._roles(resource):
            yield role
            yield from self.stack.referrers(role, "role", kinds.ROLE_POLICY)

    # Places

    def _place(self, resource: Resource) -> Place:
        type_ = _node_types()[resource.type]
        subnets = self._subnets(resource)
        if not subnets:
            return Place(type_.band)
        return Place("vpc", self._vpc(subnets[0]), self._tier(subnets), tuple(sorted(_zones(subnets))))

    def _subnets(self, resource: Resource) -> tuple[Resource, ...]:
        type_ = _node_types()[resource.type]
        if resource.type.startswith("kubernetes:"):
            nodes = self.stack.of_type(kinds.EKS_NODES)
            return tuple(dict.fromkeys(subnet for one in nodes for subnet in self._subnets(one)))
        if type_.subnets:
            return named(self.stack, resource, type_.subnets, *SUBNETS).found
        endpoint = self.network.endpoint(resource)
        if endpoint is None:
            return self._of_mount_targets(resource)
        if not endpoint.subnets.found and resource.type == kinds.ECS_SERVICE:
            # Without a network interface of its own a task is where its container instances are.
            groups = self.stack.of_type(kinds.AUTO_SCALING_GROUP)
            return tuple(dict.fromkeys(subnet for one in groups for subnet in self._subnets(one)))
        return endpoint.subnets.found

    def _of_mount_targets(self, resource: Resource) -> tuple[Resource, ...]:
        targets = self.stack.referrers(resource, "fileSystemId", kinds.MOUNT_TARGET)
        return tuple(subnet for one in targets for subnet in named(self.stack, one, "subnetId", *SUBNETS).found)

    def _vpc(self, subnet: Resource) -> str:
        for vpc in named(self.stack, subnet, "vpcId", kinds.VPC, kinds.DEFAULT_VPC).found:
            return f"{self._short_name(vpc.name)} {_first_text(vpc.node('cidrBlock').value)}".strip()
        return "VPC"

    def _tier(self, subnets: Iterable[Resource]) -> str:
        several = list(subnets)
        told = next((tier for subnet in several if (tier := _first_text(subnet.node("tier").value))), "")
        if told:
            # Of a VPC that exists no routes are known, but what its subnets are used for.
            return told
        if any(self.network.way_out(subnet, 4).exit for subnet in several):
            return "public"
        return "private" if any(self.network.routes_of(subnet)[0] for subnet in several) else "isolated"

    # Traffic

    @cached_property
    def _on(self) -> dict[str, list[Resource]]:
        """Map the URN of each piece of plumbing to what it leads on to."""
        on: dict[str, list[Resource]] = defaultdict(list)
        for step in _data()["through"]:
            for one in self.stack.of_type(full_type(step["type"])):
                for other in mentioned(self.stack, one, step["via"], *self._ends):
                    first, second = (other, one) if step.get("back") else (one, other)
                    on[first.urn].append(second)
        return on

    @cached_property
    def _ends(self) -> tuple[str, ...]:
        passed = {full_type(step["type"]) for step in _data()["through"]}
        return (*_node_types(), *sorted(passed | {kinds.NETWORK_INTERFACE}))

    def _reached(self, resource: Resource, path: str) -> list[Resource]:
        """Return the nodes that a property leads to, straight or through plumbing."""
        pending = list(mentioned(self.stack, resource, path, *self._ends))
        seen: set[str] = set()
        found = []
        while pending:
            one = pending.pop()
            if one.urn in seen:
                continue
            seen.add(one.urn)
            if one.urn in self.shown:
                found.append(one)
            else:
                pending += self._on.get(one.urn, ())
        return found

    def _flows(self) -> Iterator[Edge]:
        for row in _data()["flows"]:
            for one in self.stack.of_type(full_type(row["type"])):
                if any(one.node(path).value == value for path, value in row.get("unless", {}).items()):
                    continue
                sources, targets = (self._ends_of(one, row[end]) for end in ("from", "to"))
                for source in sources:
                    for target in targets:
                        yield Edge(source, target, EdgeKind.TRAFFIC, "")

    def _ends_of(self, resource: Resource, end: str) -> list[str]:
        if end == "self":
            return [resource.urn] if resource.urn in self.shown else []
        return [INTERNET] if end == "internet" else [one.urn for one in self._reached(resource, end)]

    def _balanced(self) -> Iterator[Edge]:
        """Yield the edges from the internet to what it reaches by itself, and from load balancers to what they forward
        to."""
        for one in self.shown.values():
            endpoint = self.network.endpoint(one)
            if endpoint is None:
                continue
            # Two words for a door: what everybody reaches, and what only CloudFront's addresses do.
            paths = [*self.network.direct(endpoint), *(path for _, path in self._entries(one))]
            for path in paths:
                if not path.unsure and len(path.hops) > 1 and not path.hops[1].startswith("CloudFront"):
                    yield Edge(INTERNET, one.urn, EdgeKind.TRAFFIC, path.ports)
                    break
            for forward in self.network.forwards_to.get(one.urn, ()):
                port = forward.member.flow
                yield Edge(
                    forward.listener.balancer.urn, one.urn, EdgeKind.TRAFFIC, f"port {port.port}" if port else ""
                )

    def _entries(self, resource: Resource) -> Iterable[Any]:
        return self.network.entries(resource) if resource.urn in self.network.listeners else ()

    def _between_groups(self) -> Iterator[Edge]:
        """Yield the edges where a security group admits another: from all that are in the one to all that are in the
        other."""
        holders: dict[str, list[Resource]] = defaultdict(list)
        groups_of = {urn: self._groups(one) for urn, one in self.shown.items()}
        for urn, groups in groups_of.items():
            for group in groups:
                holders[group].append(self.shown[urn])
        for urn, groups in groups_of.items():
            for group in groups:
                for rule in self.network.group_rules.get((group, INGRESS), ()):
                    first, last = rule.ports
                    label = f"port {first}" if first == last else "" if last - first > 1000 else f"ports {first}-{last}"
                    for admitted in rule.groups:
                        for source in holders.get(admitted, ()):
                            yield Edge(source.urn, urn, EdgeKind.TRAFFIC, label)

    def _groups(self, resource: Resource) -> frozenset[str]:
        type_ = _node_types()[resource.type]
        if type_.groups:
            return named(self.stack, resource, type_.groups, *GROUPS).urns
        endpoint = self.network.endpoint(resource)
        return endpoint.groups.urns if endpoint else frozenset()

    def _pods(self) -> Iterator[Edge]:
        """Yield the edges that network policies let pods take, and from the load balancers that are bound to them."""
        cluster = pods.KubernetesPods(
            self.stack, [one for one in self.shown.values() if one.type.startswith("kubernetes:")]
        )
        for source, target, port in cluster.between():
            yield Edge(source.urn, target.urn, EdgeKind.TRAFFIC, f"port {port}" if port else "")
        for group, pod in cluster.bound():
            for listener in self.network.listeners.values():
                for one in listener:
                    if group in mentioned(self.stack, one.resource, "defaultActions", *kinds.TARGET_GROUPS) or any(
                        group in mentioned(self.stack, rule, "actions", *kinds.TARGET_GROUPS)
                        for rule in self.stack.referrers(one.resource, "listenerArn", *kinds.LISTENER_RULES)
                    ):
                        yield Edge(one.balancer.urn, pod.urn, EdgeKind.TRAFFIC, "")
        data = [(urn, self._addresses(one), self._ports(one)) for urn, one in self.shown.items()]
        for pod, block, port in cluster.outward():
            for urn, own, ports in data:
                if port in ports and any(block.covers(addresses) for addresses in own):
                    yield Edge(pod.urn, urn, EdgeKind.TRAFFIC, f"port {port}")

    def _addresses(self, resource: Resource) -> list[Addresses]:
        if _node_types()[resource.type].role not in ("data", "messages", "storage"):
            return []
        return [own for subnet in self._subnets(resource) if (own := addresses_of_subnet(subnet))]

    def _ports(self, resource: Resource) -> frozenset[int]:
        endpoint = self.network.endpoint(resource)
        return frozenset(flow.port for flow in endpoint.flows) if endpoint else frozenset()

    # Access

    def _access(self) -> Iterator[Edge]:
        for one in self.shown.values():
            for role in self._with_assumed(self._roles(one)):
                for urn, how in self._reach_of(role).items():
                    yield Edge(one.urn, urn, EdgeKind.ACCESS, how)

    def _definitions(self, resource: Resource) -> Iterator[Resource]:
        """Yield what leads from a thing to its role, the role not among them."""
        pending, seen = [resource], {resource.urn}
        rows = {full_type(type_): paths.split() for type_, paths in _data()["roles"].items()}
        while pending:
            one = pending.pop()
            for path in rows.get(one.type, ()):
                for other in mentioned(self.stack, one, path, *rows):
                    if other.urn not in seen and other.urn not in self.shown:
                        seen.add(other.urn)
                        pending.append(other)
                        yield other

    def _roles(self, resource: Resource) -> list[Resource]:
        if resource.type.startswith("kubernetes:"):
            return pods.roles(resource, self.stack)
        rows = {full_type(type_): paths.split() for type_, paths in _data()["roles"].items()}
        holders = (resource, *self._definitions(resource))
        return [
            role
            for one in holders
            for path in rows.get(one.type, ())
            for role in mentioned(self.stack, one, path, kinds.ROLE)
        ]

    def _with_assumed(self, roles: Iterable[Resource]) -> list[Resource]:
        """Return roles with those that they may assume."""
        pending, found = list(roles), {}
        while pending:
            role = pending.pop()
            if role.urn in found:
                continue
            found[role.urn] = role
            for statement in rights_of(role, self.stack).allowing("sts:assumerole"):
                held = Resource(role.urn, {"roles": list(statement.resources)})
                pending += self.stack.targets(held, "roles", kinds.ROLE)
        return list(found.values())

    @cached_property
    def _named_by_arn(self) -> dict[str, str]:
        return {name: urn for urn, one in self.shown.items() for name in one.names if name.startswith("arn:")}

    def _reach_of(self, role: Resource) -> dict[str, str]:
        """Return the nodes that a role's policies name, and whether it may read or write them."""
        reached: dict[str, set[str]] = defaultdict(set)
        for statement in rights_of(role, self.stack).statements:
            if not statement.allows:
                continue
            for pattern in statement.resources:
                whole = pattern.removesuffix("/*").removesuffix(":*")
                for arn in (whole, whole.split("/", 1)[0] if ":s3:::" in whole else whole):
                    if not has_wildcard(arn) and arn in self._named_by_arn:
                        reached[self._named_by_arn[arn]] |= set(_verbs(statement.actions))
        if not reached:
            # In a first preview no ARN is known, only what each policy is made from.
            for policy in self.stack.referrers(role, "role", kinds.ROLE_POLICY):
                for target in mentioned(self.stack, policy, "policy", *_node_types()):
                    reached[target.urn].add("uses")
        return {urn: "-".join(sorted(how)) for urn, how in reached.items() if how}


def _verbs(actions: Iterable[str]) -> Iterator[str]:
    for pattern in actions:
        for action in services.matching(pattern):
            yield "read" if action.level in (services.READ, services.LIST) else "write"


def _type(stack: Stack, urn: str) -> str:
    return stack.by_urn[urn].type


def _zones(subnets: Iterable[Resource]) -> set[str]:
    found = {
        _first_text(subnet.node("availabilityZone").value) or _first_text(subnet.node("availabilityZoneId").value)
        for subnet in subnets
    }
    return found - {""}


def zone_letter(zone: str) -> str:
    """Return ``a`` of ``eu-central-1a``; the id of a zone, which AWS gives, as it is."""
    return zone[-1] if zone[-1:].isalpha() else zone


def _first_text(value: Any) -> str:
    """Return a value as text where it can be read; lists by their first entry."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
