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
from pulumi import _types
from pulumi.runtime import resource, rpc, settings

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


def _small(folder: Path, program: str, unknowns: bool = False) -> Snapshot:
    (folder / "__main__.py").write_text(program, encoding="utf-8")
    config = {"aws:region": "eu-west-1"}
    return run_program(folder, project="test", stack="dev", config=config, settings={}, unknowns=unknowns)


def test_what_is_made_of_outputs_is_the_same_and_secrets_stay_secret(tmp_path: Path, by_the_sdk: Any) -> None:
    lean = _small(tmp_path, PROGRAM)
    assert lean.dumps() == by_the_sdk(lambda: _small(tmp_path, PROGRAM)).dumps()
    assert "secret" in lean.outputs


VALUES = """
import asyncio
import enum
import re
import pulumi
import pulumi_aws as aws
from pulumi import Output

class Size(str, enum.Enum):
    SMALL = "small"

async def later():
    await asyncio.sleep(0)
    return {"late": [Output.from_input(3)]}

queue = aws.sqs.Queue("queue")
other = aws.sqs.Queue("other")
policy = aws.iam.get_policy_document_output(statements=[{"actions": ["a"], "resources": [queue.arn]}])
origin = aws.lambda_.FunctionEnvironmentArgs(variables={"A": queue.arn, "b": ["c"]})
shared = {"same": [1]}
given = [
    None, True, 1.5, "text", Size.SMALL, pulumi.UNKNOWN, {}, [], (), ("a", queue.arn), [[1, {"a": None}]], {"a": {"b": [queue.url, 1]}},
    {queue.name: 1}, [shared, shared], {"secret": Output.secret({"a": ["b", queue.arn]})}, Output.secret([other.arn]),
    Output.from_input([queue.arn]).apply(lambda arns: [Output.from_input(arns), {"own": other.arn}, "c"]),
    queue.arn.apply(lambda arn: pulumi.UNKNOWN), queue.arn.apply(lambda arn: {"x": [pulumi.UNKNOWN, arn]}),
    Output.unsecret(Output.secret("a")), origin, [origin, {"o": origin}], policy.json, queue, {"q": [queue]}, {"n": queue.tags},
    Output.concat("a", queue.name, Output.secret("b")), Output.format("{0} {1}", queue.arn, "x"), Output.json_dumps({"a": [queue.arn, 1]}),
]

async def seen(output):
    data = await output._data
    value = data.value
    if isinstance(value, aws.lambda_.FunctionEnvironmentArgs):
        value = ("environment", value.variables)
    return [re.sub(" at 0x[0-9a-f]+", "", str(value)), data.is_known, data.is_secret, sorted(resource._name for resource in data.resources)]

async def all_seen():
    made = [Output.from_input(value) for value in (*given, later())]
    made += [Output.all(*given), Output.all(**{f"v{index}": value for index, value in enumerate(given)}), Output.all(), Output.all(1, "a")]
    return [await seen(one) for one in made]

texts = Output.from_input(all_seen())
pulumi.export("seen", texts.apply(str))
pulumi.export("copies", Output.from_input(shared).apply(lambda made: made == shared and made is not shared))
try:
    Output.all(1, a=2)
except ValueError as error:
    pulumi.export("mixed", str(error))
"""


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
def test_each_kind_of_value_becomes_what_the_sdk_makes_of_it(unknowns: bool, tmp_path: Path, by_the_sdk: Any) -> None:
    lean, own = _small(tmp_path, VALUES, unknowns), by_the_sdk(lambda: _small(tmp_path, VALUES, unknowns))
    assert lean.outputs == own.outputs
    assert lean.dumps() == own.dumps()
    assert lean.outputs["seen"].count("['queue']") > 3
    assert {"copies", "mixed"} < set(lean.outputs)


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
    # What other tests keep is no garbage.
    gc.freeze()
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
    def now() -> list[Any]:
        return [vars(pulumi.Output)[name] for name in ("_track", "all", "from_input")] + [
            *(rpc.contains_unknowns, rpc.serialize_property, rpc.transfer_properties),
            *(_types.unwrap_type, resource.create_urn),
        ]

    before = now()
    with pytest.raises(ZeroDivisionError):
        _small(tmp_path, "1 / 0")
    _small(tmp_path, PROGRAM)
    assert now() == before


CIRCLE = """
import pulumi
import pulumi_aws as aws

one, two = (pulumi.ComponentResource("shop:Group", name) for name in ("one", "two"))
between = aws.sqs.Queue("between", opts=pulumi.ResourceOptions(depends_on=[one]))
aws.sqs.Queue("a", opts=pulumi.ResourceOptions(parent=one, depends_on=[two]))
aws.sqs.Queue("b", opts=pulumi.ResourceOptions(parent=two, depends_on=[between]))
"""


def test_resources_that_depend_on_each_other_in_a_circle_are_refused_with_the_sdks_words(
    tmp_path: Path, by_the_sdk: Any
) -> None:
    said = []
    for run_it in (lambda: _small(tmp_path, CIRCLE), lambda: by_the_sdk(lambda: _small(tmp_path, CIRCLE))):
        with pytest.raises(RuntimeError, match="circular dependency") as raised:
            run_it()
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert _small(tmp_path, CIRCLE.replace("depends_on=[two]", "")).resources
