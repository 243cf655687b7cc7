"""What each engine cannot do, said with the numbers."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.compute.checks import CHECKS
from groundwork.components.compute.settings import ComputeSettings, InstancesSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import addresses, instance_class, instance_classes, task_memory
from groundwork.settings.recurrence import recurrence

APP: dict[str, Any] = {"port": 3000, "path": "/*", "cpu": 512, "memory": 1024}
WORKER: dict[str, Any] = {"cpu": 512, "memory": 1024}


def mistakes(
    compute: dict[str, Any], services: dict[str, Any] | None = None, *, region: str = "eu-west-1", **layers: Any
) -> dict[str, str]:
    """Path → message of every mistake."""
    settings = Settings.model_validate(
        {
            "region": region,
            "platform": {"name": "shop"},
            "network": {},
            "compute": compute,
            "services": services or {},
            **layers,
        }
    )
    return {".".join(map(str, mistake.path)): mistake.message for find in CHECKS for mistake in find(settings)}


def ecs(instances: dict[str, Any] | None = None, **compute: Any) -> dict[str, Any]:
    return {
        "engine": "ecs-ec2",
        "instances": {"class": "t3.medium", "min": 2, "max": 10, **(instances or {})},
        **compute,
    }


@pytest.mark.parametrize("engine", ["fargate", "app-runner"])
def test_instances_go_with_engines_that_have_some(engine: str) -> None:
    found = mistakes({"engine": engine, "instances": {}})
    assert found["compute.instances"] == (
        f"goes with the engines ecs-ec2 and ec2; {engine} has no instances of yours. Leave it out, or change engine"
    )
    assert "compute.instances" not in mistakes(ecs())


def test_an_unknown_class_is_named_with_the_nearest() -> None:
    assert mistakes(ecs({"class": "t3.medum"}))["compute.instances.class"] == (
        '"t3.medum" is not a class Groundwork knows; did you mean "t3.medium"?'
    )
    found = mistakes(ecs({"further_classes": ["t3a.medium", "t9.medium"]}))
    assert list(found) == ["compute.instances.further_classes.1"]


def test_the_architecture_follows_the_class_and_must_not_contradict_it() -> None:
    assert ComputeSettings.model_validate(ecs({"class": "t4g.medium"})).built_for == "arm64"
    assert ComputeSettings.model_validate(ecs()).built_for == "x86_64"
    assert ComputeSettings().built_for == "arm64"
    assert ComputeSettings(engine="app-runner").built_for == "x86_64"
    assert mistakes(ecs(architecture="arm64"))["compute.instances.class"] == (
        "t3.medium is x86_64, and images are built for arm64 (compute.architecture)"
    )


def test_further_classes_have_the_architecture_of_the_first() -> None:
    found = mistakes(ecs({"further_classes": ["t4g.medium"]}))
    assert found["compute.instances.further_classes.0"] == (
        "t4g.medium is arm64, and images are built for x86_64 (compute.instances.class is t3.medium)"
    )


def test_min_is_not_more_than_max() -> None:
    with pytest.raises(ValidationError, match=r"min \(3\) is more than max \(2\)"):
        InstancesSettings(min=3, max=2)
    with pytest.raises(ValidationError, match=r"min \(3\) is more than max \(2\)"):
        InstancesSettings.model_validate({"schedule": {"night": {"cron": "0 22 ? * * *", "min": 3, "max": 2}}})


def test_a_service_larger_than_the_instance_is_told_so_with_the_numbers() -> None:
    services = {"app": {**APP, "cpu": 4096, "memory": 4096}}
    found = mistakes(ecs(), services)
    assert found["services.app.cpu"] == (
        "4096 CPU units do not fit t3.medium, which has 2048; lower it or use a larger class"
    )
    assert found["services.app.memory"] == (
        "4096 MiB do not fit t3.medium, which has about 3539 for tasks beside the system; lower it or use a larger class"
    )


def test_the_smallest_class_counts_where_there_are_several() -> None:
    found = mistakes(ecs({"class": "t3.large", "further_classes": ["t3.medium"]}), {"app": {**APP, "memory": 4096}})
    assert "do not fit t3.large or t3.medium" in found["services.app.memory"]


def test_sizes_need_not_be_fargates_on_instances() -> None:
    assert mistakes(ecs(), {"app": {**APP, "cpu": 300, "memory": 700}}) == {}
    assert mistakes(ecs(), {"app": {**APP, "cpu": 64}})["services.app.cpu"] == (
        "64 is less than the 128 CPU units that ECS asks for"
    )


def test_tasks_need_network_interfaces() -> None:
    services = {
        "app": {**APP, "cpu": 128, "memory": 128, "writable_mib": 16, "scaling": {"max": 12}},
        "worker": {**WORKER, "cpu": 128, "memory": 128, "writable_mib": 16, "scaling": {"max": 8}},
    }
    assert mistakes(ecs(), services)["compute.instances.max"] == (
        "10 × t3.medium hold 20 tasks (2 each: 3 network interfaces less its own), and services may run 20 (app 12 + worker 8) "
        "with one more during a deployment; raise max to 11, use a class with more interfaces, or lower scaling.max"
    )
    assert mistakes(ecs({"max": 11}), services) == {}


def test_hours_that_allow_more_copies_count() -> None:
    scaling = {"max": 4, "schedule": {"sale": {"cron": "0 8 ? * * *", "min": 4, "max": 40}}}
    small = {**APP, "cpu": 128, "memory": 128, "writable_mib": 16, "scaling": scaling}
    assert "may run 40 (app 40)" in mistakes(ecs(), {"app": small})["compute.instances.max"]
    sale = {"schedule": {"sale": {"cron": "0 8 ? * * *", "min": 4, "max": 40}}}
    assert mistakes(ecs(sale), {"app": small}) == {}


def test_with_trunking_an_instance_takes_more_tasks() -> None:
    services = {"app": {**APP, "cpu": 128, "memory": 128, "writable_mib": 16, "scaling": {"max": 15}}}
    without = ecs({"class": "c6i.large", "max": 2})
    assert (
        "c6i.large hold 4 tasks (2 each: 3 network interfaces" in mistakes(without, services)["compute.instances.max"]
    )
    assert mistakes(ecs({"class": "c6i.large", "max": 2, "trunking": True}), services) == {}


def test_burstable_classes_cannot_trunk() -> None:
    assert mistakes(ecs({"trunking": True}))["compute.instances.trunking"] == (
        "t3.medium cannot trunk network interfaces; use a class such as m7g.large or c6i.large, or leave it out"
    )


def test_all_copies_find_cpu_and_memory() -> None:
    services = {"app": {**APP, "cpu": 2048, "scaling": {"max": 10}}}
    assert mistakes(ecs(), services)["compute.instances.max"] == (
        "10 × t3.medium have 20480 CPU units for tasks, and services may ask for 22528 (app 10 × 2048, and one more copy during "
        "a deployment); raise max to 11 or more, use a larger class, or lower scaling.max"
    )
    hungry = {"app": {**APP, "cpu": 128, "memory": 3500, "scaling": {"max": 10}}}
    assert "MiB for tasks" in mistakes(ecs(), hungry)["compute.instances.max"]


@given(
    copies=st.integers(1, 60),
    memory=st.integers(256, 3500),
    cpu=st.integers(128, 2048),
    name=st.sampled_from(["t3.medium", "t4g.xlarge", "m6g.large", "c5.2xlarge"]),
    most=st.integers(1, 40),
)
def test_what_is_not_a_mistake_has_room(copies: int, memory: int, cpu: int, name: str, most: int) -> None:
    service = {**APP, "cpu": cpu, "memory": memory, "scaling": {"max": copies}}
    known = instance_class(name)
    assert known
    if mistakes(ecs({"class": name, "min": 1, "max": most}), {"app": service}) == {}:
        assert (copies + 1) <= most * (known.interfaces - 1)
        assert (copies + 1) * cpu <= most * known.vcpus * 1024
        assert (copies + 1) * memory <= most * task_memory(known)


def test_what_always_runs_is_not_all_on_spot() -> None:
    services = {"app": APP, "worker": {**WORKER, "scaling": {"min": 0, "max": 1}}}
    assert mistakes(ecs({"min": 0}, spot=50), services)["compute.instances.min"] == (
        "0 with spot: 50 puts what must always run (app) on Spot; set min to 1 or more, or spot: 0"
    )
    assert mistakes(ecs({"min": 1}, spot=50), services) == {}
    assert mistakes(ecs({"min": 0}, spot=50), {"worker": services["worker"]}) == {}


def test_a_task_has_no_volume_that_outlives_it_and_no_public_instance() -> None:
    found = mistakes(ecs({"data_volume": 20, "placement": "public"}))
    assert set(found) == {"compute.instances.data_volume", "compute.instances.placement"}


def test_the_root_volume_holds_the_ecs_image() -> None:
    assert mistakes(ecs({"volume": 20})) == {"compute.instances.volume": "20 GiB are less than the 30 of the ECS image"}
    assert mistakes({"engine": "ec2", "instances": {"volume": 20}}) == {}


def test_what_only_fargate_knows_is_told_elsewhere() -> None:
    services = {"app": {**APP, "spot": 50, "disk_gib": 50, "scaling": {"concurrency": 80}}}
    found = mistakes(ecs(), services)
    assert found["services.app.spot"] == (
        "goes with the engine fargate; with ecs-ec2 compute.spot says how much runs on Spot"
    )
    assert "compute.instances.volume" in found["services.app.disk_gib"]
    assert "scaling.target.requests" in found["services.app.scaling.concurrency"]


def test_without_nat_instances_reach_ecs_through_endpoints() -> None:
    network = {"nat": "none", "endpoints": ["ecr.api", "ecr.dkr", "logs", "ecs"]}
    assert mistakes(ecs(), {"app": APP}, network=network)["network.endpoints"] == (
        "without NAT container instances reach ECS through endpoints alone; add ecs-agent, ecs-telemetry, or set nat: single"
    )


def test_hours_that_auto_scaling_cannot_say() -> None:
    hours = {"schedule": {"once": {"cron": "0 8 1 1 ? 2027", "min": 1, "max": 2}}}
    message = mistakes(ecs(hours))["compute.instances.schedule.once.cron"]
    assert message.startswith('"0 8 1 1 ? 2027" cannot be said to EC2 Auto Scaling')


def test_hours_that_do_not_parse_are_a_mistake() -> None:
    with pytest.raises(ValidationError, match='has "99" as hour'):
        InstancesSettings.model_validate({"schedule": {"night": {"cron": "0 99 ? * * *", "min": 1, "max": 2}}})


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 22 ? * * *", "0 22 * * *"),
        ("30 6 ? * MON-FRI *", "30 6 * * MON-FRI"),
        ("30 6 ? * 2-6 *", "30 6 * * 1-5"),
        ("0 8 1,15 JAN-MAR ? *", "0 8 1,15 JAN-MAR *"),
        ("0/15 8-18/2 * * ? *", "0-59/15 8-18/2 * * *"),
        ("*/10 * * * ? *", "*/10 * * * *"),
        ("0 8 ? * 1/2 *", "0 8 * * 0-6/2"),
        ("0 8 L * ? *", None),
        ("0 8 ? * 6#2 *", None),
        ("0 8 15W * ? *", None),
        ("0 8 1 1 ? 2027", None),
    ],
)
def test_hours_in_the_older_notation(cron: str, said: str | None) -> None:
    """S3-10"""
    assert recurrence(cron) == said


def runner(**compute: Any) -> dict[str, Any]:
    return {"engine": "app-runner", **compute}


WEB: dict[str, Any] = {"port": 3000, "path": "/*", "cpu": 1024, "memory": 2048}


def test_a_service_that_suits_app_runner_is_no_mistake() -> None:
    image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1"
    assert mistakes(runner(), {"web": {**WEB, "image": image, "scaling": {"concurrency": 80}}}) == {}


def test_app_runner_takes_no_worker() -> None:
    assert mistakes(runner(), {"worker": {"cpu": 1024, "memory": 2048}}) == {
        "services.worker.port": "is missing, and App Runner runs only what answers HTTP; a worker needs the engine fargate or ecs-ec2"
    }


def test_app_runner_has_no_private_services() -> None:
    services = {"web": {**WEB, "uses": {"api": "connect"}}, "api": {**WEB, "path": None}}
    found = mistakes(runner(), services)
    assert found["services.api.path"].startswith("is missing, and every App Runner service has a public address")
    assert found["services.web.uses.api"].startswith("App Runner services have no way to one another")


def test_app_runner_tells_services_apart_by_path() -> None:
    found = mistakes(runner(), {"web": {**WEB, "host": "www"}})
    assert found == {
        "services.web.host": "App Runner services are told apart by their paths at CloudFront; use path, or fargate"
    }


def test_app_runner_has_sizes_of_its_own() -> None:
    assert mistakes(runner(), {"web": {**WEB, "cpu": 8192}})["services.web.cpu"] == (
        "8192 is not a CPU size of App Runner; use 256, 512, 1024, 2048 or 4096"
    )
    assert mistakes(runner(), {"web": {**WEB, "memory": 8192}})["services.web.memory"] == (
        "8192 MiB does not go with 1024 CPU units on App Runner; use 2048, 3072 or 4096"
    )


def test_more_copies_than_app_runner_allows_need_a_word_from_aws() -> None:
    """S0-01"""
    services = {"web": {**WEB, "scaling": {"min": 2, "max": 50}}}
    assert mistakes(runner(), services)["services.web.scaling.max"] == (
        "50 copies are more than the 25 that App Runner allows (compute.app_runner_quota); AWS Support raises that on request"
    )
    assert mistakes(runner(app_runner_quota=50), services) == {}


def test_app_runner_scales_by_requests_under_way_alone() -> None:
    scaling = {
        "steps": {},
        "queue": {"queue": "jobs"},
        "schedule": {"day": {"cron": "0 8 ? * * *", "min": 1, "max": 2}},
    }
    found = mistakes(runner(), {"web": {**WEB, "scaling": scaling}})
    assert set(found) == {f"services.web.scaling.{key}" for key in ("steps", "queue", "schedule")}


def test_what_app_runner_lacks_is_told() -> None:
    web = {
        **WEB,
        "image": "nginx:1.29",
        "environment": {"PORT": "80"},
        "disk_paths": ["/work"],
        "disk_gib": 50,
        "health_command": ["true"],
        "sticky": True,
    }
    found = mistakes(runner(architecture="arm64", spot=20, exec=True), {"web": web}, region="eu-north-1")
    assert set(found) == {
        "compute.engine",
        "compute.architecture",
        "compute.spot",
        "compute.exec",
        "services.web.image",
        "services.web.environment.PORT",
        "services.web.disk_paths",
        "services.web.disk_gib",
        "services.web.health_command",
        "services.web.sticky",
    }
    assert found["compute.engine"].startswith("App Runner is not in eu-north-1; use fargate")


def test_fargate_meets_none_of_these() -> None:
    services = {"app": {**APP, "spot": 50, "disk_gib": 50}, "worker": WORKER}
    assert mistakes({"engine": "fargate", "exec": True}, services) == {}
    assert mistakes({"engine": "fargate"}, services, network=None) == {}


def test_classes_are_as_ec2_describes_them() -> None:
    moto = pytest.importorskip("moto")
    file = Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(file.read_bytes()))
    for name in instance_classes():
        known, facts = instance_class(name), described[name]
        assert known
        assert known.architecture in facts["ProcessorInfo"]["SupportedArchitectures"]
        assert (known.vcpus, known.memory, known.interfaces, known.burstable) == (
            facts["VCpuInfo"]["DefaultVCpus"],
            facts["MemoryInfo"]["SizeInMiB"],
            facts["NetworkInfo"]["MaximumNetworkInterfaces"],
            facts["BurstablePerformanceSupported"],
        ), name
        assert addresses(known) == facts["NetworkInfo"]["Ipv4AddressesPerInterface"], name


def test_a_class_keeps_some_memory_from_tasks() -> None:
    for name in instance_classes():
        known = instance_class(name)
        assert known
        assert 0 <= task_memory(known) < known.memory
    assert instance_class("t3.huge") is None


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("m6i.8xlarge", 90),
        ("r7a.12xlarge", 120),
        ("m6g.8xlarge", 60),
        ("m5.12xlarge", 60),
        ("m7i-flex.large", 4),
        ("m8i.12xlarge", 120),
        ("r5.8xlarge", None),
        ("m5n.large", None),
    ],
)
def test_the_tasks_that_trunking_allows_are_those_of_the_family(name: str, tasks: int | None) -> None:
    known = instance_class(name)
    assert known
    assert known.trunk_tasks == tasks
