import json

import pytest
from pydantic import ValidationError

from groundwork.components.context import Context
from groundwork.components.messaging.alerts import Alerts
from groundwork.components.observability.settings import ObservabilitySettings
from tests.harness import build


def test_an_alert_topic_is_encrypted_and_takes_messages_from_this_account_only() -> None:
    snapshot = build(lambda context: Alerts("shop-alerts", ["a@example.com"], context=context))
    [topic] = snapshot.of_type("aws:sns/topic:Topic")
    assert topic.inputs["kmsMasterKeyId"]
    [policy] = snapshot.of_type("aws:sns/topicPolicy:TopicPolicy")
    allow = json.loads(policy.inputs["policy"])["Statement"][0]
    assert allow["Condition"]["StringEquals"]["aws:SourceAccount"] == "111122223333"
    assert [s.inputs["endpoint"] for s in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")] == [
        "a@example.com"
    ]


def test_eventbridge_speaks_without_a_condition_and_only_where_there_are_rules() -> None:
    admitted = {}
    for rules in (True, False):
        snapshot = build(lambda context: Alerts("shop-alerts", [], context=context, rules=rules))  # noqa: B023 - it runs at once
        [policy] = snapshot.of_type("aws:sns/topicPolicy:TopicPolicy")
        admitted[rules] = {
            service: statement.get("Condition")
            for statement in json.loads(policy.inputs["policy"])["Statement"]
            if statement["Effect"] == "Allow"
            for service in [statement["Principal"]["Service"]]
            if service == "events.amazonaws.com" or "events.amazonaws.com" in service
        }
    assert admitted == {True: {"events.amazonaws.com": None}, False: {}}


def test_each_severity_has_its_own_audience() -> None:
    """S4-12"""
    settings = ObservabilitySettings.model_validate(
        {"alerts": {"page": {"emails": ["pager@example.com"]}, "notice": {"emails": ["team@example.com"]}}}
    )
    assert settings.alerts.page is not None

    def program(context: Context) -> None:
        for severity, audience in (("notices", settings.alerts.notice), ("pages", settings.alerts.page)):
            if audience is not None:
                Alerts(f"shop-{severity}", audience.emails, context=context)

    snapshot = build(program)
    topics = {topic.outputs["arn"]: topic.name for topic in snapshot.of_type("aws:sns/topic:Topic")}
    heard = {
        topics[subscription.inputs["topic"]]: subscription.inputs["endpoint"]
        for subscription in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
    }
    assert heard == {"shop-notices-topic": "team@example.com", "shop-pages-topic": "pager@example.com"}


def test_an_address_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="match pattern"):
        ObservabilitySettings.model_validate({"alerts": {"page": {"emails": ["pager"]}}})
