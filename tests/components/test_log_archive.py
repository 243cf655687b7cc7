"""Log lines that outlive their log groups."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.observability.checks import CHECKS
from groundwork.components.observability.settings import LogArchiveSettings
from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.mistakes import dotted
from tests.harness import build

GROUP = "aws:cloudwatch/logGroup:LogGroup"
SUBSCRIPTION = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"
STREAM = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"


def settings(**observability: Any) -> Settings:
    return Settings.model_validate(
        {
            "region": "ap-south-1",
            "platform": {"name": "shop", "stage": "prod", "domain": "shop.example.com"},
            "network": {},
            "edge": {},
            "compute": {"engine": "fargate"},
            "services": {"web": {"port": 3000, "path": "/*", "uses": {"database": "connect", "cache": "connect"}}},
            "data": {},
            "cache": {},
            "observability": {"archive": {}, **observability},
        }
    )


def shop(**observability: Any) -> Snapshot:
    return build(lambda _: Platform("shop", settings(**observability)), domain="shop.example.com")


@cache
def archived() -> Snapshot:
    return shop()


def role(snapshot: Snapshot, suffix: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Who may become a role of the archive, and what it may do by statement."""
    [found] = [item for item in snapshot.of_type("aws:iam/role:Role") if item.name == f"shop-log-archive-{suffix}"]
    [policy] = [
        item for item in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if item.name == f"shop-log-archive-{suffix}"
    ]
    [trust] = json.loads(found.inputs["assumeRolePolicy"])["Statement"]
    return trust, {statement["Sid"]: statement for statement in json.loads(policy.inputs["policy"])["Statement"]}


def bucket(snapshot: Snapshot, kind: str) -> Resource:
    [found] = [item for item in snapshot.of_type(f"aws:s3/{kind}") if item.name == "shop-log-archive-bucket"]
    return found


def test_every_log_group_of_the_region_is_subscribed_but_that_of_the_streams_own_errors() -> None:
    """The stream's errors through the stream would make more of them."""
    snapshot = archived()
    groups = {found.inputs["name"] for found in snapshot.of_type(GROUP) if "region" not in found.inputs}
    subscribed = {found.inputs["logGroup"] for found in snapshot.of_type(SUBSCRIPTION)}
    assert groups - subscribed == {"/shop/prod/log-archive"}
    assert {"/shop/prod/services/web", "/shop/prod/network/flow"} < subscribed


def test_a_subscription_takes_every_line_and_waits_for_its_permission() -> None:
    snapshot = archived()
    [stream] = snapshot.of_type(STREAM)
    for found in snapshot.of_type(SUBSCRIPTION):
        assert found.inputs["filterPattern"] == ""
        assert found.inputs["destinationArn"] == stream.outputs["arn"]
        assert any(urn.endswith("RolePolicy::shop-log-archive-subscribe") for urn in found.dependencies)


def test_cloudwatch_logs_may_write_to_this_stream_and_do_nothing_else() -> None:
    snapshot = archived()
    [stream] = snapshot.of_type(STREAM)
    trust, statements = role(snapshot, "subscribe")
    assert trust["Principal"] == {"Service": "logs.amazonaws.com"}
    assert trust["Condition"] == {"ArnLike": {"aws:SourceArn": "arn:aws:logs:ap-south-1:111122223333:*"}}
    assert {sid: (found["Action"], found["Resource"]) for sid, found in statements.items()} == {
        "PutRecords": (["firehose:PutRecord", "firehose:PutRecordBatch"], [stream.outputs["arn"]])
    }


def test_the_stream_may_write_to_this_bucket_with_its_key_and_deletes_nothing() -> None:
    snapshot = archived()
    trust, statements = role(snapshot, "deliver")
    arn = bucket(snapshot, "bucket:Bucket").outputs["arn"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "111122223333"}}
    assert statements["Objects"]["Resource"] == [f"{arn}/*"]
    assert statements["Bucket"]["Resource"] == [arn]
    assert statements["Key"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.ap-south-1.amazonaws.com"}}
    actions = {action for found in statements.values() for action in found["Action"]}
    assert not any("Delete" in action.partition(":")[2] for action in actions)


def test_lines_are_encrypted_on_the_way_and_in_the_bucket_with_keys_of_the_platform() -> None:
    snapshot = archived()
    [stream] = snapshot.of_type(STREAM)
    keys = {found.name: found.outputs["arn"] for found in snapshot.of_type("aws:kms/key:Key")}
    assert stream.inputs["serverSideEncryption"] == {
        "enabled": True,
        "keyType": "CUSTOMER_MANAGED_CMK",
        "keyArn": keys["shop-keys-logs"],
    }
    kind = "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    [rule] = bucket(snapshot, kind).inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == keys["shop-keys-storage"]
    # What CloudWatch Logs hands over is compressed already, and says so by its name.
    assert stream.inputs["extendedS3Configuration"]["compressionFormat"] == "UNCOMPRESSED"
    assert stream.inputs["extendedS3Configuration"]["fileExtension"] == ".gz"


def test_objects_go_to_glacier_and_end_as_the_settings_say() -> None:
    snapshot = shop(archive={"archive_after": 30, "expire_after": 1000})
    kind = "bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    [rule] = [rule for rule in bucket(snapshot, kind).inputs["rules"] if rule["id"] == "purpose"]
    assert rule["transitions"] == [{"days": 30, "storageClass": "GLACIER"}]
    assert rule["expiration"] == {"days": 1000}


def test_the_bucket_is_protected_in_prod_and_its_readers_are_logged() -> None:
    snapshot = archived()
    assert bucket(snapshot, "bucket:Bucket").options["protect"] is True
    assert bucket(snapshot, "bucketLogging:BucketLogging").inputs["targetPrefix"] == "s3/log-archive/"


def test_lines_that_wait_are_told_of_long_before_they_are_lost() -> None:
    """Firehose gives up after a day, and waits a quarter of an hour by itself."""
    kind = "aws:cloudwatch/metricAlarm:MetricAlarm"
    [alarm] = [found for found in archived().of_type(kind) if found.name == "shop-log-archive-waiting"]
    assert alarm.inputs["metricName"] == "DeliveryToS3.DataFreshness"
    assert 900 < alarm.inputs["threshold"] == 3600 < 86_400
    silent = shop(thresholds={"log_archive_minutes": None})
    assert [found for found in silent.of_type(kind) if found.name == "shop-log-archive-waiting"] == []


def test_an_archive_that_would_keep_nothing_more_is_a_mistake() -> None:
    found = settings(retention=1096)
    assert {dotted(mistake.path): mistake.message for check in CHECKS for mistake in check(found)} == {
        "observability.archive.expire_after": "730 days are no longer than the 1096 days of retention: the archive would keep "
        "nothing that the log groups do not"
    }


def test_glacier_after_the_end_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="is not before expire_after"):
        LogArchiveSettings.model_validate({"archive_after": 90, "expire_after": 60})
