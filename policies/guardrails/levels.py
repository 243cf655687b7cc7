"""How grave a rule is, and what its failure does."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(StrEnum):
    """What a failure does: nothing, be shown, stop the deployment, or be repaired before it does."""

    DISABLED = "disabled"
    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    REMEDIATE = "remediate"

    @property
    def stops(self) -> bool:
        """Tell whether a failure ends the deployment. What ``remediate`` could not repair does."""
        return self in (Level.MANDATORY, Level.REMEDIATE)
