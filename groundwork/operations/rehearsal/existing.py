"""What a stack says exists: made in the stand-in account before the stack is, and looked at again when the stack is gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from groundwork.preview.computed_values import EXAMPLE_ACCOUNT

_CIDR = "10.0.0.0/16"
_TIERS = ("public", "private", "data")


class ExistingError(ValueError):
    """Something that exists cannot be made in an account that is none; the message says which and why."""


class Existing:
    """The things of others in an account at an address, by what the stack file calls them.

    ``names`` maps an id or ARN of the stack file to that of the account, which chooses its own.
    """

    def __init__(self, settings: Mapping[str, Any], region: str, address: str) -> None:
        """Make what ``settings`` say exists. ExistingError for subnets that are found by tags."""
        self._region = region
        self._address = address
        self.names: dict[str, str] = {}
        self._looks: dict[str, Callable[[], Any]] = {}
        self._vpc = ""
        self._network((settings.get("network") or {}).get("existing"))
        self._zone(((settings.get("edge") or {}).get("zone") or {}).get("id"), settings)
        self._key((settings.get("platform") or {}).get("existing_key"))
        for bucket in (settings.get("storage") or {}).values():
            self._bucket(bucket)
        self._database((settings.get("data") or {}).get("existing"))

    def look(self) -> dict[str, Any]:
        """Return what the account says of each, by the name in the stack file."""
        return {name: json.loads(json.dumps(look(), default=str)) for name, look in self._looks.items()}

    def _client(self, service: str) -> Any:
        import boto3  # noqa: PLC0415 - a third of a second that is needed here alone

        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        return boto3.client(service, region_name=self._region, endpoint_url=self._address, **keys)

    def _network(self, existing: Mapping[str, Any] | None) -> None:
        if not existing:
            return
        if existing.get("subnet_tags"):
            raise ExistingError("its subnets are found by tags, and the ids behind them are made up; name them by id")
        ec2 = self._client("ec2")
        vpc = ec2.create_vpc(CidrBlock=_CIDR)["Vpc"]["VpcId"]
        self._vpc = vpc
        self._keep(existing["vpc_id"], vpc, lambda: ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"])
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        for number, (zone, named) in enumerate(_subnets(existing)):
            made = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{self._region}{zone}"
            )["Subnet"]["SubnetId"]
            self._keep(named, made, partial(_subnet, ec2, made))

    def _zone(self, zone: str | None, settings: Mapping[str, Any]) -> None:
        if zone is None:
            return
        route53 = self._client("route53")
        domain = settings["platform"]["domain"]
        made = route53.create_hosted_zone(Name=domain, CallerReference=zone)["HostedZone"]["Id"].rpartition("/")[2]
        self._keep(zone, made, lambda: route53.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"])

    def _key(self, arn: str | None) -> None:
        if arn is None:
            return
        kms = self._client("kms")
        made = kms.create_key()["KeyMetadata"]["Arn"]
        self._keep(
            arn,
            made,
            lambda: [
                kms.get_key_policy(KeyId=made, PolicyName="default")["Policy"],
                kms.list_aliases(KeyId=made)["Aliases"],
            ],
        )

    def _bucket(self, said: Mapping[str, Any]) -> None:
        name = said.get("existing")
        if not name:
            return
        self._key(said.get("encryption_key"))
        s3 = self._client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self._region})
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(_owners_policy(name)))
        s3.put_object(Bucket=name, Key="kept", Body=b"kept")
        self._keep(
            name,
            name,
            lambda: [s3.get_bucket_policy(Bucket=name)["Policy"], s3.list_objects_v2(Bucket=name)["KeyCount"]],
        )

    def _database(self, existing: Mapping[str, Any] | None) -> None:
        if not existing:
            return
        self._key(existing.get("secret_key"))
        ec2, rds, secrets = (self._client(service) for service in ("ec2", "rds", "secretsmanager"))
        group = ec2.create_security_group(
            GroupName="database", Description="Of a database that exists", VpcId=self._vpc
        )["GroupId"]
        self._keep(
            existing["security_group"], group, lambda: ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        )
        secret = secrets.create_secret(Name="database", SecretString="{}")["ARN"]
        self._keep(existing["secret"], secret, lambda: secrets.describe_secret(SecretId=secret)["Name"])
        identifier = existing["identifier"]
        rds.create_db_instance(DBInstanceIdentifier=identifier, DBInstanceClass="db.t4g.micro", Engine="postgres")
        self._keep(identifier, identifier, partial(_instance, rds, identifier))

    def _keep(self, named: str, made: str, look: Callable[[], Any]) -> None:
        self.names[named] = made
        self._looks[named] = look


def _owners_policy(bucket: str) -> dict[str, Any]:
    """Return a policy that its owner wrote, and that nobody else may overwrite."""
    reader = {"Sid": "Owner", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{EXAMPLE_ACCOUNT}:root"}}
    return {
        "Version": "2012-10-17",
        "Statement": [{**reader, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}],
    }


def _subnets(existing: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for tier in _TIERS:
        yield from (existing.get("subnets") or {}).get(tier, {}).items()


def _subnet(ec2: Any, subnet: str) -> dict[str, Any]:
    """Return a subnet without how many addresses it has left."""
    [found] = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    return {key: value for key, value in found.items() if key != "AvailableIpAddressCount"}


def _instance(rds: Any, identifier: str) -> dict[str, Any]:
    """Return what nobody but its owner changes of a database: not the time up to which it can be restored."""
    [found] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
    return {key: found.get(key) for key in ("DBInstanceStatus", "DBInstanceClass", "VpcSecurityGroups", "TagList")}
