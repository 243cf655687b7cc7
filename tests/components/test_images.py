"""Which image runs: none yet, the stack's, a pipeline's; and what runs until there is one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pulumi
import pytest

from groundwork.components.access import Grant, SecretReference
from groundwork.components.compute.placeholder import command, standing_in
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.stacks import run_stack
from groundwork.preview.verdicts import judge
from groundwork.settings.loading import find_stack, load_stack
from tests.components.test_compute_fargate import (
    KEY,
    SECRET,
    SERVICE,
    TASK,
    _network,
    container,
    environment,
    fargate,
    named,
    statements,
)
from tests.examples.test_common import ENGINES, SHOP, TOLD, write_shop
from tests.harness import build
from tests.shared import free_port
from tests.stacks import run_found
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import mistakes_in

PARAMETER = "aws:ssm/parameter:Parameter"
BUSYBOX = "public.ecr.aws/docker/library/busybox:1.37.0"
OWN = "111122223333.dkr.ecr.ap-south-1.amazonaws.com/shop/prod/web"
WEB: dict[str, Any] = {"port": 3000, "path": "/*", "health": "/api/health", "uses": {"app": "read"}}
FILLED = Grant(environment={"MODE": "shop"}, secrets={"TOKEN": SecretReference(SECRET, KEY, "TOKEN")})
BY_HAND = Grant(environment={"MODE": "shop"}, secrets={"TOKEN": SecretReference(SECRET, KEY, "TOKEN", by_hand=True)})


def web(delivered: Mapping[str, str] | None, grant: Grant = FILLED, network: Any = None, **settings: Any) -> Snapshot:
    return build(
        fargate({"web": {**WEB, **settings}}, grants={"web": {"app": grant}}, delivered=delivered, network=network)
    )


def image(snapshot: Snapshot) -> str:
    return str(container(snapshot, "web")["image"])


def parameter(snapshot: Snapshot) -> Any:
    return named(snapshot, PARAMETER, "web-image")


NEVER: dict[str, str] = {}
NOTHING = {"web": "none"}


def test_the_first_deployment_runs_a_placeholder_that_is_told_nothing_and_reads_no_secret() -> None:
    first = web(NEVER, BY_HAND)
    assert image(first) == BUSYBOX
    assert container(first, "web")["secrets"] == []
    assert environment(first, "web") == {}
    assert "healthCheck" not in container(first, "web")
    assert "ReadSecrets" not in statements(first, "web-execution")
    assert parameter(first).inputs["insecureValue"] == "none"
    # Everything else stands already, so that a delivery changes what runs and nothing around it.
    later = web({"web": f"{OWN}:1.2"}, BY_HAND)
    assert [resource.urn for resource in first.resources] == [resource.urn for resource in later.resources]
    assert first.of_type(SERVICE)[0].inputs["desiredCount"] == later.of_type(SERVICE)[0].inputs["desiredCount"] == 1


def test_a_delivered_image_runs_with_everything_that_the_service_is_told() -> None:
    later = web({"web": f"{OWN}:1.2"}, BY_HAND)
    assert image(later) == f"{OWN}:1.2"
    assert [entry["name"] for entry in container(later, "web")["secrets"]] == ["TOKEN"]
    assert environment(later, "web")["MODE"] == "shop"
    assert "ReadSecrets" in statements(later, "web-execution")


def test_an_update_that_changes_the_size_keeps_the_delivered_image_and_takes_effect() -> None:
    delivered = {"web": f"{OWN}@sha256:{'a' * 64}"}
    small, large = (web(delivered, cpu=cpu, memory=2048) for cpu in (512, 1024))
    assert image(small) == image(large) == delivered["web"]
    assert [named(snapshot, TASK, "web").inputs["cpu"] for snapshot in (small, large)] == ["512", "1024"]
    for snapshot in (small, large):
        assert "taskDefinition" not in named(snapshot, SERVICE, "web").options.get("ignoreChanges", [])
        # The pipeline's word stays where it wrote it.
        assert parameter(snapshot).options["ignoreChanges"] == ["insecureValue"]
        assert parameter(snapshot).inputs["name"] == "/shop/prod/services/images/web"


@pytest.mark.parametrize(
    ("settings", "grant", "delivered", "expected"),
    [
        # A repository that is not there yet holds nothing; with the next update it is the stack's word that it does.
        ({"tag": "v1"}, FILLED, NEVER, BUSYBOX),
        ({"tag": "v1"}, FILLED, NOTHING, "…/shop/prod/web:v1"),
        ({"tag": "v2"}, FILLED, {"web": f"{OWN}:v1"}, "…/shop/prod/web:v2"),
        # An image elsewhere is there; a secret that somebody fills is not.
        ({"image": "nginx:1.29"}, FILLED, NEVER, "nginx:1.29"),
        ({"image": "nginx:1.29"}, BY_HAND, NEVER, BUSYBOX),
        ({"image": "nginx:1.29"}, BY_HAND, NOTHING, "nginx:1.29"),
        ({"image": "nginx:1.29"}, BY_HAND, {"web": "nginx:1.28"}, "nginx:1.29"),
        ({"image": "nginx:1.29", "image_owner": "pipeline"}, FILLED, NEVER, "nginx:1.29"),
        ({"image": "nginx:1.29", "image_owner": "pipeline"}, FILLED, {"web": "nginx:1.30"}, "nginx:1.30"),
        ({}, FILLED, NOTHING, BUSYBOX),
    ],
)
def test_what_runs_follows_from_who_owns_the_image_and_from_what_there_is(
    settings: dict[str, Any], grant: Grant, delivered: dict[str, str], expected: str
) -> None:
    snapshot = web(delivered, grant, **settings)
    runs = image(snapshot)
    assert runs == expected or (runs.endswith(expected.removeprefix("…")) and expected.startswith("…"))
    by_pipeline = settings.get("image_owner") == "pipeline" or not settings
    said = "none" if by_pipeline or expected == BUSYBOX else runs
    assert parameter(snapshot).inputs["insecureValue"] == said


@pytest.mark.parametrize(
    "said",
    [
        f"{OWN}",
        f"{OWN}:",
        f"{OWN}/other:1",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/prod/web:1",
        "111122223333.dkr.ecr.ap-south-1.amazonaws.com/shop/prod/api:1",
        "public.ecr.aws/evil/web:1",
        f"x{OWN}:1",
        f"{OWN}:1 ",
    ],
)
def test_a_parameter_that_names_anything_but_the_services_own_image_is_refused(said: str) -> None:
    with pytest.raises(pulumi.RunError, match=r"/shop/prod/services/images/web says .* or none for the placeholder"):
        web({"web": said})


def test_where_nothing_reaches_the_internet_no_copy_runs_until_there_is_an_image() -> None:
    inside = _network(reaches_internet=False)
    first, later = web(NEVER, network=inside), web({"web": f"{OWN}:1"}, network=inside)
    assert named(first, SERVICE, "web").inputs["desiredCount"] == 0
    assert named(first, "aws:appautoscaling/target:Target", "web").inputs["minCapacity"] == 0
    assert named(later, SERVICE, "web").inputs["desiredCount"] == 1
    assert named(later, "aws:appautoscaling/target:Target", "web").inputs["minCapacity"] == 1
    # A copy of the placeholder in ECR is reached by the endpoints that the service's own image comes through.
    mirrored = "111122223333.dkr.ecr.ap-south-1.amazonaws.com/busybox:1.37.0"
    compute = {"placeholder_image": mirrored}
    own = build(fargate({"web": WEB}, grants={"web": {"app": FILLED}}, compute=compute, network=inside, delivered={}))
    assert image(own) == mirrored
    assert named(own, SERVICE, "web").inputs["desiredCount"] == 1
    pulled = json.loads(named(own, "aws:iam/rolePolicy:RolePolicy", "web-execution").inputs["policy"])["Statement"]
    assert "arn:aws:ecr:ap-south-1:111122223333:repository/busybox" in [
        resource for statement in pulled for resource in statement["Resource"]
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_on_every_engine_the_first_update_runs_placeholders_without_secrets(engine: str, tmp_path: Path) -> None:
    write_shop(tmp_path / "a", SHOP.format(engine=engine))
    stack = find_stack("dev", tmp_path / "a")
    first, later = (run_found(stack, delivered=delivered) for delivered in (False, True))
    assert [resource.urn for resource in first.resources] == [resource.urn for resource in later.resources]
    assert [finding.message for finding in judge(first, TODAY).blocking] == []
    text = first.dumps()
    assert BUSYBOX in text
    assert "/shop/dev/web:1" not in text
    if engine != "ec2":
        # Instances decide when they start a service: it is one declaration for both.
        assert "/shop/dev/web:1" in later.dumps()
        told = TOLD[engine](first, "web")
        assert (told.plain - {"PORT"}, told.read_at_start) == (set(), set())
    values = {
        resource.inputs["name"]: resource.inputs["insecureValue"]
        for resource in first.of_type(PARAMETER)
        if "/images/" in resource.inputs["name"]
    }
    assert values["/shop/dev/services/images/web"] == "none"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "tag: v1, image: nginx:1",
            "services.web.tag: tag is of the service's own repository, and image names another",
        ),
        ("tag: v1, image_owner: pipeline", "services.web.tag: tag says which image runs"),
        ("image_owner: stack", "services.web.image_owner: stack needs an image to run: say image or tag"),
    ],
)
def test_settings_that_contradict_each_other_about_the_image_are_a_mistake(
    settings: str, message: str, tmp_path: Path
) -> None:
    [mistake] = mistakes_in(tmp_path, f"groundwork:services:\n  web: {{port: 3000, {settings}}}")
    assert message in mistake


needs_busybox = pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")


@contextmanager
def placeholder(settings: ServiceSettings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The placeholder as a container runs it: its words are busybox's."""
    program, *arguments = command(settings)
    for applet in ("httpd", "mkdir", "sh", "sleep", "tee"):
        (folder / applet).symlink_to(str(shutil.which("busybox")))
    running = subprocess.Popen(
        [folder / program, *arguments], env={"PATH": str(folder), "TMPDIR": str(folder)}, start_new_session=True
    )
    try:
        yield running
    finally:
        # What it has started ends with its container, which is not here.
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def ask(port: int, path: str) -> tuple[int, str]:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the placeholder does not answer")


@needs_busybox
@pytest.mark.parametrize("health", ["/health", "/", "/api/health", "/api/status/", "/it's/~ok?deep", "/a$b/c"])
def test_the_placeholder_answers_the_health_check_and_ends_when_it_is_asked_to(health: str, tmp_path: Path) -> None:
    port = free_port()
    with placeholder(ServiceSettings(port=port, health=health), tmp_path) as running:
        assert ask(port, health)[0] == 200
        assert "No image has been delivered" in ask(port, "/")[1]
        assert ask(port, "/nothing")[0] == 404
        assert ask(port, "/../../etc/passwd")[0] in (400, 403, 404)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0


@needs_busybox
def test_the_placeholder_of_a_worker_runs_until_it_is_asked_to_end(tmp_path: Path) -> None:
    with placeholder(ServiceSettings(), tmp_path) as running:
        time.sleep(0.5)
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0


def test_the_placeholder_keeps_what_the_service_is_to_others() -> None:
    service = ServiceSettings.model_validate({**WEB, "user": "33:33", "health_command": ["check"], "cpu": 1024})
    stand_in = standing_in(service)
    assert stand_in.model_copy(update={"command": (), "health_command": ("check",)}) == service


def test_who_may_not_ask_parameter_store_is_told_what_is_missing(tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(**_: Any) -> Any:
        raise RuntimeError("invoke of aws:ssm/getParametersByPath:getParametersByPath failed: AccessDenied")

    monkeypatch.setattr("pulumi_aws.ssm.get_parameters_by_path", refuse)
    write_shop(tmp_path / "a", SHOP.format(engine="fargate"))
    stack = find_stack("dev", tmp_path / "a")
    with pytest.raises(pulumi.RunError, match=r"needs ssm:GetParametersByPath there: .*AccessDenied"):
        run_stack(stack, load_stack(stack))


def test_without_pulumis_kubernetes_package_the_engine_eks_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pulumi_kubernetes", None)
    for name in [name for name in sys.modules if name.startswith("groundwork.components.compute.eks.")]:
        monkeypatch.delitem(sys.modules, name)
    write_shop(tmp_path / "a", SHOP.format(engine="eks"))
    stack = find_stack("dev", tmp_path / "a")
    with pytest.raises(
        pulumi.RunError, match="eks needs pulumi-kubernetes, which is not installed; run `make kubernetes`"
    ):
        run_stack(stack, load_stack(stack))
