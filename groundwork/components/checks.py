"""What no single value shows: rules between values and between layers.

Each check takes the settings and yields mistakes; none stops another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from groundwork.components.compute import checks as compute
from groundwork.components.compute.ec2 import checks as ec2
from groundwork.components.compute.eks import checks as kubernetes
from groundwork.components.compute.eks import service_checks as kubernetes_services
from groundwork.components.data import checks as data
from groundwork.components.data import connection_checks as connections
from groundwork.components.edge import checks as edge
from groundwork.components.extensions import checks as extensions
from groundwork.components.files import checks as files
from groundwork.components.functions import checks as functions
from groundwork.components.hours import checks as hours
from groundwork.components.jobs import checks as jobs
from groundwork.components.messaging import checks as messaging
from groundwork.components.migration import checks as migration
from groundwork.components.network import checks as network
from groundwork.components.observability import checks as observability
from groundwork.components.platform import checks as platform
from groundwork.components.recovery import checks as recovery
from groundwork.components.search import checks as search
from groundwork.components.secrets import checks as secrets
from groundwork.components.services import checks as services
from groundwork.components.settings import Settings
from groundwork.components.storage import checks as storage
from groundwork.components.usage import checks as usage
from groundwork.settings.mistakes import Mistake

CHECKS: tuple[Callable[[Settings], Iterator[Mistake]], ...] = (
    *platform.CHECKS,
    *network.CHECKS,
    *extensions.CHECKS,
    *services.CHECKS,
    *jobs.CHECKS,
    *connections.CHECKS,
    *data.CHECKS,
    *search.CHECKS,
    *storage.CHECKS,
    *files.CHECKS,
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
    *recovery.CHECKS,
    *usage.CHECKS,
)


def check(settings: Settings) -> list[Mistake]:
    """Return every mistake that the checks find, each where it was said: what a job has from its service is the service's."""
    return [mistake for find in CHECKS for mistake in find(settings) if not settings.takes_over(mistake.path)]
