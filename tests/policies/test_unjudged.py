"""What no rule reads is said, offline and under the engine, and can be made a failure."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest

from groundwork.preview import text
from groundwork.preview.reports import findings as json_report
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import Verdicts, judge
from guardrails.context import configured
from guardrails.unjudged import UNJUDGED, read_types
from tests.policies.engine_client import PackProcess
from tests.policies.stacks import resource, stack

TODAY = datetime.date(2026, 11, 20)
APP = resource("example/Thing", "site")
PASSWORD = dataclasses.replace(
    resource("sqs/Queue", "drawn"),
    type="random:index/randomPassword:RandomPassword",
    urn="urn:pulumi:prod::test::random:index/randomPassword:RandomPassword::drawn",
)
QUEUE = resource("sqs/Queue", "orders")


def component(name: str, type_: str) -> Resource:
    return Resource(f"urn:pulumi:prod::test::{type_}::{name}", type_, name, False, None, {}, {})


STACK = component("test-prod", "pulumi:pulumi:Stack")
CLUSTER = component("cluster", "eks:index:Cluster")
SHOP = component("shop", "shop:index:Shop")
STACK_OF_ALL = stack(STACK, APP, PASSWORD, CLUSTER, SHOP, dataclasses.replace(QUEUE, parent=SHOP.urn))


def judged(snapshot: Snapshot, entry: Any = None) -> Verdicts:
    configuration, _ = configured({UNJUDGED.name: entry} if entry is not None else {})
    assert not configuration.problems
    return judge(snapshot, TODAY, configuration=configuration)


def test_types_that_no_rule_reads_and_components_without_parts_are_told() -> None:
    unjudged = judged(STACK_OF_ALL).unjudged
    assert {type_: [one.name for one in found] for type_, found in unjudged.types.items()} == {
        "aws:example/thing:Thing": ["site"],
        "random:index/randomPassword:RandomPassword": ["drawn"],
    }
    assert [one.name for one in unjudged.components] == ["cluster"]


def test_what_rules_look_up_beside_what_they_judge_counts_as_read() -> None:
    assert {"aws:ec2/internetGateway:InternetGateway", "aws:docdb/subnetGroup:SubnetGroup"} <= read_types()
    assert "aws:example/thing:Thing" not in read_types()


def test_a_check_ends_with_what_was_not_judged_and_how_to_make_that_a_failure() -> None:
    lines = [line.plain for line in text.not_judged(judged(STACK_OF_ALL), 80, "--format json")]
    assert lines == [
        "Not judged:",
        "    2 resources of 2 types that no rule reads: aws:example:Thing (1),",
        "        random:index:RandomPassword (1)",
        "    the parts of cluster (eks:index:Cluster): they are not in what was judged",
        '    To make this a failure: {"stack-unjudged": "mandatory"} in a file for',
        "        --policy-config.",
        "",
    ]
    assert text.not_judged(judged(stack(QUEUE)), 80, "--format json") == []


def test_many_types_are_counted_and_the_report_has_them_all() -> None:
    many = [resource(f"example/Thing{index:02}", "one") for index in range(20)]
    parts = [component(f"cluster-{index}", "eks:index:Cluster") for index in range(15)]
    verdicts = judged(stack(*many, *parts))
    shown = text.plain(text.not_judged(verdicts, None, "--format json"))
    assert "8 types more; --format json has them all" in shown
    assert "the parts of 3 components more; --format json has them all" in shown
    report = json.loads(json_report.dumps(verdicts))["unjudged"]
    assert (len(report["types"]), len(report["components"])) == (20, 15)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (None, []),
        ("mandatory", ["aws:example/thing:Thing", "random:index/randomPassword:RandomPassword", "cluster"]),
        ({"enforcementLevel": "mandatory", "accepted": ["random:*", "eks:*"]}, ["aws:example/thing:Thing"]),
        ({"enforcementLevel": "advisory", "accepted": ["*"]}, []),
    ],
)
def test_a_setting_makes_it_a_failure_offline_and_under_the_engine(entry: Any, found: list[str]) -> None:
    offline = [finding for finding in judged(STACK_OF_ALL, entry).findings if finding.rule.name == UNJUDGED.name]
    assert [
        finding.resource.name for finding in sorted(offline, key=lambda one: found.index(one.resource.name))
    ] == found
    assert all(finding.blocks for finding in offline)
    with PackProcess() as pack:
        if entry is not None:
            pack.configure({UNJUDGED.name: entry})
        online = {v.urn: v.message for v in pack.judge(STACK_OF_ALL) if v.rule == UNJUDGED.name}
    assert set(online) == {finding.resource.urn for finding in offline}
    assert all(finding.message in online[finding.resource.urn] for finding in offline)
