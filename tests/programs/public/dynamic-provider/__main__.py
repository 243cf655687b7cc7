"""A dynamic provider, and a custom resource of a provider that nobody here has."""

import pulumi
import pulumi_aws as aws
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Schema(ResourceProvider):
    def create(self, props):
        raise RuntimeError("nothing is created in a preview")

    def diff(self, id_, old, new):
        raise RuntimeError("nothing is asked in a preview")

    def made(self, props):
        return CreateResult("schema", {**props, "version": 1})


class DatabaseSchema(Resource):
    version: pulumi.Output[int]
    address: pulumi.Output[str]

    def __init__(self, name, address, opts=None):
        super().__init__(Schema(), name, {"address": address, "version": None}, opts)


class RandomPassword(pulumi.CustomResource):
    result: pulumi.Output[str]

    def __init__(self, name, length, opts=None):
        options = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["result"]))
        super().__init__(
            "random:index/randomPassword:RandomPassword", name, {"length": length, "result": None}, options
        )


password = RandomPassword("admin", 32)
database = aws.rds.Instance(
    "main",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="app",
    password=password.result,
    storage_encrypted=True,
    publicly_accessible=False,
    multi_az=True,
    backup_retention_period=14,
    deletion_protection=True,
    iam_database_authentication_enabled=True,
    final_snapshot_identifier="main-last",
    enabled_cloudwatch_logs_exports=["postgresql"],
    db_subnet_group_name=aws.rds.SubnetGroup("main", subnet_ids=["subnet-0a", "subnet-0b"]).name,
    parameter_group_name=aws.rds.ParameterGroup(
        "main", family="postgres17", parameters=[{"name": "rds.force_ssl", "value": "1"}]
    ).name,
)
schema = DatabaseSchema("schema", database.address, pulumi.ResourceOptions(depends_on=[database]))
aws.ssm.Parameter("version", type="String", value=schema.version.apply(str))
pulumi.export("schema", schema.id)
