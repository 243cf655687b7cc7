"""The whole way of examples/django-shop, on what its program declares: up, first deployment, up, the next one with its migration, one
whose migration fails, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations.account import open_account
from groundwork.operations.ecs import EcsOperations
from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from tests.operations.docker import Docker, arrives
from tests.operations.shop import ACCOUNT, client, done, push, rollouts, signed_in
from tests.operations.standing import StandingStack, jobs_end
from tests.stacks import ROOT, found, run_found, snapshot_of

STACK, REGION = "examples/django-shop/dev", "us-east-1"
PARAMETER = "/django-shop/dev/services/images/web"


def image(tag: str) -> str:
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/django-shop/dev/web:{tag}"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    with signed_in(ROOT, monkeypatch):
        program = Docker(tmp_path / "bin", monkeypatch)
        arrives(
            monkeypatch,
            lambda pushed: push(pushed.rpartition(":")[2], repository="django-shop/dev/web", region=REGION),
        )
        yield program


def delivered() -> str:
    return str(client("ssm", REGION).get_parameter(Name=PARAMETER)["Parameter"]["Value"])


def definitions() -> dict[str, dict[str, Any]]:
    """What the services run, and what the job's next run would be."""
    ecs = EcsOperations(open_account(STACK))
    running = {name: ecs.definition(one["taskDefinition"]) for name, one in ecs.services().items()}
    # ECS takes the newest that is active for a family's name, the stand-in the newest.
    active = client("ecs", REGION).list_task_definitions(familyPrefix="django-shop-dev-migrate", status="ACTIVE")[
        "taskDefinitionArns"
    ]
    newest = max(active, key=lambda arn: int(arn.rpartition(":")[2]))
    return {**running, "migrate": ecs.definition(newest)}


def images() -> dict[str, str]:
    return {name: one["containerDefinitions"][0]["image"] for name, one in definitions().items()}


def all_run(tag: str) -> dict[str, str]:
    return dict.fromkeys(("web", "worker", "beat", "migrate"), image(tag))


def told(definition: dict[str, Any]) -> tuple[Any, Any]:
    [container] = definition["containerDefinitions"]
    return container["environment"], container["secrets"]


def test_the_whole_way_from_the_first_update_to_a_rollback(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome: dict[str, tuple[int, list[str]]] = {}
    ran = jobs_end(monkeypatch, lambda it: outcome.get(it, (0, ["Applying catalog.0001_initial... OK"])))
    stack = StandingStack(REGION)

    # The first update: the names that a deployment looks for come before what runs, which is a placeholder that is told nothing.
    stack.up(run_found(found(STACK), delivered=False))
    order = [name.removeprefix("django-shop-compute-") for name in stack.order]
    for service in ("web", "worker", "beat"):
        assert max(order.index("cluster"), order.index("web-image")) < order.index(service)
    assert delivered() == "none"
    before = definitions()
    assert all("busybox" in one["containerDefinitions"][0]["image"] for one in before.values())
    assert all(told(before[name]) == ([], []) for name in ("web", "worker", "beat"))

    # The first deployment: built, pushed, the migration runs with it, and the rest is an update's.
    assert groundwork(["deploy", STACK, "web=1", "--build", "--yes"]) == 0
    said = capfd.readouterr()
    folder = ROOT / "examples" / "django-shop"
    [built] = docker.of("buildx", "build")
    assert built[built.index("--tag") + 1] == image("1")
    assert built[-2:] == [str(folder), "stdin="]
    assert built[built.index("--file") + 1] == str(folder / "Dockerfile")
    assert ran == [("django-shop-dev-migrate", image("1"))]
    assert "migrate: Applying catalog.0001_initial... OK" in said.out
    assert "with: pulumi up --stack dev" in said.out
    assert delivered() == image("1")
    assert images() == {
        **{name: one["containerDefinitions"][0]["image"] for name, one in before.items()},
        "migrate": image("1"),
    }

    # The update after it: the image that the parameter names, in place of the placeholder.
    stack.up(snapshot_of(STACK))
    assert images() == all_run("1")
    assert delivered() == image("1")
    declared = definitions()
    assert all("DATABASE_URL" in str(told(one)) and "SECRET_KEY" in str(told(one)) for one in declared.values())

    # The next version needs no update: migration, name, services; nothing but the image is another.
    rollouts(monkeypatch, done)
    ran.clear()
    assert groundwork(["deploy", STACK, "web=2", "--build", "--yes"]) == 0
    assert ran == [("django-shop-dev-migrate", image("2"))]
    assert images() == all_run("2")
    after = definitions()
    for one in (*declared.values(), *after.values()):
        del one["containerDefinitions"][0]["image"]
    assert after == declared
    capfd.readouterr()

    # An update in between declares what runs, and takes nothing back.
    stack.up(snapshot_of(STACK), {image("1"): image("2")})
    assert images() == all_run("2")
    stack.up(snapshot_of(STACK), {image("1"): image("2")})
    assert stack.order == []

    # A migration that fails: nothing else is done.
    outcome[image("3")] = (1, ["django.db.utils.ProgrammingError: relation exists"])
    revisions = {name: one["taskDefinition"] for name, one in EcsOperations(open_account(STACK)).services().items()}
    assert groundwork(["deploy", STACK, "web=3", "--build", "--yes"]) == 1
    said = capfd.readouterr()
    assert "migrate: django.db.utils.ProgrammingError: relation exists" in said.out
    assert "migrate failed, and nothing else was done" in said.err
    assert (delivered(), images()) == (image("2"), all_run("2"))
    assert {n: o["taskDefinition"] for n, o in EcsOperations(open_account(STACK)).services().items()} == revisions

    # Back: over a migration only by somebody's word.
    ran.clear()
    assert groundwork(["rollback", STACK, "web", "--yes"]) == 1
    assert f"migrate ran before {image('2')} was deployed, and what that changed stays" in capfd.readouterr().err
    assert images() == all_run("2")
    assert groundwork(["rollback", STACK, "web", "--force", "--yes"]) == 0
    assert (ran, delivered(), images()) == ([], image("1"), all_run("1"))


def test_a_pipeline_finds_in_the_outputs_what_stands_in_the_account(docker: Docker) -> None:
    snapshot = run_found(found(STACK), delivered=False)
    StandingStack(REGION).up(snapshot)
    ecs = EcsOperations(open_account(STACK))
    outputs = snapshot.outputs
    assert outputs["services"] == {name: one["serviceName"] for name, one in ecs.services().items()}
    assert outputs["images"] == {"web": PARAMETER}
    made = client("ecr", REGION).describe_repositories()["repositories"]
    assert list(outputs["repositories"].values()) == [
        one["repositoryUri"].replace(ACCOUNT, EXAMPLE_ACCOUNT) for one in made
    ]
    job = outputs["jobs"]["migrate"]
    assert job == ecs._job("migrate")
    assert ecs.definition(job["taskDefinition"])["containerDefinitions"][0]["name"] == job["container"]
