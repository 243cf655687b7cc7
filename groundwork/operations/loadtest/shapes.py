"""How the load of a test goes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LoadShape(StrEnum):
    """How the load goes."""

    RAMP = "ramp"
    """Up to the busiest minute's, which is held, and down."""
    SOAK = "soak"
    """The busiest minute's all the time: what leaks shows."""
    SPIKE = "spike"
    """Five times as much within seconds, and back."""


MINUTES: Mapping[LoadShape, float] = {LoadShape.RAMP: 10, LoadShape.SOAK: 60, LoadShape.SPIKE: 10}
"""How long each takes unless somebody says so."""
