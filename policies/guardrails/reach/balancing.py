"""What load balancers forward to: listeners, their rules, target groups, and what is registered in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from guardrails import kinds
from guardrails.reach.forms import BALANCERS, DATA, LISTENER_RULES, SERVERS, TARGET_ATTACHMENTS, TARGET_GROUPS
from guardrails.reach.naming import blocks, mentioned, named, named_by
from guardrails.reach.traffic_rules import Flow
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource

_BALANCER = (*kinds.LOAD_BALANCERS,)
_USUAL_PORTS = {"HTTP": 80, "HTTPS": 443}


class Listener(NamedTuple):
    """A port that a load balancer answers on. A classic one has no resource of its own for it."""

    resource: Resource
    balancer: Resource
    flow: Flow | None
    unsure: str = ""


class Member(NamedTuple):
    """Something registered in a target group (or a classic balancer), and the port it answers on there."""

    resource: Resource
    flow: Flow | None
    unsure: str = ""
    target_type: str = "instance"


class Forward(NamedTuple):
    """A listener that hands its traffic to a member."""

    listener: Listener
    member: Member
    target_group: Resource | None


def listeners(stack: Stack) -> list[Listener]:
    made = []
    for listener in stack.of_type(*kinds.LISTENERS):
        flow, unsure = _flow(listener, "port")
        for balancer in named(stack, listener, "loadBalancerArn", *_BALANCER).found:
            made.append(Listener(listener, balancer, flow, unsure))
    for classic in stack.of_type(kinds.CLASSIC_BALANCER):
        for block in blocks(classic, "listeners")[0]:
            made.append(Listener(classic, classic, *_flow(block, "lbPort")))
    return made


def forwards(stack: Stack, known: list[Listener]) -> list[Forward]:
    """List every pair of a listener and what it forwards to."""
    members = _members(stack)
    extra: dict[str, list[Resource]] = defaultdict(list)
    for rule in stack.of_type(*LISTENER_RULES):
        for ruled in named(stack, rule, "listenerArn", *kinds.LISTENERS).found:
            extra[ruled.urn] += mentioned(stack, rule, "actions", *TARGET_GROUPS)
    made: list[Forward] = []
    for listener in known:
        if listener.resource.type == kinds.CLASSIC_BALANCER:
            made += [Forward(listener, member, None) for member in _classic_members(listener, stack)]
            continue
        groups = (*mentioned(stack, listener.resource, "defaultActions", *TARGET_GROUPS), *extra[listener.resource.urn])
        for group in dict.fromkeys(groups):
            made += [Forward(listener, member, group) for member in members[group.urn]]
    return made


def _members(stack: Stack) -> dict[str, list[Member]]:
    """Return members by the URN of the target group."""
    members: dict[str, list[Member]] = defaultdict(list)
    for group, member in (*_services(stack), *_scaling_groups(stack), *_attachments(stack)):
        members[group.urn].append(member)
    return members


def _services(stack: Stack) -> Iterator[tuple[Resource, Member]]:
    for service in stack.of_type(kinds.ECS_SERVICE, kinds.ECS_TASK_SET):
        for block in blocks(service, "loadBalancers")[0]:
            flow, unsure = _container_flow(service, block)
            for key in ("targetGroupArn", "advancedConfiguration.alternateTargetGroupArn"):
                groups = named_by(stack, service, block.node(key), *TARGET_GROUPS).found
                if len(groups) > 1:
                    flow, unsure = None, f"{block.path}.{key} is not known yet"
                for group in groups:
                    yield group, Member(service, flow, unsure, _target_type(group))


def _scaling_groups(stack: Stack) -> Iterator[tuple[Resource, Member]]:
    for scaling in stack.of_type(kinds.AUTO_SCALING_GROUP):
        for group in mentioned(stack, scaling, "targetGroupArns", *TARGET_GROUPS):
            yield group, _member(scaling, group, None)
    for attachment in stack.of_type(kinds.AUTO_SCALING_ATTACHMENT):
        for group in named(stack, attachment, "lbTargetGroupArn", *TARGET_GROUPS).found:
            for scaling in named(stack, attachment, "autoscalingGroupName", kinds.AUTO_SCALING_GROUP).found:
                yield group, _member(scaling, group, None)
    for source in stack.of_type(kinds.AUTO_SCALING_SOURCE):
        for group in mentioned(stack, source, "trafficSource", *TARGET_GROUPS):
            for scaling in named(stack, source, "autoscalingGroupName", kinds.AUTO_SCALING_GROUP).found:
                yield group, _member(scaling, group, None)


def _attachments(stack: Stack) -> Iterator[tuple[Resource, Member]]:
    for attachment in stack.of_type(*TARGET_ATTACHMENTS):
        for group in named(stack, attachment, "targetGroupArn", *TARGET_GROUPS).found:
            for target in _targets(attachment, stack):
                yield group, _member(target, group, attachment)


def _targets(attachment: Resource, stack: Stack) -> list[Resource]:
    """List what an attachment registers: told by its id, or by what its address is made from."""
    types = (kinds.INSTANCE, kinds.NETWORK_INTERFACE, *BALANCERS, *DATA)
    found = list(named(stack, attachment, "targetId", *types).found)
    made_from = attachment.property_dependencies.get("targetId", ())
    return found or [
        stack.by_urn[u] for u in made_from if u in stack.by_urn and stack.by_urn[u].type in (*SERVERS, *DATA)
    ]


def _member(resource: Resource, group: Resource, attachment: Resource | None) -> Member:
    holder = attachment if attachment is not None and attachment.has("port") else group
    flow, unsure = _flow(holder, "port", group.node("protocol").value)
    return Member(resource, flow, unsure, _target_type(group))


def _target_type(group: Resource) -> str:
    return str(group.node("targetType").value or "instance")


def _classic_members(listener: Listener, stack: Stack) -> Iterator[Member]:
    balancer = listener.balancer
    for block in blocks(balancer, "listeners")[0]:
        if _flow(block, "lbPort")[0] != listener.flow:
            continue
        flow, unsure = _flow(block, "instancePort")
        for instance in mentioned(stack, balancer, "instances", kinds.INSTANCE):
            yield Member(instance, flow, unsure)


def _container_flow(service: Resource, block: Node) -> tuple[Flow | None, str]:
    """Return the port of a container. Only with a network interface of its own is a task reached on it."""
    if not service.has("networkConfiguration"):
        return None, f"the host port of {service.name} is chosen when it starts"
    return _flow(block, "containerPort")


def _flow(node: Node, path: str, protocol: object = None) -> tuple[Flow | None, str]:
    spoken = protocol if protocol is not None else node.node("protocol").value
    value = node.node(path).value
    if isinstance(value, Opaque) or isinstance(spoken, Opaque):
        return None, f"{node.node(path).path} is not known yet"
    port = value if value not in (None, "") else _USUAL_PORTS.get(str(spoken))
    if not str(port).isdecimal():
        return None, f"{node.node(path).path} is not a port"
    return Flow(int(str(port)), "udp" if str(spoken).upper() in ("UDP", "QUIC") else "tcp"), ""
