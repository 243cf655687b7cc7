"""A small program with sound and broken resources, for holding the pack's process against the offline verdicts."""

import json

import pulumi
import pulumi_aws as aws

vpc = aws.ec2.Vpc("main", cidr_block="10.0.0.0/16")
aws.ec2.DefaultSecurityGroup("main-default", vpc_id=vpc.id)
bare = aws.ec2.Vpc("bare", cidr_block="10.1.0.0/16")
gateway = aws.ec2.InternetGateway("main", vpc_id=vpc.id)
key = aws.kms.Key("data", enable_key_rotation=True)
weak_key = aws.kms.Key("weak")

public = aws.ec2.Subnet("public", vpc_id=vpc.id, cidr_block="10.0.0.0/24", map_public_ip_on_launch=True)
private = aws.ec2.Subnet("private", vpc_id=vpc.id, cidr_block="10.0.1.0/24")
public_table = aws.ec2.RouteTable("public", vpc_id=vpc.id)
private_table = aws.ec2.RouteTable("private", vpc_id=vpc.id)
aws.ec2.Route("public", route_table_id=public_table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
aws.ec2.RouteTableAssociation("public", subnet_id=public.id, route_table_id=public_table.id)
aws.ec2.RouteTableAssociation("private", subnet_id=private.id, route_table_id=private_table.id)

logs = aws.cloudwatch.LogGroup("flow", retention_in_days=365, kms_key_id=key.arn)
flow_role = aws.iam.Role(
    "flow",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}}
            ],
        }
    ),
)
aws.ec2.FlowLog("main", vpc_id=vpc.id, traffic_type="ALL", log_destination=logs.arn, iam_role_arn=flow_role.arn)
aws.iam.RolePolicy(
    "flow",
    role=flow_role.id,
    policy=logs.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"{arn}:*"}
                ],
            }
        )
    ),
)
aws.iam.RolePolicy(
    "all-powerful",
    role=flow_role.id,
    policy=json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
)
aws.iam.RolePolicy("broken", role=flow_role.id, policy="{not json")

group = aws.ec2.SecurityGroup("database", vpc_id=vpc.id, description="The database")
aws.vpc.SecurityGroupIngressRule(
    "ssh",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=22,
    to_port=22,
    cidr_ipv4="0.0.0.0/0",
    description="SSH",
)
aws.ec2.SecurityGroup(
    "inline",
    vpc_id=vpc.id,
    ingress=[{"protocol": "tcp", "from_port": 5432, "to_port": 5432, "cidr_blocks": ["0.0.0.0/0"]}],
)

private_group = aws.rds.SubnetGroup("private", subnet_ids=[private.id])
public_group = aws.rds.SubnetGroup("public", subnet_ids=[public.id, private.id])
parameters = aws.rds.ParameterGroup("sound", family="postgres16", parameters=[{"name": "rds.force_ssl", "value": "1"}])
aws.rds.Instance(
    "sound",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    storage_encrypted=True,
    kms_key_id=key.arn,
    db_subnet_group_name=private_group.name,
    parameter_group_name=parameters.name,
    vpc_security_group_ids=[group.id],
    manage_master_user_password=True,
    iam_database_authentication_enabled=True,
    backup_retention_period=7,
    deletion_protection=True,
    multi_az=True,
    enabled_cloudwatch_logs_exports=["postgresql"],
    auto_minor_version_upgrade=True,
)
aws.rds.Instance(
    "broken",
    engine="mysql",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    publicly_accessible=True,
    db_subnet_group_name=public_group.name,
    password=pulumi.Output.secret("hunter2"),
    username="root",
)

bucket = aws.s3.Bucket("sound")
aws.s3.BucketPublicAccessBlock(
    "sound",
    bucket=bucket.id,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
)
aws.s3.BucketPolicy(
    "sound",
    bucket=bucket.id,
    policy=bucket.arn.apply(
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
aws.s3.Bucket("broken")
aws.sqs.Queue("sound", kms_master_key_id=key.id)
aws.sqs.Queue(
    "broken",
    sqs_managed_sse_enabled=False,
    policy=pulumi.Output.secret(json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]})),
)
