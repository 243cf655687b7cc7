"""Log groups in us-east-1, where CloudFront's firewall and Route 53 write."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.access import policy_document
from components.base import Component, Foundation
from components.logs import Logging

GLOBAL_REGION = "us-east-1"
"""Where AWS keeps what belongs to CloudFront and Route 53, wherever the platform runs."""


class GlobalLogs(Component):
    """A key in us-east-1 for the logs of CloudFront's firewall and of Route 53; a log group takes keys of its own region only.

    Builds: key and alias; nothing where the platform itself runs in us-east-1.

    Cost: $1 a month, and another for each of the first two yearly rotations.

    Fails: with the key disabled, no log arrives, and what is there cannot be read.

    Changes without replacement: policy and rotation.
    """

    layer = "edge"

    logging: Logging
    """How logs in us-east-1 are kept."""

    def __init__(
        self, name: str, *, foundation: Foundation, logging: Logging, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, foundation, opts)
        self.logging = logging if foundation.region == GLOBAL_REGION else Logging(self._key().arn, logging.retention)
        self.register_outputs({"keyArn": self.logging.key_arn})

    def _key(self) -> aws.kms.Key:
        key = aws.kms.Key(
            f"{self.name}-logs",
            description=f"{self.foundation.platform.name} {self.foundation.platform.stage}: logs in {GLOBAL_REGION}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy_document(_key_statements(self.foundation)),
            region=GLOBAL_REGION,
            opts=self.stateful(),
        )
        aws.kms.Alias(
            f"{self.name}-logs",
            name=f"alias{self.foundation.prefix}/edge-logs",
            target_key_id=key.key_id,
            region=GLOBAL_REGION,
            opts=self.child(),
        )
        return key


def global_log_group(parent: Component, key: str, path: str, logging: Logging) -> aws.cloudwatch.LogGroup:
    """As :func:`components.logs.log_group`, in us-east-1."""
    return aws.cloudwatch.LogGroup(
        f"{parent.name}-{key}",
        name=path,
        retention_in_days=logging.retention,
        kms_key_id=logging.key_arn,
        region=GLOBAL_REGION,
        opts=parent.child(),
    )


def _key_statements(foundation: Foundation) -> list[dict[str, object]]:
    groups = [
        foundation.arn("logs", f"log-group:{prefix}*", region=GLOBAL_REGION)
        for prefix in ("aws-waf-logs-", "/aws/route53/")
    ]
    return [
        {
            # AWS's own default statement; without it no IAM policy has any effect on the key.
            # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
            "Sid": "AccountDecidesByIam",
            "Effect": "Allow",
            "Principal": {"AWS": pulumi.Output.concat("arn:aws:iam::", foundation.account_id, ":root")},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
            "Sid": "LogsOfTheEdge",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{GLOBAL_REGION}.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        },
    ]
