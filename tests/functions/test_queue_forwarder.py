"""The forwarder, as a topic calls it, with a FIFO queue that deduplicates as SQS does."""

import json

import boto3
import pytest
from moto import mock_aws

from tests.functions.conftest import CREDENTIALS, REGION
from tests.requirements import proves


@pytest.fixture
def queue(monkeypatch):
    """A client, and the address of the FIFO queue."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("sqs", region_name=REGION)
        url = client.create_queue(QueueName="analytics.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        monkeypatch.setenv("ANALYTICS_QUEUE_URL", url)
        monkeypatch.setenv("QUEUE", "analytics.fifo")
        monkeypatch.setenv("GROUP", "user-activity")
        yield client, url


@pytest.fixture
def handler(queue, load):
    return load("queue_forwarder", own_client=True)


def told(handler, *messages, attributes=None):
    records = [
        {"Sns": {"MessageId": str(number), "Message": message, "MessageAttributes": attributes or {}}}
        for number, message in enumerate(messages)
    ]
    handler.handle({"Records": records}, None)


def received(queue):
    client, url = queue
    return client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
    ).get("Messages", [])


@proves("S1-25")
def test_what_the_topic_tells_reaches_the_queue_in_its_group(handler, queue):
    told(
        handler,
        '{"kind": "post.created"}',
        attributes={"kind": {"Type": "String", "Value": "post.created"}, "raw": {"Type": "Binary", "Value": "AAE="}},
    )
    (message,) = received(queue)
    assert message["Body"] == '{"kind": "post.created"}'
    assert message["Attributes"]["MessageGroupId"] == "user-activity"
    assert message["MessageAttributes"] == {"kind": {"DataType": "String", "StringValue": "post.created"}}


def test_the_same_message_twice_arrives_once(handler, queue):
    told(handler, '{"id": 1}')
    told(handler, '{"id": 1}', '{"id": 2}')
    assert len(received(queue)) + len(received(queue)) <= 2


def test_a_group_can_be_filled_from_the_message(handler):
    assert handler.group("user-{user.id}", json.dumps({"user": {"id": 7}})) == "user-7"


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"user": {"id": true}}', '{"user": {"id": "a b"}}'])
def test_a_message_that_fills_no_group_is_not_handed_on(handler, text):
    with pytest.raises(handler.Malformed):
        handler.group("user-{user.id}", text)
