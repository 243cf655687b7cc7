"""References of images, and the parameters that deployments find by name: which image a service runs, and how a job is run."""

from __future__ import annotations

from typing import NamedTuple

from groundwork.components.platform.settings import PlatformSettings

NOTHING = "none"
"""The value of a parameter as long as nothing has been delivered; Parameter Store takes no empty value."""


class ImageParts(NamedTuple):
    """A reference of an image, taken apart; empty what it does not have."""

    name: str
    """With the registry."""
    tag: str
    digest: str
    """``sha256:…``."""


def parts_of(image: str) -> ImageParts:
    """Return the parts of a reference. A colon before its last slash is of the registry's port:
    https://pkg.go.dev/github.com/distribution/reference"""
    rest, _, digest = image.partition("@")
    path, slash, last = rest.rpartition("/")
    last, _, tag = last.partition(":")
    return ImageParts(f"{path}{slash}{last}", tag, digest)


def images_path(platform: PlatformSettings) -> str:
    """Return ``/shop/prod/services/images``: what the parameters of all services lie below, each by its service's
    name."""
    return f"{platform.prefix}/services/images"


def jobs_path(prefix: str) -> str:
    """Return ``/shop/prod/jobs``: below it a parameter for each job says how it is run, by the job's name."""
    return f"{prefix}/jobs"
