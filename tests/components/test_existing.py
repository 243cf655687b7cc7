"""Things that exist already: taken by id, used like ours, and left as they are."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.settings.effective import effective
from groundwork.settings.hints import hints
from groundwork.settings.loading import find_stack
from guardrails.view import Opaque
from tests.stacks import ROOT, run_found
from tests.writing import load, mistakes_in, write_project

VPC = "vpc-0123456789abcdef0"
PRIVATE = {"a": "subnet-0000000000000000a", "b": "subnet-0000000000000000b"}
PUBLIC = {"a": "subnet-000000000000000aa", "b": "subnet-000000000000000bb"}
IDS = {"existing": {"vpc_id": VPC, "subnets": {"private": PRIVATE}}}
TAGGED = {"zones": ["a", "c"], "existing": {"vpc_id": VPC, "subnet_tags": {"private": {"Tier": "private"}}}}
SERVICES = {
    "web": {"port": 3000, "path": "/*"},
    "worker": {"outbound_ports": [], "uses": {"database": "connect"}},
}


def built(network: dict[str, Any], phase: str = "mvp", **layers: Any) -> Snapshot:
    """What a stack with this network declares."""
    return _built(json.dumps({"network": network, "services": SERVICES, **layers}, sort_keys=True), phase)


@cache
def _built(layers: str, phase: str) -> Snapshot:
    config = {f"groundwork:{layer}": said for layer, said in json.loads(layers).items()}
    platform = {"name": "shop", "stage": "dev", "phase": phase, **config.pop("groundwork:platform", {})}
    with TemporaryDirectory() as folder:
        lines = [f"{key}: {json.dumps(said)}" for key, said in {"groundwork:platform": platform, **config}.items()]
        write_project(Path(folder), "\n".join(lines), main=str(ROOT))
        return run_found(find_stack("dev", Path(folder)))


def inputs(snapshot: Snapshot, type_: str) -> list[dict[str, Any]]:
    return [resource.inputs for resource in snapshot.of_type(type_)]


NETWORK_TYPES = ("vpc:Vpc", "subnet:Subnet", "routeTable:RouteTable", "natGateway:NatGateway", "networkAcl:NetworkAcl")


def test_a_vpc_that_exists_is_built_in_and_left_as_it_is() -> None:
    snapshot = built(IDS)
    assert not [one for type_ in NETWORK_TYPES for one in inputs(snapshot, f"aws:ec2/{type_}")]
    for service in inputs(snapshot, "aws:ecs/service:Service"):
        assert service["networkConfiguration"]["subnets"] == list(PRIVATE.values())
    [balancer] = inputs(snapshot, "aws:lb/loadBalancer:LoadBalancer")
    assert balancer["subnets"] == list(PRIVATE.values())
    assert {group["vpcId"] for group in inputs(snapshot, "aws:ec2/securityGroup:SecurityGroup")} == {VPC}


def test_without_data_subnets_the_database_stands_in_the_private_ones() -> None:
    data = {"a": "subnet-00000000000000da0", "b": "subnet-00000000000000db0"}
    own = {"existing": {"vpc_id": VPC, "subnets": {"private": PRIVATE, "data": data}}}
    for network, subnets in ((IDS, PRIVATE), (own, data)):
        [group] = inputs(built(network), "aws:rds/subnetGroup:SubnetGroup")
        assert group["subnetIds"] == list(subnets.values())


def test_subnets_are_found_by_tags_one_in_each_zone() -> None:
    [group] = inputs(built(TAGGED), "aws:rds/subnetGroup:SubnetGroup")
    assert len(set(group["subnetIds"])) == 2


def test_phases_say_nothing_of_a_network_that_exists(tmp_path: Path) -> None:
    """``millions`` brings three zones, a NAT gateway in each and endpoints to one of our own."""
    platform = "groundwork:platform: {name: shop, stage: dev, phase: millions}"
    write_project(tmp_path, f"{platform}\ngroundwork:network: {json.dumps(IDS)}")
    loaded = load(tmp_path)
    network = loaded.settings.network
    assert network
    assert (network.nat, network.endpoints) == ("single", ())
    shown = {row.path[1] for row in effective(loaded) if row.path[0] == "network"}
    assert shown == {"existing"}


def test_a_preview_says_that_no_rule_judges_what_is_not_ours(tmp_path: Path) -> None:
    write_project(tmp_path, f"groundwork:network: {json.dumps(IDS)}")
    assert any(hint.startswith(f"{VPC} is used as it is") for hint in hints(load(tmp_path).settings))


def test_ranges_of_subnets_that_exist_are_unknown_where_network_policies_need_them() -> None:
    snapshot = built(
        IDS, compute={"engine": "eks", "kubernetes": {"endpoint_addresses": ["10.20.0.0/16"], "endpoint": "private"}}
    )
    policies = inputs(snapshot, "kubernetes:networking.k8s.io/v1:NetworkPolicy")
    blocks = [block for policy in policies for block in _blocks(policy)]
    assert Opaque.UNKNOWN in blocks
    assert not [block for block in blocks if isinstance(block, str) and block.startswith("198.18")]


def test_the_api_of_a_cluster_in_a_vpc_that_exists_is_told_its_callers(tmp_path: Path) -> None:
    [found] = mistakes_in(tmp_path, f"groundwork:network: {json.dumps(IDS)}\ngroundwork:compute: {{engine: eks}}")
    assert "compute.kubernetes.endpoint_addresses: names nobody, and the API answers inside a VPC" in found


def _blocks(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in ([item] if key == "cidr" else _blocks(item))]
    return [found for item in value for found in _blocks(item)] if isinstance(value, list) else []


def _existing(**said: Any) -> dict[str, Any]:
    return {"existing": {"vpc_id": VPC, "subnets": {"private": PRIVATE}, **said}}


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "an id of another thing": (
        _existing(vpc_id="subnet-0123456789abcdef0"),
        'network.existing.vpc_id: the value is not the id of a VPC, such as "vpc-0123456789abcdef0"',
    ),
    "an id that is too short": (
        _existing(subnets={"private": {"a": "subnet-1", "b": PRIVATE["b"]}}),
        'network.existing.subnets.private.a: "subnet-1" is not the id of a subnet',
    ),
    "a range beside it": (
        {**_existing(), "cidr": "10.0.0.0/16"},
        'network.cidr: "10.0.0.0/16" is of a VPC that is made, and existing names one that is there, which is not changed',
    ),
    "flow logs beside it": (
        {**_existing(), "flow_logs": {"enabled": True}},
        'network.flow_logs: {"enabled": true} is of a VPC that is made',
    ),
    "subnets in one zone": (
        _existing(subnets={"private": {"a": PRIVATE["a"]}}),
        "network.existing.subnets.private: is one subnet, and load balancers and databases want two zones",
    ),
    "fewer subnets than zones": (
        {**_existing(), "zones": 3},
        "network.zones: says 3, and existing.subnets are in a and b; leave zones out, or name a subnet in each",
    ),
    "a tier that lacks a zone of another": (
        _existing(subnets={"private": PRIVATE, "data": {"a": PUBLIC["a"], "c": PUBLIC["b"]}}),
        "network.existing.subnets.data: has subnets in a and c, and the private ones are in a and b; name one in each of these",
    ),
    "a private subnet as a public one": (
        _existing(subnets={"private": PRIVATE, "public": {"a": PUBLIC["a"], "b": PRIVATE["b"]}}),
        "is private.b already; a subnet stands in one zone and is of one tier",
    ),
    "a tier by id and by tags": (
        _existing(subnet_tags={"private": {"Tier": "private"}}),
        "network.existing.subnet_tags.private: has its subnets by id under subnets already; take one of the two out",
    ),
    "no private subnets": (
        {"existing": {"vpc_id": VPC, "subnets": {"public": PUBLIC}}},
        "network.existing: has no private subnets, where services run; name them",
    ),
    "a zone that the region lacks": (
        _existing(subnets={"private": {"a": PRIVATE["a"], "f": PRIVATE["b"]}}),
        "network.existing.subnets.private.f: ap-south-1 has no such zone; it has a, b or c",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_one_message_says_what_does_not_fit_what_exists(tmp_path: Path, case: str) -> None:
    network, message = MISTAKES[case]
    [found] = mistakes_in(tmp_path, f"groundwork:network: {json.dumps(network)}")
    assert found.startswith("Pulumi.dev.yaml:4 ")
    assert message in found


def test_a_public_load_balancer_asks_for_public_subnets(tmp_path: Path) -> None:
    [found] = mistakes_in(
        tmp_path,
        "groundwork:platform: {name: shop, domain: example.com}\n"
        f"groundwork:network: {json.dumps(_existing())}\n"
        "groundwork:edge: {load_balancer: {exposure: internet}}\n"
        f"groundwork:services: {json.dumps({'web': SERVICES['web']})}\n",
    )
    assert (
        "network.existing: has no public subnets, where the load balancer or the instance has its public address"
        in found
    )
