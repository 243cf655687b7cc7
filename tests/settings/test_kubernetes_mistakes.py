"""Clusters that AWS would refuse, that nobody supports, or that cannot hold what is to run on them: one message each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.checks import CHECKS
from groundwork.components.compute.eks import checks as kubernetes
from groundwork.components.compute.eks.settings import KubernetesSettings, NodeGroupSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import instance_class, kubernetes_as_of, kubernetes_versions, node_room
from groundwork.settings.mistakes import dotted

SPOT = {"classes": ["c5.large", "c5.xlarge"], "min": 0, "max": 5, "spot": True, "taints": {"spot": {}}}
GENERAL = {"classes": ["t3.medium", "t3.large"], "min": 2, "max": 10, "desired": 3}


def mistakes(
    cluster: dict[str, Any] | None = None, *, services: dict[str, Any] | None = None, stage: str = "dev", **layers: Any
) -> list[str]:
    settings = Settings.model_validate(
        {
            "region": "ap-south-1",
            "platform": {"name": "shop", "stage": stage},
            "network": {"zones": 2},
            "compute": {"engine": "eks", "kubernetes": cluster or {}},
            "services": services or {},
            **layers,
        }
    )
    return [f"{dotted(mistake.path)}: {mistake.message}" for check in kubernetes.CHECKS for mistake in check(settings)]


def nodes(**groups: dict[str, Any]) -> dict[str, Any]:
    return {"nodes": groups}


WEB = {"port": 3000, "path": "/*", "cpu": 256, "memory": 256}


@pytest.mark.parametrize(
    ("cluster", "services"),
    [
        ({}, {}),
        (nodes(general=GENERAL, batch=SPOT), {"web": WEB, "work": {"nodes": "batch", "cpu": 1024, "memory": 1024}}),
        ({"version": "1.33", "upgrade_support": "extended"}, {}),
        ({"scaling": "karpenter", **nodes(general=GENERAL, batch=SPOT)}, {"work": {"nodes": "batch"}}),
        ({"scaling": "auto-mode", "nodes": {}}, {"web": WEB}),
        ({"endpoint": "public", "endpoint_addresses": ["9.8.7.0/24"]}, {}),
        ({"endpoint": "private", "endpoint_addresses": ["10.1.0.0/16"]}, {}),
        ({"endpoint_addresses": ["9.8.7.0/24"]}, {}),
        (
            nodes(general={"labels": {"example.com/tier": "web"}, "taints": {"slow": {"effect": "PreferNoSchedule"}}}),
            {},
        ),
    ],
)
def test_what_holds_is_no_mistake(cluster: dict[str, Any], services: dict[str, Any]) -> None:
    assert mistakes(cluster, services=services) == []


FINE = "1.36, 1.35 or 1.34"


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (
            {"version": "1.99"},
            f'compute.kubernetes.version: "1.99" is not a version that Groundwork knows on EKS; use {FINE}',
        ),
        (
            {"version": "1.28"},
            f"compute.kubernetes.version: AWS's support of 1.28 ends for good on 2025-11-26, or has ended; use {FINE}",
        ),
        (
            {"version": "1.28", "upgrade_support": "extended"},
            f"compute.kubernetes.version: AWS's support of 1.28 ends for good on 2025-11-26, or has ended; use {FINE}",
        ),
        (
            {"version": "1.33"},
            f"compute.kubernetes.version: standard support of 1.33 ended on 2026-07-29; use {FINE}, or set upgrade_support: "
            "extended, which lasts until 2027-07-29 and makes the control plane six times as dear",
        ),
        (
            {"endpoint": "public"},
            'compute.kubernetes.endpoint: "public" without endpoint_addresses is open to everybody; name the addresses of the '
            "office and the pipeline, or use private",
        ),
        (
            {"endpoint": "public", "endpoint_addresses": ["0.0.0.0/0"]},
            "compute.kubernetes.endpoint_addresses[0]: 0.0.0.0/0 is everybody; name the addresses of the office and the pipeline",
        ),
        (
            {"endpoint": "private", "endpoint_addresses": ["10.0.0.0/8", "::/0"]},
            "compute.kubernetes.endpoint_addresses[1]: ::/0 is everybody; name the addresses of the office and the pipeline",
        ),
        (
            {"endpoint": "private", "endpoint_addresses": ["9.8.7.0/24"]},
            "compute.kubernetes.endpoint_addresses[0]: 9.8.7.0/24 is on the internet, and the endpoint is private: nothing arrives "
            "from there. Name addresses inside the network or joined to it, or set endpoint: public",
        ),
        (
            nodes(general={"classes": ["t3.meduim"]}),
            'compute.kubernetes.nodes.general.classes[0]: "t3.meduim" is not a class Groundwork knows; did you mean "t3.medium"?',
        ),
        (
            nodes(general={"classes": ["t3.medium", "m7g.large"]}),
            "compute.kubernetes.nodes.general.classes[1]: m7g.large is arm64, and images are built for x86_64 "
            "(compute.kubernetes.nodes.general is of t3.medium)",
        ),
        (
            nodes(general=GENERAL, arm={"classes": ["m7g.large"]}),
            "compute.kubernetes.nodes.arm.classes[0]: m7g.large is arm64, and images are built for x86_64 "
            "(compute.kubernetes.nodes.general is of t3.medium)",
        ),
        (
            nodes(general={"classes": ["t2.large"]}),
            "compute.kubernetes.nodes.general.classes[0]: t2.large is of the generation before Nitro and takes no address prefixes; "
            "use t3, or address_prefixes: false",
        ),
        (
            nodes(general={"classes": ["t3.nano"]}),
            "compute.kubernetes.nodes.general.classes[0]: t3.nano has no room for pods beside the add-ons' on each node; use a "
            "larger class",
        ),
        (
            nodes(batch=SPOT),
            "compute.kubernetes.nodes.batch.taints: every group has taints, and CoreDNS and the controllers tolerate none: nothing "
            "would start. Take the taints off one group",
        ),
        (
            {"scaling": "karpenter", **nodes(batch=SPOT, general=GENERAL)},
            "compute.kubernetes.nodes.batch.taints: the first group, on which Karpenter runs, has taints, and CoreDNS and the "
            "controllers tolerate none: nothing would start. Take the taints off it",
        ),
        (
            nodes(general={"min": 0}),
            "compute.kubernetes.nodes.general.min: 0 leaves CoreDNS and what adds nodes without a node; set min to 1, or 2 to "
            "outlive one",
        ),
        (
            nodes(general={"spot": True}),
            "compute.kubernetes.nodes.general.spot: all groups without taints are on Spot, so CoreDNS and the controllers can be "
            "taken away at once, at two minutes' notice; set spot: false on one, and taints on those that are Spot",
        ),
        (
            {"nodes": {}},
            "compute.kubernetes.nodes: needs a group: CoreDNS and the controllers run on it too",
        ),
        (
            nodes(general={"labels": {"node.kubernetes.io/role": "web"}}),
            'compute.kubernetes.nodes.general.labels.node.kubernetes.io/role: "node.kubernetes.io/" is not yours to use; write a '
            "name without a domain, or with your own",
        ),
    ],
)
def test_what_does_not_go_together_is_one_message(cluster: dict[str, Any], message: str) -> None:
    assert mistakes(cluster) == [message]


def test_a_public_address_reaches_no_endpoint_in_prod_unless_it_is_public() -> None:
    [message] = mistakes({"endpoint_addresses": ["9.8.7.0/24"]}, stage="prod")
    assert "the endpoint is private in prod: nothing arrives" in message


def test_the_cluster_goes_with_its_engine() -> None:
    assert mistakes(compute={"engine": "fargate", "kubernetes": {}}) == [
        "compute.kubernetes: goes with the engine eks, and this is fargate; leave it out, or change engine"
    ]


def test_the_cluster_needs_a_network() -> None:
    settings = Settings.model_validate(
        {"region": "ap-south-1", "platform": {"name": "shop"}, "compute": {"engine": "eks"}, "services": {"web": {}}}
    )
    [mistake] = [found for check in CHECKS for found in check(settings) if found.path == ("network",)]
    assert mistake.message == "is not built, and services and compute (eks) need it; set network: {}"


def test_controllers_come_from_the_internet() -> None:
    [message] = mistakes(network={"zones": 2, "nat": "none", "endpoints": ["ecr.api", "ecr.dkr"]})
    assert message.startswith('network.nat: "none" leaves the cluster without its controllers')


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (
            {"nodes": "genral"},
            'services.web.nodes: there is no group "genral" in compute.kubernetes.nodes; did you mean "general"?',
        ),
        (
            {"nodes": "batch", "sticky": True},
            'services.web.nodes: "batch" is on Spot, which AWS takes away at two minutes\' notice, and the service keeps its '
            "clients (sticky) on its node; use a group without Spot",
        ),
        (
            {"nodes": "batch", "disk_paths": ["/work"]},
            'services.web.nodes: "batch" is on Spot, which AWS takes away at two minutes\' notice, and the service keeps files '
            "(disk_paths) on its node; use a group without Spot",
        ),
        (
            {"cpu": 2048},
            "services.web.cpu: a copy asks for 2000 thousandths of a vCPU, and the largest node that it may run on, t3.medium, has "
            "1380 for pods; lower it, or add a larger class to compute.kubernetes.nodes.general",
        ),
        (
            {"memory": 8192},
            "services.web.memory: a copy asks for 8192 MiB, and the largest node that it may run on, t3.large, has 6492 for pods; "
            "lower it, or add a larger class to compute.kubernetes.nodes.general",
        ),
    ],
)
def test_a_service_needs_a_node_that_it_may_run_on(service: dict[str, Any], message: str) -> None:
    found = mistakes(nodes(general=GENERAL, batch=SPOT), services={"web": {**WEB, "scaling": {"max": 1}, **service}})
    assert found == [message]


def test_more_copies_than_the_groups_hold_are_refused() -> None:
    services = {"web": {**WEB, "scaling": {"max": 40}}, "api": {**WEB, "path": "/api/*", "scaling": {"max": 8}}}
    assert mistakes(nodes(general=GENERAL), services=services) == [
        "compute.kubernetes.nodes.general.max: 10 × t3.medium or t3.large hold 13800 thousandths of a vCPU at their max, and pods "
        "may ask for 16000 (web 50 × 250, api 10 × 250, with the quarter more of a deployment, and 1000 for the cluster "
        "itself); raise max to 12, use larger classes, or lower scaling.max"
    ]


def test_a_group_that_services_name_has_to_hold_them_by_itself() -> None:
    worker = {"cpu": 1024, "memory": 512, "nodes": "batch", "scaling": {"max": 6}}
    [message] = mistakes(nodes(general=GENERAL, batch=SPOT), services={"work": worker})
    assert message.startswith("compute.kubernetes.nodes.batch.max: 5 × c5.large or c5.xlarge hold 6900")
    assert mistakes(nodes(general=GENERAL, batch=SPOT), services={"work": {**worker, "scaling": {"max": 4}}}) == []


def test_pods_are_counted_where_nodes_take_few() -> None:
    cluster = {"address_prefixes": False, **nodes(general={"classes": ["m5.large"], "max": 1})}
    tiny = {**WEB, "cpu": 8, "memory": 128, "scaling": {"max": 12}}
    [message] = mistakes(cluster, services={"web": tiny})
    assert "hold 21 pods at their max, and pods may ask for 27 (web 15, with" in message


def test_the_sidecar_counts() -> None:
    service = {**WEB, "cpu": 1400, "memory": 256, "scaling": {"max": 1}, "tracing": True}
    [message] = mistakes(nodes(general=GENERAL), services={"web": service})
    assert message.startswith("services.web.cpu: a copy asks for 1417")
    assert mistakes(nodes(general=GENERAL), services={"web": {**service, "tracing": False}}) == []


@given(copies=st.integers(1, 200), nodes_at_most=st.integers(1, 50))
def test_copies_are_refused_exactly_where_they_do_not_fit(copies: int, nodes_at_most: int) -> None:
    instance = instance_class("m5.xlarge")
    assert instance is not None
    room = node_room(instance, prefixes=True)
    found = mistakes(
        nodes(general={"classes": ["m5.xlarge"], "max": nodes_at_most}),
        services={"web": {**WEB, "memory": 128, "writable_mib": 1, "scaling": {"max": copies}}},
    )
    needed = (copies + -(-copies // 4)) * 250 + 1000
    assert (found != []) is (needed > nodes_at_most * room.cpu)


@pytest.mark.parametrize(
    "wanted",
    [
        {"min": 3, "max": 2},
        {"min": 2, "desired": 1},
        {"max": 2, "desired": 3},
        {"max": 0},
        {"classes": []},
        {"volume": 19},
        {"taints": {"a b": {}}},
        {"labels": {"a": "not a value"}},
    ],
)
def test_what_no_group_can_be_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NodeGroupSettings.model_validate(wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"version": "1.3"},
        {"endpoint_addresses": ["office"]},
        {"logs": ["kubelet"]},
        {"access": {"me": {"principal": "me"}}},
        {"access": {"me": {"principal": "arn:aws:iam::111122223333:role/me", "level": "root"}}},
        {"render_to": "/etc"},
    ],
)
def test_what_no_cluster_can_be_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KubernetesSettings.model_validate(wanted)


def test_the_default_is_the_newest_version_in_standard_support() -> None:
    supported = [name for name, row in kubernetes_versions().items() if row.standard_ends > kubernetes_as_of()]
    assert KubernetesSettings().version == max(supported, key=lambda name: int(name.split(".")[1]))


def test_support_lasts_14_months_and_another_12() -> None:
    for row in kubernetes_versions().values():
        assert row.extended_ends == row.standard_ends.replace(year=row.standard_ends.year + 1)
