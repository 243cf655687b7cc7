"""``groundwork cost``: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import jsonschema_rs
import pytest

from groundwork.cli import console
from groundwork.cli import cost as command
from groundwork.cli.cost_text import markdown
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.styled import Text
from tests import shared
from tests.requirements import proves
from tests.stacks import ROOT, snapshot_of

CHAT = "examples/chat-app/prod"
SHOP = "examples/thulobazaar/prod"


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder without a price file of its own, with the snapshots that other tests made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        command, "snapshot_of", lambda stack, phase: snapshot_of(f"{stack}@{phase}" if phase else stack)
    )


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return shared.call(capsys, "cost", *arguments)


def test_a_month_is_told_with_its_lines_what_has_no_price_and_a_budget_below_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "budget_of", lambda _: Decimal(40))
    code, out, err = call(capsys, CHAT)
    assert (code, err) == (0, "")
    assert "fixed                   73.93" in out
    assert re.search(r"PostgreSQL database, db.t3.micro +730 hour +20.44", out)
    assert "Topic: the price book has no price of AmazonSNS Requests-Tier1" in out
    assert "The budget of 40.00 a month is below the 74.79 that this comes to." in out
    assert re.search(r"Of \d+ priced lines: .*second hand; the oldest price is of 20", out)


@proves("S2-13")
def test_a_month_is_told_in_rupees_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, SHOP, "--currency", "npr", "--rate", "133")
    assert code == 0
    assert "NPR" in out
    assert "fixed               26,133.52" in out
    _, out, _ = call(capsys, SHOP, "--currency", "npr", "--rate", "133", "--format", "json")
    assert json.loads(out)["converted"] == {
        "currency": "NPR",
        "rate": 133.0,
        "total": {"fixed": 26133.52, "usage": 2540.39, "least": 28673.91, "most": 51338.36},
    }


@proves("S4-13")
def test_six_months_are_told_without_and_with_the_free_tier_against_two_hundred_dollars(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = call(capsys, CHAT, "--months", "6", "--limit", "200")
    assert code == 1, "at list prices it is above the limit"
    months = re.findall(r"^  (\d) +mvp +([\d.]+) +([\d.]+) +([\d.]+)", out, re.MULTILINE)
    assert [month[0] for month in months] == list("123456")
    assert {month[1] for month in months} == {"74.79"}
    assert {float(month[2]) < 50 for month in months} == {True}, "before July 2025 the hours of the database are free"
    assert [month[3] for month in months][:2] == ["0.00", "0.00"], "credits pay"
    assert "On the free plan an account pays nothing and is closed in month 4" in out
    assert "without the free tier: 448.73, above the 200.00 for all these months" in out
    assert call(capsys, CHAT, "--months", "2", "--limit", "200")[0] == 0


def test_months_change_their_phase_and_what_is_stored_grows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    usage = tmp_path / "usage.yaml"
    usage.write_text("usage:\n  '*': {TimedStorage-ByteHrs: 1000}\n")
    code, out, _ = call(capsys, SHOP, "--months", "3", "--change", "2=growth", "--growth", "50", "--usage", str(usage))
    assert code == 0
    rows = re.findall(r"^  (\d) +(\w+) +([\d,.]+)", out, re.MULTILINE)
    assert [row[1] for row in rows] == ["launch", "growth", "growth"]
    first, second, third = (float(row[2].replace(",", "")) for row in rows)
    assert first < second < third


def test_what_could_be_saved_is_told_with_its_term(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, SHOP, "--what-if")
    assert re.search(r" 29.16  Fargate Spot: up to 70% of 41.66\n +none; tasks may be stopped", out)
    assert "RDS reserved instances: up to 69% of 38.69" in out
    _, out, _ = call(capsys, "examples/ecs-web/prod", "--what-if")
    assert re.search(
        r" 15.33  Linux machine, t3.medium → Linux machine, t4g.medium\n +compute.instances.class, if images", out
    )


def test_a_file_of_own_prices_is_found_beside_the_project_and_its_mistakes_stop(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "groundwork.prices.yaml"
    own.write_text("prices:\n- {service: AmazonRDS, usage_type: 'InstanceUsage:*', discount: 50%, reason: reserved}\n")
    _, out, _ = call(capsys, CHAT)
    assert re.search(r"db.t3.micro +730 hour +10.22", out)
    own.write_text("prices:\n- {service: AmazonRDS, usage_type: 'InstanceUsage:*', discount: 150%}\n")
    code, out, err = call(capsys, CHAT)
    assert (code, out) == (2, "")
    assert "groundwork.prices.yaml:2 prices[0].discount" in err


def test_the_json_holds_to_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, SHOP, "--format", "json")
    schema = json.loads((ROOT / "docs" / "cost.schema.json").read_text())
    jsonschema_rs.meta.validate(schema)
    document = json.loads(out)
    jsonschema_rs.validate(schema, document)
    assert document["total"]["fixed"] + document["total"]["usage"] == pytest.approx(
        sum(resource["monthly"] for resource in document["resources"])
    )


def test_a_terminal_s_width_is_kept_and_a_pipe_s_lines_are_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (SHOP, "--months", "6", "--what-if", "--limit", "200")
    _, whole, _ = call(capsys, *arguments)
    assert max(map(len, whole.splitlines())) > 80
    monkeypatch.setattr(console, "terminal_width", lambda: 80)
    _, wrapped, _ = call(capsys, *arguments)
    assert max(map(len, wrapped.splitlines())) <= 80
    assert wrapped.split() == whole.split()


def test_markdown_shows_names_as_text() -> None:
    nasty = "x|<script>alert(1)</script>[a](b)`c`"
    key = Resource(f"urn::{nasty}", "aws:kms/key:Key", nasty, True, None, {}, {})
    other = Resource(f"urn::{nasty}2", "aws:<b>x</b>/y:Z", nasty, True, None, {}, {})
    found = command.estimated(Snapshot("p", "s", "us-east-1", False, {}, (key, other), {}), None, None, None)
    text = "\n".join(markdown(found, nasty, command.Money()))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "x\\|&lt;script&gt;" in text


def test_a_name_steers_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Resource("urn::odd", "aws:x/y:Z\x1b[2J\u202e", "odd", True, None, {}, {})
    monkeypatch.setattr(command, "snapshot_of", lambda *_: Snapshot("p", "s", "us-east-1", False, {}, (odd,), {}))
    for form in ("text", "markdown", "json"):
        code, out, _ = call(capsys, "exported.json", "--format", form)
        assert code == 0
        assert "\x1b" not in out
        assert "Z" in out
    console.print_lines([Text("Z\x1b[2J", "red")])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--currency", "NPR"], "--currency and --rate belong together"),
        (["--currency", "rupees", "--rate", "133"], "'rupees' is no code of a currency"),
        (["--currency", "NPR", "--rate", "0"], "--rate '0' is no number above 0"),
        (["--currency", "NPR", "--rate", "nan"], "--rate 'nan' is no number above 0"),
        (["--months", "0"], "--months '0' is no number of months from 1 to 60"),
        (
            ["--months", "6", "--change", "7=growth"],
            "--change '7=growth' is no month=phase such as 3=launch, with a month from 1 to 6",
        ),
        (["--months", "6", "--change", "growth"], "is no month=phase"),
        (["--months", "6", "--growth", "-5"], "--growth '-5' is no number from 0 on"),
        (["--limit", "200"], "are about months: say --months"),
    ],
)
def test_an_option_that_is_wrong_is_told_with_what_is_allowed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, out, err = call(capsys, CHAT, *arguments)
    assert (code, out) == (2, "")
    assert words in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("usage: {a: {RDS:Nothing: 1}}", "usage.yaml:1 usage.a.RDS:Nothing: is no usage type that has a price"),
        ("usage: {a: {NatGateway-Bytes: -1}}", "-1 is no amount of a month, from 0 to"),
        ("usage: {a: {NatGateway-Bytes: 1e30}}", "is no number that a setting takes"),
        ("usage: {a: {NatGateway-Bytes: many}}", "'many' is no amount"),
        ("usage: {a: 5}", "must be a mapping of usage types"),
        ("usage: 5", "must be a mapping of resources' names"),
        ("use: {}", 'is no key of this file; did you mean "usage"?'),
    ],
)
def test_use_that_is_negative_absurd_or_misspelt_is_told_with_file_and_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "usage.yaml").write_text(text + "\n")
    code, _, err = call(capsys, CHAT, "--usage", "usage.yaml")
    assert code == 2
    assert words in err


def test_a_region_s_prices_are_taken_when_asked_for_and_one_is_asked_for_where_a_file_says_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, out, _ = call(capsys, "prod", "--region", "us-east-1")
    assert "prod in us-east-1: a month" in out
    assert re.search(r"NAT gateway +730 hour +32.85", out)
    code, out, err = call(capsys, "prod", "--region", "atlantis-1")
    assert (code, out) == (2, "")
    assert '"atlantis-1" is no region of AWS in the price book' in err
    monkeypatch.setattr(command, "snapshot_of", lambda *_: Snapshot("p", "s", "", False, {}, (), {}))
    code, out, err = call(capsys, "exported.json")
    assert (code, out) == (2, "")
    assert "exported.json says no region, or several: add --region, such as --region us-east-1" in err
