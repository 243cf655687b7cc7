"""Custom metrics against the services and functions that log them, dashboards against what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groundwork.components.observability.settings import MetricSettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import FEWEST_HEALTH_CHECKERS, health_checkers, most_of
from groundwork.settings.mistakes import Mistake, nearest, one_of


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
    """Check that no log group has more metric filters than AWS takes."""
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
        "users": bool(settings.services),
    }
    missing = {
        "database": "data, cache nor search",
        "api": "services",
        "errors": "services nor functions",
        "users": "services",
    }
    for index, board in enumerate(boards):
        if not shown[board]:
            neither = "neither " if " nor " in missing[board] else "no "
            yield Mistake(
                ("observability", "boards", index),
                f'"{board}" would be empty: this stack has {neither}{missing[board]}',
            )


def uptime_has_an_address(settings: Settings) -> Iterator[Mistake]:
    uptime = settings.observability.uptime if settings.observability else None
    if uptime is None:
        return
    edge = settings.edge
    answers = any(service.path for service in settings.services.values()) or any(
        bucket.cdn for bucket in settings.storage.values()
    )
    if edge is None or not answers or not (edge.cdn or edge.load_balancer.exposure == "internet"):
        yield Mistake(
            ("observability", "uptime"),
            "nothing of this stack is reached from outside; give a service a path, or a bucket its cdn, and keep edge, or leave uptime "
            "out",
        )
    if settings.platform.hours:
        yield Mistake(
            ("observability", "uptime"),
            "would page every evening: platform.hours stops what it asks for; leave one out",
        )
    refused = edge.waf.blocked_countries if edge and edge.waf else ()
    if len(health_checkers(refused)) < FEWEST_HEALTH_CHECKERS:
        yield Mistake(
            ("edge", "waf", "blocked_countries"),
            f"leaves {_places(health_checkers(refused))} of Route 53's locations for observability.uptime, which needs "
            f"{FEWEST_HEALTH_CHECKERS}; unblock some, or leave uptime out",
        )


def _places(regions: Sequence[str]) -> str:
    return ", ".join(regions) or "none"


def archives_keep_more_than_log_groups(settings: Settings) -> Iterator[Mistake]:
    observed = settings.observability
    if observed and observed.archive and observed.archive.expire_after <= observed.retention:
        yield Mistake(
            ("observability", "archive", "expire_after"),
            f"{observed.archive.expire_after} days are no longer than the {observed.retention} days of retention: the archive would "
            "keep nothing that the log groups do not",
        )


def a_channel_is_of_one_workspace(settings: Settings) -> Iterator[Mistake]:
    """Check that one channel has one workspace: ids of channels are unique over workspaces, and AWS takes a channel
    once in an account."""
    alerts = settings.observability.alerts if settings.observability else None
    if alerts is None or alerts.page is None or alerts.page.slack is None or alerts.notice.slack is None:
        return
    notice, page = alerts.notice.slack, alerts.page.slack
    if notice.channel == page.channel and notice.workspace != page.workspace:
        yield Mistake(
            ("observability", "alerts", "page", "slack", "workspace"),
            f"{page.channel} is in {notice.workspace} under alerts.notice; a channel is of one workspace",
        )


def answers_can_be_slow_enough(settings: Settings) -> Iterator[Mistake]:
    """Check that the alarm's bound is within what the load balancer waits for: beyond it, it never goes off."""
    bounds = settings.observability.thresholds.response_seconds if settings.observability else None
    longest = settings.edge.load_balancer.idle_timeout if settings.edge else None
    for severity, bound in bounds.levels() if bounds else ():
        if longest is not None and bound >= longest:
            yield Mistake(
                ("observability", "thresholds", "response_seconds"),
                f"{bound:g} ({severity}) is never exceeded: the load balancer waits for {longest} s "
                "(edge.load_balancer.idle_timeout); lower it, or raise that",
            )
            return


_MOST_FILTERS = most_of("metric-filters-per-log-group")


def _metrics(settings: Settings) -> dict[str, MetricSettings]:
    return settings.observability.metrics if settings.observability else {}


CHECKS = (
    metrics_have_a_source,
    shares_are_of_another_metric,
    filters_fit_a_log_group,
    answers_can_be_slow_enough,
    boards_have_something_to_show,
    uptime_has_an_address,
    archives_keep_more_than_log_groups,
    a_channel_is_of_one_workspace,
)
