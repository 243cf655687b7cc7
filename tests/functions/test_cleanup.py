"""The cleanup, as its queue and a schedule call it."""

import datetime as dt
import json
import logging
from types import SimpleNamespace

import pytest

from tests.functions.conftest import REGION
from tests.requirements import proves

UPLOADS = "shop-uploads-1234567"
PLENTY = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


@pytest.fixture
def handler(aws, load, monkeypatch):
    monkeypatch.setenv("BUCKET", "uploads")
    monkeypatch.setenv("RULES", "uploads/temp/=24h,deleted/=30d")
    return load("cleanup")


@pytest.fixture
def later(handler, monkeypatch):
    """Let time pass."""

    def wait(**span):
        now = dt.datetime.now(dt.UTC) + dt.timedelta(**span)
        monkeypatch.setattr(handler, "_now", lambda: now)

    return wait


def put(aws, *keys):
    for key in keys:
        aws.put_object(Bucket=UPLOADS, Key=key, Body=b"content")


def keys(aws):
    return [item["Key"] for item in aws.list_objects_v2(Bucket=UPLOADS).get("Contents", ())]


def job(name="1", **body):
    return {"messageId": name, "body": json.dumps(body)}


def run(handler, *messages, context=PLENTY):
    return [
        item["itemIdentifier"] for item in handler.handle({"Records": list(messages)}, context)["batchItemFailures"]
    ]


def test_what_is_old_goes_and_what_is_not_stays(handler, later, aws):
    """S4-05"""
    put(aws, "uploads/temp/a", "uploads/temp/b/c", "uploads/final/d", "deleted/e")
    later(hours=25)
    assert run(handler, job()) == []
    assert keys(aws) == ["deleted/e", "uploads/final/d"]
    later(days=31)
    run(handler, job())
    assert keys(aws) == ["uploads/final/d"]


def test_nothing_goes_before_its_time(handler, later, aws):
    put(aws, "uploads/temp/a", "deleted/e")
    later(hours=23)
    run(handler, job())
    assert keys(aws) == ["deleted/e", "uploads/temp/a"]


def test_the_same_message_twice_does_no_harm(handler, later, aws):
    """S4-07"""
    put(aws, "uploads/temp/a")
    later(days=2)
    run(handler, job(), job("2"))
    assert handler.clean({}, PLENTY) == 0
    assert keys(aws) == []


@proves("S4-21")
def test_what_expires_is_gone_with_every_version_and_mark(handler, later, aws):
    put(aws, "uploads/temp/a", "uploads/temp/a", "uploads/temp/b", "uploads/final/c", "uploads/final/c")
    aws.delete_object(Bucket=UPLOADS, Key="uploads/temp/b")
    later(hours=25)
    assert run(handler, job()) == []
    left = aws.list_object_versions(Bucket=UPLOADS)
    assert [version["Key"] for version in left["Versions"]] == ["uploads/final/c", "uploads/final/c"]
    assert "DeleteMarkers" not in left


def test_a_version_that_was_written_in_the_meantime_stays(handler, later, aws, monkeypatch):
    put(aws, "uploads/temp/a")
    delete = handler._delete

    def rewritten(bucket, batch):
        aws.put_object(Bucket=UPLOADS, Key="uploads/temp/a", Body=b"new")
        return delete(bucket, batch)

    monkeypatch.setattr(handler, "_delete", rewritten)
    later(days=2)
    assert handler.clean({}, PLENTY) == 1
    (left,) = aws.list_object_versions(Bucket=UPLOADS)["Versions"]
    assert left["IsLatest"]
    assert left["Size"] == len(b"new")


def test_a_dry_run_says_and_does_not(handler, later, aws, caplog):
    put(aws, "uploads/temp/a", "uploads/temp/b")
    later(days=2)
    with caplog.at_level(logging.INFO):
        assert handler.handle({"dry_run": True, "scheduled_at": "2027-01-31T02:00:00Z"}, PLENTY) == {"deleted": 2}
    said = [
        (record.message, record.prefix, record.objects, record.bytes)
        for record in caplog.records
        if hasattr(record, "prefix")
    ]
    assert said == [("would delete", "uploads/temp/", 2, 14), ("would delete", "deleted/", 0, 0)]
    assert len(keys(aws)) == 2


def test_the_environment_can_ask_for_dry_runs_too(handler, later, aws, monkeypatch):
    monkeypatch.setenv("DRY_RUN", "true")
    put(aws, "uploads/temp/a")
    later(days=2)
    run(handler, job(dry_run=False))
    assert keys(aws) == ["uploads/temp/a"]


def test_a_schedule_may_call_it_itself(handler, later, aws):
    put(aws, "uploads/temp/a")
    later(days=2)
    assert handler.handle({"scheduled_at": "2027-01-31T02:00:00Z"}, PLENTY) == {"deleted": 1}


def test_more_objects_than_one_page_holds_all_go(handler, later, aws, monkeypatch):
    monkeypatch.setattr(handler, "BATCH", 5)
    put(aws, *(f"uploads/temp/{number:02d}" for number in range(23)))
    later(days=2)
    assert handler.clean({}, PLENTY) == 23
    assert keys(aws) == []


def test_when_time_is_up_the_message_comes_again_and_the_rest_goes(handler, later, aws, monkeypatch):
    monkeypatch.setattr(handler, "BATCH", 5)
    put(aws, *(f"uploads/temp/{number:02d}" for number in range(12)))
    later(days=2)
    nearly_over = SimpleNamespace(get_remaining_time_in_millis=lambda: 5_000)
    assert run(handler, job(), context=nearly_over) == ["1"]
    assert len(keys(aws)) == 7
    assert run(handler, job()) == []
    assert keys(aws) == []


def test_the_folder_itself_stays(handler, later, aws):
    put(aws, "uploads/temp/")
    later(days=2)
    run(handler, job())
    assert keys(aws) == ["uploads/temp/"]


def test_without_versions_each_object_goes_only_if_it_is_still_what_was_found(handler, later, aws, monkeypatch):
    monkeypatch.setenv("UPLOADS_BUCKET", "shop-plain")
    aws.create_bucket(Bucket="shop-plain", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("uploads/temp/a", "uploads/temp/b"):
        aws.put_object(Bucket="shop-plain", Key=key, Body=b"content")
    asked = {}

    def refuse(**request):
        asked.update(request)
        return {"Errors": [{"Key": "uploads/temp/a", "Code": "PreconditionFailed"}]}

    monkeypatch.setattr(handler._s3(), "delete_objects", refuse)
    later(days=2)
    assert handler.clean({}, PLENTY) == 1
    etag = aws.head_object(Bucket="shop-plain", Key="uploads/temp/a")["ETag"]
    assert {"Key": "uploads/temp/a", "ETag": etag} in asked["Delete"]["Objects"]


def test_an_object_that_cannot_be_deleted_is_not_passed_over(handler, later, aws, monkeypatch):
    put(aws, "uploads/temp/a")
    denied = {"Errors": [{"Key": "uploads/temp/a", "Code": "AccessDenied"}]}
    monkeypatch.setattr(handler._s3(), "delete_objects", lambda **_: denied)
    later(days=2)
    assert run(handler, job()) == ["1"]


def test_it_makes_its_own_client(handler, load, aws):
    assert run(load("cleanup", own_client=True), job()) == []


def test_one_bad_message_brings_back_itself_alone(handler, aws):
    assert run(handler, {"messageId": "bad", "body": "{"}, job("good")) == ["bad"]


@pytest.mark.parametrize(
    "text", ["", "=24h", "/=24h", "temp=24h", "temp/=24", "temp/=0h", "temp/=1w", "temp/=1h;x/=1h"]
)
def test_a_rule_that_is_not_clear_deletes_nothing(handler, text):
    with pytest.raises(ValueError, match="RULES"):
        handler.rules(text)
