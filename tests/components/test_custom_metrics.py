"""Custom metrics from log lines."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.context import Context
from groundwork.components.observability.dashboard import Dashboard
from groundwork.components.observability.metrics import Metrics, pattern
from groundwork.components.observability.pages import Pages
from groundwork.components.observability.settings import MetricSettings, ObservabilitySettings
from groundwork.preview.snapshot import Snapshot
from tests.harness import build, observed, shared

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"

# What docs/custom-metrics.md shows.
STOREFRONT: dict[str, Any] = {
    "response-time": {
        "service": "api",
        "value": "$.duration_ms",
        "where": '$.event = "request"',
        "unit": "Milliseconds",
        "statistic": "p95",
        "alarm": {"above": {"notice": 500, "page": 2000}},
    },
    "query-time": {"service": "api", "value": "$.query_ms", "unit": "Milliseconds"},
    "cache-lookups": {"service": "api", "where": '$.event = "cache"'},
    "cache-hit-rate": {
        "service": "api",
        "where": '$.event = "cache" && $.hit IS TRUE',
        "share_of": "cache-lookups",
        "alarm": {"below": 80, "minutes": 15},
    },
    "posts": {"service": "worker", "embedded": True, "unit": "Count", "statistic": "Sum"},
}


@shared
def shop(metrics: dict[str, Any] | None = None, **options: Any) -> Snapshot:
    def program(context: Context) -> None:
        settings = ObservabilitySettings.model_validate({"metrics": STOREFRONT if metrics is None else metrics})
        context = observed(context, settings)
        built = Metrics(
            "shop-metrics",
            settings.metrics,
            context=context,
            log_group_names={"api": "/shop/prod/services/api", "worker": "/shop/prod/services/worker"},
        )
        pages = Pages("shop-pages", context=context)
        Dashboard(
            "shop-dashboard",
            context=context,
            alarms=context.alerting.declared,
            pages=pages.alarm_arns,
            graphs=built.graphs,
        )

    return build(program, **options)


def filters(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {resource.inputs["metricTransformation"]["name"]: resource.inputs for resource in snapshot.of_type(FILTER)}


def test_numbers_are_drawn_from_the_log_lines_of_their_service() -> None:
    """S0-11: response time, database query time, cache hit rate."""
    found = filters(shop())
    assert set(found) == {"response-time", "query-time", "cache-lookups", "cache-hit-rate"}
    response = found["response-time"]
    assert response["logGroupName"] == "/shop/prod/services/api"
    assert response["pattern"] == '{ ($.duration_ms = *) && ($.event = "request") }'
    assert response["metricTransformation"] == {
        "name": "response-time",
        "namespace": "shop/prod",
        "unit": "Milliseconds",
        "value": "$.duration_ms",
    }
    assert found["query-time"]["pattern"] == "{ $.query_ms = * }"


def test_what_is_counted_is_zero_where_no_line_matches() -> None:
    transformation = filters(shop())["cache-lookups"]["metricTransformation"]
    assert (transformation["value"], transformation["defaultValue"]) == ("1", "0")


def test_a_metric_has_alarms_of_both_severities_on_its_percentile() -> None:
    found = {alarm.name.removeprefix("shop-metrics-"): alarm.inputs for alarm in shop().of_type(ALARM)}
    assert set(found) == {"response-time", "response-time-page", "cache-hit-rate"}
    assert found["response-time"]["extendedStatistic"] == "p95"
    assert (found["response-time"]["threshold"], found["response-time-page"]["threshold"]) == (500, 2000)
    assert found["response-time"]["namespace"] == "shop/prod"


def test_a_rate_is_watched_as_percent_and_nothing_looked_up_is_no_fault() -> None:
    [rate] = [alarm.inputs for alarm in shop().of_type(ALARM) if "hit-rate" in alarm.name]
    queries = {query["id"]: query for query in rate["metricQueries"]}
    assert queries["result"]["expression"] == "IF(FILL(whole, 0) > 0, 100 * FILL(part, 0) / whole, 100)"
    assert {queries[key]["metric"]["stat"] for key in ("part", "whole")} == {"Sum"}
    assert queries["whole"]["metric"]["metricName"] == "cache-lookups"
    assert (rate["comparisonOperator"], rate["threshold"], rate["evaluationPeriods"]) == ("LessThanThreshold", 80, 15)


def test_an_embedded_metric_needs_no_filter_and_stands_on_the_dashboard() -> None:
    [dashboard] = shop().of_type("aws:cloudwatch/dashboard:Dashboard")
    curves = [
        widget["properties"]["metrics"]
        for widget in json.loads(dashboard.inputs["dashboardBody"])["widgets"]
        if "metrics" in widget["properties"]
    ]
    assert [["shop/prod", "posts", {"stat": "Sum"}]] in curves
    assert len(curves) == len(STOREFRONT)


def test_a_rate_is_on_the_dashboard_as_one_curve() -> None:
    [dashboard] = shop().of_type("aws:cloudwatch/dashboard:Dashboard")
    [curves] = [
        widget["properties"]["metrics"]
        for widget in json.loads(dashboard.inputs["dashboardBody"])["widgets"]
        if "cache-hit-rate" in widget["properties"].get("title", "") and "metrics" in widget["properties"]
    ]
    assert [curve[-1].get("visible", True) for curve in curves] == [True, False, False]
    assert curves[0][0]["label"] == "cache-hit-rate of api, percent of cache-lookups"


def test_an_alarm_of_a_metric_can_page() -> None:
    [composite] = shop().of_type("aws:cloudwatch/compositeAlarm:CompositeAlarm")
    assert composite.name == "shop-pages-serving"
    assert "response-time-page" in composite.inputs["alarmRule"]


def test_another_metric_changes_no_urn() -> None:
    more = {**STOREFRONT, "another": {"service": "api", "value": "$.other"}}
    added = {resource.urn for resource in shop(more).resources} - {resource.urn for resource in shop().resources}
    assert [urn.rpartition("::")[2] for urn in added] == ["shop-metrics-another"]


def test_unknowns_change_no_metric() -> None:
    known, unknown = shop(), shop(unknowns=True)
    assert [resource.urn for resource in known.resources] == [resource.urn for resource in unknown.resources]
    assert '"$groundwork": "unknown"' not in known.dumps()


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({}, "needs value, where or both, or embedded: true"),
        ({"value": "duration_ms"}, "match pattern"),
        ({"where": "{ $.a = 1 }"}, "match pattern"),
        ({"embedded": True, "value": "$.a"}, "takes neither value nor where"),
        ({"value": "$.a", "share_of": "b", "statistic": "Sum"}, "leave statistic out"),
        ({"value": "$.a", "statistic": "median"}, "match pattern"),
        ({"value": "$.a", "unit": "ms"}, "Input should be 'Seconds'"),
        ({"value": "$.a", "alarm": {}}, "exactly one of above and below"),
        ({"value": "$.a", "alarm": {"above": 1, "below": 2}}, "exactly one of above and below"),
        ({"value": "$.a", "alarm": {"below": {"notice": 80, "page": 90}}}, "page .90. must be lower than notice .80."),
    ],
)
def test_a_metric_without_a_meaning_is_a_mistake(metric: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MetricSettings.model_validate({"service": "api", **metric})


def test_the_documented_log_lines_have_the_fields_that_the_documented_metrics_read() -> None:
    """The page and the stack file it shows belong together."""
    from pathlib import Path

    import yaml

    page = (Path(__file__).parents[2] / "docs" / "custom-metrics.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    metrics = ObservabilitySettings.model_validate(shown["groundwork:observability"]).metrics
    lines = [
        json.loads(line) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL) for line in block.splitlines()
    ]
    fields = {field for line in lines for field in line}
    for name, metric in metrics.items():
        if metric.embedded:
            assert any(name in line for line in lines if "_aws" in line), name
        else:
            assert set(re.findall(r"\$\.(\w+)", pattern(metric))) <= fields, name
    [embedded] = [line for line in lines if "_aws" in line]
    [directive] = embedded["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [[]]
    assert all(metric["Name"] in embedded for metric in directive["Metrics"])
