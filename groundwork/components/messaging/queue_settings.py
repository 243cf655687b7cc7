"""Queues, topics, schedules, and what buckets tell queues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.observability.settings import CountBounds, CountLevels, Email
from groundwork.settings.base import Model, Name, QueueName, TimeZone
from groundwork.settings.schedules import problem_with

FIFO_SUFFIX = ".fifo"


def is_fifo(name: str) -> bool:
    """Tell whether a queue or topic keeps order."""
    return name.endswith(FIFO_SUFFIX)


def stem(name: str) -> str:
    """Return ``payments`` of ``payments.fifo``: what its components and environment variables are called by."""
    return name.removesuffix(FIFO_SUFFIX)


class FifoSettings(Model):
    """What only a FIFO queue has."""

    deduplication: Literal["content", "id"] = "content"
    """By a hash of the message, or by the id that the sender gives."""
    scope: Literal["queue", "group"] = "queue"
    """Where duplicates are looked for; ``group`` is what high throughput needs."""
    throughput: Literal["queue", "group"] = "queue"
    """Limit for the whole queue, or for each message group (high throughput)."""

    @model_validator(mode="after")
    def _high_throughput_needs_group_scope(self) -> FifoSettings:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
        if self.throughput == "group" and self.scope != "group":
            raise PydanticCustomError("fifo", "throughput: group needs scope: group")
        return self


class BackoffSettings(Model):
    """How long a message that failed waits for its next try: twice as long each time."""

    first: Annotated[int, Field(ge=1, le=43200)] = 10
    """Seconds after the first try."""
    most: Annotated[int, Field(ge=1, le=43200)] = 900
    """Seconds, at most."""

    @model_validator(mode="after")
    def _in_order(self) -> BackoffSettings:
        if self.first > self.most:
            raise PydanticCustomError(
                "bounds",
                "first ({first}) is more than most ({most})",
                {"first": self.first, "most": self.most, "at": ("first",)},
            )
        return self


class QueueSettings(Model):
    """An SQS queue and its dead-letter queue."""

    visibility: Annotated[int, Field(ge=0, le=43200)] = 30
    """Seconds that a received message stays hidden. A function that consumes it needs at least six times its own timeout."""
    retention_days: Annotated[int, Field(ge=1, le=14)] = 14
    """Days that an unread message is kept."""
    delay: Annotated[int, Field(ge=0, le=900)] = 0
    """Seconds before a message can be received."""
    tries: Annotated[int, Field(ge=1, le=1000)] = 3
    """Receipts after which a message goes to the dead-letter queue."""
    backoff: BackoffSettings | None = BackoffSettings()
    """What consumers do with a message that failed: they hide it for ``first`` seconds, then for twice that, up to ``most``. SQS
    does not do it by itself: Groundwork's functions do, and a service that consumes the queue is told in
    ``NAME_QUEUE_BACKOFF_…_SECONDS``. null: it comes again when ``visibility`` ends."""
    wait: Annotated[int, Field(ge=0, le=20)] = 20
    """Seconds that a receiver waits for a message (long polling)."""
    max_kb: Annotated[int, Field(ge=1, le=1024)] = 256
    """Largest message."""
    fifo: FifoSettings | None = None
    """Only with a name that ends in ``.fifo``."""
    alarm_age: CountLevels | None = CountBounds(notice=3600)
    """Seconds; an alarm goes off when the oldest message waits longer. A number, or ``{notice: 900, page: 3600}``."""


class SubscriptionSettings(Model):
    """One receiver of a topic: exactly one of queue, function and email."""

    queue: QueueName | None = None
    function: Name | None = None
    email: Email | None = None
    filter: dict[str, Any] = {}
    """An SNS filter policy; only messages that match are delivered: ``{kind: [created, removed]}``."""
    filter_on: Literal["attributes", "body"] = "attributes"
    raw: bool = False
    """Deliver the message alone, without SNS's envelope; to queues only."""

    @model_validator(mode="after")
    def _one_receiver(self) -> SubscriptionSettings:
        receivers = [name for name in ("queue", "function", "email") if getattr(self, name)]
        if len(receivers) != 1:
            raise PydanticCustomError(
                "subscription",
                "needs exactly one of queue, function and email; it has {found}",
                {"found": ", ".join(receivers) or "none"},
            )
        if self.raw and not self.queue:
            raise PydanticCustomError("subscription", "raw delivery goes to queues only")
        return self

    @model_validator(mode="after")
    def _filter_is_a_policy(self) -> SubscriptionSettings:
        # https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
        for key, values in _leaves(self.filter, nested=self.filter_on == "body"):
            if not isinstance(values, list) or not values:
                raise PydanticCustomError(
                    "filter",
                    'filter "{key}" needs a list of what matches, such as [created]{hint}',
                    {
                        "key": key,
                        "hint": "; nested keys need filter_on: body" if isinstance(values, dict) else "",
                    },
                )
        return self


def _leaves(policy: dict[str, Any], *, nested: bool) -> Iterator[tuple[str, Any]]:
    for key, value in policy.items():
        if nested and isinstance(value, dict):
            yield from _leaves(value, nested=True)
        elif key == "$or" and isinstance(value, list):
            for alternative in value:
                yield from (
                    _leaves(alternative, nested=nested) if isinstance(alternative, dict) else [(key, alternative)]
                )
        else:
            yield key, value


class TopicFifoSettings(Model):
    """What only a FIFO topic has."""

    deduplication: Literal["content", "id"] = "content"
    """By a hash of the message, or by the id that the sender gives."""
    throughput: Literal["topic", "group"] = "topic"
    """Limit for the whole topic, or for each message group (high throughput)."""


class TopicSettings(Model):
    """An SNS topic and who hears it."""

    subscriptions: dict[Name, SubscriptionSettings] = {}
    fifo: TopicFifoSettings | None = None
    """Only with a name that ends in ``.fifo``."""


def _expression(value: str) -> str:
    problem = problem_with(value)
    if problem:
        raise PydanticCustomError("schedule", "{problem}", {"problem": problem})
    return value


ScheduleExpression = Annotated[str, AfterValidator(_expression)]


class ScheduleSettings(Model):
    """An EventBridge schedule that sends a message: to exactly one of queue and function."""

    at: ScheduleExpression
    """``cron(0 2 * * ? *)``, ``rate(1 day)`` or ``at(2027-01-31T08:00:00)``."""
    timezone: TimeZone | None = None
    """Unset, the platform's."""
    queue: QueueName | None = None
    function: Name | None = None
    message: dict[str, Any] = {}
    """What is sent, as JSON. ``scheduled_at``, the time for which it was planned, is added."""
    window: Annotated[int, Field(ge=0, le=1440)] = 0
    """Minutes within which it may start; 0 is to the minute."""
    give_up_after: Annotated[int, Field(ge=60, le=86400)] = 3600
    """Seconds in which a message that could not be handed over is tried again; then it goes to the dead-letter queue."""
    enabled: bool = True

    @model_validator(mode="after")
    def _one_target(self) -> ScheduleSettings:
        if bool(self.queue) == bool(self.function):
            raise PydanticCustomError("schedule", "needs exactly one of queue and function")
        return self


class NotifySettings(Model):
    """What a bucket tells a queue."""

    queue: QueueName
    on: Literal["created", "removed"] = "created"
    prefix: Annotated[str, Field(pattern=r"^([^/*?][^*?]*)?$", max_length=256)] = ""
    """Only keys that start with it."""
    suffix: Annotated[str, Field(pattern=r"^[^*?]*$", max_length=64)] = ""
    """Only keys that end in it, such as ``.jpg``; letter case counts."""
