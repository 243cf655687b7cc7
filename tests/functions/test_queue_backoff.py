"""Messages that failed come again later each time, and nothing else of a batch is touched."""

from types import SimpleNamespace

import boto3
import pytest
import queue_backoff
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.functions.conftest import CREDENTIALS, REGION

PLENTY = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
ARN = f"arn:aws:sqs:{REGION}:123456789012:shop-jobs-queue-1234567"


@pytest.fixture
def asked(monkeypatch):
    """What SQS is asked, with the longest backoff each time."""
    requests = []
    client = SimpleNamespace(change_message_visibility=lambda **request: requests.append(request))
    monkeypatch.setattr(queue_backoff, "_sqs", lambda: client)
    monkeypatch.setattr(queue_backoff.random, "uniform", lambda least, most: most)
    monkeypatch.setenv("QUEUE_BACKOFF_FIRST_SECONDS", "10")
    monkeypatch.setenv("QUEUE_BACKOFF_MOST_SECONDS", "900")
    return requests


def record(name, tries=1):
    return {
        "messageId": name,
        "receiptHandle": f"receipt of {name}",
        "eventSourceARN": ARN,
        "attributes": {"ApproximateReceiveCount": str(tries)},
    }


def test_each_try_waits_twice_as_long_up_to_the_most(asked):
    records = [record(str(tries), tries) for tries in (1, 2, 3, 7, 8, 40)]
    queue_backoff.put_off(records, {item["messageId"] for item in records}, PLENTY)
    assert [request["VisibilityTimeout"] for request in asked] == [10, 20, 40, 640, 900, 900]


def test_only_what_failed_is_hidden(asked):
    queue_backoff.put_off([record("a"), record("b")], ["b"], PLENTY)
    assert asked == [
        {
            "QueueUrl": f"https://sqs.{REGION}.amazonaws.com/123456789012/shop-jobs-queue-1234567",
            "ReceiptHandle": "receipt of b",
            "VisibilityTimeout": 10,
        }
    ]


@given(st.integers(1, 2000), st.integers(1, 43200), st.integers(1, 43200))
def test_no_message_is_hidden_for_longer_than_sqs_can(tries, first, most):
    assert 1 <= queue_backoff.seconds(tries, first, most) <= max(1, min(most, queue_backoff.LIMIT))


def test_without_the_setting_visibility_decides(asked, monkeypatch):
    monkeypatch.delenv("QUEUE_BACKOFF_FIRST_SECONDS")
    queue_backoff.put_off([record("a")], ["a"], PLENTY)
    assert asked == []


def test_near_its_end_a_copy_hides_nothing(asked):
    queue_backoff.put_off([record("a")], ["a"], SimpleNamespace(get_remaining_time_in_millis=lambda: 2_000))
    assert asked == []


def test_a_queue_that_refuses_brings_nothing_down(monkeypatch, asked, caplog):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "ChangeMessageVisibility")

    monkeypatch.setattr(queue_backoff, "_sqs", lambda: SimpleNamespace(change_message_visibility=refuse))
    queue_backoff.put_off([record("a")], ["a"], PLENTY)
    assert "not put off" in caplog.text


def test_the_queue_is_found_by_its_arn(monkeypatch):
    for name, value in {
        **CREDENTIALS,
        "QUEUE_BACKOFF_FIRST_SECONDS": "10",
        "QUEUE_BACKOFF_MOST_SECONDS": "900",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("sqs", region_name=REGION)
        url = client.create_queue(QueueName="jobs")["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody="{}")
        (message,) = client.receive_message(QueueUrl=url)["Messages"]
        received = {
            **record(message["MessageId"]),
            "receiptHandle": message["ReceiptHandle"],
            "eventSourceARN": client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ],
        }
        queue_backoff._sqs.cache_clear()
        queue_backoff.put_off([received], [message["MessageId"]], PLENTY)
        hidden = client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])[
            "Attributes"
        ]
    queue_backoff._sqs.cache_clear()
    assert hidden["ApproximateNumberOfMessagesNotVisible"] == "1"
