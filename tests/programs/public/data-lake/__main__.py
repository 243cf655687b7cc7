"""A catalogue, a crawler and a workgroup over a bucket of files."""

import pulumi
import pulumi_aws as aws

key = aws.kms.Key("lake", enable_key_rotation=True)
lake = aws.s3.Bucket("lake")
aws.s3.BucketPublicAccessBlock(
    "lake",
    bucket=lake.id,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
)
aws.s3.BucketVersioning("lake", bucket=lake.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketServerSideEncryptionConfiguration(
    "lake",
    bucket=lake.id,
    rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}}],
)
aws.s3.BucketLifecycleConfiguration(
    "lake",
    bucket=lake.id,
    rules=[
        {
            "id": "old",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "transitions": [{"days": 90, "storage_class": "GLACIER_IR"}],
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        }
    ],
)
aws.s3.BucketPolicy(
    "lake",
    bucket=lake.id,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [lake.arn, pulumi.Output.concat(lake.arn, "/*")],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
    ),
)
role = aws.iam.Role(
    "crawler",
    assume_role_policy=aws.iam.get_policy_document(
        statements=[
            {
                "actions": ["sts:AssumeRole"],
                "principals": [{"type": "Service", "identifiers": ["glue.amazonaws.com"]}],
            }
        ]
    ).json,
)
security = aws.glue.SecurityConfiguration(
    "lake",
    encryption_configuration={
        "cloudwatch_encryption": {"cloudwatch_encryption_mode": "SSE-KMS", "kms_key_arn": key.arn},
        "job_bookmarks_encryption": {"job_bookmarks_encryption_mode": "CSE-KMS", "kms_key_arn": key.arn},
        "s3_encryption": {"s3_encryption_mode": "SSE-KMS", "kms_key_arn": key.arn},
    },
)
catalogue = aws.glue.CatalogDatabase("lake", name="lake")
aws.glue.Crawler(
    "lake",
    database_name=catalogue.name,
    role=role.arn,
    security_configuration=security.name,
    s3_targets=[{"path": lake.bucket.apply(lambda name: f"s3://{name}/facts")}],
)
aws.glue.DataCatalogEncryptionSettings(
    "lake",
    data_catalog_encryption_settings={
        "connection_password_encryption": {"return_connection_password_encrypted": True, "aws_kms_key_id": key.arn},
        "encryption_at_rest": {"catalog_encryption_mode": "SSE-KMS", "sse_aws_kms_key_id": key.arn},
    },
)
aws.athena.Workgroup(
    "lake",
    configuration={
        "enforce_workgroup_configuration": True,
        "publish_cloudwatch_metrics_enabled": True,
        "result_configuration": {
            "output_location": pulumi.Output.format("s3://{bucket}/results/", bucket=lake.bucket),
            "encryption_configuration": {"encryption_option": "SSE_KMS", "kms_key_arn": key.arn},
        },
    },
)
pulumi.export("bucket", lake.bucket)
