"""Alarms of two severities, and pages: one for one fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.alarms import Expression, Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.ec2.alarms import watch_instances
from groundwork.components.context import Alerting, Context
from groundwork.components.data.alarms import watch_instance
from groundwork.components.data.settings import DataSettings
from groundwork.components.observability.checks import CHECKS
from groundwork.components.observability.credits import watch_credits
from groundwork.components.observability.pages import EXTENSION, WAIT, Pages
from groundwork.components.observability.settings import (
    Bounds,
    CountBounds,
    ObservabilitySettings,
    PercentBounds,
    ThresholdSettings,
    without_observability,
)
from groundwork.components.observability.targets import watch_targets
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Resource, Snapshot
from tests.harness import build, shared

NOTICES = "arn:aws:sns:ap-south-1:111122223333:notices"
PAGES = "arn:aws:sns:ap-south-1:111122223333:pages"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"


class Holder(Component):
    """A component that brings alarms."""

    layer = "compute"

    def __init__(self, name: str, context: Context, layer: str, program: Callable[[Component], None]) -> None:
        self.layer = layer
        super().__init__(name, context)
        program(self)
        self.register_outputs({})


def credit_alarms(thresholds: Mapping[str, Any]) -> list[Resource]:
    def program(context: Context) -> None:
        Holder(
            "shop-cache",
            watched(context, {"thresholds": thresholds}),
            "cache",
            lambda parent: watch_credits(parent, "001", "AWS/ElastiCache", {"CacheClusterId": "c"}),
        )

    return build(program).of_type(ALARM)


@pytest.mark.parametrize(
    ("left", "spent", "told"),
    [(0, 1.0, True), (0, 0.1, False), (200, 2.0, False)],
    ids=["held at its baseline", "new and idle", "busy with credits"],
)
def test_credits_are_told_of_when_they_are_gone_and_wanted(left: float, spent: float, told: bool) -> None:
    [alarm] = credit_alarms({})
    condition = re.fullmatch(r"IF\(spent >= ([\d.]+), left, (\d+)\)", alarm.inputs["metricQueries"][0]["expression"])
    assert condition
    seen = left if spent >= float(condition[1]) else float(condition[2])
    assert (alarm.inputs["comparisonOperator"], seen < alarm.inputs["threshold"]) == ("LessThanThreshold", told)
    assert {query["metric"]["period"] for query in alarm.inputs["metricQueries"] if "metric" in query} == {300}


def test_credits_have_a_page_or_no_alarm_where_settings_say_so() -> None:
    assert [alarm.name for alarm in credit_alarms({"cpu_credits": {"page": 5}})] == ["shop-cache-001-credits-page"]
    assert credit_alarms({"cpu_credits": None}) == []


def watched(context: Context, observability: Mapping[str, Any] | None = None, *, pages: bool = True) -> Context:
    alerting = Alerting(
        pulumi.Output.from_input(NOTICES),
        ObservabilitySettings.model_validate(observability or {}),
        page_topic_arn=pulumi.Output.from_input(PAGES) if pages else None,
    )
    return replace(context, alerting=alerting)


@shared
def stack(
    observability: Mapping[str, Any] | None = None,
    *,
    pages: bool = True,
    database: bool = True,
    services: tuple[str, ...] = ("web", "api"),
    **options: Any,
) -> Snapshot:
    """A database, services behind a load balancer, a group of instances, and the pages about them."""

    def program(context: Context) -> None:
        context = watched(context, observability, pages=pages)
        if database:
            Holder(
                "shop-database",
                context,
                "data",
                lambda parent: watch_instance(
                    parent,
                    "primary",
                    pulumi.Output.from_input("shop-database-prod"),
                    "db.t3.micro",
                    settings=DataSettings.model_validate({"class": "db.t3.micro"}),
                ),
            )

        def compute(parent: Component) -> None:
            for service in services:
                watch_targets(parent, service, "app/shop/1", [f"targetgroup/{service}/2"])
            watch_instances(parent, "instances", "shop-group")

        Holder("shop-compute", context, "compute", compute)
        Pages("shop-pages", context=context)

    return build(program, **options)


def alarms(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return {resource.name.removeprefix("shop-"): resource.inputs for resource in snapshot.of_type(ALARM)}


def composites(snapshot: Snapshot) -> dict[str, Resource]:
    return {resource.name.removeprefix("shop-pages-"): resource for resource in snapshot.of_type(COMPOSITE)}


CHAT_APP = {
    "thresholds": {
        "database_cpu": {"notice": 80, "page": 90},
        "database_connections": None,
        "database_connection_count": 100,
    }
}


def test_two_severities_have_bounds_of_their_own() -> None:
    """S4-12: RDS and EC2 CPU page above 90 % for 5 minutes; storage, connections and EC2 CPU send notices."""
    found = alarms(stack(CHAT_APP))
    for name, threshold in {
        "database-primary-cpu": 80,
        "database-primary-cpu-page": 90,
        "compute-instances-cpu": 80,
        "compute-instances-cpu-page": 90,
        "database-primary-connection-count": 100,
    }.items():
        assert found[name]["threshold"] == threshold, name
        assert found[name]["period"] * found[name]["evaluationPeriods"] == 300, name
        assert found[name]["comparisonOperator"] == "GreaterThanThreshold", name
    assert found["database-primary-storage"]["threshold"] == 20 * 1024**3 * 0.2
    assert "database-primary-connections" not in found


def test_the_error_rate_pages_after_two_minutes_and_needs_some_requests() -> None:
    """S4-12, S1-20, S3-09"""
    rate = alarms(stack())["compute-web-error-rate-page"]
    assert (rate["threshold"], rate["evaluationPeriods"]) == (5, 2)
    queries = {query["id"]: query for query in rate["metricQueries"]}
    assert {queries[key]["metric"]["metricName"] for key in ("errors", "requests")} == {
        "HTTPCode_Target_5XX_Count",
        "RequestCount",
    }
    assert {query["metric"]["period"] for query in queries.values() if "metric" in query} == {60}
    assert queries["result"]["expression"] == "IF(FILL(requests, 0) >= 10, 100 * FILL(errors, 0) / requests, 0)"
    assert [query["id"] for query in rate["metricQueries"] if query.get("returnData")] == ["result"]


def test_no_healthy_copy_for_five_minutes_pages_even_without_any_data() -> None:
    """S4-12"""
    found = alarms(stack())
    for name, metric in {
        "compute-web-unhealthy-page": "HealthyHostCount",
        "compute-instances-in-service-page": "GroupInServiceInstances",
    }.items():
        assert found[name]["metricName"] == metric
        assert (found[name]["threshold"], found[name]["comparisonOperator"]) == (1, "LessThanThreshold")
        assert found[name]["period"] * found[name]["evaluationPeriods"] == 300
        assert found[name]["treatMissingData"] == "breaching"


def test_minutes_can_differ_by_severity() -> None:
    found = alarms(stack({"thresholds": {"unhealthy_minutes": {"notice": 2, "page": 10}}}))
    assert found["compute-web-unhealthy"]["evaluationPeriods"] == 2
    assert found["compute-web-unhealthy-page"]["evaluationPeriods"] == 10


def test_every_alarm_sends_a_notice_and_only_composites_page() -> None:
    snapshot = stack(CHAT_APP)
    for resource in snapshot.of_type(ALARM):
        assert resource.inputs["alarmActions"] == resource.inputs["okActions"] == [NOTICES], resource.name
    for resource in snapshot.of_type(COMPOSITE):
        assert resource.inputs["alarmActions"] == resource.inputs["okActions"] == [PAGES], resource.name


def test_a_page_is_made_of_all_alarms_that_page_and_of_no_other() -> None:
    snapshot = stack(CHAT_APP)
    physical = {resource.outputs["name"]: resource.name for resource in snapshot.of_type(ALARM)}
    built = composites(snapshot)
    named = {
        key: {physical[name] for name in re.findall(r'ALARM\("([^"]+)"\)', resource.inputs["alarmRule"])}
        for key, resource in built.items()
    }
    assert named["backing"] == {"shop-database-primary-cpu-page", "shop-database-primary-silent-page"}
    assert named["backing"] | named["serving"] == {name for name in physical.values() if name.endswith("-page")}
    assert not named["backing"] & named["serving"]
    assert built["backing"].inputs["alarmName"] == "shop-prod-backing"
    assert re.fullmatch(r'ALARM\("[^"]+"\)( OR ALARM\("[^"]+"\))*', built["serving"].inputs["alarmRule"])
    assert built["serving"].inputs["actionsSuppressor"] == {
        "alarm": "shop-prod-backing",
        "waitPeriod": WAIT,
        "extensionPeriod": EXTENSION,
    }
    assert "actionsSuppressor" not in built["backing"].inputs


def sent(snapshot: Snapshot, faults: Mapping[str, tuple[int, int]], until: int = 3600) -> list[str]:
    """The pages that CloudWatch sends when alarms are off between the given seconds, by its rules for composite alarms:
    actions wait for the suppressor to go off, are held while it is, and for a while after.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html
    """
    physical = {resource.outputs["name"]: resource.name.removeprefix("shop-") for resource in snapshot.of_type(ALARM)}
    built = {resource.inputs["alarmName"]: resource.inputs for resource in snapshot.of_type(COMPOSITE)}
    children = {
        name: [physical[child] for child in re.findall(r'ALARM\("([^"]+)"\)', inputs["alarmRule"])]
        for name, inputs in built.items()
    }

    def is_off(name: str, second: int) -> bool:
        return any(start <= second < end for child in children[name] for start, end in [faults.get(child, (0, 0))])

    messages = []
    for name, inputs in built.items():
        suppressor = inputs.get("actionsSuppressor")
        told, since, held = False, -1, -1
        for second in range(0, until, 10):
            if not is_off(name, second):
                told, since = False, -1
                continue
            since = second if since < 0 else since
            if suppressor and is_off(suppressor["alarm"], second):
                held = second
            waits = suppressor and second < since + suppressor["waitPeriod"]
            rests = suppressor and held >= 0 and second <= held + suppressor["extensionPeriod"]
            if not told and not waits and not rests:
                messages.append(name)
                told = True
    return messages


# The database is lost at 0, back at 20 minutes; what stands on it follows within its alarms' own minutes.
LOST = {
    "database-primary-silent-page": (180, 1200),
    "compute-web-error-rate-page": (120, 1260),
    "compute-api-error-rate-page": (120, 1260),
    "compute-web-unhealthy-page": (300, 1320),
    "compute-api-unhealthy-page": (300, 1320),
}


def test_a_lost_database_with_everything_that_follows_from_it_is_one_page() -> None:
    """S4-12: one fault pages once, and it is the cause that pages."""
    assert sent(stack(CHAT_APP), LOST) == ["shop-prod-backing"]


def test_services_that_stay_down_after_the_database_is_back_page_then() -> None:
    still = {**LOST, "compute-api-unhealthy-page": (300, 3000)}
    assert sent(stack(CHAT_APP), still) == ["shop-prod-backing", "shop-prod-serving"]


def test_a_broken_release_is_one_page_whatever_it_sets_off() -> None:
    broken = {name: span for name, span in LOST.items() if not name.startswith("database")}
    assert sent(stack(CHAT_APP), broken) == ["shop-prod-serving"]


def test_a_fault_that_returns_is_told_again() -> None:
    snapshot = stack(CHAT_APP)
    assert sent(snapshot, {"database-primary-cpu-page": (300, 600)}) == ["shop-prod-backing"]
    assert sent(snapshot, {"compute-web-unhealthy-page": (0, 0)}) == []


def test_without_a_database_nothing_holds_pages_back() -> None:
    built = composites(stack(database=False))
    assert set(built) == {"serving"}
    assert "actionsSuppressor" not in built["serving"].inputs


def test_where_nobody_is_named_for_pages_they_go_where_notices_go() -> None:
    assert {resource.inputs["alarmActions"][0] for resource in stack(pages=False).of_type(COMPOSITE)} == {NOTICES}


def test_a_stack_in_which_nothing_pages_has_no_composite_alarm() -> None:
    thresholds = {
        "error_percent": 5,
        "unhealthy_minutes": None,
        "instance_cpu": 80,
        "database_silent_minutes": None,
    }
    assert composites(stack({"thresholds": thresholds})) == {}


def test_more_alarms_than_a_composite_takes_are_refused_with_what_to_do() -> None:
    with pytest.raises(Exception, match="at most 100; take page out of some"):
        stack(services=tuple(f"s{number}" for number in range(50)))


def test_pages_link_to_the_runbook() -> None:
    built = composites(stack({"runbook": "https://runbook.example.com/shop"}))
    assert built["serving"].inputs["alarmDescription"].endswith("Runbook: https://runbook.example.com/shop#serving")


def test_unknowns_change_no_alarm_and_no_page() -> None:
    known, unknown = stack(CHAT_APP), stack(CHAT_APP, unknowns=True)
    assert [resource.urn for resource in known.resources] == [resource.urn for resource in unknown.resources]
    assert '"$groundwork": "unknown"' not in known.dumps()


def test_a_group_that_may_be_empty_pages_for_no_missing_instance() -> None:
    def program(context: Context) -> None:
        Holder("shop-c", context, "compute", lambda parent: watch_instances(parent, "i", "g", least=0))

    assert sorted(alarms(build(program))) == ["c-i-cpu", "c-i-cpu-page"]


def test_a_percentile_is_an_extended_statistic() -> None:
    def program(context: Context) -> None:
        metric = Metric("shop/prod", "response", {}, "p95")
        Holder(
            "shop-c",
            context,
            "compute",
            lambda parent: alarm(parent, "slow", metric, threshold=1, description="Slow.") and None,
        )

    [inputs] = alarms(build(program)).values()
    assert (inputs["extendedStatistic"], inputs.get("statistic")) == ("p95", None)
    assert inputs["evaluateLowSampleCountPercentiles"] == "ignore"


def test_a_severity_can_be_given_without_bounds() -> None:
    contexts = []

    def program(context: Context) -> None:
        contexts.append(context)
        measure = Expression("a + 1", "One more", {"a": Metric("N", "a", {})})

        def bring(parent: Component) -> None:
            alarm(parent, "bad", measure, threshold=1, description="Bad.", severity="page")

        Holder("shop-c", context, "compute", bring)

    build(program)
    assert [(alarm.key, alarm.severity, alarm.layer) for alarm in contexts[0].alerting.declared] == [
        ("bad", "page", "compute")
    ]


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"database_cpu": {"notice": 90, "page": 80}}, r"page \(80\) must be higher than notice \(90\)"),
        ({"database_cpu": {"notice": 90, "page": 90}}, "must be higher"),
        ({"database_cpu": {}}, "needs notice, page or both"),
        ({"database_cpu": {"critical": 90}}, "Extra inputs"),
        ({"database_cpu": 101}, "less than or equal to 100"),
        ({"database_cpu": {"page": 0}}, "greater than or equal to 1"),
        ({"error_percent": "many"}, "valid integer"),
    ],
)
def test_bounds_that_make_no_sense_are_mistakes(thresholds: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ThresholdSettings.model_validate(thresholds)


def test_a_bare_number_is_the_notice() -> None:
    assert ThresholdSettings.model_validate({"database_cpu": 70}).database_cpu == PercentBounds(notice=70)


@pytest.mark.parametrize("written", [70, {"page": 90}, {"notice": 80, "page": 90}])
def test_bounds_are_shown_as_they_are_written(written: Any) -> None:
    settings = ThresholdSettings.model_validate({"database_cpu": written})
    shown = settings.model_dump(mode="json")
    assert shown["database_cpu"] == written
    assert ThresholdSettings.model_validate(shown) == settings


@given(st.integers(1, 99), st.integers(1, 99))
def test_bounds_keep_their_severity_when_their_unit_changes(notice: int, distance: int) -> None:
    bounds = CountBounds(notice=notice, page=notice + distance)
    converted = bounds.convert(lambda bound: 1000 - bound)
    assert list(converted.levels()) == [("notice", 1000 - notice), ("page", 1000 - notice - distance)]
    assert isinstance(converted, Bounds)


def test_an_unwatched_platform_has_no_threshold_at_all() -> None:
    assert set(without_observability().thresholds.model_dump().values()) == {None}


def settings(metrics: dict[str, Any]) -> Settings:
    return Settings.model_validate(
        {
            "platform": {"name": "shop"},
            "services": {"api": {"port": 8080, "path": "/*"}},
            "observability": {"metrics": metrics},
        }
    )


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"hits": {"service": "apo", "where": "$.hit IS TRUE"}}, 'no service or function "apo".*did you mean "api"'),
        ({"hits": {"service": "api", "where": "$.hit IS TRUE", "share_of": "hits"}}, "always 100 % of itself"),
        ({"hits": {"service": "api", "where": "$.hit IS TRUE", "share_of": "lookup"}}, 'no metric "lookup"'),
        ({f"m{n}": {"service": "api", "value": "$.x"} for n in range(101)}, "more than the 100 metrics"),
    ],
)
def test_metrics_that_lead_nowhere_are_mistakes(metrics: dict[str, Any], message: str) -> None:
    found = [mistake for check in CHECKS for mistake in check(settings(metrics))]
    assert len(found) == 1
    assert re.search(message, str(found[0]))


def test_metrics_of_this_stack_are_none() -> None:
    metrics = {
        "lookups": {"service": "api", "where": "$.event = cache"},
        "hits": {"service": "api", "where": "$.hit IS TRUE", "share_of": "lookups"},
    }
    assert [mistake for check in CHECKS for mistake in check(settings(metrics))] == []
    nothing: Any = SimpleNamespace(observability=None, edge=None)
    assert [mistake for check in CHECKS for mistake in check(nothing)] == []
