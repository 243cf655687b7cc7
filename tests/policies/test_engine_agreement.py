"""The pack's own process, spoken to as the engine does, says what the offline preview says."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from guardrails.catalogue import rules
from guardrails.judgement import Verdict
from guardrails.view import Opaque
from tests.policies.engine_client import PACK, SECRET_TEXT, PackProcess, Violation
from tests.stacks import covering, snapshot_of

PROGRAM = Path(__file__).parent / "program"
TODAY = datetime.datetime.now(datetime.UTC).date()
NOTES = {"exception-active", "judgement-undetermined"}
EXCEPTIONS = [
    {
        "rule": "sqs-encrypted",
        "resource": "brok*",
        "reason": "Carries public data only",
        "owner": "messaging",
        "expires": (TODAY + datetime.timedelta(days=30)).isoformat(),
    },
    {"rule": "sqs-encrypted", "resource": "*", "reason": "", "owner": "nobody", "expires": "soon"},
]


def of_program(stage: str, unknowns: bool) -> Snapshot:
    return run_program(
        PROGRAM,
        project="test",
        stack=stage,
        config={"aws:region": "eu-west-1"},
        settings={"platform": {"stage": stage}, "exceptions": EXCEPTIONS},
        unknowns=unknowns,
    )


PROGRAMS: dict[str, Callable[[bool], Snapshot]] = {stage: partial(of_program, stage) for stage in ("prod", "dev")}
SNAPSHOTS: dict[str, Callable[[bool], Snapshot]] = {
    **PROGRAMS,
    **{f"stack {stack}": partial(snapshot_of, stack) for stack in covering()},
}
"""What to hold the process against the offline preview on: each with all known, and as a first preview."""


@dataclass(frozen=True)
class Compared:
    snapshot: Snapshot
    violations: list[Violation]
    info: Any

    def failures(self) -> set[tuple[str, str, str]]:
        return {(v.rule, v.urn, v.level) for v in self.violations if v.rule not in NOTES}

    def offline(self) -> set[tuple[str, str, str]]:
        findings = judge(self.snapshot, TODAY).findings
        return {(f.rule.name, f.resource.urn, f.level.value) for f in findings if f.verdict is Verdict.FAIL}


@cache
def both(name: str) -> tuple[Compared, Compared]:
    """With all known, and as a first preview: one process is asked of both, since starting it costs as much as asking."""
    snapshots = [SNAPSHOTS[name](unknowns) for unknowns in (False, True)]
    config = {f"groundwork:{key}": snapshots[0].settings.get(key) for key in ("platform", "exceptions")}
    with PackProcess(stack=snapshots[0].stack, config={key: value for key, value in config.items() if value}) as pack:
        known, first = (Compared(snapshot, pack.judge(snapshot), pack.info()) for snapshot in snapshots)
    return known, first


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_process_reports_exactly_the_failures_of_the_offline_preview_and_no_secret(name: str) -> None:
    for compared in both(name):
        assert compared.failures() == compared.offline()
        assert not [violation for violation in compared.violations if SECRET_TEXT in violation.message]


EACH_PROGRAM = pytest.mark.parametrize(("name", "unknowns"), [(name, way) for name in PROGRAMS for way in (0, 1)])


@EACH_PROGRAM
def test_each_broken_resource_of_the_program_is_found(name: str, unknowns: int) -> None:
    found = {(rule, urn.rsplit("::")[-1]) for rule, urn, _ in both(name)[unknowns].failures()}
    assert found >= {
        ("admin-ports-closed", "ssh"),
        ("database-ports-closed", "inline"),
        ("database-subnets-private", "broken"),
        ("iam-no-administrator", "all-powerful"),
        ("policy-document-readable", "broken"),
        ("rds-not-public", "broken"),
        ("s3-block-public-access", "broken"),
        ("vpc-default-security-group-closed", "bare"),
    }
    assert ("rds-not-public", "sound") not in found
    assert ("rds-customer-key", "sound") not in found
    assert ("rds-tls-forced", "sound") not in found
    assert ("database-subnets-private", "sound") not in found
    assert ("s3-block-public-access", "sound") not in found


@EACH_PROGRAM
def test_an_active_exception_is_listed_and_not_reported(name: str, unknowns: int) -> None:
    violations = both(name)[unknowns].violations
    (note,) = [v for v in violations if v.rule == "exception-active"]
    assert (note.urn.rsplit("::")[-1], note.level) == ("broken", "advisory")
    assert "Carries public data only" in note.message
    assert "sqs-encrypted" not in {v.rule for v in violations}


def test_the_pack_says_its_port_when_it_is_started_as_the_engine_starts_it() -> None:
    """Other tests fork it from a process that has loaded the SDK."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."], cwd=PACK, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        said = process.stdout.readline()
        process.terminate()
    assert said.strip().isdigit()


def test_what_the_first_preview_cannot_tell_is_one_note() -> None:
    notes = [v for v in both("prod")[True].violations if v.rule == "judgement-undetermined"]
    assert len(notes) == 1
    assert "iam-no-administrator (2)" in notes[0].message
    assert "rds-customer-key" not in notes[0].message


def test_every_rule_is_a_policy_of_its_own_with_its_facts() -> None:
    policies = {policy.name: policy for policy in both("prod")[False].info.policies}
    for rule in rules():
        policy = policies[rule.name]
        assert policy.description == rule.title
        assert set(rule.ids) <= set(policy.tags)
        assert rule.fix in policy.remediation_steps
        assert (policy.policy_type == 2) == rule.between  # POLICY_TYPE_STACK


def test_an_organisation_sets_the_level_of_each_rule() -> None:
    bucket = [r for r in both("prod")[False].snapshot.resources if r.name == "broken" and "s3/" in r.type]
    snapshot = Snapshot("test", "prod", "eu-west-1", False, {}, tuple(bucket), {})
    with PackProcess() as pack:
        pack.configure({"s3-versioning": "advisory", "s3-tls-only": "disabled"})
        levels = {v.rule: v.level for v in pack.judge(snapshot)}
    assert levels["s3-versioning"] == "advisory"
    assert levels["s3-block-public-access"] == "mandatory"
    assert "s3-tls-only" not in levels


def test_computed_outputs_that_are_unknown_do_not_hide_what_the_program_leaves_out() -> None:
    urn = "urn:pulumi:prod::test::aws:s3/bucket:Bucket::bare"
    outputs = {
        "policy": Opaque.UNKNOWN,
        "versioning": Opaque.UNKNOWN,
        "serverSideEncryptionConfiguration": Opaque.UNKNOWN,
    }
    bare = Resource(urn, "aws:s3/bucket:Bucket", "bare", True, None, {}, outputs)
    with PackProcess() as pack:
        failed = {v.rule for v in pack.judge(Snapshot("test", "prod", "eu-west-1", True, {}, (bare,), {}))}
    assert failed >= {"s3-tls-only", "s3-versioning", "s3-encryption-declared"}


@pytest.mark.parametrize("platform", ["not json", [1], {"stage": 7}])
def test_a_configuration_that_makes_no_sense_is_judged_as_production(platform: Any) -> None:
    with PackProcess(config={"groundwork:platform": platform, "groundwork:exceptions": "not json"}) as pack:
        info = pack.info()
        violations = pack.judge_stack(Snapshot("test", "prod", "eu-west-1", False, {}, (), {}))
    assert {policy.name for policy in info.policies} > {"s3-versioning"}
    assert [v.rule for v in violations] == ["exception-invalid"]


def test_the_pack_can_be_published_without_any_stack() -> None:
    """`pulumi policy publish` starts the pack with no configuration at all."""
    with PackProcess(stack="") as pack:
        levels = {policy.name: policy.enforcementLevel for policy in pack.info().policies}
    assert levels["s3-versioning"] == 1  # MANDATORY, as in production
