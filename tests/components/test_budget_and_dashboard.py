import json
from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.alarms import Metric, alarm
from groundwork.components.budget.budget import Budget
from groundwork.components.budget.settings import BudgetSettings
from groundwork.components.context import Context
from groundwork.components.messaging.alerts import Alerts
from groundwork.components.observability.dashboard import Dashboard
from groundwork.components.observability.settings import ObservabilitySettings
from tests.harness import build, observed
from tests.requirements import proves

TOPIC = "arn:aws:sns:ap-south-1:111122223333:alerts"


def budget(**settings: Any) -> list[Any]:
    snapshot = build(
        lambda context: Budget(
            "shop-budget",
            BudgetSettings.model_validate(settings),
            context=context,
            emails=["a@example.com"],
            topic_arn=TOPIC,
        )
    )
    return list(snapshot.resources)


def test_a_budget_tells_of_actual_and_forecast_cost() -> None:
    [resource] = [
        r
        for r in budget(monthly=150, actual_percent=[50, 100], forecast_percent=[100])
        if r.type == "aws:budgets/budget:Budget"
    ]
    assert resource.inputs["limitAmount"] == "150.00"
    assert [(n["notificationType"], n["threshold"]) for n in resource.inputs["notifications"]] == [
        ("ACTUAL", 50),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    assert all(n["subscriberSnsTopicArns"] == [TOPIC] for n in resource.inputs["notifications"])


def test_a_budget_tells_at_absolute_amounts() -> None:
    """S4-13: $10, $20, $30 and $40."""
    [resource] = [
        r for r in budget(monthly=40, alert_dollars=[10, 20, 30, 40]) if r.type == "aws:budgets/budget:Budget"
    ]
    assert [(n["notificationType"], n["thresholdType"], n["threshold"]) for n in resource.inputs["notifications"]] == [
        *(("ACTUAL", "ABSOLUTE_VALUE", dollars) for dollars in (10, 20, 30, 40)),
        ("FORECASTED", "PERCENTAGE", 100),
    ]


def test_a_day_that_costs_more_than_its_limit_is_told_of() -> None:
    """S4-13: daily cost > $2. AWS has no forecast for a day."""
    found = {r.name: r.inputs for r in budget(monthly=40, daily=2) if r.type == "aws:budgets/budget:Budget"}
    assert set(found) == {"shop-budget-monthly", "shop-budget-daily"}
    daily = found["shop-budget-daily"]
    assert (daily["timeUnit"], daily["limitAmount"]) == ("DAILY", "2.00")
    [told] = daily["notifications"]
    assert (told["notificationType"], told["comparisonOperator"]) == ("ACTUAL", "GREATER_THAN")
    assert (told["threshold"], told["thresholdType"]) == (100, "PERCENTAGE")
    assert told["subscriberSnsTopicArns"] == [TOPIC]


def test_without_a_daily_limit_there_is_one_budget() -> None:
    assert len([r for r in budget() if r.type == "aws:budgets/budget:Budget"]) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"monthly": 40, "alert_dollars": [20, 40], "actual_percent": [50]}, r"\$20 would be told of twice"),
        ({"alert_dollars": [10, 10]}, "is listed twice"),
        ({"forecast_percent": [90, 90]}, "is listed twice"),
        ({"alert_dollars": list(range(1, 11))}, r"11 alerts \(10 alert_dollars, .* more than the 10"),
        ({"alert_dollars": [0]}, "greater than 0"),
        ({"daily": 0}, "greater than 0"),
    ],
)
def test_alerts_that_aws_would_refuse_are_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BudgetSettings.model_validate(settings)


def test_shares_are_told_of_where_no_amounts_are_given() -> None:
    assert BudgetSettings().shares == (50, 80, 100)
    assert BudgetSettings(alert_dollars=(10,)).shares == ()
    assert BudgetSettings(alert_dollars=(10,), actual_percent=(75,)).shares == (75,)


def test_a_budget_of_the_platform_counts_what_carries_its_tag() -> None:
    [resource] = [r for r in budget(scope="platform") if r.type == "aws:budgets/budget:Budget"]
    assert resource.inputs["costFilters"] == [{"name": "TagKeyValue", "values": ["user:platform$shop"]}]


def test_cost_allocation_tags_outlive_the_stack_since_others_may_use_them() -> None:
    tags = [r for r in budget(activate_tags=True) if r.type == "aws:costexplorer/costAllocationTag:CostAllocationTag"]
    assert {tag.inputs["tagKey"] for tag in tags} == {"platform", "stage", "layer"}
    assert all(tag.options["retainOnDelete"] for tag in tags)


@proves("S1-23")
def test_anomalies_are_looked_for_under_the_platforms_tag_or_in_every_service() -> None:
    def monitor(**anomalies: Any) -> dict[str, Any]:
        found = [r for r in budget(anomalies=anomalies) if r.type == "aws:costexplorer/anomalyMonitor:AnomalyMonitor"]
        return found[0].inputs if found else {}

    assert json.loads(monitor()["monitorSpecification"])["Tags"]["Values"] == ["shop"]
    services = monitor(over="services")
    assert (services["monitorType"], services["monitorDimension"]) == ("DIMENSIONAL", "SERVICE")
    existing = "arn:aws:ce::111122223333:anomalymonitor/0a1b2c3d-0000-4444-8888-000000000000"
    assert monitor(monitor=existing) == {}
    [subscription] = [
        r
        for r in budget(anomalies={"monitor": existing, "dollars": 50})
        if r.type == "aws:costexplorer/anomalySubscription:AnomalySubscription"
    ]
    assert subscription.inputs["monitorArnLists"] == [existing]
    assert subscription.inputs["thresholdExpression"]["dimension"]["values"] == ["50"]
    assert subscription.inputs["subscribers"] == [{"type": "SNS", "address": TOPIC}]


def test_a_monitor_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        BudgetSettings.model_validate({"anomalies": {"monitor": "arn:aws:ce::1:anomalymonitor/x"}})


@proves("S1-23")
def test_a_budget_alerts_on_actual_cost_and_on_what_is_forecast() -> None:
    [resource] = [r for r in budget(monthly=2000) if r.type == "aws:budgets/budget:Budget"]
    assert {n["notificationType"] for n in resource.inputs["notifications"]} == {"ACTUAL", "FORECASTED"}


def test_a_monitor_has_the_expression_that_the_provider_reads_back() -> None:
    """Otherwise it is replaced at every update: a missing member of the expression is read back as null."""
    [monitor] = [r for r in budget(anomalies={}) if r.type == "aws:costexplorer/anomalyMonitor:AnomalyMonitor"]
    assert json.loads(monitor.inputs["monitorSpecification"]) == {
        "And": None,
        "CostCategories": None,
        "Dimensions": None,
        "Not": None,
        "Or": None,
        "Tags": {"Key": "user:platform", "MatchOptions": None, "Values": ["shop"]},
    }


def test_nothing_that_an_account_may_have_already_is_made_unasked() -> None:
    """Most accounts have AWS's own monitor over services, and members of an organisation may not make one over a tag."""
    assert not [r for r in budget() if "anomaly" in r.type]


@proves("S4-13")
def test_alerts_speak_while_credits_pay() -> None:
    budgets = [r for r in budget(monthly=40, daily=2) if r.type == "aws:budgets/budget:Budget"]
    assert len(budgets) == 2
    for resource in budgets:
        assert resource.inputs["costTypes"] == {"includeCredit": False, "includeRefund": False}


def test_budgets_and_anomalies_wait_until_the_topic_lets_them_speak() -> None:
    def program(context: Context) -> None:
        topic = Alerts("shop-alerts", [], context=context)
        Budget(
            "shop-budget",
            BudgetSettings.model_validate({"anomalies": {}}),
            context=context,
            emails=[],
            topic_arn=topic.topic_arn,
            after=[topic],
        )

    snapshot = build(program)
    [policy] = snapshot.of_type("aws:sns/topicPolicy:TopicPolicy")
    speakers = snapshot.of_type("aws:budgets/budget:Budget", "aws:costexplorer/anomalySubscription:AnomalySubscription")
    assert len(speakers) == 2
    assert all(policy.urn in speaker.dependencies for speaker in speakers)


def dashboard_of(count: int) -> dict[str, Any]:
    def program(context: Context) -> None:
        topic = Alerts("shop-alerts", [], context=context)
        for index in range(count):
            metric = Metric("AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": "db"})
            alarm(topic, f"cpu-{index}", metric, threshold=80, description="Busy.")
        Dashboard("shop-dashboard", context=context, alarms=context.alerting.declared)

    [dashboard] = build(program).of_type("aws:cloudwatch/dashboard:Dashboard")
    body: dict[str, Any] = json.loads(dashboard.inputs["dashboardBody"])
    return body


def test_every_alarm_is_on_the_dashboard_with_its_metric() -> None:
    widgets = dashboard_of(5)["widgets"]
    assert len([widget for widget in widgets if widget["type"] == "metric"]) == 5
    assert all(arn.startswith("arn:aws:cloudwatch:") for arn in widgets[1]["properties"]["alarms"])


def test_widgets_of_a_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard_of(7)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells


def test_a_dashboard_with_too_many_alarms_says_what_it_leaves_out() -> None:
    widgets = dashboard_of(403)["widgets"]
    assert "3 more alarms" in widgets[0]["properties"]["markdown"]
    assert len(widgets) < 500


def test_an_alarm_links_to_its_place_in_the_runbook() -> None:
    def program(context: Context) -> None:
        told = observed(context, ObservabilitySettings(runbook="https://runbook.example.com/alarms"))
        topic = Alerts("shop-alerts", [], context=told)
        alarm(topic, "cpu", Metric("AWS/RDS", "CPUUtilization", {}), threshold=80, description="Busy.")

    [resource] = build(program).of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert resource.inputs["alarmDescription"] == "Busy.\nRunbook: https://runbook.example.com/alarms#cpu"
    assert resource.inputs["okActions"] == resource.inputs["alarmActions"]
