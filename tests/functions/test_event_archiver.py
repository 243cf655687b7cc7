"""The archiver, as its queue calls it."""

import gzip
import json
from types import SimpleNamespace

import pytest

from tests.requirements import proves

MEDIA = "shop-media-1234567"
PLENTY = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
SENT = 1801382400123  # 2027-01-31, 08:00 UTC


@pytest.fixture
def handler(aws, load, monkeypatch):
    monkeypatch.setenv("BUCKET", "media")
    return load("event_archiver")


def record(name, body, **attributes):
    return {"messageId": name, "body": body, "attributes": {"SentTimestamp": str(SENT), **attributes}}


def kept(aws):
    """Key → lines."""
    found = {}
    for item in aws.list_objects_v2(Bucket=MEDIA).get("Contents", ()):
        body = aws.get_object(Bucket=MEDIA, Key=item["Key"])["Body"].read()
        found[item["Key"]] = [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
    return found


@proves("S1-25")
def test_a_batch_becomes_an_object_by_the_hour(handler, aws):
    batch = [record("a", '{"kind": "post.created"}', MessageGroupId="user-activity"), record("b", "plain")]
    assert handler.handle({"Records": batch}, PLENTY) == {"batchItemFailures": []}
    ((key, lines),) = kept(aws).items()
    assert key.startswith("events/2027/01/31/08/")
    sent = "2027-01-31T08:00:00.123000+00:00"
    assert lines == [
        {"id": "a", "sent_at": sent, "message": {"kind": "post.created"}, "group": "user-activity"},
        {"id": "b", "sent_at": sent, "message": "plain"},
    ]


def test_the_envelope_of_a_topic_is_left_out(handler):
    body = json.dumps({"Type": "Notification", "Message": '{"kind": "post.liked"}'})
    assert handler.line(record("a", body))["message"] == {"kind": "post.liked"}


def test_the_same_batch_again_writes_the_same_object(handler, aws):
    for order in ("ab", "ba"):
        handler.handle({"Records": [record(name, "{}") for name in order]}, PLENTY)
    assert len(kept(aws)) == 1


def test_a_batch_that_cannot_be_kept_comes_again_as_a_whole(handler, monkeypatch):
    monkeypatch.setenv("MEDIA_BUCKET", "there-is-none")
    failed = handler.handle({"Records": [record("a", "{}"), record("b", "{}")]}, PLENTY)
    assert [item["itemIdentifier"] for item in failed["batchItemFailures"]] == ["a", "b"]
