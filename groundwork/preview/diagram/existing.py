"""What exists already and a stack only uses, so that a picture has it: resources that stand for what its components looked up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot

_PREFIX = "urn:pulumi:existing::existing::"

_NETWORK = "groundwork:network:ExistingNetwork"
_DATABASE = "groundwork:data:ExistingDatabase"
_BUCKET = "groundwork:storage:ExistingBucket"
_FILES = "groundwork:files:ExistingFileSystem"


def is_existing(urn: str) -> bool:
    """Tell whether a resource stands for one that exists."""
    return urn.startswith(_PREFIX)


def existing_resources(snapshot: Snapshot) -> Iterator[Resource]:
    """Yield a resource for each thing that a component of the snapshot uses and did not make, as AWS would describe it."""
    for component in snapshot.resources:
        if component.type == _NETWORK:
            yield from _network(component)
        elif component.type == _DATABASE:
            yield from _database(component)
        elif component.type == _FILES:
            said = component.outputs
            yield _resource(
                "aws:efs/fileSystem:FileSystem",
                component.name,
                {"id": said.get("fileSystemId"), "arn": said.get("arn")},
            )
        elif component.type == _BUCKET:
            said = component.outputs
            yield _resource(
                "aws:s3/bucket:Bucket", component.name, {"bucket": said.get("bucketName"), "arn": said.get("arn")}
            )


def _network(component: Resource) -> Iterator[Resource]:
    vpc = component.outputs.get("vpcId")
    yield _resource("aws:ec2/vpc:Vpc", f"existing {vpc}", {"id": vpc})
    for tier, by_zone in (component.outputs.get("subnetIds") or {}).items():
        for zone, subnet in by_zone.items():
            told = {"id": subnet, "vpcId": vpc, "availabilityZone": zone, "tier": tier}
            yield _resource("aws:ec2/subnet:Subnet", f"{component.name}-{tier}-{zone}", told)


def _database(component: Resource) -> Iterator[Resource]:
    said = component.outputs
    group = said.get("securityGroupId")
    yield _resource("aws:ec2/securityGroup:SecurityGroup", component.name, {"id": group})
    told = {"identifier": said.get("identifier"), "arn": said.get("arn"), "vpcSecurityGroupIds": [group]}
    yield _resource("aws:rds/instance:Instance", component.name, told)


def _resource(type_: str, name: str, said: dict[str, Any]) -> Resource:
    urn = f"{_PREFIX}{type_}::{name}"
    return Resource(urn, type_, name, custom=True, parent=None, inputs=said, outputs=said)
