"""Where each thing that listens stands: its subnets, its security groups, its ports, and whether it has a public address."""

from __future__ import annotations

from dataclasses import dataclass, replace

from guardrails import kinds
from guardrails.reach.addresses import Addresses, addresses_of
from guardrails.reach.collecting import GROUPS
from guardrails.reach.forms import BALANCERS, DATA, REPLICATION, SERVERS, EndpointSchema
from guardrails.reach.naming import Named, blocks, flag, named, named_by
from guardrails.reach.traffic_rules import Flow, GroupRule
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource, UndeterminedError

SUBNETS = (kinds.SUBNET, kinds.DEFAULT_SUBNET)
_NEVER = (False, False)
_TEMPLATES = (kinds.LAUNCH_TEMPLATE, kinds.LAUNCH_CONFIGURATION)

Public = tuple[bool | None, bool | None]
"""Whether there is a public address of IPv4 and of IPv6; None where that is not known."""


@dataclass(frozen=True)
class Endpoint:
    """Something that listens."""

    resource: Resource
    kind: str
    subnets: Named
    groups: Named
    public: Public = _NEVER
    flows: tuple[Flow, ...] = ()
    """What it listens on; any port where none is said."""
    unsure_flows: str = ""
    default_group: bool = False
    """Whether it names no security group, and so has the VPC's default one."""
    has_no_group: bool = False
    """Whether it stands behind no security group at all."""
    own_rules: tuple[GroupRule, ...] = ()
    """What AWS opens to it by itself, in a group that it makes."""

    @property
    def name(self) -> str:
        return f"{self.kind} {self.resource.name}"


def addresses_of_subnet(subnet: Resource) -> Addresses | None:
    """Return its IPv4 range; None where that is not known."""
    cidr = subnet.node("cidrBlock").value
    try:
        return addresses_of(cidr) if isinstance(cidr, str) else None
    except ValueError:
        return None


def endpoint_of(resource: Resource, stack: Stack) -> Endpoint | None:
    """Return the endpoint that a resource is, if it is one that listens in a VPC. One that names no security group has
    the default one of its VPC, which is known where the stack takes it over."""
    endpoint = _placed(resource, stack)
    if endpoint is None or not endpoint.default_group:
        return endpoint
    vpcs = [vpc for subnet in endpoint.subnets.found for vpc in named(stack, subnet, "vpcId", kinds.VPC).found]
    taken_over = [one for vpc in vpcs for one in stack.referrers(vpc, "vpcId", kinds.DEFAULT_SECURITY_GROUP)]
    return replace(endpoint, groups=Named(tuple(dict.fromkeys(taken_over))))


def _placed(resource: Resource, stack: Stack) -> Endpoint | None:
    if resource.type in DATA:
        return _of_form(resource, DATA[resource.type], stack)
    if resource.type == kinds.REPLICATION_INSTANCE:
        return _of_form(resource, REPLICATION, stack)
    if resource.type in BALANCERS:
        return _balancer(resource, stack)
    if resource.type in _MAKERS:
        return _MAKERS[resource.type](resource, stack)
    return None


def _of_form(resource: Resource, form: EndpointSchema, stack: Stack) -> Endpoint:
    owners = named(stack, resource, form.owner, form.owner_type).found if form.owner else ()
    holder = owners[0] if owners else resource
    groups = named(stack, holder, form.groups, *GROUPS)
    public: Public = _NEVER
    if form.public:
        said = resource.node(form.public).value
        asked = None if isinstance(said, Opaque) else str(said).lower() == form.public_word.lower()
        public = (asked, asked if holder.node("networkType").value == "DUAL" else False)
    flows, unsure = _flows_of_form(_original(holder, form, stack), form)
    return Endpoint(
        resource,
        form.kind,
        _subnets_of_form(resource, holder, form, stack),
        groups,
        public,
        flows,
        unsure,
        default_group=not groups,
    )


def _subnets_of_form(resource: Resource, holder: Resource, form: EndpointSchema, stack: Stack) -> Named:
    if form.subnets:
        return named(stack, resource, form.subnets, *SUBNETS)
    owner = resource if resource.has(form.subnet_group) else holder
    if not owner.has(form.subnet_group):
        owner = _original(owner, form, stack)
    if not owner.has(form.subnet_group):
        return Named((), f"{form.subnet_group} of {resource.name} is not set")
    groups = named(stack, owner, form.subnet_group, form.group_type)
    subnets = Named((), groups.rest)
    for group in groups.found:
        subnets += named(stack, group, "subnetIds", *SUBNETS)
    return subnets


def _original(resource: Resource, form: EndpointSchema, stack: Stack) -> Resource:
    """Return what a replica is a copy of; itself where it is none. Replicas of replicas are followed, circles are
    not."""
    seen = [resource]
    while form.copy_of and seen[-1].has(form.copy_of) and not seen[-1].has(form.port or form.copy_of):
        sources = named(stack, seen[-1], form.copy_of, resource.type).found
        if not sources or sources[0] in seen:
            break
        seen.append(sources[0])
    return seen[-1]


def _flows_of_form(resource: Resource, form: EndpointSchema) -> tuple[tuple[Flow, ...], str]:
    if form.port and resource.has(form.port):
        try:
            return (Flow(resource.number(form.port)),), ""
        except UndeterminedError as unknown:
            return (), str(unknown)
    engine = resource.node(form.engine).value
    if isinstance(engine, Opaque) and set(form.usual) != {""}:
        return (), f"{form.engine} is not known yet"
    starts = sorted((start for start in form.usual if str(engine).startswith(start)), key=len, reverse=True)
    usual = [form.usual[start] for start in starts[:1]]
    return tuple(
        Flow(port) for port in (*usual, *form.more_ports)
    ), "" if usual else f"the port of engine {engine} is not known"


def _balancer(resource: Resource, stack: Stack) -> Endpoint:
    subnets = named(stack, resource, "subnets", *SUBNETS)
    mappings, rest = blocks(resource, "subnetMappings")
    for mapping in mappings:
        subnets += named_by(stack, resource, mapping.node("subnetId"), *SUBNETS)
    groups = named(stack, resource, "securityGroups", *GROUPS)
    internal = flag(resource, "internal")
    facing = None if internal is None else not internal
    dual = str(resource.node("ipAddressType").value).startswith("dualstack")
    network = resource.node("loadBalancerType").value in ("network", "gateway")
    return Endpoint(
        resource,
        "load balancer",
        subnets + Named((), rest),
        groups,
        (facing, facing if dual else False),
        default_group=not groups and not network,
        has_no_group=not groups and network,
    )


def _instance(resource: Resource, stack: Stack) -> Endpoint:
    template = named_by(stack, resource, resource.node("launchTemplate"), *_TEMPLATES)
    placement = _ServerPlacement(stack, resource)
    placement.read(resource)
    for other in template.found:
        placement.read(other)
    interfaces, _ = blocks(resource, "networkInterfaces")
    for interface in interfaces:
        placement.at(named_by(stack, resource, interface.node("networkInterfaceId"), kinds.NETWORK_INTERFACE))
    placement.at(named_by(stack, resource, resource.node("primaryNetworkInterface"), kinds.NETWORK_INTERFACE))
    for attachment in stack.referrers(resource, "networkInterfaceId", _GROUP_ATTACHMENT):
        placement.groups += named(stack, attachment, "securityGroupId", *GROUPS)
    placement.address(resource, "instance", "instanceId")
    return placement.endpoint(SERVERS[resource.type])


def _scaling_group(resource: Resource, stack: Stack) -> Endpoint:
    placement = _ServerPlacement(stack, resource)
    placement.subnets = named(stack, resource, "vpcZoneIdentifiers", *SUBNETS)
    for path in ("launchTemplate", "mixedInstancesPolicy", "launchConfiguration"):
        for template in named_by(stack, resource, resource.node(path), *_TEMPLATES).found:
            placement.read(template)
    return placement.endpoint(SERVERS[resource.type])


def _node_group(resource: Resource, stack: Stack) -> Endpoint:
    """Return a node group's endpoint. Nodes without a template of their own get the cluster's group, which admits only
    itself, and remote access."""
    placement = _ServerPlacement(stack, resource)
    placement.subnets = named(stack, resource, "subnetIds", *SUBNETS)
    for template in named_by(stack, resource, resource.node("launchTemplate"), *_TEMPLATES).found:
        placement.read(template)
    return replace(placement.endpoint(SERVERS[resource.type]), own_rules=_remote_access(resource))


def _remote_access(nodes: Resource) -> tuple[GroupRule, ...]:
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_RemoteAccessConfig.html
    if not nodes.has("remoteAccess.ec2SshKey") or nodes.has("remoteAccess.sourceSecurityGroupIds"):
        return ()
    world = "0.0.0.0/0"
    return (GroupRule(nodes.urn, "tcp", (22, 22), (addresses_of(world),), cidrs=(world,)),)


def _service(resource: Resource, stack: Stack) -> Endpoint:
    at = "networkConfiguration"
    groups = named(stack, resource, f"{at}.securityGroups", *GROUPS)
    subnets = named(stack, resource, f"{at}.subnets", *SUBNETS)
    asked = flag(resource, f"{at}.assignPublicIp")
    return Endpoint(
        resource,
        SERVERS[resource.type],
        subnets,
        groups,
        (asked, _any_flag(subnets, "assignIpv6AddressOnCreation")),
        default_group=not groups,
    )


def _any_flag(subnets: Named, path: str) -> bool | None:
    flags = [flag(subnet, path) for subnet in subnets.found]
    return True if True in flags else None if None in flags else False


class _ServerPlacement:
    """What several resources together say of where a server stands: itself, its template, its network interface."""

    def __init__(self, stack: Stack, resource: Resource) -> None:
        self.stack = stack
        self.resource = resource
        self.subnets = Named()
        self.groups = Named()
        self.asked: list[bool | None] = []

    def read(self, holder: Resource) -> None:
        for path in ("vpcSecurityGroupIds", "securityGroups"):
            self.groups += named(self.stack, holder, path, *GROUPS)
        self._placed(holder, holder, holder)
        interfaces, _ = blocks(holder, "networkInterfaces")
        for interface in interfaces:
            self._placed(holder, interface, interface)
            self.groups += named_by(self.stack, holder, interface.node("securityGroups"), *GROUPS)
            self.at(named_by(self.stack, holder, interface.node("networkInterfaceId"), kinds.NETWORK_INTERFACE))

    def _placed(self, holder: Resource, node: Node, flags: Node) -> None:
        self.subnets += named_by(self.stack, holder, node.node("subnetId"), *SUBNETS)
        if flags.has("associatePublicIpAddress"):
            self.asked.append(flag(flags, "associatePublicIpAddress"))

    def at(self, interfaces: Named) -> None:
        """Take the place of a network interface that is declared by itself."""
        for interface in interfaces.found:
            self.subnets += named(self.stack, interface, "subnetId", *SUBNETS)
            self.groups += named(self.stack, interface, "securityGroups", *GROUPS)
            self.asked.append(False)
            self.address(interface, "networkInterface", "networkInterfaceId")

    def address(self, holder: Resource, *paths: str) -> None:
        """Note an Elastic IP, which gives a public address whatever else is said."""
        given = [one for path in paths for one in self.stack.referrers(holder, path, kinds.EIP, kinds.EIP_ASSOCIATION)]
        if given:
            self.asked.insert(0, True)

    def endpoint(self, kind: str) -> Endpoint:
        asked = True if True in self.asked else None if None in self.asked else False if self.asked else None
        # Without a subnet it stands in the default VPC, whose subnets give out public addresses.
        mapped = _any_flag(self.subnets, "mapPublicIpOnLaunch") if self.subnets else True
        subnets = self.subnets if self.subnets else Named((), f"no subnet of {self.resource.name} is named")
        return Endpoint(
            self.resource,
            kind,
            subnets,
            self.groups,
            (asked if self.asked else mapped, _any_flag(self.subnets, "assignIpv6AddressOnCreation")),
            default_group=not self.groups,
        )


_GROUP_ATTACHMENT = kinds.aws("ec2/NetworkInterfaceSecurityGroupAttachment")
_MAKERS = {
    kinds.INSTANCE: _instance,
    kinds.AUTO_SCALING_GROUP: _scaling_group,
    kinds.EKS_NODES: _node_group,
    kinds.ECS_SERVICE: _service,
    kinds.ECS_TASK_SET: _service,
}
