"""What each engine does with an image, a command and a terminal: the requests that reach AWS, and what a failure leaves."""

from __future__ import annotations

import datetime
import json
import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest

from groundwork.cli.main import run as groundwork
from groundwork.components.compute.ec2.commands import BUSY
from groundwork.operations import images
from groundwork.operations.account import StackAccount, open_account
from groundwork.operations.engines import runner
from groundwork.operations.engines.app_runner import AppRunnerOperations
from groundwork.operations.engines.ec2 import Ec2Operations
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.engines.ecs.reasons import stop_reason
from groundwork.operations.errors import CommandFailedError, DeploymentFailedError, OperationError
from tests.operations.shop import REPOSITORY, Clock, account, client, open_for_business, service
from tests.stacks import ROOT

Answer = Callable[[dict[str, Any]], Any]


class Script:
    """A client whose answers are written down, and which keeps what it was asked."""

    def __init__(self, **answers: Answer | list[Any] | dict[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers
        self.exceptions = SimpleNamespace(InvocationDoesNotExist=KeyError)
        self.meta = SimpleNamespace(endpoint_url="https://ssm.eu-west-1.amazonaws.com")

    def __getattr__(self, name: str) -> Any:
        if name not in self._answers:
            raise AttributeError(name)

        def call(**arguments: Any) -> Any:
            self.asked.append((name, arguments))
            answer = self._answers[name]
            if isinstance(answer, list):
                return answer.pop(0) if len(answer) > 1 else answer[0]
            return answer(arguments) if callable(answer) else answer

        return call

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda **arguments: [getattr(self, name)(**arguments)])

    def all_of(self, name: str) -> list[dict[str, Any]]:
        return [arguments for asked, arguments in self.asked if asked == name]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StackAccount]:
    with account(tmp_path, monkeypatch):
        open_for_business(f"{REPOSITORY}:1.0")
        yield open_account("dev")


def standing_in(monkeypatch: pytest.MonkeyPatch, **clients: Script) -> None:
    """Have some services of AWS answered by scripts, and the others as before."""
    ask = StackAccount.client
    monkeypatch.setattr(
        StackAccount, "client", lambda self, name, region=None: clients.get(name) or ask(self, name, region)
    )


# ECS


def stopped(code: int | None, **more: Any) -> dict[str, Any]:
    return {
        "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/shop-dev/abc",
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-dev-web:1",
        "lastStatus": "STOPPED",
        "containers": [{"name": "web", **({} if code is None else {"exitCode": code})}],
        **more,
    }


def ends_with(monkeypatch: pytest.MonkeyPatch, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Have tasks be as written at each look, and return what a task was started with."""
    started: list[dict[str, Any]] = []
    looks = list(tasks)
    ask = StackAccount.client

    def asked(self: StackAccount, name: str, region: str | None = None) -> Any:
        real = ask(self, name, region)
        if name != "ecs":
            return real
        script = Script(
            run_task=lambda arguments: started.append(arguments) or {"tasks": [tasks[0]], "failures": []},
            describe_tasks=lambda _: {"tasks": [looks.pop(0) if len(looks) > 1 else looks[0]]},
            stop_task=lambda arguments: started.append({"stopped": arguments["reason"]}),
        )
        return SimpleNamespace(
            **{name: getattr(script, name) for name in ("run_task", "describe_tasks", "stop_task")},
            **{
                name: getattr(real, name)
                for name in ("describe_services", "describe_task_definition", "get_paginator", "list_tasks")
            },
        )

    monkeypatch.setattr(StackAccount, "client", asked)
    return started


def test_a_command_runs_with_the_services_own_definition_network_and_name(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = ends_with(monkeypatch, stopped(0))
    assert list(EcsOperations(shop).run("web", ["python", "manage.py", "migrate"], Clock().progress(), 60)) == []
    [asked] = started
    assert asked["taskDefinition"] == service("web").task_definition
    assert asked["networkConfiguration"] == service("web").network_configuration
    assert asked["overrides"] == {
        "containerOverrides": [{"name": "web", "command": ["python", "manage.py", "migrate"]}]
    }
    assert {"key": "service", "value": "web"} in asked["tags"]


def test_what_a_command_says_is_shown_while_it_runs_and_once(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = client("logs")
    logs.create_log_stream(logGroupName="/shop/dev/services/web", logStreamName="web/web/abc")
    put = {"logGroupName": "/shop/dev/services/web", "logStreamName": "web/web/abc"}
    now = int(time.time() * 1000)
    ends_with(monkeypatch, {**stopped(None), "lastStatus": "RUNNING"}, stopped(0))
    clock = Clock()
    lines = EcsOperations(shop).run("web", ["migrate"], clock.progress(), 60)
    logs.put_log_events(**put, logEvents=[{"timestamp": now, "message": "Applying 0001"}])
    assert next(lines) == "Applying 0001"
    logs.put_log_events(**put, logEvents=[{"timestamp": now + 1, "message": "OK"}])
    assert list(lines) == ["OK"]


def test_a_command_that_fails_says_with_what(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(monkeypatch, stopped(3, stoppedReason="Essential container in task exited"))
    assert groundwork(["run", "dev", "web", "manage.py migrate", "--yes"]) == 1
    assert "manage.py migrate: Essential container in task exited; web ended with 3" in capsys.readouterr().err


def test_a_command_that_hangs_is_stopped(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    started = ends_with(monkeypatch, {**stopped(None), "lastStatus": "RUNNING"})
    with pytest.raises(OperationError, match="stopped, since it was not done after 2 minutes"):
        list(EcsOperations(shop).run("web", ["sleep", "1d"], Clock().progress(), 120))
    assert started[-1] == {"stopped": "it took too long"}


def test_a_command_that_nobody_waits_for_any_more_is_stopped(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = ends_with(monkeypatch, {**stopped(None), "lastStatus": "RUNNING"})

    def leave(_: float) -> None:
        raise KeyboardInterrupt

    progress = Clock().progress()
    progress.sleep = leave
    with pytest.raises(KeyboardInterrupt):
        list(EcsOperations(shop).run("web", ["sleep", "1d"], progress, 120))
    assert started[-1] == {"stopped": "whoever started it left"}


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            {"stoppedReason": "CannotPullContainerError: pull image manifest has been retried 5 time(s)"},
            "CannotPullContainerError: .*the image cannot be pulled",
        ),
        ({"stoppedReason": "Task failed ELB health checks in (target-group x)"}, r"services\.NAME\.health"),
        (
            {
                "stoppedReason": "",
                "containers": [{"name": "web", "exitCode": 137, "reason": "OutOfMemoryError: killed"}],
            },
            r"web ended with 137: OutOfMemoryError: killed .*services\.NAME\.memory",
        ),
        ({"stoppedReason": "Scaling activity initiated by deployment"}, "^Scaling activity initiated by deployment$"),
    ],
)
def test_why_a_copy_stopped_is_said_in_ecs_words_with_what_they_mean(task: dict[str, Any], said: str) -> None:
    assert re.search(said, stop_reason(task))


def test_a_terminal_needs_exec_a_copy_and_the_plugin(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    described = EcsOperations(shop)
    with pytest.raises(OperationError, match=r"compute\.exec: true"):
        described.session("web", "/bin/sh")
    monkeypatch.setattr(EcsOperations, "service", lambda self, name: {"enableExecuteCommand": True, "serviceName": "s"})
    monkeypatch.setattr(runner.shutil, "which", lambda name: None)
    with pytest.raises(OperationError, match=r"session-manager-plugin is not installed.*https://docs.aws.amazon.com"):
        described.session("web", "/bin/sh")


def test_the_token_of_a_terminal_stands_in_no_list_of_processes(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = {**stopped(None), "lastStatus": "RUNNING", "containers": [{"name": "web", "runtimeId": "abc-1"}]}
    ecs = Script(
        list_tasks={"taskArns": ["t"]},
        describe_tasks={"tasks": [task]},
        execute_command={"session": {"sessionId": "s-1", "tokenValue": "hush", "streamUrl": "wss://x"}},
    )
    standing_in(monkeypatch, ecs=ecs)
    monkeypatch.setattr(EcsOperations, "service", lambda self, name: {"enableExecuteCommand": True, "serviceName": "s"})
    monkeypatch.setattr(runner.shutil, "which", lambda name: f"/bin/{name}")
    session = EcsOperations(shop).session("web", "/bin/sh")
    assert "hush" not in " ".join(session.words)
    assert json.loads(session.environment["AWS_SSM_START_SESSION_RESPONSE"])["TokenValue"] == "hush"
    assert json.loads(session.words[5]) == {"Target": "ecs:shop-dev_abc_abc-1"}
    assert ecs.all_of("execute_command")[0]["interactive"] is True


# EC2

NOT_HERE = "groundwork: not here"
INSTANCES = {"Reservations": [{"Instances": [{"InstanceId": "i-2"}, {"InstanceId": "i-1"}]}]}


def instances(monkeypatch: pytest.MonkeyPatch, shell: Callable[[str, str], tuple[int, str]]) -> list[tuple[str, str]]:
    """Have two instances run scripts as ``shell`` says, and return which ran what."""
    ran: list[tuple[str, str]] = []

    def send(arguments: dict[str, Any]) -> dict[str, Any]:
        given = arguments["Parameters"]
        words = [arguments["DocumentName"], *(value for values in given.values() for value in values)]
        said = given["commands"][0] if "commands" in given else " ".join(words)
        ran.append((arguments["InstanceIds"][0], said))
        return {"Command": {"CommandId": "c"}}

    def invocation(arguments: dict[str, Any]) -> dict[str, Any]:
        code, output = shell(*ran[-1])
        status = "Success" if code == 0 else "Failed"
        return {
            "Status": status,
            "StatusDetails": status,
            "ResponseCode": code,
            "StandardOutputContent": output,
            "StandardErrorContent": "",
        }

    ssm = Script(send_command=send, get_command_invocation=invocation)
    standing_in(monkeypatch, ec2=Script(describe_instances=INSTANCES), ssm=ssm)
    return ran


def restarted(ran: list[tuple[str, str]]) -> list[str]:
    return [instance for instance, script in ran if script == "shop-dev-restart web"]


def test_units_are_restarted_on_one_instance_after_the_other(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "replaced", lambda *_: f"{REPOSITORY}:1.0")
    ran = instances(monkeypatch, lambda instance, script: (0, ""))
    Ec2Operations(shop).roll_out("web", f"{REPOSITORY}:1.1", Clock().progress(), 600)
    assert restarted(ran) == ["i-1", "i-2"]


def test_an_instance_without_the_service_is_left_alone(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "replaced", lambda *_: f"{REPOSITORY}:1.0")
    ran = instances(monkeypatch, lambda instance, script: (0, NOT_HERE if instance == "i-1" else ""))
    Ec2Operations(shop).roll_out("web", f"{REPOSITORY}:1.1", Clock().progress(), 600)
    assert restarted(ran) == ["i-1", "i-2"]
    ran = instances(monkeypatch, lambda instance, script: (0, NOT_HERE))
    with pytest.raises(OperationError, match="no instance runs web; run pulumi up first"):
        Ec2Operations(shop).roll_out("web", f"{REPOSITORY}:1.1", Clock().progress(), 600)


def test_what_does_not_get_well_goes_back_on_every_instance_that_has_it(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    monkeypatch.setattr(images, "replaced", lambda *_: f"{REPOSITORY}:1.0")
    monkeypatch.setattr(images, "take_back", lambda account, name, image, to: named.append(to))

    def shell(instance: str, script: str) -> tuple[int, str]:
        broken = instance == "i-2" and not named
        return (1, "no module named shop") if broken else (0, "")

    ran = instances(monkeypatch, shell)
    clock = Clock()
    with pytest.raises(DeploymentFailedError, match=r"does not get well on i-2:\nno module named shop"):
        Ec2Operations(shop).roll_out("web", f"{REPOSITORY}:1.1", clock.progress(), 600)
    assert restarted(ran) == ["i-1", "i-2", "i-1", "i-2"]
    assert named == [f"{REPOSITORY}:1.0"]
    assert any(f"goes back to {REPOSITORY}:1.0 on i-1" in line for line in clock.lines)


def test_an_instance_that_takes_no_command_is_named(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    ssm = Script(
        send_command={"Command": {"CommandId": "c"}},
        get_command_invocation={"Status": "TimedOut", "StatusDetails": "DeliveryTimedOut", "ResponseCode": -1},
    )
    standing_in(monkeypatch, ec2=Script(describe_instances=INSTANCES), ssm=ssm)
    with pytest.raises(OperationError, match=r"i-1 did not do it \(DeliveryTimedOut\); is its Systems Manager agent"):
        list(Ec2Operations(shop).run("web", ["x"], Clock().progress(), 60))


def test_words_of_a_command_stay_words_on_an_instance(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = instances(monkeypatch, lambda instance, script: (0, "a\nb"))
    assert list(Ec2Operations(shop).run("web", ["echo", "$(reboot); it's"], Clock().progress(), 60)) == ["a", "b"]
    assert ran[-1] == ("i-1", """docker exec web echo '$(reboot); it'"'"'s'""")


def test_no_instance_is_said_with_what_may_be_the_reason(shop: StackAccount) -> None:
    with pytest.raises(OperationError, match=r"no instance of shop-dev runs.*outside its hours"):
        Ec2Operations(shop).instances()


def test_an_instance_refresh_stands_in_the_way(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    refreshing = Script(
        describe_auto_scaling_groups={"AutoScalingGroups": [{"AutoScalingGroupName": "shop-instances"}]},
        describe_instance_refreshes=[
            {"InstanceRefreshes": [{"Status": "InProgress"}]},
            {"InstanceRefreshes": [{"Status": "Successful"}]},
        ],
    )
    standing_in(monkeypatch, autoscaling=refreshing, ssm=Script(list_commands={"Commands": []}))
    assert Ec2Operations(shop).under_way("web", "image:1") == "an instance refresh of shop-instances is under way"
    assert Ec2Operations(shop).under_way("web", "image:1") is None


def test_another_deployment_to_instances_stands_in_the_way(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    restart = {
        "DocumentName": "shop-dev-restart",
        "Status": "InProgress",
        "InstanceIds": ["i-1"],
        "Parameters": {"service": ["web"]},
        "RequestedDateTime": datetime.datetime(2026, 11, 27, 14, 3, tzinfo=datetime.UTC),
    }
    ssm = Script(list_commands={"Commands": [restart]})
    standing_in(monkeypatch, ssm=ssm, autoscaling=Script(describe_auto_scaling_groups={"AutoScalingGroups": []}))
    assert Ec2Operations(shop).under_way("web", "image:1") == "it has been starting on i-1 since 14:03:00"
    assert Ec2Operations(shop).under_way("worker", "image:1") is None


def test_a_job_that_runs_on_an_instance_already_is_not_one_that_failed(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"BUSY, TOO_LONG = {BUSY}," in (ROOT / "groundwork/components/compute/ec2/programs/job.py").read_text(
        encoding="utf-8"
    )
    instances(monkeypatch, lambda instance, script: (BUSY, "migrate runs already"))
    with pytest.raises(OperationError, match="migrate runs on i-1 already; wait until that is done"):
        list(Ec2Operations(shop).run_job("migrate", None, (), Clock().progress(), 60))
    instances(monkeypatch, lambda instance, script: (BUSY, "no rows"))
    with pytest.raises(CommandFailedError, match="it ended with 75"):
        list(Ec2Operations(shop).run_job("migrate", None, (), Clock().progress(), 60))


# App Runner

SUMMARY = {"ServiceSummaryList": [{"ServiceName": "shop-dev-web", "ServiceArn": "arn:web"}]}
DESCRIBED = {
    "Service": {
        "ServiceArn": "arn:web",
        "Status": "RUNNING",
        "SourceConfiguration": {
            "ImageRepository": {
                "ImageIdentifier": f"{REPOSITORY}:1.0",
                "ImageRepositoryType": "ECR",
                "ImageConfiguration": {"Port": "8080"},
            },
            "AuthenticationConfiguration": {"AccessRoleArn": "arn:role"},
        },
    }
}


def operations(*states: str) -> list[dict[str, Any]]:
    return [{"OperationSummaryList": [{"Id": "o", "Status": state}]} for state in states]


def test_app_runner_gets_the_image_and_what_it_had(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(
        list_services=SUMMARY,
        describe_service=DESCRIBED,
        update_service={"OperationId": "o"},
        list_operations=operations("IN_PROGRESS", "SUCCEEDED"),
    )
    standing_in(monkeypatch, apprunner=script)
    assert AppRunnerOperations(shop).under_way("web", "image:1") is None
    AppRunnerOperations(shop).roll_out("web", f"{REPOSITORY}:1.1", Clock().progress(), 600)
    [asked] = script.all_of("update_service")
    source = asked["SourceConfiguration"]
    assert source["ImageRepository"]["ImageIdentifier"] == f"{REPOSITORY}:1.1"
    assert source["ImageRepository"]["ImageConfiguration"] == {"Port": "8080"}
    assert source["AuthenticationConfiguration"] == {"AccessRoleArn": "arn:role"}


def test_app_runner_that_goes_back_is_a_failed_deployment(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(
        list_services=SUMMARY,
        describe_service=DESCRIBED,
        update_service={"OperationId": "o"},
        list_operations=operations("IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCEEDED"),
    )
    standing_in(monkeypatch, apprunner=script)
    with pytest.raises(DeploymentFailedError, match="ROLLBACK_SUCCEEDED"):
        AppRunnerOperations(shop).roll_out("web", f"{REPOSITORY}:1.1", Clock().progress(), 600)


def test_app_runner_says_that_it_runs_services_and_nothing_else(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing_in(monkeypatch, apprunner=Script(list_services={"ServiceSummaryList": []}))
    for call in (
        lambda: AppRunnerOperations(shop).run("web", ["x"], Clock().progress(), 1),
        lambda: AppRunnerOperations(shop).session("web", "sh"),
    ):
        with pytest.raises(OperationError, match=r"compute\.engine: fargate"):
            call()
    with pytest.raises(OperationError, match="there is no App Runner service shop-dev-web"):
        AppRunnerOperations(shop).service("web")


def test_a_stack_without_services_has_nothing_to_deploy(shop: StackAccount) -> None:
    without = StackAccount(shop.stack, shop.settings.model_copy(update={"services": {}}), shop.id, shop.session)
    with pytest.raises(OperationError, match="runs no services"):
        runner.runner_of(without)


def test_throttled_again_and_again_is_said_so(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(_: dict[str, Any]) -> Any:
        raise botocore.exceptions.ClientError(
            {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "ListServices"
        )

    standing_in(monkeypatch, ecs=Script(list_services=throttled))
    with pytest.raises(OperationError, match=r"looking for the services of shop-dev: .*try again in a minute"):
        EcsOperations(shop).services()


def test_a_command_that_is_no_line_of_a_shell_is_refused(
    shop: StackAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["run", "dev", "web", "echo 'x", "--yes"]) == 2
    assert groundwork(["run", "dev", "web", "", "--yes"]) == 2
    said = capsys.readouterr().err
    assert "no line of a shell: No closing quotation" in said
    assert "the command is empty" in said


def test_a_job_runs_on_the_first_instance_that_has_jobs_by_the_stacks_own_document(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = instances(monkeypatch, lambda instance, _: (0, NOT_HERE if instance == "i-1" else "Applying 0001\nOK"))
    said = Ec2Operations(shop).run_job("migrate", f"{REPOSITORY}:1.1", (), Clock().progress(), 60)
    assert list(said) == ["Applying 0001", "OK"]
    assert ran == [(instance, f"shop-dev-job migrate {REPOSITORY}:1.1") for instance in ("i-1", "i-2")]


def test_words_of_a_jobs_own_command_stay_words(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = instances(monkeypatch, lambda instance, _: (0, "OK"))
    list(Ec2Operations(shop).run_job("migrate", None, ["it's", "$x"], Clock().progress(), 60))
    [(_, script)] = ran
    assert shlex.split(script.splitlines()[-1])[-4:] == ["migrate", "", "it's", "$x"]


def test_a_job_that_fails_on_an_instance_says_with_what_and_runs_on_no_other(
    shop: StackAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = instances(monkeypatch, lambda instance, script: (3, "no table"))
    said = Ec2Operations(shop).run_job("migrate", None, (), Clock().progress(), 60)
    assert next(said) == "no table"
    with pytest.raises(CommandFailedError, match="it ended with 3"):
        next(said)
    assert len(ran) == 1


def test_instances_without_jobs_want_an_update(shop: StackAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    instances(monkeypatch, lambda instance, script: (0, NOT_HERE))
    with pytest.raises(OperationError, match="no instance has migrate; run pulumi up --stack dev first"):
        list(Ec2Operations(shop).run_job("migrate", None, (), Clock().progress(), 60))
