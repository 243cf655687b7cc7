"""Deployments that shift requests: what is told of them, what ends them, and the way back in the middle of one."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.client
import botocore.session
import botocore.validate
import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import deploy as deployments
from groundwork.operations.account import open_account
from groundwork.operations.errors import DeploymentFailedError, OperationError
from tests.operations.shop import (
    ACCOUNT,
    REGION,
    REPOSITORY,
    STACK_FILE,
    Clock,
    account,
    client,
    open_for_business,
    push,
    rollouts,
    service,
)

PARAMETER = "/shop/dev/services/images/web"
CANARY = {
    "strategy": "CANARY",
    "bakeTimeInMinutes": 2,
    "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 1},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
}

Step = dict[str, Any]


def new(running: int, weight: float = 0.0) -> Step:
    return {
        "targetServiceRevision": {
            "requestedTaskCount": 2,
            "runningTaskCount": running,
            "requestedProductionTrafficWeight": weight,
        }
    }


STARTS = {"status": "IN_PROGRESS", "lifecycleStage": "SCALE_UP", **new(1)}
TRIES = {"status": "IN_PROGRESS", "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", **new(2, 5.0)}
BAKES = {"status": "IN_PROGRESS", "lifecycleStage": "BAKE_TIME", **new(2, 100.0)}
CLEANS = {"status": "IN_PROGRESS", "lifecycleStage": "CLEAN_UP", **new(2, 100.0)}
DONE = {"status": "SUCCESSFUL", "lifecycleStage": "CLEAN_UP", **new(2, 100.0)}
ALARM = {
    "rollback": {"reason": "Service deployment rolled back because of alarms"},
    "alarms": {"triggeredAlarmNames": ["shop-compute-web-errors-1a2b3c4"]},
}
GOES_BACK = {"status": "ROLLBACK_IN_PROGRESS", "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", **new(2), **ALARM}
WENT_BACK = {"status": "ROLLBACK_SUCCESSFUL", **new(0), **ALARM}


class Ecs:
    """ECS's service deployments of web, which moto does not have: each look takes the next step, the last one stays. What it
    answers has the form that AWS's model says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[Step] = []
        self.back: list[Step] = [WENT_BACK]
        """What a stopped deployment does."""
        self.stopped: list[dict[str, Any]] = []
        self.arns: list[str] = []
        self._model = botocore.session.get_session().get_service_model("ecs")
        self._call = botocore.client.BaseClient._make_api_call
        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", self._answer(self._call))

    def begin(self) -> None:
        self.arns.append(f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/shop-dev/web/{len(self.arns):04}")

    def _answer(self, call: Any) -> Any:
        def answer(client: Any, operation: str, params: dict[str, Any]) -> Any:
            own = {
                "ListServiceDeployments": self._list,
                "DescribeServiceDeployments": self._describe,
                "StopServiceDeployment": self._stop,
            }.get(operation)
            if own is None:
                if operation == "UpdateService":
                    self.begin()
                return call(client, operation, params)
            model = self._model.operation_model(operation)
            said = own(params)
            for value, shape in ((params, model.input_shape), (said, model.output_shape)):
                report = botocore.validate.ParamValidator().validate(value, shape)
                assert not report.has_errors(), report.generate_report()
            return said

        return answer

    def _one(self, arn: str, step: Step) -> dict[str, Any]:
        return {
            "serviceDeploymentArn": arn,
            "serviceArn": service("web").arn,
            "createdAt": datetime.datetime(2026, 11, 28, 14, 3, tzinfo=datetime.UTC),
            **step,
        }

    def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("status")
        found = []
        for arn in self.arns:
            # The first brought what runs.
            status = self.steps[0]["status"] if arn == self.arns[-1] != self.arns[0] else "SUCCESSFUL"
            if wanted is None or status in wanted:
                found.append(self._one(arn, {"status": status}))
        return {"serviceDeployments": found}

    def _describe(self, params: dict[str, Any]) -> dict[str, Any]:
        step = self.steps[0]
        if len(self.steps) > 1:
            self.steps.pop(0)
        old = {"sourceServiceRevisions": [{"runningTaskCount": 2}], "deploymentConfiguration": CANARY}
        return {"serviceDeployments": [self._one(params["serviceDeploymentArns"][0], {**old, **step})]}

    def _stop(self, params: dict[str, Any]) -> dict[str, Any]:
        self.stopped.append(params)
        self.steps = list(self.back)
        return {"serviceDeploymentArn": params["serviceDeploymentArn"]}


@pytest.fixture
def ecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecs]:
    """The shop, where web runs 1.0, takes over by canary, and 1.1 is pushed."""
    file = STACK_FILE.replace('path: "/*"', 'path: "/*", deployment: canary')
    with account(tmp_path, monkeypatch, file):
        open_for_business(f"{REPOSITORY}:1.0")
        push("1.0")
        push("1.1")
        service("web").deployment_configuration = CANARY
        rollouts(monkeypatch)
        stand_in = Ecs(monkeypatch)
        stand_in.begin()
        yield stand_in


def deploy(clock: Clock, image: str = "1.1", seconds: float = 1200) -> None:
    deployments.deploy(deployments.plan(open_account("dev"), "web", image), clock.progress(), seconds=seconds)


def delivered() -> str:
    return str(client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"])


def test_each_stage_is_told_once_until_the_old_copies_are_gone(ecs: Ecs) -> None:
    clock = Clock()
    ecs.steps = [STARTS, STARTS, TRIES, BAKES, CLEANS, DONE]
    deploy(clock)
    assert clock.lines == [
        "  0:00  1 of 2 new copies run, 2 old",
        "  0:10  5 % of requests go to the new copies",
        "  0:15  all requests go to the new copies; the old ones stay 2 minutes, to go back to",
        "  0:20  the old copies stop",
        f"  0:25  web runs {REPOSITORY}:1.1 after 25 s",
    ]
    assert delivered() == f"{REPOSITORY}:1.1"
    assert not ecs.stopped


def test_an_alarm_takes_it_back_and_the_image_is_not_named_any_more(ecs: Ecs) -> None:
    clock = Clock()
    ecs.steps = [TRIES, GOES_BACK, WENT_BACK]
    with pytest.raises(
        DeploymentFailedError, match=r"rolled back because of alarms; went off: shop-compute-web-errors"
    ):
        deploy(clock)
    assert delivered() == f"{REPOSITORY}:1.0"
    assert any("requests go back to the old copies" in line for line in clock.lines)
    # ECS did it; nobody had to.
    assert not ecs.stopped


def test_copies_that_fail_one_after_the_other_end_it_since_no_circuit_breaker_does(
    ecs: Ecs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any, deployment: dict[str, Any]) -> None:
        deployment |= {"failedTasks": 3, "desiredCount": 2}

    rollouts(monkeypatch, fails)
    clock = Clock()
    ecs.steps = [STARTS]
    ecs.back = [GOES_BACK, WENT_BACK]
    with pytest.raises(DeploymentFailedError):
        deploy(clock)
    assert [one["stopType"] for one in ecs.stopped] == ["ROLLBACK"]
    assert any("3 copies failed one after the other" in line for line in clock.lines)
    assert delivered() == f"{REPOSITORY}:1.0"


def test_what_the_strategy_takes_is_waited_for_beside_the_time_that_was_said(ecs: Ecs) -> None:
    clock = Clock()
    ecs.steps = [BAKES]
    with pytest.raises(OperationError, match=r"not done after 4 minutes; ECS goes on"):
        deploy(clock, seconds=60)
    assert delivered() == f"{REPOSITORY}:1.1"


def test_another_image_waits_for_what_is_under_way(ecs: Ecs) -> None:
    ecs.begin()
    ecs.steps = [TRIES]
    push("1.2")
    with pytest.raises(OperationError, match=r"web is busy: a deployment of .* has been under way since 14:03:00"):
        deploy(Clock(), "1.2")


def test_rolling_back_in_the_middle_sends_requests_back_at_once(ecs: Ecs, capsys: pytest.CaptureFixture[str]) -> None:
    ecs.steps = [BAKES]
    with pytest.raises(OperationError):
        deploy(Clock(), seconds=60)
    before = service("web").task_definition
    assert groundwork(["rollback", "dev", "web", "--yes"]) == 0
    assert [one["stopType"] for one in ecs.stopped] == ["ROLLBACK"]
    assert delivered() == f"{REPOSITORY}:1.0"
    # No deployment of its own: the old copies are there.
    assert service("web").task_definition == before
    assert f"web runs {REPOSITORY}:1.0" in capsys.readouterr().out


def test_a_way_back_that_fails_is_not_taken_for_one_that_ended_well(ecs: Ecs) -> None:
    ecs.steps = [{**WENT_BACK, "status": "ROLLBACK_FAILED"}]
    with pytest.raises(OperationError, match="the way back failed"):
        deploy(Clock())


def test_a_deployment_that_never_begins_is_said_so(ecs: Ecs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecs, "begin", lambda: None)
    ecs.steps = [DONE]
    with pytest.raises(OperationError, match="ECS has begun no deployment"):
        deploy(Clock())
