"""The parts of a dashboard, as CloudWatch writes them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from groundwork.components.alarms import Expression, Metric

# 100 alarms in an alarm widget; 500 widgets on a dashboard.
MOST_STATUSES = 100

WIDTH = 24
GRAPH = (8, 6)
_ACROSS = WIDTH // GRAPH[0]

Member = tuple[str, dict[str, Any]]
"""A graph's title, and what is on it."""


def text(top: int, markdown: str) -> dict[str, Any]:
    """Return a heading over the whole width, two high."""
    return {"type": "text", "x": 0, "y": top, "width": WIDTH, "height": 2, "properties": {"markdown": markdown}}


def states(top: int, height: int, title: str, arns: Sequence[pulumi.Output[str]]) -> dict[str, Any]:
    """Return a widget that shows which alarms are off."""
    return {
        "type": "alarm",
        "x": 0,
        "y": top,
        "width": WIDTH,
        "height": height,
        "properties": {"title": title, "alarms": list(arns)},
    }


def section(top: int, heading: str, members: Sequence[Member], region: str) -> tuple[list[dict[str, Any]], int]:
    """Return a heading with its graphs below, and where the next one starts."""
    widgets = [text(top, f"## {heading}"), *_grid(members, top + 2, region)]
    return widgets, top + 2 + GRAPH[1] * -(-len(members) // _ACROSS)


def _grid(members: Sequence[Member], top: int, region: str) -> Iterator[dict[str, Any]]:
    width, height = GRAPH
    for index, (title, content) in enumerate(members):
        yield {
            "type": "metric",
            "x": index % _ACROSS * width,
            "y": top + index // _ACROSS * height,
            "width": width,
            "height": height,
            "properties": {"title": title, "region": region, "view": "timeSeries", **content},
        }


def curve(measure: Metric | Expression, region: str, period: int = 60) -> dict[str, Any]:
    """Return one metric, or what is computed from several; each point covers ``period`` seconds."""
    if isinstance(measure, Metric):
        return {"period": period, "metrics": [[*_named(measure), {"stat": measure.statistic}]]}
    hidden = [
        [*_named(metric), {"id": identifier, "stat": metric.statistic, "visible": False}]
        for identifier, metric in measure.metrics.items()
    ]
    shown = {"expression": measure.formula, "label": measure.label, "id": "result", "region": region}
    return {"period": period, "metrics": [[shown], *hidden]}


def curves(measures: Mapping[str, Metric]) -> dict[str, Any]:
    """Return several metrics on one graph, by their label."""
    return {
        "period": 60,
        "metrics": [
            [*_named(measure), {"stat": measure.statistic, "label": label}] for label, measure in measures.items()
        ],
    }


def found(
    schema: str, metric: str, where: Mapping[str, pulumi.Input[str]], statistic: str, *, region: str
) -> dict[str, Any]:
    """Return every metric of a name that there is at the time of looking, each as a curve of its own; ``schema`` as
    in ``AWS/ApplicationELB,LoadBalancer,TargetGroup``.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    terms: list[pulumi.Input[str]] = [f'SEARCH(\'{{{schema}}} MetricName="{metric}"']
    for dimension, value in where.items():
        terms += [f' {dimension}="', value, '"']
    expression = pulumi.Output.concat(*terms, f"', '{statistic}', 60)")
    return {"period": 60, "metrics": [[{"expression": expression, "id": "found", "label": "", "region": region}]]}


def log_query(
    title: str, log_groups: Sequence[pulumi.Input[str]], query: str, *, top: int, height: int, region: str, view: str
) -> dict[str, Any]:
    """Return a widget with the result of a CloudWatch Logs Insights query over some log groups."""
    sources = [part for name in log_groups for part in ("SOURCE '", name, "' | ")]
    return {
        "type": "log",
        "x": 0,
        "y": top,
        "width": WIDTH,
        "height": height,
        "properties": {"title": title, "region": region, "view": view, "query": pulumi.Output.concat(*sources, query)},
    }


def _named(metric: Metric) -> list[Any]:
    return [metric.namespace, metric.name, *(part for pair in metric.dimensions.items() for part in pair)]
