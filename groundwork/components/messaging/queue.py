"""Queues: work that waits, with a place for what fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Statement
from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component, key_of
from groundwork.components.context import Context
from groundwork.components.messaging.dead_letters import (
    KEY_REUSE_SECONDS,
    Sender,
    dead_letters,
    key_statement,
    queue_policy,
    sending,
)
from groundwork.components.messaging.queue_settings import FifoSettings, QueueSettings, is_fifo, stem
from groundwork.settings.facts import via_service
from groundwork.settings.variables import backoff_variables, environment_name


class Queue(Component):
    """An encrypted SQS queue, standard or FIFO by its name, and its dead-letter queue.

    Builds: queue with long polling, dead-letter queue of the same kind that takes from this queue and no other, one policy
    for each (TLS only; the services in ``senders``, each for exactly one resource), alarms for dead letters (always) and for
    messages that wait too long.

    Cost: the first million requests a month are free, then $0.40 (FIFO $0.50) per million; a message counts once per 64 KB
    at sending, receiving and deleting. Long polling keeps empty receipts few; KMS requests are few by the reused data key.

    Fails: the alarm ``dead-letters`` says that messages failed ``tries`` times; look at them, correct the consumer, and start
    the redrive in the console. The alarm ``age`` says that consumers are down or too slow. A producer's
    ``KMS.AccessDeniedException`` means that it sends without a grant. One message of a FIFO group that fails holds up its group
    until it goes to the dead-letter queue.

    Changes without replacement: everything but the name, and so whether it is FIFO.
    """

    layer = "messaging"

    queue_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    url: pulumi.Output[str]
    dead_letter_arn: pulumi.Output[str]
    is_fifo: bool
    backoff: Mapping[str, str]
    """What a function that it starts is told of when failed messages come again."""

    def __init__(
        self,
        name: str,
        settings: QueueSettings,
        context: Context,
        *,
        key: str | None = None,
        senders: Sequence[Sender] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the queue and its dead letters. ``key`` is its own name, unset what follows the platform's in ``name``; one that ends in
        ``.fifo`` makes it FIFO. ``senders``: services of AWS that may send."""
        super().__init__(name, context, opts)
        key = key or key_of(name, context)
        self._key = stem(key)
        self._backoff = settings.backoff
        self.backoff = backoff_variables(settings.backoff)
        self.is_fifo = is_fifo(key)
        dead = dead_letters(
            self,
            "dead-letters",
            fifo=self.is_fifo,
            description=f"Messages of {key} failed {settings.tries} times. Read one, correct its consumer, then redrive them.",
        )
        queue = self._queue(settings, dead.arn)
        queue_policy(self, "queue", queue, senders)
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dead-letters",
            queue_url=dead.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
            ),
            opts=self.child(),
        )
        alarm(
            self,
            "age",
            Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue.name}, "Maximum"),
            threshold=settings.alarm_age,
            description=f"Messages of {key} wait too long. Its consumers are down, failing or too few.",
            period=300,
            periods=1,
        )
        self.queue_name = queue.name
        self.arn = queue.arn
        self.url = queue.url
        self.dead_letter_arn = dead.arn
        self.register_outputs({"queueName": queue.name, "arn": queue.arn, "url": queue.url})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``send``, or ``consume``: receive, delete, and keep hidden for longer."""
        label = "".join(part.capitalize() for part in self._key.split("-"))
        region = self.context.region
        if level == "send":
            statements = sending(
                label,
                self.arn,
                self.context.key_arn("messaging"),
                region,
                ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"],
            )
        else:
            statements = [
                Statement(f"{label}Consume", _CONSUME, [self.arn]),
                key_statement(label, self.context.key_arn("messaging"), via_service("sqs", region), ["kms:Decrypt"]),
            ]
        name = environment_name(self._key)
        told = backoff_variables(self._backoff, f"{name}_QUEUE_") if level == "consume" else {}
        return Grant(statements=statements, environment={f"{name}_QUEUE_URL": self.url, **told})

    def _queue(self, settings: QueueSettings, dead_letter_arn: pulumi.Output[str]) -> aws.sqs.Queue:
        fifo = (settings.fifo or FifoSettings()) if self.is_fifo else None
        return aws.sqs.Queue(
            f"{self.name}-queue",
            fifo_queue=self.is_fifo or None,
            content_based_deduplication=fifo.deduplication == "content" if fifo else None,
            deduplication_scope=_SCOPES[fifo.scope] if fifo else None,
            fifo_throughput_limit=_THROUGHPUTS[fifo.throughput] if fifo else None,
            visibility_timeout_seconds=settings.visibility,
            message_retention_seconds=settings.retention_days * 24 * 60 * 60,
            delay_seconds=settings.delay,
            receive_wait_time_seconds=settings.wait,
            max_message_size=settings.max_kb * 1024,
            kms_master_key_id=self.context.key_arn("messaging"),
            kms_data_key_reuse_period_seconds=KEY_REUSE_SECONDS,
            # As the provider writes it, so that what is read back is no change, whether as sent or not.
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": settings.tries}, separators=(",", ":")
            ),
            opts=self.stateful(),
        )


# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
_CONSUME = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
)
_SCOPES = {"queue": "queue", "group": "messageGroup"}
_THROUGHPUTS = {"queue": "perQueue", "group": "perMessageGroupId"}
