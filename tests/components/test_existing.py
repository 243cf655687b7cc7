"""Things that exist already: taken by id, used like ours, and left as they are."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from groundwork.preview.changes.compare import compare
from groundwork.preview.diagram.graph import graph_of
from groundwork.preview.diagram.mermaid import mermaid
from groundwork.preview.diagram.svg import svg
from groundwork.preview.snapshot import Snapshot, to_marker
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


DOMAIN = {"name": "shop", "domain": "example.com"}
EXTERNAL = {"zone": {"external": True}}
ARNS = {
    "cloudfront": "arn:aws:acm:us-east-1:111122223333:certificate/11111111-2222-3333-4444-555555555555",
    "load_balancer": "arn:aws:acm:ap-south-1:111122223333:certificate/66666666-2222-3333-4444-555555555555",
}


def edged(edge: dict[str, Any]) -> Snapshot:
    """What a stack with a domain and this edge declares."""
    return built(IDS, platform=DOMAIN, edge=edge, services={"web": SERVICES["web"]}, data=None)


def outputs(snapshot: Snapshot) -> dict[str, Any]:
    [platform] = [one for one in snapshot.resources if one.type == "groundwork:platform:Platform"]
    return platform.outputs


def test_with_dns_elsewhere_the_first_update_asks_for_a_certificate_and_waits_for_nothing() -> None:
    snapshot = edged(EXTERNAL)
    assert not snapshot.of_type("aws:route53/zone:Zone")
    assert not snapshot.of_type("aws:route53/record:Record")
    assert not snapshot.of_type("aws:acm/certificateValidation:CertificateValidation")
    [certificate] = inputs(snapshot, "aws:acm/certificate:Certificate")
    assert (certificate["domainName"], certificate["region"]) == ("example.com", "us-east-1")
    [entry] = outputs(snapshot)["dnsRecords"]
    assert entry["type"] == "CNAME"
    assert entry["name"].endswith("example.com.")
    [distribution] = inputs(snapshot, "aws:cloudfront/distribution:Distribution")
    assert distribution["aliases"] == []


def test_with_dns_elsewhere_the_second_update_answers_by_the_domain_and_says_what_leads_to_it() -> None:
    snapshot = edged({"zone": {"external": True, "delegated": True}})
    assert not snapshot.of_type("aws:route53/record:Record")
    regions = [one.get("region") for one in inputs(snapshot, "aws:acm/certificateValidation:CertificateValidation")]
    assert sorted(regions) == ["ap-south-1", "us-east-1"]
    [distribution] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    assert distribution.inputs["aliases"] == ["example.com", "www.example.com", "api.example.com"]
    validation, *leading = outputs(snapshot)["dnsRecords"]
    assert validation["value"].endswith("acm-validations.aws.")
    address = distribution.outputs["domainName"]
    assert leading == [
        {"name": name, "type": kind, "value": address}
        for name, kind in (("example.com", "ALIAS"), ("www.example.com", "CNAME"), ("api.example.com", "CNAME"))
    ]
    first, second = edged(EXTERNAL).by_urn(), snapshot.by_urn()
    assert {urn for urn in first if urn not in second} == set()


def test_certificates_that_exist_take_the_place_of_ours_at_once() -> None:
    for zone in ({"external": True}, {"id": "Z0123456789ABCDEFGHIJ"}):
        snapshot = edged({"zone": zone, "certificates": ARNS})
        assert not snapshot.of_type("aws:acm/certificate:Certificate")
        [distribution] = inputs(snapshot, "aws:cloudfront/distribution:Distribution")
        assert distribution["viewerCertificate"]["acmCertificateArn"] == ARNS["cloudfront"]
        assert ARNS["load_balancer"] in [
            one.get("certificateArn") for one in inputs(snapshot, "aws:lb/listener:Listener")
        ]
        assert bool(snapshot.of_type("aws:route53/record:Record")) == ("id" in zone)


EDGE_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "CloudFront's certificate elsewhere": (
        {**EXTERNAL, "certificates": {**ARNS, "cloudfront": ARNS["load_balancer"]}},
        "edge.certificates.cloudfront: is in ap-south-1, and CloudFront looks for its certificate in us-east-1",
    ),
    "the load balancer's certificate elsewhere": (
        {**EXTERNAL, "certificates": {**ARNS, "load_balancer": ARNS["cloudfront"]}},
        "edge.certificates.load_balancer: is in us-east-1, and the load balancer looks for its certificate in ap-south-1",
    ),
    "a certificate of another partition": (
        {
            **EXTERNAL,
            "certificates": {**ARNS, "load_balancer": ARNS["load_balancer"].replace("arn:aws:", "arn:aws-cn:")},
        },
        "edge.certificates.load_balancer: is of the partition aws-cn, and ap-south-1 is of aws",
    ),
    "no certificate's ARN": (
        {**EXTERNAL, "certificates": {"cloudfront": "arn:aws:acm:us-east-1:1:certificate/x"}},
        "is not the ARN of a certificate",
    ),
    "one certificate of two": (
        {**EXTERNAL, "certificates": {"cloudfront": ARNS["cloudfront"]}},
        "edge.certificates.cloudfront: is there, and the certificate for load_balancer would be validated by records that nobody",
    ),
    "two providers": (
        {"zone": {"external": True, "id": "Z0123456789ABCDEFGHIJ"}},
        "edge.zone.external: true is said beside id, which names a zone of Route 53; take one of the two out",
    ),
    "an id that is none": ({"zone": {"id": "example.com"}}, "is not the id of a hosted zone"),
}


@pytest.mark.parametrize("case", EDGE_MISTAKES)
def test_one_message_says_what_does_not_fit_names_and_certificates(tmp_path: Path, case: str) -> None:
    edge, message = EDGE_MISTAKES[case]
    platform = "groundwork:platform: {name: shop, domain: example.com}"
    services = f"groundwork:services: {json.dumps({'web': SERVICES['web']})}"
    [found] = mistakes_in(tmp_path, f"{platform}\n{services}\ngroundwork:edge: {json.dumps(edge)}")
    assert found.startswith("Pulumi.dev.yaml:5 ")
    assert message in found


def test_an_instance_that_validates_its_own_certificate_needs_route_53(tmp_path: Path) -> None:
    [found] = mistakes_in(
        tmp_path,
        "groundwork:platform: {name: shop, domain: example.com}\n"
        f"groundwork:edge: {json.dumps(EXTERNAL)}\n"
        "groundwork:compute: {engine: ec2, instances: {placement: public, min: 1, max: 1, data_volume: 10}}\n"
        f"groundwork:services: {json.dumps({'web': SERVICES['web']})}\n",
    )
    assert "edge.zone.external: the only instance gets its certificate by entering records" in found


def test_a_preview_says_which_records_to_enter_and_when(tmp_path: Path) -> None:
    head = "groundwork:platform: {name: shop, domain: example.com}\ngroundwork:edge: "
    for edge, words in (
        (EXTERNAL, "is known only then; say edge.zone.delegated: true"),
        ({"zone": {"external": True, "delegated": True}}, "example.com (ALIAS or ANAME), www.example.com (CNAME)"),
    ):
        write_project(tmp_path, f"{head}{json.dumps(edge)}")
        assert any(words in hint for hint in hints(load(tmp_path).settings))


KEY = "arn:aws:kms:ap-south-1:111122223333:key/0a1b2c3d-1111-2222-3333-444455556666"
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:rds!db-1-AbCdEf"
GROUP = "sg-0123456789abcdef0"
DATABASE = {"existing": {"identifier": "shop-prod", "secret": SECRET, "security_group": GROUP}}
USERS = {"api": {"port": 8080, "path": "/*", "uses": {"database": "connect", "uploads": "read-write"}}}
UPLOADS = {"uploads": {"existing": "acme-uploads", "encryption_key": KEY, "cdn": True}}
FOREIGN: dict[str, Any] = {"data": DATABASE, "services": USERS, "storage": UPLOADS}


def test_a_database_that_exists_is_used_and_gets_one_rule_for_each_client() -> None:
    snapshot = built(IDS, **FOREIGN)
    assert not [one for one in snapshot.resources if one.custom and one.type.startswith("aws:rds/")]
    [rule] = [
        one
        for one in inputs(snapshot, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if one["securityGroupId"] == GROUP
    ]
    assert (rule["fromPort"], rule["toPort"]) == (5432, 5432)
    [task] = inputs(snapshot, "aws:ecs/taskDefinition:TaskDefinition")
    [container] = [one for one in json.loads(task["containerDefinitions"]) if one["name"] == "api"]
    told = {one["name"]: one["value"] for one in container["environment"]}
    assert (told["DATABASE_PORT"], told["DATABASE_HOST"]) == ("5432", to_marker(Opaque.UNKNOWN))
    policies = "".join(str(one["policy"]) for one in inputs(snapshot, "aws:iam/rolePolicy:RolePolicy"))
    assert SECRET in policies


def test_services_are_told_what_a_database_that_exists_can_tell(tmp_path: Path) -> None:
    uses = {"api": {**USERS["api"], "uses": {"database": {"level": "connect", "variables": {"DB": "DATABASE_URL"}}}}}
    for existing, found in ((DATABASE["existing"], 1), ({**DATABASE["existing"], "url_key": "url"}, 0)):
        layers = {"network": IDS, "data": {"existing": existing}, "services": uses}
        lines = "\n".join(f"groundwork:{layer}: {json.dumps(said)}" for layer, said in layers.items())
        assert len(mistakes_in(tmp_path, lines)) == found


def test_a_bucket_that_exists_keeps_its_policy_and_its_owner_is_told_what_to_add() -> None:
    snapshot = built(IDS, **FOREIGN)
    assert not [one for one in snapshot.resources if one.custom and one.inputs.get("bucket") == "acme-uploads"]
    wanted = json.loads(outputs(snapshot)["policyStatements"]["storage.uploads"])
    assert wanted["Resource"] == "arn:aws:s3:::acme-uploads/*"
    [distribution] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    assert wanted["Condition"]["StringEquals"]["AWS:SourceArn"] == distribution.outputs["arn"]
    origins = [origin["domainName"] for origin in distribution.inputs["origins"]]
    assert "acme-uploads.s3.ap-south-1.amazonaws.com" in origins
    policies = "".join(str(one["policy"]) for one in inputs(snapshot, "aws:iam/rolePolicy:RolePolicy"))
    assert "arn:aws:s3:::acme-uploads/*" in policies
    assert KEY in policies


def test_a_key_that_exists_encrypts_everything_and_keeps_its_policy() -> None:
    snapshot = built(IDS, platform={"existing_key": KEY})
    keys = [one for one in inputs(snapshot, "aws:kms/key:Key") if one.get("region") is None]
    assert keys == []
    assert {one.get("kmsKeyId") for one in inputs(snapshot, "aws:rds/instance:Instance")} == {KEY}
    wanted = json.loads(outputs(snapshot)["policyStatements"]["platform.existing_key"])
    assert {"AllowCloudWatchLogs", "AllowCloudFrontRead"} <= {statement["Sid"] for statement in wanted}


FOREIGN_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "sizes of a database that exists": (
        {"data": {**DATABASE, "multi_az": True}},
        "data.multi_az: true is of a database that is made, and existing names one that is there",
    ),
    "a secret in another region": (
        {"data": {"existing": {**DATABASE["existing"], "secret": SECRET.replace("ap-south-1", "eu-west-1")}}},
        "data.existing.secret: is in eu-west-1, and copies of services read it in ap-south-1",
    ),
    "a database out of reach": (
        {"data": DATABASE, "network": {}},
        "data.existing.security_group: is in a VPC that exists, and this stack makes one of its own",
    ),
    "no name of a database": (
        {"data": {"existing": {**DATABASE["existing"], "identifier": "shop_prod"}}},
        'data.existing.identifier: "shop_prod" is not the name of a database in RDS',
    ),
    "a lifecycle of a bucket that exists": (
        {"storage": {"uploads": {"existing": "acme-uploads", "versioning": False}}},
        "storage.uploads.versioning: false is of a bucket that is made",
    ),
    "no name of a bucket": (
        {"storage": {"uploads": {"existing": "Acme"}}},
        'storage.uploads.existing: "Acme" is not the name',
    ),
    "access logs into a bucket that exists": (
        {"storage": {"uploads": {"existing": "acme-uploads", "purpose": "logs"}}},
        'storage.uploads.purpose: "logs" is for access logs, which AWS delivers only where the bucket\'s policy admits them',
    ),
    "a key in another region": (
        {"storage": {"uploads": {**UPLOADS["uploads"], "encryption_key": KEY.replace("ap-south-1", "eu-west-1")}}},
        "storage.uploads.encryption_key: is in eu-west-1, and a bucket's key is in the bucket's region",
    ),
    "the key of a bucket that is made": (
        {"storage": {"uploads": {"encryption_key": KEY}}},
        "goes with existing; a bucket that is made is encrypted with the platform's key",
    ),
    "one bucket twice": (
        {"storage": {**UPLOADS, "more": {"existing": "acme-uploads"}}},
        "storage.more.existing: is storage.uploads already; let services use that one",
    ),
    "a platform's key of another partition": (
        {"platform": {"name": "shop", "existing_key": KEY.replace("arn:aws:", "arn:aws-us-gov:")}},
        "platform.existing_key: is of the partition aws-us-gov, and ap-south-1 is of aws",
    ),
    "keys made and there": (
        {"platform": {"name": "shop", "existing_key": KEY, "keys": "shared"}},
        "platform.keys: says which keys are made, and existing_key names one that is there",
    ),
    "a migration into it": (
        {
            "data": DATABASE,
            "migration": {
                "source": {"secret": SECRET, "addresses": ["192.0.2.1"], "database": "old"},
                "tables": {"include": ["public.%"]},
            },
        },
        "migration: migrates into the layer data, which this stack does not build",
    ),
}


@pytest.mark.parametrize("case", FOREIGN_MISTAKES)
def test_one_message_says_what_does_not_fit_data_that_exists(tmp_path: Path, case: str) -> None:
    layers, message = FOREIGN_MISTAKES[case]
    lines = [f"groundwork:{layer}: {json.dumps(said)}" for layer, said in {"network": IDS, **layers}.items()]
    [found] = mistakes_in(tmp_path, "\n".join(lines))
    assert found.startswith("Pulumi.dev.yaml:")
    assert message in found


def test_a_picture_has_what_exists_in_dashes_and_who_speaks_to_it() -> None:
    snapshot = built(IDS, **FOREIGN)
    graph = graph_of(snapshot)
    nodes = {node.name: node for node in graph.nodes}
    assert {name for name, node in nodes.items() if node.exists} == {"database", "uploads"}
    assert (nodes["api"].place.vpc, nodes["api"].place.tier) == (f"existing {VPC}", "private")
    spoken_to = {(edge.source, edge.target) for edge in graph.edges}
    assert {(nodes["api"].id, nodes[name].id) for name in ("database", "uploads")} <= spoken_to
    assert "classDef existing stroke-dasharray" in mermaid(graph)
    assert svg(graph).count(' exists"') == 2


def test_going_from_ours_to_what_exists_is_told_as_a_loss_of_data() -> None:
    ours = built(IDS, **{**FOREIGN, "data": {}, "storage": {"uploads": {"cdn": True}}})
    lost = {change.name for change in compare(ours, built(IDS, **FOREIGN)).losses}
    assert {"shop-database-primary", "shop-uploads"} <= lost
