"""Custom metrics: numbers that services log, drawn out of their lines, on a graph and under an alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Comparison, Expression, Metric, alarm
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.observability.settings import Bounds, MetricSettings
from groundwork.components.observability.widgets import curve


@dataclass(frozen=True)
class MetricGraph:
    """A curve for the dashboard that no alarm brings."""

    title: str
    measure: Metric | Expression
    period: int = 60
    """Seconds that a point covers."""

    def drawn(self, region: str) -> dict[str, Any]:
        """Return the curve, as a dashboard has it."""
        return curve(self.measure, region, self.period)


class Metrics(Component):
    """The custom metrics of a stack, in the namespace ``<platform>/<stage>``.

    Builds: for each metric that is drawn from log lines a metric filter on the log group of its service, and by settings an
    alarm. A metric that the service embeds in its lines needs no filter: CloudWatch takes it out of any log group. The
    application's side is in ``docs/custom-metrics.md``.

    Cost: $0.30 a month for each metric, $0.10 for an alarm; filters are free.

    Fails: a line that is no JSON, lacks the field or has no number in it is passed over in silence; the metric then has no
    data, and its alarm does not go off. Filters see lines from their creation on, never older ones.

    Changes without replacement: everything but a metric's name and service. Another name begins a new history.
    """

    layer = "observability"

    namespace: str
    """Where the metrics are, and where a service that embeds its own puts them."""
    graphs: dict[str, MetricGraph]
    """Metric → its curve."""

    def __init__(
        self,
        name: str,
        settings: Mapping[str, MetricSettings],
        context: Context,
        *,
        log_group_names: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create metric filters and alarms. ``log_group_names`` are by service or function, as engines and functions
        have them."""
        super().__init__(name, context, opts)
        self._settings = settings
        self.namespace = namespace_of(context)
        self.graphs = {}
        for key, metric in settings.items():
            if not metric.embedded:
                self._filter(key, metric, log_group_names[metric.service])
            self.graphs[key] = MetricGraph(_title(key, metric), self._measure(key, metric), _SECONDS[metric.period])
            self._alarm(key, metric)
        self.register_outputs({"namespace": self.namespace})

    def _filter(self, key: str, metric: MetricSettings, log_group_name: pulumi.Input[str]) -> None:
        aws.cloudwatch.LogMetricFilter(
            f"{self.name}-{key}",
            log_group_name=log_group_name,
            pattern=pattern(metric),
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                name=key,
                namespace=self.namespace,
                value=metric.value or "1",
                # Counting nothing is a count; a duration of nothing is no duration.
                default_value=None if metric.value else "0",
                unit=metric.unit,
            ),
            opts=self.child(),
        )

    def _measure(self, key: str, metric: MetricSettings, otherwise: int = 0) -> Metric | Expression:
        """Return the metric, or a share of another in percent; ``otherwise`` is the share of nothing."""
        if metric.share_of is None:
            return Metric(self.namespace, key, {}, metric.shown)
        formula = f"IF(FILL(whole, 0) > 0, 100 * FILL(part, 0) / whole, {otherwise})"
        parts = {"part": key, "whole": metric.share_of}
        return Expression(
            formula,
            _title(key, metric),
            {identifier: Metric(self.namespace, name, {}, "Sum") for identifier, name in parts.items()},
        )

    def _alarm(self, key: str, metric: MetricSettings) -> None:
        if metric.alarm is None:
            return
        above, below = metric.alarm.above, metric.alarm.below
        side: tuple[Bounds, Comparison, str, int] | None = None
        if above is not None:
            side = (above, "GreaterThanThreshold", "above", 0)
        elif below is not None:
            side = (below, "LessThanThreshold", "below", 100)
        if side is None:
            return
        bounds, comparison, word, otherwise = side
        alarm(
            self,
            key,
            self._measure(key, metric, otherwise),
            threshold=bounds,
            comparison=comparison,
            periods=metric.alarm.minutes,
            description=f"{_title(key, metric)} has been {word} {bounds} for {metric.alarm.minutes} minutes. Look at the log of "
            f"{metric.service}.",
        )


def namespace_of(context: Context) -> str:
    """Return ``shop/prod``: the namespace of a stack's own metrics."""
    return context.prefix.strip("/")


def pattern(metric: MetricSettings) -> str:
    """Return the filter pattern: lines that have the field, and that the condition wants.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    conditions = [f"{metric.value} = *"] if metric.value else []
    conditions += [metric.where] if metric.where else []
    joined = " && ".join(f"({condition})" for condition in conditions) if len(conditions) > 1 else conditions[0]
    return f"{{ {joined} }}"


def _title(key: str, metric: MetricSettings) -> str:
    if metric.share_of is not None:
        return f"{key} of {metric.service}, percent of {metric.share_of}"
    unit = "" if metric.unit == "None" else f" in {metric.unit.lower()}"
    period = "" if metric.period == "minute" else f" a {metric.period}"
    return f"{key} of {metric.service}, {metric.shown.lower()}{unit}{period}"


_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
