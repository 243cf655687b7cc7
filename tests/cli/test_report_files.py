"""One run writes as many reports as are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from groundwork.cli.main import run

PROGRAM = "tests/programs/public/vpc-fargate"


def test_one_run_writes_every_report_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forms = {
        "markdown": "c.md",
        "html": "r.html",
        "report": "r.json",
        "sarif": "s.sarif",
        "junit": "j.xml",
        "json": "s.json",
    }
    options = [word for form, name in forms.items() for word in ("--report", f"{form}={tmp_path / name}")]
    assert run(["preview", "dev", *options]) == 0
    assert "Next: " in capsys.readouterr().out
    assert (tmp_path / "c.md").read_text(encoding="utf-8").startswith("<!-- groundwork report: dev -->")
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    report, snapshot = (json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in ("r.json", "s.json"))
    assert report["stack"] == "dev"
    assert report["resources"] < len(snapshot["resources"])
    assert ElementTree.parse(tmp_path / "j.xml").getroot().tag == "testsuites"
    assert json.loads((tmp_path / "s.sarif").read_text(encoding="utf-8"))["runs"]


def test_a_report_in_no_form_or_to_no_file_says_what_is_allowed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for said in ("pdf=x", "markdown", "html="):
        assert run(["preview", "dev", "--report", said]) == 2
        assert "it must be FORMAT=FILE" in capsys.readouterr().err
    assert run(["preview", "dev", "--report", f"html={tmp_path / 'none' / 'x.html'}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_program_of_others_has_the_same_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From what its own `pulumi preview --json` would say, and from its folder."""
    assert (
        run(
            [
                "policies",
                "check",
                PROGRAM,
                "--report",
                f"html={tmp_path / 'r.html'}",
                "--report",
                f"json={tmp_path / 's.json'}",
            ]
        )
        == 1
    )
    assert "mandatory" in (tmp_path / "r.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(["policies", "check", str(tmp_path / "s.json"), "--stage", "dev", "--format", "markdown"]) in (0, 1)
    told = capsys.readouterr().out
    assert told.startswith("<!-- groundwork report: dev -->")
    assert "load balancer" in told
