"""Copies in another region and another account: what is copied, by whom it can be reached, and that the originals are left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.console import FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.operations.bootstrap.permissions import access
from groundwork.operations.recovery.template import template, text
from groundwork.preview.changes.compare import compare
from groundwork.preview.changes.holding import holds_data
from groundwork.preview.changes.model import Action
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import judge
from groundwork.pricing.book import read_book
from groundwork.pricing.demand import demand
from groundwork.pricing.estimate import estimate
from groundwork.pricing.rules import RULES, is_free
from groundwork.settings.loading import find_stack
from tests.stacks import ROOT, run_found
from tests.test_guardrails_on_stacks import TODAY
from tests.writing import load, mistakes_in, write_project

OTHER = "222222222222"
VAULT = "aws:backup/vault:Vault"
KEY = "aws:kms/key:Key"
BUCKET = "aws:s3/bucket:Bucket"
SHOP = """
    aws:region: eu-central-1
    groundwork:platform: {{name: shop, stage: {stage}, phase: launch, timezone: Europe/Berlin}}
    groundwork:services:
      web: {{port: 8080, path: "/*", uses: {{uploads: read-write, images: read, database: connect}}}}
    groundwork:files: {{uploads: {{}}}}
    groundwork:data: {{backup: {{retention_days: 14}}}}
    groundwork:storage:
      images: {{purpose: media}}
      dumps: {{purpose: backups, lock_days: 30}}
      site: {{purpose: static}}
      partner: {{existing: a-partners-bucket}}
    groundwork:usage: {{uploads: 1000, upload_mb: 2, stored_gb: 100, database_gb: 40, database_growth_gb: 6}}
    {recovery}
"""
IN_REGION = "{region: eu-west-1}"
IN_ACCOUNT = f'{{region: eu-west-1, account: "{OTHER}"}}'
ON_INSTANCES = """
    aws:region: eu-central-1
    groundwork:platform: {name: shop, stage: dev, phase: mvp}
    groundwork:compute: {engine: ec2, instances: {class: t4g.medium, max: 1, data_volume: 20}}
    groundwork:services: {web: {port: 8080, path: "/*"}}
    groundwork:data: null
    groundwork:recovery: {region: eu-west-1}
"""
Shop = Callable[..., Snapshot]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    @cache
    def with_(recovery: str | None, stage: str = "prod") -> Snapshot:
        said = f"groundwork:recovery: {recovery}" if recovery else ""
        folder = write_project(tmp_path_factory.mktemp("shop"), SHOP.format(stage=stage, recovery=said), main=str(ROOT))
        return run_found(find_stack("dev", folder))

    return with_


def one(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == name]
    return found


def copies(snapshot: Snapshot) -> list[Resource]:
    return [one for one in snapshot.resources if ":recovery:Recovery" in one.urn and one.custom]


def plan(snapshot: Snapshot, goal: str) -> tuple[str, list[str]]:
    """Where a plan copies to, and what."""
    [rule] = one(snapshot, "aws:backup/plan:Plan", f"shop-recovery-{goal}").inputs["rules"]
    [action] = rule["copyActions"]
    selected = one(snapshot, "aws:backup/selection:Selection", f"shop-recovery-{goal}").inputs["resources"]
    return action["destinationVaultArn"], selected


def statements(text: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}


def test_whatever_is_nowhere_else_has_a_copy_in_the_other_region_under_a_key_there(shop: Shop) -> None:
    snapshot = shop(IN_REGION)
    key = one(snapshot, KEY, "shop-recovery-eu-west-1")
    database = one(snapshot, "aws:rds/instance:Instance", "shop-database-primary")
    assert key.inputs["region"] == "eu-west-1"
    [replicated] = snapshot.of_type("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication")
    assert replicated.inputs == {
        "sourceDbInstanceArn": database.outputs["arn"],
        "kmsKeyId": key.outputs["arn"],
        "retentionPeriod": 14,
        "region": "eu-west-1",
    }
    vault = one(snapshot, VAULT, "shop-recovery-eu-west-1")
    assert (vault.inputs["region"], vault.inputs["kmsKeyArn"]) == ("eu-west-1", key.outputs["arn"])
    files = one(snapshot, "aws:efs/fileSystem:FileSystem", "shop-uploads").outputs["arn"]
    assert plan(snapshot, "region") == (vault.outputs["arn"], [files])
    ways = {way.name: way.inputs for way in snapshot.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")}
    # A site is built anew, and a bucket that exists has its owner.
    assert set(ways) == {"shop-recovery-images", "shop-recovery-dumps"}
    for name in ("images", "dumps"):
        copy = one(snapshot, BUCKET, f"shop-recovery-eu-west-1-{name}")
        [rule] = ways[f"shop-recovery-{name}"]["rules"]
        assert ways[f"shop-recovery-{name}"]["bucket"] == one(snapshot, BUCKET, f"shop-{name}").outputs["bucket"]
        assert (copy.inputs["region"], rule["destination"]["bucket"]) == ("eu-west-1", copy.outputs["arn"])
        assert rule["destination"]["encryptionConfiguration"] == {"replicaKmsKeyId": key.outputs["arn"]}
        assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    settled = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
    assert {found.name for found in snapshot.of_type(settled)} == {"shop-dumps", "shop-recovery-eu-west-1-dumps"}
    # Whatever is part of a copy is where the copy is.
    there = [resource for resource in copies(snapshot) if "eu-west-1" in resource.name]
    assert {resource.inputs["region"] for resource in there} == {"eu-west-1"}


def test_a_data_volume_of_an_instance_is_copied(tmp_path: Path) -> None:
    snapshot = run_found(find_stack("dev", write_project(tmp_path, ON_INSTANCES, main=str(ROOT))))
    [volume] = snapshot.of_type("aws:ebs/volume:Volume")
    vault = one(snapshot, VAULT, "shop-recovery-eu-west-1")
    assert plan(snapshot, "region") == (vault.outputs["arn"], [volume.outputs["arn"]])


def test_another_account_gets_what_one_account_could_delete(shop: Shop) -> None:
    snapshot = shop(IN_ACCOUNT)
    goal, selected = plan(snapshot, "account")
    # In the stack's own region: AWS Backup copies a database to another region or another account, not both at once.
    assert goal == f"arn:aws:backup:eu-central-1:{OTHER}:backup-vault:shop-prod-eu-central-1-copies"
    assert selected == [
        one(snapshot, "aws:rds/instance:Instance", "shop-database-primary").outputs["arn"],
        one(snapshot, "aws:efs/fileSystem:FileSystem", "shop-uploads").outputs["arn"],
    ]
    way = one(snapshot, "aws:s3/bucketReplicationConfig:BucketReplicationConfig", "shop-recovery-images")
    [_, rule] = way.inputs["rules"]
    assert rule["destination"] == {
        "bucket": f"arn:aws:s3:::shop-prod-eu-central-1-images-copy-{OTHER}",
        "account": OTHER,
        "accessControlTranslation": {"owner": "Destination"},
        "metrics": {"status": "Enabled"},
        "encryptionConfiguration": {
            "replicaKmsKeyId": f"arn:aws:kms:eu-central-1:{OTHER}:alias/shop/prod/eu-central-1/copies"
        },
    }
    # Its AWS Backup may read what is encrypted with these two keys, and nobody else of it; a stack without it admits nobody.
    admitted = {
        key.name for key in snapshot.of_type(KEY) if OTHER in key.inputs["policy"] and "recovery" not in key.name
    }
    assert admitted == {"shop-keys-data", "shop-keys-storage"}
    said = statements(one(snapshot, KEY, "shop-keys-data").inputs["policy"])
    role = f"arn:aws:iam::{OTHER}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
    for sid in ("AllowCopies", "AllowCopyGrants"):
        assert said[sid]["Condition"]["ArnEquals"] == {"aws:PrincipalArn": role}
    assert not [key for key in shop(IN_REGION).of_type(KEY) if OTHER in key.inputs["policy"]]


def test_s3_copies_these_buckets_to_their_copies_and_may_nothing_else(shop: Shop) -> None:
    said = statements(one(shop(IN_ACCOUNT), "aws:iam/rolePolicy:RolePolicy", "shop-recovery-buckets").inputs["policy"])
    named = [arn for statement in said.values() for arn in statement["Resource"]]
    for arn in named:
        assert arn.startswith(("arn:aws:s3:::shop-", "arn:aws:kms:")), arn
    [trust] = json.loads(
        one(shop(IN_ACCOUNT), "aws:iam/role:Role", "shop-recovery-buckets").inputs["assumeRolePolicy"]
    )["Statement"]
    # S3 is not known to send a source, and a condition on one would stop every copy.
    assert trust["Principal"] == {"Service": "s3.amazonaws.com"}
    assert "Condition" not in trust
    # It reads originals and writes copies.
    assert all("Replicate" in action or "Override" in action for action in said["WriteToAccount"]["Action"])
    assert not [arn for arn in said["WriteToRegion"]["Resource"] if "recovery" not in arn]
    assert {action.partition(":")[2][:3] for action in said["ReadVersions"]["Action"]} == {"Get"}
    # The other account's key has no ARN that anybody knows here: its alias names it.
    assert said["EncryptInAccount"]["Condition"]["ForAnyValue:StringEquals"] == {
        "kms:ResourceAliases": "alias/shop/prod/eu-central-1/copies"
    }
    for sid in ("Decrypt", "EncryptInRegion", "EncryptInAccount"):
        assert "kms:ViaService" in said[sid]["Condition"]["StringEquals"]


def test_whoever_looks_after_copies_hears_of_objects_that_could_not_be_copied(shop: Shop) -> None:
    snapshot = shop(IN_ACCOUNT)
    rung = [
        one.inputs
        for one in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
        if one.inputs.get("metricName") == "OperationsFailedReplication"
    ]
    told = {
        (one["dimensions"]["SourceBucket"], one["dimensions"]["DestinationBucket"], one["dimensions"]["RuleId"])
        for one in rung
    }
    ways = snapshot.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    wanted = {
        (way.inputs["bucket"], rule["destination"]["bucket"].rpartition(":")[2], rule["id"])
        for way in ways
        for rule in way.inputs["rules"]
    }
    assert told == wanted
    assert len(wanted) == 4
    # What fails is published where the bucket is: https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html
    assert not [one for one in rung if "region" in one]
    assert {one["treatMissingData"] for one in rung} == {"notBreaching"}
    assert all(rule["destination"]["metrics"] == {"status": "Enabled"} for way in ways for rule in way.inputs["rules"])


def test_the_longest_names_are_short_enough_for_aws(tmp_path: Path) -> None:
    text = SHOP.format(
        stage="staging", recovery='groundwork:recovery: {region: ap-southeast-2, account: "222222222222"}'
    )
    long = text.replace("name: shop", f"name: {'s' * 24}").replace("images:", f"{'i' * 24}:")
    long = long.replace(", images: read", "")
    snapshot = run_found(find_stack("dev", write_project(tmp_path, long, main=str(ROOT))))
    for kind, most in ((VAULT, 50), ("aws:backup/plan:Plan", 50), ("aws:backup/selection:Selection", 50), (BUCKET, 63)):
        names = [found.outputs.get("bucket") or found.outputs["name"] for found in snapshot.of_type(kind)]
        assert names
        assert [name for name in names if len(name) > most] == []
    ways = snapshot.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    elsewhere = [rule["destination"]["bucket"] for way in ways for rule in way.inputs["rules"]]
    assert [arn for arn in elsewhere if len(arn.rpartition(":")[2]) > 63] == []
    assert len(set(elsewhere)) == 4
    [action] = one(snapshot, "aws:backup/plan:Plan", f"{'s' * 24}-recovery-account").inputs["rules"][0]["copyActions"]
    assert len(action["destinationVaultArn"].rpartition(":")[2]) <= 50


def test_in_prod_copies_are_locked_and_outlast_the_stack_and_in_dev_they_go_with_it(shop: Shop) -> None:
    prod, dev = shop(IN_ACCOUNT), shop(IN_REGION, "dev")
    lock = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
    locks = {found.inputs["backupVaultName"]: found.inputs["minRetentionDays"] for found in prod.of_type(lock)}
    vaults = {found.name: found for found in prod.of_type(VAULT)}
    assert locks == {
        vaults["shop-recovery"].outputs["name"]: 7,
        vaults["shop-recovery-eu-west-1"].outputs["name"]: 35,
    }
    holding = [found for found in copies(prod) if holds_data(found)]
    assert {found.type for found in holding} == {VAULT, KEY, BUCKET}
    for found in holding:
        # Protection would stop the update in which somebody takes the copies out.
        assert found.options.get("retainOnDelete"), found.name
        assert not found.options.get("protect"), found.name
        assert not found.inputs.get("forceDestroy"), found.name
    assert not dev.of_type(lock)
    assert not [found for found in copies(dev) if found.options.get("retainOnDelete")]


def test_guardrails_find_nothing_at_copies_but_what_is_so_by_choice(shop: Shop) -> None:
    for snapshot in (shop(IN_ACCOUNT), shop(IN_REGION, "dev")):
        before = shop(None, snapshot.settings["platform"]["stage"])
        found = {(one.rule.name, one.resource.name) for one in judge(snapshot, TODAY).findings}
        found -= {(one.rule.name, one.resource.name) for one in judge(before, TODAY).findings}
        if snapshot.settings["platform"]["stage"] == "dev":
            found.discard(("backup-vault-locked", "shop-recovery"))
        assert found == {("s3-customer-key", "shop-recovery-eu-west-1-logs")}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, IN_REGION),
        (IN_REGION, None),
        (IN_REGION, IN_ACCOUNT),
        (IN_ACCOUNT, f'{{region: eu-north-1, account: "{OTHER}", keep_days: 60}}'),
    ],
    ids=["on", "off", "with an account", "to another region"],
)
def test_originals_are_never_replaced_and_copies_stay_where_they_are(
    shop: Shop, before: str | None, after: str | None
) -> None:
    changes = compare(shop(before), shop(after)).changes
    assert changes
    originals = [change for change in changes if ":recovery:Recovery" not in change.urn]
    # Keys say whose AWS Backup may copy, and the dashboard shows the alarms.
    assert {(change.action, change.type) for change in originals} <= {
        (Action.UPDATE, KEY),
        (Action.UPDATE, "aws:cloudwatch/dashboard:Dashboard"),
    }
    gone = [change for change in changes if change.action in (Action.REPLACE, Action.DELETE)]
    assert [change.name for change in gone if change.action is Action.REPLACE and change.loss] == []


def test_a_months_cost_has_the_copies_and_their_way(shop: Shop) -> None:
    snapshot = shop(IN_ACCOUNT)
    found = estimate(snapshot, read_book("us-east-1"), RULES, is_free, demand(snapshot))
    kinds = {resource.type for resource in copies(snapshot)}
    assert not {one.type for one in found.unpriced} & kinds
    lines = {(one.name, line.listed.meter.usage_type): line for one in found.resources for line in one.lines}
    stored = lines["shop-images", "TimedStorage-ByteHrs"].quantity
    assert lines["shop-recovery-eu-west-1-images", "TimedStorage-ByteHrs"].quantity == stored
    carried = lines["shop-recovery-images", "AWS-Out-Bytes"]
    assert carried.quantity is not None
    assert 58 < carried.quantity < 60  # 1,000 uploads of 2 MB a day
    database = "shop-recovery-eu-west-1-database"
    assert lines[database, "RDS:ChargedBackupUsage"].quantity == 43
    assert lines[database, "AWS-Out-Bytes"].quantity == 6
    assert ("shop-recovery-region", "AWS-Out-Bytes") in lines
    # Within a region nothing is charged for the way.
    assert ("shop-recovery-account", "AWS-Out-Bytes") not in lines


def test_a_pipelines_role_may_make_copies(shop: Shop) -> None:
    made = access([shop(IN_ACCOUNT)], "shop", "arn:aws:iam::111122223333:policy/shop-boundary")
    assert made.unlisted == ()
    allowed = {action for statement in made.deploying for action in statement["Action"]}
    assert {
        "backup:PutBackupVaultLockConfiguration",
        "rds:StartDBInstanceAutomatedBackupsReplication",
        "s3:PutReplicationConfiguration",
    } <= allowed


def test_the_other_accounts_template_makes_what_the_stack_writes_to(shop: Shop, tmp_path: Path) -> None:
    settings = load(
        write_project(tmp_path, SHOP.format(stage="prod", recovery=f"groundwork:recovery: {IN_ACCOUNT}"))
    ).settings
    assert settings.recovery
    whole = template(settings, settings.recovery)
    resources = whole["Resources"]
    snapshot = shop(IN_ACCOUNT)
    vault = resources["Vault"]["Properties"]
    assert plan(snapshot, "account")[0].endswith(f":backup-vault:{vault['BackupVaultName']}")
    assert vault["LockConfiguration"] == {"MinRetentionDays": 35}
    ways = snapshot.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
    goals = {rule["destination"]["bucket"] for way in ways for rule in way.inputs["rules"] if rule["id"] == "account"}
    made = [one["Properties"].get("BucketName") for one in resources.values() if one["Type"] == "AWS::S3::Bucket"]
    assert goals == {f"arn:aws:s3:::{name}" for name in made if name}
    assert resources["Alias"]["Properties"]["AliasName"] == "alias/shop/prod/eu-central-1/copies"
    # The stack's account reads nothing back.
    source = [
        statement
        for one in resources.values()
        for document in (one["Properties"].get(key) for key in ("KeyPolicy", "AccessPolicy", "PolicyDocument"))
        for statement in (document or {"Statement": []})["Statement"]
        if "SourceAccount" in json.dumps(statement)
    ]
    actions = {
        action for one in source for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    assert not {action for action in actions if any(word in action for word in ("Get", "Decrypt", "Delete", "*"))} - {
        "s3:ReplicateDelete"
    }
    held = [one for one in resources.values() if one["Type"] != "AWS::KMS::Alias"]
    assert {one["DeletionPolicy"] for one in held} == {"Retain"}
    from cfnlint import api

    found = api.lint_all(text(settings, settings.recovery))
    assert [str(one) for one in found if not one.rule.id.startswith("I")] == []


def test_the_command_writes_the_template_and_says_who_does_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path, SHOP.format(stage="prod", recovery=f"groundwork:recovery: {IN_ACCOUNT}"))
    monkeypatch.chdir(tmp_path)
    assert groundwork(["recover", "dev", "--template", "copies.json"]) == FINE
    assert json.loads((tmp_path / "copies.json").read_text(encoding="utf-8"))["Resources"]
    said = capsys.readouterr().out
    assert "--stack-name shop-prod-eu-central-1-copies" in said
    assert "isCrossAccountBackupEnabled" in said
    write_project(tmp_path, SHOP.format(stage="prod", recovery=f"groundwork:recovery: {IN_REGION}"))
    assert groundwork(["recover", "dev", "--template", "copies.json"]) == MISTAKE
    assert "names no account for copies" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{region: eu-central-1}", "recovery.region: is where the stack is itself; name another, such as eu-central-2"),
        (
            "{region: eu-wset-1}",
            'recovery.region: "eu-wset-1" is not a region Groundwork knows; did you mean "eu-west-1"?',
        ),
        (
            "{region: cn-north-1}",
            "recovery.region: is of the partition aws-cn, and eu-central-1 is of aws; no backup passes from one to the other; use eu-central-2",
        ),
        ("{region: Europe}", 'recovery.region: "Europe" is not a region such as "eu-west-1"'),
        ("{region: eu-west-1, account: 222222222222}", "recovery.account: 222222222222 is not text; put it in quotes"),
        (
            '{region: eu-west-1, account: "22222"}',
            'recovery.account: "22222" is not the twelve digits of an account, in quotes, such as "123456789012"',
        ),
        (
            '{region: eu-west-1, account: "111122223333"}',
            "recovery.account: 111122223333 is the stack's own account (aws:allowedAccountIds); name another one, or leave account out",
        ),
        ("{account: null}", "recovery.region: is missing; it has no default"),
    ],
)
def test_copies_that_would_be_no_copies_are_a_mistake_with_its_line(tmp_path: Path, said: str, message: str) -> None:
    text = f"aws:region: eu-central-1\naws:allowedAccountIds: ['111122223333']\ngroundwork:recovery: {said}\n"
    assert mistakes_in(tmp_path, text) == [f"Pulumi.dev.yaml:5 {message}"]


def test_copies_of_nothing_are_a_mistake(tmp_path: Path) -> None:
    nothing = "groundwork:data: null\ngroundwork:storage: {site: {purpose: static}}\ngroundwork:recovery: {region: us-east-1}\n"
    [mistake] = mistakes_in(tmp_path, nothing)
    assert "recovery: copies nothing" in mistake
    for kept in ("groundwork:storage: {images: {}}", "groundwork:files: {uploads: {}}"):
        assert (
            mistakes_in(tmp_path, f"groundwork:data: null\n{kept}\ngroundwork:recovery: {{region: us-east-1}}\n") == []
        )


def test_a_bucket_without_versions_cannot_be_copied(tmp_path: Path) -> None:
    text = "groundwork:storage: {images: {versioning: false}, site: {purpose: static, versioning: false}}\ngroundwork:recovery: {region: us-east-1}\n"
    [mistake] = mistakes_in(tmp_path, text)
    assert "storage.images.versioning: is false, and recovery copies this bucket" in mistake
