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

from cli.main import run
from cli.policies_text import exceptions_text, explanation, rules_text
from guardrails.catalogue import TOPICS, heading, rules
from guardrails.exemptions import read
from tests.stacks import ROOT
from tests.writing import write_project

TODAY = datetime.date(2026, 3, 1)
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def made(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return made


def test_the_list_has_every_rule_once_under_its_topic_and_fits_80_columns(call: Call) -> None:
    code, out, _ = call("policies", "list")
    assert code == 0
    lines = out.splitlines()
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
    assert max(map(len, rules_text(None, None, width).splitlines())) <= max(width, names, 51)


def test_the_list_can_be_narrowed_by_topic_and_severity(call: Call) -> None:
    _, out, _ = call("policies", "list", "--topic", "databases", "--severity", "high")
    shown = set(listed(out.splitlines()))
    grave = {rule.name for rule in rules() if rule.topic == "databases" and rule.severity.value in ("high", "critical")}
    assert shown == grave


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


def test_every_rule_can_be_explained() -> None:
    for rule in rules():
        head = explanation(rule, 80).partition("\nFails:")[0]
        assert max(map(len, head.splitlines())) <= 80, rule.name


def test_a_misspelt_rule_gets_the_nearest_ones(call: Call) -> None:
    code, out, err = call("policies", "explain", "kms-rotatoin")
    assert (code, out) == (2, "")
    assert err == "There is no rule 'kms-rotatoin'; did you mean kms-rotation?\n"
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
        "import sys; from cli.main import run; run(['policies', 'check', 'export.json']); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'pulumi', 'pulumi_policy', 'grpc', 'pydantic', 'settings', 'yaml'}))"
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
