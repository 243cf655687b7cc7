"""What an engine is asked to run, and what with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from groundwork.components.access import Grant
from groundwork.components.compute.ec2.own_cache import OwnCache
from groundwork.components.compute.jobs import Job
from groundwork.components.compute.wiring import QueueLike
from groundwork.components.edge.origin import Entrance
from groundwork.components.network.tiers import NetworkTiers
from groundwork.components.services.settings import ServiceSettings


@dataclass(frozen=True)
class Run:
    """What there is to run, and what with. An engine leaves alone what its checks refuse."""

    services: Mapping[str, ServiceSettings]
    network: NetworkTiers
    entrance: Entrance
    grants: Mapping[str, Mapping[str, Grant]]
    """Of services and jobs, by what they use."""
    queues: Mapping[str, QueueLike] = field(default_factory=dict)
    """Those that services follow."""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    own_cache: OwnCache | None = None
    """A cache beside the services, on their instance."""
