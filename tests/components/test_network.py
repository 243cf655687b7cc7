"""The network: tiers, ways out, ways kept shut."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from groundwork.components.compute.eks import controllers, karpenter, queue_scaling
from groundwork.components.compute.eks.charts import Chart
from groundwork.components.context import Context
from groundwork.components.network.network import Network
from groundwork.components.network.settings import NetworkSettings
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import layer_buckets, regions
from tests.harness import build

KEY = "arn:aws:kms:ap-south-1:111122223333:key/logs"
TYPES = {
    "subnet": "aws:ec2/subnet:Subnet",
    "nat": "aws:ec2/natGateway:NatGateway",
    "route": "aws:ec2/route:Route",
    "table": "aws:ec2/routeTable:RouteTable",
    "association": "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "endpoint": "aws:ec2/vpcEndpoint:VpcEndpoint",
    "acl": "aws:ec2/networkAcl:NetworkAcl",
}

CHARTS = [
    value
    for module in (controllers, karpenter, queue_scaling)
    for value in vars(module).values()
    if isinstance(value, Chart)
]


def network(settings: dict[str, Any] | None = None, wiring: dict[str, Any] | None = None, **options: Any) -> Snapshot:
    """A network of these settings; tests that ask for the same share one."""
    key = json.dumps([settings, wiring, options], sort_keys=True)
    if key not in _BUILT:
        _BUILT[key] = _build(settings or {}, wiring or {}, **options)
    return _BUILT[key]


_BUILT: dict[str, Snapshot] = {}


def _build(settings: dict[str, Any], wiring: dict[str, Any], **options: Any) -> Snapshot:
    def program(context: Context) -> None:
        made = Network("shop-network", NetworkSettings.model_validate(settings), context=context, **wiring)
        # Somebody who uses the subnets, to see what they wait for.
        for tier, ids, ready in (
            ("public", made.public_subnet_ids, made.public_ready),
            ("private", made.private_subnet_ids, made.private_ready),
        ):
            waits = pulumi.ResourceOptions(depends_on=list(ready))
            aws.rds.SubnetGroup(f"{tier}-user", subnet_ids=list(ids.values()), opts=waits)

    return build(program, **options)


def named(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(TYPES[kind]) if resource.name == f"shop-network-{name}"]
    return found


def names(snapshot: Snapshot, kind: str) -> set[str]:
    return {resource.name.removeprefix("shop-network-") for resource in snapshot.of_type(TYPES[kind])}


def statements(resource: Resource, key: str = "policy") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(resource.inputs[key])["Statement"]
    return found


def default_routes(snapshot: Snapshot, tier_and_zone: str) -> list[dict[str, Any]]:
    table = named(snapshot, "association", tier_and_zone).inputs["routeTableId"]
    return [
        route.inputs
        for route in snapshot.of_type(TYPES["route"])
        if route.inputs["routeTableId"] == table and (route.inputs.get("destinationCidrBlock") == "0.0.0.0/0")
    ]


def test_two_zones_have_two_public_two_private_and_two_data_subnets() -> None:
    """S2-06"""
    snapshot = network()
    assert names(snapshot, "subnet") == {f"{tier}-{zone}" for tier in ("public", "private", "data") for zone in "ab"}
    for subnet in snapshot.of_type(TYPES["subnet"]):
        assert subnet.inputs["mapPublicIpOnLaunch"] is False
        assert subnet.inputs["availabilityZone"] == f"ap-south-1{subnet.name[-1]}"


def test_public_reaches_the_internet_private_reaches_nat_and_data_reaches_neither() -> None:
    """S2-06"""
    snapshot = network()
    for zone in "ab":
        [public], [private] = (default_routes(snapshot, f"{tier}-{zone}") for tier in ("public", "private"))
        assert public["gatewayId"].startswith("igw-")
        assert private["natGatewayId"].startswith("nat-")
        assert default_routes(snapshot, f"data-{zone}") == []


def test_exact_cidrs_are_taken_and_the_data_tier_follows_the_plan() -> None:
    """S3-01"""
    exact = {"public": {"a": "10.0.1.0/24", "b": "10.0.2.0/24"}, "private": {"a": "10.0.3.0/24", "b": "10.0.4.0/24"}}
    snapshot = network({"subnets": exact})
    cidrs = {
        subnet.name.removeprefix("shop-network-"): subnet.inputs["cidrBlock"]
        for subnet in snapshot.of_type(TYPES["subnet"])
    }
    assert cidrs == {
        "public-a": "10.0.1.0/24",
        "public-b": "10.0.2.0/24",
        "private-a": "10.0.3.0/24",
        "private-b": "10.0.4.0/24",
        "data-a": "10.0.20.0/22",
        "data-b": "10.0.52.0/22",
    }


def test_nat_is_none_one_or_one_for_each_zone() -> None:
    assert names(network({"nat": "none"}), "nat") == set()
    assert names(network({"zones": 3}), "nat") == {"nat-a"}
    assert names(network({"zones": 3, "nat_zone": "c"}), "nat") == {"nat-c"}
    assert names(network({"zones": 3, "nat": "per-zone"}), "nat") == {"nat-a", "nat-b", "nat-c"}


def test_with_nat_per_zone_each_zone_leaves_through_its_own() -> None:
    snapshot = network({"zones": 3, "nat": "per-zone"})
    used = {zone: default_routes(snapshot, f"private-{zone}")[0]["natGatewayId"] for zone in "abc"}
    assert used == {zone: named(snapshot, "nat", f"nat-{zone}").outputs["id"] for zone in "abc"}


def test_without_nat_the_private_tier_has_no_way_out() -> None:
    snapshot = network({"nat": "none"})
    assert default_routes(snapshot, "private-a") == []
    assert not snapshot.of_type("aws:ec2/eip:Eip")


def test_a_further_zone_changes_no_other_urn_and_no_cidr() -> None:
    two, three = network({"zones": 2}).by_urn(), network({"zones": 3}).by_urn()
    assert two.keys() < three.keys()
    for urn, resource in two.items():
        if resource.type == TYPES["subnet"]:
            assert resource.inputs["cidrBlock"] == three[urn].inputs["cidrBlock"]


def test_going_from_one_nat_gateway_to_one_per_zone_keeps_the_first() -> None:
    assert network().by_urn().keys() < network({"nat": "per-zone"}).by_urn().keys()


def test_whoever_uses_a_subnet_waits_for_its_way_out() -> None:
    snapshot = network({"endpoints": ["ecr.api"]})
    users = {user.name: user for user in snapshot.of_type("aws:rds/subnetGroup:SubnetGroup")}
    waited = {
        tier: {urn.rpartition("$")[2] for urn in users[f"{tier}-user"].dependencies} for tier in ("public", "private")
    }
    route, endpoint = f"{TYPES['route']}::shop-network", f"{TYPES['endpoint']}::shop-network"
    assert waited["public"] >= {f"{route}-public"}
    assert waited["private"] >= {f"{route}-private-a", f"{route}-private-b", f"{endpoint}-ecr-api"}


def test_a_new_endpoint_makes_no_subnet_unknown_to_those_who_use_it() -> None:
    """What the ids depend on is unknown in the preview that adds it, and then all that uses them seems to be replaced."""
    snapshot = network({"endpoints": ["sqs"]})
    kinds = {
        snapshot.by_urn()[urn].type
        for user in snapshot.of_type("aws:rds/subnetGroup:SubnetGroup")
        for urn in user.property_dependencies["subnetIds"]
    }
    assert kinds == {TYPES["subnet"]}


def test_what_aws_gives_every_vpc_is_emptied() -> None:
    snapshot = network()
    [group] = snapshot.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])
    [table] = snapshot.of_type("aws:ec2/defaultRouteTable:DefaultRouteTable")
    assert table.inputs["routes"] == []


def test_the_data_tier_takes_its_ports_from_the_private_tier_and_nothing_else() -> None:
    """S2-06, S3-01"""
    snapshot = network()
    [acl] = snapshot.of_type(TYPES["acl"])
    assert set(acl.inputs["subnetIds"]) == {named(snapshot, "subnet", f"data-{zone}").outputs["id"] for zone in "ab"}
    private, data = (
        {named(snapshot, "subnet", f"{tier}-{zone}").inputs["cidrBlock"] for zone in "ab"}
        for tier in ("private", "data")
    )
    for rule in acl.inputs["ingress"]:
        assert rule["protocol"] == "6"
        assert rule["cidrBlock"] in data or (rule["cidrBlock"] in private and rule["fromPort"] == rule["toPort"])
    assert {rule["fromPort"] for rule in acl.inputs["ingress"] if rule["cidrBlock"] in private} == {443, 5432, 6379}
    for rule in acl.inputs["egress"]:
        assert rule["cidrBlock"] in data or (rule["cidrBlock"] in private and rule["fromPort"] == 1024)


def test_the_data_tier_answers_the_one_public_instance_in_its_own_zone_alone() -> None:
    plain, snapshot = network(), network(wiring={"has_public_instance": True})
    public, other = (named(snapshot, "subnet", f"public-{zone}").inputs["cidrBlock"] for zone in "ab")
    [before] = plain.of_type(TYPES["acl"])
    [acl] = snapshot.of_type(TYPES["acl"])
    assert {rule["fromPort"] for rule in acl.inputs["ingress"] if rule["cidrBlock"] == public} == {443, 5432, 6379}
    assert [rule["fromPort"] for rule in acl.inputs["egress"] if rule["cidrBlock"] == public] == [1024]
    for direction in ("ingress", "egress"):
        assert other not in {rule["cidrBlock"] for rule in acl.inputs[direction]}
        assert [rule for rule in acl.inputs[direction] if rule["cidrBlock"] != public] == before.inputs[direction]


def test_the_data_tier_answers_on_the_databases_own_port() -> None:
    [acl] = network(wiring={"database_port": 6543}).of_type(TYPES["acl"])
    ports = {rule["fromPort"] for rule in acl.inputs["ingress"] if rule["fromPort"] == rule["toPort"]}
    assert ports == {443, 6379, 6543}


def test_no_two_rules_of_the_acl_share_a_number() -> None:
    [acl] = network({"zones": 3}, {"has_public_instance": True}).of_type(TYPES["acl"])
    for direction in ("ingress", "egress"):
        numbers = [rule["ruleNo"] for rule in acl.inputs[direction]]
        assert len(numbers) == len(set(numbers)) <= 20


def test_gateway_endpoints_serve_private_and_data_but_not_public() -> None:
    snapshot = network()
    tables = {named(snapshot, "table", key).outputs["id"] for key in ("private-a", "private-b", "data")}
    for service in ("s3", "dynamodb"):
        endpoint = named(snapshot, "endpoint", service)
        assert endpoint.inputs["vpcEndpointType"] == "Gateway"
        assert endpoint.inputs["serviceName"] == f"com.amazonaws.ap-south-1.{service}"
        assert set(endpoint.inputs["routeTableIds"]) == tables


def test_the_s3_endpoint_passes_own_buckets_and_those_that_images_and_packages_come_from() -> None:
    own, of_aws = statements(named(network(), "endpoint", "s3"))
    assert own["Condition"]["StringEquals"] == {
        "aws:PrincipalAccount": "111122223333",
        "aws:ResourceAccount": "111122223333",
    }
    assert of_aws["Action"] == "s3:GetObject"
    assert "arn:aws:s3:::prod-ap-south-1-starport-layer-bucket/*" in of_aws["Resource"]
    assert "arn:aws:s3:::al2023-repos-ap-south-1-de612dc2/*" in of_aws["Resource"]
    assert all(resource.count("*") == 1 for resource in of_aws["Resource"])


@pytest.mark.parametrize("region", ["us-west-2", "eu-west-2", "ap-east-1"])
def test_the_s3_endpoint_lets_every_image_pass_that_nodes_pull(region: str) -> None:
    """Each request for a layer is answered with the address of a bucket in the region, which is not called alike everywhere."""
    _, readable = statements(named(network(region=region), "endpoint", "s3"))
    images = [
        "123456789012.dkr.ecr.us-west-2.amazonaws.com/eks/coredns",
        *(image for one in CHARTS for image in one.images),
    ]
    assert {"registry.k8s.io/autoscaling/cluster-autoscaler", "ghcr.io/kedacore/keda"} < set(images)
    buckets = layer_buckets(region)
    for image in images:
        host = image.partition("/")[0]
        [registry] = [known for known in buckets if host == known or host.endswith(f".{known}")]
        if bucket := buckets[registry]:
            assert f"arn:aws:s3:::{bucket}/*" in readable["Resource"], image
    assert "Condition" not in readable


def test_kubernetes_registry_has_a_bucket_in_every_region_but_those_it_names() -> None:
    buckets = {region: layer_buckets(region)["registry.k8s.io"] for region in regions()}
    assert buckets["us-west-2"] == "prod-registry-k8s-io-us-west-2"
    assert buckets["eu-west-2"] == "767373bbdcb8270361b96548387bf2a9ad0d48758c35-eu-west-2"
    assert layer_buckets("ap-east-2")["registry.k8s.io"] is None
    assert all(bucket and bucket.endswith(region) for region, bucket in buckets.items() if region != "ap-east-2")


def test_buckets_of_others_are_read_only_and_only_by_own_principals() -> None:
    *_, others = statements(named(network({"endpoint_buckets": ["partner-data"]}), "endpoint", "s3"))
    assert others["Resource"] == ["arn:aws:s3:::partner-data", "arn:aws:s3:::partner-data/*"]
    assert others["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert others["Condition"]["StringEquals"] == {"aws:PrincipalAccount": "111122223333"}


def test_interface_endpoints_answer_https_from_the_vpc_alone() -> None:
    snapshot = network({"endpoints": ["ecr.api", "logs"]})
    [rule] = snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert (rule.inputs["fromPort"], rule.inputs["toPort"], rule.inputs["cidrIpv4"]) == (443, 443, "10.0.0.0/16")
    assert not snapshot.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    for service in ("ecr-api", "logs"):
        endpoint = named(snapshot, "endpoint", service)
        assert endpoint.inputs["privateDnsEnabled"] is True
        assert len(endpoint.inputs["subnetIds"]) == 2
        [statement] = statements(endpoint)
        assert statement["Condition"]["StringEquals"]["aws:PrincipalAccount"] == "111122223333"


def test_endpoints_whose_callers_are_not_signed_yet_let_them_in() -> None:
    snapshot = network({"endpoints": ["sts", "eks-auth", "ecs-agent"]})
    assert [statement["Sid"] for statement in statements(named(snapshot, "endpoint", "sts"))] == [
        "OwnPrincipals",
        "OwnRolesByToken",
    ]
    for service in ("eks-auth", "ecs-agent"):
        assert "policy" not in named(snapshot, "endpoint", service).inputs


def test_flow_logs_are_encrypted_and_their_role_writes_to_their_group_alone() -> None:
    snapshot = network()
    [log] = snapshot.of_type("aws:ec2/flowLog:FlowLog")
    assert log.inputs["trafficType"] == "ALL"
    [group] = snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert (group.inputs["name"], group.inputs["kmsKeyId"]) == ("/shop/prod/network/flow", KEY)
    [policy] = snapshot.of_type("aws:iam/rolePolicy:RolePolicy")
    [statement, listing] = statements(policy)
    assert statement["Resource"] == [group.outputs["arn"], f"{group.outputs['arn']}:*"]
    assert (listing["Action"], listing["Resource"]) == (["logs:DescribeLogGroups"], ["*"])
    [role] = snapshot.of_type("aws:iam/role:Role")
    [trust] = statements(role, "assumeRolePolicy")
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
    assert not network({"flow_logs": {"enabled": False}}).of_type("aws:ec2/flowLog:FlowLog")


def test_ipv6_reaches_public_and_private_and_lets_nobody_in_to_private() -> None:
    snapshot = network({"ipv6": True})
    for tier in ("public", "private"):
        assert named(snapshot, "subnet", f"{tier}-a").inputs["ipv6CidrBlock"].endswith("/64")
    assert "ipv6CidrBlock" not in named(snapshot, "subnet", "data-a").inputs
    assert named(snapshot, "route", "private-a-ipv6").inputs["egressOnlyGatewayId"].startswith("eigw-")
    assert network().by_urn().keys() < snapshot.by_urn().keys()


def test_the_vpc_is_protected_in_prod_only() -> None:
    def protected(stage: str) -> bool:
        [vpc] = network(stage=stage).of_type("aws:ec2/vpc:Vpc")
        return bool(vpc.options.get("protect"))

    assert protected("prod")
    assert not protected("dev")


def test_nothing_is_unknown_offline_and_the_first_real_preview_declares_the_same() -> None:
    settings = {"zones": 3, "nat": "per-zone", "ipv6": True, "endpoints": ["sts", "logs"]}
    known, unknown = network(settings), network(settings, unknowns=True)
    assert '"unknown"' not in known.dumps().replace('"unknowns"', "")
    assert known.by_urn().keys() == unknown.by_urn().keys()
