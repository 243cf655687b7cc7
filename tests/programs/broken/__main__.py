"""A program with the four mistakes that a reviewer fears most. It is previewed by the tests and never deployed."""

import json

import pulumi
import pulumi_aws as aws

vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")

open_to_all = aws.ec2.SecurityGroup("open", description="Open", vpc_id=vpc.id)
aws.vpc.SecurityGroupIngressRule(
    "open-postgres",
    security_group_id=open_to_all.id,
    ip_protocol="tcp",
    from_port=5432,
    to_port=5432,
    cidr_ipv4="0.0.0.0/0",
    description="PostgreSQL from anywhere",
)

aws.rds.Instance(
    "public",
    engine="postgres",
    engine_version="14.12",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="app",
    manage_master_user_password=True,
    publicly_accessible=True,
    vpc_security_group_ids=[open_to_all.id],
    skip_final_snapshot=True,
)

aws.sqs.Queue("plain", sqs_managed_sse_enabled=False)

role = aws.iam.Role(
    "wildcard",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
)
aws.iam.RolePolicy(
    "wildcard",
    role=role.id,
    policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
)

pulumi.export("role", role.arn)
