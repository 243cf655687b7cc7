"""Queues, topics and what connects them, from what a stack file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.alarms import Watch
from components.base import Component
from components.functions.function import Function
from components.messaging.dead_letters import Sender
from components.messaging.notifications import Notifications
from components.messaging.queue import Queue
from components.messaging.schedule import Schedules
from components.messaging.topic import Subscription, Topic
from components.storage import Bucket
from settings.models.messaging import MessagingSettings
from settings.models.queues import stem
from settings.models.storage import BucketSettings


@dataclass(frozen=True)
class Receivers:
    """What messages can go to, and what every delivery needs beside."""

    queues: Mapping[str, Queue]
    functions: Mapping[str, Function]
    key_arn: pulumi.Output[str]
    watch: Watch


def topics(parent: Component, settings: MessagingSettings, *, key_arn: pulumi.Output[str]) -> dict[str, Topic]:
    """Every topic by its name."""
    return {
        name: Topic(
            f"{parent.name}-{stem(name)}",
            topic,
            key=name,
            foundation=parent.foundation,
            key_arn=key_arn,
            opts=parent.child(),
        )
        for name, topic in settings.topics.items()
    }


def queues(
    parent: Component,
    settings: MessagingSettings,
    *,
    topics: Mapping[str, Topic],
    storage: Mapping[str, BucketSettings],
    buckets: Mapping[str, Bucket],
    key_arn: pulumi.Output[str],
    watch: Watch,
) -> dict[str, Queue]:
    """Every queue by its name; its policy admits the topics it hears and the buckets that tell it."""
    senders: dict[str, list[Sender]] = {name: [] for name in settings.queues}
    for name, topic in settings.topics.items():
        for heard in dict.fromkeys(subscription.queue for subscription in topic.subscriptions.values()):
            if heard:
                senders[heard].append(topics[name].sender)
    for key, bucket in storage.items():
        for told in dict.fromkeys(notify.queue for notify in bucket.notify.values()):
            senders[told].append(Sender("s3.amazonaws.com", buckets[key].arn))
    return {
        name: Queue(
            f"{parent.name}-{stem(name)}",
            queue,
            key=name,
            foundation=parent.foundation,
            key_arn=key_arn,
            watch=watch,
            senders=senders[name],
            opts=parent.child(),
        )
        for name, queue in settings.queues.items()
    }


def subscriptions(
    parent: Component,
    settings: MessagingSettings,
    *,
    topics: Mapping[str, Topic],
    receivers: Receivers,
) -> None:
    """Who hears each topic."""
    for name, topic in settings.topics.items():
        for key, subscription in topic.subscriptions.items():
            receiver: Queue | Function | None = None
            if subscription.queue:
                receiver = receivers.queues[subscription.queue]
            elif subscription.function:
                receiver = receivers.functions[subscription.function]
            Subscription(
                f"{parent.name}-{stem(name)}-{key}",
                subscription,
                foundation=parent.foundation,
                topic=topics[name],
                receiver=receiver,
                key_arn=receivers.key_arn,
                watch=receivers.watch,
                opts=parent.child(),
            )


def schedules(
    parent: Component,
    settings: MessagingSettings,
    *,
    receivers: Receivers,
) -> None:
    """What is sent at certain times."""
    if settings.schedules:
        Schedules(
            f"{parent.name}-schedules",
            settings.schedules,
            foundation=parent.foundation,
            queues=receivers.queues,
            functions=receivers.functions,
            key_arn=receivers.key_arn,
            watch=receivers.watch,
            opts=parent.child(),
        )


def notifications(
    parent: Component,
    storage: Mapping[str, BucketSettings],
    *,
    buckets: Mapping[str, Bucket],
    queues: Mapping[str, Queue],
) -> None:
    """What each bucket tells queues."""
    for key, bucket in storage.items():
        if bucket.notify:
            Notifications(
                f"{parent.name}-{key}-notifications",
                bucket.notify,
                foundation=parent.foundation,
                bucket=buckets[key],
                queues=queues,
                opts=parent.child(),
            )
