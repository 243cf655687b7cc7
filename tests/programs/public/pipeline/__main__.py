"""A pipeline that builds an image; the build has its password as a plain variable, by mistake."""

import base64
import json

import pulumi
import pulumi_aws as aws

registry = aws.ecr.Repository("app", image_scanning_configuration={"scan_on_push": True})
aws.ecr.LifecyclePolicy(
    "app",
    repository=registry.name,
    policy=json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30},
                    "action": {"type": "expire"},
                }
            ]
        }
    ),
)
credentials = aws.ecr.get_credentials(registry_id=aws.get_caller_identity().account_id)
user, password = base64.b64decode(credentials.authorization_token).decode().split(":")
later = registry.registry_id.apply(lambda id_: aws.ecr.get_credentials(registry_id=id_).proxy_endpoint)
key = aws.kms.Key("artefacts", enable_key_rotation=True)
store = aws.s3.Bucket("artefacts")
role = aws.iam.Role(
    "build",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "codebuild.amazonaws.com"}}
            ],
        }
    ),
)
build = aws.codebuild.Project(
    "app",
    service_role=role.arn,
    encryption_key=key.arn,
    source={"type": "CODEPIPELINE"},
    artifacts={"type": "CODEPIPELINE"},
    environment={
        "compute_type": "BUILD_GENERAL1_SMALL",
        "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
        "type": "LINUX_CONTAINER",
        "privileged_mode": True,
        "environment_variables": [
            {"name": "REPOSITORY", "value": registry.repository_url},
            {"name": "AWS_SECRET_ACCESS_KEY", "value": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
        ],
    },
)
connection = aws.codestarconnections.Connection("github", provider_type="GitHub")
aws.codepipeline.Pipeline(
    "app",
    role_arn=role.arn,
    artifact_stores=[
        {"type": "S3", "location": store.bucket, "encryption_key": {"id": key.arn, "type": "KMS"}},
    ],
    stages=[
        {
            "name": "Source",
            "actions": [
                {
                    "name": "Source",
                    "category": "Source",
                    "owner": "AWS",
                    "provider": "CodeStarSourceConnection",
                    "version": "1",
                    "output_artifacts": ["source"],
                    "configuration": {"ConnectionArn": connection.arn, "FullRepositoryId": "example/app"},
                }
            ],
        },
        {
            "name": "Build",
            "actions": [
                {
                    "name": "Build",
                    "category": "Build",
                    "owner": "AWS",
                    "provider": "CodeBuild",
                    "version": "1",
                    "input_artifacts": ["source"],
                    "configuration": {"ProjectName": build.name},
                }
            ],
        },
    ],
)
pulumi.export("registry", later)
pulumi.export("login", pulumi.Output.secret(f"{user}:{password}"))
