"""Partitions of AWS other than the usual one: ARNs, addresses, and what they lack."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import judge
from groundwork.settings.facts import partition_of, regions, via_service
from groundwork.settings.loading import find_stack
from groundwork.settings.model_paths import keys_at
from tests.stacks import ROOT, run_found
from tests.writing import mistakes_in, write_project

PARTITIONS = {"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}
LAYERS: dict[str, Any] = {
    "network": {"endpoints": ["ecr.api", "logs", "sts"]},
    "edge": {"cdn": None, "load_balancer": {"exposure": "internet"}, "zone": {"delegated": True}},
    "services": {
        "web": {
            "port": 3000,
            "path": "/*",
            "uses": {"database": "connect", "cache": "connect", "images": "read-write"},
        },
        "worker": {"uses": {"jobs": "consume", "events": "publish", "app": "read", "search": "read"}},
    },
    "data": {"archive": {}, "proxy": {}, "monitoring_interval": 60, "backup": {"window": "12:00-12:30"}},
    "cache": {},
    "search": {},
    "storage": {"images": {"purpose": "media"}},
    "secrets": {"app": {"keys": ["TOKEN"]}},
    "messaging": {"queues": {"jobs": {}}, "topics": {"events": {"subscriptions": {"jobs": {"queue": "jobs"}}}}},
    "budget": None,
    "platform": {
        "name": "shop",
        "stage": "staging",
        "domain": "example.com",
        "hours": {"start": "08:00", "stop": "18:00"},
    },
}


@cache
def built(region: str) -> Snapshot:
    """The stack in a region."""
    layers = [f"groundwork:{layer}: {json.dumps(said)}" for layer, said in LAYERS.items()]
    with TemporaryDirectory() as folder:
        write_project(Path(folder), "\n".join([f"aws:region: {region}", *layers]), main=str(ROOT))
        return run_found(find_stack("dev", Path(folder)))


@pytest.mark.parametrize("region", PARTITIONS)
def test_no_arn_and_no_address_is_of_another_partition(region: str) -> None:
    text = built(region).dumps()
    partitions = set(re.findall(r"arn:(aws[a-z-]*):", text))
    assert partitions == {PARTITIONS[region]}
    hosts = set(re.findall(rf"[a-z0-9.-]*{region}\.amazonaws\.com[a-z.]*", text))
    suffix = partition_of(region).suffix
    through = {
        name for service in ("s3", "sqs", "sns", "secretsmanager", "scheduler") for name in _names(service, region)
    }
    assert {host for host in hosts if not host.endswith(suffix)} <= through


def _names(service: str, region: str) -> list[str]:
    found = via_service(service, region)
    return found if isinstance(found, list) else [found]


def test_guardrails_judge_a_stack_alike_in_every_partition() -> None:
    def findings(region: str) -> Iterator[tuple[str, str, str]]:
        for finding in judge(built(region), dt.date(2026, 1, 5)).findings:
            yield finding.rule.name, finding.resource.name, finding.verdict.value

    usual = set(findings("eu-central-1"))
    for region in PARTITIONS:
        assert set(findings(region)) ^ usual == set()


def test_endpoints_in_china_have_the_names_that_they_have_there() -> None:
    names = {one.inputs["serviceName"] for one in built("cn-north-1").of_type("aws:ec2/vpcEndpoint:VpcEndpoint")}
    assert names == {
        "com.amazonaws.cn-north-1.s3",
        "com.amazonaws.cn-north-1.dynamodb",
        "cn.com.amazonaws.cn-north-1.ecr.api",
        "com.amazonaws.cn-north-1.logs",
        "cn.com.amazonaws.cn-north-1.sts",
    }


LACKING = {
    "edge.cdn": "groundwork:edge: {}",
    "compute.engine": "groundwork:compute: {engine: app-runner}",
    "observability.uptime": "groundwork:observability: {uptime: {}}",
    "budget": "groundwork:budget: {}",
}


@pytest.mark.parametrize("region", PARTITIONS)
def test_what_a_partition_lacks_is_one_message_with_what_to_do(tmp_path: Path, region: str) -> None:
    without = {layer: line for layer, line in LACKING.items() if not (layer == "budget" and region == "cn-north-1")}
    base = "groundwork:services: {web: {port: 3000, path: /*}}"
    found = mistakes_in(tmp_path, "\n".join([f"aws:region: {region}", base, *without.values()]))
    for path in without:
        [message] = [one for one in found if f" {path}: cannot be had in {region}" in one]
        assert message.endswith((": null", "use another"))


def test_what_partitions_lack_is_named_as_settings_are() -> None:
    named = {asked.partition("=")[0] for region in regions() for asked in partition_of(region).lacks}
    paths = {asked: tuple(asked.split(".")) for asked in named}
    assert [asked for asked, path in paths.items() if path[-1] not in keys_at(path[:-1])] == []


def test_a_profile_and_roles_to_assume_are_the_providers_business(tmp_path: Path) -> None:
    """They name the account that a stack is deployed to; the offline preview asks nobody."""
    config = (
        "aws:profile: shop-prod\n"
        "aws:assumeRoles: [{roleArn: 'arn:aws:iam::111122223333:role/deployer', externalId: abc}]\n"
        "groundwork:services: {web: {port: 3000, path: /*}}"
    )
    write_project(tmp_path, config, main=str(ROOT))
    text = run_found(find_stack("dev", tmp_path)).dumps()
    assert "aws:ecs/service:Service" in text
    assert "deployer" not in text


def test_no_component_writes_a_partition_or_its_ending_down() -> None:
    """What the three stacks of this file do not build is held to it too."""
    literal = re.compile(r"arn:aws:|\{[a-z_.]*region\}\.amazonaws\.com")
    files = sorted((ROOT / "groundwork" / "components").rglob("*.py"))
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if literal.search(line)
    ]
    allowed = {"groundwork/components/edge/logs.py", "groundwork/components/migration/roles.py"}
    assert [place for place in found if place.partition(":")[0] not in allowed] == []
