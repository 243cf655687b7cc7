"""The guardrails' verdict on whole stacks: ours are clean, a broken one is refused with everything named."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from groundwork.cli.main import run
from groundwork.preview.verdicts import judge
from tests.stacks import ROOT, STACKS, snapshot_of

TODAY = datetime.date(2026, 12, 1)
"""A fixed day: an exception in an example ends one day, and then it is for its owner to look at, not for this test."""


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_of_ours_has_a_mandatory_finding(stack: str, unknowns: bool) -> None:
    verdicts = judge(snapshot_of(stack, unknowns), TODAY)
    assert [(finding.rule.name, finding.resource.name, finding.message) for finding in verdicts.blocking] == []
    assert [finding.rule.name for finding in verdicts.findings if finding.broken] == []


def test_a_broken_stack_is_refused_with_every_finding_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public database, an open 5432, an unencrypted queue, a role that may do everything."""
    monkeypatch.chdir(Path(ROOT))
    assert run(["preview", "tests/programs/broken/dev"]) == 1
    output = capsys.readouterr().out
    for rule, resource in (
        ("rds-not-public", "public"),
        ("database-ports-closed", "open-postgres"),
        ("sqs-encrypted", "plain"),
        ("iam-no-administrator", "wildcard"),
        ("rds-encrypted", "public"),
        ("rds-tls-forced", "public"),
    ):
        assert rule in output
        assert f"- {resource} (" in output
    assert "__main__.py:" in output
