"""A stand-in account with what a stack's program declares, under ids and names that AWS chooses and no preview knows.

Made of the snapshot, type by type. What stands by its tags is listed as the Resource Groups Tagging API lists it, of which moto knows a part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from groundwork.cli import running
from groundwork.operations.account import StackAccount, open_account
from groundwork.operations.drift.names import RealNames, UnknownValueError, tag_of
from groundwork.operations.drift.table import drift_table
from groundwork.operations.rehearsal.gaps import gaps
from groundwork.settings.loading import find_stack
from tests.operations.shop import ACCOUNT, account, client
from tests.operations.standing import in_order
from tests.operations.stood_up import NO_STATEMENTS, PROGRAM, SUFFIX
from tests.operations.test_engines import Script, standing_in
from tests.stacks import run_found

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource, Snapshot

Maker = Callable[["DriftingAccount", "Resource", dict[str, Any]], tuple[str, str]]
"""Makes a resource of its inputs in the account's words; returns its ARN, or nothing, and what stands for its id in a preview."""


class DriftingAccount:
    """What stands of a stack, and what bears its tags."""

    def __init__(self, account: StackAccount, snapshot: Snapshot) -> None:
        self.account = account
        self.names = RealNames(snapshot, ACCOUNT)
        self.tags: dict[str, dict[str, str]] = {}
        """By ARN."""
        self.ids: dict[str, str] = {}
        """By the type's last word and the logical name."""
        self._snapshot = snapshot
        self.standing: Snapshot = snapshot

    def up(self, types: Collection[str]) -> None:
        """Make what is of these types, each after what it hangs on."""
        made = []
        for resource in in_order(self._snapshot):
            if resource.type not in types:
                continue
            inputs = {key: self._real(value) for key, value in resource.inputs.items()}
            arn, real = _MAKERS[resource.type](self, resource, inputs)
            for output, chosen in (("arn", arn), ("id", real)):
                if chosen:
                    self.names.learn(resource.outputs.get(output), chosen)
            self.ids[f"{resource.type.rpartition(':')[2]} {resource.name}"] = real
            if arn and tag_of(resource) and not arn.startswith("arn:aws:iam:"):
                self.tags[arn] = dict(resource.inputs["tags"])
            forgotten = gaps().forgotten.get(resource.type, {})
            made.append(
                replace(resource, inputs={key: item for key, item in resource.inputs.items() if key not in forgotten})
            )
        self.standing = replace(self._snapshot, resources=tuple(made))

    def _real(self, value: Any) -> Any:
        """Return a value in the account's words; as the preview has it where it hangs on what does not stand here."""
        try:
            return self.names.of(value)
        except UnknownValueError:
            return value

    def client(self, service: str, resource: Resource | None = None) -> Any:
        """Return a client in the region of the stack, or of a resource."""
        region = resource.inputs.get("region") if resource else None
        return client(service, region or self.account.settings.region)

    def get_resources(self, _: dict[str, Any]) -> dict[str, Any]:
        """List what bears tags."""
        return {
            "ResourceTagMappingList": [
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for arn, tags in self.tags.items()
            ]
        }


def _pairs(tags: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _own(resource: Resource) -> str:
    """Return the name that Pulumi would choose, which is another one than a preview's."""
    return f"{resource.name}-{SUFFIX}"


def _topic(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    attributes = {"DisplayName": given["displayName"], "KmsMasterKeyId": given["kmsMasterKeyId"]}
    said = there.client("sns", one).create_topic(Name=_own(one), Attributes=attributes, Tags=_pairs(given["tags"]))
    return said["TopicArn"], said["TopicArn"]


def _topic_policy(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    sns = there.client("sns", one)
    sns.set_topic_attributes(TopicArn=given["arn"], AttributeName="Policy", AttributeValue=given["policy"])
    return "", given["arn"]


_QUEUE = {
    "delaySeconds": "DelaySeconds",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redrivePolicy": "RedrivePolicy",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _queue(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    attributes = {name: str(given[key]) for key, name in _QUEUE.items() if key in given}
    sqs = there.client("sqs", one)
    url = sqs.create_queue(QueueName=_own(one), Attributes=attributes, tags=given["tags"])["QueueUrl"]
    return f"arn:aws:sqs:{there.account.settings.region}:{ACCOUNT}:{_own(one)}", url


def _queue_policy(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    there.client("sqs", one).set_queue_attributes(QueueUrl=given["queueUrl"], Attributes={"Policy": given["policy"]})
    return "", given["queueUrl"]


def _key(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    kms = there.client("kms", one)
    key = kms.create_key(Description=given["description"], Policy=given["policy"])["KeyMetadata"]
    if given["enableKeyRotation"]:
        kms.enable_key_rotation(KeyId=key["KeyId"])
    return key["Arn"], key["KeyId"]


def _alias(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    name = given.get("name") or f"alias/{_own(one)}"
    there.client("kms", one).create_alias(AliasName=name, TargetKeyId=given["targetKeyId"])
    return "", name


def _log_group(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    logs, name = there.client("logs", one), given["name"]
    logs.create_log_group(logGroupName=name, **({"kmsKeyId": given["kmsKeyId"]} if "kmsKeyId" in given else {}))
    logs.put_retention_policy(logGroupName=name, retentionInDays=given["retentionInDays"])
    return f"arn:aws:logs:{logs.meta.region_name}:{ACCOUNT}:log-group:{name}", name


_ALARM = {
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "treatMissingData": "TreatMissingData",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
}


def _alarm(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    more: dict[str, Any] = {}
    if "metricQueries" in given:
        more["Metrics"] = [_metric(query) for query in given["metricQueries"]]
    if "dimensions" in given:
        more["Dimensions"] = [{"Name": name, "Value": value} for name, value in given["dimensions"].items()]
    cloudwatch = there.client("cloudwatch", one)
    cloudwatch.put_metric_alarm(
        AlarmName=_own(one), **{name: given[key] for key, name in _ALARM.items() if key in given}, **more
    )
    return f"arn:aws:cloudwatch:{cloudwatch.meta.region_name}:{ACCOUNT}:alarm:{_own(one)}", _own(one)


def _metric(query: dict[str, Any]) -> dict[str, Any]:
    told = {"Id": query["id"], "ReturnData": query.get("returnData", False)}
    if "expression" in query:
        return told | {"Expression": query["expression"]}
    of = query["metric"]
    dimensions = [{"Name": name, "Value": value} for name, value in (of.get("dimensions") or {}).items()]
    metric = {"MetricName": of["metricName"], "Namespace": of["namespace"], "Dimensions": dimensions}
    return told | {"MetricStat": {"Metric": metric, "Period": of["period"], "Stat": of["stat"]}}


def _event_rule(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    said = there.client("events", one).put_rule(
        Name=_own(one), EventPattern=given["eventPattern"], Description=given["description"]
    )
    return said["RuleArn"], _own(one)


def _parameter(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    ssm, value = there.client("ssm", one), given.get("insecureValue") or "kept elsewhere"
    ssm.put_parameter(Name=given["name"], Type=given["type"], Value=value)
    return f"arn:aws:ssm:{ssm.meta.region_name}:{ACCOUNT}:parameter{given['name']}", given["name"]


def _secret(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    secrets = there.client("secretsmanager", one)
    said = secrets.create_secret(Name=given["name"], Description=given["description"], KmsKeyId=given["kmsKeyId"])
    return said["ARN"], said["ARN"]


def _secret_policy(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    secrets = there.client("secretsmanager", one)
    secrets.put_resource_policy(SecretId=given["secretArn"], ResourcePolicy=given["policy"])
    return "", given["secretArn"]


def _bucket(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    s3, region = there.client("s3"), there.account.settings.region
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    s3.create_bucket(Bucket=_own(one), **place)
    return f"arn:aws:s3:::{_own(one)}", _own(one)


def _bucket_policy(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    there.client("s3").put_bucket_policy(Bucket=given["bucket"], Policy=given["policy"])
    return "", given["bucket"]


def _public_access(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    blocks = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    asked = {f"{name[0].upper()}{name[1:]}": given[name] for name in blocks}
    there.client("s3").put_public_access_block(Bucket=given["bucket"], PublicAccessBlockConfiguration=asked)
    return "", given["bucket"]


def _versioning(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    asked = {"Status": given["versioningConfiguration"]["status"]}
    there.client("s3").put_bucket_versioning(Bucket=given["bucket"], VersioningConfiguration=asked)
    return "", given["bucket"]


def _encryption(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    [rule] = given["rules"]
    default = rule["applyServerSideEncryptionByDefault"]
    by_default = {"SSEAlgorithm": default["sseAlgorithm"]}
    if default.get("kmsMasterKeyId"):
        by_default["KMSMasterKeyID"] = default["kmsMasterKeyId"]
    asked = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": bool(rule.get("bucketKeyEnabled"))}
    there.client("s3").put_bucket_encryption(
        Bucket=given["bucket"], ServerSideEncryptionConfiguration={"Rules": [asked]}
    )
    return "", given["bucket"]


def _ownership(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    asked = {"Rules": [{"ObjectOwnership": given["rule"]["objectOwnership"]}]}
    there.client("s3").put_bucket_ownership_controls(Bucket=given["bucket"], OwnershipControls=asked)
    return "", given["bucket"]


def _role(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    name = given.get("name") or _own(one)
    said = there.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=given["assumeRolePolicy"],
        Description=given.get("description", ""),
        Tags=_pairs(given.get("tags")),
        **({"MaxSessionDuration": given["maxSessionDuration"]} if "maxSessionDuration" in given else {}),
    )
    return said["Role"]["Arn"], name


def _role_policy(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    there.client("iam").put_role_policy(RoleName=given["role"], PolicyName=_own(one), PolicyDocument=given["policy"])
    return "", ""


def _attachment(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    there.client("iam").attach_role_policy(RoleName=given["role"], PolicyArn=given["policyArn"])
    return "", ""


def _vpc(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    vpc = there.client("ec2").create_vpc(CidrBlock=given["cidrBlock"])["Vpc"]["VpcId"]
    return _of_ec2(there, "vpc", vpc), vpc


def _of_ec2(there: DriftingAccount, kind: str, real: str) -> str:
    return f"arn:aws:ec2:{there.account.settings.region}:{ACCOUNT}:{kind}/{real}"


def _subnet(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    ec2 = there.client("ec2")
    said = ec2.create_subnet(
        VpcId=given["vpcId"], CidrBlock=given["cidrBlock"], AvailabilityZone=given["availabilityZone"]
    )
    subnet = said["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": bool(given.get("mapPublicIpOnLaunch"))})
    return _of_ec2(there, "subnet", subnet), subnet


def _group(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    ec2 = there.client("ec2")
    group = ec2.create_security_group(GroupName=_own(one), Description=given["description"], VpcId=given["vpcId"])[
        "GroupId"
    ]
    # As Pulumi does: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/security_group
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    return _of_ec2(there, "security-group", group), group


def _rule(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    ec2, about = there.client("ec2"), {"Description": given["description"]} if "description" in given else {}
    asked = {"IpProtocol": given["ipProtocol"]}
    asked |= {name: given[key] for key, name in (("fromPort", "FromPort"), ("toPort", "ToPort")) if key in given}
    if "cidrIpv4" in given:
        asked["IpRanges"] = [{"CidrIp": given["cidrIpv4"], **about}]
    elif "referencedSecurityGroupId" in given:
        asked["UserIdGroupPairs"] = [{"GroupId": given["referencedSecurityGroupId"], **about}]
    else:
        asked["PrefixListIds"] = [{"PrefixListId": "pl-0f0f0f0f", **about}]
    open_ = ec2.authorize_security_group_ingress if "Ingress" in one.type else ec2.authorize_security_group_egress
    [rule] = open_(GroupId=given["securityGroupId"], IpPermissions=[asked])["SecurityGroupRules"]
    return _of_ec2(there, "security-group-rule", rule["SecurityGroupRuleId"]), rule["SecurityGroupRuleId"]


def _database_subnets(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    said = there.client("rds").create_db_subnet_group(
        DBSubnetGroupName=_own(one), DBSubnetGroupDescription=given["description"], SubnetIds=given["subnetIds"]
    )
    return said["DBSubnetGroup"]["DBSubnetGroupArn"], _own(one)


def _database_parameters(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    said = there.client("rds").create_db_parameter_group(
        DBParameterGroupName=_own(one), DBParameterGroupFamily=given["family"], Description=given["description"]
    )
    return said["DBParameterGroup"]["DBParameterGroupArn"], _own(one)


_DATABASE = {
    "dbSubnetGroupName": "DBSubnetGroupName",
    "parameterGroupName": "DBParameterGroupName",
    "instanceClass": "DBInstanceClass",
    "engine": "Engine",
    "allocatedStorage": "AllocatedStorage",
    "storageEncrypted": "StorageEncrypted",
    "kmsKeyId": "KmsKeyId",
    "storageType": "StorageType",
    "multiAz": "MultiAZ",
    "publiclyAccessible": "PubliclyAccessible",
    "deletionProtection": "DeletionProtection",
    "backupRetentionPeriod": "BackupRetentionPeriod",
    "backupWindow": "PreferredBackupWindow",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "maxAllocatedStorage": "MaxAllocatedStorage",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "monitoringInterval": "MonitoringInterval",
    "caCertIdentifier": "CACertificateIdentifier",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
}


def _database(there: DriftingAccount, one: Resource, given: dict[str, Any]) -> tuple[str, str]:
    said = there.client("rds").create_db_instance(
        DBInstanceIdentifier=given["identifier"],
        EngineVersion=f"{given['engineVersion']}.4",
        MasterUsername="groundwork",
        ManageMasterUserPassword=True,
        **{name: given[key] for key, name in _DATABASE.items() if key in given},
    )["DBInstance"]
    return said["DBInstanceArn"], said["DbiResourceId"]


_MAKERS: dict[str, Maker] = {
    "aws:cloudwatch/eventRule:EventRule": _event_rule,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ec2/securityGroup:SecurityGroup": _group,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:kms/alias:Alias": _alias,
    "aws:kms/key:Key": _key,
    "aws:rds/instance:Instance": _database,
    "aws:rds/parameterGroup:ParameterGroup": _database_parameters,
    "aws:rds/subnetGroup:SubnetGroup": _database_subnets,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _ownership,
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_policy,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _encryption,
    "aws:s3/bucketVersioning:BucketVersioning": _versioning,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretPolicy:SecretPolicy": _secret_policy,
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicPolicy:TopicPolicy": _topic_policy,
    "aws:sqs/queue:Queue": _queue,
    "aws:sqs/queuePolicy:QueuePolicy": _queue_policy,
    "aws:ssm/parameter:Parameter": _parameter,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule,
}
assert _MAKERS.keys() <= drift_table().types.keys()
STANDING_TYPES = _MAKERS.keys()
"""What the stand-in makes."""


@contextlib.contextmanager
def drifting(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stack_file: str, types: Collection[str] = STANDING_TYPES
) -> Iterator[DriftingAccount]:
    """Give an account with a stack's resources of some types, of which nobody has changed any since, and of which CloudTrail says nothing."""
    with account(folder, monkeypatch, stack_file):
        (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
        stack = find_stack("dev")
        there = DriftingAccount(open_account("dev"), run_found(stack))
        there.up(types)
        said = SimpleNamespace(snapshot=there.standing, statements=NO_STATEMENTS)
        monkeypatch.setattr(running, "run_stack", lambda name, **_: said)
        standing_in(
            monkeypatch,
            resourcegroupstaggingapi=Script(get_resources=there.get_resources),
            cloudtrail=Script(lookup_events={"Events": []}),
        )
        yield there
