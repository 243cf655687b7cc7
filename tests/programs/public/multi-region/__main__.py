"""Two regions by two providers: what a bucket holds is copied to the other."""

import json

import pulumi
import pulumi_aws as aws

REGIONS = {"home": "eu-central-1", "away": "eu-west-1"}
providers = {
    name: aws.Provider(name, region=region, default_tags={"tags": {"stack": pulumi.get_stack()}})
    for name, region in REGIONS.items()
}
names = {
    name: aws.get_region(opts=pulumi.InvokeOptions(provider=provider)).region for name, provider in providers.items()
}
keys, buckets, versioned = {}, {}, {}
for name, provider in providers.items():
    options = pulumi.ResourceOptions(provider=provider)
    keys[name] = aws.kms.Key(name, enable_key_rotation=True, opts=options)
    buckets[name] = aws.s3.Bucket(f"data-{name}", opts=options)
    versioned[name] = aws.s3.BucketVersioning(
        name, bucket=buckets[name].id, versioning_configuration={"status": "Enabled"}, opts=options
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=buckets[name].id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": keys[name].arn,
                },
                "bucket_key_enabled": True,
            }
        ],
        opts=options,
    )
    if name == "home":
        # The other bucket is left without one, by mistake.
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=buckets[name].id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=options,
        )
role = aws.iam.Role(
    "copier",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "s3.amazonaws.com"}}
            ],
        }
    ),
)
aws.iam.RolePolicy(
    "copier",
    role=role.id,
    policy=pulumi.Output.all(buckets["home"].arn, buckets["away"].arn).apply(
        lambda arns: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                        "Resource": arns[0],
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"],
                        "Resource": f"{arns[0]}/*",
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["s3:ReplicateObject", "s3:ReplicateDelete"],
                        "Resource": f"{arns[1]}/*",
                    },
                ],
            }
        )
    ),
)
aws.s3.BucketReplicationConfig(
    "home",
    bucket=buckets["home"].id,
    role=role.arn,
    rules=[
        {
            "id": "everything",
            "status": "Enabled",
            "filter": {},
            "delete_marker_replication": {"status": "Enabled"},
            "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
            "destination": {
                "bucket": buckets["away"].arn,
                "encryption_configuration": {"replica_kms_key_id": keys["away"].arn},
            },
        }
    ],
    opts=pulumi.ResourceOptions(provider=providers["home"], depends_on=list(versioned.values())),
)
pulumi.export("regions", names)
