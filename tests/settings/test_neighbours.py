"""Stacks of one project that cannot stand in one account together, seen from their files alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.requirements import proves
from tests.writing import load, mistakes_in, write_project

NAMES = (
    "Pulumi.dev.yaml:3 platform.stage: shop dev stands in ap-south-1 by Pulumi.other.yaml:3 too, and both would take the same "
    "names; give one another name, stage or region, or say which account each is for: aws:allowedAccountIds; sizes of one platform "
    "go under groundwork:phases"
)
SHOP = "groundwork:platform: {name: shop, stage: dev, phase: growth}"


def beside(folder: Path, other: str, own: str = "") -> list[str]:
    """The mistakes of ``dev`` with ``other`` beside it."""
    write_project(folder, other, stack="other")
    return mistakes_in(folder, own)


@proves("C-09")
def test_two_stacks_of_one_platform_and_stage_are_a_mistake_that_names_both_files(tmp_path: Path) -> None:
    assert beside(tmp_path, SHOP) == [NAMES]


@proves("C-09")
@pytest.mark.parametrize(
    "other",
    [
        "groundwork:platform: {name: shop, stage: prod}",
        "groundwork:platform: {name: blog, stage: dev}",
        f"aws:region: eu-central-1\n{SHOP}",
        f"aws:allowedAccountIds: ['111122223333']\n{SHOP}",
        f"aws:profile: other\n{SHOP}",
    ],
)
def test_another_name_stage_region_or_account_is_none(tmp_path: Path, other: str) -> None:
    assert beside(tmp_path, other) == []


def test_the_stage_that_a_file_leaves_out_counts_as_the_one_it_gets(tmp_path: Path) -> None:
    [mistake] = beside(tmp_path, "groundwork:platform: {name: shop}")
    assert "Pulumi.other.yaml:3" in mistake


@pytest.mark.parametrize(
    "other", ["groundwork:platform: [", "groundwork:platform: {stage: dev}", "groundwork:platform: 3"]
)
def test_what_is_wrong_in_a_neighbour_is_told_when_the_neighbour_is_previewed(tmp_path: Path, other: str) -> None:
    write_project(tmp_path, other, stack="other")
    write_project(tmp_path)
    assert load(tmp_path).settings.platform.name == "shop"


def test_a_domain_leads_to_one_stack_whatever_account_each_is_in(tmp_path: Path) -> None:
    own = "groundwork:platform: {name: shop, stage: dev, domain: example.com}"
    other = "aws:profile: other\ngroundwork:platform: {name: shop, stage: prod, domain: example.com}"
    assert beside(tmp_path, other, own) == [
        "Pulumi.dev.yaml:3 platform.domain: example.com leads to shop prod by Pulumi.other.yaml:4; a domain leads to one stack"
    ]
    assert beside(tmp_path, f"{other}\ngroundwork:edge: null", own) == []


PROD = "groundwork:platform: {name: shop, stage: prod, phase: launch}"
MIGRATION = (
    "groundwork:data: {}\n"
    "groundwork:migration: {source: {addresses: [10.9.0.0/24], database: old, "
    "secret: 'arn:aws:secretsmanager:ap-south-1:111122223333:secret:old-AbCdEf'}, tables: {include: [public.%%]}%s}"
)


@pytest.mark.parametrize(
    ("own", "other", "what"),
    [
        ("groundwork:search: {}", "groundwork:search: {}", "OpenSearch Service's role, of which an account has one"),
        (
            "groundwork:search: {}",
            "groundwork:phases: {scale: {search: {}}}",
            "OpenSearch Service's role, of which an account has one",
        ),
        (MIGRATION % "", MIGRATION % "", "DMS's roles, of which an account has one"),
        (
            "groundwork:budget: {anomalies: {over: services}}",
            "groundwork:budget: {anomalies: {over: services}}",
            "the monitor of unusual cost over services, of which an account has one",
        ),
        (
            "groundwork:secrets: {app: {keys: [A], path: shop/app}}",
            "groundwork:secrets: {own: {keys: [A], path: shop/app}}",
            "the secret shop/app of ap-south-1",
        ),
        (
            "groundwork:observability: {alerts: {notice: {slack: {workspace: T0123ABCD, channel: C0123ABCD}}}}",
            "groundwork:observability: {alerts: {page: {slack: {workspace: T0123ABCD, channel: C0123ABCD}}}}",
            "the Slack channel C0123ABCD, which AWS ties to one stack",
        ),
    ],
)
def test_what_an_account_has_once_belongs_to_one_stack(tmp_path: Path, own: str, other: str, what: str) -> None:
    [mistake] = beside(tmp_path, f"{PROD}\n{other}", own)
    assert re.search(rf"Pulumi\.other\.yaml:\d also takes {re.escape(what)}; ", mistake)
    assert beside(tmp_path, f"aws:profile: other\n{PROD}\n{other}", own) == []
    assert beside(tmp_path, PROD, own) == []


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("groundwork:search: {}", "groundwork:search: {linked_role: false}"),
        ("groundwork:search: {}", "groundwork:search: null"),
        (MIGRATION % "", MIGRATION % ", linked_roles: false"),
        ("groundwork:budget: {anomalies: {over: services}}", "groundwork:budget: {anomalies: {over: platform}}"),
    ],
)
def test_a_stack_that_leaves_it_to_the_other_is_no_mistake(tmp_path: Path, own: str, other: str) -> None:
    assert beside(tmp_path, f"{PROD}\n{other}", own) == []
