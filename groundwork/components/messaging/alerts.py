"""The topic to which alarms and budgets speak."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.access import policy_document
from groundwork.components.base import Component
from groundwork.components.context import Context

CLOUDWATCH = "cloudwatch.amazonaws.com"
PUBLISHERS = (CLOUDWATCH, "budgets.amazonaws.com", "costalerts.amazonaws.com", "events.rds.amazonaws.com")


class Alerts(Component):
    """An encrypted SNS topic for alarms of one severity, with an e-mail subscription for each address. A platform has one for
    notices, and where pages go to somebody else one for pages.

    Builds: topic, topic policy (TLS only; CloudWatch, Budgets, cost anomaly detection and RDS events of this account may
    publish, and by ``rules`` EventBridge), one subscription per address.

    Cost: nothing for the topic; e-mail is free up to 1,000 a month, then $2 per 100,000.

    Fails: an address that never confirmed stays "PendingConfirmation" and hears nothing; one that unsubscribed by the link in a
    mail hears nothing either.

    Changes without replacement: addresses, the key.
    """

    layer = "messaging"

    topic_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        emails: Sequence[str],
        context: Context,
        *,
        key_arn: pulumi.Input[str] | None = None,
        rules: bool = False,
        publishers: Sequence[str] = PUBLISHERS,
        region: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the topic with its policy and subscriptions. ``rules``: something of the platform speaks to it by
        rules of EventBridge. ``publishers``: the services that may speak. ``region``: where it stands, unset the
        platform's; the key stands there too."""
        super().__init__(name, context, opts)
        topic = aws.sns.Topic(
            f"{name}-topic",
            display_name=f"{context.platform.name} {context.platform.stage}",
            kms_master_key_id=key_arn or context.key_arn("messaging"),
            region=region,
            opts=self.child(),
        )
        aws.sns.TopicPolicy(
            f"{name}-topic",
            arn=topic.arn,
            policy=policy_document(
                [*_statements(topic.arn, context, publishers), *(_rules(topic.arn) if rules else ())]
            ),
            region=region,
            opts=self.child(),
        )
        for address in emails:
            aws.sns.TopicSubscription(
                f"{name}-{address}",
                topic=topic.arn,
                protocol="email",
                endpoint=address,
                region=region,
                opts=self.child(),
            )
        self.topic_arn = topic.arn
        self.register_outputs({"topicArn": topic.arn})


def _statements(topic_arn: pulumi.Input[str], context: Context, publishers: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "Sid": "AllowAwsServices",
            "Effect": "Allow",
            "Principal": {"Service": list(publishers)},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": context.account_id}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]


def _rules(topic_arn: pulumi.Input[str]) -> list[dict[str, object]]:
    """Allow EventBridge to publish. It says neither whose rule it is nor which, and a condition would silence it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    """
    return [
        {
            "Sid": "AllowEventBridge",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic_arn,
        }
    ]
