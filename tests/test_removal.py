"""What `pulumi destroy` meets: in dev nothing, in prod protection, and after `platform.removable` nothing but what is to outlast it."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from groundwork.settings.data_file import read_data
from groundwork.settings.loading import find_stack
from tests.stacks import ROOT, run_found, snapshot_of

PAGE = (ROOT / "docs" / "removing.md").read_text(encoding="utf-8")

PROTECTIONS = {
    "deletionProtection": True,
    "enableDeletionProtection": True,
    "disableApiTermination": True,
    "forceDelete": False,
    "forceDestroy": False,
}
"""Inputs by which AWS, or the provider, refuses to delete, or to delete what has content."""

OUTLASTING = {
    "aws:backup/vault:Vault",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:kms/key:Key",
}
"""Types of which some stay in the account when a prod is removed."""


def _yaml_of_page() -> dict[str, Any]:
    block = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert block
    config: dict[str, Any] = yaml.safe_load(block[1])["config"]
    return config


def _prod(folder: Path, added: dict[str, Any]) -> Snapshot:
    """The root's prod with an archive, and with more lines in its stack file."""
    content = read_data(ROOT / "Pulumi.prod.yaml")
    config = content["config"] | {"groundwork:data": {"archive": {"months": 12}}}
    for key, value in added.items():
        config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else [*config.get(key, []), *value]
    project = read_data(ROOT / "Pulumi.yaml")
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "main": str(ROOT)}), encoding="utf-8")
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    return run_found(find_stack("prod", folder))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return _prod(tmp_path_factory.mktemp("guarded"), {})


@pytest.fixture(scope="module")
def removable(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The same with what the page says to add before a removal."""
    return _prod(tmp_path_factory.mktemp("removable"), _yaml_of_page())


def _protected(resource: Resource) -> list[str]:
    by_input = [name for name, value in PROTECTIONS.items() if resource.inputs.get(name) is value]
    return by_input + (["protect"] if resource.options.get("protect") else [])


def test_nothing_of_dev_is_protected() -> None:
    assert {resource.name: found for resource in snapshot_of("dev").resources if (found := _protected(resource))} == {}


def test_prod_protects_what_holds_data_until_it_is_removable(guarded: Snapshot, removable: Snapshot) -> None:
    before = {resource.type for resource in guarded.resources if _protected(resource)}
    assert {"aws:rds/instance:Instance", "aws:s3/bucket:Bucket", "aws:lb/loadBalancer:LoadBalancer"} <= before
    still = {resource.name: found for resource in removable.resources if (found := _protected(resource))}
    # The archive is not emptied: it stays.
    assert still == {"shop-database-archive": ["forceDestroy"]}


def test_to_be_removable_changes_nothing_but_protection(guarded: Snapshot, removable: Snapshot) -> None:
    before, after = guarded.by_urn(), removable.by_urn()
    assert before.keys() == after.keys()
    changed = {
        name
        for urn, resource in after.items()
        if resource.custom
        for name in resource.inputs | before[urn].inputs
        if resource.inputs.get(name) != before[urn].inputs.get(name)
    }
    assert changed
    assert changed <= set(PROTECTIONS)


def test_what_outlasts_a_removed_prod_keeps_its_key(removable: Snapshot) -> None:
    staying = {resource.urn: resource for resource in removable.resources if resource.options.get("retainOnDelete")}
    assert {resource.type for resource in staying.values()} == OUTLASTING
    keys = {resource.outputs["arn"] for resource in staying.values() if resource.type == "aws:kms/key:Key"}
    [database] = [
        one for one in removable.of_type("aws:rds/instance:Instance") if not one.inputs.get("replicateSourceDb")
    ]
    assert database.inputs["finalSnapshotIdentifier"]
    assert database.inputs["skipFinalSnapshot"] is False
    assert database.inputs["kmsKeyId"] in keys
    assert {vault.inputs["kmsKeyArn"] for vault in removable.of_type("aws:backup/vault:Vault")} <= keys


def test_the_exceptions_of_the_page_are_all_that_the_policy_pack_asks_for(removable: Snapshot) -> None:
    verdicts = judge(removable, datetime.date(2026, 12, 1))
    assert [(finding.rule.name, finding.resource.name) for finding in verdicts.blocking] == []
    rules = {exception["rule"] for exception in _yaml_of_page()["groundwork:exceptions"]}
    assert rules == {finding.rule.name for finding in verdicts.findings if finding.exception}


def test_log_groups_of_prod_outlast_the_service_or_replica_that_wrote_them() -> None:
    groups = snapshot_of("prod").of_type("aws:cloudwatch/logGroup:LogGroup")
    assert groups
    assert [group.name for group in groups if not group.options.get("retainOnDelete")] == []
    assert [
        group.name
        for group in snapshot_of("dev").of_type("aws:cloudwatch/logGroup:LogGroup")
        if group.options.get("retainOnDelete")
    ] == []


def test_what_is_named_may_leave_and_all_else_stays_protected(guarded: Snapshot, tmp_path: Path) -> None:
    names = ["shop-database-reader-1*", "shop-images"]
    freed = _prod(tmp_path, {"groundwork:platform": {"removable": names}}).by_urn()
    protection = {
        one.name: (_protected(one), _protected(freed[one.urn])) for one in guarded.resources if _protected(one)
    }
    assert {name: after for name, (before, after) in protection.items() if before != after} == {
        "shop-database-reader-1": [],
        "shop-images": [],
    }
    logs = [one for one in freed.values() if one.name.startswith("shop-database-reader-1-")]
    assert logs
    assert not [one for one in logs if one.options.get("retainOnDelete")]
