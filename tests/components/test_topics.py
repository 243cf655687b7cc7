"""Topics and who hears them."""

import json
from types import SimpleNamespace

import pulumi
import pytest
from pydantic import ValidationError

from groundwork.components.access import policy_document
from groundwork.components.messaging.queue_settings import SubscriptionSettings, TopicSettings, stem
from groundwork.components.messaging.topic import Subscription, Topic
from tests.harness import build, shared

KEY = "arn:aws:kms:ap-south-1:111122223333:key/messaging"
RECEIVERS = {
    "queue": "arn:aws:sqs:ap-south-1:111122223333:shop-jobs-queue-1234567",
    "function": "arn:aws:lambda:ap-south-1:111122223333:function:shop-index-function-1234567",
}


@shared
def _topic(settings=None, *, key="events", **options):
    given = TopicSettings.model_validate(settings or {})

    def program(context):
        topic = Topic(f"shop-{stem(key)}", given, key=key, context=context)
        for name, subscription in given.subscriptions.items():
            arn = next((RECEIVERS[kind] for kind in RECEIVERS if getattr(subscription, kind)), None)
            Subscription(
                f"shop-{stem(key)}-{name}",
                subscription,
                context=context,
                topic=topic,
                receiver=SimpleNamespace(arn=pulumi.Output.from_input(arn)) if arn else None,
            )
        grant = topic.grant("publish")
        pulumi.export("publish", policy_document(grant.statements))
        pulumi.export("environment", dict(grant.environment))

    return build(program, **options)


def _only(snapshot, kind):
    (found,) = [item for item in snapshot.resources if item.custom and item.type.endswith(f":{kind}")]
    return found


def _heard_by(**subscription):
    snapshot = _topic({"subscriptions": {"it": subscription}})
    return snapshot, _only(snapshot, "TopicSubscription").inputs


def test_a_topic_is_encrypted_and_takes_nothing_in_clear_or_from_outside():
    snapshot = _topic()
    topic = _only(snapshot, "Topic")
    assert topic.inputs["kmsMasterKeyId"] == KEY
    assert topic.inputs["signatureVersion"] == 2
    statements = json.loads(_only(snapshot, "TopicPolicy").inputs["policy"])["Statement"]
    assert {item["Sid"]: (item["Effect"], item["Resource"]) for item in statements} == {
        "TlsOnly": ("Deny", topic.outputs["arn"]),
        "DenyOtherAccounts": ("Deny", topic.outputs["arn"]),
    }


def test_publishing_takes_the_topic_and_its_key_and_nothing_else():
    snapshot = _topic()
    arn = _only(snapshot, "Topic").outputs["arn"]
    publish, key = json.loads(snapshot.outputs["publish"])["Statement"]
    assert (publish["Action"], publish["Resource"]) == (["sns:Publish"], [arn])
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], [KEY])
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "sns.ap-south-1.amazonaws.com"}}
    assert snapshot.outputs["environment"] == {"EVENTS_TOPIC_ARN": arn}


def test_a_fifo_topic_by_its_name():
    snapshot = _topic({"fifo": {"deduplication": "id", "throughput": "group"}}, key="user-updates.fifo")
    topic = _only(snapshot, "Topic").inputs
    assert topic["fifoTopic"] is True
    assert topic["contentBasedDeduplication"] is False
    assert topic["fifoThroughputScope"] == "MessageGroup"
    assert list(snapshot.outputs["environment"]) == ["USER_UPDATES_TOPIC_ARN"]
    assert _only(_topic(key="events"), "Topic").inputs.get("fifoTopic") is None


def test_a_queue_hears_it_and_may_have_the_bare_message():
    """S1-12"""
    _, queue = _heard_by(queue="jobs", raw=True)
    assert (queue["protocol"], queue["endpoint"], queue["rawMessageDelivery"]) == ("sqs", RECEIVERS["queue"], True)


def test_an_address_hears_it():
    """S1-12"""
    _, email = _heard_by(email="ops@example.com")
    assert (email["protocol"], email["endpoint"]) == ("email", "ops@example.com")


def test_a_function_hears_it_and_lets_this_topic_call():
    """S1-12"""
    snapshot, function = _heard_by(function="index")
    assert (function["protocol"], function["endpoint"]) == ("lambda", RECEIVERS["function"])
    permission = _only(snapshot, "Permission")
    assert permission.inputs["principal"] == "sns.amazonaws.com"
    assert permission.inputs["action"] == "lambda:InvokeFunction"
    assert permission.inputs["sourceArn"] == _only(snapshot, "Topic").outputs["arn"]
    assert permission.urn in _only(snapshot, "TopicSubscription").dependencies


def test_only_what_matches_is_delivered():
    """S1-12"""
    _, by_attribute = _heard_by(queue="jobs", filter={"kind": ["created"]})
    assert json.loads(by_attribute["filterPolicy"]) == {"kind": ["created"]}
    assert by_attribute["filterPolicyScope"] == "MessageAttributes"
    _, by_body = _heard_by(queue="jobs", filter={"user": {"plan": [{"prefix": "pro"}]}}, filter_on="body")
    assert by_body["filterPolicyScope"] == "MessageBody"
    _, everything = _heard_by(queue="jobs")
    assert everything.get("filterPolicy") is everything.get("filterPolicyScope") is None


@pytest.mark.parametrize("subscription", [{"queue": "jobs"}, {"function": "index"}, {"email": "ops@example.com"}])
def test_what_cannot_be_delivered_is_kept_and_rings(subscription):
    snapshot, heard = _heard_by(**subscription)
    dead = _only(snapshot, "Queue")
    assert json.loads(heard["redrivePolicy"]) == {"deadLetterTargetArn": dead.outputs["arn"]}
    assert dead.inputs["kmsMasterKeyId"] == KEY
    policy = {item["Sid"]: item for item in json.loads(_only(snapshot, "QueuePolicy").inputs["policy"])["Statement"]}
    assert policy["AllowSnsSend"]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [_only(snapshot, "Topic").outputs["arn"]]}
    }
    assert _only(snapshot, "MetricAlarm").inputs["dimensions"] == {"QueueName": dead.outputs["name"]}


def test_a_fifo_topic_keeps_what_it_could_not_deliver_in_order():
    snapshot = _topic({"subscriptions": {"it": {"queue": "jobs.fifo"}}}, key="events.fifo")
    assert _only(snapshot, "Queue").inputs["fifoQueue"] is True


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        ({}, "it has none"),
        ({"queue": "jobs", "email": "ops@example.com"}, "it has queue, email"),
        ({"function": "index", "raw": True}, "queues only"),
        ({"queue": "jobs", "filter": {"kind": "created"}}, 'filter "kind" needs a list'),
        ({"queue": "jobs", "filter": {"kind": []}}, 'filter "kind" needs a list'),
        ({"queue": "jobs", "filter": {"user": {"plan": ["pro"]}}}, "filter_on: body"),
        ({"queue": "jobs", "filter": {"$or": [{"a": "x"}, {"b": ["y"]}]}}, 'filter "a" needs a list'),
    ],
)
def test_a_subscription_that_makes_no_sense_is_a_mistake(subscription, said):
    with pytest.raises(ValidationError, match=said.replace("$", r"\$")):
        SubscriptionSettings.model_validate(subscription)


def test_topics_survive_a_first_preview_and_stay_the_same():
    settings = {"subscriptions": {"a": {"queue": "jobs"}, "b": {"function": "index"}, "c": {"email": "o@example.com"}}}
    known, unknown = _topic(settings), _topic(settings, unknowns=True)
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]
    assert '"unknown"' not in known.dumps()
