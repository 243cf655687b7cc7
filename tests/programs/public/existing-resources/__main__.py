"""Resources that are only read: by get(), and by functions."""

import ipaddress

import pulumi
import pulumi_aws as aws

vpc = aws.ec2.Vpc.get("shared", "vpc-0123456789abcdef0")
role = aws.iam.Role.get("deployer", "deployer")
bucket = aws.s3.Bucket.get("logs", "logs-of-example", opts=pulumi.ResourceOptions(protect=True))
looked_up = aws.ec2.get_vpc(id="vpc-0123456789abcdef0")
first = next(ipaddress.ip_network(looked_up.cidr_block).subnets(new_prefix=24))
subnet = aws.ec2.Subnet("new", vpc_id=vpc.id, cidr_block=str(first), opts=pulumi.ResourceOptions(parent=vpc))
instance = aws.ec2.get_instance(instance_tags={"Name": "bastion"})
volume = instance.root_block_devices[0]
assert isinstance(volume.encrypted, bool)
assert isinstance(volume.volume_size, int)
key = aws.kms.get_key(key_id="alias/shared")
balancer = aws.lb.get_load_balancer(name="front")
database = aws.rds.get_instance(db_instance_identifier="main")
peers = aws.ec2.get_subnet_ids(vpc_id=vpc.id) if hasattr(aws.ec2, "get_subnet_ids") else None
identity = aws.get_caller_identity_output()
secret = aws.secretsmanager.get_secret_version(secret_id="shop/api")
aws.ec2.SecurityGroupRule(
    "from-bastion",
    type="ingress",
    protocol="tcp",
    from_port=22,
    to_port=22,
    security_group_id=instance.vpc_security_group_ids[0],
    source_security_group_id=next(iter(balancer.security_groups)),
)
aws.s3.BucketPolicy(
    "logs",
    bucket=bucket.id,
    policy=aws.iam.get_policy_document_output(
        statements=[
            {
                "actions": ["s3:GetObject"],
                "resources": [pulumi.Output.concat(bucket.arn, "/*")],
                "principals": [{"type": "AWS", "identifiers": [role.arn]}],
            }
        ]
    ).json,
)
aws.ssm.Parameter("database", type="SecureString", key_id=key.arn, value=database.endpoint.upper())
aws.ssm.Parameter("key", type="SecureString", key_id=key.arn, value=secret.secret_string)
aws.route53.Record(
    "alias", zone_id="Z0123456789", name="database", type="CNAME", ttl=60, records=[database.address.lower()]
)
pulumi.export("vpc", vpc.cidr_block)
pulumi.export("account", identity.account_id)
