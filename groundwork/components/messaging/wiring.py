"""Queues, topics and what connects them, from what a stack file says."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.components.base import Component
from groundwork.components.functions.function import Function
from groundwork.components.messaging.dead_letters import Sender
from groundwork.components.messaging.notifications import Notifications, NotifyingBucket
from groundwork.components.messaging.queue import Queue
from groundwork.components.messaging.queue_settings import stem
from groundwork.components.messaging.schedule import Schedules
from groundwork.components.messaging.settings import MessagingSettings
from groundwork.components.messaging.topic import Subscription, Topic
from groundwork.components.storage.settings import BucketSettings


def topics(parent: Component, settings: MessagingSettings) -> dict[str, Topic]:
    """Create every topic, by its name."""
    return {
        name: Topic(
            f"{parent.name}-{stem(name)}",
            topic,
            key=name,
            context=parent.context,
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
    buckets: Mapping[str, NotifyingBucket],
) -> dict[str, Queue]:
    """Create every queue, by its name; its policy admits the topics it hears and the buckets that tell it."""
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
            context=parent.context,
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
    queues: Mapping[str, Queue],
    functions: Mapping[str, Function],
) -> None:
    """Subscribe queues, functions and addresses to each topic."""
    for name, topic in settings.topics.items():
        for key, subscription in topic.subscriptions.items():
            receiver: Queue | Function | None = None
            if subscription.queue:
                receiver = queues[subscription.queue]
            elif subscription.function:
                receiver = functions[subscription.function]
            Subscription(
                f"{parent.name}-{stem(name)}-{key}",
                subscription,
                context=parent.context,
                topic=topics[name],
                receiver=receiver,
                opts=parent.child(),
            )


def schedules(
    parent: Component,
    settings: MessagingSettings,
    *,
    queues: Mapping[str, Queue],
    functions: Mapping[str, Function],
) -> None:
    """Create what is sent at certain times."""
    if settings.schedules:
        Schedules(
            f"{parent.name}-schedules",
            settings.schedules,
            context=parent.context,
            queues=queues,
            functions=functions,
            opts=parent.child(),
        )


def notifications(
    parent: Component,
    storage: Mapping[str, BucketSettings],
    *,
    buckets: Mapping[str, NotifyingBucket],
    queues: Mapping[str, Queue],
) -> None:
    """Create each bucket's notifications to queues."""
    for key, bucket in storage.items():
        if bucket.notify:
            Notifications(
                f"{parent.name}-{key}-notifications",
                bucket.notify,
                context=parent.context,
                bucket=buckets[key],
                queues=queues,
                opts=parent.child(),
            )
