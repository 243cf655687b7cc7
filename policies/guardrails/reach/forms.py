"""What listens in a network: for each type, where it says its subnets, its security groups, its port and its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from guardrails import kinds
from guardrails.kinds import aws

_RELATIONAL = {
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "POSTGRESQL": 5432,
    "mysql": 3306,
    "MYSQL": 3306,
    "aurora": 3306,
    "mariadb": 3306,
    "sqlserver": 1433,
    "SQLSERVER": 1433,
    "oracle": 1521,
    "custom-oracle": 1521,
    "custom-sqlserver": 1433,
    "db2": 50000,
}
_CACHE = {"memcached": 11211, "": 6379}
# https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html
_KAFKA = (9092, 9094, 9096, 9098, 9194, 9196, 9198)
# https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/using-amazon-mq-securely.html
_BROKER = {"rabbitmq": 5671, "": 61617}


@dataclass(frozen=True)
class EndpointSchema:
    """How a type of the data tier is placed. Paths are properties; an empty one means that it has none."""

    kind: str
    subnets: str = ""
    subnet_group: str = ""
    group_type: str = ""
    groups: str = "vpcSecurityGroupIds"
    public: str = ""
    """The property that gives it a public address; without one it never has any."""
    public_word: str = "true"
    """What that property says then."""
    port: str = "port"
    usual: Mapping[str, int] = field(default_factory=dict)
    """Its port where none is said, by how its engine's name starts; the empty start stands for all others."""
    engine: str = "engine"
    more_ports: tuple[int, ...] = ()
    owner: str = ""
    """The cluster that holds security groups, port and subnets for it."""
    owner_type: str = ""
    copy_of: str = ""
    """The property that names what it copies, with whose subnets it stands where it names none."""


DB_CLUSTER_GROUPS = {
    aws("docdb/ClusterInstance"): (aws("docdb/Cluster"), aws("docdb/SubnetGroup"), 27017, "dbSubnetGroupName"),
    aws("neptune/ClusterInstance"): (
        aws("neptune/Cluster"),
        aws("neptune/SubnetGroup"),
        8182,
        "neptuneSubnetGroupName",
    ),
}

DATA: Mapping[str, EndpointSchema] = {
    kinds.DB_INSTANCE: EndpointSchema(
        "database",
        subnet_group="dbSubnetGroupName",
        group_type=kinds.DB_SUBNET_GROUP,
        public="publiclyAccessible",
        usual=_RELATIONAL,
        copy_of="replicateSourceDb",
    ),
    kinds.DB_CLUSTER: EndpointSchema(
        "database cluster", subnet_group="dbSubnetGroupName", group_type=kinds.DB_SUBNET_GROUP, usual=_RELATIONAL
    ),
    kinds.DB_CLUSTER_INSTANCE: EndpointSchema(
        "database",
        subnet_group="dbSubnetGroupName",
        group_type=kinds.DB_SUBNET_GROUP,
        public="publiclyAccessible",
        usual=_RELATIONAL,
        owner="clusterIdentifier",
        owner_type=kinds.DB_CLUSTER,
    ),
    kinds.DB_PROXY: EndpointSchema("proxy", subnets="vpcSubnetIds", usual=_RELATIONAL, engine="engineFamily"),
    kinds.CACHE_GROUP: EndpointSchema(
        "cache",
        subnet_group="subnetGroupName",
        group_type=kinds.CACHE_SUBNET_GROUP,
        groups="securityGroupIds",
        usual=_CACHE,
    ),
    kinds.CACHE_CLUSTER: EndpointSchema(
        "cache",
        subnet_group="subnetGroupName",
        group_type=kinds.CACHE_SUBNET_GROUP,
        groups="securityGroupIds",
        usual=_CACHE,
    ),
    kinds.CACHE_SERVERLESS: EndpointSchema("cache", subnets="subnetIds", groups="securityGroupIds", usual=_CACHE),
    aws("memorydb/Cluster"): EndpointSchema(
        "cache",
        subnet_group="subnetGroupName",
        group_type=aws("memorydb/SubnetGroup"),
        groups="securityGroupIds",
        usual=_CACHE,
    ),
    kinds.DAX_CLUSTER: EndpointSchema(
        "cache",
        subnet_group="subnetGroupName",
        group_type=aws("dax/SubnetGroup"),
        groups="securityGroupIds",
        usual={"": 8111},
    ),
    **{
        domain: EndpointSchema(
            "search domain",
            subnets="vpcOptions.subnetIds",
            groups="vpcOptions.securityGroupIds",
            port="",
            usual={"": 443},
        )
        for domain in (kinds.SEARCH_DOMAIN, aws("elasticsearch/Domain"))
    },
    kinds.MOUNT_TARGET: EndpointSchema(
        "mount target", subnets="subnetId", groups="securityGroups", port="", usual={"": 2049}
    ),
    **{
        member: EndpointSchema(
            "database",
            subnet_group=path,
            group_type=subnet_group,
            public="publiclyAccessible",
            usual={"": port},
            owner="clusterIdentifier",
            owner_type=cluster,
        )
        for member, (cluster, subnet_group, port, path) in DB_CLUSTER_GROUPS.items()
    },
    **{
        cluster: EndpointSchema("database cluster", subnet_group=path, group_type=subnet_group, usual={"": port})
        for cluster, subnet_group, port, path in DB_CLUSTER_GROUPS.values()
    },
    kinds.DOCDB_ELASTIC: EndpointSchema("database cluster", subnets="subnetIds", port="", usual={"": 27017}),
    aws("redshift/Cluster"): EndpointSchema(
        "warehouse",
        subnet_group="clusterSubnetGroupName",
        group_type=aws("redshift/SubnetGroup"),
        public="publiclyAccessible",
        usual={"": 5439},
    ),
    aws("redshiftserverless/Workgroup"): EndpointSchema(
        "warehouse", subnets="subnetIds", groups="securityGroupIds", public="publiclyAccessible", usual={"": 5439}
    ),
    aws("mq/Broker"): EndpointSchema(
        "broker",
        subnets="subnetIds",
        groups="securityGroups",
        public="publiclyAccessible",
        port="",
        usual=_BROKER,
        engine="engineType",
    ),
    aws("msk/Cluster"): EndpointSchema(
        "broker",
        subnets="brokerNodeGroupInfo.clientSubnets",
        groups="brokerNodeGroupInfo.securityGroups",
        public="brokerNodeGroupInfo.connectivityInfo.publicAccess.type",
        public_word="SERVICE_PROVIDED_EIPS",
        port="",
        usual={"": _KAFKA[0]},
        more_ports=_KAFKA[1:],
    ),
    # Serverless clusters take only IAM: https://docs.aws.amazon.com/msk/latest/developerguide/serverless-getting-started.html
    aws("msk/ServerlessCluster"): EndpointSchema(
        "broker", subnets="vpcConfigs.subnetIds", groups="vpcConfigs.securityGroupIds", port="", usual={"": 9098}
    ),
}
"""What keeps data and listens on a port that is known from its settings."""

REPLICATION = EndpointSchema(
    "replication instance",
    subnet_group="replicationSubnetGroupId",
    group_type=aws("dms/ReplicationSubnetGroup"),
    public="publiclyAccessible",
)
SERVERS: Mapping[str, str] = {
    kinds.INSTANCE: "instance",
    kinds.AUTO_SCALING_GROUP: "Auto Scaling group",
    kinds.ECS_SERVICE: "service",
    kinds.ECS_TASK_SET: "task set",
    kinds.EKS_NODES: "node group",
}
"""What runs the program's own code and may listen on any port."""
BALANCERS = (*kinds.LOAD_BALANCERS, kinds.CLASSIC_BALANCER)
LISTENER_RULES = (aws("lb/ListenerRule"), aws("alb/ListenerRule"))
TARGET_ATTACHMENTS = (aws("lb/TargetGroupAttachment"), aws("alb/TargetGroupAttachment"))
TARGET_GROUPS = (aws("lb/TargetGroup"), aws("alb/TargetGroup"))
VPC_ORIGIN = aws("cloudfront/VpcOrigin")
NAT_GATEWAY = aws("ec2/NatGateway")
STORES = (*DATA, kinds.REPLICATION_INSTANCE)
"""The data tier: what keeps data, and what copies it."""
