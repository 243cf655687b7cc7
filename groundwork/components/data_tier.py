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
        """Zone letter → subnet without a way out."""
        ...
