"""The search domain."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.base import Model

SearchClass = Annotated[str, Field(pattern=r"^[a-z0-9]+\.[a-z0-9]+\.search$")]
SearchLog = Literal["search-slow", "index-slow", "application", "audit"]

# What a gp3 volume of OpenSearch Service brings by its size, and the least that it takes ("Throughput must be between 250 and …"):
# 3 operations a second for each GiB, and 250 MiB/s for each 3 TiB once it is larger than 170 GiB.
# https://aws.amazon.com/opensearch-service/pricing/, https://github.com/hashicorp/terraform-provider-aws/issues/39136
_BASE_IOPS, _MOST_IOPS, _IOPS_PER_GIB = 3000, 16_000, 3
_SMALL_GIB, _SMALL_THROUGHPUT = 170, 125
_STEP_GIB, _STEP_THROUGHPUT, _MOST_THROUGHPUT = 3072, 250, 1000


class SearchMasterSettings(Model):
    """Nodes that hold no data and only keep the cluster together."""

    node_class: Annotated[SearchClass, Field(alias="class")] = "m6g.large.search"
    count: Annotated[int, Field(ge=1, le=5)] = 3
    """3 or 5: an even number has no majority when the network parts."""


class SearchStorageSettings(Model):
    """The gp3 volume of each data node."""

    size: Annotated[int, Field(ge=10)] = 20
    """GiB; how much a class takes differs."""
    iops: Annotated[int, Field(ge=3000, le=80_000)] | None = None
    """Unset: what gp3 brings, 3,000 or three for each GiB."""
    throughput: Annotated[int, Field(ge=125, le=2000)] | None = None
    """MiB/s. Unset: what gp3 brings, 125 up to 170 GiB and 250 for each 3 TiB above."""

    @property
    def all_iops(self) -> int:
        """Return the IOPS that are set, or those that the volume brings."""
        return self.iops or self._brings_iops

    @property
    def all_throughput(self) -> int:
        """Return the throughput in MiB/s that is set, or that which the volume brings."""
        return self.throughput or self._brings_throughput

    @property
    def _brings_iops(self) -> int:
        return min(_MOST_IOPS, max(_BASE_IOPS, _IOPS_PER_GIB * self.size))

    @property
    def _brings_throughput(self) -> int:
        if self.size <= _SMALL_GIB:
            return _SMALL_THROUGHPUT
        return min(_MOST_THROUGHPUT, _STEP_THROUGHPUT * ceil(self.size / _STEP_GIB))

    @model_validator(mode="after")
    def _is_not_less_than_the_volume_brings(self) -> SearchStorageSettings:
        for name, asked, brought in (
            ("iops", self.all_iops, self._brings_iops),
            ("throughput", self.all_throughput, self._brings_throughput),
        ):
            if asked < brought:
                raise PydanticCustomError(
                    name,
                    "{name} of {asked} is less than the {brought} that a volume of {size} GiB brings, which AWS refuses; leave it out",
                    {"name": name, "asked": asked, "brought": brought, "size": self.size},
                )
        return self

    @model_validator(mode="after")
    def _throughput_needs_operations(self) -> SearchStorageSettings:
        # https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html#gp3-ebs-volume-type
        most = self.all_iops // 4
        if self.throughput is not None and self.throughput > most:
            raise PydanticCustomError(
                "throughput",
                "throughput of {throughput} MiB/s needs iops of {needed}; gp3 gives a quarter MiB/s for each",
                {"throughput": self.throughput, "needed": self.throughput * 4},
            )
        return self


class SearchSettings(Model):
    """OpenSearch in the data tier: one node, or nodes over two or three zones."""

    version: Annotated[str, Field(pattern=r"^[23]\.\d{1,2}$")] = "2.19"
    """Of OpenSearch. Upgrades only."""
    node_class: Annotated[SearchClass, Field(alias="class")] = "t3.small.search"
    nodes: Annotated[int, Field(ge=1, le=1002)] = 1
    """Data nodes, a multiple of the zones."""
    zones: Literal[1, 2, 3] = 1
    """Over how many of the network's zones the nodes and the copies of each index are spread."""
    masters: SearchMasterSettings | None = None
    """Dedicated masters. Unset, data nodes do it too."""
    storage: SearchStorageSettings = SearchStorageSettings()
    off_peak_hour: Annotated[int, Field(ge=0, le=23)] = 22
    """When the ten hours start in which AWS may exchange nodes, in the platform's time zone."""
    software_updates: bool = True
    """Service software updates by themselves, in the off-peak hours."""
    auto_tune: bool = True
    """OpenSearch Service adjusts heap, queues and caches, in the off-peak hours; t3 has no such thing."""
    logs: tuple[SearchLog, ...] = ("search-slow", "index-slow", "application", "audit")
    linked_role: bool = True
    """Make the role with which OpenSearch Service enters a VPC. An account has one: false where it is there already."""
    advanced_options: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]*$")], str] = {}
    """Such as ``indices.query.bool.max_clause_count``, as text."""
