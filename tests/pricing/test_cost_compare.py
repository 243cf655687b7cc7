"""Stacks and phases side by side, and what a preview says of the month's cost."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from groundwork.cli import cost as command
from groundwork.cli.cost_text import summary
from groundwork.cli.main import run
from groundwork.preview.changes.model import Changes
from groundwork.preview.reports.report import Report, cost_line
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.text import costs
from groundwork.preview.verdicts import Verdicts
from groundwork.pricing.estimate import Estimate
from tests.requirements import proves
from tests.stacks import snapshot_of

SHOP = "examples/thulobazaar/prod"


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        command,
        "snapshot_of",
        lambda stack, phase: snapshot_of(f"{stack}@{phase or 'launch'}" if stack == SHOP else stack),
    )


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    code = run(["cost", SHOP, *arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


@proves("S2-13")
def test_phases_stand_side_by_side_with_the_cost_that_each_has_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = call(capsys, "--compare", "@growth", "--compare", "@scale")
    assert code == 0
    assert max(map(len, lines)) <= 80
    rows = {line[2:28].strip(): line[28:].split() for line in lines if line.startswith("  ")}
    assert rows[""] == ["as", "it", "is", "growth", "scale"]
    alone = [
        command.estimated(snapshot_of(f"{SHOP}@{phase}"), None, None, None) for phase in ("launch", "growth", "scale")
    ]
    assert rows["fixed"] == [f"{one.fixed:,.2f}" for one in alone]
    assert rows["with the most copies"] == [f"{one.most:,.2f}" for one in alone]
    assert rows["AmazonElastiCache"] == ["-", "12.26+", "50.22+"]


def test_a_service_without_a_price_is_a_question_and_no_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _, lines, _ = call(capsys, "--compare", "dev", "--region", "eu-north-1")
    rows = {line[2:28].strip(): line[28:].split() for line in lines if line.startswith("  ")}
    assert rows["AmazonRDS"][1] == "?", "the price book has no database of Stockholm"
    assert any("have no price" in line or "has no price" in line for line in lines)
    _, lines, _ = call(capsys, "--compare", "dev", "--region", "eu-north-1", "--format", "markdown")
    assert [line.split(" | ")[2].strip("| ") for line in lines if line.startswith("| AmazonRDS")] == ["?"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--compare", "@"], "--compare '@' names nothing"),
        (["--compare", "@growth", "--compare", "@growth"], "names a stack twice"),
        (["--compare", "a", "--compare", "b", "--compare", "c", "--compare", "d"], "takes 3 more at most"),
        (["--compare", "@growth", "--format", "json"], "as text or markdown"),
        (["--compare", "@growth", "--months", "6"], "as text or markdown"),
    ],
)
def test_a_comparison_that_cannot_be_shown_is_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, lines, err = call(capsys, *arguments)
    assert (code, lines) == (2, [])
    assert words in err


def test_a_preview_says_the_month_what_is_not_in_it_and_a_budget_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "budget_of", lambda _: Decimal(150))
    snapshot = snapshot_of(f"{SHOP}@launch")
    month = command.estimated(snapshot, None, None, None)
    found = command.previewed(snapshot, SHOP, None)
    cost, both = f"${month.fixed:,.2f}", f"${month.fixed + month.usage:,.2f}"
    assert found[0] == (
        f"At least {cost} a month at list prices, and $19.10 by use as far as it is told, up to ${month.most:,.2f} with the most copies"
    )
    assert re.fullmatch(
        r"Not in it: [1-9]\d* lines whose use nobody told, \d+ resources of which something has no price", found[1]
    )
    assert found[2] == f"Line by line: groundwork cost {SHOP}"
    assert found[3:] == [f"Warning: the budget of $150.00 a month is below the {both} that this comes to"]
    lines = costs(found, 80)
    assert lines[0].plain == "Cost:"
    assert all(len(line.plain) <= 80 for line in lines)
    assert costs([], 80) == []


def test_a_region_without_prices_is_not_taken_for_a_cheap_one() -> None:
    found = command.previewed(replace(snapshot_of("prod"), region="eu-north-1"), "prod", None)
    assert found[0].startswith("At least $")
    assert found[2] == (
        "The price book has only what costs the same everywhere, not the prices of eu-north-1: "
        "groundwork prices refresh --region eu-north-1 reads them, without credentials"
    )


def test_a_budget_that_holds_is_no_warning() -> None:
    key = Resource("urn::key", "aws:kms/key:Key", "key", True, None, {}, {})
    found = command.estimated(Snapshot("p", "s", "us-east-1", False, {}, (key,), {}), None, None, None)
    assert not [line for line in summary(found, "x", Decimal(1)) if line.startswith("Warning")]
    assert [line for line in summary(found, "x", Decimal("0.99")) if line.startswith("Warning")]


def test_a_month_is_held_against_that_of_the_base_where_the_same_has_a_price() -> None:
    def month(region: str, *types: str) -> Estimate:
        made = (Resource(f"urn::{one}", one, one, True, None, {}, {}) for one in types)
        return command.estimated(Snapshot("p", "s", region, False, {}, tuple(made), {}), None, None, None)

    key, two = (
        month("us-east-1", "aws:kms/key:Key"),
        month("us-east-1", "aws:kms/key:Key", "aws:secretsmanager/secret:Secret"),
    )
    assert list(summary(two, "x", None, ("main", key)))[1] == "$0.40 a month more than the $1.00 of main"
    assert list(summary(key, "x", None, ("main", two)))[1] == "$0.40 a month less than the $1.40 of main"
    assert list(summary(key, "x", None, ("main", key)))[1] == "As much as with main"
    lacking = month("us-east-1", "aws:kms/key:Key", "aws:rds/instance:Instance")
    assert lacking.unpriced
    assert list(summary(lacking, "x", None, ("main", key)))[1] == (
        "main came to $1.00, but not of the same resources a price is known"
    )
    costs_, changes_ = [one.to_json() for one in (two, key)], Changes("main", "", (), 0)
    said = Report("s", Snapshot("p", "s", "", False, {}, (), {}), Verdicts((), 0, 0, 0, 0), changes_, *costs_)
    assert cost_line(said).endswith("; $0.40 a month more than with main")
    assert cost_line(replace(said, cost_before=lacking.to_json())).endswith(
        "but not of the same resources a price is known"
    )
    assert cost_line(replace(said, cost_before=None)).endswith("as it scales")
