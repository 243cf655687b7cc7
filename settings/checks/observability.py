"""Custom metrics against the services and functions that log them, dashboards against what they show."""

from __future__ import annotations

from collections.abc import Iterator

from settings.mistakes import Mistake, nearest, one_of
from settings.models import Settings
from settings.models.observability import MetricSettings


def metrics_have_a_source(settings: Settings) -> Iterator[Mistake]:
    for name, metric in _metrics(settings).items():
        known = [*settings.services, *settings.functions]
        if metric.service not in known:
            allowed = f"this stack has {one_of(known)}" if known else "this stack has none"
            yield Mistake(
                ("observability", "metrics", name, "service"),
                f'there is no service or function "{metric.service}"; {allowed}{nearest(metric.service, known)}',
            )


def shares_are_of_another_metric(settings: Settings) -> Iterator[Mistake]:
    metrics = _metrics(settings)
    for name, metric in metrics.items():
        path = ("observability", "metrics", name, "share_of")
        if metric.share_of is None:
            continue
        if metric.share_of == name:
            yield Mistake(path, "a metric is always 100 % of itself; name another")
        elif metric.share_of not in metrics:
            yield Mistake(path, f'there is no metric "{metric.share_of}"{nearest(metric.share_of, metrics)}')


def filters_fit_a_log_group(settings: Settings) -> Iterator[Mistake]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""
    count: dict[str, int] = {}
    for name, metric in _metrics(settings).items():
        if metric.embedded:
            continue
        count[metric.service] = count.get(metric.service, 0) + 1
        if count[metric.service] == _MOST_FILTERS + 1:
            yield Mistake(
                ("observability", "metrics", name),
                f"{metric.service} has more than the {_MOST_FILTERS} metrics that can be drawn from one log; embed some",
            )


def boards_have_something_to_show(settings: Settings) -> Iterator[Mistake]:
    boards = settings.observability.boards if settings.observability else ()
    if not boards:
        return
    shown = {
        "database": bool(settings.data or settings.cache or settings.search),
        "api": bool(settings.services),
        "errors": bool(settings.services or settings.functions),
    }
    missing = {"database": "data, cache nor search", "api": "services", "errors": "services nor functions"}
    for index, board in enumerate(boards):
        if not shown[board]:
            neither = "neither " if " nor " in missing[board] else "no "
            yield Mistake(
                ("observability", "boards", index),
                f'"{board}" would be empty: this stack has {neither}{missing[board]}',
            )
        elif board in boards[:index]:
            yield Mistake(("observability", "boards", index), f'"{board}" is named twice')


_MOST_FILTERS = 100


def _metrics(settings: Settings) -> dict[str, MetricSettings]:
    return settings.observability.metrics if settings.observability else {}


CHECKS = (
    metrics_have_a_source,
    shares_are_of_another_metric,
    filters_fit_a_log_group,
    boards_have_something_to_show,
)
