"""What changes how a stack runs: copies, restarts, hours and dead letters, each said first, asked for, and refused where it cannot be."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.operations import redriving, scaling
from groundwork.operations.account import StackAccount
from groundwork.operations.engines.app_runner import AppRunnerOperations
from groundwork.operations.engines.ec2 import Ec2Operations
from groundwork.operations.engines.runner import runner_of
from groundwork.operations.errors import DeploymentFailedError, OperationError
from groundwork.operations.resources import find_resources
from groundwork.preview.snapshot import Snapshot
from tests.operations.asking import asked_actions, permitted
from tests.operations.cluster import World, ready, serving
from tests.operations.shop import Clock, client, done, given_up, rollouts, service
from tests.operations.stood_up import standing, url
from tests.operations.test_engines import Script, standing_in
from tests.requirements import proves

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
Stack = tuple[StackAccount, Snapshot]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with standing(tmp_path, monkeypatch) as found:
        yield found


def scalable(name: str, least: int, most: int) -> None:
    client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/shop-dev/{service(name).name}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=least,
        MaxCapacity=most,
    )


def bounds(name: str) -> tuple[int, int]:
    [target] = client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/shop-dev/{service(name).name}"]
    )["ScalableTargets"]
    return target["MinCapacity"], target["MaxCapacity"]


# Copies


@proves("S2-15")
def test_copies_within_the_bounds_are_asked_for_and_what_becomes_of_them_is_said(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scalable("web", 2, 6)
    asked = asked_actions(monkeypatch)
    assert groundwork(["scale", "dev", "web", "4", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert "web in account 123456789012, eu-west-1: 4 copies in place of 2" in said
    assert "Autoscaling goes on from there, between 2 and 6." in said
    assert "services.web.scaling.min: 4 in Pulumi.dev.yaml" in said
    assert (service("web").desired_count, bounds("web")) == (4, (2, 6))
    assert asked == permitted("scale", "fargate")


@pytest.mark.parametrize(("count", "wanted"), [(9, (2, 9)), (1, (1, 6)), (0, (0, 6))])
def test_copies_beyond_the_bounds_move_them(
    stack: Stack, capsys: pytest.CaptureFixture[str], count: int, wanted: tuple[int, int]
) -> None:
    scalable("web", 2, 6)
    assert groundwork(["scale", "dev", "web", str(count), "--yes"]) == FINE
    said = capsys.readouterr().out
    assert f"Autoscaling may run {wanted[0]} to {wanted[1]} then, in place of 2 to 6." in said
    assert ("nobody is answered" in said) == (count == 0)
    assert (service("web").desired_count, bounds("web")) == (count, wanted)


def test_a_service_that_nothing_scales_has_its_number_alone(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert groundwork(["scale", "dev", "worker", "3", "--yes"]) == FINE
    assert "Nothing scales it." in capsys.readouterr().out
    assert service("worker").desired_count == 3


def test_nothing_is_done_without_an_answer_nor_in_a_dry_run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    client("sqs").send_message(QueueUrl=url("shop-mails-dead-letters"), MessageBody="x")
    monkeypatch.setattr(redriving, "_newest", lambda *_: {})
    before = asked_actions(monkeypatch)
    commands = (
        ["scale", "dev", "web", "4"],
        ["redeploy", "dev", "web"],
        ["hours", "dev", "stop"],
        ["redrive", "dev", "mails"],
    )
    for command in commands:
        assert groundwork([*command, "--dry-run"]) == FINE
        # Nobody can be asked in a test.
        assert groundwork(command) == MISTAKE
    changing = ("Update", "Register", "Stop", "Start", "Put", "Delete")
    assert not [one for one in before if one.partition(":")[2].startswith(changing)]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["web", "many"], MISTAKE, '"many" is no number of copies'),
        (["web", "-1"], MISTAKE, "-1"),
        (["web", "6000"], FINDINGS, "say one from 0 to 5000"),
        (["wbe", "2"], MISTAKE, 'did you mean "web"'),
        (["web; rm -rf $HOME", "2"], MISTAKE, '"web; rm -rf $HOME" is no service'),
    ],
)
def test_a_number_or_a_name_that_is_none_is_refused(
    stack: Stack, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert groundwork(["scale", "dev", *words, "--yes"]) == code
    assert said in capsys.readouterr().err
    assert service("web").desired_count == 2


def test_what_somebody_else_changed_between_question_and_answer_stays(stack: Stack) -> None:
    runner = runner_of(stack[0])
    plan = scaling.plan(stack[0], runner, "web", 4)
    service("web").desired_count = 7
    with pytest.raises(OperationError, match="changed meanwhile: 7 copies are wanted, and were 2"):
        scaling.scale(plan, runner)
    assert service("web").desired_count == 7


def test_a_singleton_never_has_two_copies(stack: Stack) -> None:
    settings = stack[0].settings
    alone = settings.services["web"].model_copy(update={"singleton": True})
    account: Any = SimpleNamespace(
        settings=settings.model_copy(update={"services": {"web": alone}}), stack=stack[0].stack
    )
    with pytest.raises(OperationError, match="of which two never run"):
        scaling.plan(account, runner_of(stack[0]), "web", 2)


def test_on_instances_their_number_changes_with_all_services_on_them(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = with_engine(stack[0], engine="ec2", instances={"min": 1, "max": 3})
    group = {"AutoScalingGroupName": "shop-compute-instances-1", "DesiredCapacity": 1, "MinSize": 1, "MaxSize": 3}
    groups = Script(describe_auto_scaling_groups={"AutoScalingGroups": [group]}, update_auto_scaling_group={})
    standing_in(monkeypatch, autoscaling=groups)
    runner = Ec2Operations(account)
    plan = scaling.plan(account, runner, "web", 4)
    assert "compute.instances.min: 4" in str(plan)
    scaling.scale(plan, runner)
    assert groups.all_of("update_auto_scaling_group") == [
        {"AutoScalingGroupName": "shop-compute-instances-1", "MinSize": 1, "MaxSize": 4, "DesiredCapacity": 4}
    ]
    alone = with_engine(stack[0], engine="ec2", instances={"min": 1, "max": 1})
    with pytest.raises(OperationError, match=r"there is one instance.*raise compute\.instances\.max"):
        scaling.plan(alone, Ec2Operations(alone), "web", 2)


def with_engine(account: StackAccount, **compute: Any) -> StackAccount:
    from dataclasses import replace

    from groundwork.components.compute.settings import ComputeSettings

    settings = account.settings.model_copy(update={"compute": ComputeSettings.model_validate(compute)})
    return replace(account, settings=settings)


def test_on_kubernetes_bounds_hold_the_number_and_zero_leaves_them(stack: Stack) -> None:
    with serving() as (world, runner):
        world.scaler = {
            "metadata": {"name": "web"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 4},
        }
        plan = scaling.plan(stack[0], runner, "web", 6)
        assert "conflict of two owners" in str(plan)
        scaling.scale(plan, runner)
        assert world.patches == [{"spec": {"minReplicas": 6, "maxReplicas": 6}}, {"spec": {"replicas": 6}}]
        world.patches.clear()
        runner.scale("web", 0, 0, 6)
        assert world.patches == [{"spec": {"replicas": 0}}]


def test_app_runner_has_no_number_of_copies(stack: Stack) -> None:
    with pytest.raises(OperationError, match=r"services\.web\.scaling\.min and run pulumi up"):
        scaling.plan(stack[0], AppRunnerOperations(stack[0]), "web", 2)


# Restarts


def test_all_copies_start_anew_with_the_image_that_runs(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, done)
    asked = asked_actions(monkeypatch)
    definition = service("web").task_definition
    assert groundwork(["redeploy", "dev", "web", "--yes"]) == FINE
    assert service("web").task_definition == definition
    assert "web runs anew after" in capsys.readouterr().out
    assert asked == permitted("redeploy", "fargate")


def test_copies_that_do_not_get_well_are_said_and_a_second_restart_is_refused(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, given_up)
    assert groundwork(["redeploy", "dev", "web", "--yes"]) == FINDINGS
    assert "web did not start anew: ECS deployment circuit breaker" in capsys.readouterr().err
    service("web").deployments[0]["rolloutState"] = "IN_PROGRESS"
    assert groundwork(["redeploy", "dev", "web", "--yes"]) == FINDINGS
    assert "wait for its end: groundwork status dev --watch" in capsys.readouterr().err


def test_a_restart_on_kubernetes_is_a_new_annotation_and_on_app_runner_a_deployment(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as (world, runner):
        world.steps = [ready(2, 2, 2)] * 3
        runner.restart("web", Clock().progress(), 60)
        [patch] = world.patches
        assert list(patch["spec"]["template"]["metadata"]["annotations"]) == ["kubectl.kubernetes.io/restartedAt"]
        world.steps = [_stuck] * 3
        with pytest.raises(DeploymentFailedError):
            runner.restart("web", Clock().progress(), 60)
    runner_ = Script(
        list_services={"ServiceSummaryList": [{"ServiceName": "shop-dev-web", "ServiceArn": "arn:web"}]},
        describe_service={"Service": {"ServiceArn": "arn:web"}},
        start_deployment={"OperationId": "1"},
        list_operations={"OperationSummaryList": [{"Id": "1", "Status": "SUCCEEDED"}]},
    )
    standing_in(monkeypatch, apprunner=runner_)
    AppRunnerOperations(stack[0]).restart("web", Clock().progress(), 60)
    assert runner_.all_of("start_deployment") == [{"ServiceArn": "arn:web"}]


def _stuck(world: World) -> None:
    ready(1, 0, 3)(world)
    failed = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    world.deployment["status"]["conditions"] = [failed]


# Hours


def test_services_and_database_stand_still_and_start_again_as_the_stack_file_says(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scalable("web", 2, 6)
    asked = asked_actions(monkeypatch)
    assert groundwork(["hours", "dev", "stop", "--yes"]) == FINE
    assert "Nothing starts it again but groundwork hours dev start" in capsys.readouterr().out
    assert (service("web").desired_count, bounds("web"), service("worker").desired_count) == (0, (0, 0), 0)
    assert status_of_database() == "stopped"
    assert groundwork(["hours", "dev", "start", "--yes"]) == FINE
    least, most = (getattr(stack[0].settings.services["web"].scaling, key) for key in ("min", "max"))
    assert (service("web").desired_count, bounds("web")) == (least, (least, most))
    assert status_of_database() == "available"
    assert asked - {"rds:DescribeDBInstances"} == permitted("hours", "fargate", "data")


def status_of_database() -> str:
    [found] = client("rds").describe_db_instances(DBInstanceIdentifier="shop-database-dev")["DBInstances"]
    return str(found["DBInstanceStatus"])


def test_what_stands_still_already_is_said_and_no_error(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    client("rds").stop_db_instance(DBInstanceIdentifier="shop-database-dev")
    assert groundwork(["hours", "dev", "stop", "--yes"]) == FINE
    assert "shop-database-dev is not in a state to stop; it may be so already" in capsys.readouterr().out


def test_a_prod_never_stands_still(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    from groundwork.operations import stopping

    platform = SimpleNamespace(stage="prod", hours=None)
    account: Any = SimpleNamespace(settings=SimpleNamespace(platform=platform), stack=stack[0].stack)
    with pytest.raises(OperationError, match="customers come at night too"):
        stopping.plan(account, stack[1], "stop")
    with serving() as (_, runner), pytest.raises(OperationError, match="does not stand still"):
        runner.stop_all()


# Dead letters


class Mover:
    """What SQS says while messages move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *states: dict[str, Any]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        states_left = list(states)
        ask = StackAccount.client

        def task(**_: Any) -> dict[str, Any]:
            found = states_left.pop(0) if len(states_left) > 1 else (states_left or [{}])[0]
            return {"Results": [found] if found else []}

        def sqs(self_: StackAccount, name: str, region: str | None = None) -> Any:
            real = ask(self_, name, region)
            if name != "sqs":
                return real
            return SimpleNamespace(
                meta=real.meta,
                get_queue_attributes=real.get_queue_attributes,
                receive_message=real.receive_message,
                list_message_move_tasks=task,
                start_message_move_task=self._noted("start", {"TaskHandle": "h"}),
                cancel_message_move_task=self._noted("cancel", {}),
            )

        monkeypatch.setattr(StackAccount, "client", sqs)
        monkeypatch.setattr("groundwork.operations.progress.Progress.sleep", lambda *_: None, raising=False)

    def _noted(self, what: str, answer: dict[str, Any]) -> Callable[..., dict[str, Any]]:
        def call(**arguments: Any) -> dict[str, Any]:
            self.asked.append((what, arguments))
            return answer

        return call


def moving(status: str, moved: int, **more: Any) -> dict[str, Any]:
    return {"Status": status, "ApproximateNumberOfMessagesMoved": moved, "ApproximateNumberOfMessagesToMove": 2, **more}


def two_dead_letters() -> None:
    for text in ("card 4111", "b"):
        client("sqs").send_message(QueueUrl=url("shop-mails-dead-letters"), MessageBody=text)


def test_dead_letters_go_back_with_their_number_and_age_said_and_never_their_text(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two_dead_letters()
    mover = Mover(monkeypatch, {}, moving("COMPLETED", 2))
    assert groundwork(["redrive", "dev", "mails", "--limit", "10", "--yes"]) == FINE
    said = capsys.readouterr().out
    assert "2 dead letters of mails in account 123456789012, eu-west-1 go back to it, 10 a second." in said
    assert re.search(r"One of them was sent \d+ s ago\.", said)
    assert "2 have gone back." in said
    assert "4111" not in said
    arn = "arn:aws:sqs:eu-west-1:123456789012:shop-mails-dead-letters-0a1b2c3"
    assert mover.asked == [("start", {"SourceArn": arn, "MaxNumberOfMessagesPerSecond": 10})]
    # Whoever looks for them finds both.
    found = client("sqs").receive_message(QueueUrl=url("shop-mails-dead-letters"), MaxNumberOfMessages=10)
    assert len(found["Messages"]) == 2


def test_a_redrive_that_sqs_gives_up_ends_with_1_and_one_under_way_is_not_started_twice(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two_dead_letters()
    Mover(monkeypatch, {}, moving("FAILED", 1, FailureReason="AccessDenied"))
    assert groundwork(["redrive", "dev", "mails", "--yes"]) == FINDINGS
    assert "mails: 1 of 2 have gone back; AccessDenied" in capsys.readouterr().err
    Mover(monkeypatch, moving("RUNNING", 1))
    assert groundwork(["redrive", "dev", "mails", "--yes"]) == FINDINGS
    assert "a redrive of mails is under way (1 of 2 have gone back)" in capsys.readouterr().err


def test_whoever_leaves_ends_the_redrive(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    two_dead_letters()
    mover = Mover(monkeypatch, {}, moving("RUNNING", 1))
    resources = find_resources(*stack)
    plan = redriving.plan(resources, "mails", NOW, None)
    progress = Clock().progress()

    def leave(_: float) -> None:
        raise KeyboardInterrupt

    progress.sleep = leave
    with pytest.raises(KeyboardInterrupt):
        redriving.redrive(resources, plan, progress)
    assert [what for what, _ in mover.asked] == ["start", "cancel"]


def test_an_empty_or_unknown_queue_is_refused(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Mover(monkeypatch)
    assert groundwork(["redrive", "dev", "mails", "--yes"]) == FINDINGS
    assert "mails has no dead letters that can go back" in capsys.readouterr().err
    assert groundwork(["redrive", "dev", "mial", "--yes"]) == MISTAKE
    assert 'say mails; did you mean "mails"?' in capsys.readouterr().err
    assert groundwork(["redrive", "dev", "mails", "--limit", "0"]) == MISTAKE
    assert groundwork(["redrive", "dev", "$(reboot)", "--yes"]) == MISTAKE
    assert '"$(reboot)" is no queue with dead letters' in capsys.readouterr().err
