"""Dashboards for one question each: how is the database, how is the API, what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Expression, Metric
from groundwork.components.base import Component
from groundwork.components.context import Context, DeclaredAlarm
from groundwork.components.edge.logs import GLOBAL_REGION
from groundwork.components.observability.dashboard import page_name
from groundwork.components.observability.metrics import MetricGraph
from groundwork.components.observability.settings import Board
from groundwork.components.observability.widgets import (
    MOST_STATUSES,
    Member,
    curve,
    curves,
    found,
    log_query,
    section,
    states,
    text,
)


@dataclass(frozen=True)
class ClusterDimensions:
    """Where containers run, as CloudWatch knows it."""

    engine: str
    name: pulumi.Input[str]


@dataclass(frozen=True)
class Seen:
    """What there is to look at, as CloudWatch calls it."""

    load_balancer: pulumi.Input[str] | None = None
    """The end of its ARN."""
    databases: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    cache_nodes: Sequence[pulumi.Input[str]] = ()
    search_domain: pulumi.Input[str] | None = None
    cluster: ClusterDimensions | None = None
    functions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    log_groups: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """By service or function."""
    alarms: Sequence[DeclaredAlarm] = ()
    graphs: Sequence[MetricGraph] = ()
    """Custom metrics."""
    health_check: pulumi.Input[str] | None = None
    """Route 53's, by its id."""


class Boards(Component):
    """The dashboards that ``observability.boards`` names, beside the overview, which has every alarm.

    *database*: load, room, latency and operations of each instance, the cache's nodes and the search domain. *api*: requests,
    answering times and their percentiles, healthy copies, CPU and memory by service, custom metrics. *errors*: failed answers
    by service, what the load balancer answered itself, functions that failed, lines of logs that tell of errors. *users*: what
    they notice: whether the platform answers from outside, how long they wait, how often they are refused, how many are
    connected, what the cache had to forget, and the custom metrics, those by the day among them.

    Curves by service are searched for when somebody looks, so a new service stands on them by itself.

    Builds: a dashboard for each.

    Cost: three dashboards a month are free in an account, each further one is $3; a log query on *errors* costs $0.005 for each
    gigabyte it reads, each time the dashboard is looked at.

    Fails: never on its own; a graph stays empty until its metric has data. With the engine ``eks`` CPU and memory need Container
    Insights.

    Changes without replacement: everything.
    """

    layer = "observability"

    dashboard_arns: dict[Board, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        boards: Sequence[Board],
        context: Context,
        *,
        seen: Seen,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        self.dashboard_arns = {}
        for board in boards:
            widgets = list(_WIDGETS[board](seen, context))
            made = aws.cloudwatch.Dashboard(
                f"{name}-{board}",
                dashboard_name=f"{page_name(context)}-{board}",
                dashboard_body=pulumi.Output.json_dumps({"start": "-PT6H", "widgets": widgets}),
                opts=self.child(),
            )
            self.dashboard_arns[board] = made.dashboard_arn
        self.register_outputs({"dashboardArns": self.dashboard_arns})


_Widgets = Iterator[dict[str, Any]]


def _sections(heading: str, about: str, sections: Mapping[str, Sequence[Member]], context: Context) -> _Widgets:
    yield text(0, f"# {context.slug}: {heading}\n{about}")
    top = 2
    for name, members in sections.items():
        if members:
            widgets, top = section(top, name, members, context.region)
            yield from widgets


def _database(seen: Seen, context: Context) -> _Widgets:
    search: Mapping[str, pulumi.Input[str]] = {
        "DomainName": seen.search_domain or "",
        "ClientId": context.account_id,
    }
    sections = {
        **{
            f"Database {key}": _members("AWS/RDS", {"DBInstanceIdentifier": identifier}, _DATABASE)
            for key, identifier in seen.databases.items()
        },
        "Cache": _by_node(seen.cache_nodes),
        "Search": _members("AWS/ES", search, _SEARCH) if seen.search_domain is not None else [],
    }
    yield from _sections("database", "What keeps the data: load, room, latency.", sections, context)


def _api(seen: Seen, context: Context) -> _Widgets:
    region = context.region
    sections = {
        "Requests by service": _by_service(seen, _REQUESTS, region),
        "Load by service": _load(seen.cluster, region),
        "Custom metrics": [(graph.title, graph.drawn(region)) for graph in seen.graphs],
    }
    yield from _sections("API", "What users ask for, and how long they wait.", sections, context)


def _users(seen: Seen, context: Context) -> _Widgets:
    region = context.region
    balancer = {"LoadBalancer": seen.load_balancer} if seen.load_balancer is not None else None
    sections = {
        "From outside": [("Locations that are answered, percent", _outside(seen.health_check))]
        if seen.health_check
        else [],
        "At the load balancer": (
            [
                *_members(_BALANCER, balancer, _WAITING),
                ("Refused with 5xx, percent of requests", curve(_refused(balancer), region)),
                *_members(_BALANCER, balancer, _CONNECTED),
            ]
            if balancer
            else []
        ),
        "Cache": _by_node(seen.cache_nodes, {_EVICTIONS: _CACHE[_EVICTIONS]}),
        "Custom metrics": [(graph.title, graph.drawn(region)) for graph in seen.graphs],
    }
    yield from _sections("users", "What users notice, and how many they are.", sections, context)


def _outside(health_check: pulumi.Input[str]) -> dict[str, Any]:
    """Route 53 keeps it in us-east-1: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html"""
    measure = Metric("AWS/Route53", "HealthCheckPercentageHealthy", {"HealthCheckId": health_check})
    return {**curve(measure, GLOBAL_REGION), "region": GLOBAL_REGION}


def _refused(balancer: Mapping[str, pulumi.Input[str]]) -> Expression:
    """Return the share of requests that targets and load balancer together answered with 5xx."""
    counted = {
        "targets": "HTTPCode_Target_5XX_Count",
        "balancer": "HTTPCode_ELB_5XX_Count",
        "requests": "RequestCount",
    }
    return Expression(
        "IF(FILL(requests, 0) > 0, 100 * (FILL(targets, 0) + FILL(balancer, 0)) / requests, 0)",
        "refused",
        {identifier: Metric(_BALANCER, metric, balancer, "Sum") for identifier, metric in counted.items()},
    )


def _errors(seen: Seen, context: Context) -> _Widgets:
    region = context.region
    groups = list(seen.log_groups.values())[:_MOST_LOG_GROUPS]
    yield text(0, f"# {context.slug}: errors\nWhat failed, where, and what the logs say about it.")
    top = 2
    if seen.alarms:
        yield states(top, 4, "Alarms", [alarm.arn for alarm in seen.alarms[:MOST_STATUSES]])
        top += 4
    balancer = {"LoadBalancer": seen.load_balancer} if seen.load_balancer is not None else None
    sections = {
        "Failed answers by service": _by_service(seen, _FAILURES, region),
        "Load balancer": _members(_BALANCER, balancer, _OWN_ERRORS) if balancer else [],
        "Functions": [
            (
                name,
                curves(
                    {key: Metric("AWS/Lambda", metric, {"FunctionName": function}, "Sum") for key, metric in _FUNCTION}
                ),
            )
            for name, function in seen.functions.items()
        ],
    }
    for heading, members in sections.items():
        if members:
            widgets, top = section(top, heading, members, region)
            yield from widgets
    if groups:
        yield text(top, "## Logs")
        place: dict[str, Any] = {"region": region, "height": _LOG_HEIGHT}
        yield log_query(
            "Errors in logs", groups, f"{_TELLS_OF_ERRORS} | {_RATE}", top=top + 2, view="timeSeries", **place
        )
        latest = f"{_FIELDS} | {_TELLS_OF_ERRORS} | {_LATEST}"
        yield log_query("Latest", groups, latest, top=top + 2 + _LOG_HEIGHT, view="table", **place)


# A query reads 50 log groups at most:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_MOST_LOG_GROUPS = 50
_LOG_HEIGHT = 8
_FIELDS = "fields @timestamp, @log, @message"
_TELLS_OF_ERRORS = "filter @message like /(?i)error|exception|fatal|panic/"
_RATE = "stats count(*) by bin(5m)"
_LATEST = "sort @timestamp desc | limit 50"

_Shown = tuple[tuple[str, Mapping[str, tuple[str, str]]], ...]
"""Title → label → metric and statistic."""

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
_DATABASE: _Shown = (
    ("CPU, percent", {"average": ("CPUUtilization", "Average"), "highest": ("CPUUtilization", "Maximum")}),
    ("Connections", {"connections": ("DatabaseConnections", "Maximum")}),
    ("Free memory, bytes", {"free": ("FreeableMemory", "Minimum")}),
    ("Free storage, bytes", {"free": ("FreeStorageSpace", "Minimum")}),
    ("Latency, seconds", {"read": ("ReadLatency", "Average"), "write": ("WriteLatency", "Average")}),
    ("Operations a second", {"read": ("ReadIOPS", "Average"), "write": ("WriteIOPS", "Average")}),
)
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
_EVICTIONS = "Evictions"
_CACHE = {
    "CPU of the engine, percent": ("EngineCPUUtilization", "Average"),
    "Memory in use, percent": ("DatabaseMemoryUsagePercentage", "Maximum"),
    "Found, percent of what was looked up": ("CacheHitRate", "Average"),
    "Connections": ("CurrConnections", "Maximum"),
    _EVICTIONS: ("Evictions", "Sum"),
}
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-cloudwatchmetrics.html
_SEARCH: _Shown = (
    ("CPU, percent", {"highest": ("CPUUtilization", "Maximum")}),
    ("Java heap in use, percent", {"highest": ("JVMMemoryPressure", "Maximum")}),
    ("Free storage, MiB", {"least": ("FreeStorageSpace", "Minimum")}),
    ("Latency, milliseconds", {"search": ("SearchLatency", "Average"), "index": ("IndexingLatency", "Average")}),
    ("Requests a minute", {"search": ("SearchRate", "Average"), "index": ("IndexingRate", "Average")}),
)
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
_BALANCER = "AWS/ApplicationELB"
_WAITING: _Shown = (
    (
        "Answering time, seconds",
        {
            "half": ("TargetResponseTime", "p50"),
            "95 of 100": ("TargetResponseTime", "p95"),
            "99 of 100": ("TargetResponseTime", "p99"),
        },
    ),
)
_CONNECTED: _Shown = (
    (
        "Connections, WebSockets among them",
        {"open": ("ActiveConnectionCount", "Sum"), "new": ("NewConnectionCount", "Sum")},
    ),
    ("Requests a minute", {"requests": ("RequestCount", "Sum")}),
)
_REQUESTS = {
    "Requests": ("RequestCount", "Sum"),
    "Answering time, half": ("TargetResponseTime", "p50"),
    "Answering time, 95 of 100": ("TargetResponseTime", "p95"),
    "Answering time, 99 of 100": ("TargetResponseTime", "p99"),
    "Healthy copies": ("HealthyHostCount", "Minimum"),
}
_FAILURES = {
    "Answered with 5xx": ("HTTPCode_Target_5XX_Count", "Sum"),
    "Answered with 4xx": ("HTTPCode_Target_4XX_Count", "Sum"),
    "Copies that fail their health check": ("UnHealthyHostCount", "Maximum"),
}
_OWN_ERRORS: _Shown = (
    ("Its own 5xx", {"5xx": ("HTTPCode_ELB_5XX_Count", "Sum")}),
    ("Refused connections", {"refused": ("TargetConnectionErrorCount", "Sum")}),
    ("Connections that were turned away", {"rejected": ("RejectedConnectionCount", "Sum")}),
)
_FUNCTION = (("errors", "Errors"), ("throttled", "Throttles"))

# Engine → schema, and what CPU and memory are called there:
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html
_ECS = ("AWS/ECS,ClusterName,ServiceName", "CPUUtilization", "MemoryUtilization")
_LOADS = {
    "fargate": _ECS,
    "ecs-ec2": _ECS,
    "eks": (
        "ContainerInsights,ClusterName,Namespace,Service",
        "pod_cpu_utilization_over_pod_limit",
        "pod_memory_utilization_over_pod_limit",
    ),
}


def _members(namespace: str, dimensions: Mapping[str, pulumi.Input[str]], shown: _Shown) -> list[Member]:
    return [
        (
            name,
            curves({label: Metric(namespace, metric, dimensions, how) for label, (metric, how) in measures.items()}),
        )
        for name, measures in shown
    ]


def _by_node(nodes: Sequence[pulumi.Input[str]], shown: Mapping[str, tuple[str, str]] = _CACHE) -> list[Member]:
    if not nodes:
        return []
    return [
        (
            name,
            curves(
                {
                    f"node {number}": Metric("AWS/ElastiCache", metric, {"CacheClusterId": node}, how)
                    for number, node in enumerate(nodes, start=1)
                }
            ),
        )
        for name, (metric, how) in shown.items()
    ]


def _by_service(seen: Seen, shown: Mapping[str, tuple[str, str]], region: str) -> list[Member]:
    if seen.load_balancer is None:
        return []
    schema, where = f"{_BALANCER},LoadBalancer,TargetGroup", {"LoadBalancer": seen.load_balancer}
    return [(name, found(schema, metric, where, how, region=region)) for name, (metric, how) in shown.items()]


def _load(cluster: ClusterDimensions | None, region: str) -> list[Member]:
    if cluster is None or cluster.engine not in _LOADS:
        return []
    schema, cpu, memory = _LOADS[cluster.engine]
    where = {"ClusterName": cluster.name}
    return [
        (name, found(schema, metric, where, "Average", region=region))
        for name, metric in (("CPU, percent", cpu), ("Memory, percent", memory))
    ]


_WIDGETS: Mapping[Board, Callable[[Seen, Context], _Widgets]] = {
    "database": _database,
    "api": _api,
    "errors": _errors,
    "users": _users,
}
