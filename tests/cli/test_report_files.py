"""One run writes as many reports as are asked for."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from groundwork.cli.main import run
from tests.stacks import snapshot_of

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


def test_a_report_of_a_region_without_prices_says_that_it_knows_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "s.json"
    given.write_text(dataclasses.replace(snapshot_of("dev"), region="xx-none-1").dumps(), encoding="utf-8")
    assert run(["policies", "check", str(given), "--format", "markdown"]) in (0, 1)
    assert "| Cost | not estimated |" in capsys.readouterr().out


def test_a_comment_says_what_a_month_costs_and_how_much_has_no_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "s.json"
    given.write_text(snapshot_of("dev").dumps(), encoding="utf-8")
    assert run(["policies", "check", str(given), "--stage", "dev", "--format", "report"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cost"]["total"]["fixed"] > 0
    assert run(["policies", "check", str(given), "--stage", "dev", "--format", "markdown"]) == 0
    comment = capsys.readouterr().out
    assert f"\\${told['cost']['total']['fixed']:,.2f} a month fixed" in comment
    assert ("have no price" in comment) == bool(told["cost"]["unpriced"])


def test_a_diagram_colours_what_changed_since_a_base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot_of("dev")
    bucket = next(one for one in before.resources if one.type == "aws:s3/bucket:Bucket" and one.name.endswith("images"))
    base = tmp_path / "base.json"
    left = tuple(one for one in before.resources if one.parent != bucket.parent)
    base.write_text(dataclasses.replace(before, resources=left).dumps(), encoding="utf-8")
    assert run(["diagram", "dev", "--base", str(base)]) == 0
    drawn = capsys.readouterr().out
    assert re.search(r'"images<br>S3<br>create"', drawn)
    assert "classDef created" in drawn
