"""One page that shows every alarm with its metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context, DeclaredAlarm
from groundwork.components.observability.metrics import MetricGraph
from groundwork.components.observability.widgets import MOST_STATUSES, section, states, text

# 500 widgets on a dashboard: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
_MOST_GRAPHS = 400


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
        context: Context,
        *,
        alarms: Sequence[DeclaredAlarm],
        pages: Mapping[str, pulumi.Output[str]] | None = None,
        graphs: Mapping[str, MetricGraph] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the dashboard. ``pages`` are the ARNs of the alarms that page, ``graphs`` the custom metrics."""
        super().__init__(name, context, opts)
        widgets = list(_widgets(alarms, list((pages or {}).values()), list((graphs or {}).values()), context))
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=page_name(context),
            dashboard_body=pulumi.Output.json_dumps({"start": "-PT6H", "widgets": widgets}),
            opts=self.child(),
        )
        self.register_outputs({"dashboardArn": dashboard.dashboard_arn})


def page_name(context: Context) -> str:
    """Return ``shop-prod-eu-central-1``: the dashboard's name, and how those of the boards start. An account's
    dashboards are the same in every region:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html"""
    return context.global_slug


def _widgets(
    alarms: Sequence[DeclaredAlarm],
    pages: Sequence[pulumi.Output[str]],
    graphs: Sequence[MetricGraph],
    context: Context,
) -> Iterator[dict[str, Any]]:
    shown = alarms[: _MOST_GRAPHS - len(graphs)]
    left_out = len(alarms) - len(shown)
    note = f"\n\n{left_out} more alarms are on the alarms page." if left_out else ""
    yield text(0, f"# {context.slug}\nEvery alarm with its metric and threshold.{note}")
    top = 2
    if pages:
        yield states(top, 2, "Pages", pages)
        top += 2
    yield states(top, 4, "Alarms", [alarm.arn for alarm in alarms[:MOST_STATUSES]])
    top += 4
    own = [(graph.title, graph.drawn(context.region)) for graph in graphs]
    sections = [("Custom metrics", own)] if own else []
    for component, group in groupby(shown, key=lambda alarm: alarm.component):
        sections.append((component, [(alarm.key, {"annotations": {"alarms": [alarm.arn]}}) for alarm in group]))
    for heading, members in sections:
        widgets, top = section(top, heading, members, context.region)
        yield from widgets
