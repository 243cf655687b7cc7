"""What a component of the data tier needs of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pulumi


class DataTier(Protocol):
    """A network with subnets for data in every zone."""

    @property
    def vpc_id(self) -> pulumi.Input[str]: ...

    @property
    def data_subnet_ids(self) -> Mapping[str, pulumi.Input[str]]:
        """Map each zone's letter to its subnet without a route to the internet."""
        ...


@dataclass(frozen=True, kw_only=True)
class DataSubnets:
    """Subnets of a VPC that a program made or looked up itself, for a component of the data tier to stand in."""

    vpc_id: pulumi.Input[str]
    data_subnet_ids: Mapping[str, pulumi.Input[str]]
    """A zone's letter → its subnet, which has no route to the internet; two zones or more."""
