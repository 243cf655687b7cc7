"""One page that shows every alarm with its metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pulumi
import pulumi_aws as aws

from components.alarms import Raised
from components.base import Component, Foundation

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html (500 widgets on a dashboard) and
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html (100 alarms in
# an alarm widget).
_MOST_GRAPHS = 400
_MOST_STATUSES = 100

_WIDTH = 24
_GRAPH = (8, 6)


class Dashboard(Component):
    """A CloudWatch dashboard made from the alarms that the components brought: their states, then a graph of each metric
    with its threshold, component by component. What has an alarm is on it, with nothing to keep in step.

    Builds: one dashboard. Beyond 400 graphs the rest is left to the alarms page, and the dashboard says so.

    Cost: three dashboards a month are free in an account, each further one is $3.

    Fails: never on its own; a graph stays empty until its metric has data.

    Changes without replacement: everything.
    """

    layer = "observability"

    def __init__(
        self, name: str, *, foundation: Foundation, alarms: Sequence[Raised], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, foundation, opts)
        body = pulumi.Output.json_dumps({"start": "-PT6H", "widgets": list(_widgets(alarms, foundation))})
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard", dashboard_name=_title(foundation), dashboard_body=body, opts=self.child()
        )
        self.register_outputs({"dashboardArn": dashboard.dashboard_arn})


def _title(foundation: Foundation) -> str:
    return f"{foundation.platform.name}-{foundation.platform.stage}"


def _widgets(alarms: Sequence[Raised], foundation: Foundation) -> Iterator[dict[str, Any]]:
    shown = alarms[:_MOST_GRAPHS]
    left_out = len(alarms) - len(shown)
    note = f"\n\n{left_out} more alarms are on the alarms page." if left_out else ""
    yield _text(0, f"# {_title(foundation)}\nEvery alarm with its metric and threshold.{note}")
    yield {
        "type": "alarm",
        "x": 0,
        "y": 2,
        "width": _WIDTH,
        "height": 4,
        "properties": {"title": "Alarms", "alarms": [alarm.arn for alarm in alarms[:_MOST_STATUSES]]},
    }
    top = 6
    for component, group in groupby(shown, key=lambda alarm: alarm.component):
        yield _text(top, f"## {component}")
        members = list(group)
        yield from _graphs(members, top + 2, foundation.region)
        top += 2 + _GRAPH[1] * -(-len(members) * _GRAPH[0] // _WIDTH)


def _graphs(alarms: Sequence[Raised], top: int, region: str) -> Iterator[dict[str, Any]]:
    width, height = _GRAPH
    for index, alarm in enumerate(alarms):
        column, row = index * width % _WIDTH, index * width // _WIDTH
        yield {
            "type": "metric",
            "x": column,
            "y": top + row * height,
            "width": width,
            "height": height,
            "properties": {
                "title": alarm.key,
                "region": region,
                "view": "timeSeries",
                "annotations": {"alarms": [alarm.arn]},
            },
        }


def _text(top: int, markdown: str) -> dict[str, Any]:
    return {"type": "text", "x": 0, "y": top, "width": _WIDTH, "height": 2, "properties": {"markdown": markdown}}
