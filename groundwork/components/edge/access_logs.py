"""CloudFront's access logs to a bucket."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.edge.logs import GLOBAL_REGION

# Every field but cs(Cookie), which holds sessions.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
_FIELDS = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status", "cs(Referer)",
    "cs(User-Agent)", "cs-uri-query", "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
    "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version",
    "time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len",
)  # fmt: skip


def cdn_access_logs(parent: Component, distribution_arn: pulumi.Output[str], bucket: pulumi.Output[str]) -> None:
    """Enable standard logging, version 2: no access lists on the bucket, and free of charge to S3.

    It is set up in us-east-1 wherever the bucket is; objects lie under ``AWSLogs/<account>/CloudFront/``.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
    """
    source = aws.cloudwatch.LogDeliverySource(
        f"{parent.name}-requests",
        resource_arn=distribution_arn,
        log_type="ACCESS_LOGS",
        region=GLOBAL_REGION,
        opts=parent.child(),
    )
    destination = aws.cloudwatch.LogDeliveryDestination(
        f"{parent.name}-requests",
        output_format="json",
        delivery_destination_configuration=aws.cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
            destination_resource_arn=pulumi.Output.concat(f"{parent.context.arn_start}:s3:::", bucket)
        ),
        region=GLOBAL_REGION,
        opts=parent.child(),
    )
    aws.cloudwatch.LogDelivery(
        f"{parent.name}-requests",
        delivery_source_name=source.name,
        delivery_destination_arn=destination.arn,
        record_fields=list(_FIELDS),
        s3_delivery_configurations=[
            aws.cloudwatch.LogDeliveryS3DeliveryConfigurationArgs(
                suffix_path="{DistributionId}/{yyyy}/{MM}/{dd}/{HH}", enable_hive_compatible_path=False
            )
        ],
        region=GLOBAL_REGION,
        opts=parent.child(),
    )
