"""The look from outside: a health check, its alarm, and who is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from botocore.session import get_session

from groundwork.components.observability.checks import CHECKS
from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import health_checkers
from groundwork.settings.mistakes import dotted
from tests.harness import build

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
CHECK = "aws:route53/healthCheck:HealthCheck"
GLOBAL = "us-east-1"
SHOP: dict[str, Any] = {
    "platform": {"name": "shop", "stage": "prod", "domain": "shop.example.com"},
    "network": {},
    "edge": {"zone": {"delegated": True}},
    "compute": {"engine": "fargate"},
    "services": {"web": {"port": 3000, "path": "/*"}},
    "observability": {
        "uptime": {"path": "/health", "minutes": 3},
        "alerts": {"notice": {"emails": ["team@example.com"]}, "page": {"emails": ["on-call@example.com"]}},
    },
}


def settings(region: str = "ap-south-1", **layers: Any) -> Settings:
    return Settings.model_validate({"region": region, **SHOP, **layers})


@cache
def shop(region: str = "ap-south-1") -> Snapshot:
    platform = SHOP["platform"]
    return build(lambda _: Platform("shop", settings(region)), region=region, domain=platform["domain"])


def built(**layers: Any) -> Snapshot:
    return build(lambda _: Platform("shop", settings(**layers)), domain="shop.example.com")


def observed(**changes: Any) -> dict[str, Any]:
    return {**SHOP["observability"], **changes}


def unreachable(snapshot: Snapshot) -> Resource:
    [alarm] = [found for found in snapshot.of_type(ALARM) if found.inputs.get("metricName") == "HealthCheckStatus"]
    return alarm


def mistakes(found: Settings) -> dict[str, str]:
    return {dotted(mistake.path): mistake.message for check in CHECKS for mistake in check(found)}


def test_it_asks_for_the_domain_over_https_as_browsers_do() -> None:
    [check] = shop().of_type(CHECK)
    assert {key: check.inputs[key] for key in ("type", "fqdn", "port", "resourcePath", "enableSni")} == {
        "type": "HTTPS",
        "fqdn": "shop.example.com",
        "port": 443,
        "resourcePath": "/health",
        "enableSni": True,
    }


def test_without_a_domain_it_asks_for_cloudfronts_name() -> None:
    snapshot = build(lambda _: Platform("shop", settings(platform={"name": "shop", "stage": "prod"})))
    [check] = snapshot.of_type(CHECK)
    [distribution] = snapshot.of_type("aws:cloudfront/distribution:Distribution")
    assert check.inputs["fqdn"] == distribution.outputs["domainName"]


def test_text_that_must_be_there_makes_it_search() -> None:
    [check] = built(observability=observed(uptime={"contains": "Welcome"})).of_type(CHECK)
    assert (check.inputs["type"], check.inputs["searchString"]) == ("HTTPS_STR_MATCH", "Welcome")


def test_alarm_topic_key_and_subscription_stand_where_route_53_keeps_the_metric() -> None:
    """An alarm reaches no topic, and a topic no key, of another region."""
    snapshot = shop()
    alarm = unreachable(snapshot)
    [topic_arn] = alarm.inputs["alarmActions"]
    assert alarm.inputs["okActions"] == [topic_arn]
    [topic] = [found for found in snapshot.of_type("aws:sns/topic:Topic") if found.outputs["arn"] == topic_arn]
    [key] = [
        found for found in snapshot.of_type("aws:kms/key:Key") if found.outputs["arn"] == topic.inputs["kmsMasterKeyId"]
    ]
    [subscription] = [
        found
        for found in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
        if found.inputs["topic"] == topic_arn
    ]
    assert {item.inputs["region"] for item in (alarm, topic, key, subscription)} == {GLOBAL}
    assert topic_arn.split(":")[3] == topic.inputs["kmsMasterKeyId"].split(":")[3] == GLOBAL
    assert subscription.inputs["endpoint"] == "on-call@example.com"


def test_only_cloudwatch_of_this_account_uses_that_topic_and_its_key() -> None:
    snapshot = shop()
    [key] = [found for found in snapshot.of_type("aws:kms/key:Key") if found.name == "shop-uptime-pages"]
    [policy] = [
        found
        for found in snapshot.of_type("aws:sns/topicPolicy:TopicPolicy")
        if found.inputs["arn"] == unreachable(snapshot).inputs["alarmActions"][0]
    ]
    for resource in (key, policy):
        [statement] = [
            found
            for found in json.loads(resource.inputs["policy"])["Statement"]
            if found["Effect"] == "Allow" and "Service" in found["Principal"]
        ]
        assert statement["Principal"]["Service"] == ["cloudwatch.amazonaws.com"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_in_us_east_1_it_speaks_to_the_topics_of_the_platform_and_pages_as_others_do() -> None:
    snapshot = shop(GLOBAL)
    alarm = unreachable(snapshot)
    topics = {found.outputs["arn"]: found.name for found in snapshot.of_type("aws:sns/topic:Topic")}
    assert [topics[arn] for arn in alarm.inputs["alarmActions"]] == ["shop-alerts-topic"]
    assert set(topics.values()) == {"shop-alerts-topic", "shop-pages-topic"}
    [serving] = [
        found for found in snapshot.of_type("aws:cloudwatch/compositeAlarm:CompositeAlarm") if "serving" in found.name
    ]
    assert alarm.outputs["name"] in serving.inputs["alarmRule"]


def test_elsewhere_no_composite_alarm_names_an_alarm_that_it_cannot_see() -> None:
    snapshot = shop()
    name = unreachable(snapshot).outputs["name"]
    assert all(
        name not in found.inputs["alarmRule"]
        for found in snapshot.of_type("aws:cloudwatch/compositeAlarm:CompositeAlarm")
    )


def test_silence_of_the_health_check_is_an_outage() -> None:
    inputs = unreachable(shop()).inputs
    assert (inputs["threshold"], inputs["comparisonOperator"]) == (1, "LessThanThreshold")
    assert (inputs["evaluationPeriods"], inputs["treatMissingData"]) == (3, "breaching")


def test_without_an_audience_for_pages_those_who_get_notices_are_told() -> None:
    snapshot = built(observability=observed(alerts={"notice": {"emails": ["team@example.com"]}}))
    [topic] = unreachable(snapshot).inputs["alarmActions"]
    assert [
        found.inputs["endpoint"]
        for found in snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")
        if found.inputs["topic"] == topic
    ] == ["team@example.com"]


def test_locations_in_blocked_countries_are_not_asked() -> None:
    [check] = built(edge={"waf": {"blocked_countries": ["US", "CN"]}}).of_type(CHECK)
    assert "us-east-1" not in check.inputs["regions"]
    assert len(check.inputs["regions"]) == 5


def test_the_locations_are_those_that_route_53_has() -> None:
    shapes = get_session().get_service_model("route53")
    assert set(health_checkers()) == set(shapes.shape_for("HealthCheckRegion").enum)


@pytest.mark.parametrize(
    ("layers", "path", "message"),
    [
        ({"edge": None}, "observability.uptime", "nothing of this stack is reached from outside"),
        ({"services": {"worker": {}}}, "observability.uptime", "nothing of this stack is reached from outside"),
        (
            {"platform": {"name": "shop", "stage": "dev", "hours": {"start": "08:00", "stop": "18:00"}}},
            "observability.uptime",
            "would page every evening",
        ),
        (
            {"edge": {"waf": {"blocked_countries": ["US", "AU", "JP", "BR"]}}},
            "edge.waf.blocked_countries",
            "leaves eu-west-1, ap-southeast-1 of Route 53's locations",
        ),
    ],
)
def test_a_check_that_could_only_fail_is_a_mistake(layers: Mapping[str, Any], path: str, message: str) -> None:
    assert mistakes(settings(**layers))[path].startswith(message)
