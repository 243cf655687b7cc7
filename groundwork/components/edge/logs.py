"""Logs in us-east-1, where CloudFront's web ACL and Route 53 write."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import policy_document
from groundwork.components.base import Component
from groundwork.components.context import Context, Logging
from groundwork.components.logs import log_permission, service_writes, waf_writes

GLOBAL_REGION = "us-east-1"
"""Where AWS keeps what belongs to CloudFront and Route 53, wherever the platform runs."""


class GlobalLogs(Component):
    """Key and permission for the logs of CloudFront's web ACL and of Route 53; a log group takes keys of its own region only.

    Builds: one resource policy that lets both write; key and alias, unless the platform itself runs in us-east-1.

    Cost: $1 a month for the key, and another for each of the first two yearly rotations.

    Fails: with the key disabled, no log arrives, and what is there cannot be read.

    Changes without replacement: policy and rotation.
    """

    layer = "edge"

    logging: Logging
    """How logs in us-east-1 are kept."""
    permission: aws.cloudwatch.LogResourcePolicy
    """What the writers wait for."""

    def __init__(
        self,
        name: str,
        context: Context,
        *,
        requests: bool,
        queries_of: str | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Allow CloudFront's web ACL and Route 53 to write logs in us-east-1. ``requests``: CloudFront's web ACL
        writes; ``queries_of``: the domain whose zone does, if one does."""
        super().__init__(name, context, opts)
        logging = context.logging
        self.logging = logging if context.region == GLOBAL_REGION else Logging(self._key().arn, logging.retention)
        statements = []
        if requests:
            path = request_log(context, "CLOUDFRONT")
            statements.append(waf_writes(context, path, region=GLOBAL_REGION))
        if queries_of is not None:
            statements.append(_route53_writes(context, query_log(queries_of)))
        self.permission = log_permission(self, f"{context.global_slug}-edge", statements, region=GLOBAL_REGION)
        self.register_outputs({"keyArn": self.logging.key_arn})

    def _key(self) -> aws.kms.Key:
        key = aws.kms.Key(
            f"{self.name}-logs",
            description=f"{self.context.platform.name} {self.context.platform.stage}: logs in {GLOBAL_REGION}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy_document(_key_statements(self.context)),
            region=GLOBAL_REGION,
            opts=self.stateful(),
        )
        aws.kms.Alias(
            f"{self.name}-logs",
            name=f"alias{self.context.prefix}/{self.context.region}/edge-logs",
            target_key_id=key.key_id,
            region=GLOBAL_REGION,
            opts=self.child(),
        )
        return key


def request_log(context: Context, scope: str) -> str:
    """Return the name of a web ACL's log group. AWS wants the beginning; CloudFront's stands in us-east-1 wherever the
    platform is."""
    return f"aws-waf-logs-{context.global_slug if scope == 'CLOUDFRONT' else context.slug}-{scope.lower()}"


def query_log(domain: str) -> str:
    """Return the name of the log group of a zone's queries."""
    return f"/aws/route53/{domain}"


def _route53_writes(context: Context, path: str) -> dict[str, object]:
    """Allow Route 53 to write to the log group called ``path``.
    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html"""
    zones = f"{context.arn_start}:route53:::hostedzone/*"
    return service_writes("AllowRoute53Logs", "route53.amazonaws.com", context, path, zones, region=GLOBAL_REGION)


def _key_statements(context: Context) -> list[dict[str, object]]:
    groups = [
        context.arn("logs", f"log-group:{prefix}*", region=GLOBAL_REGION)
        for prefix in ("aws-waf-logs-", "/aws/route53/")
    ]
    return [
        {
            # AWS's own default statement; without it no IAM policy has any effect on the key.
            # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
            "Sid": "EnableIamPolicies",
            "Effect": "Allow",
            "Principal": {"AWS": pulumi.Output.concat(f"{context.arn_start}:iam::", context.account_id, ":root")},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
            "Sid": "AllowCloudWatchLogs",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{GLOBAL_REGION}.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
        },
    ]
