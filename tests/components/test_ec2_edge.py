"""CloudFront over an instance in place of a load balancer."""

from types import SimpleNamespace
from typing import Any

import pytest

from components.compute.ec2.address import Address
from components.context import Context
from components.edge.edge import Edge
from components.edge.origin import Door
from preview.snapshot import Resource, Snapshot
from settings.models.edge import EdgeSettings
from settings.models.services import ServiceSettings
from tests.harness import build

KEY = "arn:aws:kms:ap-southeast-1:111122223333:key/k"


def edge(domain: str | None, doors: list[Door | None] | None = None, **service: Any) -> Snapshot:
    def program(context: Context) -> None:
        address = Address("chat-address", context=context)
        made = Edge(
            "chat-edge",
            EdgeSettings.model_validate({"zone": {"delegated": True}, "aliases": ["www"]}),
            context=context,
            network=SimpleNamespace(vpc_id="vpc-1"),
            services={"app": ServiceSettings.model_validate({"port": 3000, "path": "/*", **service})},
            storage={},
            buckets={},
            logs_bucket=None,
            origin=address.origin,
        )
        (doors if doors is not None else []).append(made.door)

    return build(program, name="chat", region="ap-southeast-1", domain=domain)


def distribution(snapshot: Snapshot) -> Resource:
    [found] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    return found


@pytest.fixture(scope="module")
def with_domain() -> Snapshot:
    return edge("chat.example.com")


def test_cloudfront_asks_the_instance_by_its_own_name_over_tls(with_domain: Snapshot) -> None:
    """S4-08"""
    [origin] = distribution(with_domain).inputs["origins"]
    assert origin["domainName"] == "origin.chat.example.com"
    assert origin["customOriginConfig"]["originProtocolPolicy"] == "https-only"
    assert origin["customOriginConfig"]["originSslProtocols"] == ["TLSv1.2"]
    assert distribution(with_domain).inputs["defaultCacheBehavior"]["targetOriginId"] == origin["originId"]
    [address] = with_domain.of_type("aws:ec2/eip:Eip")
    records = {record.inputs["name"]: record.inputs for record in with_domain.of_type("aws:route53/record:Record")}
    assert records["origin.chat.example.com"]["records"] == [address.outputs["publicIp"]]


def test_every_viewer_is_sent_to_https(with_domain: Snapshot) -> None:
    """S4-08"""
    behavior = distribution(with_domain).inputs["defaultCacheBehavior"]
    assert behavior["viewerProtocolPolicy"] == "redirect-to-https"


def test_cloudfront_shows_the_instance_a_secret_header(with_domain: Snapshot) -> None:
    """S4-08"""
    [origin] = distribution(with_domain).inputs["origins"]
    [header] = origin["customHeaders"]
    assert header["name"] == "x-origin-verify"
    assert header["value"] == {"$groundwork": "secret"}


def test_there_is_no_load_balancer(with_domain: Snapshot) -> None:
    assert with_domain.of_type("aws:lb/loadBalancer:LoadBalancer") == []


def test_the_firewall_stands_at_cloudfront_alone(with_domain: Snapshot) -> None:
    [firewall] = with_domain.of_type("aws:wafv2/webAcl:WebAcl")
    assert firewall.inputs["scope"] == "CLOUDFRONT"


def test_the_instance_learns_what_to_ask_for_and_which_names_to_prove() -> None:
    doors: list[Door | None] = []
    edge("chat.example.com", doors)
    [door] = doors
    assert door is not None
    assert door.header == "x-origin-verify"
    assert door.names == ("chat.example.com", "www.chat.example.com", "origin.chat.example.com")


def test_without_a_domain_cloudfront_asks_the_address_over_http() -> None:
    doors: list[Door | None] = []
    snapshot = edge(None, doors)
    [origin] = distribution(snapshot).inputs["origins"]
    assert origin["domainName"].startswith("ec2-")
    assert origin["customOriginConfig"]["originProtocolPolicy"] == "http-only"
    assert origin["customHeaders"]
    assert doors[0] is not None
    assert (doors[0].names, doors[0].zone_id) == ((), None)


def test_where_nothing_answers_the_origin_is_not_asked() -> None:
    snapshot = edge("chat.example.com", path=None)
    assert snapshot.of_type("aws:cloudfront/distribution:Distribution") == []
