"""Where a pipeline says which image a service runs: a parameter of Parameter Store for each service."""

from __future__ import annotations

from groundwork.components.platform.settings import PlatformSettings

NOTHING = "none"
"""The value of a parameter as long as nothing has been delivered; Parameter Store takes no empty value."""


def images_path(platform: PlatformSettings) -> str:
    """Return ``/shop/prod/services/images``: what the parameters of all services lie below, each by its service's
    name."""
    return f"/{platform.name}/{platform.stage}/services/images"


def restart_document(slug: str) -> str:
    """Return ``shop-prod-restart``: the Systems Manager document that starts a service on instances anew."""
    return f"{slug}-restart"


def job_document(slug: str) -> str:
    """Return ``shop-prod-job``: the one that runs a job on an instance with another image."""
    return f"{slug}-job"
