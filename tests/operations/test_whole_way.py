"""The whole way of examples/django-shop, on three engines, on what its program declares: up, first deployment, up, the next one with its migration, one
whose migration fails, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from botocore.client import BaseClient

from groundwork.cli.main import run as groundwork
from groundwork.operations.account import StackAccount, open_account
from groundwork.operations.engines import eks
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.preview.snapshot import Snapshot
from tests.operations.docker import Docker, arrives
from tests.operations.engines import Instances, Objects, serving
from tests.operations.shop import ACCOUNT, client, done, project, push, rollouts, signed_in
from tests.operations.standing import StandingStack, jobs_end
from tests.stacks import ROOT, found, run_found, snapshot_of

STACK, REGION = "examples/django-shop/dev", "us-east-1"
PARAMETER = "/django-shop/dev/services/images/web"


def image(tag: str) -> str:
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/django-shop/dev/web:{tag}"


DELIVERY = ["  groundwork:delivery: {github: {repository: acme/tea, environments: [dev]}}"]


def rights(snapshot: Snapshot) -> set[str]:
    """The actions that pipelines may take, and what AWS answers everybody who signs."""
    [policy] = [one for one in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if one.name == "django-shop-delivery"]
    statements = json.loads(policy.inputs["policy"])["Statement"]
    actions = [statement["Action"] for statement in statements]
    return {"sts:GetCallerIdentity", *(one for said in actions for one in ([said] if isinstance(said, str) else said))}


def asked_of_aws(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Note every action that is asked of AWS through a stack's account."""
    asked: set[str] = set()
    call = BaseClient._make_api_call

    def noted(self: Any, operation: str, arguments: Any) -> Any:
        # What a test itself does with the account has clients of its own, which wait longer.
        if self.meta.config.connect_timeout == 5:
            asked.add(f"{self.meta.service_model.signing_name}:{operation}")
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return asked


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
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome: dict[str, tuple[int, list[str]]] = {}
    ran = jobs_end(monkeypatch, lambda it: outcome.get(it, (0, ["Applying catalog.0001_initial... OK"])))
    stack = StandingStack(REGION)
    file = tmp_path / "Pulumi.dev.yaml"
    text = (ROOT / "examples" / "django-shop" / file.name).read_text(encoding="utf-8")
    file.write_text("\n".join([text.rstrip(), *DELIVERY]), encoding="utf-8")
    first = run_found(replace(found(STACK), file=file), delivered=False)
    asked = asked_of_aws(monkeypatch)

    # The first update: the names that a deployment looks for come before what runs, which is a placeholder that is told nothing.
    stack.up(first)
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

    # A pipeline could have done all of it.
    assert {"ssm:PutParameter", "ecs:UpdateService"} <= asked <= rights(first)


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


MIGRATION_FAILS = (1, "django.db.utils.ProgrammingError: relation exists")


def on(engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Snapshot, set[str]]:
    """Stand in a folder whose stack dev is the shop on another engine, with pipelines. Return what it declares, with an image, put into the
    account as far as that stands there, and what pipelines may do."""
    file = ROOT / "examples" / "django-shop" / "Pulumi.dev.yaml"
    # A cluster is not stopped at night.
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("    hours:")]
    compute = {"ec2": "{engine: ec2, instances: {min: 1, max: 1}}", "eks": "{engine: eks}"}[engine]
    project(folder, "\n".join([*lines, f"  groundwork:compute: {compute}", *DELIVERY]))
    snapshot = run_found(replace(found(STACK), file=folder / "Pulumi.dev.yaml"))
    monkeypatch.chdir(folder)
    StandingStack(REGION).up(snapshot)
    for tag in ("1", "2", "3"):
        push(tag, architecture="amd64", repository="django-shop/dev/web", region=REGION)
    client("ssm", REGION).put_parameter(Name=PARAMETER, Value=image("1"), Overwrite=True)
    return snapshot, rights(snapshot)


def walk(ran: list[Any], capfd: pytest.CaptureFixture[str]) -> tuple[list[Any], ...]:
    """Deploy 2, then 3 whose migration fails, then go back; return what each has run."""
    done: list[list[Any]] = []
    for words, code in (
        (["deploy", "dev", "web=2"], 0),
        (["deploy", "dev", "web=3"], 1),
        (["rollback", "dev", "web"], 1),
        (["rollback", "dev", "web", "--force"], 0),
    ):
        ran.clear()
        assert groundwork([*words, "--yes"]) == code, capfd.readouterr()
        done.append(list(ran))
    assert "migrate failed, and nothing else was done" in capfd.readouterr().err
    return tuple(done)


def test_the_same_way_leads_over_instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with signed_in(tmp_path, monkeypatch):
        snapshot, may = on("ec2", tmp_path, monkeypatch)
        machines = Instances(snapshot, REGION, lambda it: MIGRATION_FAILS if it == image("3") else (0, "OK"))
        ask = StackAccount.client
        monkeypatch.setattr(
            StackAccount, "client", lambda self, name, region=None: machines.client(name) or ask(self, name, region)
        )
        asked = asked_of_aws(monkeypatch)
        second, third, refused, back = walk(machines.ran, capfd)
        restart, job = "django-shop-dev-restart", "django-shop-dev-job"
        services = ("web", "worker", "beat")
        assert second == [(job, "migrate", image("2")), *((restart, name, image("2")) for name in services)]
        assert (third, refused) == ([(job, "migrate", image("3"))], [])
        assert back == [(restart, name, image("1")) for name in services]
        assert delivered() == image("1")
        # What the instances stand in for, and what the account was asked.
        assert {"ec2:DescribeInstances", "autoscaling:DescribeAutoScalingGroups"} <= may
        assert {"ssm:SendCommand", "ssm:GetCommandInvocation", "ssm:ListCommands"} <= may
        assert asked <= may


def test_the_same_way_leads_over_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with signed_in(tmp_path, monkeypatch):
        snapshot, may = on("eks", tmp_path, monkeypatch)
        text = snapshot.dumps().replace(EXAMPLE_ACCOUNT, ACCOUNT)
        objects = Objects(
            Snapshot.from_json(json.loads(text)), lambda it: MIGRATION_FAILS if it == image("3") else (0, "OK")
        )
        [cluster] = snapshot.of_type("aws:eks/cluster:Cluster")
        [namespace] = snapshot.of_type("kubernetes:core/v1:Namespace")
        with serving(objects) as address:

            def connect(account: StackAccount) -> eks.EksOperations:
                assert account.slug == cluster.inputs["name"]
                assert "eks:DescribeCluster" in may
                assert account.settings.platform.name == namespace.inputs["metadata"]["name"]
                configuration = kubernetes.client.Configuration(host=address)
                return eks.EksOperations(account.settings.platform.name, kubernetes.client.ApiClient(configuration))

            monkeypatch.setattr(eks, "connect", connect)
            asked = asked_of_aws(monkeypatch)
            assert objects.images() == all_run("1")
            second, third, refused, back = walk(objects.ran, capfd)
        assert (second, third) == ([("migrate-run-x7k2p", image("2"))], [("migrate-run-x7k2p", image("3"))])
        assert (refused, back) == ([], [])
        assert objects.images() == all_run("1")
        assert asked <= may
