"""Address ranges for network policies, which know no security groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ranges:
    """CIDRs by who is there."""

    data: tuple[str, ...]
    """Databases, caches and search."""
    load_balancer: tuple[str, ...]
    """From where the load balancer calls."""
    private: tuple[str, ...]
    """Nodes, pods and what is internal."""
