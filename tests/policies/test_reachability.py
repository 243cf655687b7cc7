"""The model of the network: traffic rules against a packet-by-packet oracle, paths on real stacks, growth, and the analyzer."""

from __future__ import annotations

import copy
import ipaddress
import textwrap
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.preview.verdicts import view_of
from guardrails import kinds
from guardrails.catalogue import rules
from guardrails.judgement import Judgement, Verdict, judge
from guardrails.reach.addresses import Addresses, addresses_of, everywhere, internet
from guardrails.reach.forms import STORES
from guardrails.reach.network import Path, StackNetwork, network_of
from guardrails.reach.paths import paths
from guardrails.reach.traffic_rules import ALL_PORTS, Acl, Entry, Flow, GroupRule, admitted_by_rules
from guardrails.stack import Stack
from guardrails.view import Opaque
from guardrails.view import Resource as View
from tests.policies.fixtures import Case, build, cases
from tests.stacks import STACKS, snapshot_of
from tests.work import calls_of

TOPICS = ("reachability", "connections")
RULES = {rule.name: rule for rule in rules()}
MILLIONS = "examples/storefront/prod@millions"
ONE_INSTANCE = "examples/chat-app/prod@mvp"

# Few networks, many collisions: what matters is how ranges overlap.
RANGES = st.builds(
    lambda address, prefix: str(ipaddress.ip_network((address << 24, prefix), strict=False)),
    st.integers(0, 255),
    st.sampled_from((0, 1, 2, 7, 8, 16, 32)),
)
ADDRESSES = st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 255).map(lambda first: first << 24))
EDGES = (0, 22, 80, 443, 5432, 50_000, 65535)
PORTS = st.tuples(st.sampled_from(EDGES), st.sampled_from(EDGES)).map(lambda pair: (min(pair), max(pair)))
PROTOCOLS = st.sampled_from(("tcp", "udp", "6", "17", "-1"))
FLOWS = st.builds(Flow, st.sampled_from(EDGES), st.sampled_from(("tcp", "udp")))
DOORS = st.builds(
    lambda protocol, ports, ranges: GroupRule(
        "rule", protocol, ports, tuple(map(addresses_of, ranges)), cidrs=tuple(ranges)
    ),
    PROTOCOLS,
    PORTS,
    st.lists(RANGES, max_size=3),
)
ENTRIES = st.builds(
    lambda number, allows, protocol, ports, cidr: Entry(number, allows, protocol, ports, addresses_of(cidr)),
    st.integers(1, 9),
    st.booleans(),
    PROTOCOLS,
    PORTS,
    RANGES,
)


def inside(address: int, cidr: Addresses) -> bool:
    return any(first <= address <= last for first, last in cidr.spans)


def passes(protocol: str, ports: tuple[int, int], flow: Flow) -> bool:
    named = {"6": "tcp", "17": "udp"}.get(protocol, protocol)
    return named == "-1" or (named == flow.protocol and flow.port in range(ports[0], ports[1] + 1))


# Sets of addresses


@given(RANGES, RANGES, RANGES, ADDRESSES)
def test_sets_of_addresses_hold_what_sets_hold(one: str, two: str, three: str, address: int) -> None:
    a, b, c = map(addresses_of, (one, two, three))
    in_a, in_b, in_c = (ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in (one, two, three))
    assert (address in (a | b) - c) == ((in_a or in_b) and not in_c)
    assert (address in (a & b) | c) == ((in_a and in_b) or in_c)
    assert (a - b) | (a & b) == a
    assert a.covers(b) == (a | b == a)


@pytest.mark.parametrize(
    ("cidrs", "expected"),
    [
        (["0.0.0.0/0"], True),
        (["0.0.0.0/1", "128.0.0.0/1"], True),
        (["64.0.0.0/7"], True),
        (["203.0.113.0/24"], False),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"], False),
        (["::/0"], True),
        (["fc00::/7"], False),
        (["2001:db8::/32"], False),
    ],
)
def test_much_of_the_internet_is_the_internet_and_private_ranges_never_are(cidrs: list[str], expected: bool) -> None:
    together = Addresses(addresses_of(cidrs[0]).family)
    for cidr in cidrs:
        together = together | addresses_of(cidr)
    assert together.of_internet is expected


def test_no_private_address_is_of_the_internet() -> None:
    for private in ("10.1.2.3", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.168.0.1", "224.0.0.1"):
        assert int(ipaddress.ip_address(private)) not in internet(4)
    assert int(ipaddress.ip_address("8.8.8.8")) in internet(4)
    assert int(ipaddress.ip_address("fe80::1")) not in internet(6)


# Security groups and network ACLs, against an oracle that looks at one packet


@given(st.lists(DOORS, max_size=4), FLOWS, ADDRESSES)
def test_a_security_group_admits_what_one_of_its_rules_admits(
    group_rules: list[GroupRule], flow: Flow, address: int
) -> None:
    expected = any(
        passes(group_rule.protocol, group_rule.ports, flow)
        and any(inside(address, cidr) for cidr in group_rule.addresses)
        for group_rule in group_rules
    )
    admitted = admitted_by_rules(group_rules, flow, 4)
    assert (address in admitted.sure) == (address in admitted.perhaps) == expected


@given(st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry.number), FLOWS, ADDRESSES)
def test_the_first_rule_of_a_network_acl_that_matches_decides(entries: list[Entry], flow: Flow, address: int) -> None:
    expected = False
    for entry in sorted(entries, key=lambda one: one.number):
        if passes(entry.protocol, entry.ports, flow) and inside(address, entry.addresses or everywhere(4)):
            expected = entry.allows
            break
    ordered = sorted(entries, key=lambda one: one.number)
    assert (address in Acl("acl", tuple(ordered)).admits(ordered, flow, 4).sure) == expected


@given(st.lists(ENTRIES, max_size=5, unique_by=lambda entry: entry.number), st.data(), FLOWS, ADDRESSES)
def test_what_an_unknown_rule_may_say_lies_between_sure_and_perhaps(
    entries: list[Entry], data: st.DataObject, flow: Flow, address: int
) -> None:
    """Whatever the rule turns out to be, what was sure passes and what was not even perhaps does not."""
    ordered = sorted(entries, key=lambda one: one.number)
    place = data.draw(st.integers(0, len(ordered)))
    real = data.draw(ENTRIES)
    hidden = real._replace(addresses=None, unsure="cidrBlock is not known yet")
    before = Acl("acl").admits([*ordered[:place], hidden, *ordered[place:]], flow, 4)
    after = Acl("acl").admits([*ordered[:place], real, *ordered[place:]], flow, 4)
    assert before.perhaps.covers(after.sure)
    assert after.sure.covers(before.sure)
    assert (address in before.sure) <= (address in after.sure) <= (address in before.perhaps)


@given(st.lists(DOORS, min_size=1, max_size=3), FLOWS)
def test_a_rule_that_is_not_known_admits_perhaps_and_never_for_sure(group_rules: list[GroupRule], flow: Flow) -> None:
    hidden = [group_rule._replace(unsure="fromPort is not known yet") for group_rule in group_rules]
    assert not admitted_by_rules(hidden, flow, 4).sure
    assert admitted_by_rules(hidden, flow, 4).perhaps == admitted_by_rules(group_rules, flow, 4).sure


# Whole paths


def network_around(group_rules: list[dict[str, Any]], acl: dict[str, Any] | None = None) -> Stack:
    return build(
        "ec2/Instance",
        [
            {"subnetId": "->public-a", "vpcSecurityGroupIds": ["->web"], "associatePublicIpAddress": True},
            {"ec2/Vpc vpc": {"cidrBlock": "10.0.0.0/16"}},
            {"ec2/Subnet public-a": {"vpcId": "->vpc", "cidrBlock": "10.0.0.0/24"}},
            {"ec2/InternetGateway shop": {"vpcId": "->vpc"}},
            {"ec2/RouteTable public": {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "->shop"}]}},
            {"ec2/RouteTableAssociation at": {"subnetId": "->public-a", "routeTableId": "->public"}},
            {"ec2/SecurityGroup web": {"vpcId": "->vpc", "ingress": group_rules}},
            *([{"ec2/NetworkAcl guard": {"subnetIds": ["->public-a"], **acl}}] if acl else []),
        ],
    )


def direct(stack: Stack) -> list[Path]:
    network = network_of(stack)
    endpoint = network.endpoint(stack.resources[0])
    assert endpoint
    return network.direct(endpoint)


def open_to(cidr: str, first: int, last: int, protocol: str = "tcp") -> dict[str, Any]:
    return {"protocol": protocol, "fromPort": first, "toPort": last, "cidrBlocks": [cidr]}


def test_a_path_is_told_hop_by_hop_and_fits_a_terminal() -> None:
    (path,) = direct(network_around([open_to("0.0.0.0/0", 5432, 5432)]))
    assert str(path) == (
        "internet → internet gateway shop → subnet public-a (route table public)"
        " → security group web admits 0.0.0.0/0:5432 → instance subject:5432"
    )
    assert all(len(line) <= 80 for line in textwrap.wrap(str(path), 80))


def test_a_network_acl_cuts_the_ports_of_a_path() -> None:
    acl = {
        "ingress": [
            {"ruleNo": 1, "action": "deny", "protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlock": "0.0.0.0/0"},
            {"ruleNo": 2, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0"},
        ],
        "egress": [{"ruleNo": 1, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0"}],
    }
    found = direct(network_around([open_to("0.0.0.0/0", 20, 30)], acl))
    assert [path.ports for path in found] == ["ports 20-21", "ports 23-30"]
    assert all("network ACL guard" in path.hops for path in found)


@given(st.lists(st.tuples(RANGES, PORTS), max_size=4), st.lists(ENTRIES, max_size=4, unique_by=lambda e: e.number))
def test_the_ports_of_all_paths_are_those_that_the_traffic_rules_let_the_internet_reach(
    group_rules: list[tuple[str, tuple[int, int]]], entries: list[Entry]
) -> None:
    """The oracle asks for each port by itself; the model cuts the ports into runs and joins them again."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.number))
    outward = (Entry(1, allows=True, protocol="-1", ports=ALL_PORTS, addresses=everywhere(4)),)
    stack = network_around([open_to(cidr, *ports) for cidr, ports in group_rules])
    network = network_of(stack)
    subnet = next(one for one in stack.resources if one.name == "public-a")
    network.acls[subnet.urn] = acl = Acl("guard", ordered, outward)
    reached = {
        port
        for path in direct(stack)
        for port in EDGES
        if path.first.protocol == "tcp" and path.first.port <= port <= path.last_port
    }
    made = [GroupRule("rule", "tcp", ports, (addresses_of(cidr),)) for cidr, ports in group_rules]
    expected = {
        port
        for port in EDGES
        if (admitted_by_rules(made, Flow(port), 4).sure & acl.connections_in(Flow(port), 4).sure).of_internet
    }
    assert reached == expected


def test_groups_that_name_each_other_in_a_circle_are_no_matter() -> None:
    stack = build(
        "ec2/Instance",
        [
            {"subnetId": "->a", "vpcSecurityGroupIds": ["->one"], "associatePublicIpAddress": True},
            {"ec2/Subnet a": {"vpcId": "->vpc"}},
            {"ec2/Vpc vpc": {}},
            *(
                {f"ec2/SecurityGroup {name}": {"ingress": [{"protocol": "-1", "securityGroups": [f"->{other}"]}]}}
                for name, other in (("one", "two"), ("two", "three"), ("three", "one"))
            ),
        ],
    )
    assert direct(stack) == []


# Bad input

WRONG = st.sampled_from(
    ("", "text", "-1", 7, -1, True, None, [], ["text"], [None], {}, {"a": 1}, [[1]], Opaque.UNKNOWN)
)
HERE = [case for case in cases() if RULES[case.rule].topic in TOPICS]


@given(st.sampled_from(HERE), WRONG, st.data())
def test_no_value_of_a_wrong_shape_anywhere_in_a_network_breaks_a_rule(
    case: Case, wrong: Any, data: st.DataObject
) -> None:
    resources = list(case.stack.resources)
    place = data.draw(st.integers(0, len(resources) - 1))
    old = resources[place]
    value = copy.deepcopy(old.value)
    holder, key = data.draw(st.sampled_from([*_places(value), (value, "vpcId")]))
    holder[key] = wrong
    resources[place] = View(old.urn, value, outputs=old.outputs, property_dependencies=old.property_dependencies)
    stack = Stack(resources)
    for name in rules_here():
        for resource in stack.of_type(*RULES[name].reads):
            assert not judge(RULES[name], resource, stack).broken, (name, resource.name)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree of properties where something stands."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield value, key
        yield from _places(item)


# The stacks of the repository


@cache
def stack_of(name: str, unknowns: bool = False) -> Stack:
    return Stack(view_of(resource) for resource in snapshot_of(name, unknowns).resources)


def things(network: StackNetwork, *types: str) -> Iterator[tuple[View, list[Path]]]:
    for resource in network.stack.of_type(*types):
        endpoint = network.endpoint(resource)
        assert endpoint is not None
        yield resource, paths(network, endpoint)


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
@pytest.mark.parametrize("name", STACKS)
def test_no_path_leads_to_the_data_tier_of_a_stack_of_ours(name: str, unknowns: bool) -> None:
    found = list(things(network_of(stack_of(name, unknowns)), *STORES))
    assert found
    assert [path for _, several in found for path in several] == []


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
def test_the_shop_of_millions_is_entered_through_cloudfront_alone(unknowns: bool) -> None:
    network = network_of(stack_of(MILLIONS, unknowns))
    found = {resource.name: list(map(str, several)) for resource, several in things(network, kinds.ECS_SERVICE)}
    assert found == {
        "storefront-compute-web": [
            "internet → CloudFront storefront-cdn-distribution → VPC origin storefront-cdn-origin"
            " → load balancer storefront-ingress-alb:443 → service storefront-compute-web:3000"
        ],
        "storefront-compute-worker": [],
    }


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
def test_the_one_instance_is_reached_from_cloudfronts_addresses_alone(unknowns: bool) -> None:
    network = network_of(stack_of(ONE_INSTANCE, unknowns))
    (group,) = network.stack.of_type(kinds.AUTO_SCALING_GROUP)
    endpoint = network.endpoint(group)
    assert endpoint
    assert (endpoint.public[0], endpoint.subnets.rest, endpoint.groups.rest) == (True, "", "")
    assert paths(network, endpoint) == []
    (path,) = network.from_prefix_lists(endpoint)
    assert path.hops[1] == "CloudFront chat-app-cdn-distribution"
    assert path.hops[-1] == "Auto Scaling group chat-app-compute-instances:443"


def test_every_rule_knows_its_verdict_on_the_first_preview_of_every_stack() -> None:
    for name in STACKS:
        stack = stack_of(name, True)
        for rule in rules_here():
            for resource in stack.of_type(*RULES[rule].reads):
                judgement = judge(RULES[rule], resource, stack)
                assert judgement.verdict is not Verdict.UNDETERMINED, (name, rule, resource.name, judgement.stopped)


def rules_here() -> list[str]:
    return [name for name, rule in RULES.items() if rule.topic in TOPICS]


# What is broken in a real stack is found


def changed(name: str, edits: Mapping[str, Callable[[dict[str, Any]], None] | None], unknowns: bool = False) -> Stack:
    """A stack of ours with some of its resources edited, or left out; the keys end their URNs."""
    resources = []
    applied = set()
    for resource in snapshot_of(name, unknowns).resources:
        view = view_of(replace(resource, inputs=deepcopy(resource.inputs)))
        key = next((key for key in edits if view.urn.endswith(key)), None)
        edit = edits[key] if key else None
        if key:
            applied.add(key)
            if edit is None:
                continue
            edit(view.value)
        resources.append(view)
    assert applied == set(edits)
    return Stack(resources)


def failures(stack: Stack, rule: str) -> list[str]:
    found: list[Judgement] = [judge(RULES[rule], one, stack) for one in stack.of_type(*RULES[rule].reads)]
    return [message for judgement in found for message in judgement.messages]


def into_every_range(rule: dict[str, Any]) -> None:
    rule.pop("referencedSecurityGroupId", None)
    rule["cidrIpv4"] = "0.0.0.0/0"


def public(database: dict[str, Any]) -> None:
    database["publiclyAccessible"] = True


def with_way_out(table: dict[str, Any]) -> None:
    table["routes"] = [{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-0123456789abcdef0"}]


def open_acl(acl: dict[str, Any]) -> None:
    acl["ingress"] = acl["egress"] = [{"ruleNo": 1, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0"}]


def closed(rule: dict[str, Any]) -> None:
    rule["fromPort"] = rule["toPort"] = 1


STEPS: dict[str, Callable[[dict[str, Any]], None]] = {
    "aws:rds/instance:Instance::storefront-database-primary": public,
    "SecurityGroupIngressRule::storefront-database-proxy": into_every_range,
    "RouteTable::storefront-network-data": with_way_out,
    "NetworkAcl::storefront-network-data": open_acl,
}


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
def test_a_database_is_reached_only_once_every_protection_of_it_is_gone(unknowns: bool) -> None:
    (message,) = failures(changed(MILLIONS, STEPS, unknowns), "data-tier-unreachable")
    assert message.endswith(
        "network ACL storefront-network-data → security group storefront-database-primary admits 0.0.0.0/0:5432"
        " → database storefront-database-primary:5432"
    )
    for kept in STEPS:
        others = {key: edit for key, edit in STEPS.items() if key != kept}
        assert failures(changed(MILLIONS, others, unknowns), "data-tier-unreachable") == [], kept


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
@pytest.mark.parametrize(
    ("rule", "stack", "edits"),
    [
        ("app-tier-behind-entry", ONE_INSTANCE, {"IngressRule::chat-app-compute-cloudfront": into_every_range}),
        ("load-balancer-reaches-targets", MILLIONS, {"IngressRule::storefront-compute-web-public-3000": None}),
        ("load-balancer-reaches-targets", MILLIONS, {"EgressRule::storefront-compute-web-public-3000": closed}),
        ("load-balancer-port-admitted", MILLIONS, {"IngressRule::storefront-ingress-alb-cloudfront": closed}),
        ("vpc-origin-reaches-load-balancer", MILLIONS, {"IngressRule::storefront-ingress-alb-cloudfront": None}),
        ("data-store-has-clients", MILLIONS, {"IngressRule::storefront-database-proxy": closed}),
        ("nat-gateway-has-internet", MILLIONS, {"Route::storefront-network-public": None}),
        ("cloudfront-not-bypassed", "examples/thulobazaar/prod@launch", {"WebAclAssociation::*": None}),
        (
            "network-acl-lets-answers-pass",
            MILLIONS,
            {"NetworkAcl::storefront-network-data": lambda acl: acl.pop("egress")},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
def test_one_broken_piece_of_a_real_stack_is_found(
    rule: str, stack: str, edits: dict[str, Callable[[dict[str, Any]], None] | None], unknowns: bool
) -> None:
    if any(key.endswith("*") for key in edits):
        start = next(iter(edits)).removesuffix("*")
        names = [one.urn for one in snapshot_of(stack, unknowns).resources if start in one.urn]
        edits = {urn.rsplit("$")[-1]: None for urn in names}
    assert failures(stack_of(stack, unknowns), rule) == []
    assert failures(changed(stack, edits, unknowns), rule)


# Growth


def shops(count: int) -> Stack:
    """So many networks with a load balancer, services and a database each: ten resources a piece and some more."""
    entries: list[dict[str, Any]] = [{"cidrBlock": "10.0.0.0/8"}]
    for n in range(count):
        entries += [
            {f"ec2/Subnet public-{n}": {"vpcId": "->subject", "cidrBlock": f"10.{n // 250}.{n % 250}.0/25"}},
            {f"ec2/Subnet data-{n}": {"vpcId": "->subject", "cidrBlock": f"10.{n // 250}.{n % 250}.128/25"}},
            {f"ec2/RouteTableAssociation at-{n}": {"subnetId": f"->public-{n}", "routeTableId": "->out"}},
            {f"ec2/SecurityGroup front-{n}": {"vpcId": "->subject"}},
            {f"ec2/SecurityGroup app-{n}": {"vpcId": "->subject", "ingress": [{"protocol": "-1", "securityGroups": [f"->front-{n}"]}]}},
            {f"vpc/SecurityGroupIngressRule in-{n}": {"securityGroupId": f"->front-{n}", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0"}},
            {f"lb/LoadBalancer balancer-{n}": {"subnets": [f"->public-{n}"], "securityGroups": [f"->front-{n}"]}},
            {f"lb/TargetGroup targets-{n}": {"port": 80, "protocol": "HTTP", "targetType": "ip"}},
            {f"lb/Listener listener-{n}": {"loadBalancerArn": f"->balancer-{n}", "port": 443, "defaultActions": [{"targetGroupArn": f"->targets-{n}"}]}},
            {f"ecs/Service web-{n}": {"loadBalancers": [{"targetGroupArn": f"->targets-{n}", "containerPort": 80}], "networkConfiguration": {"subnets": [f"->data-{n}"], "securityGroups": [f"->app-{n}"]}}},
            {f"rds/SubnetGroup group-{n}": {"subnetIds": [f"->data-{n}"]}},
            {f"rds/Instance store-{n}": {"engine": "postgres", "dbSubnetGroupName": f"->group-{n}", "vpcSecurityGroupIds": [f"->app-{n}"]}},
        ]  # fmt: skip
    entries += [
        {"ec2/InternetGateway igw": {"vpcId": "->subject"}},
        {"ec2/RouteTable out": {"vpcId": "->subject", "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "->igw"}]}},
    ]
    return build("ec2/Vpc", entries)


def judge_all(stack: Stack) -> None:
    for rule in rules_here():
        for resource in stack.of_type(*RULES[rule].reads):
            judge(RULES[rule], resource, stack)


def test_five_thousand_resources_take_about_ten_times_the_work_of_five_hundred() -> None:
    small, large = shops(42), shops(417)
    assert len(small.resources) > 500
    assert len(large.resources) > 5000
    least, most = calls_of(lambda: judge_all(small)), calls_of(lambda: judge_all(large))
    assert most < 12 * least
    assert most < 1000 * len(large.resources)
