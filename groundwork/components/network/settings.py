"""The VPC: zones, address plan, NAT, endpoints, flow logs."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.arns import SecurityGroupId
from groundwork.settings.base import LogRetention, Model, TagKey, TagText, network_around, refuse_what_is_built

Tier = Literal["public", "private", "data"]

TIERS: tuple[Tier, ...] = ("public", "private", "data")
Zone = Annotated[str, Field(pattern="^[a-f]$")]


def _cidr(value: str) -> str:
    if ":" in value:
        raise PydanticCustomError(
            "cidr", "is not an IPv4 network; it looks like IPv6, whose range Amazon gives: set network.ipv6: true"
        )
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError as error:
        raise PydanticCustomError(
            "cidr", "is not an IPv4 network: {reason}{hint}", {"reason": str(error), "hint": network_around(value)}
        ) from None
    return str(network)


def _vpc_cidr(value: str) -> str:
    network = ipaddress.IPv4Network(_cidr(value))
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
    if not 16 <= network.prefixlen <= 28:
        raise PydanticCustomError(
            "cidr", "is a /{prefix}; AWS allows a VPC from /16 to /28", {"prefix": network.prefixlen}
        )
    if not network.is_private:
        raise PydanticCustomError(
            "cidr", "is not a private network (RFC 1918: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)"
        )
    return str(network)


Cidr = Annotated[str, AfterValidator(_cidr)]
VpcCidr = Annotated[str, AfterValidator(_vpc_cidr)]

Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]

VpcId = Annotated[str, Field(pattern="^vpc-([0-9a-f]{8}|[0-9a-f]{17})$")]
SubnetId = Annotated[str, Field(pattern="^subnet-([0-9a-f]{8}|[0-9a-f]{17})$")]

InterfaceEndpoint = Literal[
    "ecr.api", "ecr.dkr", "logs", "monitoring", "secretsmanager", "kms", "ssm", "ssmmessages", "ec2messages", "sts", "sqs",
    "sns", "ecs", "ecs-agent", "ecs-telemetry", "xray", "events", "lambda", "elasticloadbalancing", "autoscaling", "ec2", "eks",
    "eks-auth", "rds", "backup",
]  # fmt: skip


class FlowLogSettings(Model):
    """VPC flow logs to CloudWatch Logs."""

    enabled: bool = True
    traffic: Literal["ALL", "ACCEPT", "REJECT"] = "ALL"
    interval: Literal[60, 600] = 600
    """Seconds over which packets are gathered into one record."""
    retention: LogRetention | None = None
    """Days; unset, as ``observability.retention``."""


class ExistingNetworkSettings(Model):
    """A VPC that exists. It is used as it is: nothing in it is changed, and nothing of it is removed."""

    vpc_id: VpcId

    subnets: dict[Tier, Annotated[dict[Zone, SubnetId], Field(min_length=1)]] = {}
    """Subnets by tier and zone: ``{private: {a: subnet-…, b: subnet-…}}``. ``public`` is needed only where something has a public
    address; without ``data`` databases and caches stand in the private ones."""

    subnet_tags: dict[Tier, Annotated[dict[TagKey, TagText], Field(min_length=1)]] = {}
    """Tags by which the subnets of a tier are found, one in each of ``network.zones``: ``{private: {Tier: private}}``."""

    endpoint_security_group: SecurityGroupId | None = None
    """The group of the VPC's interface endpoints, for services whose ``outbound_ports`` lack 443."""

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """Return the tiers whose subnets are named."""
        return tuple(tier for tier in TIERS if tier in self.subnets or tier in self.subnet_tags)

    @model_validator(mode="after")
    def _subnets_are_named_once(self) -> ExistingNetworkSettings:
        for tier in self.subnet_tags:
            if tier in self.subnets:
                raise PydanticCustomError(
                    "subnets",
                    "has its subnets by id under subnets already; take one of the two out",
                    {"at": ("subnet_tags", tier)},
                )
        seen: dict[str, str] = {}
        for tier, by_zone in self.subnets.items():
            for zone, subnet in by_zone.items():
                if subnet in seen:
                    raise PydanticCustomError(
                        "subnets",
                        "is {there} already; a subnet stands in one zone and is of one tier",
                        {"there": seen[subnet], "at": ("subnets", tier, zone)},
                    )
                seen[subnet] = f"{tier}.{zone}"
        return self


_DESCRIBING = frozenset({"existing", "zones", "nat", "endpoints", "ipv6"})
"""What may stand beside ``existing``: there it says what the VPC has."""


class NetworkSettings(Model):
    """A VPC over two or three zones with public, private and data subnets."""

    existing: ExistingNetworkSettings | None = None
    """Use a VPC that exists in place of one of our own. Phases then say nothing of the network. Beside it ``zones`` (where subnets
    are found by tags), ``nat: none`` (the private subnets have no way out), ``endpoints`` and ``ipv6`` say what the VPC has."""

    cidr: VpcCidr = "10.0.0.0/16"

    zones: Annotated[int, Field(ge=2, le=3)] | Annotated[tuple[Zone, ...], Field(min_length=2, max_length=3)] = 2
    """How many of the region's zones, or their letters: ``[a, c]``."""

    subnets: dict[Tier, dict[Zone, Cidr]] = Field(default_factory=dict)
    """Exact CIDRs by tier and zone, for a tier at a time. A tier that is not named follows the address plan, which keeps every
    subnet where it is when a zone is added."""

    nat: Literal["none", "single", "per-zone"] = "single"
    """NAT gateways. ``single`` is cheaper; ``per-zone`` survives the loss of a zone."""

    nat_zone: Zone | None = None
    """The zone of a single NAT gateway; unset, the first."""

    endpoints: tuple[InterfaceEndpoint, ...] = ()
    """Interface endpoints (each costs per zone and hour). Gateway endpoints of S3 and DynamoDB are free and always there."""

    endpoint_buckets: tuple[Bucket, ...] = ()
    """Buckets of other accounts that the private tier may read through the S3 endpoint. Those of this account, and AWS's own
    that images and packages come from, need no mention."""

    flow_logs: FlowLogSettings = FlowLogSettings()

    ipv6: bool = False
    """Dual stack: an Amazon-provided /56, egress-only for the private tier."""

    @model_validator(mode="after")
    def _existing_is_not_built(self) -> NetworkSettings:
        if self.existing is not None:
            refuse_what_is_built(self, "a VPC that is made", _DESCRIBING)
        return self

    @model_validator(mode="after")
    def _nat_zone_needs_single(self) -> NetworkSettings:
        if self.nat_zone and self.nat != "single":
            raise PydanticCustomError(
                "nat_zone",
                'nat_zone only goes with nat: single, and nat is "{nat}"',
                {"nat": self.nat, "at": ("nat_zone",)},
            )
        return self
