"""WordPress on one server, its database beside it. SSH is open to everyone, and the database is reached from anywhere."""

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
password = config.require_secret("dbPassword")
ami = aws.ec2.get_ami(
    most_recent="true",
    owners=["amazon"],
    filters=[{"name": "name", "values": ["al2023-ami-*-x86_64"]}],
)
default = aws.ec2.get_vpc(default=True)
subnets = aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [default.id]}])
group = aws.ec2.SecurityGroup(
    "web",
    vpc_id=default.id,
    description="Web and SSH",
    ingress=[
        {"protocol": "tcp", "from_port": port, "to_port": port, "cidr_blocks": ["0.0.0.0/0"]} for port in (22, 80)
    ],
    egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
)
database = aws.rds.Instance(
    "wordpress",
    engine="mysql",
    engine_version="8.0",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    db_name="wordpress",
    username="wordpress",
    password=password,
    publicly_accessible=True,
    storage_encrypted=True,
    skip_final_snapshot=True,
    vpc_security_group_ids=[group.id],
)
script = pulumi.Output.all(database.address, database.db_name).apply(
    lambda known: (
        f"#!/bin/bash\ndnf install -y httpd wordpress\necho DB_HOST={known[0]} DB_NAME={known[1]} >> /etc/wp.env\n"
    )
)
server = aws.ec2.Instance(
    "wordpress",
    ami=ami.id,
    instance_type="t3.micro",
    subnet_id=subnets.ids[0],
    user_data=script,
    vpc_security_group_ids=[group.id],
    associate_public_ip_address=True,
)
pulumi.export("url", server.public_dns.apply(lambda name: f"http://{name}"))
pulumi.export("architecture", ami.architecture.upper())
