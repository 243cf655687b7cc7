"""What a network stack exports, used in every way that programs use it."""

import pulumi
import pulumi_aws as aws

organisation, stack = pulumi.get_organization(), pulumi.get_stack()
network = pulumi.StackReference(f"{organisation}/network/{stack}")
shared = pulumi.StackReference("shared", stack_name="example/shared/prod")
vpc_id = network.require_output("vpcId")
subnets = network.get_output("privateSubnets")
group = aws.ec2.SecurityGroup(
    "app",
    vpc_id=vpc_id,
    description="The application",
    ingress=[
        {
            "protocol": "tcp",
            "from_port": 5432,
            "to_port": 5432,
            "security_groups": [network.get_output("appGroup")],
        },
        # A mistake: whatever another stack says, this is open.
        {"protocol": "tcp", "from_port": 3389, "to_port": 3389, "cidr_blocks": ["0.0.0.0/0"]},
    ],
)
subnet_group = aws.rds.SubnetGroup("app", subnet_ids=subnets)
aws.rds.Cluster(
    "app",
    engine="aurora-postgresql",
    master_username="app",
    manage_master_user_password=True,
    storage_encrypted=True,
    kms_key_id=shared.get_output("keyArn"),
    db_subnet_group_name=subnet_group.name,
    vpc_security_group_ids=[group.id],
    backup_retention_period=14,
    deletion_protection=True,
    iam_database_authentication_enabled=True,
    enabled_cloudwatch_logs_exports=["postgresql"],
    final_snapshot_identifier="app-last",
    copy_tags_to_snapshot=True,
)
subnets.apply(lambda ids: [pulumi.log.info(f"a subnet: {one}") for one in ids])
topic = shared.outputs["alarmTopic"]
aws.cloudwatch.MetricAlarm(
    "app",
    namespace="AWS/RDS",
    metric_name="CPUUtilization",
    statistic="Average",
    comparison_operator="GreaterThanThreshold",
    threshold=80,
    period=300,
    evaluation_periods=2,
    alarm_actions=[topic],
)
pulumi.export("vpc", vpc_id)
pulumi.export("name", pulumi.Output.concat("app-in-", vpc_id))
