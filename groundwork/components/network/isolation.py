"""What keeps traffic out: the emptied defaults of the VPC and the network ACL around the data tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component

POSTGRESQL = 5432
_CACHE, _SEARCH = 6379, 443

# A connection's answer goes to a port that the client's system chose.
# https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
_EPHEMERAL = (1024, 65535)

_TCP = "6"
_ZONES = "abcdef"


def empty_defaults(parent: Component, vpc: aws.ec2.Vpc) -> None:
    """Take over what AWS gives every VPC, so that what names no group and no route table gets nothing (EC2.2)."""
    aws.ec2.DefaultSecurityGroup(f"{parent.name}-default", vpc_id=vpc.id, ingress=[], egress=[], opts=parent.child())
    aws.ec2.DefaultRouteTable(
        f"{parent.name}-default", default_route_table_id=vpc.default_route_table_id, routes=[], opts=parent.child()
    )


def data_acl(
    parent: Component,
    vpc_id: pulumi.Output[str],
    subnet_ids: Sequence[pulumi.Output[str]],
    cidrs: Mapping[tuple[str, str], str],
    *,
    database_port: int,
    public_zones: Sequence[str],
) -> None:
    """Create the data tier's network ACL, which answers the private tier on its own ports and talks within itself;
    nothing else passes but what stands in the public tier of ``public_zones`` (an instance with an address of its
    own).

    The other tiers keep AWS's default ACL, and their security groups do the work: an ACL knows no connections, so it would
    have to let in all of 1024 to 65535 from everywhere for NAT's answers, remote desktop's 3389 among them.
    """
    ports = (database_port, _CACHE, _SEARCH)
    # Where the rules of each caller begin: a tier of callers more renumbers nothing.
    callers = [
        *((zone, 0, cidr) for (tier, zone), cidr in cidrs.items() if tier == "private"),
        *(
            (zone, len(ports), cidr)
            for (tier, zone), cidr in cidrs.items()
            if tier == "public" and zone in public_zones
        ),
    ]
    data = [(zone, cidr) for (tier, zone), cidr in cidrs.items() if tier == "data"]
    aws.ec2.NetworkAcl(
        f"{parent.name}-data",
        vpc_id=vpc_id,
        subnet_ids=list(subnet_ids),
        ingress=[
            *(
                aws.ec2.NetworkAclIngressArgs(
                    rule_no=_number(zone, place),
                    action="allow",
                    protocol=_TCP,
                    cidr_block=cidr,
                    from_port=port,
                    to_port=port,
                )
                for zone, first, cidr in callers
                for place, port in enumerate(ports, first)
            ),
            *(
                aws.ec2.NetworkAclIngressArgs(
                    rule_no=_number(zone, _WITHIN),
                    action="allow",
                    protocol=_TCP,
                    cidr_block=cidr,
                    from_port=1,
                    to_port=65535,
                )
                for zone, cidr in data
            ),
        ],
        egress=[
            *(
                aws.ec2.NetworkAclEgressArgs(
                    rule_no=_number(zone, first),
                    action="allow",
                    protocol=_TCP,
                    cidr_block=cidr,
                    from_port=_EPHEMERAL[0],
                    to_port=_EPHEMERAL[1],
                )
                for zone, first, cidr in callers
            ),
            *(
                aws.ec2.NetworkAclEgressArgs(
                    rule_no=_number(zone, _WITHIN),
                    action="allow",
                    protocol=_TCP,
                    cidr_block=cidr,
                    from_port=1,
                    to_port=65535,
                )
                for zone, cidr in data
            ),
        ],
        opts=parent.child(),
    )


_WITHIN = 9
"""Place of the rule for traffic within the tier, behind the places of the ports."""


def _number(zone: str, place: int) -> int:
    """Return a rule's number, which depends on its zone's letter and its place alone: a further zone renumbers
    nothing."""
    return 100 * (_ZONES.index(zone) + 1) + 10 * place
