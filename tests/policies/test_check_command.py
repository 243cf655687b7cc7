"""Stacks from files: our snapshot, Pulumi's stack export and its preview as JSON; whole, cut off and nonsense."""

from __future__ import annotations

import contextlib
import copy
import datetime
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.cli.main import run
from groundwork.preview.reading import UnreadableError, read, read_file
from groundwork.preview.snapshot import Snapshot, Source
from groundwork.preview.verdicts import judge
from guardrails.context import PolicyContext
from guardrails.view import Opaque
from tests.policies.stacks import resource, stack

SIGNATURE = "4dabf18193072939515e22adb298388d"
HIDDEN = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "AAABAA=="}
IN_CLEAR = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hunter2"'}
ROOT = "urn:pulumi:live::shop::pulumi:pulumi:Stack::shop-live"
PROVIDER = "urn:pulumi:live::shop::pulumi:providers:aws::default_7_51_1"
DATABASE = "urn:pulumi:live::shop::shop:data:Data$aws:rds/instance:Instance::main"
QUEUE = "urn:pulumi:live::shop::aws:sqs/queue:Queue::orders"
OLD = "urn:pulumi:live::shop::aws:sqs/queue:Queue::old"
READ = "urn:pulumi:live::shop::aws:ec2/vpc:Vpc::shared"
STATES: list[dict[str, Any]] = [
    {"urn": ROOT, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": {"address": "a", "token": HIDDEN}},
    {"urn": PROVIDER, "custom": True, "id": "p", "type": "pulumi:providers:aws", "inputs": {"region": "eu-west-1"}},
    {
        "urn": DATABASE,
        "custom": True,
        "id": "db-1",
        "type": "aws:rds/instance:Instance",
        "inputs": {
            "__defaults": ["skipFinalSnapshot"],
            "publiclyAccessible": True,
            "password": HIDDEN,
            "username": IN_CLEAR,
            "kmsKeyId": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        },
        "outputs": {"arn": "arn:aws:rds:eu-west-1:111122223333:db:db-1"},
        "parent": "urn:pulumi:live::shop::shop:data:Data::gone",
        "propertyDependencies": {"kmsKeyId": [ROOT]},
        "protect": True,
        "sourcePosition": "project:///infra/data.py#17,4",
    },
    {"urn": QUEUE, "custom": True, "id": "q", "type": "aws:sqs/queue:Queue", "inputs": {}, "parent": ROOT},
    {"urn": OLD, "custom": True, "id": "o", "type": "aws:sqs/queue:Queue", "inputs": {}, "delete": True},
    {"urn": READ, "custom": True, "id": "v", "type": "aws:ec2/vpc:Vpc", "inputs": {}, "external": True},
]
EXPORT: dict[str, Any] = {"version": 3, "deployment": {"manifest": {}, "resources": STATES}}
PREVIEW: dict[str, Any] = {
    "config": {"aws:region": "eu-west-1", "groundwork:platform": '{"stage": "dev"}', "groundwork:odd": "{"},
    "steps": [
        *({"op": "create", "urn": state["urn"], "newState": state} for state in STATES[:4]),
        {"op": "delete", "urn": OLD, "oldState": STATES[4]},
        {"op": "create-replacement", "urn": QUEUE, "newState": STATES[3]},
        {"op": "replace", "urn": QUEUE, "newState": STATES[3]},
    ],
    "changeSummary": {"create": 4},
}


EVENTS: list[dict[str, Any]] = [
    {"preludeEvent": {"config": PREVIEW["config"]}},
    *(
        {"resourcePreEvent": {"metadata": {"op": "create", "urn": state["urn"], "new": state}, "planning": True}}
        for state in STATES[:4]
    ),
    {"resOutputsEvent": {"metadata": {"op": "create", "urn": QUEUE, "new": STATES[3]}, "planning": True}},
    {"resourcePreEvent": {"metadata": {"op": "delete", "urn": OLD, "old": STATES[4], "new": None}}},
    {"diagnosticEvent": {"severity": "info", "message": "all is well"}},
    {"summaryEvent": {"resourceChanges": {"create": 4}, "isPreview": True}},
]


def streamed(events: list[dict[str, Any]]) -> str:
    """Events as the engine writes them, one a line."""
    return "".join(f"{json.dumps({'sequence': number, **event})}\n" for number, event in enumerate(events))


def exported(states: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"resources": states}}


def deep(levels: int) -> dict[str, Any]:
    """An object in an object, so many times."""
    inner: dict[str, Any] = {}
    for _ in range(levels):
        inner = {"a": inner}
    return inner


OURS = json.loads(stack(resource("sqs/Queue", "orders")).dumps())


def repeated(ours: dict[str, Any]) -> str:
    return json.dumps({**ours, "resources": ours["resources"] * 2})


def circular(ours: dict[str, Any]) -> str:
    return json.dumps({**ours, "resources": [{**one, "parent": one["urn"]} for one in ours["resources"]]})


def snapshot(document: Any) -> Snapshot:
    return read(json.dumps(document), "stack.json")


@pytest.mark.parametrize("document", [EXPORT, PREVIEW], ids=["export", "preview"])
def test_resources_are_read_with_what_rules_need(document: Any) -> None:
    read_back = snapshot(document)
    assert (read_back.project, read_back.stack, read_back.region) == ("shop", "live", "eu-west-1")
    by_name = {one.name: one for one in read_back.resources}
    assert set(by_name) == {"shop-live", "default_7_51_1", "main", "orders"}
    database = by_name["main"]
    assert database.type == "aws:rds/instance:Instance"
    assert database.inputs == {
        "publiclyAccessible": True,
        "password": Opaque.SECRET,
        "username": Opaque.SECRET,
        "kmsKeyId": Opaque.UNKNOWN,
    }
    assert database.outputs["id"] == "db-1"
    assert database.property_dependencies == {"kmsKeyId": (ROOT,)}
    assert database.source == Source("infra/data.py", 17)
    assert (by_name["orders"].parent, database.parent) == (ROOT, None)
    assert read_back.outputs["token"] == Opaque.SECRET


def test_a_preview_tells_the_stage_and_the_exceptions() -> None:
    assert snapshot(PREVIEW).settings == {"platform": {"stage": "dev"}, "odd": "{"}
    assert snapshot(EXPORT).settings == {}


CHECKPOINT = {"version": 3, "checkpoint": {"stack": "live", "latest": EXPORT["deployment"]}}


def test_a_checkpoint_of_a_backend_is_the_same_stack() -> None:
    assert snapshot(CHECKPOINT) == snapshot(EXPORT)
    assert snapshot({"version": 3, "checkpoint": {"stack": "live", "latest": None}}).resources == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_stack_is_read_in_every_encoding_of_json_and_packed(encoding: str, tmp_path: Path) -> None:
    data = json.dumps(EXPORT, indent=1).encode(encoding)
    (tmp_path / "plain").write_bytes(data)
    (tmp_path / "packed").write_bytes(gzip.compress(data))
    assert read_file(tmp_path / "plain") == read_file(tmp_path / "packed") == snapshot(EXPORT)


def test_what_is_nested_as_deep_as_it_may_be_is_judged_whole() -> None:
    states = [{**STATES[3], "inputs": {"policy": deep(122), "sqsManagedSseEnabled": False}}]
    findings = judge(snapshot(exported(states)), datetime.date(2026, 11, 20)).findings
    assert "sqs-encrypted" in {finding.rule.name for finding in findings}
    assert not [finding for finding in findings if finding.broken]


def test_a_hundred_megabytes_of_stack_are_read_once() -> None:
    """A stack on one line must not be taken for a stream, parsed, and parsed again."""
    parsed = []
    loads = json.loads
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json, "loads", lambda text, **how: parsed.append(len(text)) or loads(text, **how))
        snapshot(EXPORT)
    assert len(parsed) == 1


def test_a_stream_of_events_is_the_same_preview() -> None:
    assert read(streamed(EVENTS), "events.json") == snapshot(PREVIEW)


def test_what_events_hide_is_a_secret() -> None:
    hidden = {**STATES[3], "inputs": {"policy": "[secret]"}}
    events = [*EVENTS[:5], {"resourcePreEvent": {"metadata": {"new": hidden}}}, EVENTS[-1]]
    by_name = {one.name: one for one in read(streamed(events), "events.json").resources}
    assert by_name["orders"].inputs == {"policy": Opaque.SECRET}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (streamed(EVENTS[:-1]), "events.json:8: the stream ends before the preview's summary"),
        (streamed(EVENTS)[:-20], "events.json:9: not an event of the engine; the stream is cut off here"),
        (
            streamed([*EVENTS[:3], {"diagnosticEvent": {"severity": "error", "message": "error: boom"}}]),
            "events.json: the preview failed, so a part of the stack is missing: boom",
        ),
        (streamed([{"errorEvent": {"error": "bad"}}]), "events.json: the preview failed, so a part of the stack is missing: bad"),
        (streamed([{"resourcePreEvent": {"metadata": {"new": 3}}}, EVENTS[-1]]), "line 1: resourcePreEvent.metadata.new must be an object"),
    ],
)  # fmt: skip
def test_a_stream_that_is_not_whole_is_no_stack(text: str, reason: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        read(text, "events.json")
    assert reason in str(raised.value)


def test_a_secret_shown_in_clear_is_not_kept() -> None:
    assert "hunter2" not in snapshot(EXPORT).dumps()


def test_our_own_snapshot_reads_back_as_it_was() -> None:
    ours = stack(resource("sqs/Queue", "orders"))
    assert snapshot(json.loads(ours.dumps())) == ours


def test_a_stack_that_holds_nothing_is_a_stack() -> None:
    assert snapshot({"version": 3, "deployment": {"manifest": {}}}).resources == ()
    assert snapshot({"steps": []}).resources == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "stack.json: it is empty"),
        ("Previewing update (dev):\n{}", "stack.json:1: not valid JSON"),
        (json.dumps(EXPORT)[:-40], "the file ends in the middle"),
        (json.dumps(EXPORT, indent=1)[:300], "the file ends in the middle"),
        ("[]", "it must be a JSON object"),
        ("[" * 100_000, "stack.json: it is nested more than 128 levels deep"),
        (json.dumps(deep(900)), "stack.json: it is nested more than 128 levels deep"),
        (streamed([{"resourcePreEvent": {"metadata": {"new": deep(200)}}}]), "it is nested more than 128 levels deep"),
        (f'{{"version": 1, "settings": {json.dumps(deep(200))}, "resources": []}}', "it is nested more than 128"),
        ("{}", "it is neither a snapshot"),
        ('{"version": 1, "deployment": {}}', "deployment version 1 is not one this program reads (3)"),
        ('{"version": 3, "deployment": {"resources": {}}}', "deployment.resources must be a list"),
        ('{"version": 3, "deployment": null}', "deployment must be an object"),
        ('{"version": 3, "checkpoint": []}', "checkpoint must be an object"),
        ('{"version": 3, "checkpoint": {"latest": [1]}}', "checkpoint.latest must be an object"),
        ('{"version": 2, "checkpoint": {}}', "deployment version 2 is not one this program reads (3)"),
        (json.dumps(exported([STATES[3], STATES[3]])), f"deployment.resources[1].urn is there a second time, and only one of the two could be judged: {QUEUE}"),
        (json.dumps(exported([{**STATES[3], "parent": OLD}, {"urn": OLD, "parent": QUEUE}])), f"the parents of {QUEUE} lead in a circle: orders in old in orders"),
        (json.dumps(exported([{**STATES[3], "parent": QUEUE}])), f"the parents of {QUEUE} lead in a circle: orders in orders"),
        (repeated(OURS), "resources[1].urn is there a second time"),
        (circular(OURS), "lead in a circle: orders in orders"),
        ('{"version": 3, "deployment": {"resources": [1]}}', "deployment.resources[0] must be an object"),
        ('{"version": 3, "deployment": {"resources": [{}]}}', "deployment.resources[0].urn must be a URN, found None"),
        ('{"steps": [{"newState": {"urn": "x"}}]}', "steps[0].newState.urn must be a URN, found 'x'"),
        ('{"steps": [{"newState": 3}]}', "steps[0].newState must be an object"),
        (
            '{"version": 3, "deployment": {"resources": [{"urn": "urn:pulumi:a::b::c::d", "inputs": [1]}]}}',
            "deployment.resources[0].inputs must be an object, found list",
        ),
        ('{"version": 7, "settings": {}, "resources": []}', "snapshot version 7"),
        ('{"version": 1, "settings": {}, "resources": [{}]}', "the snapshot is not whole: KeyError"),
        ('{"version": 1, "settings": {}, "resources": 3}', "the snapshot is not whole"),
    ],
)  # fmt: skip
def test_what_is_cut_off_or_no_stack_says_so(text: str, message: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        read(text, "stack.json")
    assert message in str(raised.value)
    assert str(raised.value).startswith("stack.json")


@given(st.data())
@settings(max_examples=150)
def test_no_damage_to_an_export_is_more_than_a_message(data: st.DataObject) -> None:
    document = copy.deepcopy(EXPORT)
    for _ in range(data.draw(st.integers(1, 4))):
        _damage(document, data)
    with contextlib.suppress(UnreadableError):
        snapshot(document)


def _damage(document: Any, data: st.DataObject) -> None:
    """Put something else at some place of the document, or take the place away."""
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = copy.deepcopy(data.draw(st.sampled_from([None, 0, True, "text", [], [1], {}, {"a": 1}, HIDDEN])))


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.chdir(tmp_path)
    Path("export.json").write_text(json.dumps(EXPORT), encoding="utf-8")

    def made(*arguments: str) -> tuple[int, str, str]:
        code = run(["policies", "check", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return made


def test_check_judges_an_export_and_ends_with_1_where_something_stops(call: Call) -> None:
    code, out, err = call("export.json")
    assert (code, err) == (1, "")
    assert "rds-not-public" in out
    assert "infra/data.py:17" in out
    assert "hunter2" not in out


def test_a_dash_is_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(json.dumps(CHECKPOINT).encode("utf-16")))
    monkeypatch.setattr("sys.stdin", given)
    code, out, err = call("-")
    assert (code, err) == (1, "")
    assert "rds-not-public" in out
    assert call("-")[2] == "standard input: it is empty\n"


def test_settings_are_read_in_every_encoding_too(call: Call) -> None:
    Path("config.json").write_text('{"all": "advisory"}', encoding="utf-16")
    assert call("export.json", "--policy-config", "config.json")[0] == 0


def test_the_stage_decides_as_in_a_preview(call: Call) -> None:
    assert "rds-deletion-protection" in call("export.json")[1]
    assert "rds-deletion-protection" not in call("export.json", "--stage", "dev")[1]


def test_a_stack_file_brings_stage_and_exceptions(call: Call) -> None:
    Path("Pulumi.live.yaml").write_text(
        "config:\n  groundwork:platform: {stage: dev}\n  groundwork:exceptions:\n"
        "    - {rule: rds-not-public, resource: main, reason: A test of ours, owner: me, expires: soon}\n",
        encoding="utf-8",
    )
    _, out, _ = call("export.json", "--stack-file", "Pulumi.live.yaml")
    assert "exception-invalid" in out
    assert "rds-deletion-protection" not in out


def test_a_written_baseline_makes_the_same_stack_pass_and_a_new_finding_fail(call: Call) -> None:
    code, out, _ = call("export.json", "--write-baseline", "known.json")
    assert code == 0
    assert "written to known.json" in out
    code, out, _ = call("export.json", "--baseline", "known.json")
    assert code == 0
    assert "known from the baseline" in out
    worse = copy.deepcopy(EXPORT)
    worse["deployment"]["resources"][3]["inputs"] = {"sqsManagedSseEnabled": False}
    Path("worse.json").write_text(json.dumps(worse), encoding="utf-8")
    code, out, _ = call("worse.json", "--baseline", "known.json")
    assert code == 1
    assert "sqs-encrypted" in out
    assert "rds-not-public" not in out


def test_levels_of_the_organisation_apply(call: Call) -> None:
    Path("config.json").write_text('{"all": "advisory"}', encoding="utf-8")
    assert call("export.json", "--policy-config", "config.json")[0] == 0


@pytest.mark.parametrize(("form", "start"), [("sarif", "{"), ("json", "{"), ("junit", "<?xml")])
def test_reports_go_to_standard_output_or_to_a_file_beside_the_text(form: str, start: str, call: Call) -> None:
    code, out, _ = call("export.json", "--format", form)
    assert code == 1
    assert out.startswith(start)
    code, text, _ = call("export.json", "--format", form, "--out", "report")
    assert code == 1
    assert Path("report").read_text(encoding="utf-8") == out
    assert text.startswith("Guardrails:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.json"], "missing.json: No such file or directory"),
        (["cut.json"], "cut.json:1: not valid JSON"),
        (["bytes.json"], "bytes.json: it is not text in UTF-8, UTF-16 or UTF-32"),
        (["cut.gz"], "cut.gz: it begins as gzip does, and cannot be unpacked to its end"),
        (["export.json", "--baseline", "cut.json"], "cut.json is not JSON"),
        (["export.json", "--policy-config", "cut.json"], "cut.json:1: not valid JSON"),
        (["export.json", "--policy-config", "wrong.json"], "wrong.json: there is no rule 'nonsense'"),
        (["export.json", "--stack-file", "cut.json"], "cut.json: not valid YAML"),
        (["export.json", "--write-baseline", "no/where.json"], "no/where.json cannot be written"),
    ],
)
def test_what_cannot_be_used_is_a_mistake_with_its_reason(arguments: list[str], message: str, call: Call) -> None:
    Path("cut.json").write_text('{"version": ', encoding="utf-8")
    Path("bytes.json").write_bytes(b"\xff\xfe{")
    Path("cut.gz").write_bytes(gzip.compress(b"{}")[:-9])
    Path("wrong.json").write_text('{"nonsense": "advisory"}', encoding="utf-8")
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_preview_that_failed_is_no_stack(call: Call) -> None:
    failed = {"steps": [], "diagnostics": [{"severity": "error", "message": "error: <{%fg 1%}>boom<{%reset%}>\n"}]}
    Path("failed.json").write_text(json.dumps(failed), encoding="utf-8")
    code, out, err = call("failed.json")
    assert (code, out) == (2, "")
    assert "failed.json: the preview failed, so a part of the stack is missing: boom" in err


def test_what_holds_nothing_to_judge_says_so(call: Call) -> None:
    Path("empty.json").write_text('{"version": 3, "deployment": {"resources": []}}', encoding="utf-8")
    code, out, _ = call("empty.json")
    assert code == 0
    assert "nothing that a rule reads is in it" in out


def test_every_way_on_is_named(call: Call) -> None:
    _, out, _ = call("export.json")
    assert "--write-baseline FILE" in " ".join(out.split())
    _, out, _ = call("export.json", "--write-baseline", "known.json")
    assert "Next: groundwork policies check export.json --baseline known.json" in out


def test_a_stage_that_there_is_not_is_a_mistake(call: Call) -> None:
    assert call("export.json", "--stage", "production")[0] == 2


def test_a_stage_with_a_name_of_its_own_is_judged_as_production() -> None:
    today = datetime.date(2026, 11, 20)
    assert PolicyContext.of({"stage": "live"}, None, today).stage == "prod"
    assert PolicyContext.of({"stage": "staging"}, None, today).stage == "staging"
