"""Extensions: what a class beside the stack file declares, what it offers, and what it must not."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from groundwork.components.extensions.own_resources import OwnResources, extensions_of
from groundwork.components.extensions.settings import ExtensionSettings
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import judge
from tests import host
from tests.examples.query import ALARM, environment, named, references, statements
from tests.harness import build
from tests.shared import call
from tests.stacks import ROOT, snapshot_of
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import write_project

STACK = "examples/extensions/dev"
TABLE = "aws:dynamodb/table:Table"
OWN = "groundwork:extensions:OwnResources"
HEAD = """
import sys
import pulumi
import pulumi_aws as aws
from groundwork import Alarm, Grant, Metric, Offer, Opening, ParameterReference, SecretReference, Statement
ARN = "arn:aws:dynamodb:ap-south-1:111122223333:table/x"
"""


# The example


def own(snapshot: Snapshot) -> dict[str, Any]:
    """Return what the example's extensions declare, by name and type."""
    return {f"{one.name} {one.type}": one for one in snapshot.resources if f"{OWN}$" in one.urn}


def test_own_resources_stand_below_their_extension_with_the_platforms_tags_and_alarms() -> None:
    snapshot = snapshot_of(STACK)
    found = own(snapshot)
    assert set(found) == {
        f"desk-sessions {TABLE}",
        f"desk-sessions-throttled {ALARM}",
        "desk-mail aws:sesv2/emailIdentity:EmailIdentity",
        "desk-mail aws:sesv2/configurationSet:ConfigurationSet",
        f"desk-mail-bounces {ALARM}",
        "desk-partner-api aws:secretsmanager/secret:Secret",
    }
    for name, resource in found.items():
        tags = resource.inputs["tags"]
        assert (tags["platform"], tags["layer"], tags["owner"]) == ("desk", "extensions", "support-team"), name
    topic = named(snapshot, "aws:sns/topic:Topic", "desk-alerts").outputs["arn"]
    assert found[f"desk-sessions-throttled {ALARM}"].inputs["alarmActions"] == [topic]
    assert found[f"desk-sessions {TABLE}"].source.file == "examples/extensions/extensions.py"


def test_what_a_service_uses_is_what_its_role_and_environment_have() -> None:
    snapshot = snapshot_of(STACK)
    table = named(snapshot, TABLE, "desk-sessions").outputs
    web, answers = (statements(snapshot, f"-{service}-task") for service in ("web", "answers"))
    assert web["SessionsWrite"]["Resource"] == answers["SessionsRead"]["Resource"] == [table["arn"]]
    assert "SessionsWrite" not in answers
    assert answers["MailSend"]["Action"] == ["ses:SendEmail"]
    assert answers["MailSend"]["Condition"] == {"StringEquals": {"ses:FromAddress": "support@desk.example.com"}}
    [model] = answers["ModelInvoke"]["Resource"]
    assert model == "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0"
    assert "ModelInvoke" not in web
    told = environment(snapshot, "answers")
    assert told["SESSIONS_TABLE"] == table["name"]
    assert told["PARTNER_URL"] == "https://api.partner.example.com"
    secret = named(snapshot, "aws:secretsmanager/secret:Secret", "desk-partner-api").outputs["arn"]
    assert references(snapshot, "answers") == {"PARTNER_API_KEY": secret}
    assert references(snapshot, "web") == {}
    readers = statements(snapshot, "-answers-execution")
    assert readers["ReadSecrets"]["Resource"] == [secret]


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
def test_the_example_has_no_mandatory_finding_and_is_judged(unknowns: bool) -> None:
    snapshot = snapshot_of(STACK, unknowns)
    verdicts = judge(snapshot, TODAY)
    assert [finding.rule.name for finding in verdicts.blocking] == []
    assert {"dynamodb-point-in-time", "secret-rotated"} <= verdicts.judged


# What goes wrong


def run(code: str, names: Mapping[str, Any], folder: Path, *, unknowns: bool = False) -> tuple[list[str], Snapshot]:
    """Build these extensions one after another: what each is refused for, and what they declared."""
    (folder / "extensions.py").write_text(HEAD + textwrap.dedent(code), encoding="utf-8")
    errors: list[str] = []

    def program(context: Any) -> None:
        settings = {name: ExtensionSettings.model_validate(said) for name, said in names.items()}
        for name, one in settings.items():
            try:
                with extensions_of(folder, {name: one}) as extensions:
                    OwnResources(f"shop-{name}", extensions[name], context=context, network=None).grant("use")
            except pulumi.RunError as error:
                errors.append(str(error))

    return errors, build(program, unknowns=unknowns)


def wrong(offers: Mapping[str, str]) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return a file with a class for each offer, and what a stack file says of them."""
    classes = [
        f'class C{index}:\n    levels = {{"use": {{"A": "plain"}}}}\n    def build(self, name, context):\n        {body}\n'
        for index, body in enumerate(offers)
    ]
    return "\n".join(classes), {f"c{index}": {} for index in range(len(offers))}


def granting(grant: str, more: str = "") -> str:
    return f'return Offer({{"use": Grant({grant}, environment={{"A": "a"}})}}{more})'


def stating(statement: str) -> str:
    return granting(f"[Statement({statement})]")


OFFERS = {
    "return None": "build returns nothing; return groundwork.Offer(grants=…)",
    'return {"use": Grant()}': "build returns dict; return groundwork.Offer(grants=…)",
    "return Offer([Grant()])": "grants is list; write level → Grant",
    "return Offer({})": 'grants has no "use", which levels says',
    'return Offer({"use": Grant(environment={"A": "a"}), "us": Grant()})': 'grants has "us", which levels does not say; did you mean "use"?',
    'return Offer({"use": {}})': 'grants["use"] is dict; write Grant(statements=…)',
    'return Offer({"use": Grant()})': 'grants["use"]: environment has no A, which levels says is plain',
    'return Offer({"use": Grant(environment={"A": "a", "B": "b"})})': 'grants["use"]: environment has B, which levels does not say is plain',
    'return Offer({"use": Grant(environment={"A": 1})})': 'grants["use"]: environment["A"] is int; a variable is text',
    'return Offer({"use": Grant(environment={"A": "sk_live_123"})})': 'grants["use"]: environment["A"]: the value looks like a credential; offer it as a secret: SecretReference(arn, kms_key_arn)',
    'return Offer({"use": Grant(environment={"A": "a"}, secrets={"K": "arn"})})': 'grants["use"]: secrets has K, which levels does not say is secret\ngrants["use"]: secrets["K"] is str; write SecretReference(…)',
    stating('"Read", ["dynamodb:*"], [ARN]'): 'grants["use"]: statement Read: dynamodb:* is more than one action; name each that the workload calls',
    stating('"Read", ["dynamodb:Get*"], [ARN]'): 'grants["use"]: statement Read: dynamodb:Get* is more than one action; name each that the workload calls',
    stating('"Read", ["*"], [ARN]'): 'grants["use"]: statement Read: * is more than one action; name each that the workload calls',
    stating('"Read", ["GetItem"], [ARN]'): "grants[\"use\"]: statement Read: 'GetItem' is no action; write service:Action, such as \"dynamodb:GetItem\"",
    stating('"Read", "dynamodb:GetItem", [ARN]'): 'grants["use"]: statement Read: actions is "dynamodb:GetItem"; write a list of actions',
    stating('"Read", ["dynamodb:GetItem"], ARN'): 'grants["use"]: statement Read: resources is "arn:aws:dynamodb:ap-south-1:111122223333:table/x"; write a list of ARNs',
    stating('"Read", ["dynamodb:GetItem"], []'): 'grants["use"]: statement Read: resources is empty; write a list of ARNs',
    stating('"Read", ["dynamodb:GetItem"], ["*"]'): 'grants["use"]: statement Read: "*" is everything; name what it is, or say in reason="…" why it cannot be named',
    stating('"Read", ["dynamodb:GetItem"], ["arn:aws:dynamodb:*:*:*"], reason="x"'): 'grants["use"]: statement Read: "arn:aws:dynamodb:*:*:*" is everything; name what it is, or say in reason="…" why it cannot be named',
    stating('"Read", ["dynamodb:GetItem"], ["sessions"]'): 'grants["use"]: statement Read: "sessions" is no ARN; write one, such as table.arn',
    stating('"Read", ["dynamodb:GetItem"], [aws.sns.Topic(name)]'): 'grants["use"]: statement Read: Topic is no ARN; write one, such as table.arn',
    stating('"read it", ["dynamodb:GetItem"], [ARN]'): 'grants["use"]: statement read it: its id is letters and digits alone',
    stating('"Read", ["dynamodb:GetItem"], [ARN], ["x"]'): 'grants["use"]: statement Read: conditions is list; write operator → key → value',
    granting('[{"Effect": "Allow"}]'): 'grants["use"]: statements[0] is dict; write Statement(sid, actions, resources)',
    granting('[Statement("A", ["a:B"], [ARN]), Statement("A", ["a:C"], [ARN])]'): 'grants["use"]: statement A is there 2 times; ids differ',
    granting('openings=["sg-1"]'): "grants[\"use\"]: openings holds 'sg-1'; write Opening(security_group_id, port, description)",
    granting("", ', alarms=["x"]').replace("Grant(, ", "Grant("): "alarms[0] is str; write Alarm(key, measure, threshold, description)",
    granting("", ', outputs=["x"]').replace("Grant(, ", "Grant("): "outputs is list; write name → value",
    'raise LookupError("no such zone")': "LookupError: no such zone",
    'raise ValueError("the table needs a key")': "the table needs a key",
    "sys.exit(3)": "SystemExit: 3",
    "return undefined_name": "NameError: name 'undefined_name' is not defined",
    "aws.dynamodb.Table(name, hash_kee=1)": "TypeError: ",
    'pulumi.export("x", 1)': "Exception: Failed to export output. Root resource is not an instance of 'Stack'",
}  # fmt: skip


def test_each_wrong_offer_is_refused_with_its_line_and_what_to_write(tmp_path: Path) -> None:
    errors, _ = run(*wrong(OFFERS), tmp_path)
    assert len(errors) == len(OFFERS)
    for index, (error, (body, expected)) in enumerate(zip(errors, OFFERS.items(), strict=True)):
        for line, part in zip(error.splitlines(), expected.splitlines(), strict=True):
            place, _, said = line.partition(": ")
            assert re.fullmatch(rf"extensions\.py:\d+ C{index}", place), line
            assert said.startswith(part) if part.endswith(" ") else said == part, body
        assert "Traceback" not in error


FAILS = {
    "1 / 0": "extensions.py:7: ZeroDivisionError: division by zero",
    "import not_there": "extensions.py:7: ModuleNotFoundError: No module named 'not_there'",
}


def test_a_file_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    good = 'class A:\n    levels = {"use": {}}\n    def build(self, name, context): return Offer({"use": Grant()})\n'
    for statement, expected in FAILS.items():
        errors, _ = run(f"{statement}\n{good}", {"a": {}}, tmp_path)
        assert errors == [expected]


GOOD = """
import sought

class Own:
    levels = {"use": {"TABLE": "plain", "KEY": "secret", "LIMIT": "parameter"}}

    def __init__(self, days: int, **more):
        self.days = days

    def build(self, name, context):
        group = aws.cloudwatch.LogGroup(name, retention_in_days=self.days)
        below = aws.cloudwatch.LogStream(f"{name}-stream", log_group_name=group.name, opts=pulumi.ResourceOptions(parent=group))
        grant = Grant(
            [Statement("Look", [sought.ACTION], ["*"], reason="It knows no resource at all."), Statement("Write", ["logs:PutLogEvents"], [group.arn])],
            openings=[Opening("sg-1", 5671, "messages")],
            environment={"TABLE": group.name},
            secrets={"KEY": SecretReference(group.arn, None)},
            parameters={"LIMIT": ParameterReference(group.arn, "/limit")},
        )
        many = Metric("AWS/Logs", "IncomingBytes", {"LogGroupName": group.name}, "p95")
        return Offer({"use": grant}, alarms=[Alarm("many", many, 5, "Too many.", severity="page", period=300, periods=2)], outputs={"group": group.name})
"""


def test_a_whole_offer_is_taken_as_it_is_whatever_is_not_known_yet(tmp_path: Path) -> None:
    (tmp_path / "sought.py").write_text('ACTION = "cloudwatch:GetMetricData"', encoding="utf-8")
    for unknowns in (False, True):
        errors, snapshot = run(GOOD, {"own": {"arguments": {"days": 7, "other": True}}}, tmp_path, unknowns=unknowns)
        assert errors == []
        [component] = snapshot.of_type(OWN)
        [group] = snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")
        [stream] = snapshot.of_type("aws:cloudwatch/logStream:LogStream")
        assert (group.parent, stream.parent) == (component.urn, group.urn)
        assert group.inputs["tags"]["layer"] == "extensions"
        [made] = snapshot.of_type(ALARM)
        assert (made.name, made.inputs["extendedStatistic"], made.inputs["evaluationPeriods"]) == (
            "shop-own-many",
            "p95",
            2,
        )
    # Another project of the same process may have a module of this name.
    assert "sought" not in sys.modules


# As Pulumi runs them

PROGRAM = {
    "platform": {"name": "shop", "stage": "dev", "phase": "mvp"},
    "network": None,
    "data": None,
    "edge": None,
    "extensions": {"own": {}},
}


LATE = (
    HEAD
    + """
class Own:
    levels = {"use": {}}
    def build(self, name, context):
        topic = aws.sns.Topic(name, kms_master_key_id=context.key_arn("messaging"))
        topic.urn.apply(lambda known: known[0] / 2)
        return Offer({"use": Grant()}, outputs={"topic": topic.name})
"""
)


def test_under_pulumi_they_are_built_and_what_fails_later_is_one_plain_error(tmp_path: Path) -> None:
    (tmp_path / "extensions.py").write_text(LATE, encoding="utf-8")
    ended = host.run(PROGRAM, project_folder=tmp_path)
    [topic] = [one for one in ended.records if one.name == "shop-own" and one.custom]
    assert topic.inputs["tags"]["layer"] == "extensions"
    assert (ended.code, ended.printed) == (1, "")
    assert ended.errors == ["extensions.py:12: TypeError: unsupported operand type(s) for /: 'str' and 'int'"]


def test_a_preview_names_the_line_of_what_fails_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = "\n".join(f"groundwork:{layer}: {json.dumps(said)}" for layer, said in PROGRAM.items())
    write_project(tmp_path, config, main=str(ROOT))
    (tmp_path / "extensions.py").write_text(LATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code, printed, said = call(capsys, "preview", "dev")
    assert (code, printed) == (3, "")
    assert "extensions.py:12: TypeError: unsupported operand type(s) for /: 'str' and 'int'" in said
