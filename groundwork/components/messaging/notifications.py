"""What a bucket tells queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.messaging.queue import Queue
from groundwork.components.messaging.queue_settings import NotifySettings


class NotifyingBucket(Protocol):
    """The bucket that tells."""

    @property
    def arn(self) -> pulumi.Output[str]: ...

    @property
    def bucket_name(self) -> pulumi.Output[str]: ...


class Notifications(Component):
    """Everything that one bucket tells queues: a bucket has one list of them.

    Builds: the bucket's notification configuration. The queue's policy has to admit the bucket (``Queue(senders=…)``), and S3
    sends a test message (``s3:TestEvent``) to each queue when the list is written.

    Cost: nothing beyond the queue's requests.

    Fails: ``Unable to validate the following destination configurations`` at deployment says that queue or key does not let
    the bucket in. Messages arrive at least once and in any order, mostly within seconds; keys in them are URL-encoded.

    Changes without replacement: everything.
    """

    layer = "messaging"

    def __init__(
        self,
        name: str,
        settings: Mapping[str, NotifySettings],
        context: Context,
        *,
        bucket: NotifyingBucket,
        queues: Mapping[str, Queue],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the bucket's notifications. ``queues`` are by their names in the stack file."""
        super().__init__(name, context, opts)
        aws.s3.BucketNotification(
            f"{name}-notification",
            bucket=bucket.bucket_name,
            queues=[
                aws.s3.BucketNotificationQueueArgs(
                    id=key,
                    queue_arn=queues[notify.queue].arn,
                    events=[_EVENTS[notify.on]],
                    filter_prefix=notify.prefix or None,
                    filter_suffix=notify.suffix or None,
                )
                for key, notify in sorted(settings.items())
            ],
            # S3 tries each destination at once, and the queue takes its message only by its policy.
            opts=self.child(depends_on=[queues[notify.queue] for notify in settings.values()]),
        )
        self.register_outputs({})


_EVENTS = {"created": "s3:ObjectCreated:*", "removed": "s3:ObjectRemoved:*"}
