"""Private subnets: VPC defaults, flow logs, routes, network ACLs, public addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from guardrails import kinds
from guardrails.dependents import dependents
from guardrails.ports import ALL_PROTOCOLS, INGRESS_TYPES, RULE_TYPES, is_world, openings, openings_by_lists
from guardrails.reach.addresses import FAMILIES, Addresses
from guardrails.reach.collecting import ACLS, GROUPS, acl_of, acl_of_rule
from guardrails.reach.naming import unsure
from guardrails.reach.traffic_rules import ALL_PORTS, Acl, Entry, Flow
from guardrails.routing import INTERNET, ROUTE_TABLES, default_routes, subnets_of
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

ADMIN_PORTS = {22: "SSH", 3389: "RDP"}
_GROUP_RULES = (kinds.SECURITY_GROUP_RULE, kinds.INGRESS_RULE, kinds.EGRESS_RULE)
_SERVERS = (kinds.INSTANCE, kinds.LAUNCH_TEMPLATE, kinds.LAUNCH_CONFIGURATION)
_PULLERS = (kinds.ECS_SERVICE, kinds.EKS_CLUSTER, kinds.APP_RUNNER)
_INTERFACES = {
    "ec2": _SERVERS,
    "ecr.api": _PULLERS,
    "ecr.dkr": _PULLERS,
    "ssm": _SERVERS,
    "ssm-contacts": (kinds.aws("ssmcontacts/Contact"),),
    "ssm-incidents": (kinds.aws("ssmincidents/ResponsePlan"),),
}
"""Services whose interface endpoints FSBP asks for, and what in a stack calls them."""


@stack_rule(
    "The default security group of a VPC allows nothing",
    "high",
    kinds.VPC,
    ids=("fsbp:EC2.2", "checkov:CKV2_AWS_12", "cis:v3.0.0/5.4"),
    why="A resource that names no security group gets the default one, which lets all its members reach each other and everything.",
    fix="Declare an aws.ec2.DefaultSecurityGroup for the VPC with no ingress and no egress, and add no rules to it.",
)
def vpc_default_security_group_closed(vpc: Resource, stack: Stack) -> Messages:
    groups = stack.referrers(vpc, "vpcId", kinds.DEFAULT_SECURITY_GROUP)
    if not groups:
        yield "nothing takes over and empties the VPC's default security group"
    for group in groups:
        for direction in ("ingress", "egress"):
            if group.has(direction) and group.items(direction):
                yield f"the default security group {group.name!r} has {direction} rules"
    for rule in _rules_of_default_group(vpc, groups, stack):
        yield f"{rule.name!r} adds a rule to the VPC's default security group"


def _rules_of_default_group(vpc: Resource, groups: list[Resource], stack: Stack) -> Iterator[Resource]:
    """Yield the rule resources that name the group by the VPC's output, by the resource that takes it over, or by its
    id."""
    found = [rule for holder in (vpc, *groups) for rule in stack.referrers(holder, "securityGroupId", *_GROUP_RULES)]
    said = vpc.outputs.get("defaultSecurityGroupId")
    if isinstance(said, str):
        found += [rule for rule in stack.of_type(*_GROUP_RULES) if rule.node("securityGroupId").value == said]
    yield from dict.fromkeys(found)


@stack_rule(
    "Every VPC records its traffic in flow logs",
    "medium",
    kinds.VPC,
    ids=("fsbp:EC2.6", "checkov:CKV2_AWS_11", "cis:v3.0.0/3.7"),
    why="Without flow logs nobody can tell after an incident who spoke to whom.",
    fix="Declare an aws.ec2.FlowLog with the VPC's id that records at least rejected traffic.",
    levels=ADVISORY_IN_DEV,
)
def vpc_flow_logs(vpc: Resource, stack: Stack) -> Messages:
    logs = stack.referrers(vpc, "vpcId", kinds.FLOW_LOG)
    if not logs:
        yield "the VPC has no flow log"
    elif all(log.get("trafficType", "ALL") == "ACCEPT" for log in logs):
        yield "its flow logs leave out rejected traffic"


@resource_rule(
    "Nothing is built in the account's default VPC",
    "medium",
    kinds.DEFAULT_VPC,
    kinds.DEFAULT_SUBNET,
    ids=("checkov:CKV_AWS_148",),
    why="Every subnet of a default VPC is public and assigns public addresses.",
    fix="Build a VPC of your own with private subnets and leave the default one alone.",
)
def no_default_vpc(resource: Resource) -> Messages:
    yield "the default VPC's subnets are all public"


@resource_rule(
    "Subnets assign no public addresses on launch",
    "medium",
    kinds.SUBNET,
    kinds.DEFAULT_SUBNET,
    ids=("fsbp:EC2.15", "checkov:CKV_AWS_130"),
    why="Whatever starts in such a subnet is on the internet without anyone having asked for it.",
    fix="Leave mapPublicIpOnLaunch off; give a public address only to what needs one (load balancer, NAT).",
)
def subnet_no_public_addresses(subnet: Resource) -> Messages:
    if subnet.truth("mapPublicIpOnLaunch"):
        yield "it gives a public IPv4 address to everything launched in it"


@stack_rule(
    "Data subnets have no default route",
    "low",
    kinds.DB_SUBNET_GROUP,
    kinds.CACHE_SUBNET_GROUP,
    ids=(),
    why="A database has no reason to open connections to the internet; without a default route stolen data has no way out.",
    fix="Give the data subnets a route table of their own with no route to 0.0.0.0/0 or ::/0; reach AWS through VPC endpoints.",
)
def data_subnets_without_default_route(group: Resource, stack: Stack) -> Messages:
    for subnet in subnets_of(group, stack, "subnetIds"):
        for route in default_routes(subnet, stack):
            yield f"subnet {subnet.name!r} has a default route to {route}"


@stack_rule(
    "Databases stand in subnets without a route to an internet gateway",
    "high",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.46", "cis:v3.0.0/2.3.3"),
    why="One wrong flag or security-group rule then puts the database on the internet.",
    fix="Use a DB subnet group of private subnets: their route table has no route to an internet gateway.",
)
def database_subnets_private(database: Resource, stack: Stack) -> Messages:
    if database.has("replicateSourceDb") or database.has("replicationSourceIdentifier"):
        return
    if not database.has("dbSubnetGroupName"):
        yield "it names no subnet group and so stands in the public subnets of the default VPC"
        return
    yield from _public_subnets(database, stack, "dbSubnetGroupName", kinds.DB_SUBNET_GROUP)


@stack_rule(
    "Caches stand in subnets without a route to an internet gateway",
    "high",
    kinds.CACHE_GROUP,
    kinds.CACHE_CLUSTER,
    ids=("checkov:CKV_AWS_323",),
    why="A cache holds sessions and copies of the database, usually behind weaker authentication.",
    fix="Use a cache subnet group of private subnets: their route table has no route to an internet gateway.",
)
def cache_subnets_private(cache: Resource, stack: Stack) -> Messages:
    if cache.has("subnetGroupName"):
        yield from _public_subnets(cache, stack, "subnetGroupName", kinds.CACHE_SUBNET_GROUP)


def _public_subnets(resource: Resource, stack: Stack, path: str, group_type: str) -> Iterator[str]:
    groups = stack.targets(resource, path, group_type)
    if not groups:
        resource.get(path)
        return
    for group in groups:
        for subnet in subnets_of(group, stack, "subnetIds"):
            if INTERNET in default_routes(subnet, stack):
                yield f"subnet {subnet.name!r} of its subnet group {group.name!r} has a route to an internet gateway"


@stack_rule(
    "Network ACLs let nobody on the internet reach SSH or RDP",
    "medium",
    *ACLS,
    kinds.NETWORK_ACL_RULE,
    ids=("fsbp:EC2.21", "checkov:CKV_AWS_231", "checkov:CKV_AWS_232", "cis:v3.0.0/5.1"),
    why="A network ACL is the second lock where a security group was opened by mistake.",
    fix="Deny ports 22 and 3389 from 0.0.0.0/0 and ::/0 by a rule with a lower number, or allow only the ports in use.",
)
def nacl_admin_ports_closed(acl: Resource, stack: Stack) -> Messages:
    made = _acl_to_judge(acl, stack)
    if made is None:
        return
    hidden = ""
    for port, service in ADMIN_PORTS.items():
        flow = Flow(port)
        admitted = [made.admits(made.inward, flow, family) for family in FAMILIES]
        if any(one.internet for one in admitted):
            yield f"{_letting_in(made, flow)} lets the whole internet reach port {port} ({service})"
        hidden = hidden or next((one.why for one in admitted if one.internet is None), "")
    if hidden:
        raise unsure(hidden)


def _acl_to_judge(acl: Resource, stack: Stack) -> Acl | None:
    """Return the ACL with all its rules. A rule resource is judged with its ACL, and alone where that is not of this
    stack."""
    if acl.type != kinds.NETWORK_ACL_RULE:
        return acl_of(acl, stack)
    return None if stack.targets(acl, "networkAclId", *ACLS) else acl_of_rule(acl)


def _letting_in(acl: Acl, flow: Flow) -> str:
    """Return the first rule that lets the internet in, in words."""
    for entry in acl.inward:
        if (
            entry.allows
            and entry.addresses
            and entry.addresses.of_internet
            and flow.matches(entry.protocol, entry.ports)
        ):
            return f"its rule {entry.number}"
    return "the sum of its rules"


@stack_rule(
    "Network ACLs do not let the internet in on all ports",
    "medium",
    *ACLS,
    kinds.NETWORK_ACL_RULE,
    ids=("checkov:CKV_AWS_352",),
    why="An ACL that admits everything is no second lock.",
    fix="Allow from 0.0.0.0/0 only the ports in use and the ephemeral ones (1024-65535) that answers come back on.",
)
def nacl_not_all_ports(acl: Resource, stack: Stack) -> Messages:
    made = _acl_to_judge(acl, stack)
    if made is None:
        return
    refused: dict[int, Addresses] = {family: Addresses(family) for family in FAMILIES}
    for entry in made.inward:
        if entry.unsure or made.unsure or entry.addresses is None:
            raise unsure(made.unsure or entry.unsure)
        if not _is_for_all_ports(entry):
            continue
        family = entry.addresses.family
        if not entry.allows:
            refused[family] |= entry.addresses
        elif (entry.addresses - refused[family]).of_internet:
            yield f"its rule {entry.number} lets the whole internet in on all ports"
    if made.unsure:
        raise unsure(made.unsure)


def _is_for_all_ports(entry: Entry) -> bool:
    first, last = entry.ports
    if not entry.allows:
        return entry.protocol in ALL_PROTOCOLS
    return first <= 1 and last >= ALL_PORTS[1]


@stack_rule(
    "Network ACLs are in use",
    "low",
    kinds.NETWORK_ACL,
    ids=("fsbp:EC2.16", "checkov:CKV2_AWS_1"),
    why="An ACL that no subnet has filters nothing and looks as if it did.",
    fix="List subnets in subnetIds, declare an aws.ec2.NetworkAclAssociation, or remove it.",
)
def nacl_used(acl: Resource, stack: Stack) -> Messages:
    if not acl.has("subnetIds") and not stack.referrers(acl, "networkAclId", kinds.NETWORK_ACL_ASSOCIATION):
        yield "no subnet has it (subnetIds)"


_WRITTEN_TWICE: Mapping[str, tuple[tuple[str, str, str, tuple[str, ...]], ...]] = {
    **dict.fromkeys(
        GROUPS,
        (
            ("ingress", "securityGroupId", "ingress", (kinds.SECURITY_GROUP_RULE, kinds.INGRESS_RULE)),
            ("egress", "securityGroupId", "egress", (kinds.SECURITY_GROUP_RULE, kinds.EGRESS_RULE)),
        ),
    ),
    **dict.fromkeys(ROUTE_TABLES, (("routes", "routeTableId", "", (kinds.ROUTE,)),)),
    **dict.fromkeys(
        ACLS,
        (
            ("ingress", "networkAclId", "ingress", (kinds.NETWORK_ACL_RULE,)),
            ("egress", "networkAclId", "egress", (kinds.NETWORK_ACL_RULE,)),
            ("subnetIds", "networkAclId", "", (kinds.NETWORK_ACL_ASSOCIATION,)),
        ),
    ),
}
"""By type: the property that lists parts inline; the property by which resources of their own, of the types, name it; and the
direction, where it has two. Each page of the provider (SecurityGroup, RouteTable, NetworkAcl and their defaults) says that the
two ways overwrite each other."""


@stack_rule(
    "Rules and routes are written in one way",
    "medium",
    *_WRITTEN_TWICE,
    ids=(),
    why="A list inside the resource is the whole list: each update removes what others add beside it, and nobody sees who wins.",
    fix="Move the inline ones into resources of their own, or the resources into the list.",
)
def rules_written_once(holder: Resource, stack: Stack) -> Messages:
    for path, via, direction, types in _WRITTEN_TWICE[holder.type]:
        if not holder.has(path):
            continue
        beside = [
            one.name
            for one in dict.fromkeys(stack.referrers(holder, via, *types))
            if _direction_of(one) in (direction, "")
        ]
        if beside:
            yield f"it lists {path} itself, and {', '.join(map(repr, beside[:3]))} adds to them"


def _direction_of(rule: Resource) -> str:
    """Return which direction a rule resource is for; empty for what has none."""
    if rule.type == kinds.SECURITY_GROUP_RULE:
        return str(rule.get("type", ""))
    if rule.type == kinds.NETWORK_ACL_RULE:
        return "egress" if rule.truth("egress") else "ingress"
    return {kinds.INGRESS_RULE: "ingress", kinds.EGRESS_RULE: "egress"}.get(rule.type, "")


@stack_rule(
    "Security groups are in use",
    "low",
    kinds.SECURITY_GROUP,
    ids=("checkov:CKV2_AWS_5",),
    why="A group that nothing has is one that somebody attaches one day without reading it.",
    fix="Attach it, or remove it.",
)
def security_group_used(group: Resource, stack: Stack) -> Messages:
    if all(one.type in RULE_TYPES for one in dependents(group, stack)):
        yield "nothing in the stack has it"


@stack_rule(
    "Port 80 is open to the internet only at load balancers",
    "low",
    *INGRESS_TYPES,
    ids=("checkov:CKV_AWS_260",),
    why="A load balancer turns HTTP into HTTPS; a server that answers on 80 itself does not.",
    fix="Open 80 on the load balancer's security group only, or remove the rule.",
)
def web_port_at_balancers(group: Resource, stack: Stack) -> Messages:
    found = (*openings(group, "ingress"), *openings_by_lists(group, "ingress", stack))
    plain = [one for one in found if one.ports == (80, 80)]
    groups = [group] if group.type in GROUPS else stack.targets(group, "securityGroupId", *GROUPS)
    balancers = (*kinds.LOAD_BALANCERS, kinds.CLASSIC_BALANCER)
    if not any(True for one in groups for _ in dependents(one, stack, *balancers)):
        for opening in plain:
            yield f"{opening.label} opens port 80 to the whole internet, and no load balancer has the group"


@stack_rule(
    "Traffic to AWS's services stays inside the VPC",
    "low",
    kinds.VPC,
    ids=("fsbp:EC2.10", "fsbp:EC2.55", "fsbp:EC2.56", "fsbp:EC2.57", "fsbp:EC2.58", "fsbp:EC2.60"),
    why="Through an endpoint it needs no way to the internet, and a policy says which accounts it may reach.",
    fix="Declare an aws.ec2.VpcEndpoint of type Interface for the service; each costs by the hour and zone.",
)
def vpc_interface_endpoints(vpc: Resource, stack: Stack) -> Messages:
    names = _endpoints(vpc, stack)
    missing = [
        name
        for name, users in _INTERFACES.items()
        if stack.of_type(*users) and not any(n.endswith(f".{name}") for n in names)
    ]
    if missing:
        yield f"it has no interface endpoint for {', '.join(missing)}"


@stack_rule(
    "Traffic to S3 takes a gateway endpoint",
    "low",
    kinds.VPC,
    ids=(),
    why="It costs nothing, spares the NAT gateway's price per gigabyte, and keeps objects off the internet.",
    fix="Declare an aws.ec2.VpcEndpoint of type Gateway for S3 with the private route tables.",
)
def vpc_gateway_endpoint(vpc: Resource, stack: Stack) -> Messages:
    if not any(name.endswith(".s3") for name in _endpoints(vpc, stack)):
        yield "it has no endpoint for S3"


def _endpoints(vpc: Resource, stack: Stack) -> list[str]:
    return [str(one.get("serviceName", "")) for one in stack.referrers(vpc, "vpcId", kinds.VPC_ENDPOINT)]


@resource_rule(
    "Routes to a peered VPC name its range",
    "medium",
    kinds.ROUTE,
    kinds.ROUTE_TABLE,
    ids=("checkov:CKV2_AWS_44",),
    why="A default route into somebody else's network sends everything there that was meant for the internet.",
    fix="Set destinationCidrBlock to the range of the peered VPC.",
)
def peering_route_narrow(route: Resource) -> Messages:
    for entry in route.items("routes") if route.type == kinds.ROUTE_TABLE else [route]:
        if not entry.has("vpcPeeringConnectionId"):
            continue
        for key in ("destinationCidrBlock", "destinationIpv6CidrBlock", "cidrBlock", "ipv6CidrBlock"):
            if is_world(entry.get(key)):
                yield f"it sends {entry.get(key)} into a peered VPC ({key})"
