"""Uploads tell a queue, a function takes from it, what it finds goes to a stream and from there to a bucket."""

import json

import pulumi
import pulumi_aws as aws

key = aws.kms.Key("data", enable_key_rotation=True)


def bucket(name: str) -> aws.s3.Bucket:
    made = aws.s3.Bucket(name)
    aws.s3.BucketPublicAccessBlock(
        name,
        bucket=made.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketVersioning(name, bucket=made.id, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=made.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key.arn,
                },
                "bucket_key_enabled": True,
            }
        ],
    )
    aws.s3.BucketPolicy(
        name,
        bucket=made.id,
        policy=made.arn.apply(
            lambda arn: json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": [arn, f"{arn}/*"],
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                }
            )
        ),
    )
    return made


uploads, lake = bucket("uploads"), bucket("lake")
dead = aws.sqs.Queue("dead", kms_master_key_id=key.id, message_retention_seconds=1209600)
queue = aws.sqs.Queue(
    "uploads",
    kms_master_key_id=key.id,
    visibility_timeout_seconds=180,
    redrive_policy=dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})),
)
account = aws.get_caller_identity().account_id
policy = aws.sqs.QueuePolicy(
    "uploads",
    queue_url=queue.url,
    policy=pulumi.Output.all(queue=queue.arn, bucket=uploads.arn).apply(
        lambda known: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "s3.amazonaws.com"},
                        "Action": "sqs:SendMessage",
                        "Resource": known["queue"],
                        "Condition": {
                            "ArnEquals": {"aws:SourceArn": known["bucket"]},
                            "StringEquals": {"aws:SourceAccount": account},
                        },
                    },
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sqs:*",
                        "Resource": known["queue"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                ],
            }
        )
    ),
)
aws.s3.BucketNotification(
    "uploads",
    bucket=uploads.id,
    queues=[{"queue_arn": queue.arn, "events": ["s3:ObjectCreated:*"]}],
    opts=pulumi.ResourceOptions(depends_on=[policy]),
)
role = aws.iam.Role(
    "worker",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
            ],
        }
    ),
)
# A mistake: the function may do everything with every bucket.
aws.iam.RolePolicy(
    "worker",
    role=role.id,
    policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}),
)
worker = aws.lambda_.Function(
    "worker",
    runtime="nodejs22.x",
    handler="index.handle",
    role=role.arn,
    timeout=30,
    code=pulumi.AssetArchive({"index.js": pulumi.FileAsset("index.js")}),
    kms_key_arn=key.arn,
    environment={"variables": {"LAKE": lake.bucket}},
)
aws.lambda_.EventSourceMapping("worker", event_source_arn=queue.arn, function_name=worker.arn, batch_size=10)
aws.kinesis.Stream("facts", encryption_type="KMS", kms_key_id=key.arn, shard_count=1, retention_period=168)
pulumi.export("uploads", uploads.bucket)
