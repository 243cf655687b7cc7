"""What the stack has beside Groundwork's own layers: a table, mail, a partner's API and a language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from groundwork import Alarm, ExtensionContext, Grant, Metric, Offer, SecretReference, Statement

_READ = ["dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:Query"]
_WRITE = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]


class Sessions:
    """Sessions of signed-in users in DynamoDB, which forgets them when they end."""

    levels: ClassVar = {"read": {"SESSIONS_TABLE": "plain"}, "read-write": {"SESSIONS_TABLE": "plain"}}

    def build(self, name: str, context: ExtensionContext) -> Offer:
        key_arn = context.key_arn("data")
        table = aws.dynamodb.Table(
            name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attributes=[{"name": "id", "type": "S"}],
            ttl={"enabled": True, "attribute_name": "expires"},
            server_side_encryption={"enabled": True, "kms_key_arn": key_arn},
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=context.guarded,
            opts=pulumi.ResourceOptions(protect=context.guarded),
        )
        key = Statement(
            "SessionsKey",
            ["kms:Decrypt"],
            [key_arn],
            {"StringEquals": {"kms:ViaService": context.partition.via_service("dynamodb", context.region)}},
        )
        read = Statement("SessionsRead", _READ, [table.arn])
        write = Statement("SessionsWrite", _WRITE, [table.arn])
        told = {"SESSIONS_TABLE": table.name}
        throttled = Metric("AWS/DynamoDB", "ThrottledRequests", {"TableName": table.name}, "Sum")
        return Offer(
            grants={
                "read": Grant([read, key], environment=told),
                "read-write": Grant([read, write, key], environment=told),
            },
            alarms=[
                Alarm(
                    "throttled",
                    throttled,
                    0,
                    "DynamoDB turns requests for sessions away. Look for one key that many ask for.",
                )
            ],
        )


@dataclass(frozen=True)
class Mail:
    """Mail from one address, through SES."""

    sender: str
    levels: ClassVar = {"send": {"MAIL_SENDER": "plain", "MAIL_CONFIGURATION": "plain"}}

    def build(self, name: str, context: ExtensionContext) -> Offer:
        identity = aws.sesv2.EmailIdentity(name, email_identity=self.sender)
        configuration = aws.sesv2.ConfigurationSet(
            name,
            configuration_set_name=name,
            delivery_options={"tls_policy": "REQUIRE"},
            reputation_options={"reputation_metrics_enabled": True},
        )
        send = Statement(
            "MailSend",
            ["ses:SendEmail"],
            [identity.arn, configuration.arn],
            {"StringEquals": {"ses:FromAddress": self.sender}},
        )
        bounces = Metric("AWS/SES", "Reputation.BounceRate", {}, "Maximum")
        return Offer(
            grants={
                "send": Grant(
                    [send],
                    environment={
                        "MAIL_SENDER": self.sender,
                        "MAIL_CONFIGURATION": configuration.configuration_set_name,
                    },
                )
            },
            alarms=[
                Alarm(
                    "bounces",
                    bounces,
                    0.05,
                    "More than 5 % of mail comes back; SES pauses sending at 10 %. Look for addresses that nobody confirmed.",
                    period=3600,
                    periods=1,
                )
            ],
        )


@dataclass(frozen=True)
class PartnerApi:
    """A partner's API, whose key somebody enters once."""

    address: str
    levels: ClassVar = {"call": {"PARTNER_URL": "plain", "PARTNER_API_KEY": "secret"}}

    def build(self, name: str, context: ExtensionContext) -> Offer:
        key_arn = context.key_arn("secrets")
        secret = aws.secretsmanager.Secret(
            name,
            name=f"{context.prefix.strip('/')}/partner-api",
            description="The key for the partner's API; entered by hand.",
            kms_key_id=key_arn,
            recovery_window_in_days=30 if context.is_prod else 0,
            opts=pulumi.ResourceOptions(protect=context.guarded),
        )
        return Offer(
            grants={
                "call": Grant(
                    environment={"PARTNER_URL": self.address},
                    secrets={"PARTNER_API_KEY": SecretReference(secret.arn, key_arn, by_hand=True)},
                )
            },
            outputs={"secret": secret.name},
        )


@dataclass(frozen=True)
class Model:
    """One language model of Bedrock: nothing is built, a statement is all there is."""

    model_id: str
    levels: ClassVar = {"invoke": {"MODEL_ID": "plain"}}

    def build(self, name: str, context: ExtensionContext) -> Offer:
        # Models of AWS's own belong to no account.
        arn = f"{context.arn_start}:bedrock:{context.region}::foundation-model/{self.model_id}"
        invoke = Statement("ModelInvoke", ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], [arn])
        return Offer(grants={"invoke": Grant([invoke], environment={"MODEL_ID": self.model_id})})
