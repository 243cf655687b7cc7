"""Alarms in Slack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.observability.checks import CHECKS
from groundwork.components.observability.settings import AlertsSettings
from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.mistakes import dotted
from tests.harness import build

CHANNEL = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
TEAM = {"workspace": "T0123ABCD", "channel": "C0123ABCD"}
ON_CALL = {"workspace": "T0123ABCD", "channel": "C0987WXYZ"}


def settings(alerts: dict[str, Any], **observability: Any) -> Settings:
    return Settings.model_validate(
        {
            "region": "ap-south-1",
            "platform": {"name": "shop", "stage": "prod"},
            "network": {},
            "edge": {"zone": None},
            "compute": {"engine": "fargate"},
            "services": {"web": {"port": 3000, "path": "/*"}},
            "observability": {"alerts": alerts, **observability},
        }
    )


def shop(alerts: dict[str, Any], **observability: Any) -> Snapshot:
    return build(lambda _: Platform("shop", settings(alerts, **observability)))


def heard(snapshot: Snapshot) -> dict[str, set[str]]:
    topics = {found.outputs["arn"]: found.name for found in snapshot.of_type("aws:sns/topic:Topic")}
    return {
        found.inputs["slackChannelId"]: {topics[arn] for arn in found.inputs["snsTopicArns"]}
        for found in snapshot.of_type(CHANNEL)
    }


def test_without_slack_there_is_no_trace_of_it() -> None:
    assert shop({}).of_type(CHANNEL) == []


def test_notices_reach_the_channel_while_pages_reach_mail() -> None:
    snapshot = shop({"notice": {"slack": TEAM}, "page": {"emails": ["on-call@example.com"]}})
    assert heard(snapshot) == {"C0123ABCD": {"shop-alerts-topic"}}
    [mail] = snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
    assert "shop-pages-topic" in mail.inputs["topic"]


def test_a_channel_is_configured_once_whatever_it_hears() -> None:
    """AWS refuses a second configuration of a channel in an account."""
    snapshot = shop({"notice": {"slack": TEAM}, "page": {"slack": TEAM}}, uptime={})
    assert heard(snapshot) == {"C0123ABCD": {"shop-alerts-topic", "shop-pages-topic", "shop-uptime-pages-topic"}}


def test_two_channels_hear_their_own_severities() -> None:
    assert heard(shop({"notice": {"slack": TEAM}, "page": {"slack": ON_CALL}})) == {
        "C0123ABCD": {"shop-alerts-topic"},
        "C0987WXYZ": {"shop-pages-topic"},
    }


def test_whoever_hears_notices_hears_of_the_look_from_outside_where_pages_go_there() -> None:
    snapshot = shop({"notice": {"slack": TEAM}}, uptime={})
    assert heard(snapshot) == {"C0123ABCD": {"shop-alerts-topic", "shop-uptime-pages-topic"}}


def test_nobody_in_the_channel_may_do_more_than_look_at_a_graph() -> None:
    """Without a guardrail AWS takes AdministratorAccess."""
    snapshot = shop({"notice": {"slack": TEAM}})
    [channel] = snapshot.of_type(CHANNEL)
    [guardrail] = snapshot.of_type("aws:iam/policy:Policy")
    [permission] = [
        found for found in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if found.name.startswith("shop-slack")
    ]
    assert channel.inputs["guardrailPolicyArns"] == [guardrail.outputs["arn"]]
    for policy in (guardrail, permission):
        [statement] = json.loads(policy.inputs["policy"])["Statement"]
        assert statement["Action"] == ["cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage"]
    [role] = [
        found for found in snapshot.of_type("aws:iam/role:Role") if found.outputs["arn"] == channel.inputs["iamRoleArn"]
    ]
    [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "chatbot.amazonaws.com"}


def test_the_configuration_waits_until_its_role_may_draw() -> None:
    snapshot = shop({"notice": {"slack": TEAM}})
    [channel] = snapshot.of_type(CHANNEL)
    assert any("rolePolicy:RolePolicy" in urn for urn in channel.dependencies)


@pytest.mark.parametrize(
    "slack",
    [
        {"workspace": "my-team", "channel": "C0123ABCD"},
        {"workspace": "T0123ABCD", "channel": "#alerts"},
        {"workspace": "T0123ABCD"},
    ],
)
def test_names_in_place_of_ids_are_mistakes(slack: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        AlertsSettings.model_validate({"notice": {"slack": slack}})


def test_a_channel_in_two_workspaces_is_a_mistake() -> None:
    other = {"workspace": "T9999ABCD", "channel": "C0123ABCD"}
    found = settings({"notice": {"slack": TEAM}, "page": {"slack": other}})
    assert {dotted(mistake.path): mistake.message for check in CHECKS for mistake in check(found)} == {
        "observability.alerts.page.slack.workspace": "C0123ABCD is in T0123ABCD under alerts.notice; a channel is of one workspace"
    }
