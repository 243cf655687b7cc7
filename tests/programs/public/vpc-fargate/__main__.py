"""A container on Fargate behind a load balancer; the image's registry is signed in to as tutorials do."""

import base64
import json

import pulumi
import pulumi_aws as aws

domain = pulumi.Config().require("domain")
zones = aws.get_availability_zones(state="available")
vpc = aws.ec2.Vpc("app", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
aws.ec2.DefaultSecurityGroup("app", vpc_id=vpc.id)
gateway = aws.ec2.InternetGateway("app", vpc_id=vpc.id)
public_routes = aws.ec2.RouteTable(
    "public", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}]
)
public, private = [], []
for index, zone in enumerate(zones.names[:2]):
    subnet = aws.ec2.Subnet(f"public-{index}", vpc_id=vpc.id, availability_zone=zone, cidr_block=f"10.0.{index}.0/24")
    aws.ec2.RouteTableAssociation(f"public-{index}", subnet_id=subnet.id, route_table_id=public_routes.id)
    nat = aws.ec2.NatGateway(f"nat-{index}", subnet_id=subnet.id, allocation_id=aws.ec2.Eip(f"nat-{index}").id)
    routes = aws.ec2.RouteTable(
        f"private-{index}", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": nat.id}]
    )
    inner = aws.ec2.Subnet(
        f"private-{index}", vpc_id=vpc.id, availability_zone=zone, cidr_block=f"10.0.{index + 10}.0/24"
    )
    aws.ec2.RouteTableAssociation(f"private-{index}", subnet_id=inner.id, route_table_id=routes.id)
    public.append(subnet.id)
    private.append(inner.id)

front = aws.ec2.SecurityGroup(
    "front",
    vpc_id=vpc.id,
    description="HTTPS from everywhere",
    ingress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["0.0.0.0/0"]}],
    egress=[{"protocol": "tcp", "from_port": 8080, "to_port": 8080, "cidr_blocks": [vpc.cidr_block]}],
)
tasks = aws.ec2.SecurityGroup(
    "tasks",
    vpc_id=vpc.id,
    description="The load balancer only",
    ingress=[{"protocol": "tcp", "from_port": 8080, "to_port": 8080, "security_groups": [front.id]}],
    egress=[{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["0.0.0.0/0"]}],
)
balancer = aws.lb.LoadBalancer("front", security_groups=[front.id], subnets=public, drop_invalid_header_fields=True)
group = aws.lb.TargetGroup("app", port=8080, protocol="HTTP", target_type="ip", vpc_id=vpc.id)
certificate = aws.acm.Certificate("front", domain_name=domain, validation_method="DNS")
listener = aws.lb.Listener(
    "https",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    certificate_arn=certificate.arn,
    default_actions=[{"type": "forward", "target_group_arn": group.arn}],
)

repository = aws.ecr.Repository(
    "app", image_tag_mutability="IMMUTABLE", image_scanning_configuration={"scan_on_push": True}
)
token = aws.ecr.get_authorization_token()
user, password = base64.b64decode(token.authorization_token).decode().split(":")
pulumi.export("registry", pulumi.Output.secret({"user": user, "password": password, "host": token.proxy_endpoint}))

trust = aws.iam.get_policy_document(
    statements=[
        {
            "actions": ["sts:AssumeRole"],
            "principals": [{"type": "Service", "identifiers": ["ecs-tasks.amazonaws.com"]}],
        }
    ]
)
execution = aws.iam.Role("execution", assume_role_policy=trust.json)
aws.iam.RolePolicyAttachment(
    "execution",
    role=execution.name,
    policy_arn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
)
logs = aws.cloudwatch.LogGroup("app", retention_in_days=365)
cluster = aws.ecs.Cluster("app", settings=[{"name": "containerInsights", "value": "enabled"}])
task = aws.ecs.TaskDefinition(
    "app",
    family="app",
    cpu="256",
    memory="512",
    network_mode="awsvpc",
    requires_compatibilities=["FARGATE"],
    execution_role_arn=execution.arn,
    container_definitions=pulumi.Output.all(repository.repository_url, logs.name).apply(
        lambda known: json.dumps(
            [
                {
                    "name": "app",
                    "image": f"{known[0]}:1",
                    "readonlyRootFilesystem": True,
                    "user": "1000",
                    "portMappings": [{"containerPort": 8080}],
                    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": known[1]}},
                }
            ]
        )
    ),
)
aws.ecs.Service(
    "app",
    cluster=cluster.arn,
    desired_count=2,
    launch_type="FARGATE",
    task_definition=task.arn,
    network_configuration={"subnets": private, "security_groups": [tasks.id]},
    load_balancers=[{"target_group_arn": group.arn, "container_name": "app", "container_port": 8080}],
    opts=pulumi.ResourceOptions(depends_on=[listener]),
)
pulumi.export("url", pulumi.Output.concat("https://", balancer.dns_name))
