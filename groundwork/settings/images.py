"""Parameters that deployments find by name: which image a service runs, and how a job is run."""

from __future__ import annotations

from groundwork.components.platform.settings import PlatformSettings

NOTHING = "none"
"""The value of a parameter as long as nothing has been delivered; Parameter Store takes no empty value."""


def images_path(platform: PlatformSettings) -> str:
    """Return ``/shop/prod/services/images``: what the parameters of all services lie below, each by its service's
    name."""
    return f"{platform.prefix}/services/images"


def jobs_path(prefix: str) -> str:
    """Return ``/shop/prod/jobs``: below it a parameter for each job says how it is run, by the job's name."""
    return f"{prefix}/jobs"
