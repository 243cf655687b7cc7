"""Address ranges for network policies, which know no security groups."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Ranges:
    """CIDRs by who is there."""

    data: tuple[pulumi.Input[str], ...]
    """Databases, caches and search."""
    load_balancer: tuple[pulumi.Input[str], ...]
    """From where the load balancer calls."""
    public: tuple[pulumi.Input[str], ...]
    """From where public load balancers call."""
    private: tuple[pulumi.Input[str], ...]
    """Nodes, pods and what is internal."""
