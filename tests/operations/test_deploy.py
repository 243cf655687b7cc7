"""Another image for a service that runs: what is refused, what is said on the way, and what stands afterwards."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import deploy as deployments
from groundwork.operations import images
from groundwork.operations.account import open_account
from groundwork.operations.errors import DeploymentFailedError, OperationError
from groundwork.operations.images import named
from tests.operations.shop import (
    ACCOUNT,
    REGION,
    REPOSITORY,
    STACK_FILE,
    Clock,
    account,
    client,
    done,
    given_up,
    half,
    open_for_business,
    push,
    rollouts,
    service,
)

PARAMETER = "/shop/dev/services/images/web"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The shop, where web runs 1.0 and 1.1 is pushed."""
    with account(tmp_path, monkeypatch):
        open_for_business(f"{REPOSITORY}:1.0")
        push("1.0")
        push("1.1")
        yield Clock()


def delivered() -> str:
    return str(client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"])


def running() -> dict[str, Any]:
    """The task definition that web runs."""
    found: dict[str, Any] = client("ecs").describe_task_definition(
        taskDefinition=service("web").task_definition, include=["TAGS"]
    )
    return found


def plan(image: str, worst: str = "critical", clock: Clock | None = None) -> deployments.DeploymentPlan:
    """What would be done, after the checks that come before it."""
    planned = deployments.plan(open_account("dev"), "web", image)
    return deployments.prepare(planned, (clock or Clock()).progress(), worst=worst, seconds=120)


def test_a_deployment_changes_the_image_and_nothing_else(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    rollouts(monkeypatch, half, done)
    before = running()
    deployments.deploy(plan("1.1"), shop.progress())
    after = running()
    for described in (before, after):
        assert described["tags"] == [{"key": "platform", "value": "shop"}]
        for changing in ("taskDefinitionArn", "revision", "registeredAt"):
            described["taskDefinition"].pop(changing, None)
    assert after["taskDefinition"]["containerDefinitions"][0].pop("image") == f"{REPOSITORY}:1.1"
    assert before["taskDefinition"]["containerDefinitions"][0].pop("image") == f"{REPOSITORY}:1.0"
    assert after["taskDefinition"] == before["taskDefinition"]


def test_the_parameter_names_the_image_so_that_the_next_update_of_the_stack_keeps_it(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts(monkeypatch, done)
    deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.1"


def test_progress_is_told_until_all_copies_run(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    rollouts(monkeypatch, half, half, done)
    deployments.deploy(plan("1.1"), shop.progress())
    assert shop.lines == [
        "  0:00  1 of 2 new copies run, 2 old",
        "  0:10  2 of 2 new copies run, 0 old",
        f"  0:10  web runs {REPOSITORY}:1.1 after 10 s",
    ]


def test_what_ecs_gives_up_runs_no_more_and_is_not_named_any_more(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    rollouts(monkeypatch, half, given_up)
    with pytest.raises(DeploymentFailedError, match="circuit breaker: tasks failed to start"):
        deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.0"
    assert any("rolling back to deployment" in line for line in shop.lines)


def test_a_deployment_that_another_one_replaces_is_not_taken_for_its_own(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(found: Any, deployment: dict[str, Any]) -> None:
        found.deployments[:] = [{**deployment, "id": "ecs-svc/9", "rolloutState": "COMPLETED"}]

    rollouts(monkeypatch, half, replaced)
    with pytest.raises(DeploymentFailedError, match="another deployment has taken its place"):
        deployments.deploy(plan("1.1"), shop.progress())


def test_a_second_deployment_is_refused_with_what_goes_on_and_who_began_it(shop: Clock) -> None:
    from moto.ecs.models import ecs_backends

    service("web").deployments[0] |= {
        "rolloutState": "IN_PROGRESS",
        "createdAt": datetime.datetime(2026, 11, 27, 14, 3, tzinfo=datetime.UTC),
    }
    ann = f"arn:aws:iam::{ACCOUNT}:user/ann"
    ecs_backends[ACCOUNT][REGION].task_definitions["shop-dev-web"][1].registered_by = ann
    with pytest.raises(
        OperationError,
        match=rf"web is busy: a deployment of {REPOSITORY}:1\.0 by {ann} has been under way since 14:03:00; wait",
    ):
        deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.0"


def another_deploys(image: str) -> None:
    client("ssm").put_parameter(Name=PARAMETER, Value=f"{REPOSITORY}:{image}", Overwrite=True)


def test_who_was_asked_after_another_deployed_changes_nothing(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the plan that somebody agreed to and the change there may be minutes of a migration."""
    rollouts(monkeypatch, done)
    planned = plan("1.1")
    another_deploys("1.2")
    with pytest.raises(
        OperationError, match=rf"{REPOSITORY}:1\.2 was deployed as web meanwhile, by \S+ at .*nothing was changed"
    ):
        deployments.deploy(planned, shop.progress())
    assert delivered() == f"{REPOSITORY}:1.2"
    assert running()["taskDefinition"]["revision"] == 1


def test_of_two_in_the_same_moment_the_first_stays(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    planned, look = plan("1.1"), images.delivered

    def look_before_the_other(*arguments: Any) -> Any:
        found = look(*arguments)
        another_deploys("1.2")
        return found

    monkeypatch.setattr(images, "delivered", look_before_the_other)
    with pytest.raises(OperationError, match="deployed as web meanwhile"):
        deployments.deploy(planned, shop.progress())
    assert delivered() == f"{REPOSITORY}:1.2"
    assert images.before(open_account("dev"), "web") == f"{REPOSITORY}:1.0", "1.1 never ran"


def test_what_another_deployment_named_is_not_taken_back_with_ones_own(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(found: Any, deployment: dict[str, Any]) -> None:
        another_deploys("1.2")
        found.deployments[:] = [{**deployment, "id": "ecs-svc/9", "rolloutState": "COMPLETED"}]

    rollouts(monkeypatch, half, replaced)
    with pytest.raises(DeploymentFailedError, match="another deployment has taken its place"):
        deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.2"


def test_nobody_is_told_that_an_image_runs_which_another_replaces(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(found: Any, deployment: dict[str, Any]) -> None:
        done(found, deployment)
        another_deploys("1.2")

    rollouts(monkeypatch, overtaken)
    with pytest.raises(
        OperationError, match=rf"1\.2 was deployed as web meanwhile.*takes the place of {REPOSITORY}:1\.1"
    ):
        deployments.deploy(plan("1.1"), shop.progress())


def test_a_deployment_that_does_not_end_is_left_to_ecs_and_said_so(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollouts(monkeypatch, half)
    with pytest.raises(OperationError, match=r"not steady after 2 minutes; ECS goes on.*groundwork rollback"):
        deployments.deploy(plan("1.1"), shop.progress(), seconds=120)
    assert delivered() == f"{REPOSITORY}:1.1"


def test_the_first_image_is_named_and_left_to_the_update_that_takes_the_placeholder_away(shop: Clock) -> None:
    client("ssm").put_parameter(Name=PARAMETER, Value="none", Overwrite=True)
    deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.1"
    assert running()["taskDefinition"]["revision"] == 1
    assert "pulumi up --stack dev" in shop.lines[-1]


def test_rolling_back_runs_what_ran_before(
    shop: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, done)
    deployments.deploy(plan("1.1"), shop.progress())
    assert groundwork(["rollback", "dev", "web", "--yes"]) == 0
    assert delivered() == f"{REPOSITORY}:1.0"
    assert running()["taskDefinition"]["containerDefinitions"][0]["image"] == f"{REPOSITORY}:1.0"
    assert f"{REPOSITORY}:1.0 in place of {REPOSITORY}:1.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "before"),
    [
        (["1.1"], "1.0"),
        (["1.1", "1.1"], "1.0"),
        # 1.2 did not come to run, and was taken back.
        (["1.1", "1.2", "1.1"], "1.0"),
        # Back and back again; and once more forward.
        (["1.1", "1.2", "1.1", "1.0"], None),
        (["1.1", "1.0", "1.1"], "1.0"),
        (["none", "1.1"], None),
    ],
)
def test_rolling_back_passes_by_what_was_taken_back(shop: Clock, said: list[str], before: str | None) -> None:
    for tag in said:
        client("ssm").put_parameter(
            Name=PARAMETER, Value=tag if tag == "none" else f"{REPOSITORY}:{tag}", Overwrite=True
        )
    if before:
        assert images.before(open_account("dev"), "web") == f"{REPOSITORY}:{before}"
    else:
        with pytest.raises(OperationError, match="web has had no image before"):
            images.before(open_account("dev"), "web")


def test_there_is_no_rolling_back_to_before_the_first_image(shop: Clock) -> None:
    with pytest.raises(OperationError, match="web has had no image before"):
        images.before(open_account("dev"), "web")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("1.2", r"web:1\.2 is not there; push it first: docker push"),
        ("sha256:" + "1" * 64, "is not there"),
        ("docker.io/library/nginx:1", f"is no image of web; say a tag, a digest .*or {REPOSITORY}:TAG"),
        (f"{REPOSITORY}-evil:1.1", "is no image of web"),
        ("1.1 && rm -rf /", "is no image of web"),
    ],
)
def test_what_is_not_there_or_not_the_services_own_is_refused(shop: Clock, image: str, message: str) -> None:
    with pytest.raises(OperationError, match=message):
        plan(image)
    assert delivered() == f"{REPOSITORY}:1.0"


def test_an_image_for_another_architecture_is_refused_with_how_to_build_it(shop: Clock) -> None:
    push("2.0", architecture="amd64")
    with pytest.raises(OperationError, match=r"is built for amd64, and .*runs arm64;.*--platform linux/arm64"):
        plan("2.0")


def test_a_digest_names_an_image_as_a_tag_does(shop: Clock) -> None:
    digest = push("1.2")
    assert plan(digest).image == f"{REPOSITORY}@{digest}"


def scanned(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> None:
    monkeypatch.setattr(
        "moto.ecr.models.ECRBackend.describe_image_scan_findings", lambda self, **_: {"imageId": {}, **answer}
    )


@pytest.mark.parametrize(("worst", "refused"), [("critical", False), ("high", True), ("medium", True), ("none", False)])
def test_findings_as_bad_as_said_stop_an_image(
    shop: Clock, monkeypatch: pytest.MonkeyPatch, worst: str, refused: bool
) -> None:
    scanned(
        monkeypatch,
        {
            "imageScanStatus": {"status": "COMPLETE"},
            "imageScanFindings": {"findingSeverityCounts": {"HIGH": 2, "LOW": 1}},
        },
    )
    if refused:
        with pytest.raises(OperationError, match=r"the scan of .* found 2 high; build it on a newer base"):
            plan("1.1", worst)
    else:
        assert plan("1.1", worst).unseen == ()


def test_a_scan_that_is_under_way_is_waited_for(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(["PENDING", "IN_PROGRESS", "COMPLETE"])
    asked: list[Any] = []

    def look(self: Any, image_id: Any, **_: Any) -> dict[str, Any]:
        asked.append(image_id)
        found = {"findingSeverityCounts": {"CRITICAL": 1}}
        return {"imageId": {}, "imageScanStatus": {"status": next(looks)}, "imageScanFindings": found}

    monkeypatch.setattr("moto.ecr.models.ECRBackend.describe_image_scan_findings", look)
    with pytest.raises(OperationError, match="found 1 critical"):
        plan("1.1", clock=shop)
    assert shop.lines == [f"  0:00  waiting for the scan of {REPOSITORY}:1.1"]
    assert shop.seconds == 10
    index = client("ecr").batch_get_image(repositoryName="shop/dev/web", imageIds=[{"imageTag": "1.1"}])["images"][0]
    scanned = json.loads(index["imageManifest"])["manifests"][0]["digest"]
    assert {one["imageDigest"] for one in asked} == {scanned}, "ECR scans no index, but what it is of"


def test_a_scan_that_does_not_end_stops_an_image(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned(monkeypatch, {"imageScanStatus": {"status": "IN_PROGRESS"}})
    with pytest.raises(OperationError, match=r"is not done after 2 minutes; .*--severity none"):
        plan("1.1", clock=shop)
    assert shop.seconds == 125
    assert plan("1.1", "none").unseen == ()


def test_why_there_is_no_scan_is_said_and_stops_nothing(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off, not begun, not possible: no waiting would change it."""
    assert plan("1.1").unseen == (f"{REPOSITORY}:1.1 has not been scanned: shop/dev/web scans no image that is pushed",)
    settings = {"scanOnPush": True, "scanFrequency": "SCAN_ON_PUSH", "repositoryName": "shop/dev/web"}
    with monkeypatch.context() as patched:
        patched.setattr(
            "moto.ecr.models.ECRBackend.batch_get_repository_scanning_configuration", lambda *_: ([settings], [])
        )
        said = plan("1.1", clock=shop).unseen
    assert said == (f"{REPOSITORY}:1.1 has not been scanned: ECR has not begun after 2 minutes",)
    status = {"status": "UNSUPPORTED_IMAGE", "description": "UnsupportedImageError: no operating system."}
    scanned(monkeypatch, {"imageScanStatus": status})
    [unseen] = plan("1.1").unseen
    assert unseen.endswith("has not been scanned: unsupported image (UnsupportedImageError: no operating system.)")


def test_an_image_that_the_stack_file_says_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = STACK_FILE.replace('path: "/*"', 'path: "/*", tag: "1.0"')
    with (
        account(tmp_path, monkeypatch, fixed),
        pytest.raises(OperationError, match=r"which image web runs \(tag\).*image_owner"),
    ):
        plan("1.1")


def test_a_stack_that_is_not_there_says_so_and_whose_account_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        account(tmp_path, monkeypatch),
        pytest.raises(OperationError, match=rf"not stand in account {ACCOUNT}, eu-west-1"),
    ):
        plan("1.1")


def test_a_service_that_nobody_declared_is_named_with_the_nearest(shop: Clock) -> None:
    with pytest.raises(
        OperationError, match=r'"wbe" is no service of Pulumi.dev.yaml; there are web or worker; .*"web"'
    ):
        deployments.plan(open_account("dev"), "wbe", "1.1")


def test_another_account_than_the_stack_says_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = STACK_FILE.replace("config:\n", 'config:\n  aws:allowedAccountIds: ["999999999999"]\n')
    with account(tmp_path, monkeypatch, other), pytest.raises(OperationError, match=f"are of account {ACCOUNT}.*9999"):
        open_account("dev")


def test_an_image_elsewhere_is_named_by_its_own_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = STACK_FILE.replace('path: "/*"', 'path: "/*", image: "ghcr.io/shop/web:1", image_owner: pipeline')
    with account(tmp_path, monkeypatch, elsewhere):
        found = open_account("dev")
        settings = images.service_of(found, "web")
        assert named(found, "web", settings, "2") == "ghcr.io/shop/web:2"
        with pytest.raises(OperationError, match=r"ghcr.io/shop/web:TAG"):
            named(found, "web", settings, "ghcr.io/shop/other:2")
        progress = Clock().progress()
        assert images.check(
            found, images.holder_of(found, "web"), "ghcr.io/shop/web:2", worst="low", progress=progress, seconds=1
        ) == ["ghcr.io/shop/web:2 is not in ECR: neither its architecture nor its scan was looked at"]


def test_nothing_is_done_where_nobody_can_be_asked_or_only_a_look_was_wanted(
    shop: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["deploy", "dev", "web=1.1"]) == 2
    assert groundwork(["deploy", "dev", "web=1.1", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "say --yes" in said.err
    assert f"web in account {ACCOUNT}, eu-west-1: {REPOSITORY}:1.1 in place of {REPOSITORY}:1.0" in said.out
    assert delivered() == f"{REPOSITORY}:1.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["deploy", "dev", "web"],
            "services.web.build: is not said, so that no image can be built; say build: ., or which image is to run: web=TAG",
        ),
        (["deploy", "dev", "web="], "web=TAG"),
        (["deploy", "dev", "web=1.1", "--minutes", "0"], '--minutes: "0"'),
        (["deploy", "dev", "web=1.1", "--minutes", "soon"], '--minutes: "soon"'),
    ],
)
def test_a_call_that_says_too_little_is_refused_with_what_to_say(
    shop: Clock, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert groundwork(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_failed_deployment_ends_with_1_and_says_where_to_look(
    shop: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, given_up)
    assert groundwork(["deploy", "dev", "web=1.1", "--yes"]) == 1
    said = capsys.readouterr().err
    assert f"{REPOSITORY}:1.1 was not deployed, and {REPOSITORY}:1.0 runs: web: ECS deployment circuit breaker" in said
    assert "Next: groundwork logs dev web --since 30m" in said


def test_what_to_do_next_names_a_stack_in_a_folder_as_it_was_named(
    shop: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, given_up)
    monkeypatch.chdir(tmp_path.parent)
    assert groundwork(["deploy", f"{tmp_path.name}/dev", "web=1.1", "--yes"]) == 1
    assert f"Next: groundwork logs {tmp_path.name}/dev web --since 30m" in capsys.readouterr().err
