"""No open ports: what security groups and addresses let the internet reach."""

from __future__ import annotations

from guardrails import kinds
from guardrails.ports import (
    EGRESS_TYPES,
    INGRESS_TYPES,
    RULE_SYNTAX,
    RULE_TYPES,
    OpenPorts,
    openings,
    openings_by_lists,
)
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

ADMIN_PORTS = {22: "SSH", 3389: "RDP", 5985: "WinRM", 5986: "WinRM", 23: "Telnet", 2375: "Docker"}
DATA_PORTS = {
    1433: "SQL Server",
    1521: "Oracle",
    2181: "ZooKeeper",
    3306: "MySQL",
    5432: "PostgreSQL",
    5439: "Redshift",
    5601: "OpenSearch Dashboards",
    5984: "CouchDB",
    6379: "Redis",
    6380: "Redis",
    7000: "Cassandra",
    8086: "InfluxDB",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "OpenSearch",
    9300: "OpenSearch",
    11211: "Memcached",
    27017: "MongoDB",
}
"""Ports of data stores; those of EC2.19 among them."""
WEB_PORTS = (80, 443)


def _to_all(opening: OpenPorts, ports: dict[int, str]) -> Messages:
    if opening.all_ports:
        return
    for port, service in ports.items():
        if opening.covers(port):
            yield f"{opening.label} lets the whole internet reach port {port} ({service})"


@resource_rule(
    "No administration port is open to the internet",
    "critical",
    *INGRESS_TYPES,
    ids=(
        "fsbp:EC2.19",
        "fsbp:EC2.18",
        "checkov:CKV_AWS_24",
        "checkov:CKV_AWS_25",
        "cis:v3.0.0/5.2",
        "cis:v3.0.0/5.3",
        "securityhub:EC2.13",
        "securityhub:EC2.14",
    ),
    why="An open SSH or RDP port is found by scanners within minutes and attacked from then on.",
    fix="Remove the rule and use AWS Systems Manager Session Manager, which needs no open port.",
)
def admin_ports_closed(group: Resource) -> Messages:
    for opening in openings(group, "ingress"):
        yield from _to_all(opening, ADMIN_PORTS)


@resource_rule(
    "No database port is open to the internet",
    "critical",
    *INGRESS_TYPES,
    ids=("fsbp:EC2.19", "fsbp:EC2.18", "fsbp:Redshift.15"),
    why="A data store that answers the internet is one leaked or guessed password away from being copied.",
    fix="Allow the port only from the security groups of the workloads that use it.",
)
def database_ports_closed(group: Resource) -> Messages:
    for opening in openings(group, "ingress"):
        yield from _to_all(opening, DATA_PORTS)


@resource_rule(
    "No security group lets the internet in on all ports",
    "critical",
    *INGRESS_TYPES,
    ids=(
        "fsbp:EC2.18",
        "fsbp:EC2.19",
        "checkov:CKV_AWS_277",
        "checkov:CKV_AWS_24",
        "checkov:CKV_AWS_25",
        "checkov:CKV_AWS_260",
        "cis:v3.0.0/5.2",
        "cis:v3.0.0/5.3",
        "securityhub:EC2.13",
        "securityhub:EC2.14",
    ),
    why="Such a rule is the same as no firewall.",
    fix="Name the one protocol and port that is needed, and where it is needed from.",
)
def all_ports_closed(group: Resource) -> Messages:
    for opening in openings(group, "ingress"):
        if opening.all_ports:
            yield f"{opening.label} lets the whole internet in on all ports"


@resource_rule(
    "Only web ports are open to the internet",
    "high",
    *INGRESS_TYPES,
    ids=("fsbp:EC2.18",),
    why="Only a public load balancer has to be reached by everyone, and only on 80 and 443.",
    fix="Put the service behind the load balancer, or allow its port only from known addresses.",
)
def only_web_ports_open(group: Resource) -> Messages:
    named = {**ADMIN_PORTS, **DATA_PORTS}
    for opening in openings(group, "ingress"):
        if _is_for_everybody(opening) or opening.all_ports:
            continue
        if not any(opening.covers(port) for port in named):
            yield f"{opening.label} lets the whole internet reach {opening.describe()}"


def _is_for_everybody(opening: OpenPorts) -> bool:
    """Tell whether it is a web port alone, or the messages of ICMP."""
    web = opening.ports[0] == opening.ports[1] and opening.ports[0] in WEB_PORTS
    return (web and not opening.all_ports) or opening.protocol in ("icmp", "icmpv6", "1", "58")


@stack_rule(
    "No prefix list lets the internet in",
    "critical",
    *(type_ for type_, form in RULE_SYNTAX["ingress"].items() if form.lists),
    ids=(
        "fsbp:EC2.18",
        "fsbp:EC2.19",
        "checkov:CKV_AWS_24",
        "checkov:CKV_AWS_25",
        "checkov:CKV_AWS_277",
        "cis:v3.0.0/5.2",
        "cis:v3.0.0/5.3",
    ),
    why="A rule that names a list of addresses looks closed; with the whole internet in the list it is open.",
    fix="Take 0.0.0.0/0, ::/0 and what adds up to them out of the prefix list, or name who may come in another way.",
)
def prefix_list_not_internet(group: Resource, stack: Stack) -> Messages:
    for opening in openings_by_lists(group, "ingress", stack):
        if not _is_for_everybody(opening):
            what = "on all ports" if opening.all_ports else f"reach {opening.describe()}"
            yield f"{opening.label} lets the whole internet {'in ' if opening.all_ports else ''}{what}"


@stack_rule(
    "Lightsail servers say which ports are open",
    "high",
    kinds.LIGHTSAIL_INSTANCE,
    ids=(),
    why="A new one is open to the whole internet on port 22, or 3389 for Windows, until somebody says otherwise.",
    fix="Declare an aws.lightsail.InstancePublicPorts for it with the web ports alone; it closes all others.",
)
def lightsail_ports_said(server: Resource, stack: Stack) -> Messages:
    if not stack.referrers(server, "instanceName", kinds.LIGHTSAIL_PORTS):
        yield "nothing closes the ports that Lightsail opens by itself (SSH or RDP, to everybody)"


@stack_rule(
    "No prefix list lets everything out to everywhere",
    "medium",
    *(type_ for type_, form in RULE_SYNTAX["egress"].items() if form.lists),
    ids=("checkov:CKV_AWS_382",),
    why="A rule that names a list of addresses looks narrow; with the whole internet in the list stolen data leaves by it.",
    fix="Take 0.0.0.0/0, ::/0 and what adds up to them out of the prefix list, or name the ports in use.",
    levels=ADVISORY_IN_DEV,
)
def prefix_list_not_all_egress(group: Resource, stack: Stack) -> Messages:
    for opening in openings_by_lists(group, "egress", stack):
        if opening.all_ports:
            yield f"{opening.label} lets all protocols out to the whole internet"


@resource_rule(
    "No security group lets everything out to everywhere",
    "medium",
    *EGRESS_TYPES,
    ids=("checkov:CKV_AWS_382",),
    why="Unlimited egress is how stolen data leaves and how malware calls home.",
    fix="Allow the ports in use (443 is usually enough), to security groups and prefix lists where possible.",
    levels=ADVISORY_IN_DEV,
)
def egress_not_all_protocols(group: Resource) -> Messages:
    for opening in openings(group, "egress"):
        if opening.all_ports:
            yield f"{opening.label} lets all protocols out to the whole internet"


@resource_rule(
    "Security groups and their rules say what they are for",
    "low",
    *RULE_TYPES,
    kinds.DEFAULT_SECURITY_GROUP,
    ids=("checkov:CKV_AWS_23",),
    why="A rule that nobody can explain is a rule that nobody dares to remove.",
    fix="Give the group and each rule a description of who speaks to whom and why.",
)
def security_group_described(group: Resource) -> Messages:
    # AWS describes the default group itself.
    own = group.type != kinds.DEFAULT_SECURITY_GROUP
    if own and (not group.has("description") or group.node("description").value == "Managed by Pulumi"):
        yield "it has no description"
    if group.type in (kinds.SECURITY_GROUP, kinds.DEFAULT_SECURITY_GROUP):
        for direction in ("ingress", "egress"):
            for rule in group.items(direction):
                if not rule.has("description"):
                    yield f"its {rule.path} rule has no description"


@resource_rule(
    "Instances have no public address",
    "high",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    kinds.LAUNCH_CONFIGURATION,
    kinds.SPOT_FLEET,
    ids=("fsbp:EC2.9", "fsbp:EC2.25", "fsbp:AutoScaling.5", "checkov:CKV_AWS_88"),
    why="A server with a public address is reachable the moment its security group is opened by mistake.",
    fix="Set associatePublicIpAddress to false; reach it through a load balancer and Session Manager.",
)
def instance_no_public_address(instance: Resource) -> Messages:
    if instance.truth("associatePublicIpAddress"):
        yield "it asks for a public address"
    for interface in [*instance.items("networkInterfaces"), *instance.items("launchSpecifications")]:
        if interface.truth("associatePublicIpAddress"):
            yield f"{interface.path} asks for a public address"


@resource_rule(
    "Servers have no public address of their own",
    "high",
    kinds.EIP,
    kinds.EIP_ASSOCIATION,
    ids=("fsbp:EC2.9",),
    why="A server with an address on the internet is found by everybody who scans it, whatever its security group says today.",
    fix="Put it into a private subnet behind a load balancer or CloudFront; reach it through Session Manager.",
)
def instance_no_elastic_address(address: Resource) -> Messages:
    server = next(
        (name for name in ("instance", "instanceId", "networkInterface", "networkInterfaceId") if address.has(name)),
        None,
    )
    if server is not None:
        yield f"it gives a server a public address ({server})"
