"""Services that are reached over TCP, behind a Network Load Balancer."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from groundwork.pricing.demand import demand
from groundwork.settings.loading import find_stack
from tests.stacks import ROOT, run_found
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import mistakes_in, write_project

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"

ENGINES = {
    "fargate": "fargate",
    "ecs-ec2": "ecs-ec2, instances: {class: m7g.large, max: 10}",
    "eks": "eks, kubernetes: {nodes: {general: {max: 10}}}",
}
SHOP = """
    aws:region: us-east-1
    groundwork:platform: {{name: shop, stage: {stage}, phase: launch, timezone: Europe/Berlin, domain: shop.example.com}}
    groundwork:edge: {{zone: {{delegated: {delegated}}}}}
    groundwork:compute: {{engine: {engine}}}
    groundwork:services:
      web: {{port: 8080, path: "/*", uses: {{game: connect}}}}
      mqtt: {{port: 1883, sticky: true, drain: 120, tcp: {{port: 8883, tls: true, host: mqtt, from: [{callers}, 10.9.0.0/16]}}}}
      game: {{port: 7777, tcp: 7000}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def on(engine: str, *, stage: str = "dev", delegated: str = "true", callers: str = "198.51.100.0/24") -> Snapshot:
        text = SHOP.format(engine=ENGINES[engine], stage=stage, delegated=delegated, callers=callers)
        folder = write_project(tmp_path_factory.mktemp(engine), text, main=str(ROOT))
        return run_found(find_stack("dev", folder))

    return on


def one(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == name]
    return found


def network_balancers(snapshot: Snapshot) -> dict[bool, Resource]:
    found = [one for one in snapshot.of_type(BALANCER) if one.inputs["loadBalancerType"] == "network"]
    return {balancer.inputs["internal"]: balancer for balancer in found}


def test_who_calls_from_outside_meets_a_public_load_balancer_and_all_others_an_internal_one(shop: Any) -> None:
    snapshot = shop("fargate")
    balancers = network_balancers(snapshot)
    tiers = {subnet.outputs["id"]: subnet.name.split("-")[2] for subnet in snapshot.of_type("aws:ec2/subnet:Subnet")}
    for internal, tier in ((True, "private"), (False, "public")):
        inputs = balancers[internal].inputs
        assert {tiers[subnet] for subnet in inputs["subnets"]} == {tier}
        assert inputs["enableCrossZoneLoadBalancing"] is True
        [group] = inputs["securityGroups"]
        rules = [rule.inputs for rule in snapshot.of_type(INGRESS) if rule.inputs["securityGroupId"] == group]
        opened = {(rule["fromPort"], rule["toPort"], rule["cidrIpv4"]) for rule in rules}
        assert opened == (
            {(7000, 7000, "10.0.0.0/16")}
            if internal
            else {(8883, 8883, "198.51.100.0/24"), (8883, 8883, "10.9.0.0/16")}
        )
    # AWS writes logs of TLS alone.
    assert balancers[False].inputs["accessLogs"]["enabled"] is True
    assert "accessLogs" not in balancers[True].inputs
    logs = json.loads(one(snapshot, "aws:s3/bucketPolicy:BucketPolicy", "shop-logs").inputs["policy"])["Statement"]
    [admitted] = [statement for statement in logs if statement["Sid"] == "NetworkBalancerLogs"]
    assert admitted["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert admitted["Condition"]["StringEquals"]["aws:SourceAccount"] == "111122223333"
    record = one(snapshot, "aws:route53/record:Record", "shop-ingress-public-tcp-mqtt-a").inputs
    assert (record["name"], record["aliases"][0]["name"]) == (
        "mqtt.shop.example.com",
        balancers[False].outputs["dnsName"],
    )
    assert snapshot.outputs["tcp"]["game"] == f"{balancers[True].outputs['dnsName']}:7000"


@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_listener_leads_to_the_copies_of_its_service_and_nobody_else_reaches_them(shop: Any, engine: str) -> None:
    snapshot = shop(engine)
    balancers = network_balancers(snapshot)
    mqtt, game = (one(snapshot, GROUP, f"shop-compute-{name}-tcp") for name in ("mqtt", "game"))
    tls = one(snapshot, LISTENER, "shop-compute-public-tcp-8883").inputs
    assert (tls["protocol"], tls["port"], tls["loadBalancerArn"]) == ("TLS", 8883, balancers[False].outputs["arn"])
    assert tls["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
    assert tls["certificateArn"] in {
        item.outputs["arn"] for item in snapshot.of_type("aws:acm/certificate:Certificate")
    }
    assert tls["defaultActions"] == [{"type": "forward", "targetGroupArn": mqtt.outputs["arn"]}]
    plain = one(snapshot, LISTENER, "shop-compute-internal-tcp-7000").inputs
    assert (plain["protocol"], plain["defaultActions"][0]["targetGroupArn"]) == ("TCP", game.outputs["arn"])
    assert "certificateArn" not in plain
    for group, port, sticky in ((mqtt, 1883, True), (game, 7777, False)):
        said = group.inputs
        assert (said["protocol"], said["port"], said["targetType"], said["preserveClientIp"]) == (
            "TCP",
            port,
            "ip",
            "true",
        )
        assert said["healthCheck"]["protocol"] == "TCP"
        assert said["stickiness"] == {"type": "source_ip", "enabled": sticky}
    assert mqtt.inputs["deregistrationDelay"] == 120
    # Only load balancers and those who use them come in.
    for port, internal in ((1883, False), (7777, True)):
        sources = {
            rule.inputs["referencedSecurityGroupId"]
            for rule in snapshot.of_type(INGRESS)
            if (rule.inputs["fromPort"], rule.inputs["toPort"]) == (port, port)
        }
        assert balancers[internal].inputs["securityGroups"][0] in sources
        assert not any(
            rule.inputs.get("cidrIpv4") for rule in snapshot.of_type(INGRESS) if rule.inputs["fromPort"] == port
        )
    alarms = {alarm.name: alarm.inputs for alarm in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    unhealthy = alarms["shop-compute-mqtt-unhealthy-page"]
    assert unhealthy["dimensions"] == {
        "LoadBalancer": balancers[False].outputs["arnSuffix"], "TargetGroup": mqtt.outputs["arnSuffix"]
    }  # fmt: skip
    assert unhealthy["dimensions"]["LoadBalancer"].startswith("net/")
    assert alarms["shop-ingress-public-tcp-rejected"]["metricName"] == "RejectedFlowCount"


@pytest.mark.parametrize("engine", ["fargate", "ecs-ec2"])
def test_on_ecs_copies_register_and_are_called_by_a_name_that_speaks_tcp(shop: Any, engine: str) -> None:
    snapshot = shop(engine)
    group = one(snapshot, GROUP, "shop-compute-game-tcp")
    service = one(snapshot, "aws:ecs/service:Service", "shop-compute-game")
    [registered] = service.inputs["loadBalancers"]
    assert (registered["targetGroupArn"], registered["containerPort"]) == (group.outputs["arn"], 7777)
    # A target group that no listener leads to takes no copies.
    assert one(snapshot, LISTENER, "shop-compute-internal-tcp-7000").urn in service.dependencies
    task = "aws:ecs/taskDefinition:TaskDefinition"
    [container] = json.loads(one(snapshot, task, "shop-compute-game").inputs["containerDefinitions"])
    assert "appProtocol" not in container["portMappings"][0]
    [container] = json.loads(one(snapshot, task, "shop-compute-web").inputs["containerDefinitions"])
    assert {"name": "GAME_URL", "value": "tcp://game:7777"} in container["environment"]
    assert container["portMappings"][0]["appProtocol"] == "http"


def test_on_kubernetes_pods_are_bound_asked_for_their_port_and_reached_by_callers(shop: Any) -> None:
    snapshot = shop("eks")
    group = one(snapshot, GROUP, "shop-compute-mqtt-tcp").outputs
    binding = one(snapshot, "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding", "shop-compute-mqtt").inputs["spec"]
    assert (binding["targetGroupARN"], binding["targetType"]) == (group["arn"], "ip")
    pod = one(snapshot, "kubernetes:apps/v1:Deployment", "shop-compute-mqtt").inputs["spec"]["template"]["spec"]
    [container] = pod["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["tcpSocket"] == {"port": "http"}
        assert "httpGet" not in container[probe]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 120
    service = one(snapshot, "kubernetes:core/v1:Service", "shop-compute-mqtt").inputs["spec"]
    assert "appProtocol" not in service["ports"][0]
    policies = {
        policy.inputs["metadata"]["name"]: policy.inputs["spec"].get("ingress")
        for policy in snapshot.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    }
    ranges = {peer["ipBlock"]["cidr"] for rule in policies["mqtt"] for peer in rule["from"] if "ipBlock" in peer}
    public = {
        subnet.inputs["cidrBlock"] for subnet in snapshot.of_type("aws:ec2/subnet:Subnet") if "public" in subnet.name
    }
    # The pod sees who calls; the load balancer itself asks whether it is well.
    assert ranges == {"198.51.100.0/24", "10.9.0.0/16", *public}


def test_without_the_domain_a_tls_listener_waits_and_tcp_does_not(shop: Any) -> None:
    snapshot = shop("fargate", delegated="false")
    assert [listener.name for listener in snapshot.of_type(LISTENER) if "-tcp-" in listener.name] == [
        "shop-compute-internal-tcp-7000"
    ]
    assert not [record for record in snapshot.of_type("aws:route53/record:Record") if "tcp" in record.name]
    assert "loadBalancers" not in one(snapshot, "aws:ecs/service:Service", "shop-compute-mqtt").inputs


def test_guardrails_stop_a_port_that_is_open_to_the_internet_unless_it_is_accepted(shop: Any) -> None:
    def found(snapshot: Snapshot) -> set[tuple[str, bool]]:
        return {
            (finding.rule.name, finding.blocks)
            for finding in judge(snapshot, TODAY).findings
            if "tcp" in finding.resource.urn.rpartition("::")[2]
        }

    for engine in ENGINES:
        assert found(shop(engine)) == set()
    prod = shop("fargate", stage="prod", callers="0.0.0.0/0")
    assert found(prod) == {("only-web-ports-open", True)}
    # In prod nobody deletes the address that clients know.
    assert all(balancer.inputs["enableDeletionProtection"] for balancer in network_balancers(prod).values())


def test_visitors_requests_do_not_come_through_load_balancers_for_tcp(shop: Any) -> None:
    snapshot = shop("fargate")
    told = {**snapshot.settings, "usage": {"visitors": 1000, "requests": 20, "download_mb": 3}}
    found = demand(replace(snapshot, settings=told))
    [balanced] = [urn for urn, row in found.items() if "LCUUsage" in row]
    assert balanced.endswith("::shop-ingress-alb")


BAD = """
    groundwork:platform: {{name: shop, stage: dev, phase: launch{domain}}}
    {edge}
    groundwork:compute: {{engine: {engine}}}
    groundwork:services:
      web: {{port: 8080, path: "/*"}}
      mqtt: {service}
      other: {other}
"""


def mistakes(
    tmp_path: Any,
    service: str,
    *,
    engine: str = "fargate",
    other: str = "{}",
    edge: str = "",
    domain: str = ", domain: shop.example.com",
) -> list[str]:
    text = BAD.format(service=service, engine=engine, other=other, edge=edge, domain=domain)
    return [said.partition(" ")[2] for said in mistakes_in(tmp_path, text)]


def test_what_cannot_be_reached_over_tcp_is_told_at_its_line(tmp_path: Any) -> None:
    plain = "{port: 1883, tcp: 1883}"
    cases: dict[str, tuple[list[str], str]] = {
        "ec2": (mistakes(tmp_path, plain, engine="ec2"), "services.mqtt.tcp: goes with the engines fargate, ecs-ec2 or eks; on instances"),
        "app runner": (mistakes(tmp_path, plain, engine="app-runner"), "services.mqtt.tcp: goes with the engines fargate, ecs-ec2 or eks; App Runner"),
        "edge": (mistakes(tmp_path, plain, edge="groundwork:edge: null", domain=""), "services.mqtt.tcp: needs the layer edge"),
        "port": (mistakes(tmp_path, "{tcp: 1883}"), "services.mqtt.port: is missing, and only a service with a port"),
        "path": (mistakes(tmp_path, '{port: 1883, tcp: 1883, path: "/mqtt"}'), "services.mqtt.tcp: is in place of path"),
        "two on a port": (mistakes(tmp_path, plain, other="{port: 9000, tcp: 1883}"), "services.other.tcp.port: 1883 is also the port of services.mqtt"),
        "tls alone": (mistakes(tmp_path, "{port: 1883, tcp: {port: 8883, tls: true}}"), "services.mqtt.tcp.tls: needs host"),
        "no domain": (mistakes(tmp_path, "{port: 1883, tcp: {port: 8883, host: mqtt}}", domain=""), "services.mqtt.tcp.host: a host needs platform.domain"),
        "alias": (mistakes(tmp_path, "{port: 1883, tcp: {port: 8883, host: www}}"), 'services.mqtt.tcp.host: "www" is one of edge.aliases'),
        "both balancers": (
            mistakes(tmp_path, "{port: 1883, tcp: {port: 8883, host: mqtt}}", other="{port: 9000, tcp: {port: 9000, host: mqtt, from: [198.51.100.7/32]}}"),
            'services.other.tcp.host: "mqtt" leads services.mqtt to the internal load balancer, and this one is public',
        ),
        "range": (mistakes(tmp_path, "{port: 1883, tcp: {port: 1, from: [198.51.100.7/24]}}"), "services.mqtt.tcp.from"),
        "IPv6": (mistakes(tmp_path, '{port: 1883, tcp: {port: 1, from: ["2001:db8::/32"]}}'), "2001:db8::/32 is IPv6"),
        "requests": (mistakes(tmp_path, "{port: 1883, tcp: 1883, scaling: {target: {requests: 10}}}"), "only a service with a port and a path or host has requests"),
        "number": (mistakes(tmp_path, "{port: 1883, tcp: 0}"), "services.mqtt.tcp"),
    }  # fmt: skip
    wrong = {name: found for name, (found, words) in cases.items() if not any(words in said for said in found)}
    assert wrong == {}
    assert mistakes(tmp_path, plain, other="{port: 9000, tcp: {port: 1883, from: [198.51.100.7/32]}}") == []
