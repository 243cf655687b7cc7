"""The runbook's commands are commands: each is run, dry where it would change something, on a stack that stands."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from groundwork.cli.arguments import Command, option_names
from groundwork.cli.console import FINDINGS, FINE
from groundwork.cli.main import app
from groundwork.cli.main import run as groundwork
from groundwork.operations import redriving
from groundwork.operations.drift import detection
from groundwork.operations.drift.table import drift_table
from tests.operations.drifting import STANDING_TYPES
from tests.operations.shop import client
from tests.operations.stood_up import standing, url
from tests.operations.test_backups import encrypt
from tests.operations.test_engines import Script, standing_in
from tests.stacks import ROOT

RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Return the words of each command in the runbook's blocks, as for the stack that stands here."""
    blocks = re.findall(r"^```\n(groundwork .*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
    lines = dict.fromkeys(line.partition("#")[0].strip() for block in blocks for line in block.splitlines())
    names = {"prod": "dev", "api": "web"}
    return [[names.get(word, word) for word in shlex.split(line)[1:]] for line in lines if line]


def test_every_command_of_the_runbook_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands()
    wanted = {
        "status",
        "checklist",
        "drift",
        "loadtest",
        "scale",
        "redeploy",
        "redrive",
        "hours",
        "tunnel",
        "snapshot",
        "restore",
        "logs",
    }
    assert wanted <= {one[0] for one in found}
    with standing(tmp_path, monkeypatch):
        encrypt()
        # What the stand-in does not know.
        standing_in(monkeypatch, cloudtrail=Script(lookup_events={"Events": []}))
        monkeypatch.setattr(redriving, "_newest", lambda *_: {})
        table = drift_table()
        known = {name: row for name, row in table.types.items() if name in STANDING_TYPES}
        monkeypatch.setattr(detection, "drift_table", lambda: replace(table, types=known))
        client("sqs").send_message(QueueUrl=url("shop-mails-dead-letters"), MessageBody="x")
        for words in found:
            member = app.members[words[0]]
            assert isinstance(member, Command)
            dry = ["--dry-run"] if "--dry-run" in option_names(member) else []
            assert groundwork([*words, *dry]) in (FINE, FINDINGS), (words, capsys.readouterr().err)
