"""One page that shows every alarm with its metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alarms import Expression, Metric, Raised
from components.base import Component, Foundation
from components.observability.metrics import Graph

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html (500 widgets on a dashboard) and
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html (100 alarms in
# an alarm widget).
_MOST_GRAPHS = 400
_MOST_STATUSES = 100

_WIDTH = 24
_GRAPH = (8, 6)
_ACROSS = _WIDTH // _GRAPH[0]


class Dashboard(Component):
    """A CloudWatch dashboard made from what the components brought: the two alarms that page, the states of all others, the
    custom metrics, then a graph of each alarm's metric with its threshold, component by component. What has an alarm is on
    it, with nothing to keep in step.

    Builds: one dashboard. Beyond 400 graphs the rest is left to the alarms page, and the dashboard says so.

    Cost: three dashboards a month are free in an account, each further one is $3.

    Fails: never on its own; a graph stays empty until its metric has data.

    Changes without replacement: everything.
    """

    layer = "observability"

    def __init__(
        self,
        name: str,
        *,
        foundation: Foundation,
        alarms: Sequence[Raised],
        pages: Mapping[str, pulumi.Output[str]] | None = None,
        graphs: Mapping[str, Graph] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``pages`` are the ARNs of the alarms that page, ``graphs`` the custom metrics."""
        super().__init__(name, foundation, opts)
        widgets = list(_widgets(alarms, list((pages or {}).values()), list((graphs or {}).values()), foundation))
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=_title(foundation),
            dashboard_body=pulumi.Output.json_dumps({"start": "-PT6H", "widgets": widgets}),
            opts=self.child(),
        )
        self.register_outputs({"dashboardArn": dashboard.dashboard_arn})


def _title(foundation: Foundation) -> str:
    return f"{foundation.platform.name}-{foundation.platform.stage}"


def _widgets(
    alarms: Sequence[Raised], pages: Sequence[pulumi.Output[str]], graphs: Sequence[Graph], foundation: Foundation
) -> Iterator[dict[str, Any]]:
    shown = alarms[: _MOST_GRAPHS - len(graphs)]
    left_out = len(alarms) - len(shown)
    note = f"\n\n{left_out} more alarms are on the alarms page." if left_out else ""
    yield _text(0, f"# {_title(foundation)}\nEvery alarm with its metric and threshold.{note}")
    top = 2
    if pages:
        yield _states(top, 2, "Pages", pages)
        top += 2
    yield _states(top, 4, "Alarms", [alarm.arn for alarm in alarms[:_MOST_STATUSES]])
    top += 4
    own = [(graph.title, _curve(graph.measure, foundation.region)) for graph in graphs]
    sections = [("Custom metrics", own)] if own else []
    for component, group in groupby(shown, key=lambda alarm: alarm.component):
        sections.append((component, [(alarm.key, {"annotations": {"alarms": [alarm.arn]}}) for alarm in group]))
    for heading, members in sections:
        yield _text(top, f"## {heading}")
        yield from _grid(members, top + 2, foundation.region)
        top += 2 + _GRAPH[1] * -(-len(members) // _ACROSS)


def _states(top: int, height: int, title: str, arns: Sequence[pulumi.Output[str]]) -> dict[str, Any]:
    return {
        "type": "alarm",
        "x": 0,
        "y": top,
        "width": _WIDTH,
        "height": height,
        "properties": {"title": title, "alarms": list(arns)},
    }


def _grid(graphs: Sequence[tuple[str, dict[str, Any]]], top: int, region: str) -> Iterator[dict[str, Any]]:
    width, height = _GRAPH
    for index, (title, content) in enumerate(graphs):
        yield {
            "type": "metric",
            "x": index % _ACROSS * width,
            "y": top + index // _ACROSS * height,
            "width": width,
            "height": height,
            "properties": {"title": title, "region": region, "view": "timeSeries", **content},
        }


def _curve(measure: Metric | Expression, region: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html#CloudWatch-Dashboard-Properties-Metrics-Array-Format"""
    if isinstance(measure, Metric):
        return {"period": 60, "metrics": [[*_named(measure), {"stat": measure.statistic}]]}
    hidden = [
        [*_named(metric), {"id": identifier, "stat": metric.statistic, "visible": False}]
        for identifier, metric in measure.metrics.items()
    ]
    shown = {"expression": measure.formula, "label": measure.label, "id": "result", "region": region}
    return {"period": 60, "metrics": [[shown], *hidden]}


def _named(metric: Metric) -> list[Any]:
    return [metric.namespace, metric.name, *(part for pair in metric.dimensions.items() for part in pair)]


def _text(top: int, markdown: str) -> dict[str, Any]:
    return {"type": "text", "x": 0, "y": top, "width": _WIDTH, "height": 2, "properties": {"markdown": markdown}}
