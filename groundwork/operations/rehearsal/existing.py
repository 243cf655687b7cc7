"""What a stack says exists: made in the stand-in account before the stack is, and looked at again when the stack is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

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
        self._looks: dict[str, Any] = {}
        for part, make in (("network", self._network), ("edge", self._edge)):
            said = settings.get(part)
            if isinstance(said, Mapping):
                make(said, settings)

    def look(self) -> dict[str, Any]:
        """Return what the account says of each, by the name in the stack file."""
        return {name: json.loads(json.dumps(look(), default=str)) for name, look in self._looks.items()}

    def _client(self, service: str) -> Any:
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - a third of a second that is needed here alone

        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        return boto3.client(service, region_name=self._region, endpoint_url=self._address, **keys)

    def _network(self, said: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        existing = said.get("existing")
        if not existing:
            return
        if existing.get("subnet_tags"):
            raise ExistingError("its subnets are found by tags, and the ids behind them are made up; name them by id")
        ec2 = self._client("ec2")
        vpc = ec2.create_vpc(CidrBlock=_CIDR)["Vpc"]["VpcId"]
        self._keep(existing["vpc_id"], vpc, lambda: ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"])
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        for number, (zone, named) in enumerate(_subnets(existing)):
            made = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{self._region}{zone}"
            )["Subnet"]["SubnetId"]
            self._keep(named, made, lambda made=made: _lasting(ec2.describe_subnets(SubnetIds=[made])["Subnets"]))

    def _edge(self, said: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        zone = (said.get("zone") or {}).get("id")
        if not zone:
            return
        route53 = self._client("route53")
        domain = settings["platform"]["domain"]
        made = route53.create_hosted_zone(Name=domain, CallerReference=zone)["HostedZone"]["Id"].rpartition("/")[2]
        self._keep(zone, made, lambda: route53.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"])

    def _keep(self, named: str, made: str, look: Any) -> None:
        self.names[named] = made
        self._looks[named] = look


def _subnets(existing: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for tier in _TIERS:
        yield from (existing.get("subnets") or {}).get(tier, {}).items()


def _lasting(subnets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return subnets without how many addresses they have left."""
    return [{key: value for key, value in subnet.items() if key != "AvailableIpAddressCount"} for subnet in subnets]
