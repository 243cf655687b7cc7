"""A deployment of an image that several services and jobs run: what comes first, what goes back, what stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import deploy as deployments
from groundwork.operations import images
from groundwork.operations.account import open_account
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.errors import CommandFailedError, DeploymentFailedError, OperationError
from groundwork.operations.progress import Progress
from tests.operations.shop import (
    REPOSITORY,
    STACK_FILE,
    Clock,
    account,
    client,
    open_for_business,
    push,
    service,
)

SHARED = (
    STACK_FILE.replace("worker: {}", "worker: {image: {from: web}, command: [work]}")
    + """\
  groundwork:jobs:
    migrate: {image: {from: web}, command: [migrate], when: before_deploy, timeout: 600}
    report: {image: {from: web}, command: [report], schedule: 0 3 * * ? *}
    other: {command: [x]}
"""
)
OLD, NEW = f"{REPOSITORY}:1.0", f"{REPOSITORY}:1.1"
Outcome = Callable[[str], list[str]]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The shop, where web, worker, migrate and report run one image."""
    with account(tmp_path, monkeypatch, SHARED):
        open_for_business(OLD)
        for name in ("migrate", "report"):
            definition = client("ecs").register_task_definition(
                family=f"shop-dev-{name}",
                containerDefinitions=[{"name": name, "image": OLD, "essential": True, "memory": 512}],
            )["taskDefinition"]
            network = service("web").network_configuration["awsvpcConfiguration"]
            told = {
                "taskDefinition": definition["family"],
                "container": name,
                "subnets": network["subnets"],
                "securityGroups": network["securityGroups"],
                "capacityProvider": "FARGATE",
            }
            client("ssm").put_parameter(Name=f"/shop/dev/jobs/{name}", Value=json.dumps(told), Type="String")
        push("1.0")
        push("1.1")
        yield Clock()


def done(monkeypatch: pytest.MonkeyPatch, job: Outcome, broken: str = "") -> list[str]:
    """Have jobs end as said and rollouts of one service fail, and return what was done, in order."""
    order: list[str] = []

    def roll_out(self: EcsOperations, name: str, image: str, progress: Progress, seconds: float) -> None:
        order.append(f"{name} {image.rpartition(':')[2]}")
        if name == broken and image == NEW:
            raise DeploymentFailedError("tasks failed to start")

    def watched(self: EcsOperations, arn: str, container: str, progress: Progress, seconds: float) -> Iterator[str]:
        order.append(f"{container} for {seconds}")
        yield from job(container)

    write = images._write
    monkeypatch.setattr(
        images, "_write", lambda *it: order.append(f"parameter {it[2].rpartition(':')[2]}") or write(*it)
    )
    monkeypatch.setattr(EcsOperations, "roll_out", roll_out)
    monkeypatch.setattr(EcsOperations, "_watched", watched)
    return order


def newest(job: str) -> dict[str, Any]:
    found: dict[str, Any] = client("ecs").describe_task_definition(taskDefinition=f"shop-dev-{job}")["taskDefinition"]
    return found


def deploy(clock: Clock) -> None:
    deployments.deploy(deployments.plan(open_account("dev"), "web", "1.1"), clock.progress())


def test_the_job_that_comes_first_the_name_the_services_the_other_jobs(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = done(monkeypatch, lambda job: ["Applying 0002"])
    deploy(shop)
    assert order == ["migrate for 600", "parameter 1.1", "web 1.1", "worker 1.1"]
    assert "  0:00  migrate: Applying 0002" in shop.lines
    for job in ("migrate", "report"):
        assert (newest(job)["revision"], newest(job)["containerDefinitions"][0]["image"]) == (2, NEW)


def test_a_job_that_fails_leaves_everything_as_it_was(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> list[str]:
        raise CommandFailedError("relation exists")

    order = done(monkeypatch, fail)
    with pytest.raises(DeploymentFailedError, match="migrate failed, and nothing else was done: relation exists"):
        deploy(shop)
    assert order == ["migrate for 600"]
    for job in ("migrate", "report"):
        active = client("ecs").list_task_definitions(familyPrefix=f"shop-dev-{job}", status="ACTIVE")
        assert [arn.rpartition(":")[2] for arn in active["taskDefinitionArns"]] == ["1"]
    assert images.delivered(open_account("dev"), "web") == (OLD, 2)


def test_a_migration_that_another_deployment_runs_is_not_run_beside_it(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = done(monkeypatch, lambda job: [])
    network = service("web").network_configuration
    task = client("ecs").run_task(
        cluster="shop-dev", taskDefinition="shop-dev-migrate", networkConfiguration=network, launchType="FARGATE"
    )["tasks"][0]["taskArn"]
    with pytest.raises(
        OperationError, match=rf"migrate is busy: the task {task.rpartition('/')[2]} of it has been running"
    ):
        deploy(shop)
    assert order == []
    client("ecs").stop_task(cluster="shop-dev", task=task)
    deploy(shop)
    assert order[0] == "migrate for 600"


def test_services_that_have_the_image_go_back_where_another_does_not_run_it(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = done(monkeypatch, lambda job: [], broken="worker")
    with pytest.raises(DeploymentFailedError, match="worker: tasks failed to start"):
        deploy(shop)
    assert order == ["migrate for 600", "parameter 1.1", "web 1.1", "worker 1.1", "web 1.0", "parameter 1.0"]
    assert newest("report")["revision"] == 1


def test_before_the_first_image_jobs_run_and_the_update_does_the_rest(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client("ssm").put_parameter(Name="/shop/dev/services/images/web", Value="none", Overwrite=True)
    order = done(monkeypatch, lambda job: [])
    deploy(shop)
    assert order == ["migrate for 600", "parameter 1.1"]
    assert "pulumi up --stack dev" in shop.lines[-1]


def test_going_back_over_a_migration_is_for_people_to_decide(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    order = done(monkeypatch, lambda job: [])
    deploy(shop)
    order.clear()
    with pytest.raises(
        OperationError,
        match=r"migrate ran before .*:1\.1 was deployed.*:1\.0 can work with it: groundwork rollback dev .* --force",
    ):
        deployments.plan_rollback(open_account("dev"), "web", force=False)
    assert groundwork(["rollback", "dev", "web", "--yes", "--force"]) == 0
    assert order == ["parameter 1.0", "web 1.0", "worker 1.0"]


def test_whoever_runs_anothers_image_is_deployed_with_it(shop: Clock) -> None:
    with pytest.raises(OperationError, match="worker runs the image of web; deploy that"):
        deployments.plan(open_account("dev"), "worker", "1.1")


def test_what_would_be_done_is_said_in_its_order(shop: Clock) -> None:
    plan = deployments.plan(open_account("dev"), "web", "1.1")
    assert str(plan).startswith("migrate first, then web, worker and report in account 123456789012, eu-west-1: ")


def test_a_job_is_run_by_hand_as_its_parameter_says(
    shop: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = done(monkeypatch, lambda job: ["42 rows"])
    assert groundwork(["run", "dev", "report", "--yes"]) == 0
    assert groundwork(["run", "dev", "migrate", "migrate --fake", "--yes", "--minutes", "2"]) == 0
    said = capsys.readouterr().out
    assert "run report in account 123456789012, eu-west-1\n42 rows\n" in said
    assert order == ["report for 3600", "migrate for 120"]
    assert newest("report")["revision"] == 1


def test_a_job_that_is_not_there_yet_needs_an_update(shop: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert groundwork(["run", "dev", "other", "--yes"]) == 1
    assert (
        "there is no job other in account 123456789012, eu-west-1; run pulumi up --stack dev first"
        in capsys.readouterr().err
    )


def test_a_service_is_run_with_a_command_alone(shop: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    assert groundwork(["run", "dev", "web", "--yes"]) == 2
    assert 'say what to run as web: groundwork run dev web "COMMAND"' in capsys.readouterr().err


def test_logs_of_a_job_are_found_where_jobs_write(shop: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    client("logs").create_log_group(logGroupName="/shop/dev/services/report")
    assert groundwork(["logs", "dev", "report"]) == 0
    assert groundwork(["logs", "dev", "raport"]) == 2
    assert (
        '"raport" is none; Pulumi.dev.yaml has web, worker, migrate, report or other; did you mean "report"?'
        in capsys.readouterr().err
    )
