"""Types of other providers, and older names of types, that are the same thing as one that rules read.

A resource is translated where it is made, so that no rule knows of it; its URN stays as the program has it. What a table does
not name keeps its name; a type that no table names is read by no rule, and said to be unread.

Older names: the modules that pulumi-aws renamed, whose types have the same properties (pulumi-aws 7, the aliases of its
classes). AWS Cloud Control (``aws-native``): the names of CloudFormation's resource types, in lower camel case
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from guardrails.kinds import aws

Read = Callable[[Any], Any]
"""What becomes of a value that is there and can be read."""


class Spread(NamedTuple):
    """A block, or a list of keys and values, whose parts are properties of the whole."""

    moves: Moves
    keyed: bool = False


Move = str | tuple[str, Read] | Spread
"""Where a property goes, as a dotted path, and what becomes of it."""
Moves = Mapping[str, Move]

_MODULES = {"elasticloadbalancing": "elb", "elasticloadbalancingv2": "lb", "applicationloadbalancing": "alb"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Equivalent:
    """How one type is written as another."""

    type: str
    moves: Moves = field(default_factory=dict)
    instead: Mapping[str, str] = field(default_factory=dict)
    """Another type, where this property is there."""
    absent: Mapping[str, Any] = field(default_factory=dict)
    """What AWS takes where the translated property is not there, if pulumi-aws would not leave that to AWS."""
    undecided: tuple[str, ...] = ()
    """Translated properties whose absence AWS decides by what else is there: nobody can tell what they are."""
    parts: Mapping[str, tuple[str, Moves]] = field(default_factory=dict)
    """Properties that are a resource of its own in pulumi-aws: its type, and its properties."""
    owner: str = ""
    """The property by which such a part names the whole."""


class BlockEquivalent(NamedTuple):
    """A block of a resource that is a resource of its own in pulumi-aws."""

    type: str
    properties: Mapping[str, Any]
    made_from: str
    """The property that holds the block."""
    names: tuple[str, ...]
    """The properties of the part that come from it."""
    owner: str


def equivalent(type_: str) -> Equivalent | None:
    """Return how a type is read; None where it is one of pulumi-aws 7 or of no concern."""
    return _NATIVE.get(type_) or _OLD.get(type_) or _renamed(type_)


def _renamed(type_: str) -> Equivalent | None:
    provider, _, rest = type_.partition(":")
    module, slash, kind = rest.partition("/")
    return Equivalent(f"aws:{_MODULES[module]}/{kind}") if provider == "aws" and slash and module in _MODULES else None


def type_as(found: Equivalent, properties: Mapping[str, Any]) -> str:
    """Return the type that a resource with these properties is read as."""
    return next((type_ for name, type_ in found.instead.items() if properties.get(name)), found.type)


def translate(found: Equivalent, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties by the names that rules know; what cannot be read stays so, at its new place."""
    result: dict[str, Any] = {}
    for name, value in properties.items():
        if name not in found.parts:
            _move(result, found.moves.get(name, name), value)
    return result


def targets(found: Equivalent, name: str) -> tuple[str, ...]:
    """Return the properties that one property becomes."""
    return _targets(found.moves.get(name, name))


def _targets(move: Move) -> tuple[str, ...]:
    if isinstance(move, Spread):
        return tuple(dict.fromkeys(one for inner in move.moves.values() for one in _targets(inner)))
    return ((move if isinstance(move, str) else move[0]).split(".")[0],)


def parts(found: Equivalent, properties: Mapping[str, Any]) -> tuple[BlockEquivalent, ...]:
    """Return the blocks that are resources of their own, of a list each; one that cannot be read is one of which
    nothing is known."""
    made = []
    for name, (type_, moves) in found.parts.items():
        value = properties.get(name)
        for item in value if isinstance(value, list) else () if value is None else (value,):
            inner: dict[str, Any] = {}
            if isinstance(item, Mapping):
                for key, held in item.items():
                    _move(inner, moves.get(key, key), held)
            else:
                for move in moves.values():
                    _move(inner, move, item)
            made.append(BlockEquivalent(type_, inner, name, tuple(inner), found.owner))
    return tuple(made)


def _move(result: dict[str, Any], move: Move, value: Any) -> None:
    if isinstance(move, Spread):
        _spread(result, move, value)
        return
    path, read = (move, None) if isinstance(move, str) else move
    _place(result, path, read(value) if read is not None and _is_readable(value) else value)


def _spread(result: dict[str, Any], move: Spread, value: Any) -> None:
    items = value if move.keyed and isinstance(value, list) else [value]
    for item in items:
        if not _is_readable(item):
            # It may hold any of them.
            for name in _targets(move):
                result.setdefault(name, item)
        elif isinstance(item, Mapping):
            found = {str(item.get("key")): item.get("value")} if move.keyed else item
            for key, part in found.items():
                if key in move.moves:
                    _move(result, move.moves[key], part)


def _is_readable(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float, list, Mapping))


def _place(result: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for key in outer:
        inner = result.get(key)
        if not isinstance(inner, dict):
            inner = {}
            result[key] = inner
        result = inner
    result[last] = value


def _block(moves: Moves) -> Read:
    """Return a reader of a block, or of each block of a list, that gives properties other names."""

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        result: dict[str, Any] = {}
        for name, item in value.items():
            _move(result, moves.get(name, name), item)
        return result

    return read


def _inner(name: str, read: Read = lambda value: value) -> Read:
    """Return a reader of only one property of a block."""
    return lambda value: read(value.get(name)) if isinstance(value, Mapping) else value


def _equals(word: str) -> Read:
    return lambda value: value == word


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _kebab(value: Any) -> Any:
    return _HUMP.sub("-", value).lower() if isinstance(value, str) else value


def _only(value: Any) -> Any:
    """Return the one element of a list that holds one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _first_certificate(value: Any) -> Any:
    first = value[0] if isinstance(value, list) and value else None
    return first.get("certificateArn") if isinstance(first, Mapping) else first


def _same(*names: str) -> Moves:
    return {name: name for name in names}


def _named_values(value: Any) -> Any:
    """Return an object of names and values as a list of both."""
    return [{"name": name, "value": item} for name, item in value.items()] if isinstance(value, Mapping) else value


def _tags(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return {str(item.get("key")): item.get("value") for item in value if isinstance(item, Mapping)}


_INGRESS: Moves = {
    "ipProtocol": "protocol",
    "cidrIp": ("cidrBlocks", _listed),
    "cidrIpv6": ("ipv6CidrBlocks", _listed),
    "sourcePrefixListId": ("prefixListIds", _listed),
    "sourceSecurityGroupId": ("securityGroups", _listed),
}
_EGRESS: Moves = {
    "ipProtocol": "protocol",
    "cidrIp": ("cidrBlocks", _listed),
    "cidrIpv6": ("ipv6CidrBlocks", _listed),
    "destinationPrefixListId": ("prefixListIds", _listed),
    "destinationSecurityGroupId": ("securityGroups", _listed),
}
_RULE: Moves = {"groupId": "securityGroupId", "cidrIp": "cidrIpv4"}
_EVERYTHING_OUT = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]
"""What EC2 gives a group for which no egress is said; pulumi-aws takes it away (CloudFormation user guide,
AWS::EC2::SecurityGroup)."""
_ACTIONS = _block(
    {
        "redirectConfig": "redirect",
        "fixedResponseConfig": "fixedResponse",
        "forwardConfig": ("forward", _block({"targetGroups": ("targetGroups", _block({"targetGroupArn": "arn"}))})),
    }
)
_ENCRYPTION_BY_DEFAULT: Moves = {"serverSideEncryptionByDefault": "applyServerSideEncryptionByDefault"}
_BLOCK_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_LIFECYCLE_RULE: Moves = {
    "status": ("enabled", _equals("Enabled")),
    "abortIncompleteMultipartUpload": ("abortIncompleteMultipartUploadDays", _inner("daysAfterInitiation")),
    "expirationInDays": "expiration.days",
    "noncurrentVersionExpiration": ("noncurrentVersionExpiration", _block({"noncurrentDays": "days"})),
    "tagFilters": ("tags", _tags),
}
_DATABASE: Moves = {
    "dbInstanceClass": "instanceClass",
    "dbParameterGroupName": "parameterGroupName",
    "masterUsername": "username",
    "masterUserPassword": "password",
    "enableCloudwatchLogsExports": "enabledCloudwatchLogsExports",
    "enableIamDatabaseAuthentication": "iamDatabaseAuthenticationEnabled",
    "enablePerformanceInsights": "performanceInsightsEnabled",
    "caCertificateIdentifier": "caCertIdentifier",
    "vpcSecurityGroups": "vpcSecurityGroupIds",
    "sourceDbInstanceIdentifier": "replicateSourceDb",
    "dbSnapshotIdentifier": "snapshotIdentifier",
    "dbInstanceIdentifier": "identifier",
    "dbClusterIdentifier": "clusterIdentifier",
    "preferredBackupWindow": "backupWindow",
    "preferredMaintenanceWindow": "maintenanceWindow",
}
_BALANCER_ATTRIBUTES: Moves = {
    "access_logs.s3.enabled": "accessLogs.enabled",
    "access_logs.s3.bucket": "accessLogs.bucket",
    "access_logs.s3.prefix": "accessLogs.prefix",
    "connection_logs.s3.enabled": "connectionLogs.enabled",
    "connection_logs.s3.bucket": "connectionLogs.bucket",
    "deletion_protection.enabled": "enableDeletionProtection",
    "load_balancing.cross_zone.enabled": "enableCrossZoneLoadBalancing",
    "routing.http.desync_mitigation_mode": "desyncMitigationMode",
    "routing.http.drop_invalid_header_fields.enabled": "dropInvalidHeaderFields",
    "routing.http.preserve_host_header.enabled": "preserveHostHeader",
}
_POLICY: Moves = {"policyDocument": "policy"}
_NAMED_POLICY: Moves = {**_POLICY, "policyName": "name"}


_TAGS: Moves = {"tags": ("tags", _tags)}

_NATIVE_TYPES: Mapping[str, Equivalent] = {
    "dynamodb:Table": Equivalent(
        aws("dynamodb/Table"),
        {
            "tableName": "name",
            "sseSpecification": (
                "serverSideEncryption",
                _block({"sseEnabled": "enabled", "kmsMasterKeyId": "kmsKeyArn"}),
            ),
            "pointInTimeRecoverySpecification": (
                "pointInTimeRecovery",
                _block({"pointInTimeRecoveryEnabled": "enabled"}),
            ),
        },
    ),
    "ec2:SecurityGroup": Equivalent(
        aws("ec2/SecurityGroup"),
        {
            "groupName": "name",
            "groupDescription": "description",
            "securityGroupIngress": ("ingress", _block(_INGRESS)),
            "securityGroupEgress": ("egress", _block(_EGRESS)),
        },
        absent={"egress": _EVERYTHING_OUT},
    ),
    "ec2:SecurityGroupEgress": Equivalent(
        aws("vpc/SecurityGroupEgressRule"),
        {
            **_RULE,
            "destinationPrefixListId": "prefixListId",
            "destinationSecurityGroupId": "referencedSecurityGroupId",
        },
    ),
    "ec2:SecurityGroupIngress": Equivalent(
        aws("vpc/SecurityGroupIngressRule"),
        {**_RULE, "sourcePrefixListId": "prefixListId", "sourceSecurityGroupId": "referencedSecurityGroupId"},
    ),
    "ecs:TaskDefinition": Equivalent(aws("ecs/TaskDefinition")),
    "elasticloadbalancingv2:Listener": Equivalent(
        aws("lb/Listener"),
        {"defaultActions": ("defaultActions", _ACTIONS), "certificates": ("certificateArn", _first_certificate)},
    ),
    "elasticloadbalancingv2:ListenerRule": Equivalent(aws("lb/ListenerRule"), {"actions": ("actions", _ACTIONS)}),
    "elasticloadbalancingv2:LoadBalancer": Equivalent(
        aws("lb/LoadBalancer"),
        {
            "type": "loadBalancerType",
            "scheme": ("internal", _equals("internal")),
            "loadBalancerAttributes": Spread(_BALANCER_ATTRIBUTES, keyed=True),
        },
    ),
    "iam:GroupPolicy": Equivalent(aws("iam/GroupPolicy"), {"groupName": "group", **_NAMED_POLICY}),
    "iam:ManagedPolicy": Equivalent(
        aws("iam/Policy"),
        {"managedPolicyName": "name", **_POLICY},
        parts={
            "users": (aws("iam/UserPolicyAttachment"), {"users": "user"}),
            "groups": (aws("iam/GroupPolicyAttachment"), {"groups": "group"}),
            "roles": (aws("iam/RolePolicyAttachment"), {"roles": "role"}),
        },
        owner="policyArn",
    ),
    "iam:Role": Equivalent(
        aws("iam/Role"),
        {
            "roleName": "name",
            "assumeRolePolicyDocument": "assumeRolePolicy",
            "policies": ("inlinePolicies", _block(_NAMED_POLICY)),
        },
    ),
    "iam:RolePolicy": Equivalent(aws("iam/RolePolicy"), {"roleName": "role", **_NAMED_POLICY}),
    "iam:UserPolicy": Equivalent(aws("iam/UserPolicy"), {"userName": "user", **_NAMED_POLICY}),
    "kms:Alias": Equivalent(aws("kms/Alias"), {"aliasName": "name"}),
    "kms:Key": Equivalent(
        aws("kms/Key"),
        {
            "keyPolicy": "policy",
            "keySpec": "customerMasterKeySpec",
            "enabled": "isEnabled",
            "pendingWindowInDays": "deletionWindowInDays",
        },
    ),
    "kms:ReplicaKey": Equivalent(aws("kms/ReplicaKey"), {"keyPolicy": "policy"}),
    "lambda:Function": Equivalent(
        aws("lambda/Function"),
        {
            "functionName": "name",
            "code": Spread({"imageUri": "imageUri", "s3Bucket": "s3Bucket", "s3Key": "s3Key"}),
        },
    ),
    "lambda:Permission": Equivalent(aws("lambda/Permission"), {"functionName": "function"}),
    "lambda:Url": Equivalent(
        aws("lambda/FunctionUrl"), {"targetFunctionArn": "functionName", "authType": "authorizationType"}
    ),
    "logs:LogGroup": Equivalent(aws("cloudwatch/LogGroup"), {"logGroupName": "name"}),
    "rds:DbCluster": Equivalent(
        aws("rds/Cluster"),
        {
            "dbClusterIdentifier": "clusterIdentifier",
            "masterUserPassword": "masterPassword",
            "enableCloudwatchLogsExports": "enabledCloudwatchLogsExports",
            "enableIamDatabaseAuthentication": "iamDatabaseAuthenticationEnabled",
        },
    ),
    "rds:DbClusterParameterGroup": Equivalent(
        aws("rds/ClusterParameterGroup"),
        {"dbClusterParameterGroupName": "name", "parameters": ("parameters", _named_values)},
    ),
    "rds:DbInstance": Equivalent(
        aws("rds/Instance"),
        _DATABASE,
        instead={"dbClusterIdentifier": aws("rds/ClusterInstance")},
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html: as the subnets are.
        undecided=("publiclyAccessible",),
    ),
    "rds:DbParameterGroup": Equivalent(
        aws("rds/ParameterGroup"), {"dbParameterGroupName": "name", "parameters": ("parameters", _named_values)}
    ),
    "rds:DbSubnetGroup": Equivalent(aws("rds/SubnetGroup"), {"dbSubnetGroupName": "name"}),
    "s3:Bucket": Equivalent(
        aws("s3/Bucket"),
        {
            "bucketName": "bucket",
            "accessControl": ("acl", _kebab),
            "bucketEncryption": (
                "serverSideEncryptionConfiguration",
                _block({"serverSideEncryptionConfiguration": ("rule", _block(_ENCRYPTION_BY_DEFAULT))}),
            ),
            "lifecycleConfiguration": ("lifecycleRules", _inner("rules", _block(_LIFECYCLE_RULE))),
            "loggingConfiguration": (
                "logging",
                _block({"destinationBucketName": "targetBucket", "logFilePrefix": "targetPrefix"}),
            ),
            "versioningConfiguration": ("versioning", _block({"status": ("enabled", _equals("Enabled"))})),
        },
        parts={
            "publicAccessBlockConfiguration": (aws("s3/BucketPublicAccessBlock"), _same(*_BLOCK_FLAGS)),
            "ownershipControls": (aws("s3/BucketOwnershipControls"), {"rules": ("rule", _only)}),
        },
        owner="bucket",
    ),
    "s3:BucketPolicy": Equivalent(aws("s3/BucketPolicy"), _POLICY),
    "sns:Topic": Equivalent(
        aws("sns/Topic"),
        {"topicName": "name"},
        parts={"subscription": (aws("sns/TopicSubscription"), {})},
        owner="topic",
    ),
    "sns:TopicInlinePolicy": Equivalent(aws("sns/TopicPolicy"), {"topicArn": "arn", **_POLICY}),
    "sns:TopicPolicy": Equivalent(aws("sns/TopicPolicy"), {"topics": "arn", **_POLICY}),
    "sqs:Queue": Equivalent(aws("sqs/Queue"), {"queueName": "name"}),
    "sqs:QueueInlinePolicy": Equivalent(aws("sqs/QueuePolicy"), {"queue": "queueUrl", **_POLICY}),
}
"""By the names of AWS Cloud Control. The provider has a type for each of CloudFormation's; these are the most used."""
_OLD = {"aws:s3/BucketObject:BucketObject": Equivalent(aws("s3/BucketObjectv2"))}
_NATIVE = {
    f"aws-native:{name}": replace(found, moves={**_TAGS, **found.moves}) for name, found in _NATIVE_TYPES.items()
}
