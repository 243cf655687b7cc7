"""The bucket to which log lines go, so that they outlive their log groups."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component, fit
from groundwork.components.context import Context, LogDelivery
from groundwork.components.logs import log_group
from groundwork.components.observability.settings import LogArchiveSettings
from groundwork.components.storage.bucket import Bucket
from groundwork.components.storage.settings import BucketSettings, LifecycleSettings
from groundwork.settings.facts import via_service

_WAIT, _SIZE = 900, 64
"""Seconds and MiB, whichever comes first: the longest wait that Firehose has makes the fewest objects."""
_ERRORS = "S3Delivery"
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html: 64 characters, eight of them automatic.
_LONGEST_NAME = 56


class LogArchive(Component):
    """A delivery stream that takes what log groups are subscribed to, and the bucket in which it puts that.

    Builds: bucket (private, with the platform's key, to Glacier and gone by settings), a stream of Amazon Data Firehose,
    encrypted with the key for logs, a role for it that writes to this bucket alone, a role for CloudWatch Logs that writes to
    this stream alone, a log group for the stream's own errors, an alarm on lines that wait.

    Objects are called ``2026/01/31/23/…``, by hour (UTC). CloudWatch Logs compresses what it hands over, so they are
    ``.gz`` without the stream's help; each line of one is a JSON document with ``logGroup``, ``logStream`` and ``logEvents``.

    Export tasks would cost nothing beside the bucket, but there is one at a time in an account, a log group by a log group, each
    by somebody's call, and what retention removed before it is gone.

    Cost: Firehose takes about $0.03 for each gigabyte that it takes in, compressed, a batch of lines as 5 KB at least; the bucket
    $0.023 a gigabyte and month, $0.0036 in Glacier. Taking a line into its log group was $0.50 a gigabyte already.

    Fails: what cannot be delivered waits a day, then it is lost; the alarm tells long before. Log groups in us-east-1, of
    CloudFront's web ACL and of Route 53, stay out while the platform is elsewhere: a stream takes those of its own region.

    Changes without replacement: ages. Taken out again, the update stops in prod at the bucket, which is protected.
    """

    layer = "observability"

    delivery: LogDelivery
    bucket_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: LogArchiveSettings,
        context: Context,
        *,
        logs_bucket: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create bucket, stream and roles. ``context``: without an archive, or the stream's errors would go through the
        stream."""
        super().__init__(name, context, opts)
        bucket = Bucket(
            f"{name}-bucket",
            _bucket(settings),
            key="log-archive",
            context=context,
            logs_bucket=logs_bucket,
            opts=self.child(),
        )
        self.bucket_name = bucket.bucket_name
        stream = self._stream(bucket)
        role, permission = self._subscriber(stream)
        self.delivery = LogDelivery(stream.arn, role.arn, permission)
        minutes = context.alerting.settings.thresholds.log_archive_minutes
        alarm(
            self,
            "waiting",
            Metric("AWS/Firehose", "DeliveryToS3.DataFreshness", {"DeliveryStreamName": stream.name}, "Maximum"),
            threshold=minutes and minutes.convert(lambda minutes: minutes * 60),
            period=300,
            periods=3,
            description=f"Log lines have waited more than {minutes} minutes for their "
            "bucket; after a day they are lost. Look at the log group log-archive, then at bucket and key.",
        )
        self.register_outputs({"bucketName": self.bucket_name})

    def _stream(self, bucket: Bucket) -> aws.kinesis.FirehoseDeliveryStream:
        """Create the delivery stream and its role.
        https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3"""
        context = self.context
        errors = log_group(self, "errors", f"{context.prefix}/log-archive")
        errors_stream = aws.cloudwatch.LogStream(
            f"{self.name}-errors", name=_ERRORS, log_group_name=errors.name, opts=self.child()
        )
        role = aws.iam.Role(
            f"{self.name}-deliver",
            description=f"Log archive of {context.platform.name} {context.platform.stage}: stream to bucket",
            assume_role_policy=_trust(
                "firehose.amazonaws.com", {"StringEquals": {"sts:ExternalId": context.account_id}}
            ),
            opts=self.child(),
        )
        through = {"StringEquals": {"kms:ViaService": via_service("s3", context.region)}}
        policy = aws.iam.RolePolicy(
            f"{self.name}-deliver",
            role=role.name,
            policy=policy_document(
                [
                    Statement(
                        "Bucket",
                        ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"),
                        [bucket.arn],
                    ),
                    Statement(
                        "Objects",
                        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
                        [pulumi.Output.concat(bucket.arn, "/*")],
                    ),
                    Statement(
                        "Key", ("kms:Decrypt", "kms:GenerateDataKey"), [self.context.key_arn("storage")], through
                    ),
                    Statement("WriteErrors", ("logs:PutLogEvents",), [errors_stream.arn]),
                ]
            ),
            opts=self.child(),
        )
        return aws.kinesis.FirehoseDeliveryStream(
            fit(f"{self.name}-stream", _LONGEST_NAME),
            destination="extended_s3",
            extended_s3_configuration=aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationArgs(
                bucket_arn=bucket.arn,
                role_arn=role.arn,
                # https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
                prefix="!{timestamp:yyyy/MM/dd/HH}/",
                error_output_prefix="failed/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/",
                compression_format="UNCOMPRESSED",
                file_extension=".gz",
                buffering_interval=_WAIT,
                buffering_size=_SIZE,
                cloudwatch_logging_options=aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationCloudwatchLoggingOptionsArgs(
                    enabled=True, log_group_name=errors.name, log_stream_name=errors_stream.name
                ),
            ),
            server_side_encryption=aws.kinesis.FirehoseDeliveryStreamServerSideEncryptionArgs(
                enabled=True, key_type="CUSTOMER_MANAGED_CMK", key_arn=context.logging.key_arn
            ),
            opts=self.child(depends_on=[policy]),
        )

    def _subscriber(self, stream: aws.kinesis.FirehoseDeliveryStream) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Create the role with which log groups write to the stream.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#FirehoseExample"""
        context = self.context
        role = aws.iam.Role(
            f"{self.name}-subscribe",
            description=f"Log archive of {context.platform.name} {context.platform.stage}: log groups to stream",
            assume_role_policy=_trust("logs.amazonaws.com", {"ArnLike": {"aws:SourceArn": context.arn("logs", "*")}}),
            opts=self.child(),
        )
        policy = aws.iam.RolePolicy(
            f"{self.name}-subscribe",
            role=role.name,
            policy=policy_document(
                [Statement("PutRecords", ("firehose:PutRecord", "firehose:PutRecordBatch"), [stream.arn])]
            ),
            opts=self.child(),
        )
        return role, policy


def _bucket(settings: LogArchiveSettings) -> BucketSettings:
    ages = LifecycleSettings(
        archive_after=settings.archive_after, expire_after=settings.expire_after, noncurrent_expire_after=7
    )
    return BucketSettings(purpose="backups", lifecycle={"purpose": ages})


def _trust(service: str, condition: dict[str, dict[str, pulumi.Input[str]]]) -> pulumi.Output[str]:
    """Return a role's trust; neither service documents ``aws:SourceAccount`` for these roles."""
    return policy_document(
        [
            {
                "Sid": "Assume",
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
                "Condition": condition,
            }
        ]
    )
