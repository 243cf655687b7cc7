"""A VPC as the other layers see it, whoever made it."""

from __future__ import annotations

from typing import Protocol

import pulumi


class NetworkTiers(Protocol):
    """Public, private and data subnets over the zones of a VPC, and the ways out of them."""

    vpc_id: pulumi.Output[str]
    vpc_arn: pulumi.Output[str]
    cidr: pulumi.Input[str]
    zones: tuple[str, ...]
    """Letters."""
    vpc_ipv6: bool
    reaches_internet: bool
    """The private tier does, through NAT."""
    public_subnet_ids: dict[str, pulumi.Output[str]]
    """By zone letter, as are the next two."""
    private_subnet_ids: dict[str, pulumi.Output[str]]
    data_subnet_ids: dict[str, pulumi.Output[str]]
    public_ready: tuple[pulumi.Resource, ...]
    """What stands once traffic of the public tier has a way out. Whoever uses the tier names it under ``depends_on``: an order
    that went through the subnets' ids would make them unknown in a preview, and replace what stands in them."""
    private_ready: tuple[pulumi.Resource, ...]
    """The same of the private tier: routes and endpoints."""
    nat_addresses: dict[str, pulumi.Output[str]]
    """Public addresses from which the private tier reaches the internet, by zone letter: for other companies' allow lists."""
    s3_prefix_list_id: pulumi.Output[str]
    """For security-group rules that let a workload reach S3 and nothing else."""
    endpoint_security_group_id: pulumi.Output[str] | None
    """Of the interface endpoints; None where there are none."""

    def cidrs(self, tier: str) -> tuple[pulumi.Input[str], ...]:
        """Return the ranges of the subnets of ``public``, ``private`` or ``data``."""
