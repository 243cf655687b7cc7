"""Connections that workloads may open, against what is before the database and what its instances take."""

from __future__ import annotations

import pytest

from groundwork.settings.facts import max_connections
from tests.requirements import proves
from tests.writing import mistakes_in

STOREFRONT = """
groundwork:platform: {{name: shop, stage: prod, phase: scale, owner: shop-team}}
groundwork:services:
  web: {{port: 3000, path: "/*", scaling: {{min: 2, max: 50}}, uses: {{database: connect}}}}
  reports: {reports}
groundwork:data: {{class: db.r6g.large}}
groundwork:observability: {{alerts: {{page: {{emails: [on-call@example.com]}}}}}}
"""


def found(tmp_path, config):
    return [str(mistake) for mistake in mistakes_in(tmp_path, config)]


@proves("S0-04", "S0-16")
def test_what_only_reads_is_counted_as_what_writes(tmp_path):
    """The proxy stands before the primary alone."""
    reports = "{scaling: {min: 2, max: 50}, connections: 20, uses: {database: read}}"
    assert found(tmp_path, STOREFRONT.format(reports=reports)) == [
        "Pulumi.dev.yaml:6 services.reports.connections: services may open 1050 direct connections to replicas (web 50 × 1 + "
        "reports 50 × 20), more than 100, and no proxy can stand before those; lower scaling.max, or connections.readers "
        "(connections.max of what only reads)"
    ]
    few = "{scaling: {min: 2, max: 5}, connections: 10, uses: {database: read}}"
    assert found(tmp_path, STOREFRONT.format(reports=few)) == []


@proves("S0-04")
def test_a_second_pool_to_the_replicas_counts(tmp_path):
    (message,) = found(
        tmp_path,
        STOREFRONT.format(reports="{scaling: {min: 1, max: 20}, connections: {readers: 5}, uses: {database: connect}}"),
    )
    assert (
        "services.reports.connections: services may open 150 direct connections to replicas (web 50 × 1 + reports 20 × 5)"
        in message
    )


@proves("S0-04")
def test_functions_that_read_from_replicas_pass_the_proxy_by(tmp_path):
    config = STOREFRONT.format(reports="{uses: {}}") + (
        "groundwork:functions: {it: {code: functions/cleanup, timeout: 60, concurrency: COPIES, environment: {BUCKET: files, "
        "RULES: a/=1d}, uses: {database: read, files: purge}}}\ngroundwork:storage: {files: {}}"
    )
    (message,) = found(tmp_path, config.replace("COPIES", "60"))
    assert "functions.it.concurrency: services and functions may open 110 direct connections to replicas" in message
    assert found(tmp_path, config.replace("COPIES", "50")) == []


DEPLOYING = """
groundwork:services:
  api: {{port: 5000, path: "/*", scaling: {{min: 1, max: 4}}, connections: {pool}, uses: {{database: connect}}}}
groundwork:data: {{class: db.t3.micro{more}}}
groundwork:compute: {{engine: {engine}}}
"""


@pytest.mark.parametrize(
    ("engine", "pool", "said"),
    [
        (
            "fargate",
            10,
            "may open 80 connections while a deployment runs old and new copies (api 8 × 10), and db.t3.micro has about 55",
        ),
        ("fargate", 6, None),
        (
            "eks",
            12,
            "may open 60 connections while a deployment runs old and new copies (api 5 × 12), and db.t3.micro has about 55",
        ),
        ("eks", 10, None),
    ],
)
def test_old_and_new_copies_of_a_deployment_find_room(tmp_path, engine, pool, said):
    messages = found(tmp_path, DEPLOYING.format(engine=engine, pool=pool, more=""))
    messages = [message for message in messages if " data." in message]
    assert [said in message for message in messages] == ([True] if said else [])


def test_max_connections_of_ones_own_are_what_there_is(tmp_path):
    more = ', parameters: {max_connections: "150"}'
    assert found(tmp_path, DEPLOYING.format(engine="fargate", pool=10, more=more)) == []


def test_an_alarm_that_could_never_go_off_is_a_mistake(tmp_path):
    """S4-12: the number of connections at which to warn must be fewer than there can be."""
    config = (
        'groundwork:services: {{api: {{port: 5000, path: "/*", connections: 2, uses: {{database: connect}}}}}}\n'
        "groundwork:data: {{class: db.t3.micro{}}}\n"
        "groundwork:observability: {{thresholds: {{database_connection_count: 100}}}}"
    )
    assert found(tmp_path, config.format("")) == [
        "Pulumi.dev.yaml:6 observability.thresholds.database_connection_count: 100 (notice) is never exceeded: db.t3.micro takes "
        "about 60 connections; lower it, use database_connections (percent), or set data.parameters.max_connections"
    ]
    assert found(tmp_path, config.format(', parameters: {max_connections: "150"}')) == []


def test_an_answer_that_is_cut_off_before_the_alarm_is_a_mistake(tmp_path):
    config = "groundwork:observability: {{thresholds: {{response_seconds: {}}}}}"
    assert found(tmp_path, config.format(60)) == [
        "Pulumi.dev.yaml:4 observability.thresholds.response_seconds: 60 (notice) is never exceeded: the load balancer waits for "
        "60 s (edge.load_balancer.idle_timeout); lower it, or raise that"
    ]
    assert found(tmp_path, config.format(59)) == []


@pytest.mark.parametrize(
    ("instance_class", "read"),
    [("db.t3.micro", 60), ("db.t4g.small", 181), ("db.t3.medium", 413), ("db.m5.large", 856), ("db.r6g.8xlarge", 5000)],
)
def test_no_more_connections_are_promised_than_instances_have(instance_class, read):
    """``read`` is what SHOW max_connections answers on an instance; the table names where from."""
    promised = max_connections(instance_class)
    assert read * 0.92 <= promised <= read


@proves("S0-16")
def test_the_bounds_of_a_pool_are_in_order(tmp_path):
    config = 'groundwork:services: {api: {port: 5000, path: "/*", connections: {min: 20, max: 10}, uses: {database: connect}}}'
    assert found(tmp_path, config) == ["Pulumi.dev.yaml:4 services.api.connections.min: min (20) is more than max (10)"]
