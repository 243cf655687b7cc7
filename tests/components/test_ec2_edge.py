"""CloudFront over an instance in place of a load balancer."""

from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.components.compute.ec2.engine import Ec2
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.context import Context
from groundwork.components.edge.cdn import Cdn
from groundwork.components.edge.ingress import Ingress
from groundwork.components.edge.origin import InstanceOrigin
from groundwork.components.edge.settings import EdgeSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Resource, Snapshot
from guardrails.view import Opaque
from tests.harness import build

KEY = "arn:aws:kms:ap-southeast-1:111122223333:key/k"


def edge(domain: str | None, instances: list[InstanceOrigin | None] | None = None, **service: Any) -> Snapshot:
    """The way in before the engine, the engine with its address, and CloudFront over what the engine says of it."""

    def program(context: Context) -> None:
        settings = EdgeSettings.model_validate({"zone": {"delegated": True}, "aliases": ["www"]})
        services = {"app": ServiceSettings.model_validate({"port": 3000, "path": "/*", **service})}
        network = SimpleNamespace(
            vpc_id="vpc-1",
            vpc_ipv6=False,
            private_subnet_ids={"a": "subnet-private-a"},
            private_ready=(),
            public_subnet_ids={"a": "subnet-public-a"},
            public_ready=(),
            s3_prefix_list_id="pl-s3",
            endpoint_security_group_id=None,
        )
        ingress = Ingress(
            "chat-ingress",
            settings,
            context,
            at="address" if services["app"].path else "nothing",
            network=network,
            services=services,
            storage={},
            logs_bucket=None,
        )
        engine = Ec2(
            "chat-compute",
            ComputeSettings.model_validate(
                {"engine": "ec2", "instances": {"max": 1, "placement": "public", "data_volume": 10}}
            ),
            context,
            run=Run(
                services=services,
                network=network,
                entrance=ingress.entrance,
                grants={},
            ),
        )
        if ingress.has_cdn:
            Cdn(
                "chat-cdn",
                settings,
                context,
                ingress=ingress,
                origins=engine.origins,
                services=services,
                buckets={},
                logs_bucket=None,
            )
        (instances if instances is not None else []).append(ingress.entrance.instance)

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
    assert header["value"] == Opaque.SECRET


def test_there_is_no_load_balancer(with_domain: Snapshot) -> None:
    assert with_domain.of_type("aws:lb/loadBalancer:LoadBalancer") == []


def test_the_web_acl_stands_at_cloudfront_alone(with_domain: Snapshot) -> None:
    [acl] = with_domain.of_type("aws:wafv2/webAcl:WebAcl")
    assert acl.inputs["scope"] == "CLOUDFRONT"


def test_the_instance_learns_what_to_ask_for_and_which_names_to_prove() -> None:
    found: list[InstanceOrigin | None] = []
    edge("chat.example.com", found)
    [instance] = found
    assert instance is not None
    assert instance.header[0] == "x-origin-verify"
    assert instance.names == ("chat.example.com", "www.chat.example.com", "origin.chat.example.com")


def test_without_a_domain_cloudfront_asks_the_address_over_http() -> None:
    found: list[InstanceOrigin | None] = []
    snapshot = edge(None, found)
    [origin] = distribution(snapshot).inputs["origins"]
    assert origin["domainName"].startswith("ec2-")
    assert origin["customOriginConfig"]["originProtocolPolicy"] == "http-only"
    assert origin["customHeaders"]
    assert found[0] is not None
    assert (found[0].names, found[0].zone_id) == ((), None)


def test_where_nothing_answers_the_origin_is_not_asked() -> None:
    snapshot = edge("chat.example.com", path=None)
    assert snapshot.of_type("aws:cloudfront/distribution:Distribution") == []
