"""What a service speaks: gRPC and HTTP/2 behind the load balancer and CloudFront, and where neither goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.components.edge.checks import protocols_reach_services
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.data_file import read_data
from groundwork.settings.loading import find_stack
from tests.components.test_compute_fargate import SERVICE, fargate, named
from tests.harness import build, shared
from tests.stacks import ROOT, run_found, snapshot_of

GROUP = "aws:lb/targetGroup:TargetGroup"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
GRPC: dict[str, Any] = {"port": 50051, "path": "/shop.Orders/*", "protocol": "grpc"}
HTTP2: dict[str, Any] = {"port": 8080, "path": "/*", "protocol": "http2"}


@shared
def shop(orders: dict[str, Any], delivered: str | None = "1.0") -> Snapshot:
    images = {"orders": "111122223333.dkr.ecr.ap-south-1.amazonaws.com/shop/prod/orders:1.0" if delivered else "none"}
    return build(fargate({"orders": orders}, delivered=images))


def test_the_load_balancer_speaks_what_the_service_does_and_asks_its_health_so() -> None:
    asked = {
        protocol: (
            group.get("protocolVersion"),
            group["protocol"],
            group["healthCheck"]["path"],
            group["healthCheck"]["matcher"],
        )
        for protocol, said in {"grpc": GRPC, "http2": HTTP2, "http": {**HTTP2, "protocol": "http"}}.items()
        for group in [named(shop(said), GROUP, "orders").inputs]
    }
    assert asked == {
        "grpc": ("GRPC", "HTTP", "/grpc.health.v1.Health/Check", "0"),
        "http2": ("HTTP2", "HTTP", "/health", "200"),
        "http": (None, "HTTP", "/health", "200"),
    }


def test_services_that_call_it_by_name_speak_it_too() -> None:
    for said in (GRPC, HTTP2):
        [container] = json.loads(named(shop(said), TASK, "orders").inputs["containerDefinitions"])
        assert [port["appProtocol"] for port in container["portMappings"]] == [said["protocol"]]


def test_a_placeholder_that_speaks_http_alone_stands_behind_no_load_balancer_until_there_is_an_image() -> None:
    for said in (GRPC, HTTP2):
        before = named(shop(said, delivered=None), SERVICE, "orders").inputs
        assert not before.get("loadBalancers")
        assert "healthCheckGracePeriodSeconds" not in before
        assert named(shop(said), SERVICE, "orders").inputs["loadBalancers"]
    assert named(shop({**HTTP2, "protocol": "http"}, delivered=None), SERVICE, "orders").inputs["loadBalancers"]


def test_health_of_grpc_is_a_method() -> None:
    assert ServiceSettings.model_validate({**GRPC, "health": "/shop.Orders/Ping"}).health == "/shop.Orders/Ping"
    with pytest.raises(ValueError, match="is no method of gRPC"):
        ServiceSettings.model_validate({**GRPC, "health": "/healthz"})


# What stands before a service


def mistakes(
    service: dict[str, Any],
    engine: str = "fargate",
    edge: dict[str, Any] | None = None,
    domain: str | None = "example.com",
) -> dict[str, str]:
    settings = Settings.model_validate(
        {
            "region": "eu-west-1",
            "platform": {"name": "shop", **({"domain": domain} if domain else {})},
            "network": {},
            "edge": edge or {},
            "compute": {"engine": engine},
            "services": {"orders": service},
        }
    )
    return {".".join(map(str, one.path)): one.message for one in protocols_reach_services(settings)}


CLOUDFRONT = {"load_balancer": {"exposure": "cloudfront"}}
ALONE = {"load_balancer": {"exposure": "internet"}, "cdn": None}


def test_each_way_in_takes_what_it_can_and_says_so_of_the_rest() -> None:
    assert not mistakes(GRPC, edge=CLOUDFRONT)
    assert not mistakes(GRPC, edge=ALONE)
    assert not mistakes(HTTP2, edge=ALONE)
    assert not mistakes({"port": 50051, "protocol": "grpc"})
    at = "services.orders.protocol"
    assert (
        "does not go through a VPC origin of CloudFront; set edge.load_balancer.exposure: cloudfront"
        in mistakes(GRPC)[at]
    )
    assert "set edge.load_balancer.exposure: internet, and edge.cdn: null" in mistakes(HTTP2)[at]
    assert "not what CloudFront asks origins in" in mistakes(HTTP2, edge=CLOUDFRONT)[at]
    assert "and so platform.domain" in mistakes(GRPC, edge=ALONE, domain=None)[at]
    by_host = mistakes({"port": 50051, "protocol": "grpc", "host": "api"}, edge=CLOUDFRONT)
    assert "CloudFront passes gRPC on by path" in by_host["services.orders.host"]
    assert not mistakes({"port": 50051, "protocol": "grpc", "host": "api"}, edge=ALONE)


def test_what_grpc_has_not_is_refused_at_its_place() -> None:
    found = mistakes({**GRPC, "sticky": True, "deployment": "canary"}, edge=CLOUDFRONT)
    assert "clients of gRPC keep none" in found["services.orders.sticky"]
    assert "which gRPC leaves at 200" in found["services.orders.deployment.strategy"]
    shifted = mistakes({**HTTP2, "deployment": "blue-green"}, edge=ALONE)
    assert "until its first image no load balancer leads to it" in shifted["services.orders.deployment.strategy"]
    assert "the service has none" in mistakes({"protocol": "grpc"})["services.orders.protocol"]
    passed_on = mistakes({"port": 50051, "tcp": 50051, "protocol": "grpc"})
    assert "tcp passes on whatever comes" in passed_on["services.orders.protocol"]


@pytest.mark.parametrize("engine", ["eks", "ec2", "app-runner"])
def test_other_engines_say_what_speaks_http_1_there(engine: str) -> None:
    for said in (GRPC, HTTP2):
        message = mistakes(said, engine, CLOUDFRONT)["services.orders.protocol"]
        assert message.startswith(f"{said['protocol']} goes with the engines fargate and ecs-ec2; on {engine} ")
        assert "HTTP/1.1" in message


def test_cloudfront_passes_grpc_on_below_its_path_and_nowhere_else(tmp_path: Path) -> None:
    layers = {
        "platform": {"name": "shop", "stage": "dev", "domain": "example.com"},
        "edge": {"zone": {"delegated": True}, **CLOUDFRONT},
        "compute": {"engine": "fargate"},
        "services": {"web": {"port": 8080, "path": "/*"}, "orders": GRPC},
    }
    (tmp_path / "Pulumi.yaml").write_text(
        yaml.safe_dump({**read_data(ROOT / "Pulumi.yaml"), "main": str(ROOT)}), encoding="utf-8"
    )
    config = {"aws:region": "eu-central-1"} | {f"groundwork:{layer}": value for layer, value in layers.items()}
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    [cdn] = run_found(find_stack("dev", tmp_path)).of_type("aws:cloudfront/distribution:Distribution")
    behaviors = {one["pathPattern"]: one for one in cdn.inputs["orderedCacheBehaviors"]}
    orders = behaviors.pop("/shop.Orders/*")
    assert orders["grpcConfig"] == {"enabled": True}
    assert "POST" in orders["allowedMethods"]
    assert "http2" in cdn.inputs["httpVersion"]
    assert [one for one in (*behaviors.values(), cdn.inputs["defaultCacheBehavior"]) if "grpcConfig" in one] == []


def test_nobody_speaks_otherwise_who_does_not_say_so() -> None:
    for stack in ("dev", "prod"):
        assert not [one for one in snapshot_of(stack).of_type(GROUP) if "protocolVersion" in one.inputs]
