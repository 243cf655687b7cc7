"""Slack channels that hear of alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.trust import trusted
from groundwork.components.context import Context
from groundwork.components.observability.settings import SlackSettings

_LONGEST_NAME = 128
_PRINCIPAL = "chatbot.amazonaws.com"


class SlackChannels(Component):
    """Amazon Q Developer in chat applications (once AWS Chatbot), told to bring what topics say to Slack channels.

    Builds: a configuration for each channel, which subscribes it to its topics by itself; a role that draws the graph of an
    alarm, and a policy that says the same, as the channel's guardrail. Without one that would be AWS's ``AdministratorAccess``,
    and whoever can write in the channel gives commands with what role and guardrail both allow
    (https://docs.aws.amazon.com/chatbot/latest/adminguide/understanding-permissions.html).

    Cost: nothing beside the topics.

    Fails: ``pulumi up`` stops with "Invalid request" while the workspace is not authorized in the console, which no API can do,
    and where another stack of the account has taken the channel: AWS takes each once
    (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1155). A private channel hears nothing until
    ``/invite @Amazon Q``.

    An encrypted topic is no hindrance: SNS decrypts what it delivers. What must be let in is whoever publishes
    (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html), which the topics' keys do.

    Changes without replacement: everything but platform, stage and region, which are the configurations' names.
    """

    layer = "messaging"

    configuration_arns: dict[str, pulumi.Output[str]]
    """Channel → ARN of its configuration."""

    def __init__(
        self,
        name: str,
        heard: Mapping[SlackSettings, Sequence[pulumi.Input[str]]],
        context: Context,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Connect Slack channels to topics. ``heard``: the topics that each channel is subscribed to, by ARN."""
        super().__init__(name, context, opts)
        platform = context.platform
        # Neither action takes a resource:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
        drawing = Statement("DrawGraphs", ["cloudwatch:GetMetricData", "cloudwatch:GetMetricWidgetImage"], ["*"])
        guardrail = aws.iam.Policy(
            f"{name}-draw",
            description=f"Alarms of {platform.name} {platform.stage} in Slack: to draw their graphs.",
            policy=policy_document([drawing]),
            opts=self.child(),
        )
        role = aws.iam.Role(
            f"{name}-draw",
            description=f"Alarms of {platform.name} {platform.stage} in Slack",
            assume_role_policy=trusted(_PRINCIPAL),
            opts=self.child(),
        )
        permission = aws.iam.RolePolicy(
            f"{name}-draw", role=role.name, policy=policy_document([drawing]), opts=self.child()
        )
        self.configuration_arns = {
            slack.channel: aws.chatbot.SlackChannelConfiguration(
                f"{name}-{slack.channel.lower()}",
                configuration_name=fit(f"{context.global_slug}-{slack.channel.lower()}", _LONGEST_NAME),
                slack_team_id=slack.workspace,
                slack_channel_id=slack.channel,
                iam_role_arn=role.arn,
                guardrail_policy_arns=[guardrail.arn],
                sns_topic_arns=list(topics),
                logging_level="ERROR",
                opts=self.child(depends_on=[permission]),
            ).chat_configuration_arn
            for slack, topics in heard.items()
        }
        self.register_outputs({"configurationArns": self.configuration_arns})
