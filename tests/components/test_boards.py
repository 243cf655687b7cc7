"""Dashboards for one question each."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from groundwork.components.context import Context
from groundwork.components.observability.boards import Boards, ClusterDimensions, Seen
from groundwork.components.observability.checks import CHECKS
from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.mistakes import dotted
from tests.harness import build, shared
from tests.requirements import proves

DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
METRICS: dict[str, Any] = {
    "api-time": {"service": "api", "value": "$.duration_ms", "unit": "Milliseconds", "statistic": "p95"},
    "registrations": {"service": "api", "where": '$.event = "registered"'},
    "posts": {"service": "api", "where": '$.event = "posted"'},
    "message-delivery": {"service": "api", "value": "$.delivered_after_ms", "unit": "Milliseconds"},
}
SOCIAL: dict[str, Any] = {
    "region": "ap-south-1",
    "platform": {"name": "shop", "stage": "prod"},
    "network": {},
    "edge": {"zone": None},
    "compute": {"engine": "fargate"},
    "services": {"api": {"port": 3000, "path": "/*", "uses": {"database": "connect", "cache": "connect"}}},
    "data": {"replicas": {"reader": {}}},
    "cache": {},
    "search": {},
    "observability": {"boards": ["database", "api", "errors"], "metrics": METRICS, "retention": 90},
    "migration": {
        "source": {
            "addresses": ["10.80.0.0/24"],
            "database": "old",
            "host": "db.old.example.com",
            "username": "mover",
            "password": {"secure": "sealed"},
        },
        "tables": {"include": ["public.%"]},
    },
}


NAME = "shop-prod-ap-south-1"
"""Dashboards are the account's, not the region's, so their names tell the region."""


@shared
def of_users(unknowns: bool = False, **observability: Any) -> list[dict[str, Any]]:
    found = {
        **SOCIAL,
        "observability": {
            "boards": ["users"],
            "uptime": {},
            "metrics": {
                "messages": {"service": "api", "where": '$.event = "message"', "period": "day"},
                "sockets": {"service": "api", "value": "$.open", "statistic": "Maximum"},
            },
            **observability,
        },
    }
    return boards(build(lambda _: Platform("shop", Settings.model_validate(found)), unknowns=unknowns))[f"{NAME}-users"]


def graphs(board: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {widget["properties"]["title"]: widget["properties"] for widget in board if widget["type"] == "metric"}


def test_the_users_board_says_how_long_they_wait_how_often_they_are_refused_and_how_many_are_connected() -> None:
    shown = graphs(of_users())
    assert [metric[-1]["stat"] for metric in shown["Answering time, seconds"]["metrics"]] == ["p50", "p95", "p99"]
    assert "100 * (FILL(targets, 0) + FILL(balancer, 0)) / requests" in json.dumps(
        shown["Refused with 5xx, percent of requests"]
    )
    assert "ActiveConnectionCount" in json.dumps(shown["Connections, WebSockets among them"])
    assert "Evictions" in json.dumps(shown["Evictions"])


def test_a_metric_by_the_day_is_summed_by_the_day() -> None:
    shown = graphs(of_users())
    assert shown["messages of api, sum a day"]["period"] == 86_400
    assert shown["sockets of api, maximum"]["period"] == 60


def test_the_look_from_outside_is_drawn_from_the_region_that_has_it() -> None:
    shown = graphs(of_users())
    assert shown["Locations that are answered, percent"]["region"] == "us-east-1"
    assert shown["Answering time, seconds"]["region"] == "ap-south-1"
    assert "Locations that are answered, percent" not in graphs(of_users(uptime=None))


@cache
def social(unknowns: bool = False) -> Snapshot:
    return build(lambda _: Platform("shop", Settings.model_validate(SOCIAL)), unknowns=unknowns)


def boards(snapshot: Snapshot) -> dict[str, list[dict[str, Any]]]:
    return {
        item.inputs["dashboardName"]: json.loads(item.inputs["dashboardBody"])["widgets"]
        for item in snapshot.of_type(DASHBOARD)
    }


def _text(board: list[dict[str, Any]]) -> str:
    return json.dumps(board)


@proves("S1-21")
def test_there_are_an_overview_and_boards_for_database_api_and_errors() -> None:
    assert set(boards(social())) == {NAME, f"{NAME}-database", f"{NAME}-api", f"{NAME}-errors"}


@proves("S1-21")
def test_the_overview_keeps_its_place_when_boards_are_added() -> None:
    [overview] = [item for item in social().of_type(DASHBOARD) if item.inputs["dashboardName"] == NAME]
    assert overview.name == "shop-dashboard-dashboard"


@proves("S1-21")
def test_registrations_posts_delivery_and_answering_times_are_on_the_api_board() -> None:
    board = _text(boards(social())[f"{NAME}-api"])
    for metric in METRICS:
        assert f'"shop/prod", "{metric}"' in board


@proves("S1-21")
def test_the_api_board_has_requests_and_percentiles_by_service() -> None:
    [balancer] = social().of_type("aws:lb/loadBalancer:LoadBalancer")
    board = _text(boards(social())[f"{NAME}-api"])
    assert balancer.outputs["arnSuffix"] in board
    for found in ("RequestCount", "'p50'", "'p95'", "'p99'", "AWS/ECS,ClusterName,ServiceName"):
        assert found in board


@proves("S1-21")
def test_the_database_board_has_every_instance_the_caches_nodes_and_the_search_domain() -> None:
    snapshot = social()
    board = _text(boards(snapshot)[f"{NAME}-database"])
    for kind, key in (
        ("aws:rds/instance:Instance", "identifier"),
        ("aws:opensearch/domain:Domain", "domainName"),
    ):
        for item in snapshot.of_type(kind):
            assert f'"{item.inputs[key]}"' in board
    [group] = snapshot.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    assert f'"{group.inputs["replicationGroupId"]}-001"' in board


@proves("S1-21")
def test_the_errors_board_has_failed_answers_and_the_lines_that_tell_of_them() -> None:
    snapshot = social()
    board = boards(snapshot)[f"{NAME}-errors"]
    assert "HTTPCode_Target_5XX_Count" in _text(board)
    [by_time, latest] = [widget["properties"] for widget in board if widget["type"] == "log"]
    groups = {item.inputs["name"] for item in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    [source] = [name for name in groups if f"SOURCE '{name}'" in latest["query"]]
    assert "api" in source
    assert (by_time["view"], latest["view"]) == ("timeSeries", "table")


@pytest.mark.parametrize("board", ["", "-database", "-api", "-errors"])
def test_widgets_do_not_overlap(board: str) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in boards(social())[NAME + board]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells


def _board(seen: Seen, *wanted: Any) -> list[dict[str, Any]]:
    def program(context: Context) -> None:
        Boards("shop-boards", wanted or ("api",), context=context, seen=seen)

    [board] = boards(build(program)).values()
    return board


def test_pods_are_measured_by_container_insights() -> None:
    board = _text(_board(Seen(cluster=ClusterDimensions("eks", "shop-prod"))))
    assert "ContainerInsights,ClusterName,Namespace,Service" in board
    assert 'ClusterName=\\"shop-prod\\"' in board.replace('\\\\"', '\\"')


def test_an_engine_without_a_cluster_has_no_load_by_service() -> None:
    assert [widget["type"] for widget in _board(Seen(cluster=ClusterDimensions("app-runner", "shop")))] == ["text"]


def test_functions_that_fail_are_on_the_errors_board() -> None:
    board = _text(_board(Seen(functions={"resize": "shop-resize-1"}), "errors"))
    assert '"AWS/Lambda", "Errors", "FunctionName", "shop-resize-1"' in board


def test_a_log_query_reads_no_more_groups_than_cloudwatch_takes() -> None:
    groups = {f"service-{index}": f"/shop/prod/{index}" for index in range(60)}
    queries = [
        item["properties"]["query"] for item in _board(Seen(log_groups=groups), "errors") if item["type"] == "log"
    ]
    assert {query.count("SOURCE") for query in queries} == {50}


def test_nothing_is_unknown_offline_and_a_first_preview_declares_the_same() -> None:
    known, unknown = social(), social(unknowns=True)
    assert '"$groundwork": "unknown"' not in known.dumps()
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]


@proves("S1-19")
def test_database_cache_and_search_have_encrypted_log_groups_of_90_days() -> None:
    groups = {item.inputs["name"]: item.inputs for item in social().of_type("aws:cloudwatch/logGroup:LogGroup")}
    wanted = [
        name
        for name in groups
        if name.startswith(("/aws/rds/instance/", "/shop/prod/cache/", "/shop/prod/search/", "dms-tasks-"))
    ]
    assert len(wanted) >= 2 * 2 + 2 + 4 + 1
    assert {groups[name]["retentionInDays"] for name in wanted} == {90}
    assert all(groups[name]["kmsKeyId"] for name in wanted)


@proves("S1-24")
def test_a_migration_goes_into_the_platforms_database() -> None:
    snapshot = social()
    endpoints = {item.name: item.inputs for item in snapshot.of_type("aws:dms/endpoint:Endpoint")}
    target = endpoints["shop-migration-forward-target"]
    [secret] = [
        item
        for item in snapshot.of_type("aws:secretsmanager/secret:Secret")
        if item.name == "shop-database-credentials"
    ]
    assert target["secretsManagerArn"] == secret.outputs["arn"]
    assert target["databaseName"] == "app"
    [entry] = [
        item.inputs
        for item in snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if item.name == "shop-migration-database"
    ]
    assert entry["fromPort"] == 5432


def mistakes(observability: dict[str, Any], **layers: Any) -> list[str]:
    settings = Settings.model_validate({"platform": {"name": "shop"}, "observability": observability, **layers})
    return [f"{dotted(item.path)}: {item.message}" for check in CHECKS for item in check(settings)]


def test_a_board_with_nothing_on_it_is_a_mistake() -> None:
    assert mistakes({"boards": ["database", "api", "errors"]}) == [
        'observability.boards[0]: "database" would be empty: this stack has neither data, cache nor search',
        'observability.boards[1]: "api" would be empty: this stack has no services',
        'observability.boards[2]: "errors" would be empty: this stack has neither services nor functions',
    ]
    assert mistakes({"boards": ["database"]}, search={}) == []


@proves("S1-20")
def test_the_four_alarms_that_were_asked_for_can_be_written() -> None:
    """Errors above 5 %, answers slower than 500 ms, less than 10 % of a disk free, CPU above 80 %."""
    asked = {
        "error_percent": 5,
        "response_seconds": 0.5,
        "database_storage": 90,
        "search_storage": 90,
        "service_cpu": 80,
        "database_cpu": 80,
        "cache_cpu": 80,
        "search_cpu": 80,
    }
    layers = {**SOCIAL, "observability": {"thresholds": asked}}
    snapshot = build(lambda _: Platform("shop", Settings.model_validate(layers)))
    found = {
        item.name.removeprefix("shop-"): item.inputs
        for item in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    for name, threshold in {
        "compute-api-error-rate": 5,
        "compute-api-response": 0.5,
        "compute-api-cpu": 80,
        "database-primary-cpu": 80,
        "database-primary-storage": 20 * 1024**3 * 0.1,
        "cache-001-cpu": 80,
        "search-cpu": 80,
        "search-storage": 16 * 1024 * 0.1,
    }.items():
        assert found[name]["threshold"] == pytest.approx(threshold, abs=0.1), name
