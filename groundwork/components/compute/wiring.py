"""What the engines ask of the layers they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pulumi


class NetworkLike(Protocol):
    """The part of the network that runs services."""

    @property
    def vpc_id(self) -> pulumi.Input[str]: ...

    @property
    def cidr(self) -> pulumi.Input[str]: ...

    @property
    def vpc_ipv6(self) -> bool: ...

    @property
    def reaches_internet(self) -> bool:
        """Tell whether the private subnets reach the internet, through NAT."""

    @property
    def private_subnet_ids(self) -> Mapping[str, pulumi.Input[str]]:
        """Map each zone's letter to its private subnet."""

    @property
    def private_ready(self) -> Sequence[pulumi.Resource]:
        """Return what must exist before anything starts in the private subnets: it could not pull its image."""

    @property
    def s3_prefix_list_id(self) -> pulumi.Input[str]: ...

    @property
    def endpoint_security_group_id(self) -> pulumi.Input[str] | None:
        """Return the group of the interface endpoints, None where the network has none."""


class LoadBalancerLike(Protocol):
    """The load balancer in front of public services."""

    @property
    def arn_suffix(self) -> pulumi.Input[str]: ...

    @property
    def listener_arn(self) -> pulumi.Input[str]: ...

    @property
    def security_group_id(self) -> pulumi.Input[str]: ...

    @property
    def is_internal(self) -> bool:
        """Tell whether it stands in the private subnets."""

    @property
    def origin_header(self) -> tuple[str, pulumi.Input[str]] | None:
        """Name and value of the header that requests from CloudFront carry, where the address is public."""


class NetworkBalancerLike(Protocol):
    """A load balancer in front of services that are reached over TCP."""

    @property
    def arn(self) -> pulumi.Input[str]: ...

    @property
    def arn_suffix(self) -> pulumi.Input[str]: ...

    @property
    def security_group_id(self) -> pulumi.Input[str]: ...

    @property
    def certificate_arn(self) -> pulumi.Input[str] | None:
        """Return the certificate with which it ends TLS; None until there is one."""


class QueueLike(Protocol):
    """A queue that a worker follows."""

    @property
    def queue_name(self) -> pulumi.Input[str]: ...
