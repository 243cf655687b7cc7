"""Logs, alarms, custom metrics, dashboard, tracing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.base import LogRetention, Model, Name

Percent = Annotated[int, Field(ge=1, le=100)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]

Severity = Literal["notice", "page"]
"""``page`` wakes somebody; ``notice`` is read when they are awake."""


class Bounds(Model):
    """When to send a notice, and when to page. A bare number is the notice alone."""

    worse: ClassVar[Literal["higher", "lower"] | None] = None
    """Where pages are, as seen from notices; None where it follows from elsewhere."""

    notice: float | None = None
    page: float | None = None

    @model_validator(mode="after")
    def _page_is_worse(self) -> Bounds:
        if self.notice is None and self.page is None:
            raise PydanticCustomError("bounds", "needs notice, page or both; null for the whole leaves the alarm out")
        if self.worse and self.notice is not None and self.page is not None:
            distance = self.page - self.notice
            if (distance if self.worse == "higher" else -distance) <= 0:
                raise PydanticCustomError(
                    "bounds",
                    "page ({page}) must be {worse} than notice ({notice})",
                    {"page": f"{self.page:g}", "notice": f"{self.notice:g}", "worse": self.worse},
                )
        return self

    @model_serializer(mode="plain")
    def _as_written(self) -> Any:
        said = dict(self.levels())
        return self.notice if self.page is None else said

    def levels(self) -> Iterator[tuple[Severity, float]]:
        """Yield each severity that has a bound, the milder first."""
        if self.notice is not None:
            yield "notice", self.notice
        if self.page is not None:
            yield "page", self.page

    def convert(self, function: Callable[[float], float]) -> Bounds:
        """Return the same bounds in another unit."""
        return Bounds(**{severity: function(bound) for severity, bound in self.levels()})

    def __str__(self) -> str:
        return " and ".join(f"{bound:g}" for _, bound in self.levels())


class PercentBounds(Bounds):
    """Percent at which to send a notice, and percent at which to page."""

    worse = "higher"

    notice: Percent | None = None
    page: Percent | None = None


class CountBounds(Bounds):
    """The number at which to send a notice, and the number at which to page."""

    worse = "higher"

    notice: Annotated[int, Field(ge=1)] | None = None
    page: Annotated[int, Field(ge=1)] | None = None


class AmountBounds(Bounds):
    """The amount at which to send a notice, and the amount at which to page."""

    worse = "higher"

    notice: Annotated[float, Field(gt=0)] | None = None
    page: Annotated[float, Field(gt=0)] | None = None


class FloorBounds(Bounds):
    """The amount below which to send a notice, and the lower amount below which to page."""

    worse = "lower"

    notice: Annotated[float, Field(gt=0)] | None = None
    page: Annotated[float, Field(gt=0)] | None = None


def _bare(value: Any) -> Any:
    return value if value is None or isinstance(value, (Bounds, Mapping)) else {"notice": value}


PercentLevels = Annotated[PercentBounds, BeforeValidator(_bare, json_schema_input_type=Percent | PercentBounds)]
CountLevels = Annotated[
    CountBounds, BeforeValidator(_bare, json_schema_input_type=Annotated[int, Field(ge=1)] | CountBounds)
]
AmountLevels = Annotated[
    AmountBounds, BeforeValidator(_bare, json_schema_input_type=Annotated[float, Field(gt=0)] | AmountBounds)
]
FloorLevels = Annotated[
    FloorBounds, BeforeValidator(_bare, json_schema_input_type=Annotated[float, Field(gt=0)] | FloorBounds)
]


class ThresholdSettings(Model):
    """When an alarm goes off: a number, which sends a notice, or ``{notice: 80, page: 90}``, of which each may be left out.
    ``null`` leaves that alarm out."""

    service_cpu: PercentLevels | None = PercentBounds(notice=80)
    """Percent of a service's CPU, five minutes."""
    service_memory: PercentLevels | None = PercentBounds(notice=85)
    """Percent of a service's memory, five minutes."""
    errors_per_minute: CountLevels | None = CountBounds(notice=10)
    """5xx answers of a service's targets in one minute."""
    error_percent: PercentLevels | None = PercentBounds(page=5)
    """Percent of a service's requests that are answered with 5xx, two minutes; looked at from ten requests a minute on."""
    unhealthy_minutes: CountLevels | None = CountBounds(page=5)
    """Minutes without any copy of a public service that passes its health check."""
    response_seconds: AmountLevels | None = AmountBounds(notice=2)
    """Average time a service takes to answer, five minutes. Less than ``edge.load_balancer.idle_timeout``, which ends what takes
    longer."""
    instance_cpu: PercentLevels | None = PercentBounds(notice=80, page=90)
    """Percent of the CPU of EC2 instances, five minutes."""
    instance_memory: PercentLevels | None = PercentBounds(notice=85)
    """Percent of an EC2 instance's memory, five minutes; from the agent, where the engine installs it."""
    instance_disk: PercentLevels | None = PercentBounds(notice=80)
    """Percent of an EC2 instance's disk in use; from the agent."""
    database_cpu: PercentLevels | None = PercentBounds(notice=80)
    """Percent, five minutes."""
    database_memory: PercentLevels | None = PercentBounds(notice=85)
    """Percent of the instance's memory in use."""
    database_storage: PercentLevels | None = PercentBounds(notice=80)
    """Percent of the volume in use."""
    database_connections: PercentLevels | None = PercentBounds(notice=80)
    """Percent of the connections that the instance class allows."""
    database_connection_count: CountLevels | None = None
    """The same as a number, such as 100, whatever the class."""
    database_silent_minutes: CountLevels | None = CountBounds(page=3)
    """Minutes without any sign of life of an instance."""
    replica_lag_seconds: CountLevels | None = CountBounds(notice=60)
    cache_cpu: PercentLevels | None = PercentBounds(notice=80)
    """Percent of the Redis engine's CPU."""
    cache_memory: PercentLevels | None = PercentBounds(notice=80)
    """Percent of the node's memory in use."""
    cache_evictions: CountLevels | None = CountBounds(notice=1000)
    """Keys evicted in five minutes."""
    cpu_credits: FloorLevels | None = FloorBounds(notice=10)
    """CPU credits that a burstable EC2 instance or cache node has left while it spends them; a credit is a vCPU for a minute. Without
    any it is held at its baseline, and its CPU reaches no other threshold. Databases have none: they go on, at a price."""
    search_cpu: PercentLevels | None = PercentBounds(notice=80)
    """Percent of a search node's CPU, three quarters of an hour."""
    search_memory: PercentLevels | None = PercentBounds(notice=85, page=95)
    """Percent of the Java heap of a search node, three minutes."""
    search_storage: PercentLevels | None = PercentBounds(notice=75)
    """Percent of a search node's volume in use, of what OpenSearch Service does not keep for itself."""
    files_operations: PercentLevels | None = PercentBounds(notice=80)
    """Percent of the operations that a file system can do in a second, five minutes."""
    migration_cpu: PercentLevels | None = PercentBounds(notice=80)
    """Percent of a replication instance's CPU, five minutes."""
    migration_storage: PercentLevels | None = PercentBounds(notice=80)
    """Percent of a replication instance's volume in use."""
    migration_lag_seconds: CountLevels | None = CountBounds(notice=300)
    """How far a replication task may be behind the database that it follows; without it rows that differ are not told either."""
    log_archive_minutes: CountLevels | None = CountBounds(notice=60)
    """How long a log line may wait for its bucket, in minutes; looked at where ``archive`` is set."""


# https://docs.aws.amazon.com/chatbot/latest/APIReference/API_SlackChannelConfiguration.html; Slack begins the ids of workspaces
# with T, those of channels with C and of older private ones with G.
Workspace = Annotated[str, Field(pattern="^T[A-Z0-9]{7,20}$")]
Channel = Annotated[str, Field(pattern="^[CG][A-Z0-9]{7,20}$")]


class SlackSettings(Model):
    """A Slack channel that is told, through Amazon Q Developer in chat applications (once AWS Chatbot). Somebody authorizes the
    workspace once for each account, by hand, in its console; in a private channel ``/invite @Amazon Q`` lets it in."""

    workspace: Workspace
    """The workspace's id, as the console of Amazon Q Developer in chat applications shows it."""
    channel: Channel
    """The channel's id: the end of the link that "Copy link" gives. AWS takes a channel once in an account, so that two stacks
    of one account each need their own."""


class AudienceSettings(Model):
    """Who hears of alarms of one severity."""

    emails: tuple[Email, ...] = ()
    """Each address confirms its subscription by the mail that SNS sends. Pagers have addresses too."""
    slack: SlackSettings | None = None
    """A channel that hears of them, beside the addresses or in their place."""


class AlertsSettings(Model):
    """Two severities. ``page`` is for what cannot wait: one message for one fault. ``notice`` hears of every alarm."""

    notice: AudienceSettings = AudienceSettings()
    page: AudienceSettings | None = None
    """Unset, pages go where notices go."""


Selector = Annotated[str, Field(pattern=r"^\$(\.[A-Za-z_][A-Za-z0-9_-]*|\[\d+\])+$", max_length=128)]
Condition = Annotated[str, Field(pattern=r"^[($][^{}]*$", min_length=4, max_length=512)]

Unit = Literal[
    "Seconds",
    "Milliseconds",
    "Microseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Percent",
    "Count",
    "Bytes/Second",
    "Count/Second",
    "None",
]
Statistic = Annotated[str, Field(pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,2})?)$")]


class MetricAlarmSettings(Model):
    """An alarm on a custom metric: a bound above which, or below which, it goes off."""

    above: AmountLevels | None = None
    below: FloorLevels | None = None
    minutes: Annotated[int, Field(ge=1, le=60)] = 5

    @model_validator(mode="after")
    def _one_side(self) -> MetricAlarmSettings:
        if (self.above is None) == (self.below is None):
            raise PydanticCustomError("alarm", "needs exactly one of above and below")
        return self


class MetricSettings(Model):
    """A custom metric: drawn from the JSON lines that a service logs, or embedded in them by itself."""

    service: Name
    """Whose log lines: a service, or a function."""
    value: Selector | None = None
    """The field with the number, such as ``$.duration_ms``. Unset, lines are counted."""
    where: Condition | None = None
    """Which lines, as CloudWatch's filter patterns have it: ``$.event = "request" && $.status >= 500``."""
    embedded: bool = False
    """The service writes the metric in CloudWatch's embedded metric format; nothing is drawn from its lines."""
    unit: Unit = "None"
    statistic: Statistic | None = None
    """What the graph and the alarm show: ``Average``, ``Sum``, ``p95`` …. Unset: the average of values, the sum of counts."""
    period: Literal["minute", "hour", "day"] = "minute"
    """What a point of the graph covers: messages a day are ``day``. An alarm looks at minutes whatever it says."""
    share_of: Name | None = None
    """Another metric of the stack: this one is shown, and watched, as percent of it, sum by sum. A hit rate is
    ``hits`` as share of ``lookups``."""
    alarm: MetricAlarmSettings | None = None

    @property
    def shown(self) -> str:
        """Return the statistic that is shown."""
        return self.statistic or ("Sum" if self.value is None and not self.embedded else "Average")

    @model_validator(mode="after")
    def _has_a_source(self) -> MetricSettings:
        if self.embedded and (self.value or self.where):
            raise PydanticCustomError(
                "metric", "an embedded metric takes neither value nor where: the service writes it"
            )
        if not (self.embedded or self.value or self.where):
            raise PydanticCustomError("metric", "needs value, where or both, or embedded: true")
        if self.share_of and self.statistic:
            raise PydanticCustomError("metric", "a share is made of sums; leave statistic out")
        return self


Board = Literal["database", "api", "errors", "users"]


class UptimeSettings(Model):
    """A health check by Route 53, which asks for a page as users do, from several continents, and pages when it stays away."""

    path: Annotated[str, Field(pattern="^/", max_length=255)] = "/"
    """What is asked for, every few seconds by one location or another: a path that costs little, and that answers below 400 to
    anybody."""
    contains: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Text that must stand in the first 5,120 bytes of the answer."""
    minutes: Annotated[int, Field(ge=1, le=60)] = 2
    """Minutes for which it must stay away before somebody is paged, after three requests of a location in a row have failed,
    which takes 90 seconds."""


class LogArchiveSettings(Model):
    """A bucket to which every log line goes as it is written, so that what a log group forgets is still there."""

    archive_after: Annotated[int, Field(ge=1, le=36500)] | None = 90
    """Days until Glacier Flexible Retrieval."""
    expire_after: Annotated[int, Field(ge=1, le=36500)] = 730
    """Days until it is gone for good."""

    @model_validator(mode="after")
    def _in_order(self) -> LogArchiveSettings:
        if self.archive_after is not None and self.archive_after >= self.expire_after:
            raise PydanticCustomError(
                "archive",
                "is not before expire_after ({expire}); null keeps logs out of Glacier",
                {"expire": str(self.expire_after), "at": ("archive_after",)},
            )
        return self


class ObservabilitySettings(Model):
    """What is watched, how long logs are kept, who is told."""

    retention: LogRetention = 30
    alerts: AlertsSettings = AlertsSettings()
    thresholds: ThresholdSettings = ThresholdSettings()
    metrics: dict[Name, MetricSettings] = {}
    """Custom metrics, in the namespace ``<platform>/<stage>``, by name."""
    dashboard: bool = True
    """The overview: every alarm with its metric."""
    boards: tuple[Board, ...] = ()
    """Further dashboards: ``database`` (with cache and search), ``api`` (requests, answers and load by service, custom metrics),
    ``errors`` (failed answers and functions, lines of logs that tell of errors), ``users`` (how long they wait, how often they are
    refused, how many are connected, and the custom metrics)."""
    uptime: UptimeSettings | None = None
    """A health check from outside; unset, there is none."""
    archive: LogArchiveSettings | None = None
    """Where logs go beside their log groups; unset, they end with ``retention``."""
    tracing: bool = False
    """X-Ray sidecar with every service."""
    runbook: Annotated[str, Field(pattern="^https://")] | None = None
    """Address of the team's runbook; alarms link to it with their name as anchor."""


def without_observability() -> ObservabilitySettings:
    """Return the settings of a platform without the layer observability: logs, but no alarm, dashboard or tracing."""
    silent = ThresholdSettings.model_validate(dict.fromkeys(ThresholdSettings.model_fields))
    return ObservabilitySettings(thresholds=silent, dashboard=False)
