import json

from components.messaging.alerts import Alerts
from tests.harness import build


def test_an_alert_topic_is_encrypted_and_takes_messages_from_this_account_only() -> None:
    snapshot = build(
        lambda foundation: Alerts(
            "shop-alerts", ["a@example.com"], foundation=foundation, key_arn="arn:aws:kms:ap-south-1:111122223333:key/k"
        )
    )
    [topic] = snapshot.of_type("aws:sns/topic:Topic")
    assert topic.inputs["kmsMasterKeyId"]
    [policy] = snapshot.of_type("aws:sns/topicPolicy:TopicPolicy")
    allow = json.loads(policy.inputs["policy"])["Statement"][0]
    assert allow["Condition"]["StringEquals"]["aws:SourceAccount"] == "111122223333"
    assert [s.inputs["endpoint"] for s in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")] == [
        "a@example.com"
    ]
