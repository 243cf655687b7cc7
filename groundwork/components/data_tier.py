"""What a component of the data tier needs of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pulumi


class DataTier(Protocol):
    """A network with subnets for data in every zone."""

    @property
    def vpc_id(self) -> pulumi.Output[str]: ...

    @property
    def data_subnet_ids(self) -> Mapping[str, pulumi.Output[str]]:
        """Map each zone's letter to its subnet without a route to the internet."""
        ...
