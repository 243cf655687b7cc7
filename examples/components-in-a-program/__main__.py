"""A network, a database and buckets, and a role with what they grant, in a program that is no platform."""

import pulumi
import pulumi_aws as aws

from groundwork import (
    Bucket,
    BucketSettings,
    Context,
    Database,
    DataSettings,
    Network,
    NetworkSettings,
    ObservabilitySettings,
    PlatformSettings,
    policy_document,
)

context = Context.create(
    PlatformSettings(name="orders", stage="prod", owner="orders-team", keys="shared"),
    observability=ObservabilitySettings(retention=365),
)
network = Network("orders-network", NetworkSettings(zones=2, nat="none"), context)
database = Database(
    "orders-database",
    DataSettings(instance_class="db.t4g.small", multi_az=True, name="orders"),
    context,
    network=network,
)
logs = Bucket("orders-logs", BucketSettings(purpose="logs"), context)
receipts = Bucket("orders-receipts", BucketSettings(purpose="media"), context, logs_bucket=logs.bucket_name)

# What the components grant goes to a role that the program makes itself.
role = aws.iam.Role(
    "orders-export",
    assume_role_policy=aws.iam.get_policy_document_output(
        statements=[
            {
                "actions": ["sts:AssumeRole"],
                "principals": [{"type": "Service", "identifiers": ["lambda.amazonaws.com"]}],
            }
        ]
    ).json,
    tags=context.tags("export"),
)
aws.iam.RolePolicy(
    "orders-export", role=role.name, policy=policy_document(receipts.grant("write", prefix="2026/").statements)
)

pulumi.export("bucket", receipts.bucket_name)
pulumi.export("database", database.address)
pulumi.export("secret", database.secret_arn)
