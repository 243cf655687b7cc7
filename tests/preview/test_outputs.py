"""The lean outputs of a preview are the SDK's own in all that a program can see."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc, settings

from groundwork.preview import engine
from groundwork.preview.engine import run_program
from groundwork.preview.monitor import RecordingMonitor
from groundwork.preview.snapshot import Snapshot
from tests.stacks import run, snapshot_of


@contextmanager
def _own() -> Iterator[Any]:
    """The SDK's outputs, waited for as far as it still tracks them."""

    class Tracked(deque[Any]):
        def __bool__(self) -> bool:
            return bool(settings.SETTINGS.outputs)

        def popleft(self) -> Any:
            return settings.SETTINGS.outputs.pop()

    yield Tracked()


@pytest.fixture
def by_the_sdk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Run something with the SDK's own outputs."""

    def call(run_it: Callable[[], Any]) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "lean_outputs", _own)
            return run_it()

    return call


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
def test_a_stack_is_the_same_with_the_sdks_own_outputs(unknowns: bool, by_the_sdk: Any) -> None:
    assert by_the_sdk(lambda: run("dev", unknowns)).dumps() == snapshot_of("dev", unknowns).dumps()


PROGRAM = """
import pulumi
import pulumi_aws as aws

queue = aws.sqs.Queue("queue", tags={"a": pulumi.Output.secret("b")})
pulumi.export("made", pulumi.Output.all(queue.arn, queue.tags, queue.fifo_queue).apply(lambda made: [str(one) for one in made]))
pulumi.export("secret", pulumi.Output.from_input(queue.tags).apply(dict))
"""


def _small(folder: Path, program: str) -> Snapshot:
    (folder / "__main__.py").write_text(program, encoding="utf-8")
    return run_program(folder, project="test", stack="dev", config={"aws:region": "eu-west-1"}, settings={})


def test_what_is_made_of_outputs_is_the_same_and_secrets_stay_secret(tmp_path: Path, by_the_sdk: Any) -> None:
    lean = _small(tmp_path, PROGRAM)
    assert lean.dumps() == by_the_sdk(lambda: _small(tmp_path, PROGRAM)).dumps()
    assert "secret" in lean.outputs


@pytest.mark.parametrize(
    "line",
    ['queue.arn.apply(lambda arn: arn["x"])', "pulumi.Output.all(queue.arn).apply(lambda made: 1 / 0)"],
)
def test_an_error_in_what_nobody_waits_for_ends_the_program(line: str, tmp_path: Path, by_the_sdk: Any) -> None:
    program = f"{PROGRAM}\n{line}\n"
    raised = []
    for way in (lambda run_it: run_it(), by_the_sdk):
        with pytest.raises((TypeError, ZeroDivisionError)) as error:
            way(lambda: _small(tmp_path, program))
        raised.append(str(error.value))
    assert raised[0] == raised[1]


def test_of_many_errors_the_first_is_the_only_one_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    many = "for queue in [aws.sqs.Queue(str(number)) for number in range(3)]:\n    queue.arn.apply(lambda arn: 1 / 0)\n"
    refused = 'aws.sqs.Queue("refused", opts=pulumi.ResourceOptions(transforms=[lambda args: 1 / 0]))\n'
    for program in (many, refused, refused + many, f"{many}raise pulumi.RunError('no')"):
        with pytest.raises((ZeroDivisionError, pulumi.RunError)):
            _small(tmp_path, f"{PROGRAM}\n{program}")
        gc.collect()
    assert caplog.messages == []
    assert [str(one.message) for one in recwarn] == []


def test_what_a_program_begins_last_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    register = RecordingMonitor.RegisterResourceOutputs

    def listening(monitor: RecordingMonitor, request: Any) -> Any:
        registered.append(request.urn.rpartition("::")[2])
        return register(monitor, request)

    monkeypatch.setattr(RecordingMonitor, "RegisterResourceOutputs", listening)
    last = "own = pulumi.ComponentResource('own:of:Kind', 'own')\nown.urn.apply(lambda urn: own.register_outputs({}))\n"
    _small(tmp_path, f"import pulumi\n{last}")
    assert sorted(registered) == ["own", "test-dev"]


def test_the_sdk_is_left_as_it_was(tmp_path: Path) -> None:
    before = (pulumi.Output._track, rpc.transfer_properties)
    with pytest.raises(ZeroDivisionError):
        _small(tmp_path, "1 / 0")
    _small(tmp_path, PROGRAM)
    assert (pulumi.Output._track, rpc.transfer_properties) == before
