"""``groundwork policies list``, ``explain`` and ``exceptions``, and the verdict options of ``groundwork preview``."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from groundwork.cli import controls
from groundwork.cli.main import run
from groundwork.cli.policies_text import exceptions_text, explanation, rules_text
from groundwork.components.settings import ExceptionSettings
from guardrails.catalogue import TOPICS, heading, rules
from guardrails.exemptions import read
from guardrails.rules import Rule
from tests.stacks import ROOT
from tests.writing import write_project

TODAY = datetime.date(2026, 3, 1)
GRAVE = ("high", "critical")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def made(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return made


def test_the_list_has_every_rule_once_under_its_topic_and_fits_80_columns() -> None:
    lines = rules_text(rules(), 80).splitlines()
    assert max(map(len, lines)) <= 80
    assert {line for line in lines if line and not line.startswith((" ", "Next")) and "rules," not in line} == {
        heading(topic) for topic in TOPICS
    }
    assert sorted(listed(lines)) == sorted(rule.name for rule in rules())


def listed(lines: list[str]) -> list[str]:
    """The rules of a list; a title without room stands on lines of its own, further in."""
    return [line.split()[1] for line in lines if line.startswith("  ") and not line.startswith("   ")]


@pytest.mark.parametrize("width", [20, 40, 79, 80, 200])
def test_the_list_fits_any_width_that_names_fit(width: int) -> None:
    names = max(len(rule.name) for rule in rules()) + 16
    assert max(map(len, rules_text(rules(), width).splitlines())) <= max(width, names, 51)


def test_a_piped_list_has_a_line_for_each_rule_with_its_facts_between_tabs(call: Call) -> None:
    code, out, _ = call("policies", "list")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert rows == [[r.name, r.severity.value, r.topic, ",".join(r.ids), r.title] for r in rules()]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (
            ["--topic", "databases", "--severity", "high"],
            lambda r: r.topic == "databases" and r.severity.value in GRAVE,
        ),
        (["--service", "SQS"], lambda r: any(type_.startswith("aws:sqs/") for type_ in r.reads)),
        (["--service", "kubernetes"], lambda r: any(type_.startswith("kubernetes:") for type_ in r.reads)),
        (["--id", "ec2.18"], lambda r: "fsbp:EC2.18" in r.ids),
        (["--id", "CKV_AWS_18", "--severity", "low"], lambda r: "checkov:CKV_AWS_18" in r.ids),
    ],
)
def test_the_list_can_be_narrowed(options: list[str], chosen: Callable[[Rule], bool], call: Call) -> None:
    wanted = [rule.name for rule in rules() if chosen(rule)]
    assert wanted
    assert [line.split("\t")[0] for line in call("policies", "list", *options)[1].splitlines()] == wanted


def test_the_list_as_json_says_everything_about_a_rule(call: Call) -> None:
    (said,) = json.loads(call("policies", "list", "--id", "CIS 3.6", "--json")[1])
    rule = next(rule for rule in rules() if rule.name == "kms-rotation")
    assert said["levels"] == {"dev": "mandatory", "prod": "mandatory"}
    assert (said["name"], said["ids"], said["reads"]) == (rule.name, list(rule.ids), list(rule.reads))
    assert said["page"] == "docs/policies/keys.md#kms-rotation"
    everything = json.loads(call("policies", "list", "--json")[1])
    assert {one["name"]: list(one["settings"]) for one in everything} == {
        rule.name: [setting.name for setting in rule.settings] for rule in rules()
    }


@pytest.mark.parametrize("written", ["CKV_AWS_18", "ckv_aws_18", "checkov:CKV_AWS_18", "Checkov CKV_AWS_18", "S3.9"])
def test_an_id_is_explained_by_the_rule_that_answers_it(written: str, call: Call) -> None:
    code, out, _ = call("policies", "explain", written)
    assert code == 0
    assert " is answered by s3-access-logging.\n\ns3-access-logging" in out
    assert out.endswith(f"docs/{next(r for r in rules() if r.name == 's3-access-logging').page}\n")


def test_an_id_that_several_rules_answer_names_and_explains_each(call: Call) -> None:
    _, out, _ = call("policies", "explain", "EC2.18")
    answering = [rule for rule in rules() if "fsbp:EC2.18" in rule.ids]
    assert len(answering) > 3
    said = " ".join(out.split())
    assert f"is answered by {len(answering)} rules: {', '.join(rule.name for rule in answering)}." in said
    assert [rule.name for rule in answering if f"docs/{rule.page}\n" not in out] == []


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        ("WAF.1", "AWS WAF Classic takes no new web ACLs"),
        ("EC2.1", "the state of an account"),
        ("CKV_K8S_1", "none of the checks that the pack sets out to answer"),
    ],
)
def test_an_id_that_no_rule_answers_says_why(id_: str, reason: str, call: Call) -> None:
    code, out, _ = call("policies", "explain", id_)
    assert code == 0
    assert out.startswith("No rule answers ")
    assert reason in " ".join(out.split())
    code, out, err = call("policies", "list", "--id", id_)
    assert (code, out) == (0, "")
    assert reason in err


def test_every_id_of_every_rule_and_every_id_without_one_can_be_looked_up() -> None:
    for rule in rules():
        for id_ in rule.ids:
            (control,) = controls.find(id_)
            assert rule in control.rules
    assert all(control.rules or len(control.reason) > 20 for control in map(_only, controls.names()))


def _only(name: str) -> controls.Control:
    """What a short name stands for; no two standards use the same."""
    (control,) = controls.find(name)
    return control


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--service", "elbb"], "There is no service 'elbb'; did you mean \"elb\"?; there are "),
        (["--id", "CKV_AWS_1B"], "There is no rule or id 'CKV_AWS_1B'; did you mean CKV_AWS_1"),
    ],
)
def test_a_service_or_id_that_does_not_exist_is_a_mistake(options: list[str], said: str, call: Call) -> None:
    code, out, err = call("policies", "list", *options)
    assert (code, out) == (2, "")
    assert said in err


def test_a_topic_that_does_not_exist_is_a_mistake(call: Call) -> None:
    code, _, err = call("policies", "list", "--topic", "nonsense")
    assert code == 2
    assert "There is no topic 'nonsense'; there are network, " in err


def test_a_misspelt_topic_gets_the_nearest_one(call: Call) -> None:
    assert 'did you mean "network"?' in call("policies", "list", "--topic", "Netwrk")[2]


@pytest.mark.parametrize("file", ["dev", "Pulumi.dev.yaml"])
def test_who_checks_a_stack_by_name_is_told_the_command_that_judges_it(
    call: Call, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = call("policies", "check", file)
    assert (code, out) == (2, "")
    assert err.endswith(f"; it is a stack: groundwork preview {file}\n")


def test_a_rule_is_explained_with_everything_it_states(call: Call) -> None:
    code, out, _ = call("policies", "explain", "kms-rotation")
    assert code == 0
    for part in (
        "kms-rotation\nKeys are rotated every year.",
        "medium",
        "Why:",
        "Fix:",
        "checkov:CKV_AWS_7",
        "Fails:",
        "Passes:",
        "aws:kms:Key",
    ):
        assert part in out
    assert out.endswith("docs/policies/keys.md#kms-rotation\n")
    # What to paste is an exception that the stack file takes once its words are filled in.
    block = out[out.index("  groundwork:exceptions:") : out.index("docs/policies/keys.md")]
    filled = block.replace("YYYY-MM-DD", "2027-01-31")
    [entry] = yaml.safe_load(filled)["groundwork:exceptions"]
    assert ExceptionSettings.model_validate(entry).rule == "kms-rotation"
    assert "Stack:    in its file data.port: whichever you like" in call("policies", "explain", "rds-own-port")[1]
    assert "Stack:    by choice: " in call("policies", "explain", "s3-customer-key")[1]


def test_every_rule_can_be_explained() -> None:
    for rule in rules():
        head = explanation(rule, 80).partition("\nFails:")[0]
        # A property's name is not broken.
        assert [line for line in head.splitlines() if len(line) > 80 and len(line.split()) > 1] == [], rule.name


def test_a_misspelt_rule_gets_the_nearest_ones(call: Call) -> None:
    code, out, err = call("policies", "explain", "kms-rotatoin")
    assert (code, out) == (2, "")
    assert err == "There is no rule or id 'kms-rotatoin'; did you mean kms-rotation?\n"
    assert "policies list" in call("policies", "explain", "xyzzy-plugh-42")[2]


def test_exceptions_are_listed_with_the_days_they_have_left() -> None:
    entry = {"rule": "sqs-encrypted", "reason": "Carries public data only", "owner": "messaging"}
    entries = [
        {**entry, "resource": "later", "expires": "2026-12-31"},
        {**entry, "resource": "last-day", "expires": "2026-03-01"},
        {**entry, "resource": "tomorrow", "expires": "2026-03-02"},
        {**entry, "resource": "over", "expires": "2026-02-28"},
    ]
    text = exceptions_text({"prod": read(entries, TODAY, {"sqs-encrypted"})}, TODAY, 200)
    assert text.splitlines() == [
        "prod",
        "    0 days  sqs-encrypted on last-day, until 2026-03-01, messaging: Carries public data only",
        "    1 day   sqs-encrypted on tomorrow, until 2026-03-02, messaging: Carries public data only",
        "  305 days  sqs-encrypted on later, until 2026-12-31, messaging: Carries public data only",
        "  exception-expired: exceptions[3]: sqs-encrypted on 'over' expired on 2026-02-28; owner messaging",
    ]
    assert (
        max(map(len, exceptions_text({"prod": read(entries, TODAY, {"sqs-encrypted"})}, TODAY, 80).splitlines())) <= 80
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    program = "import pulumi_aws as aws\naws.sqs.Queue('open', sqs_managed_sse_enabled=False)\n"
    return write_project(tmp_path, "groundwork:platform: {name: shop, stage: prod}", program=program)


def test_a_stack_without_exceptions_says_so_and_an_expired_one_ends_with_1(project: Path, call: Call) -> None:
    assert call("policies", "exceptions", "dev") == (0, "No exceptions.\n", "")
    write_project(
        project,
        "groundwork:exceptions:\n"
        "  - {rule: sqs-encrypted, resource: open, reason: It was public, owner: me, expires: 2020-01-01}",
    )
    code, out, _ = call("policies", "exceptions")
    assert code == 1
    assert "expired on 2020-01-01" in " ".join(out.split())


def test_a_preview_reports_its_verdicts_in_every_form(project: Path, call: Call) -> None:
    code, out, _ = call("preview", "dev", "--format", "sarif")
    assert code == 1
    results = json.loads(out)["runs"][0]["results"]
    (found,) = [one for one in results if one["ruleId"] == "sqs-encrypted"]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "__main__.py"
    assert json.loads(call("preview", "dev", "--format", "findings")[1])["blocking"] > 0
    code, out, _ = call("preview", "dev", "--format", "junit", "--out", "junit.xml")
    assert code == 1
    assert "Previewing update (dev):" in out
    assert Path("junit.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_a_preview_takes_levels_settings_and_a_baseline(project: Path, call: Call) -> None:
    Path("config.json").write_text('{"all": "disabled", "sqs-encrypted": "mandatory"}', encoding="utf-8")
    assert call("preview", "dev", "--policy-config", "config.json")[0] == 1
    call("preview", "dev", "--format", "json", "--out", "s.json")
    assert call("policies", "check", "s.json", "--write-baseline", "b.json")[0] == 0
    code, out, _ = call("preview", "dev", "--baseline", "b.json")
    assert code == 0
    assert "known from the baseline" in out


def test_help_of_every_command_ends_with_0(call: Call) -> None:
    for command in ("list", "explain", "check", "exceptions"):
        assert call("policies", command, "--help")[0] == 0


def test_a_check_loads_neither_the_engine_nor_the_models_of_settings(tmp_path: Path) -> None:
    """Each of them takes longer than the judging of a stack; who only reads a file need not wait for them."""
    (tmp_path / "export.json").write_text('{"version": 3, "deployment": {"resources": []}}', encoding="utf-8")
    program = (
        "import sys; from groundwork.cli.main import run; run(['policies', 'check', 'export.json']); "
        "print(sorted(set(sys.modules) & {'pulumi', 'pulumi_policy', 'grpc', 'pydantic', 'groundwork.settings.base', 'yaml'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "policies")))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
