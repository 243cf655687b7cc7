"""What no single value shows: rules between values and between layers.

Each check takes the settings and yields mistakes; none stops another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from groundwork.settings.checks import (
    compute,
    connections,
    data,
    ec2,
    edge,
    functions,
    hours,
    kubernetes,
    kubernetes_services,
    messaging,
    migration,
    network,
    observability,
    search,
    secrets,
    services,
)
from groundwork.settings.mistakes import Mistake
from groundwork.settings.models import Settings

CHECKS: tuple[Callable[[Settings], Iterator[Mistake]], ...] = (
    *network.CHECKS,
    *services.CHECKS,
    *connections.CHECKS,
    *data.CHECKS,
    *search.CHECKS,
    *edge.CHECKS,
    *compute.CHECKS,
    *ec2.CHECKS,
    *kubernetes.CHECKS,
    *kubernetes_services.CHECKS,
    *messaging.CHECKS,
    *functions.CHECKS,
    *observability.CHECKS,
    *hours.CHECKS,
    *secrets.CHECKS,
    *migration.CHECKS,
)


def check(settings: Settings) -> list[Mistake]:
    """Every mistake the checks find."""
    return [mistake for find in CHECKS for mistake in find(settings)]
