"""Topics: one message, many receivers."""

from __future__ import annotations

from typing import Any, Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Statement, policy_document
from groundwork.components.base import Component, key_of
from groundwork.components.context import Context
from groundwork.components.messaging.dead_letters import Sender, dead_letters, key_statement
from groundwork.components.messaging.queue_settings import (
    SubscriptionSettings,
    TopicFifoSettings,
    TopicSettings,
    is_fifo,
    stem,
)
from groundwork.settings.facts import via_service
from groundwork.settings.variables import environment_name


class Topic(Component):
    """An encrypted SNS topic, standard or FIFO by its name. Who hears it are its :class:`Subscription` s.

    Builds: topic, and a policy that refuses requests without TLS and lets nobody in from outside the account.

    Cost: the first million publishes a month are free, then $0.50 per million; deliveries to queues and functions are free,
    e-mail costs $2 per 100,000. FIFO topics cost $0.30 per million publishes and $0.01 per million deliveries, and by gigabyte.

    Fails: ``KMSAccessDenied`` when somebody publishes without a grant. What a receiver does not take, after SNS has tried for
    23 days (queues, functions) or six hours (e-mail), goes to that subscription's dead-letter queue.

    Changes without replacement: everything but the name, and so whether it is FIFO.
    """

    layer = "messaging"

    arn: pulumi.Output[str]
    is_fifo: bool

    def __init__(
        self,
        name: str,
        settings: TopicSettings,
        context: Context,
        *,
        key: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the topic. ``key`` is its own name, unset what follows the platform's in ``name``; one that ends in ``.fifo`` makes it
        FIFO."""
        super().__init__(name, context, opts)
        key = key or key_of(name, context)
        self._key = stem(key)
        self.is_fifo = is_fifo(key)
        fifo = (settings.fifo or TopicFifoSettings()) if self.is_fifo else None
        topic = aws.sns.Topic(
            f"{name}-topic",
            fifo_topic=self.is_fifo or None,
            content_based_deduplication=fifo.deduplication == "content" if fifo else None,
            fifo_throughput_scope=_THROUGHPUTS[fifo.throughput] if fifo else None,
            kms_master_key_id=self.context.key_arn("messaging"),
            # SHA-256, where receivers check signatures.
            signature_version=2,
            opts=self.child(),
        )
        aws.sns.TopicPolicy(
            f"{name}-topic",
            arn=topic.arn,
            policy=policy_document(_refusals(topic.arn, context)),
            opts=self.child(),
        )
        self.arn = topic.arn
        self.register_outputs({"arn": topic.arn})

    @property
    def sender(self) -> Sender:
        """Return what the policy of a subscribed queue must allow."""
        return Sender("sns.amazonaws.com", self.arn)

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``publish``."""
        label = "".join(part.capitalize() for part in self._key.split("-"))
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        through = via_service("sns", self.context.region)
        return Grant(
            statements=[
                Statement(f"{label}Publish", ["sns:Publish"], [self.arn]),
                key_statement(
                    label, self.context.key_arn("messaging"), through, ["kms:Decrypt", "kms:GenerateDataKey"]
                ),
            ],
            environment={f"{environment_name(self._key)}_TOPIC_ARN": self.arn},
        )


class Receiver(Protocol):
    """A queue or function that hears a topic."""

    @property
    def arn(self) -> pulumi.Output[str]: ...


class Subscription(Component):
    """One receiver of a topic, with a dead-letter queue for what it does not take.

    Builds: subscription with its filter, dead-letter queue with its alarm, and for a function the permission that lets this
    topic call it. The policy of a queue has to admit the topic (``Topic.sender``): a queue has one policy.

    Cost: see the topic; messages that a filter holds back cost nothing but the publish.

    Fails: an e-mail address that never confirmed stays "PendingConfirmation" and hears nothing. The alarm ``dead-letters``
    says that messages could not be delivered: the function is gone or throttled, or the queue refuses the topic or its key.
    A filter takes up to 15 minutes to work.

    Changes without replacement: filter, raw delivery. Another receiver is another subscription.
    """

    layer = "messaging"

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: SubscriptionSettings,
        context: Context,
        *,
        topic: Topic,
        receiver: Receiver | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the subscription. ``receiver`` is the queue or function that the settings name, None for an e-mail
        address."""
        super().__init__(name, context, opts)
        # https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html
        dead = dead_letters(
            self,
            "dead-letters",
            fifo=topic.is_fifo,
            senders=[topic.sender],
            description="Messages could not be delivered to this subscriber. See whether it is there and what it refuses.",
        )
        permission = self._permission(topic, receiver) if settings.function and receiver else []
        subscription = aws.sns.TopicSubscription(
            f"{name}-subscription",
            topic=topic.arn,
            protocol="sqs" if settings.queue else "lambda" if settings.function else "email",
            endpoint=receiver.arn if receiver else settings.email or "",
            raw_message_delivery=settings.raw or None,
            filter_policy=_filter(settings.filter),
            filter_policy_scope=_SCOPES[settings.filter_on] if settings.filter else None,
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn}, separators=(",", ":")),
            opts=self.child(depends_on=permission),
        )
        self.arn = subscription.arn
        self.register_outputs({"arn": subscription.arn})

    def _permission(self, topic: Topic, function: Receiver) -> list[pulumi.Resource]:
        return [
            aws.lambda_.Permission(
                f"{self.name}-call",
                action="lambda:InvokeFunction",
                function=function.arn,
                principal="sns.amazonaws.com",
                source_arn=topic.arn,
                opts=self.child(),
            )
        ]


def _filter(policy: dict[str, Any]) -> pulumi.Output[str] | None:
    return pulumi.Output.json_dumps(policy) if policy else None


def _refusals(topic_arn: pulumi.Output[str], context: Context) -> list[dict[str, Any]]:
    """Return the statements that deny. What an identity of this account may do is IAM's decision; this says what nobody
    may."""

    def deny(sid: str, conditions: dict[str, dict[str, pulumi.Input[str]]]) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sns:Publish", "sns:Subscribe"],
            "Resource": topic_arn,
            "Condition": conditions,
        }

    return [
        deny("TlsOnly", {"Bool": {"aws:SecureTransport": "false"}}),
        deny(
            "DenyOtherAccounts",
            {
                "StringNotEquals": {"aws:PrincipalAccount": context.account_id},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
    ]


_THROUGHPUTS = {"topic": "Topic", "group": "MessageGroup"}
_SCOPES = {"attributes": "MessageAttributes", "body": "MessageBody"}
