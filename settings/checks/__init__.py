"""What no single value shows: rules between values and between layers.

Each check takes the settings and yields mistakes; none stops another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from settings.checks import (
    compute,
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
from settings.mistakes import Mistake, Path
from settings.models import Settings

CHECKS: tuple[Callable[[Settings], Iterator[Mistake]], ...] = (
    *network.CHECKS,
    *services.CHECKS,
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


def check(settings: Settings, already: set[Path]) -> list[Mistake]:
    """Every mistake the checks find, but for paths at or above which one is known ``already``."""
    return [
        mistake
        for find in CHECKS
        for mistake in find(settings)
        if not any(_overlap(mistake.path, path) for path in already)
    ]


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return shorter > 0 and one[:shorter] == other[:shorter]
