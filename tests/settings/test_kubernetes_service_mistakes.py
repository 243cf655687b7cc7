"""Services that Kubernetes cannot run as they are declared, and what only Kubernetes knows: one message each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.compute.eks import service_checks as kubernetes_services
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import dotted


def mistakes(service: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    compute = {"engine": "eks", **changes.pop("compute", {})}
    platform = {"name": "shop", "stage": "dev", **changes.pop("platform", {})}
    settings = Settings.model_validate(
        {
            "region": "ap-south-1",
            "platform": platform,
            "compute": compute,
            "services": {"web": service or {}},
            **changes,
        }
    )
    found = [mistake for check in kubernetes_services.CHECKS for mistake in check(settings)]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


FINE: list[dict[str, Any]] = [
    {},
    {"port": 3000, "path": "/*", "scaling": {"min": 3, "max": 10, "target": {"cpu": 70, "memory": 80}}},
    {"cpu": 256, "memory": 256, "limits": {"cpu": 512, "memory": 512}, "nodes": "general"},
    {"scaling": {"min": 0, "max": 5, "queue": {"queue": "jobs"}}},
    {"scaling": {"min": 0, "max": 0}},
]


@pytest.mark.parametrize("service", FINE)
def test_what_kubernetes_runs_is_no_mistake(service: dict[str, Any]) -> None:
    assert mistakes(service) == []


@pytest.mark.parametrize(
    ("service", "message"),
    [
        (
            {"port": 3000, "path": "/*", "scaling": {"target": {"requests": 500}}},
            "services.web.scaling.target.requests: nothing in the cluster counts the load balancer's requests; use target.cpu or "
            "target.memory",
        ),
        (
            {"scaling": {"target": None, "steps": {}}},
            "services.web.scaling.steps: Kubernetes scales by targets alone; use target: {cpu: 70}",
        ),
        (
            {"scaling": {"schedule": {"night": {"cron": "0 22 ? * * *", "min": 1, "max": 2}}}},
            "services.web.scaling.schedule: pods have no other bounds at certain hours; raise scaling.min, or let target or queue "
            "follow the load",
        ),
        (
            {"scaling": {"min": 0, "max": 5}},
            "services.web.scaling.min: 0 copies use no CPU that could start one; only scaling.queue starts from 0. Set min to 1 or "
            "more",
        ),
    ],
)
def test_scaling_that_kubernetes_lacks_is_a_mistake(service: dict[str, Any], message: str) -> None:
    assert mistakes(service) == [message]


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ({"exec": True}, "compute.exec: goes with ECS; on Kubernetes sessions are opened with kubectl exec"),
        ({"spot": 50}, "compute.spot: no percentage of pods can be on Spot; give compute.kubernetes.nodes a group"),
    ],
)
def test_what_ecs_does_for_all_services_is_a_mistake(compute: dict[str, Any], message: str) -> None:
    [found] = mistakes(compute=compute)
    assert found.startswith(message)


def test_auto_mode_has_no_group_to_run_on() -> None:
    [found] = mistakes({"nodes": "general"}, compute={"kubernetes": {"scaling": "auto-mode"}})
    assert found.startswith("services.web.nodes: Auto Mode makes no node groups")


def test_a_bucket_needs_https_since_policies_cannot_name_s3() -> None:
    service = {"uses": {"images": "read"}, "outbound_ports": [587]}
    [found] = mistakes(service, storage={"images": {}})
    assert found == (
        "services.web.outbound_ports: without 443 pods do not reach S3, and web uses images: network policies have no other way to "
        "name it. Add 443, or run it on fargate"
    )
    assert mistakes({**service, "outbound_ports": [443, 587]}, storage={"images": {}}) == []
    assert mistakes({"outbound_ports": []}, storage={"images": {}}) == []
    assert mistakes(service, storage={"images": {}}, compute={"engine": "fargate"}) == []


def test_hours_stop_no_cluster() -> None:
    [found] = mistakes(platform={"hours": {"start": "08:00", "stop": "18:00"}})
    assert found.startswith("platform.hours: would not stop a cluster")


@pytest.mark.parametrize("name", ["default", "kube-system"])
def test_the_platform_is_not_called_like_a_namespace_of_the_cluster(name: str) -> None:
    [found] = mistakes(platform={"name": name})
    assert found.startswith(f'platform.name: "{name}" is also the namespace of the services')


@pytest.mark.parametrize("engine", ["fargate", "ecs-ec2", "ec2", "app-runner"])
def test_limits_and_nodes_go_with_kubernetes_alone(engine: str) -> None:
    limits, nodes = mistakes({"limits": {"cpu": 512}, "nodes": "general"}, compute={"engine": engine})
    assert limits.startswith(f"services.web.limits: goes with the engine eks; with {engine} a copy has its cpu")
    assert nodes == f"services.web.nodes: goes with the engine eks; {engine} has no node groups. Leave it out"


def test_other_engines_scale_as_they_always_did() -> None:
    scaling = {"schedule": {"night": {"cron": "0 22 ? * * *", "min": 1, "max": 2}}, "target": {"requests": 100}}
    assert mistakes({"port": 3000, "path": "/*", "scaling": scaling}, compute={"engine": "fargate"}) == []


@given(asked=st.integers(1, 4096), limit=st.integers(1, 4096))
def test_a_limit_is_never_below_what_is_asked_for(asked: int, limit: int) -> None:
    declaration = {"cpu": asked, "limits": {"cpu": limit}}
    if limit >= asked:
        assert ServiceSettings.model_validate(declaration).limits is not None
    else:
        with pytest.raises(ValidationError, match=f"limits.cpu \\({limit}\\) is less than the {asked}"):
            ServiceSettings.model_validate(declaration)
