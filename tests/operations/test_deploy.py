"""Another image for a service that runs: what is refused, what is said on the way, and what stands afterwards."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import deploy as deployments
from groundwork.operations import images
from groundwork.operations.account import open_account
from groundwork.operations.errors import DeploymentFailed, OperationError
from groundwork.operations.images import named
from tests.operations.shop import (
    ACCOUNT,
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


def plan(image: str, worst: str = "critical") -> deployments.DeploymentPlan:
    return deployments.plan(open_account("dev"), "web", image, worst=worst)


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
    with pytest.raises(DeploymentFailed, match="circuit breaker: tasks failed to start"):
        deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.0"
    assert any("rolling back to deployment" in line for line in shop.lines)


def test_a_deployment_that_another_one_replaces_is_not_taken_for_its_own(
    shop: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(found: Any, deployment: dict[str, Any]) -> None:
        found.deployments[:] = [{**deployment, "id": "ecs-svc/9", "rolloutState": "COMPLETED"}]

    rollouts(monkeypatch, half, replaced)
    with pytest.raises(DeploymentFailed, match="another deployment has taken its place"):
        deployments.deploy(plan("1.1"), shop.progress())


def test_a_second_deployment_waits_for_the_first(shop: Clock) -> None:
    service("web").deployments[0] |= {
        "rolloutState": "IN_PROGRESS",
        "createdAt": datetime.datetime(2026, 11, 27, 14, 3, tzinfo=datetime.UTC),
    }
    with pytest.raises(OperationError, match="web is busy: a deployment has been under way since"):
        deployments.deploy(plan("1.1"), shop.progress())
    assert delivered() == f"{REPOSITORY}:1.0"


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


def test_a_scan_that_is_not_done_is_said_and_stops_nothing(shop: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned(monkeypatch, {"imageScanStatus": {"status": "IN_PROGRESS"}})
    assert plan("1.1").unseen == (f"the scan of {REPOSITORY}:1.1 is not done (in progress)",)


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
        deployments.plan(open_account("dev"), "wbe", "1.1", worst="none")


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
        assert images.check(found, "web", "ghcr.io/shop/web:2", worst="low") == [
            "ghcr.io/shop/web:2 is not in ECR: neither its architecture nor its scan was looked at"
        ]


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
        (["deploy", "dev", "web"], "web=TAG"),
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
