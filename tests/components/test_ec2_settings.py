"""What a stack file may not ask of the engine ec2."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.compute.ec2.checks import CHECKS, SYSTEM_MEMORY, memory_for_services
from groundwork.components.compute.settings import InstancesSettings
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import dotted

WEB: dict[str, Any] = {"port": 3000, "path": "/*"}
ONE = {"class": "t3.medium", "min": 1, "max": 1, "data_volume": 10}
SEVERAL = {"class": "t3.medium", "min": 2, "max": 3}
OWN = {"placement": "instance"}


def mistakes(
    instances: Mapping[str, Any],
    *,
    services: Mapping[str, Any] | None = None,
    engine: str = "ec2",
    compute: Mapping[str, Any] | None = None,
    domain: str | None = None,
    **layers: Any,
) -> dict[str, str]:
    settings = Settings.model_validate(
        {
            "platform": {"name": "chat", "domain": domain},
            "network": {},
            "edge": {},
            "compute": {"engine": engine, "instances": instances, **(compute or {})},
            "services": services or {"app": WEB, "worker": {}},
            **layers,
        }
    )
    return {dotted(mistake.path): mistake.message for check in CHECKS for mistake in check(settings)}


@pytest.mark.parametrize(
    "found",
    [
        mistakes(ONE, cache=OWN),
        mistakes({**ONE, "placement": "public"}, domain="chat.example.com", network={"nat": "none"}),
        mistakes(SEVERAL, cache={}),
        mistakes(SEVERAL, compute={"spot": 50}),
    ],
)
def test_the_shapes_of_the_chat_app_are_fine(found: dict[str, str]) -> None:
    """S4-01, S4-03, S4-04"""
    assert found == {}


def test_services_that_do_not_fit_the_instance_are_a_mistake_with_the_numbers_in_it() -> None:
    services = {"app": {**WEB, "memory": 2048}, "worker": {"memory": 1024}}
    found = mistakes(ONE, services=services, cache=OWN)
    assert found["compute.instances.class"] == (
        "t3.medium has 3507 MiB for services (384 are the system's), and they take 3840: app 2048 + worker 1024 + cache "
        "768; use a larger class, or lower their memory"
    )
    assert mistakes(ONE, services=services, cache={}) == {}


def test_with_several_instances_workers_take_nothing_from_those_who_answer() -> None:
    services = {"app": {**WEB, "memory": 3072}, "worker": {"memory": 3072}}
    assert mistakes(SEVERAL, services=services) == {}
    assert "compute.instances.class" in mistakes(ONE, services=services)


def test_the_smallest_of_the_classes_counts() -> None:
    services = {"app": {**WEB, "memory": 3072}}
    assert "compute.instances.class" in mistakes({**SEVERAL, "further_classes": ["t3.small"]}, services=services)


@given(st.sampled_from(["t3.micro", "t3.small", "t3.medium", "m7i.large", "c7g.xlarge"]))
def test_an_instance_never_promises_its_services_what_the_system_needs(name: str) -> None:
    from groundwork.settings.facts import instance_class

    known = instance_class(name)
    assert known is not None
    room = memory_for_services(InstancesSettings.model_validate({"class": name}))
    assert room is not None
    assert 0 <= room <= known.memory - SYSTEM_MEMORY


def test_a_class_that_nobody_knows_is_another_checks_business() -> None:
    assert memory_for_services(InstancesSettings.model_validate({"class": "x9.huge"})) is None


@pytest.mark.parametrize(
    ("found", "path", "message"),
    [
        (
            mistakes(SEVERAL, cache=OWN),
            "cache.placement",
            '"instance" is a cache on one instance, and there may be 3 (compute.instances.max), each with keys of its own; '
            "use elasticache, or max: 1",
        ),
        (
            mistakes({**ONE, "data_volume": None}, cache=OWN),
            "cache.placement",
            '"instance" keeps its snapshots on the data volume; set compute.instances.data_volume: 10',
        ),
        (
            mistakes(ONE, engine="ecs-ec2", cache=OWN),
            "cache.placement",
            '"instance" goes with the engine ec2, and this is ecs-ec2; use elasticache',
        ),
        (
            mistakes(ONE, cache={**OWN, "replicas": 1}),
            "cache.replicas",
            "goes with placement: elasticache; on the instance there is one cache",
        ),
        (
            mistakes(ONE, cache={**OWN, "copy_to": "backup"}, storage={"backups": {"purpose": "backups"}}),
            "cache.copy_to",
            'there is no bucket "backup" in storage; did you mean "backups"?',
        ),
        (
            mistakes(ONE, cache={"copy_to": "backups"}),
            "cache.copy_to",
            "goes with placement: instance; ElastiCache keeps snapshots itself (snapshot_days)",
        ),
        (
            mistakes({**SEVERAL, "data_volume": 10}),
            "compute.instances.data_volume",
            "a volume is held by one instance at a time, and there may be 3; use max: 1, or keep data in a bucket or the database",
        ),
        (
            mistakes({**SEVERAL, "placement": "public"}),
            "compute.instances.placement",
            '"public" is for one instance with an address of its own, and there may be 3; use private, behind the load balancer',
        ),
        (
            mistakes({**ONE, "placement": "public"}, edge={"cdn": None}),
            "compute.instances.placement",
            '"public" lets CloudFront in and nobody else, and edge.cdn is not built; set edge: {}',
        ),
        (
            mistakes({**ONE, "placement": "public", "data_volume": None}, domain="chat.example.com"),
            "compute.instances.data_volume",
            "is missing: the certificate of the instance is kept there. Without it each new instance asks for another, and "
            "Let's Encrypt gives five a week; set data_volume: 10",
        ),
        (
            mistakes(ONE, network={"nat": "none", "endpoints": ["ssm", "sts", "ec2"]}),
            "network.endpoints",
            "instances without NAT read their configuration through endpoints, and monitoring, ssmmessages are missing; add "
            "them, or set network.nat: single",
        ),
        (
            mistakes(ONE, compute={"spot": 100}, cache=OWN),
            "compute.spot",
            "the instance holds a data volume (compute.instances.data_volume) and the cache (cache.placement); Spot takes it "
            "away at two minutes' notice",
        ),
        (
            mistakes(SEVERAL, services={"app": WEB, "worker": {"uses": {"app": "connect"}}}),
            "services.worker.uses.app",
            "with several instances workers have instances of their own, and no name leads to a service on another; use a "
            "queue between them, or the engine ecs-ec2",
        ),
        (
            mistakes(ONE, services={"app": WEB, "api": {"port": 3000, "path": "/api/*"}}),
            "services.api.port",
            "3000 is also the port of services.app; public services on one instance need ports of their own",
        ),
        (
            mistakes(ONE, services={"workers": {}}),
            "services.workers",
            '"workers" is what the engine ec2 calls its instances; choose another name',
        ),
        (
            mistakes(ONE, services={"worker": {"scaling": {"queue": {"queue": "jobs"}}}}),
            "services.worker.scaling.queue",
            "goes with other engines; on ec2 each instance runs one copy, and compute.instances says how many there are",
        ),
        (
            mistakes(ONE, services={"app": {**WEB, "tracing": True}}),
            "services.app.tracing",
            "goes with other engines; ec2 runs no collector",
        ),
        (
            mistakes(ONE, services={"app": {**WEB, "environment": {"GREETING": "hello {{name}}"}}}),
            "services.app.environment.GREETING",
            'has "{{" in it, which Parameter Store refuses, since it reads it as a reference',
        ),
    ],
)
def test_what_cannot_be_is_a_mistake(found: dict[str, str], path: str, message: str) -> None:
    assert found[path] == message


def test_other_engines_hear_nothing_of_it() -> None:
    assert mistakes({**SEVERAL, "data_volume": 10}, engine="ecs-ec2", services={"instances": {}}) == {}
