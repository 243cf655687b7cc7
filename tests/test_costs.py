"""The cost tables in the examples' READMEs, and what was asked for beside what we come to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from groundwork.cli.cost import budget_of, estimated
from groundwork.pricing.commitments import what_if
from groundwork.pricing.estimate import charges
from tests.costs import EXAMPLES, GROUPS, grouped, readme, within
from tests.requirements import EXAMPLES as SYSTEMS
from tests.requirements import proves, rows
from tests.stacks import STACKS, snapshot_of


@pytest.mark.parametrize("example", EXAMPLES)
@proves("S0-13", "S2-13")
def test_the_table_in_a_readme_is_what_the_estimator_says(example: str) -> None:
    text = readme(example).read_text(encoding="utf-8")
    assert within(text, example) == text, "make docs writes it anew"


def test_every_line_is_in_a_group_of_the_table_and_the_groups_come_to_the_estimate() -> None:
    for words in EXAMPLES.values():
        for stack in words["columns"].values():
            found, sums = grouped(stack)
            assert sums.keys() <= GROUPS.keys()
            assert abs(sum(sums.values(), Decimal(0)) - found.fixed) < Decimal("0.000001")


def test_the_rows_that_a_table_names_are_rows_of_its_system() -> None:
    systems = {example: system for system, example in SYSTEMS.items()}
    for example, words in EXAMPLES.items():
        assert words["rows"].keys() | words.get("less", {}).keys() <= GROUPS.keys()
        named = {row for text in words["rows"].values() for row in text.replace(" to ", ", ").split(", ")} - {"–"}
        assert named <= rows().keys()
        assert {row.partition("-")[0] for row in named} <= {systems[example]}


@proves("S0-13")
def test_the_storefront_opens_within_the_range_that_was_asked_for_and_millions_is_above_by_the_database_alone() -> None:
    opening, _ = grouped("examples/storefront/prod@growth")
    assert 650 <= opening.fixed + opening.usage <= 1050
    _, millions = grouped("examples/storefront/prod@millions")
    named = millions["database"] + millions["standby"] + millions["readers"]
    assert named > 4500, "what S0-03 names by class and number"
    assert named - millions["readers"] * 2 / 5 < 4500, "with three readers, which S0-03 admits"


@proves("S2-13")
def test_the_marketplace_is_above_its_ranges_by_what_the_table_shows_beside_its_sizes() -> None:
    for phase, most in (("launch", 150), ("growth", 400), ("scale", 800)):
        found, sums = grouped(f"examples/thulobazaar/prod@{phase}")
        sizes = sum(sums.get(name, Decimal(0)) for name in ("services", "database", "readers", "cache"))
        assert sizes < most < found.fixed
    _, scale = grouped("examples/thulobazaar/prod@scale")
    unasked = scale["standby"] + scale["cache_replicas"] + scale["more_nat"]
    assert grouped("examples/thulobazaar/prod@scale")[0].fixed - unasked < 800


@pytest.mark.parametrize("stack", STACKS)
def test_a_budget_in_a_stack_file_holds_what_the_stack_costs(stack: str) -> None:
    found, budget = estimated(snapshot_of(stack), None, None, None), budget_of(snapshot_of(stack))
    assert budget is not None
    assert found.fixed + found.usage <= budget


@proves("S1-23")
def test_what_reserved_capacity_and_spot_save_of_a_platform_on_kubernetes_is_estimated() -> None:
    found = what_if(charges(grouped("examples/mini-facebook/prod")[0]))
    by_name = {one.commitment.name: one for one in found}
    assert by_name.keys() >= {
        "RDS reserved instances",
        "ElastiCache reserved nodes",
        "EC2 Spot",
        "Compute Savings Plan",
    }
    assert all(0 < one.saves_at_most < one.on_demand for one in found)
