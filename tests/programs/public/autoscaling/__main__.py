"""A launch template, a group and a load balancer in a network that exists; version 1 of instance metadata is left on."""

import base64

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
image = aws.ssm.get_parameter(name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
vpc = aws.ec2.get_vpc_output(tags={"Name": "platform"})
subnets = aws.ec2.get_subnets_output(filters=[{"name": "vpc-id", "values": [vpc.id]}])
types = aws.ec2.get_instance_types(filters=[{"name": "burstable-performance-supported", "values": ["true"]}])
offered = types.instance_types[0] if len(types.instance_types) > 100 else "t3.small"
group = aws.ec2.SecurityGroup("servers", vpc_id=vpc.id, description="Servers")
aws.vpc.SecurityGroupIngressRule(
    "from-vpc",
    security_group_id=group.id,
    ip_protocol="tcp",
    from_port=80,
    to_port=80,
    cidr_ipv4=vpc.cidr_block,
    description="The network of the load balancer",
)
script = "#!/bin/bash\nsystemctl enable --now nginx\n"
template = aws.ec2.LaunchTemplate(
    "servers",
    image_id=image.value,
    instance_type=config.get("type") or offered,
    user_data=base64.b64encode(script.encode()).decode(),
    vpc_security_group_ids=[group.id],
    metadata_options={"http_endpoint": "enabled", "http_tokens": "optional"},
    block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "true", "volume_size": 20}}],
)
targets = aws.lb.TargetGroup("servers", port=80, protocol="HTTP", vpc_id=vpc.id, health_check={"path": "/health"})
servers = aws.autoscaling.Group(
    "servers",
    min_size=2,
    max_size=config.get_int("most") or 6,
    vpc_zone_identifiers=subnets.ids,
    target_group_arns=[targets.arn],
    health_check_type="ELB",
    launch_template={"id": template.id, "version": template.latest_version.apply(str)},
    tags=[{"key": "Name", "value": "server", "propagate_at_launch": True}],
)
aws.autoscaling.Policy(
    "busy",
    autoscaling_group_name=servers.name,
    policy_type="TargetTrackingScaling",
    target_tracking_configuration={
        "predefined_metric_specification": {"predefined_metric_type": "ASGAverageCPUUtilization"},
        "target_value": 60,
    },
)
pulumi.export("group", servers.name)
